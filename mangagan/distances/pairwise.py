"""Feature vectors of two sets of images: what is checked before they are compared, and distances block by block."""

from collections.abc import Iterator

import numpy as np

ENTRIES = 1 << 23  # of a block of distances; 64 MiB in float64 bound the memory however many rows there are
SAME = 1e-12  # squared distances below this share of the squared norms are rounding errors of float32 features


def checked(features: np.ndarray, least: int = 1) -> np.ndarray:
    """The features in float64.

    Args:
        features: (N, D) of any real type.
        least: rows needed.

    Raises:
        ValueError: no (N, D) array, too few rows, or values that are not finite.
    """
    if features.ndim != 2 or features.shape[1] == 0:
        raise ValueError(f"features must be (N, D), not {features.shape}")
    if len(features) < least:
        raise ValueError(f"{len(features)} rows of features, at least {least} needed")
    if not np.isfinite(features).all():
        raise ValueError("features must be finite")
    return features.astype(np.float64)


def checked_pair(first: np.ndarray, second: np.ndarray, least: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Both sets in float64, see `checked`; ValueError also where their dimensions differ."""
    first, second = checked(first, least), checked(second, least)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"features of {first.shape[1]} and of {second.shape[1]} dimensions")
    return first, second


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of the rows of a (rows, columns) table, each of at most `ENTRIES` entries but at least one row."""
    step = max(1, ENTRIES // max(columns, 1))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def distance_blocks(first: np.ndarray, second: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Euclidean distances of all pairs, some rows of `first` at a time.

    Computed in float64 as ‖x‖² + ‖y‖² − 2x·y about the common mean and rounded to float32: the order in which a
    product is summed up then no longer tells equal distances apart, and equal vectors are at distance 0.

    Args:
        first: float64 (N, D).
        second: float64 (M, D).

    Yields:
        Rows of `first`, and their distances to all of `second`: float32 (rows, M), 0 or above.
    """
    centre = second.mean(axis=0)
    first, second = first - centre, second - centre
    norms, columns = np.einsum("nd,nd->n", first, first)[:, None], np.einsum("nd,nd->n", second, second)[None]
    for rows in row_blocks(len(first), len(second)):
        sums = norms[rows] + columns
        squared = sums - 2 * (first[rows] @ second.T)
        squared[squared < SAME * sums] = 0
        yield rows, np.sqrt(squared).astype(np.float32)


def nearest(
    features: np.ndarray, reference: np.ndarray, excluded: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Each vector's nearest reference vector, by Euclidean distance.

    Args:
        features: (N, D).
        reference: (M, D), M at least 1.
        excluded: int (N, E), for each vector the rows of the reference that do not count, itself for example;
            fewer than M.

    Returns:
        float32 (N,), the distances, and int64 (N,), rows of the reference; the first of several as near.

    Raises:
        ValueError: no (N, D) arrays of one D, no rows, or values that are not finite.
    """
    features, reference = checked_pair(features, reference)
    distances, indices = np.empty(len(features), np.float32), np.empty(len(features), np.int64)
    for rows, block in distance_blocks(features, reference):
        if excluded is not None:
            np.put_along_axis(block, excluded[rows], np.inf, axis=1)
        indices[rows] = block.argmin(axis=1)
        distances[rows] = block.min(axis=1)
    return distances, indices
