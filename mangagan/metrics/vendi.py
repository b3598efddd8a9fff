"""How many different faces there are: the Vendi score, and the support behind near-duplicates."""

from typing import NamedTuple

import numpy as np

from mangagan.distances.pairwise import checked, distance_blocks


class Duplicates(NamedTuple):
    """Near-duplicate pairs of a set, and what they say about its support; see `duplicate_estimate`."""

    pairs: int
    support: float | None


def vendi_score(features: np.ndarray) -> float:
    """The effective number of different vectors: exp of the entropy of the eigenvalues of K / N, K the cosine kernel.

    Friedman and Dieng, "The Vendi Score" (TMLR 2023, arXiv 2210.02410), definition 3.1.

    Where all features share a large part (outputs of a ReLU do), all cosines are near 1 and the score is near 1
    whatever the images: subtract the mean of real features, the same for all sets compared. The score grows with N:
    compare figures of equal counts only. Noise counts as variety too.

    Args:
        features: (N, D), N at least 1. Zero vectors, which have no direction, count as one of their own.

    Returns:
        1 for vectors of one direction, up to min(N, D + 1): N where all are orthogonal.

    Raises:
        ValueError: no (N, D) array, no rows, or values that are not finite.
    """
    features = checked(features)
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    zero = norms == 0
    unit = np.concatenate([features / np.where(zero, 1, norms), zero], axis=1)
    # The Gram matrix of rows and that of columns have the same eigenvalues but for zeros.
    small = unit @ unit.T if len(unit) < unit.shape[1] else unit.T @ unit
    shares = np.linalg.eigvalsh(small / len(unit))
    # Rounding leaves eigenvalues that are 0 a hair beside it; their terms are 0.
    shares = shares[shares > np.finfo(np.float64).eps]
    return float(np.exp(-np.sum(shares * np.log(shares))))


def duplicate_estimate(features: np.ndarray, threshold: float) -> Duplicates:
    """How many different faces a generator can draw, by how many near-duplicates a batch of them holds.

    The birthday paradox of Arora and Zhang, "Do GANs actually learn the distribution?" (ICLR 2018, arXiv 1706.08224):
    N draws from S equally likely faces hold N(N − 1) / 2S equal pairs on average, which is solved for S. Where some
    faces are likelier it estimates 1 / Σp², which is less than their number: a lower bound of the support. With few
    pairs it is rough: its relative error is about 1 / √pairs.

    Args:
        features: (N, D), N at least 2.
        threshold: a pair at this Euclidean distance or less is one face.

    Returns:
        The pairs, and N(N − 1) / (2 · pairs): 1 where all are one face; None where there is no pair. The support is
        then likely above N² / 6 (three pairs expected, none seen: probability 5 %).

    Raises:
        ValueError: no (N, D) array, too few rows, values that are not finite, or a negative or NaN threshold.
    """
    features = checked(features, least=2)
    if not threshold >= 0:
        raise ValueError(f"threshold must be 0 or above, not {threshold}")
    # Every pair is seen from both sides; a vector and itself are left out.
    close = sum(int((distances <= threshold).sum()) for _, distances in distance_blocks(features, features))
    pairs = (close - len(features)) // 2
    return Duplicates(pairs, len(features) * (len(features) - 1) / (2 * pairs) if pairs else None)
