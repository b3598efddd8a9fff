"""Kernel distance between two sets of features: the unbiased squared maximum mean discrepancy (MMD²).

Bińkowski, Sutherland, Arbel and Gretton, "Demystifying MMD GANs" (ICLR 2018, arXiv 1801.01401), section 4; on Inception
features it is called KID. The estimator is equation 3 of Gretton et al., "A Kernel Two-Sample Test" (JMLR 2012).
"""

import numpy as np

from mangagan.distances.pairwise import check_feature_pair, row_blocks

GROUPS = 20  # groups of the jackknife


def kernel_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return the unbiased MMD² with the kernel (x·y / D + 1)³.

    The mean is 0 for two samples of one distribution at any size, so single values can be negative. The value is not
    normalised: compare values on features of the same extractor only.

    Args:
        first: (N, D), N at least 2.
        second: (M, D), M at least 2.

    Returns:
        The distance in units of the kernel. Symmetric in the arguments.

    Raises:
        ValueError: The arrays are not (N, D) with equal D, have too few rows, or hold values that are not finite.
    """
    first, second = check_feature_pair(first, second, min_rows=2)
    within = [
        (sum_kernel(features, features) - sum_self_kernel(features)) / (len(features) * (len(features) - 1))
        for features in (first, second)
    ]
    return float(within[0] + within[1] - 2 * sum_kernel(first, second) / (len(first) * len(second)))


def sum_kernel(first: np.ndarray, second: np.ndarray) -> float:
    """Return the sum of the kernel over all pairs of float64 (N, D) and (M, D) vectors."""
    total = 0.0
    for rows in row_blocks(len(first), len(second)):
        base = first[rows] @ second.T / first.shape[1] + 1
        total += float(np.vdot(base * base, base))
    return total


def sum_self_kernel(features: np.ndarray) -> float:
    """Return the sum of the kernel over the pairs of each vector with itself; the unbiased mean leaves these out."""
    return float(np.sum((np.einsum("nd,nd->n", features, features) / features.shape[1] + 1) ** 3))


def kernel_distance_with_error(first: np.ndarray, second: np.ndarray, seed: int) -> tuple[float, float]:
    """Return the kernel distance, and its standard error over random choices of `first`; `second` is fixed.

    The error is that of a jackknife: the distance without each of `GROUPS` random groups of `first`. Efron and Stein,
    "The Jackknife Estimate of Variance" (Annals of Statistics 1981).

    Args:
        first: (N, D), N at least 4.
        second: (M, D), M at least 2.
        seed: Seed of the groups.

    Raises:
        ValueError: As for `kernel_distance`.
    """
    first, second = check_feature_pair(first, second, min_rows=2)
    order = np.random.default_rng(seed).permutation(len(first))
    groups = [first[chosen] for chosen in np.array_split(order, min(GROUPS, len(first) // 2))]
    sizes = np.array([len(group) for group in groups])
    between = np.array([[sum_kernel(one, other) for other in groups] for one in groups])
    own = np.array([sum_self_kernel(group) for group in groups])
    across = np.array([sum_kernel(group, second) for group in groups])
    constant = (sum_kernel(second, second) - sum_self_kernel(second)) / (len(second) * (len(second) - 1))

    def measure(kept: np.ndarray) -> float:
        count = int(sizes[kept].sum())
        within = (between[np.ix_(kept, kept)].sum() - own[kept].sum()) / (count * (count - 1))
        return float(within + constant - 2 * across[kept].sum() / (count * len(second)))

    everything = np.arange(len(groups))
    partial = np.array([measure(np.delete(everything, group)) for group in everything])
    error = np.sqrt((len(groups) - 1) / len(groups) * np.sum((partial - partial.mean()) ** 2))
    return measure(everything), float(error)
