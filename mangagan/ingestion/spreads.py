"""Find the gutter of a two-page spread and split the picture into two pages.

A gutter is a vertical line near the middle that no drawing crosses. It appears as a clean band (the inner margins of
the pages), or as a seam: a line where strokes end and gray levels change although no frame is drawn there.
"""

from typing import NamedTuple

import numpy as np

from mangagan.ingestion.boxes import Box
from mangagan.ingestion.reduction import reduce_image

MEASURE_HEIGHT = 500  # px, height of the reduced picture in which the gutter is searched
PAGE_ASPECTS = (0.55, 0.85)  # range of width / height of a page if the pages of the title are unknown
# Relative difference between the aspect of a half and that of the pages of the title: exact, similar, possible.
ASPECT_DIFFERENCES = (0.03, 0.08, 0.2)
UNKNOWN = 2  # index of `possible`, also for a title whose pages are unknown
REACH = 0.04  # maximum distance of a gutter from the middle, as a share of the width
SEAM_ANGLES = np.arange(-2, 2.01, 0.25)  # degrees: tilt of the picture
BAND_ANGLES = np.arange(-2, 2.01, 1)  # degrees; a band tolerates a larger error
MIN_BAND = 0.03  # minimum width of a clean band that is a gutter by itself, as a share of the width
MAX_BAND = 0.15  # a wider band is a gutter only if the halves have the aspect of a page of the title
INK = 24  # difference of gray levels that counts as drawing
MAX_INK_SHARE = 0.015  # maximum share of inked rows in a column of a clean band: dust, noise
# Gray levels per width of offset from the middle. Each penalty gives one candidate; larger: nearer to the middle.
OFFSET_PENALTIES = (0, 200, 600, 2000, 6000)
TONE_RANGE = (0.12, 0.88)  # gray levels of tones, as shares of the gray level of paper
MAX_TONE_STEP = 10  # gray levels
WINDOW = 8  # columns on each side of a seam
# Score of a seam: weights of a logistic regression on joined pages and on crops of single pages, rounded.
STEP_WEIGHT, MARGIN_WEIGHT, FRAME_WEIGHT, CROSSING_WEIGHT, TONE_WEIGHT, OFFSET_WEIGHT, BIAS = 5, 60, 3, 10, 17, 220, 1.2
# Minimum score if the halves have exactly the aspect of a page of the title, a similar one, another one.
MIN_SCORES = (0.3, 1.2, 3.0)


class Band(NamedTuple):
    """A run of clean columns, px of the reduced picture: `start` included, `stop` excluded."""

    start: int
    stop: int


def split_page(pixels: np.ndarray, mode: str, right_to_left: bool, page_aspect: float | None = None) -> list[Box]:
    """Return the pages of a picture in reading order: two boxes for a spread, otherwise the whole picture.

    Args:
        pixels: uint8 (H, W) or (H, W, 3).
        mode: "auto": split if `find_gutter` finds a gutter. "always": split every landscape picture, in the middle if
            there is no gutter. "never": do not split.
        right_to_left: True if the right page is read first.
        page_aspect: As for `find_gutter`.
    """
    height, width = pixels.shape[:2]
    whole = [Box(0, 0, width, height)]
    if mode == "never" or width <= height:
        return whole
    gutter = find_gutter(pixels, page_aspect)
    if gutter is None and mode == "always":
        gutter = width // 2
    return whole if gutter is None else split_spread(width, height, gutter, right_to_left)


def split_spread(width: int, height: int, gutter: int, right_to_left: bool) -> list[Box]:
    """Return the two pages of a spread in reading order.

    Args:
        width: Width of the spread [px].
        height: Height of the spread [px].
        gutter: First column of the right page, in [1, width - 1] [px].
        right_to_left: True if the right page is read first.
    """
    pages = [Box(0, 0, gutter, height), Box(gutter, 0, width - gutter, height)]
    return pages[::-1] if right_to_left else pages


def find_gutter(pixels: np.ndarray, page_aspect: float | None = None) -> int | None:
    """Return the first column of the right page of a spread. None if the picture is a single page.

    Args:
        pixels: uint8 (H, W) or (H, W, 3).
        page_aspect: Median of width / height of the portrait pages of the title. None if unknown: only clear gutters
            are found.
    """
    height, width = pixels.shape[:2]
    similarity = compare_aspects(width / 2 / height, page_aspect)
    if similarity is None:
        return None
    gray = reduce_gray(pixels)
    if gray.shape[1] < 8 * WINDOW:
        return None
    band, bands = find_middle_band(gray)
    if band.stop - band.start >= MIN_BAND * gray.shape[1]:
        column = place_gutter(band, bands, gray.shape[1], similarity < UNKNOWN)
    else:
        column = find_seam(gray, MIN_SCORES[similarity])
    return None if column is None else min(max(round(column * width / gray.shape[1]), 1), width - 1)


def compare_aspects(half: float, page: float | None) -> int | None:
    """Return the index in `ASPECT_DIFFERENCES` of the difference of two aspects. None if the half can be no page.

    Args:
        half: Width / height of the half of a picture.
        page: Width / height of a page. None if unknown.
    """
    if page is None:
        return UNKNOWN if PAGE_ASPECTS[0] <= half <= PAGE_ASPECTS[1] else None
    difference = abs(half / page - 1)
    return next((index for index, limit in enumerate(ASPECT_DIFFERENCES) if difference <= limit), None)


def reduce_gray(pixels: np.ndarray) -> np.ndarray:
    """Return a picture in gray, reduced to a height of about MEASURE_HEIGHT, float32 (h, w)."""
    factor = max(1, round(pixels.shape[0] / MEASURE_HEIGHT))
    return reduce_image(pixels, factor, gray=True).astype(np.float32)


def shear(gray: np.ndarray, first: int, last: int, angle: float) -> np.ndarray:
    """Return the columns from `first` to `last` (excluded) of a picture, straightened by an angle [degrees].

    Rows are shifted around the middle row. Columns outside the picture repeat its border.
    """
    height, width = gray.shape
    shifts = np.round(np.tan(np.radians(angle)) * (np.arange(height) - height / 2)).astype(int)
    columns = (np.arange(first, last) + shifts[:, None]).clip(0, width - 1)
    return np.take_along_axis(gray, columns, axis=1)


def find_clean_bands(gray: np.ndarray) -> list[Band]:
    """Return the runs of columns of one gray level, apart from dust. Columns may differ: a fold casts a shadow."""
    clean = (np.abs(gray - np.median(gray, axis=0)) > INK).mean(axis=0) <= MAX_INK_SHARE
    edges = np.flatnonzero(np.diff(clean, prepend=False, append=False))
    return [Band(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def find_middle_band(gray: np.ndarray) -> tuple[Band, list[Band]]:
    """Return the widest clean band near the middle at any angle, empty if there is none, and all bands at this angle.

    Args:
        gray: float32 (h, w).
    """
    width = gray.shape[1]
    sample = gray[::2, ::2]  # exact enough, and four times as fast
    best: tuple[Band, list[Band]] = Band(0, 0), []
    for angle in BAND_ANGLES:
        found = find_clean_bands(shear(sample, 0, sample.shape[1], float(angle)))
        bands = [Band(2 * band.start, min(2 * band.stop, width)) for band in found]
        for band in bands:
            is_near = band.start < width * (0.5 + REACH) and band.stop > width * (0.5 - REACH)
            if is_near and band.stop - band.start > best[0].stop - best[0].start:
                best = band, bands
    return best


def place_gutter(band: Band, bands: list[Band], width: int, similar: bool) -> float | None:
    """Return the column of the gutter in a clean band near the middle. None if the band is no gutter.

    Args:
        band: The band.
        bands: All clean bands.
        width: Width of the reduced picture [px].
        similar: True if the halves have the aspect of a page of the title.
    """
    size = band.stop - band.start
    inner = [other for other in bands if other != band and other.start > 0 and other.stop < width]
    if any(other.stop - other.start > 0.6 * size for other in inner):
        return None  # equal gutters of a row of panels
    if size > MAX_BAND * width and not (similar and is_page_beside_margin(band, width)):
        return None
    rest = min(size / 4, MIN_BAND * width / 2)  # minimum distance of the cut from the drawing
    return float(np.clip(width / 2, band.start + rest, band.stop - rest))


def is_page_beside_margin(band: Band, width: int) -> bool:
    """Return True if the middle of a picture is in a wide band, and the contents beside it could be pages.

    If the band reaches a border, one half is blank. The other half must then have similar margins on both sides, or
    begin at the middle.
    """
    middle = width / 2
    if not band.start <= middle <= band.stop:
        return False
    if band.start > 0 and band.stop < width:
        return True
    inner_margin = band.stop - middle if band.start == 0 else middle - band.start
    return band.stop - band.start < width and inner_margin < 0.1 * width


def find_seam(gray: np.ndarray, min_score: float) -> float | None:
    """Return the column of the best seam near the middle, at mid-height. None if its score is at most `min_score`."""
    score, column = max((score_seam(gray, column, angle), column) for column, angle in list_seam_candidates(gray))
    return float(column) if score > min_score else None


def list_seam_candidates(gray: np.ndarray) -> list[tuple[int, float]]:
    """Return (column, angle) of lines where gray levels change more than beside them, one for each penalty."""
    width = gray.shape[1]
    reach = int(REACH * width)
    first = width // 2 - reach - WINDOW
    columns = np.arange(WINDOW, WINDOW + 2 * reach)
    steps = np.empty((len(SEAM_ANGLES), len(columns)))
    for number, angle in enumerate(SEAM_ANGLES):
        strip = shear(gray, first, width // 2 + reach + WINDOW, float(angle))
        across = np.minimum(np.abs(strip[:, 3:] - strip[:, :-3]), 80).mean(axis=0)
        beside = np.minimum(np.abs(strip[:, 2:] - strip[:, :-2]), 80).mean(axis=0)
        steps[number] = across[columns - 2] - np.maximum(beside[columns - 4], beside[columns + 1])
    offsets = np.abs((first + columns) / width - 0.5)
    best = [np.unravel_index(np.argmax(steps - penalty * offsets), steps.shape) for penalty in OFFSET_PENALTIES]
    return list(dict.fromkeys((first + int(columns[column]), float(SEAM_ANGLES[row])) for row, column in best))


def score_seam(gray: np.ndarray, column: int, angle: float) -> float:
    """Return the log-odds that a line separates two pages.

    Args:
        gray: float32 (h, w).
        column: First column right of the line, at mid-height.
        angle: Tilt of the line [degrees].
    """
    height, width = gray.shape
    strip = shear(gray, column - WINDOW, column + WINDOW, angle)
    left, right = strip[:, WINDOW - 2], strip[:, WINDOW + 1]  # the two columns between are blurred
    across = np.minimum(np.abs(right - left), 80)
    beside = np.maximum(np.abs(left - strip[:, WINDOW - 4]), np.abs(strip[:, WINDOW + 3] - right))
    step = (across.mean() - np.minimum(beside, 80).mean()) / 30
    slopes = strip[2:] - strip[:-2]  # vertical: strokes that cross the line have equal slopes on both sides
    left_slope, right_slope = slopes[:, WINDOW - 2], slopes[:, WINDOW + 1]
    energy = (left_slope**2 + right_slope**2).sum() / 2 + 30 * height  # the constant is noise
    crossing = max(float((left_slope * right_slope).sum() / energy), 0)
    margins = sum(measure_margins(gray, column, angle)) / width
    return float(
        BIAS
        + STEP_WEIGHT * np.clip(step, -1, 1)
        + MARGIN_WEIGHT * min(margins, 0.06)
        - FRAME_WEIGHT * measure_frame(strip)
        - CROSSING_WEIGHT * crossing
        - TONE_WEIGHT * measure_tone(left, right)
        - OFFSET_WEIGHT * abs(column / width - 0.5)
    )


def measure_margins(gray: np.ndarray, column: int, angle: float) -> tuple[int, int]:
    """Return the widths of the clean bands that end at a line, left and right of it [px]."""
    reach = int(0.06 * gray.shape[1])
    bands = find_clean_bands(shear(gray, column - reach, column + reach, angle))
    left = max((reach - band.start for band in bands if band.start < reach - 1 <= band.stop), default=0)
    right = max((band.stop - reach for band in bands if band.start <= reach + 1 < band.stop), default=0)
    return left, right


def measure_tone(left: np.ndarray, right: np.ndarray) -> float:
    """Return the share of rows with one gray tone on both sides of a line, neither paper nor black [0, 1].

    If a tone continues across the line, the drawing continues. The gray level of paper is measured in each column,
    because a fold casts a shadow.

    Args:
        left: float32 (h,): the column left of the line.
        right: float32 (h,): the column right of it.
    """
    darkest, lightest = TONE_RANGE
    shares = [column / max(float(np.percentile(column, 95)), 1) for column in (left, right)]
    is_tone = [(darkest < share) & (share < lightest) for share in shares]
    return float((is_tone[0] & is_tone[1] & (np.abs(left - right) < MAX_TONE_STEP)).mean())


def measure_frame(strip: np.ndarray) -> float:
    """Return the share of rows with a frame: a thin dark line along the middle of a strip (h, 2 · WINDOW) [0, 1]."""
    middle = WINDOW
    left, right = strip[:, middle - 2], strip[:, middle + 1]
    left_line = np.minimum(left, strip[:, middle - 3])
    right_line = np.minimum(right, strip[:, middle + 2])
    left_paper = strip[:, middle - 7 : middle - 4].max(axis=1)
    right_paper = strip[:, middle + 4 : middle + 7].max(axis=1)
    line = np.minimum(strip[:, middle - 1], strip[:, middle])
    framed = (
        ((left_line < 90) & (np.minimum(left_paper, right) > left_line + 60))
        | ((right_line < 90) & (np.minimum(right_paper, left) > right_line + 60))
        | ((line < 120) & (line < np.minimum(left, right) - 40))
    )
    return float(framed.mean())
