"""Features of the user's own network, for example Inception, in a TorchScript file."""

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
from mangagan.features.batches import extract_in_batches, resize_images
from mangagan.features.types import INPUTS, fingerprint

PARAMS_KEY = "evaluate.extractors"  # in params.yaml, for messages
MAX_DIMENSIONS = 8192  # Inception has 2048; more would only use memory
FEATURES_ARGUMENT = "return_features"  # without it NVIDIA's metric networks return class probabilities
# Mean and deviation of each colour [0, 1] for normalisation; uint8 is not normalised.
NORMALISATION: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "zero_one": ((0.0,), (1.0,)),
    "minus_one_one": ((0.5,), (0.5,)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


class TorchScript:
    """The extractor `torchscript`: a TorchScript network.

    It is called with (N, 3, image_size, image_size), and with `return_features=True` if it has that argument. It must
    return a tensor (N, D) or (N, D, 1, 1), or a tuple with one such tensor.
    """

    name = "torchscript"

    def __init__(self, path: Path, image_size: int, form: str, expected: str) -> None:
        """Load and try the network.

        A TorchScript file is a program, so it runs only if its SHA-256 is the expected one.

        Args:
            path: The file.
            image_size: Size of the images that the network gets [px].
            form: Form of the images, one of `INPUTS`.
            expected: SHA-256 of the file, 64 hex digits.

        Raises:
            UserError: The file has another hash or is not TorchScript, or the network fails on two images or does not
                return features.
        """
        if form not in INPUTS:
            raise ValueError(f"input must be one of {', '.join(INPUTS)}, not {form}")
        self.path, self.image_size, self.form = path, image_size, form
        data = read_model(path, expected)
        self.network = load_network(path, data)
        self.options = {FEATURES_ARGUMENT: True} if FEATURES_ARGUMENT in list_argument_names(self.network) else {}
        self.sha256 = fingerprint(self.name, __name__, image_size, form, sha256_bytes(data))
        self.dimensions = self.find_dimensions()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the features of images, see `Extractor`; gray is repeated for the three colours.

        Raises:
            UserError: The features are not finite.
        """
        # One after another: the program in the file may not be safe for several threads.
        features = extract_in_batches(self.compute_features, self.dimensions, images, workers=1)
        if not np.isfinite(features).all():
            raise UserError(
                f"{self.path} returns features that are not finite. Check {PARAMS_KEY}.input, or use another model"
            )
        return features

    def compute_features(self, images: Tensor) -> Tensor:
        """Return the features of images, uint8 (N, C, S, S): (N, D)."""
        output = self.network(self.prepare_images(images), **self.options)
        if isinstance(output, tuple) and len(output) == 1:
            output = output[0]
        return output.flatten(1).float()

    def prepare_images(self, images: Tensor) -> Tensor:
        """Return the input of the network for images, uint8 (N, C, S, S)."""
        pixels = resize_images(images, self.image_size).expand(-1, 3, -1, -1)
        if self.form == "uint8":
            return pixels.round().to(torch.uint8)
        mean, deviation = (torch.tensor(values)[:, None, None] for values in NORMALISATION[self.form])
        return (pixels / 255 - mean) / deviation

    @torch.inference_mode()
    def find_dimensions(self) -> int:
        """Return D, found by running the network on two images.

        Raises:
            UserError: The network fails or does not return features.
        """
        try:
            features = self.compute_features(torch.arange(2 * 32 * 32, dtype=torch.uint8).reshape(2, 1, 32, 32))
        except Exception as error:  # the program in the file may fail in any way
            *_, reason = split_message(error)
            raise UserError(
                f"{self.path} fails on two images ({reason}). Check {PARAMS_KEY}.input and {PARAMS_KEY}.image_size, or"
                " use another model"
            ) from error
        shape = tuple(features.shape)
        if len(shape) != 2 or shape[0] != 2 or not 1 <= shape[1] <= MAX_DIMENSIONS or not features.isfinite().all():
            raise UserError(
                f"{self.path} returns {shape} for two images, not two rows of 1 to {MAX_DIMENSIONS} finite features. "
                "Use a model that returns features"
            )
        return shape[1]


def read_model(path: Path, expected: str) -> bytes:
    """Return the content of a file. It is read once, so that exactly the hashed bytes are run.

    Raises:
        UserError: The file cannot be read, is larger than `MAX_BYTES`, or has another SHA-256.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"cannot read {path} ({error.strerror}). Give the path of a TorchScript file") from error
    if len(data) > MAX_BYTES:
        raise UserError(f"{path} is larger than {MAX_BYTES >> 20} MiB, the limit for a model file. Use a smaller one")
    if sha256_bytes(data) != expected.lower():
        raise UserError(f"{path} has SHA-256 {sha256_bytes(data)}, not {expected}. Replace the file or the hash")
    return data


def load_network(path: Path, data: bytes) -> Any:
    """Load a network from the content of a TorchScript file, for inference on the CPU; `path` is for messages.

    Raises:
        UserError: The content is not TorchScript.
    """
    try:
        with warnings.catch_warnings():
            # torch recommends torch.export, but its files depend on the torch version.
            warnings.simplefilter("ignore", DeprecationWarning)
            return torch.jit.load(io.BytesIO(data), map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, OSError, EOFError) as error:
        raise UserError(
            f"{path} is not a TorchScript file ({split_message(error)[0]}). Trace the network first, see"
            " docs/evaluation.md"
        ) from error


def split_message(error: Exception) -> list[str]:
    """Return the message of an error by line, or the name of its type if the message is empty."""
    return str(error).strip().splitlines() or [type(error).__name__]


def list_argument_names(network: Any) -> list[str]:
    """Return the names of the arguments of the network's forward method."""
    return [argument.name for argument in network.forward.schema.arguments]
