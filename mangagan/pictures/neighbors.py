"""Samples beside the training faces they are closest to."""

from collections.abc import Sequence

import numpy as np

from mangagan.pictures.rows import labelled_rows


def neighbor_rows(
    samples: np.ndarray, train: np.ndarray, indices: np.ndarray, mirrored: np.ndarray, distances: np.ndarray
) -> np.ndarray:
    """One row a sample: the sample, then its nearest training faces with their distances, mirrored where that fits.

    Args:
        samples: uint8 (N, C, S, S).
        train: uint8 (M, C, S, S).
        indices: (N, k) rows of `train`.
        mirrored: bool (N, k).
        distances: (N, k).

    Returns:
        uint8 (height, width, C).
    """
    rows = []
    for sample, chosen, flips in zip(samples, indices, mirrored, strict=True):
        faces = [train[index][..., ::-1] if flip else train[index] for index, flip in zip(chosen, flips, strict=True)]
        rows.append(np.stack([sample, *faces]))
    captions = [["sample", *map(caption, *pair)] for pair in zip(distances, mirrored, strict=True)]
    return labelled_rows(rows, [""] * len(rows), captions)


def caption(distance: float, mirrored: bool) -> str:
    """What stands below a training face."""
    return f"{distance:.2f} mirrored" if mirrored else f"{distance:.2f}"


def closest_first(distances: Sequence[float] | np.ndarray, count: int) -> np.ndarray:
    """The indices of the `count` least distances, least first; ties in the order given."""
    return np.argsort(distances, kind="stable")[:count]


def pair_rows(
    samples: np.ndarray, train: np.ndarray, indices: np.ndarray, mirrored: np.ndarray, distances: np.ndarray, pairs: int
) -> np.ndarray:
    """Samples each beside its nearest training face, several pairs a row.

    Args:
        samples: uint8 (N, C, S, S).
        train: uint8 (M, C, S, S).
        indices: (N,) rows of `train`.
        mirrored: bool (N,).
        distances: (N,).
        pairs: a row.

    Returns:
        uint8 (height, width, C).
    """
    images, captions = [], []
    for sample, index, flip, distance in zip(samples, indices, mirrored, distances, strict=True):
        images += [sample, train[index][..., ::-1] if flip else train[index]]
        captions += ["sample", caption(distance, flip)]
    starts = range(0, len(images), 2 * pairs)
    rows = [np.stack(images[start : start + 2 * pairs]) for start in starts]
    return labelled_rows(rows, [""] * len(rows), [captions[start : start + 2 * pairs] for start in starts])
