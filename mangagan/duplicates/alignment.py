"""Alignment of two faces that may show the same drawing in slightly different crops.

Maps between faces are affine, float32 (2, 3): they take pixels of one face to pixels of the other.
"""

import cv2
import numpy as np

COARSE_SIDE = 28  # [px] of the images of the coarse search
INSET = 0.16  # share of the side cropped from each edge of the template, so that it fits into the other face
SCALES = tuple(np.exp(np.linspace(np.log(0.74), np.log(1.35), 7)).tolist())  # relative sizes of the boxes of a drawing
LARGEST_SIDE = round(COARSE_SIDE * SCALES[-1])  # [px]
CLEAR_CORRELATION = 0.92  # correlation at which the search in the other direction is skipped
MIN_TEMPLATE = 10  # minimum side of the template on the page [px]
MIN_DEVIATION = 2.0  # standard deviation of gray levels; a template below it is blank
BORDER = 2  # [px] at the edge of a crop that are not compared
# Levels of the fine alignment: shrinking factor, blur [px], maximum number of rounds, minimum correlation afterwards
LEVELS = ((2, 1.0, 12, 0.95), (1, 1.2, 8, 0.94))
MIN_GAIN = 1e-4  # a level ends if the correlation rises by less


def find_shift(face: np.ndarray, inside: np.ndarray, other: np.ndarray) -> tuple[float, np.ndarray]:
    """Search the centre of a face in another face, at each of `SCALES`.

    Args:
        face: uint8 (S, S).
        inside: Part of `face` that is on the page: left, top, right, bottom as shares of the side, float32 (4,).
        other: uint8 (S, S).

    Returns:
        The highest correlation [-1, 1], and the map from `face` to `other`; -1 if the centre is blank.
    """
    side, inset = face.shape[0], round(COARSE_SIDE * INSET)
    small = cv2.resize(other, (LARGEST_SIDE, LARGEST_SIDE), interpolation=cv2.INTER_AREA)
    left, top, right, bottom = (inside * COARSE_SIDE).round().astype(int).clip(inset, COARSE_SIDE - inset)
    template = cv2.resize(face, (COARSE_SIDE, COARSE_SIDE), interpolation=cv2.INTER_AREA)[top:bottom, left:right]
    best, matrix = -1.0, np.eye(2, 3, dtype=np.float32)
    if min(template.shape) < MIN_TEMPLATE or template.std() < MIN_DEVIATION:  # OpenCV returns 1 for constant images
        return best, matrix
    for scale in SCALES:
        size = round(COARSE_SIDE * scale)
        image = cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR)
        _, score, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(image, template, cv2.TM_CCOEFF_NORMED))
        if score > best:
            best, ratio = float(score), COARSE_SIDE / size
            centre = (ratio - 1) / 2  # the centre of a pixel is half a pixel from its corner
            shift = np.array([x / size - left / size, y / size - top / size]) * side + centre
            matrix = np.array([[ratio, 0, shift[0]], [0, ratio, shift[1]]], np.float32)
    return best, matrix


def find_map(
    face: np.ndarray, inside: np.ndarray, other: np.ndarray, other_inside: np.ndarray, min_correlation: float
) -> np.ndarray | None:
    """Find the map from a face to another face, with sub-pixel accuracy.

    The coarse search is refined by the enhanced correlation coefficient: Evangelidis and Psarakis, "Parametric Image
    Alignment Using Enhanced Correlation Coefficient Maximization" (IEEE TPAMI 2008).

    Args:
        face: uint8 (S, S).
        inside: Part of `face` on the page, see `find_shift`.
        other: uint8 (S, S).
        other_inside: Part of `other` on the page.
        min_correlation: Minimum correlation of the coarse search [-1, 1].

    Returns:
        The map, or None if the faces are too different.
    """
    correlation, matrix = find_shift(face, inside, other)
    if correlation < CLEAR_CORRELATION:
        back_correlation, back = find_shift(other, other_inside, face)
        if back_correlation > correlation:
            correlation, matrix = back_correlation, cv2.invertAffineTransform(back)
    if correlation < min_correlation:
        return None
    for factor, blur, rounds, min_aligned in LEVELS:
        refined = refine(face, inside, other, other_inside, matrix, factor, blur, rounds, min_aligned)
        if refined is None:
            return None
        matrix = refined
    return matrix


def refine(
    face: np.ndarray,
    inside: np.ndarray,
    other: np.ndarray,
    other_inside: np.ndarray,
    matrix: np.ndarray,
    factor: int,
    blur: float,
    rounds: int,
    min_aligned: float,
) -> np.ndarray | None:
    """Refine a map between two faces at one of `LEVELS`.

    Returns:
        The map; the given one if the search does not converge; None if the faces are too different.
    """
    side = face.shape[0] // factor
    left, top, right, bottom = find_rectangle(inside, side)
    if right - left < MIN_TEMPLATE or bottom - top < MIN_TEMPLATE:
        return None
    template, image = (shrink(each, side, blur) for each in (face, other))
    centre, corner = (factor - 1) / 2, np.array([left, top], np.float32)
    # From pixels of this level: to pixels of the face, by the map, and back.
    start = matrix.astype(np.float32)
    start[:, 2] = (start[:, :2].sum(axis=1) * centre + start[:, 2] - centre) / factor + start[:, :2] @ corner
    template, mask = np.ascontiguousarray(template[top:bottom, left:right]), make_mask(other_inside, side)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, rounds, MIN_GAIN)
    try:
        correlation, found = cv2.findTransformECC(template, image, start, cv2.MOTION_AFFINE, criteria, mask, 1)
    except cv2.error:  # it does not converge
        return matrix
    if correlation < min_aligned:
        return None
    refined = found.astype(np.float32)
    refined[:, 2] = (refined[:, 2] - refined[:, :2] @ corner) * factor + centre - refined[:, :2].sum(axis=1) * centre
    return refined


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
