"""Clustering of near-duplicate faces."""

import numpy as np

from mangagan.core.progress import track
from mangagan.dataset.phash import correlate_faces, hash_distance


def cluster_faces(
    grays: np.ndarray, hashes: np.ndarray, order: np.ndarray, max_distance: int, min_correlation: float
) -> np.ndarray:
    """Group near-duplicates around their best face.

    Each face, from best to worst, joins the nearest representative that is the same drawing; if there is none it
    becomes a representative. Faces are compared with representatives only, so a cluster cannot become a chain of faces
    in which only neighbours are alike.

    Args:
        grays: uint8 (N, S, S).
        hashes: Result of `mangagan.dataset.phash.hash_shifts` for each face, uint64 (N, 25).
        order: Indices of the faces from best to worst, int (N,).
        max_distance: Maximum hash distance of duplicates [bits]; pairs above it are not correlated.
        min_correlation: Minimum correlation of duplicates [-1, 1].

    Returns:
        Index of the representative of each face, int (N,); a representative has its own index.
    """
    representative = np.arange(len(grays))
    chosen = np.zeros(len(grays), int)
    chosen_hashes = np.zeros_like(hashes)
    count = 0
    for face in track(order, len(order), "dedup", "faces"):
        distances = hash_distance(hashes[face], chosen_hashes[:count])
        near = np.flatnonzero(distances <= max_distance)
        for candidate in near[np.argsort(distances[near], kind="stable")]:
            if correlate_faces(grays[face], grays[chosen[candidate]]) >= min_correlation:
                representative[face] = chosen[candidate]
                break
        else:
            chosen[count], chosen_hashes[count] = face, hashes[face]
            count += 1
    return representative


def sort_best_first(size: np.ndarray, sharpness: np.ndarray, ids: list[str]) -> np.ndarray:
    """Return the indices of faces from best to worst: by size, then by sharpness, then by id.

    Args:
        size: Longer side on the page [px], float (N,).
        sharpness: float (N,).
        ids: N face ids.
    """
    return np.lexsort((np.array(ids), -sharpness, -size))
