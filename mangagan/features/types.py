"""The extractor interface, and the hash that identifies an extractor."""

import hashlib
from typing import Protocol

import numpy as np


class Extractor(Protocol):
    """A function from images to features.

    Attributes:
        name: as in params.yaml, and as the metrics file names it.
        sha256: of the weights, settings and version of the code: features of equal `sha256` may be compared.
        dimensions: D, features of an image.
    """

    name: str
    sha256: str
    dimensions: int

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """The features of images, uint8 (N, C, S, S) with C 1 or 3: float32 (N, D), N from 0.

        An image's features depend on no other image, nor on how many there are.

        Raises:
            ValueError: no such images.
        """
        ...


def fingerprint(*parts: object) -> str:
    """SHA-256 in hex of what makes up an extractor: bytes as they are, all else as Python writes it."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else repr(part).encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()
