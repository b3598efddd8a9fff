"""Rough alignment of two faces: the size and shift at which their descriptors are most similar."""

import numpy as np

from mangagan.duplicates.descriptors import VARIANTS


def align_roughly(first: np.ndarray, second: np.ndarray, side: int) -> np.ndarray:
    """Return the maps from faces to other faces, float32 (P, 2, 3) [px].

    Args:
        first: Whitened descriptors of the faces, float16 (P, variants, COMPONENTS).
        second: The same of the other faces.
        side: Of the faces [px].
    """
    first, second = first.astype(np.float32), second.astype(np.float32)
    forward = np.einsum("pvc,pc->pv", first, second[:, 0])
    backward = np.einsum("pvc,pc->pv", second, first[:, 0])
    variants = np.array(VARIANTS, np.float32)
    scales, shifts = variants[forward.argmax(axis=1), 0], variants[forward.argmax(axis=1), 1:]
    back_scales, back_shifts = variants[backward.argmax(axis=1), 0], variants[backward.argmax(axis=1), 1:]
    is_forward = forward.max(axis=1) >= backward.max(axis=1)
    # The point 0.5 + d + s·x of the face with scale s and shift d matches the point 0.5 + x of the other one.
    ratios = np.where(is_forward, 1 / scales, back_scales)
    centres = np.where(is_forward[:, None], -shifts / scales[:, None], back_shifts) + 0.5 - ratios[:, None] / 2
    maps = np.zeros((len(first), 2, 3), np.float32)
    maps[:, 0, 0] = maps[:, 1, 1] = ratios
    maps[:, :, 2] = centres * side + (ratios[:, None] - 1) / 2  # the centre of a pixel is half a pixel from its corner
    return maps
