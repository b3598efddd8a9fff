"""Kernel distance between two sets of features: the squared maximum mean discrepancy, without bias.

Bińkowski, Sutherland, Arbel and Gretton, "Demystifying MMD GANs" (ICLR 2018, arXiv 1801.01401), section 4: with the
features of Inception it is KID. The estimator is that of Gretton et al., "A Kernel Two-Sample Test" (JMLR 2012),
equation 3.
"""

import numpy as np

from mangagan.distances.pairwise import checked_pair, row_blocks


def kernel_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Unbiased MMD² with the kernel (x·y / D + 1)³.

    Its mean is 0 for two samples of one distribution, whatever their sizes, so single values fall below 0. It is not
    scaled: values compare only between sets of the same extractor's features.

    Args:
        first: (N, D), N at least 2.
        second: (M, D), M at least 2.

    Returns:
        The distance, in units of the kernel; symmetric in its arguments.

    Raises:
        ValueError: no (N, D) arrays of one D, too few rows, or values that are not finite.
    """
    return unbiased(*checked_pair(first, second, least=2))


def unbiased(first: np.ndarray, second: np.ndarray) -> float:
    """The distance between float64 features: pairs of a vector with itself are left out of the mean."""
    within = [
        (kernel_sum(features, features) - self_sum(features)) / (len(features) * (len(features) - 1))
        for features in (first, second)
    ]
    return float(within[0] + within[1] - 2 * kernel_sum(first, second) / (len(first) * len(second)))


def kernel_sum(first: np.ndarray, second: np.ndarray) -> float:
    """The kernel's sum over all pairs of float64 (N, D) and (M, D)."""
    total = 0.0
    for rows in row_blocks(len(first), len(second)):
        base = first[rows] @ second.T / first.shape[1] + 1
        total += float(np.vdot(base * base, base))
    return total


def self_sum(features: np.ndarray) -> float:
    """The kernel's sum over the pairs of a vector with itself."""
    return float(np.sum((np.einsum("nd,nd->n", features, features) / features.shape[1] + 1) ** 3))
