"""Candidates: pairs of faces with similar descriptors. All pairs are compared, by products of matrices.

First, all faces are compared at size 1. Pairs that are a little similar are compared at the other sizes, and the best
of these at each shift.
"""

from functools import partial
from itertools import pairwise

import numpy as np

from mangagan.core.parallel import map_ordered
from mangagan.core.progress import track
from mangagan.duplicates.descriptors import SCALES

MIN_SAME_SIZE_COSINE = 0.3  # at size 1; only these pairs are compared at the other sizes
MIN_COSINE = 0.44  # of the whitened descriptors, at the best size
MAX_CANDIDATES = 3  # of each face, the most similar ones
CLOSE_COSINE, MAX_CLOSE = 0.7, 16  # above this cosine, a face can have more candidates
MIN_SHIFTED_COSINE = 0.64  # at the best size and shift
ROWS = 512  # faces that are compared with all others at a time
PAIRS = 4096  # pairs that are compared again at a time


def find_candidates(first: np.ndarray, second: np.ndarray, label: str) -> np.ndarray:
    """Find pairs of faces with similar descriptors, each with the first of them at every size and shift.

    Args:
        first: Whitened descriptors of one set at each variant, float16 (N, variants, COMPONENTS).
        second: The same of the other set, float16 (M, variants, COMPONENTS).
        label: Name of the work, for the progress bar.

    Returns:
        Indices of the pairs, int64 (P, 2), sorted.
    """
    others = np.ascontiguousarray(second[:, 0], np.float32)
    starts = range(0, len(first), ROWS)
    blocks = map_ordered(partial(compare_block, first, others), starts)
    pairs = np.concatenate([np.zeros((0, 2), np.int64), *track(blocks, len(starts), f"duplicates: {label}", "blocks")])
    kept = map_ordered(partial(compare_shifts, first, second), np.split(pairs, range(PAIRS, len(pairs), PAIRS)))
    return pairs[np.concatenate(list(kept))]


def compare_block(first: np.ndarray, others: np.ndarray, start: int) -> np.ndarray:
    """Return the best pairs of at most `ROWS` faces from index `start` on, at the best size, int64 (P, 2).

    Args:
        first: Whitened descriptors at each variant, float16 (N, variants, COMPONENTS).
        others: Descriptors of the other set at size 1, float32 (M, COMPONENTS).
        start: Index of the first face of the block.
    """
    block = first[start : start + ROWS, : len(SCALES)].astype(np.float32)
    same_size = block[:, 0] @ others.T
    # Ten times as fast as np.nonzero on two dimensions.
    rows, columns = np.divmod(np.flatnonzero(same_size >= MIN_SAME_SIZE_COSINE), max(1, len(others)))
    cosines = same_size[rows, columns]
    for scale in range(1, len(SCALES)):
        np.maximum(cosines, np.einsum("pc,pc->p", block[rows, scale], others[columns]), out=cosines)
    similar = cosines >= MIN_COSINE
    rows, columns, cosines = rows[similar], columns[similar], cosines[similar]
    bounds = np.searchsorted(rows, np.arange(len(block) + 1))
    chosen = [choose_best(columns[low:high], cosines[low:high]) for low, high in pairwise(bounds)]
    numbers = np.repeat(np.arange(start, start + len(block)), [len(each) for each in chosen])
    return np.stack([numbers, np.concatenate(chosen)], axis=1).astype(np.int64)


def choose_best(columns: np.ndarray, cosines: np.ndarray) -> np.ndarray:
    """Return the columns with the largest cosines, ascending: see `MAX_CANDIDATES` and `MAX_CLOSE`.

    It returns one more, because a face that is compared with its own set finds itself.

    Args:
        columns: Columns of similar faces, int (P,).
        cosines: Their cosines, float32 (P,).
    """
    if len(columns) <= MAX_CANDIDATES + 1:
        return columns
    order = np.argsort(-cosines, kind="stable")
    count = int(np.sum(cosines >= CLOSE_COSINE))
    return np.sort(columns[order[: max(MAX_CANDIDATES, min(count, MAX_CLOSE)) + 1]])


def compare_shifts(first: np.ndarray, second: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return True for each pair that is similar enough at the best size and shift, bool (P,)."""
    one, other = first[pairs[:, 0]].astype(np.float32), second[pairs[:, 1]].astype(np.float32)
    forward = np.einsum("pvc,pc->pv", one, other[:, 0]).max(axis=1, initial=-1)
    backward = np.einsum("pvc,pc->pv", other, one[:, 0]).max(axis=1, initial=-1)
    return np.asarray(np.maximum(forward, backward) >= MIN_SHIFTED_COSINE)
