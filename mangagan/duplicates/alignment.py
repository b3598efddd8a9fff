"""Alignment of two faces that may show the same drawing in slightly different crops.

Maps between faces are affine, float32 (2, 3): they take pixels of one face to pixels of the other.
"""

from dataclasses import dataclass

import cv2
import numpy as np

MIN_TEMPLATE = 10  # minimum side of the template on the page [px]
BORDER = 2  # [px] at the edge of a crop that are not compared
MIN_GAIN = 1e-4  # the search ends if the correlation rises by less


@dataclass(frozen=True)
class Level:
    """One step of the alignment.

    Attributes:
        factor: Factor by which the faces are shrunk.
        blur: Standard deviation of their blur [px].
        rounds: Maximum number of rounds.
        min_correlation: Minimum correlation of the aligned faces.
    """

    factor: int
    blur: float
    rounds: int
    min_correlation: float


HALF_SIZE = Level(2, 1.0, 12, 0.95)
FULL_SIZE = Level(1, 1.2, 3, 0.94)


def refine(
    face: np.ndarray,
    inside: np.ndarray,
    other: np.ndarray,
    other_inside: np.ndarray,
    matrix: np.ndarray,
    level: Level,
) -> np.ndarray | None:
    """Refine a map from a face to another face.

    It maximizes the enhanced correlation coefficient: Evangelidis and Psarakis, "Parametric Image Alignment Using
    Enhanced Correlation Coefficient Maximization" (IEEE TPAMI 2008).

    Args:
        face: uint8 (S, S).
        inside: Part of `face` on the page: left, top, right, bottom as shares of the side, float32 (4,).
        other: uint8 (S, S).
        other_inside: Part of `other` on the page.
        matrix: The map so far.
        level: Settings of the search.

    Returns:
        The map; the given one if the search does not converge; None if the faces are too different.
    """
    factor = level.factor
    side = face.shape[0] // factor
    left, top, right, bottom = find_rectangle(inside, side)
    if right - left < MIN_TEMPLATE or bottom - top < MIN_TEMPLATE:
        return None
    template, image = (shrink(each, side, level.blur) for each in (face, other))
    corner = np.array([left, top], np.float32)
    start = shrink_map(matrix, factor)
    start[:, 2] += start[:, :2] @ corner
    template, mask = np.ascontiguousarray(template[top:bottom, left:right]), make_mask(other_inside, side)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, level.rounds, MIN_GAIN)
    try:
        correlation, found = cv2.findTransformECC(template, image, start, cv2.MOTION_AFFINE, criteria, mask, 1)
    except cv2.error:  # it does not converge
        return matrix
    if correlation < level.min_correlation:
        return None
    found[:, 2] -= found[:, :2] @ corner
    return shrink_map(found, 1 / factor)


def shrink_map(matrix: np.ndarray, factor: float) -> np.ndarray:
    """Return the map for faces that are smaller by a factor. The centre of a pixel is half a pixel from its corner."""
    result = matrix.astype(np.float32)
    centre = (factor - 1) / 2
    result[:, 2] = (result[:, 2] + (result[:, :2].sum(axis=1) - 1) * centre) / factor
    return result


def shrink(face: np.ndarray, side: int, blur: float) -> np.ndarray:
    """Return a face at another size, blurred, float32 (side, side)."""
    small = face if side == face.shape[0] else cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small.astype(np.float32), (0, 0), blur))


def warp(
    other: np.ndarray, other_inside: np.ndarray, matrix: np.ndarray, inside: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Bring a face into the frame of another one.

    Args:
        other: The face to move, uint8 (S, S).
        other_inside: Part of it on the page.
        matrix: Map from the frame to `other`.
        inside: Part of the face of the frame on the page.

    Returns:
        The moved face, float32 (S, S), and where both faces are on their pages, bool (S, S).
    """
    side, image = other.shape[0], other.astype(np.float32)
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale > 1:  # it shrinks: low-pass against aliasing
        image = cv2.GaussianBlur(image, (0, 0), max(0.05, 0.5 * float(np.sqrt(scale**2 - 1))))
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(image, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpAffine(
        make_mask(other_inside, side), matrix, (side, side), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    )
    return moved, (mask & make_mask(inside, side)).astype(bool)


def find_rectangle(inside: np.ndarray, side: int) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the part of a crop that is compared [px]."""
    left, top, right, bottom = (inside * side).round().astype(int).clip(BORDER, side - BORDER).tolist()
    return left, top, right, bottom


def make_mask(inside: np.ndarray, side: int) -> np.ndarray:
    """Return the part of a crop that is compared as 1, uint8 (S, S)."""
    left, top, right, bottom = find_rectangle(inside, side)
    mask = np.zeros((side, side), np.uint8)
    mask[top:bottom, left:right] = 1
    return mask
