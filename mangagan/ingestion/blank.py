"""Blank pages: pages without a drawing or text, apart from dust, a page number or a faint watermark."""

import numpy as np
from PIL import Image

from mangagan.ingestion.reduction import reduce_image

MEASURE_SIDE = 320  # px, long side of the reduced page in which drawing is counted
BACKGROUND_SIDE = 12  # cells along the long side of the background; shading of a scan varies slowly
INK = 24  # minimum difference from the background that counts as drawing, in gray levels
MAX_INK = 16  # maximum number of inked pixels of a blank page: dust
MARGIN = 0.08  # the outer part of a page, as a share of its height and width: it can hold a page number
MAX_NUMBER_INK = 60  # maximum number of inked pixels in the margin of a blank page
MAX_NUMBER_WIDTH, MAX_NUMBER_HEIGHT = 0.08, 0.03  # maximum size of a page number, as shares of the long side
EDGE = 0.02  # the shadow of a scan at the edge of a page, as a share of its sides; it is not measured
MAX_SHADING = 70  # maximum range of the background of a blank page, in gray levels
SAMPLE_STEP = 16  # stride of the quick check [px]
MAX_BLACK = 48  # maximum gray level of a black page


def describe_blank(pixels: np.ndarray) -> str:
    """Return "blank page" or "all black page" for a page without a drawing or text. Empty for every other page.

    Args:
        pixels: uint8 (H, W) or (H, W, 3).
    """
    spread = np.percentile(pixels[::SAMPLE_STEP, ::SAMPLE_STEP], [5, 95], axis=(0, 1))
    if np.ptp(spread, axis=0).max() > MAX_SHADING + 2 * INK:
        return ""  # most pages end here; the steps below take longer
    page = reduce_page(pixels)
    height, width = page.shape[:2]
    edge = max(1, round(EDGE * height)), max(1, round(EDGE * width))
    page = page[edge[0] : height - edge[0], edge[1] : width - edge[1]]
    if page.size == 0:
        return ""
    background = measure_background(page)
    if np.ptp(background, axis=(0, 1)).max() > MAX_SHADING:
        return ""
    ink = (np.abs(page - background) > INK).any(axis=2)
    if not has_only_dust(ink):
        return ""
    return "all black page" if np.median(page.max(axis=2)) <= MAX_BLACK else "blank page"


def reduce_page(pixels: np.ndarray) -> np.ndarray:
    """Return a page reduced to a long side of about MEASURE_SIDE, int16 (h, w, 1 or 3)."""
    factor = max(1, round(max(pixels.shape[:2]) / MEASURE_SIDE))
    page = reduce_image(pixels, factor, gray=False).astype(np.int16)
    return page.reshape(*page.shape[:2], -1)


def measure_background(page: np.ndarray) -> np.ndarray:
    """Return the slowly varying background of a page, int16 (h, w, C): medians of cells, interpolated.

    Args:
        page: int16 (h, w, C).
    """
    height, width, channels = page.shape
    cell = max(1, -(-max(height, width) // BACKGROUND_SIDE))
    rows, columns = max(1, height // cell), max(1, width // cell)
    cells = page[: rows * cell, : columns * cell] if min(height, width) >= cell else page
    tall, wide = cells.shape[0] // rows, cells.shape[1] // columns
    cells = cells[: rows * tall, : columns * wide].reshape(rows, tall, columns, wide, channels)
    medians = np.median(cells.transpose(0, 2, 1, 3, 4).reshape(rows, columns, -1, channels), axis=2)
    planes = [
        np.asarray(
            Image.fromarray(medians[..., c].astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
        )
        for c in range(channels)
    ]
    return np.stack(planes, axis=2).astype(np.int16)


def has_only_dust(ink: np.ndarray) -> bool:
    """Return True if the inked pixels are dust, or dust and a page number.

    Args:
        ink: bool (h, w).
    """
    height, width = ink.shape
    top, left = round(MARGIN * height), round(MARGIN * width)
    inner = np.count_nonzero(ink[top : height - top, left : width - left])
    total = np.count_nonzero(ink)
    if inner > MAX_INK or total > MAX_INK + MAX_NUMBER_INK:
        return False
    if total - inner <= MAX_INK:
        return True
    outer = ink.copy()
    outer[top : height - top, left : width - left] = False
    rows, columns = np.nonzero(outer)
    side = max(height, width)
    low, high = np.percentile(rows, [10, 90]), np.percentile(columns, [10, 90])  # dust can be far from the number
    return bool(np.ptp(low) <= MAX_NUMBER_HEIGHT * side and np.ptp(high) <= MAX_NUMBER_WIDTH * side)
