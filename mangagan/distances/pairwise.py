"""Distances between all pairs of two sets of vectors, computed in blocks that bound the memory."""

from collections.abc import Iterator

import numpy as np

BLOCK_ENTRIES = 1 << 23  # distances in one block; 64 MiB in float64
ROUNDING = 1e-12  # share of the squared norms; smaller squared distances are rounding errors of float32 features


def check_features(features: np.ndarray, min_rows: int = 1) -> np.ndarray:
    """Return features as float64.

    Args:
        features: (N, D) of any real type.
        min_rows: Smallest accepted N. Default: 1.

    Raises:
        ValueError: The array is not (N, D), has too few rows, or holds values that are not finite.
    """
    if features.ndim != 2 or features.shape[1] == 0:
        raise ValueError(f"features must be (N, D), not {features.shape}")
    if len(features) < min_rows:
        raise ValueError(f"{len(features)} rows of features, at least {min_rows} needed")
    if not np.isfinite(features).all():
        raise ValueError("features must be finite")
    return features.astype(np.float64)


def check_feature_pair(first: np.ndarray, second: np.ndarray, min_rows: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return both sets as float64; see `check_features`. Raise ValueError if their dimensions differ."""
    first, second = check_features(first, min_rows), check_features(second, min_rows)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"features of {first.shape[1]} and of {second.shape[1]} dimensions")
    return first, second


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Yield slices of the rows of a (rows, columns) table: at most `BLOCK_ENTRIES` entries, at least one row each."""
    step = max(1, BLOCK_ENTRIES // max(columns, 1))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def mean_squared_differences(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return ‖x − y‖² / D for all pairs of (N, D) and (M, D) vectors: (N, M), 0 or above, in the type of the input.

    Computed as ‖x‖² + ‖y‖² − 2x·y, so the error grows with the norms. The whole table is in memory: pass blocks of
    rows (see `row_blocks`) if N·M is large.
    """
    norms = (first**2).mean(axis=1)[:, None] + (second**2).mean(axis=1)[None]
    return np.maximum(norms - 2 * (first @ second.T) / first.shape[1], 0.0)


def distance_blocks(first: np.ndarray, second: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the Euclidean distances of all pairs, a block of rows of `first` at a time.

    Both sets are centred first, and distances are rounded from float64 to float32. So equal distances compare as equal
    for every order of summation, and equal vectors have distance 0.

    Args:
        first: float64 (N, D).
        second: float64 (M, D).

    Yields:
        Rows of `first`, and their distances to all of `second`: float32 (rows, M), 0 or above.
    """
    centre = second.mean(axis=0)
    first, second = first - centre, second - centre
    norms, columns = (first**2).mean(axis=1)[:, None], (second**2).mean(axis=1)[None]
    for rows in row_blocks(len(first), len(second)):
        squares = mean_squared_differences(first[rows], second)
        squares[squares < ROUNDING * (norms[rows] + columns)] = 0
        yield rows, np.sqrt(squares * first.shape[1]).astype(np.float32)


def find_nearest(
    features: np.ndarray, reference: np.ndarray, excluded: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest reference vector of each vector, by Euclidean distance.

    Args:
        features: (N, D).
        reference: (M, D), M at least 1.
        excluded: int (N, E) with E below M, rows of the reference to skip for each vector, for example the vector
            itself. Default: none.

    Returns:
        Distances, float32 (N,), and rows of the reference, int64 (N,). The first row wins a tie.

    Raises:
        ValueError: The sets are empty, are not (N, D) with equal D, or hold values that are not finite.
    """
    features, reference = check_feature_pair(features, reference)
    distances, indices = np.empty(len(features), np.float32), np.empty(len(features), np.int64)
    for rows, block in distance_blocks(features, reference):
        if excluded is not None:
            np.put_along_axis(block, excluded[rows], np.inf, axis=1)
        indices[rows] = block.argmin(axis=1)
        distances[rows] = block.min(axis=1)
    return distances, indices


def find_twin_distances(features: np.ndarray) -> np.ndarray:
    """Return the distance of each vector (N, D) to the nearest other vector of the set: float32 (N,), N at least 2."""
    return find_nearest(features, features, excluded=np.arange(len(features))[:, None])[0]


def find_kth_distances(features: np.ndarray, reference: np.ndarray, k: int) -> np.ndarray:
    """Return the distance of each vector to its k-th nearest reference vector.

    Args:
        features: float64 (N, D).
        reference: float64 (M, D).
        k: From 1 to M. If the vectors themselves are in the reference, each is its own nearest.

    Returns:
        float32 (N,).
    """
    result = np.empty(len(features), np.float32)
    for rows, distances in distance_blocks(features, reference):
        result[rows] = np.partition(distances, k - 1, axis=1)[:, k - 1]
    return result
