"""The interface of feature extractors, and the hash that identifies one."""

import hashlib
from typing import Protocol

import numpy as np

from mangagan.core.code import code_hash

INPUTS = ("uint8", "zero_one", "minus_one_one", "imagenet")  # forms in which `torchscript` can get images


class Extractor(Protocol):
    """A function from images to features.

    Attributes:
        name: Name in params.yaml and in the metrics file.
        sha256: Hash of code, weights and settings. Features of equal `sha256` are comparable.
        dimensions: D, the number of features of an image.
    """

    name: str
    sha256: str
    dimensions: int

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the features of images.

        The features of an image do not depend on the other images or on their number.

        Args:
            images: uint8 (N, C, S, S), C 1 or 3, N 0 or more.

        Returns:
            float32 (N, D).

        Raises:
            ValueError: The images have another type or shape.
        """
        ...


def fingerprint(name: str, module: str, *settings: object) -> str:
    """Return the SHA-256 (hex) that identifies an extractor.

    Args:
        name: Name of the extractor.
        module: Dotted name of its module. The code and the data files in its import closure count; see `code_hash`.
        settings: Other values that determine the features. Bytes are hashed as they are, other values by their `repr`.
    """
    digest = hashlib.sha256()
    for setting in (name, code_hash(module), *settings):
        data = setting if isinstance(setting, bytes) else repr(setting).encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()
