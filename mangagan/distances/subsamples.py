"""Random subsamples of equal size."""

from collections.abc import Iterator

import numpy as np


def subsamples(total: int, count: int, repeats: int, seed: int) -> Iterator[np.ndarray]:
    """Yields `repeats` index arrays of length `count` into `total` items.

    They are disjoint as long as repeats·count ≤ total. Beyond, the items are shuffled anew for every round of disjoint
    ones: the same few halves again and again would make a spread look smaller than it is. Within one there is no index
    twice.

    Args:
        total: at least `count`.
        count: at least 1.
        repeats: at least 1.
        seed: of the shuffles.
    """
    rng, order = np.random.default_rng(seed), np.empty(0, np.int64)
    for _ in range(repeats):
        if len(order) < count:
            order = rng.permutation(total)
        yield order[:count]
        order = order[count:]
