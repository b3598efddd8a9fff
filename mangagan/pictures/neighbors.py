"""Samples with their nearest training faces."""

from collections.abc import Sequence

import numpy as np

from mangagan.pictures.rows import draw_rows


def draw_neighbors(
    samples: np.ndarray, train: np.ndarray, indices: np.ndarray, mirrored: np.ndarray, distances: np.ndarray
) -> np.ndarray:
    """Draw one row for each sample: the sample, then its nearest training faces with their distances.

    Args:
        samples: uint8 (N, C, S, S).
        train: Training faces, uint8 (M, C, S, S).
        indices: Indices of the nearest training faces, (N, k).
        mirrored: Training faces that match when mirrored, bool (N, k). They are drawn mirrored.
        distances: Distances, (N, k).

    Returns:
        uint8 (height, width, C).
    """
    rows, captions = [], []
    for sample, *nearest in zip(samples, indices, mirrored, distances, strict=True):
        neighbors = list(zip(*nearest, strict=True))
        faces = [mirror_if(train[index], is_mirrored) for index, is_mirrored, _ in neighbors]
        rows.append(np.stack([sample, *faces]))
        captions.append(["sample", *(format_caption(distance, is_mirrored) for _, is_mirrored, distance in neighbors)])
    return draw_rows(rows, [""] * len(rows), captions)


def draw_pairs(
    samples: np.ndarray, train: np.ndarray, indices: np.ndarray, mirrored: np.ndarray, distances: np.ndarray, pairs: int
) -> np.ndarray:
    """Draw samples, each followed by its nearest training face, several pairs per row.

    Args:
        samples: uint8 (N, C, S, S).
        train: Training faces, uint8 (M, C, S, S).
        indices: Index of the nearest training face, (N,).
        mirrored: True if it matches when mirrored, bool (N,). It is drawn mirrored.
        distances: Distances, (N,).
        pairs: Pairs per row.

    Returns:
        uint8 (height, width, C).
    """
    images, captions = [], []
    for sample, index, is_mirrored, distance in zip(samples, indices, mirrored, distances, strict=True):
        images += [sample, mirror_if(train[index], is_mirrored)]
        captions += ["sample", format_caption(distance, is_mirrored)]
    starts = range(0, len(images), 2 * pairs)
    rows = [np.stack(images[start : start + 2 * pairs]) for start in starts]
    return draw_rows(rows, [""] * len(rows), [captions[start : start + 2 * pairs] for start in starts])


def mirror_if(image: np.ndarray, is_mirrored: bool) -> np.ndarray:
    """Return the image (C, H, W), mirrored if `is_mirrored`."""
    return image[..., ::-1] if is_mirrored else image


def format_caption(distance: float, is_mirrored: bool) -> str:
    """Return the caption of a training face."""
    return f"{distance:.2f} mirrored" if is_mirrored else f"{distance:.2f}"


def find_smallest(distances: Sequence[float] | np.ndarray, count: int) -> np.ndarray:
    """Return the indices of the `count` smallest distances in ascending order; ties keep their order."""
    return np.argsort(distances, kind="stable")[:count]
