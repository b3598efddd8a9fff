"""Webtoon strips: find the gutters between the panels and cut the strip into pieces as tall as pages.

A strip can be higher than memory allows, so its rows are measured in bands. Only vertical strips are cut. A wide image
stays whole: the detector splits it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from mangagan.decoding.limits import STRIP_ASPECT

# Heights below are shares of the width of the strip.
IDEAL_HEIGHT = 1.4  # height of a piece; the detector shrinks taller pieces, and small faces are lost
MIN_HEIGHT, MAX_HEIGHT = 1.0, 1.9  # range of heights without a penalty
MAX_STRETCH = 4.0  # a stretch without a gutter that is higher is cut into overlapping pieces
OVERLAP = 1.25  # overlap of these pieces: a face as wide as the strip is whole in one of them
STRETCH_PIECE = 2.4  # maximum height of these pieces; the detector does not split them again
MIN_GUTTER = 0.012  # minimum height of a gutter
MAX_REST = 0.06  # height of a gutter that a piece keeps at its top and bottom
MAX_BLANK = 1.0  # a gutter that is higher always separates pieces
# Rows are compared in gray levels.
MAX_DEVIATION = 14  # difference from the median of a row that is noise of JPEG or WebP
MAX_DEVIATING = 0.003  # maximum share of pixels in a uniform row that differ more: dust
MAX_STEP = 2  # maximum difference of the levels of neighbouring rows in a gutter
MAX_DRIFT = 8  # maximum difference of all levels in a gutter


@dataclass(frozen=True)
class RowProfile:
    """Measurements of the rows of a strip.

    Attributes:
        width: Width of the strip [px].
        uniform: bool (H,): the row has one colour, apart from noise.
        level: uint8 (H, C): median colour of the row, 1 or 3 channels.
    """

    width: int
    uniform: np.ndarray
    level: np.ndarray


class Gutter(NamedTuple):
    """Rows without a drawing: `top` included, `bottom` excluded [px]."""

    top: int
    bottom: int

    @property
    def middle(self) -> int:
        """Return the row in the middle."""
        return (self.top + self.bottom) // 2

    @property
    def height(self) -> int:
        """Return the number of rows."""
        return self.bottom - self.top


def is_strip(width: int, height: int) -> bool:
    """Return True if an image is a vertical strip: higher than `STRIP_ASPECT` times its width [px]."""
    return height > STRIP_ASPECT * width


def measure_rows(bands: Iterable[np.ndarray]) -> RowProfile:
    """Measure the rows of a strip.

    Args:
        bands: The strip from top to bottom, each uint8 (h, W) or (h, W, 3).
    """
    uniform, levels, width = [np.zeros(0, bool)], list[np.ndarray](), 0
    for band in bands:
        width = band.shape[1]
        colours = band.reshape(*band.shape[:2], -1)
        step = max(1, 2_000_000 // (width * colours.shape[2]))  # rows, so that the copies below stay small
        for top in range(0, len(colours), step):
            rows = colours[top : top + step]
            level = np.sort(rows[:, :: max(1, width // 256)], axis=1)
            level = level[:, level.shape[1] // 2]
            deviates = np.abs(rows.astype(np.int16) - level[:, None]) > MAX_DEVIATION
            uniform.append(deviates.any(axis=2).mean(axis=1) <= MAX_DEVIATING)
            levels.append(np.broadcast_to(level, (len(level), 3)))  # a strip of several images may mix gray and colour
    return RowProfile(width, np.concatenate(uniform), np.concatenate(levels) if levels else np.zeros((0, 3), np.uint8))


def find_gutters(profile: RowProfile) -> list[Gutter]:
    """Return the gutters of a strip from top to bottom: runs of uniform rows of one colour.

    The blank rows at the top and at the bottom of the strip count as gutters, however few.
    """
    height = len(profile.uniform)
    level = profile.level.astype(np.int16)
    minimum = max(3, round(MIN_GUTTER * profile.width))
    gutters: list[Gutter] = []
    for top, bottom in find_runs(profile.uniform):
        changes = np.flatnonzero((np.abs(np.diff(level[top:bottom], axis=0)) > MAX_STEP).any(axis=1)) + top + 1
        gutters += [
            Gutter(start, stop)
            for start, stop in pairwise([top, *changes.tolist(), bottom])
            if (np.ptp(level[start:stop], axis=0) <= MAX_DRIFT).all()  # a gradient differs more
        ]
    return [gutter for gutter in gutters if gutter.height >= minimum or gutter.top == 0 or gutter.bottom == height]


def find_runs(values: np.ndarray) -> list[tuple[int, int]]:
    """Return (start, stop) of each run of True in a bool array."""
    edges = np.flatnonzero(np.diff(values, prepend=False, append=False))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def cut_strip(profile: RowProfile) -> list[tuple[int, int]]:
    """Return (top, bottom) of each piece of a strip in reading order; `bottom` is excluded.

    The pieces cover everything that is drawn. They end in gutters, except where a stretch without gutters exceeds
    `MAX_STRETCH` times the width: there they overlap by `OVERLAP` times the width. High gutters between pieces are
    left out. A blank strip gives no piece.
    """
    height, width = len(profile.uniform), profile.width
    gutters = find_gutters(profile)
    if any(gutter.height == height for gutter in gutters) or height == 0:
        return []
    if not gutters or gutters[0].top > 0:
        gutters.insert(0, Gutter(0, 0))
    if gutters[-1].bottom < height:
        gutters.append(Gutter(height, height))
    chosen = choose_cuts(gutters, width)
    rest = round(MAX_REST * width)
    pieces: list[tuple[int, int]] = []
    for upper, lower in pairwise(chosen):
        top = max(upper.middle, upper.bottom - rest) if upper.top > 0 else max(0, upper.bottom - rest)
        bottom = min(lower.middle, lower.top + rest) if lower.bottom < height else min(height, lower.top + rest)
        pieces += split_stretch(top, bottom, width)
    return pieces


def choose_cuts(gutters: list[Gutter], width: int) -> list[Gutter]:
    """Return the gutters at which a strip is cut, first and last included: those with the least total cost.

    Args:
        gutters: All gutters, with one at each end of the strip.
        width: Width of the strip [px].
    """
    costs, previous = [0.0], [0]
    for index in range(1, len(gutters)):
        best, cost = index - 1, np.inf
        for start in range(index - 1, -1, -1):
            total = costs[start] + compute_cost((gutters[index].top - gutters[start].bottom) / width)
            if total < cost:
                best, cost = start, total
            is_too_high = gutters[index].top - gutters[start].bottom > 2 * MAX_HEIGHT * width
            if is_too_high or (start > 0 and gutters[start].height > MAX_BLANK * width):
                break
        costs.append(cost)
        previous.append(best)
    chosen = [len(gutters) - 1]
    while chosen[-1] > 0:
        chosen.append(previous[chosen[-1]])
    return [gutters[index] for index in reversed(chosen)]


def compute_cost(height: float) -> float:
    """Return the cost of a piece: small near the ideal height, high outside of the preferred range.

    Args:
        height: Height of the drawing in the piece, as a share of the width.
    """
    outside = max(MIN_HEIGHT - height, height - MAX_HEIGHT, 0)
    return 0.1 + 0.1 * (height - IDEAL_HEIGHT) ** 2 + 2 * outside**2


def split_stretch(top: int, bottom: int, width: int) -> list[tuple[int, int]]:
    """Return a piece as it is, or as overlapping pieces of equal height if it is higher than `MAX_STRETCH` widths."""
    height = bottom - top
    if height <= MAX_STRETCH * width:
        return [(top, bottom)]
    overlap = int(np.ceil(OVERLAP * width))
    count = int(np.ceil((height - overlap) / (STRETCH_PIECE * width - overlap)))
    step = (height - overlap) / count
    return [(top + int(step * n), top + int(np.ceil(step * (n + 1))) + overlap) for n in range(count)]
