"""Order of samples from best to worst, so that the report shows the whole range."""

import numpy as np

from mangagan.distances.pairwise import check_feature_pair, find_kth_distances

NEIGHBORS = 5  # k; the fifth nearest real face, so that a copy of a single face does not rank first


def rank_samples(samples: np.ndarray, real: np.ndarray, neighbors: int = NEIGHBORS) -> np.ndarray:
    """Order samples by the distance to their k-th nearest real face, like "realism" (Kynkäänniemi et al. 2019).

    Args:
        samples: Features (N, D).
        real: Features (M, D), M at least 1.
        neighbors: k; reduced to M if M is smaller. Default: 5.

    Returns:
        int64 (N,), indices of the samples, the one closest to real faces first.
    """
    samples, real = check_feature_pair(samples, real)
    return np.argsort(find_kth_distances(samples, real, min(neighbors, len(real))), kind="stable")


def select_ranges(order: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """Return the first, middle and last `count` indices of an order; they overlap if the order is short."""
    start = max(len(order) - count, 0) // 2
    return {"best": order[:count], "typical": order[start : start + count], "worst": order[-count:]}
