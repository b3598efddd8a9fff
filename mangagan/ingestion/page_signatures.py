"""Describe a page in a few kilobytes, to find pages that show the same drawing."""

from dataclasses import dataclass

import cv2
import numpy as np

from mangagan.ingestion.edge_profiles import to_gray

THUMBNAIL_WIDTH = 96  # px
MAX_THUMBNAIL_HEIGHT = 160  # px; the upper part of taller pages is described
SAMPLE_SIDE = 768  # px; roughness is measured on the middle of the page


@dataclass(frozen=True)
class PageSignature:
    """A description of a page that `find_retakes` compares before it loads pixels. Less than 16 KB.

    Attributes:
        width: Width of the page [px].
        height: Height of the page [px].
        thumbnail: uint8 (H, W), the page or its upper part, gray, THUMBNAIL_WIDTH wide.
        roughness: Mean difference of neighbouring pixels, divided by the standard deviation of the pixels. JPEG noise
            makes it up to 10 % larger, and blur makes it much smaller (copies of a drawing at equal resolution).
    """

    width: int
    height: int
    thumbnail: np.ndarray
    roughness: float


def describe_page(pixels: np.ndarray) -> PageSignature:
    """Describe a page.

    Args:
        pixels: uint8 (H, W) or (H, W, 3).
    """
    height, width = pixels.shape[:2]
    rows = max(8, round(height * THUMBNAIL_WIDTH / width))
    upper = pixels
    if rows > MAX_THUMBNAIL_HEIGHT:
        upper, rows = pixels[: round(MAX_THUMBNAIL_HEIGHT * width / THUMBNAIL_WIDTH)], MAX_THUMBNAIL_HEIGHT
    while min(upper.shape[:2]) >= 4 * THUMBNAIL_WIDTH:  # halving is several times as fast as other factors
        half = (upper.shape[1] // 2, upper.shape[0] // 2)
        upper = cv2.resize(upper[: 2 * half[1], : 2 * half[0]], half, interpolation=cv2.INTER_AREA)
    thumbnail = cv2.resize(to_gray(upper), (THUMBNAIL_WIDTH, rows), interpolation=cv2.INTER_AREA)
    return PageSignature(width, height, thumbnail, measure_roughness(pixels))


def measure_roughness(pixels: np.ndarray) -> float:
    """Measure the roughness (as in `PageSignature`) on the middle of a page."""
    height, width = pixels.shape[:2]
    top, left = max(0, height - SAMPLE_SIDE) // 2, max(0, width - SAMPLE_SIDE) // 2
    sample = to_gray(pixels[top : top + SAMPLE_SIDE, left : left + SAMPLE_SIDE])
    difference = float(cv2.absdiff(sample[:, 1:], sample[:, :-1]).mean()) if sample.shape[1] > 1 else 0.0
    return difference / max(1.0, float(cv2.meanStdDev(sample)[1][0, 0]))
