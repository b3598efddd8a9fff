"""Random subsamples of equal size."""

from collections.abc import Iterator

import numpy as np


def draw_subsamples(total: int, count: int, repeats: int, seed: int) -> Iterator[np.ndarray]:
    """Yield `repeats` arrays of `count` different indices below `total`.

    The arrays are disjoint as long as repeats·count ≤ total. After that the items are shuffled again for each round of
    disjoint arrays: always using the same few halves would make the standard deviation too small.

    Args:
        total: Number of items, at least `count`.
        count: Indices in each array, at least 1.
        repeats: Number of arrays, at least 1.
        seed: Seed of the shuffles.
    """
    rng, order = np.random.default_rng(seed), np.empty(0, np.int64)
    for _ in range(repeats):
        if len(order) < count:
            order = rng.permutation(total)
        yield order[:count]
        order = order[count:]
