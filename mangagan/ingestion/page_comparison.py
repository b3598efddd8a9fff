"""Decide if two pages show the same drawing, at a resolution that shows letters."""

from typing import NamedTuple

import cv2
import numpy as np

from mangagan.ingestion.page_alignment import Placement, refine

COMPARED_WIDTH = 900  # maximum width at which pages are compared [px]
WINDOW = 0.02  # side of the window in which differences are measured, per width
SMOOTHING = 1.1  # standard deviation of the blur before the comparison [px]; suppresses screentone and JPEG noise
NOISE = 24.0  # differences of this standard deviation are noise [gray levels]
MAX_DIFFERENCE = 0.12  # maximum difference in any window [0, 2]; 0 for equal windows, 1 for unrelated ones
MIN_OVERLAP = 0.7  # minimum share of each page that the other one shows
MIN_DRAWN = 0.004  # minimum share of the overlap with a drawing: blank pages are no copies of each other
# Shifts (rows, columns) plus 1 [px]. The first one is no shift.
SHIFTS = ((1, 1), *((dy, dx) for dy in range(3) for dx in range(3) if (dy, dx) != (1, 1)))
DRAWN = 30.0  # minimum standard deviation of a window with a drawing [gray levels]


class Match(NamedTuple):
    """Result of a comparison.

    Attributes:
        is_same: True if both pages show the same drawing.
        scale: Resolution of page B per resolution of page A.
        difference: Largest difference in a window.
        reason: Why the pages are different. Empty if they are not.
    """

    is_same: bool
    scale: float
    difference: float
    reason: str


def compare_pages(first: np.ndarray, second: np.ndarray, start: Placement) -> Match:
    """Compare two pages.

    Args:
        first: Page A, uint8 (H, W).
        second: Page B, uint8 (H', W').
        start: Approximate placement of page A in page B, in pixels of the pages.
    """
    ratio = start.scale_x
    factor = min(1.0, COMPARED_WIDTH / first.shape[1], COMPARED_WIDTH / second.shape[1] * ratio, ratio)
    small_first, small_second = resize_by(first, factor), resize_by(second, factor / ratio)
    placement = Placement(1, start.scale_y / ratio, start.shift_x, start.shift_y).resize(factor / ratio)
    for level, reach, tile in ((0.5, 14, 48), (1.0, 5, 64)):
        reduced = placement.resize(level)
        fit = refine(resize_by(small_first, level), resize_by(small_second, level), reduced, reach, tile)
        if fit is None:
            return Match(False, ratio, 2.0, "not aligned")
        placement = fit.resize(1 / level)
    if abs(placement.scale_x - placement.scale_y) > 0.03:
        return Match(False, ratio, 2.0, "stretched")
    resolution = placement.scale_x * ratio
    warped, box = overlay(small_first.shape, small_second, placement)
    left, top, right, bottom = box
    area = max(0, right - left) * max(0, bottom - top)
    other = small_second.size / (placement.scale_x * placement.scale_y)
    if area < MIN_OVERLAP * max(small_first.size, other):
        return Match(False, resolution, 2.0, "little overlap")
    a, b = small_first[top:bottom, left:right], warped[top:bottom, left:right]
    difference, drawn = measure_difference(resize_by(a, 0.5), resize_by(b, 0.5))  # most different pages end here
    if difference <= MAX_DIFFERENCE:
        difference, drawn = measure_difference(a, b)
    if drawn < MIN_DRAWN:
        return Match(False, resolution, difference, "nearly blank")
    is_same = difference <= MAX_DIFFERENCE
    return Match(is_same, resolution, difference, "" if is_same else "different in one place")


def resize_by(image: np.ndarray, factor: float) -> np.ndarray:
    """Resize an image by a factor up to 1."""
    if factor >= 1:
        return image
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def overlay(
    shape: tuple[int, ...], second: np.ndarray, placement: Placement
) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Map page B onto page A.

    Returns:
        Page B in the frame of page A, and left, top, right, bottom of the part that both show [px].
    """
    height, width = shape[:2]
    warped = cv2.warpAffine(
        second, placement.to_matrix(), (width, height), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderValue=255
    )
    left = max(0, int(np.ceil(-placement.shift_x / placement.scale_x)) + 2)
    top = max(0, int(np.ceil(-placement.shift_y / placement.scale_y)) + 2)
    right = min(width, int((second.shape[1] - placement.shift_x) / placement.scale_x) - 2)
    bottom = min(height, int((second.shape[0] - placement.shift_y) / placement.scale_y) - 2)
    return warped, (left, top, right, bottom)


def measure_difference(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Measure the largest difference between two aligned images, in any window.

    The difference in a window is `(var A + var B - 2 cov) / (var A + var B + 2 NOISE²)`, the minimum over shifts of up
    to 1 px. It is 0 for equal windows and 1 for unrelated ones.

    Args:
        first: uint8 (H, W).
        second: uint8 (H, W).

    Returns:
        The difference [0, 2], and the share of the windows that show a drawing [0, 1].
    """
    side = max(9, round(WINDOW * first.shape[1])) | 1
    a, b = (cv2.GaussianBlur(image, (0, 0), SMOOTHING).astype(np.float32) for image in (first, second))
    b = match_brightness(b, a)
    a = np.ascontiguousarray(a[1:-1, 1:-1])
    mean_a, variance_a = measure_window(a, side)
    drawn = float((variance_a > DRAWN**2).mean())
    difference = np.full(a.shape, 2.0, np.float32)
    for dy, dx in SHIFTS:
        moved = np.ascontiguousarray(b[dy : dy + a.shape[0], dx : dx + a.shape[1]])
        mean_b, variance_b = measure_window(moved, side)
        covariance = cv2.blur(a * moved, (side, side)) - mean_a * mean_b
        total = variance_a + variance_b
        np.minimum(difference, (total - 2 * covariance) / (total + 2 * NOISE**2), out=difference)
        if difference.max() <= MAX_DIFFERENCE:
            break
    return float(difference.max()), drawn


def measure_window(image: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of the window around each pixel."""
    mean = cv2.blur(image, (side, side))
    return mean, np.maximum(cv2.blur(image * image, (side, side)) - mean * mean, 0)


def match_brightness(image: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Scale the gray levels of an image linearly to those of the target."""
    slope = float(((image - image.mean()) * (target - target.mean())).mean()) / max(1.0, float(image.var()))
    return image * slope + (float(target.mean()) - slope * float(image.mean()))
