"""Pairs of near-duplicates."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pairs:
    """Pairs of faces that show the same drawing, or its mirror image. Sorted by `first`, then by `second`.

    Attributes:
        first: Index of one face, int64 (M,).
        second: Index of the other face, int64 (M,).
        similarity: Similarity of the two [0, 1], float32 (M,).
        mirrored: The second face is similar to the mirror image of the first, bool (M,).
    """

    first: np.ndarray
    second: np.ndarray
    similarity: np.ndarray
    mirrored: np.ndarray

    def __len__(self) -> int:
        return len(self.first)
