"""Near-duplicate faces: which are the same drawing, and which of each drawing is kept."""

from dataclasses import dataclass

import numpy as np

from mangagan.core.progress import track
from mangagan.dataset.phash import correlation, hash_distance


@dataclass(frozen=True)
class Clusters:
    """Who belongs with whom, in the order of the faces given.

    Attributes:
        representative: int (N,): index of the face that stands for each face's cluster; its own for that face itself.
    """

    representative: np.ndarray


def cluster_faces(
    grays: np.ndarray, hashes: np.ndarray, order: np.ndarray, max_distance: int, min_correlation: float
) -> Clusters:
    """Groups near-duplicates around their best face.

    Faces are taken from best to worst; each joins the nearest representative that it resembles or becomes one. Since
    only representatives are compared with, clusters cannot grow into chains of faces that resemble their neighbours
    alone.

    Args:
        grays: uint8 (N, S, S).
        hashes: uint64 (N, 25), see `mangagan.dataset.phash.shifted_hashes`.
        order: int (N,): the faces from best to worst.
        max_distance: bits; pairs with more are not looked at further.
        min_correlation: pairs with less are different drawings.
    """
    representative = np.arange(len(grays))
    chosen = np.zeros(len(grays), int)
    chosen_hashes = np.zeros_like(hashes)
    count = 0
    for face in track(order, len(order), "dedup", "faces"):
        distances = hash_distance(hashes[face], chosen_hashes[:count])
        near = np.flatnonzero(distances <= max_distance)
        for candidate in near[np.argsort(distances[near], kind="stable")]:
            if correlation(grays[face], grays[chosen[candidate]]) >= min_correlation:
                representative[face] = chosen[candidate]
                break
        else:
            chosen[count], chosen_hashes[count] = face, hashes[face]
            count += 1
    return Clusters(representative)


def best_first(size: np.ndarray, sharpness: np.ndarray, ids: list[str]) -> np.ndarray:
    """The faces from best to worst: the largest first, of equals the sharpest, then by id so that ties are settled.

    Args:
        size: float (N,), px on the page.
        sharpness: float (N,).
        ids: N face ids.
    """
    return np.lexsort((np.array(ids), -sharpness, -size))
