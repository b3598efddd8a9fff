"""Order of samples by a score, and the AUC of a score between two sets."""

import numpy as np


def rank_samples(scores: np.ndarray) -> np.ndarray:
    """Return the indices of the samples, int64 (N,), the highest score first; equal scores keep their order.

    Args:
        scores: (N,), for example the logit of a usable face.
    """
    return np.argsort(-np.asarray(scores), kind="stable")


def select_ranges(order: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """Return the first, middle and last `count` indices of an order; they overlap if the order is short."""
    start = max(len(order) - count, 0) // 2
    return {"best": order[:count], "typical": order[start : start + count], "worst": order[-count:]}


def compute_auc(first: np.ndarray, second: np.ndarray) -> float:
    """Return the probability that a random value of `first` is larger than one of `second`; equal values count half.

    Args:
        first: (N,), N at least 1.
        second: (M,), M at least 1.
    """
    ordered = np.sort(second)
    smaller, not_larger = (np.searchsorted(ordered, first, side=side) for side in ("left", "right"))
    return float(np.mean(smaller + not_larger) / 2 / len(second))
