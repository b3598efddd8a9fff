"""Features of a network of the user's, such as Inception, in a TorchScript file."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mangagan.core.errors import UserError
from mangagan.core.files import sha256_bytes
from mangagan.core.model_files import MAX_BYTES
from mangagan.features.batches import extract, resized
from mangagan.features.types import fingerprint

SECTION = "evaluate.extractors"  # of params.yaml
INPUTS = ("uint8", "zero_one", "minus_one_one", "imagenet")
VERSION = 1  # of the code below: raise it when the features change
MOST = 8192  # features; Inception has 2048. More would fill the memory with what the figures cannot use
FLAG = "return_features"  # NVIDIA's metric networks give class probabilities unless called with it
# Minus this, over that, after scaling to 0 … 1; gray levels for uint8 stay as they are.
COLOURS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "zero_one": ((0.0,), (1.0,)),
    "minus_one_one": ((0.5,), (0.5,)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


class TorchScript:
    """A TorchScript network as an extractor.

    It is called with (N, 3, image_size, image_size), with `return_features=True` where it has that argument, and
    answers a tensor (N, D), (N, D, 1, 1) or a tuple that holds one such.
    """

    name = "torchscript"

    def __init__(self, path: Path, image_size: int, form: str, expected: str) -> None:
        """Loads and tries the network. A TorchScript file is a program, so it is run only where its SHA-256 is right.

        Args:
            path: the file.
            image_size: px.
            form: what it is given, one of `INPUTS`.
            expected: SHA-256 of the file, 64 hex digits.

        Raises:
            UserError: it has another hash, is no TorchScript, fails on two images, or does not answer features.
        """
        if form not in INPUTS:
            raise ValueError(f"input must be one of {', '.join(INPUTS)}, not {form}")
        self.path, self.image_size, self.form = path, image_size, form
        data = read(path, expected)
        self.network = load(path, data)
        self.options = {FLAG: True} if FLAG in argument_names(self.network) else {}
        self.sha256 = fingerprint(self.name, VERSION, image_size, form, sha256_bytes(data))
        self.dimensions = self.try_out()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Features as `Extractor.__call__` says; gray is repeated for the three colours.

        Raises:
            UserError: they are not finite.
        """
        features = extract(self.features, self.dimensions, images)
        if not np.isfinite(features).all():
            raise UserError(
                f"{self.path} answers features that are not finite numbers: see {SECTION}.input, or use another"
            )
        return features

    def features(self, images: Tensor) -> Tensor:
        """Features of images, uint8 (N, C, S, S): (N, D)."""
        answer = self.network(self.prepared(images), **self.options)
        if isinstance(answer, tuple) and len(answer) == 1:
            answer = answer[0]
        return answer.flatten(1).float()

    def prepared(self, images: Tensor) -> Tensor:
        """What the network is given for images, uint8 (N, C, S, S)."""
        pixels = resized(images, self.image_size).expand(-1, 3, -1, -1)
        if self.form == "uint8":
            return pixels.round().to(torch.uint8)
        mean, deviation = (torch.tensor(values)[:, None, None] for values in COLOURS[self.form])
        return (pixels / 255 - mean) / deviation

    @torch.inference_mode()
    def try_out(self) -> int:
        """D, from two images."""
        try:
            features = self.features(torch.arange(2 * 32 * 32, dtype=torch.uint8).reshape(2, 1, 32, 32))
        except Exception as error:  # the program in the file may fail in any way
            *_, reason = lines_of(error)
            raise UserError(f"{self.path} fails on images as {SECTION} describes them: {reason}") from error
        shape = tuple(features.shape)
        if len(shape) != 2 or shape[0] != 2 or not 1 <= shape[1] <= MOST or not features.isfinite().all():
            raise UserError(
                f"{self.path} answers {shape} for two images, not two rows of 1 to {MOST} finite features: "
                "name a file that gives features"
            )
        return shape[1]


def read(path: Path, expected: str) -> bytes:
    """A file's content, read once: what was hashed is what is run, whatever becomes of the file meanwhile.

    Raises:
        UserError: it cannot be read, is over `MAX_BYTES`, or its SHA-256 is not the expected one.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"could not read {path} ({error.strerror}): give the path of a TorchScript file") from error
    if len(data) > MAX_BYTES:
        raise UserError(f"{path} is over {MAX_BYTES >> 20} MiB: too large for a model file")
    if sha256_bytes(data) != expected.lower():
        raise UserError(f"{path} has SHA-256 {sha256_bytes(data)}, not {expected}: replace the file or the key")
    return data


def load(path: Path, data: bytes) -> Any:
    """The network in the content of a TorchScript file, for inference on the CPU.

    Raises:
        UserError: it is none; `path` is named.
    """
    try:
        with warnings.catch_warnings():
            # torch advises torch.export, whose files are tied to a version of torch; those at hand are TorchScript.
            warnings.simplefilter("ignore", DeprecationWarning)
            return torch.jit.load(io.BytesIO(data), map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, OSError, EOFError) as error:
        raise UserError(
            f"{path} is no TorchScript file ({lines_of(error)[0]}): weights alone must be traced first, "
            "see docs/evaluation.md"
        ) from error


def lines_of(error: Exception) -> list[str]:
    """What an error says, by line; its type where it says nothing."""
    return str(error).strip().splitlines() or [type(error).__name__]


def argument_names(network: Any) -> list[str]:
    """Names of what the network's forward takes."""
    return [argument.name for argument in network.forward.schema.arguments]
