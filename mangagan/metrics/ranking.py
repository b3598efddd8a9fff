"""Samples from the best to the worst, so that a person sees all of the range."""

import numpy as np

from mangagan.distances.nearest_faces import squared

BLOCK = 4096  # real faces at once; bounds the memory
NEIGHBORS = 5  # the fifth nearest: near to a kind of face, not to one that may have been copied


def rank(fake: np.ndarray, real: np.ndarray, neighbors: int = NEIGHBORS) -> np.ndarray:
    """Orders samples by the distance to their k-th nearest real face, as "realism" does (Kynkäänniemi et al. 2019).

    Args:
        fake: features (N, D).
        real: features (M, D), M at least 1.
        neighbors: k; M where that is fewer.

    Returns:
        int64 (N,), indices of the samples, the nearest to real faces first.
    """
    count = min(neighbors, len(real))
    best = np.full((len(fake), count), np.inf)
    for start in range(0, len(real), BLOCK):
        found = squared(np.asarray(fake, np.float64), np.asarray(real[start : start + BLOCK], np.float64))
        best = np.partition(np.concatenate([best, found], axis=1), count - 1, axis=1)[:, :count]
    return np.argsort(best.max(axis=1), kind="stable")


def ranges(order: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """The best, the middle and the worst `count` of an order, each in that order; they overlap where it is short."""
    start = max(len(order) - count, 0) // 2
    return {"best": order[:count], "typical": order[start : start + count], "worst": order[-count:]}
