"""Hold-out faces that have a near-duplicate in the training set (leakage); they cannot show what copying looks like."""

import numpy as np

from mangagan.core.images import to_gray
from mangagan.duplicates.params import DEFAULT
from mangagan.duplicates.search import find_common


def find_leaked(
    holdout: np.ndarray, holdout_insides: np.ndarray, train: np.ndarray, train_insides: np.ndarray
) -> np.ndarray:
    """Return for each hold-out face whether a training face shows the same drawing or its mirror image: bool (N,).

    The search is that of the stage `dedup`, with its default settings.

    Args:
        holdout: uint8 (N, C, S, S).
        holdout_insides: Part of each crop on its page, see `mangagan.faces.crop.find_insides`, float32 (N, 4).
        train: uint8 (M, C, S, S).
        train_insides: float32 (M, 4).
    """
    leaked = np.zeros(len(holdout), bool)
    sets = (convert_to_gray(holdout), holdout_insides, convert_to_gray(train), train_insides)
    leaked[find_common(*sets, DEFAULT).first] = True
    return leaked


def convert_to_gray(images: np.ndarray) -> np.ndarray:
    """Convert uint8 (N, C, S, S) to gray, uint8 (N, S, S)."""
    if images.shape[1] == 1:
        return images[:, 0]
    gray = np.empty((len(images), *images.shape[2:]), np.uint8)
    for number, target in enumerate(gray):  # one by one, to limit the memory for floats
        target[:] = np.rint(255 * to_gray(images[number : number + 1])[0])
    return gray
