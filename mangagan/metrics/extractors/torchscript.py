"""Features of a network of the user's, such as Inception, in a TorchScript file."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mangagan.errors import UserError
from mangagan.files import sha256_file
from mangagan.metrics.extractors.base import INPUTS, SECTION, fingerprint
from mangagan.metrics.extractors.batches import extract, resized

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

    def __init__(self, path: Path, image_size: int, form: str) -> None:
        """Loads and tries the network. A TorchScript file is a program: give only one whose SHA-256 was checked.

        Args:
            path: the file.
            image_size: px.
            form: what it is given, one of `INPUTS`.

        Raises:
            UserError: it is no TorchScript, fails on two images, or does not answer features.
        """
        if form not in INPUTS:
            raise ValueError(f"input must be one of {', '.join(INPUTS)}, not {form}")
        self.path, self.image_size, self.form = path, image_size, form
        self.network = load(path)
        self.options = {FLAG: True} if FLAG in argument_names(self.network) else {}
        self.sha256 = fingerprint(self.name, VERSION, image_size, form, sha256_file(path))
        self.dimensions = self.try_out()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Features as `Extractor.__call__` says; gray is repeated for the three colours."""
        return extract(self.features, self.dimensions, images)

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
            reason = str(error).strip().splitlines()[-1:] or [type(error).__name__]
            raise UserError(f"{self.path} fails on images as {SECTION} describes them: {reason[0]}") from error
        shape = tuple(features.shape)
        if len(shape) != 2 or shape[0] != 2 or not 1 <= shape[1] <= MOST or not features.isfinite().all():
            raise UserError(
                f"{self.path} answers {shape} for two images, not two rows of 1 to {MOST} finite features: "
                "name a file that gives features"
            )
        return shape[1]


def load(path: Path) -> Any:
    """The network in a TorchScript file, for inference on the CPU.

    Raises:
        UserError: it is none.
    """
    try:
        with warnings.catch_warnings():
            # torch advises torch.export, whose files are tied to a version of torch; those at hand are TorchScript.
            warnings.simplefilter("ignore", DeprecationWarning)
            return torch.jit.load(path, map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, OSError) as error:
        raise UserError(
            f"{path} is no TorchScript file ({str(error).splitlines()[0]}): weights alone must be traced first, "
            "see docs/evaluation.md"
        ) from error


def argument_names(network: Any) -> list[str]:
    """Names of what the network's forward takes."""
    return [argument.name for argument in network.forward.schema.arguments]
