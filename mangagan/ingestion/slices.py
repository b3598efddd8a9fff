"""Find the slices of webtoon strips: consecutive images of one folder that an app or site cut from one strip.

A cut through a drawing leaves matching rows: the strokes at the bottom of the upper slice continue at the top of the
lower slice. A cut through a gutter leaves two blank rows. Then the other cuts of the strip decide.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby, pairwise

import numpy as np
from PIL import Image

MAX_COLUMNS = 1024  # wider rows are reduced
SHIFTS = (-2, -1, 0, 1, 2)  # px: a slanted stroke moves from row to row
STROKE = 20  # minimum difference of neighbouring gray levels that counts as a side of a stroke
MIN_STROKES = 6  # sides of strokes that must continue across a cut
DISPLACEMENTS = range(8, 22)  # px: rows displaced by these match only by chance, or because they are periodic
MIN_CONTINUED = 0.35  # minimum share of sides of strokes that continue, corrected for chance
MAX_UNRELATED = 0.12  # maximum of this share for unrelated images; between both limits, the cut is unknown
MAX_TONE_RATIO = 0.5  # maximum difference of the rows of one drawing, relative to displaced rows
MAX_LEVEL_DIFFERENCE = 16  # of two blank rows of one gutter
MIN_CONTINUED_CUTS = 2  # number of continued cuts of a strip that make its blank cuts trustworthy
MAX_BROKEN_SHARE = 0.2  # maximum share of broken cuts among the cuts of such a strip
# Kinds of cuts: below a thin slice, above one, or between other images. At least this many cuts of one kind, none of
# which continues, are not there by chance: they are the ends of pages that were cut into slices.
MIN_PAGE_ENDS = 3
THIN = 0.4  # an image with a smaller ratio of height to width cannot be a page: it is a slice


class Cut(Enum):
    """What the rows on both sides of a cut show."""

    CONTINUED = "one drawing runs through"
    UNKNOWN = "no evidence: both rows are blank, or too few strokes continue"
    BROKEN = "the rows do not belong together"


@dataclass(frozen=True)
class SliceEdges:
    """The first and the last row of an image. At most 2 KB.

    Attributes:
        width: Width of the image [px].
        height: Height of the image [px].
        top: uint8 (columns,): gray levels of the first row, reduced to at most `MAX_COLUMNS` columns.
        bottom: uint8 (columns,): the same of the last row.
    """

    width: int
    height: int
    top: np.ndarray
    bottom: np.ndarray

    @property
    def is_thin(self) -> bool:
        """Return True if the image is too low for a page."""
        return self.height < THIN * self.width


def describe_slice(pixels: np.ndarray, height: int | None = None) -> SliceEdges:
    """Return the edges of an image.

    Args:
        pixels: uint8 (H, W) or (H, W, 3): the image, or only its first and its last rows.
        height: Height of the image [px]. Default: H.
    """
    first, last = (reduce_row(pixels[row : row + 1]) for row in (0, len(pixels) - 1))
    return SliceEdges(pixels.shape[1], height or len(pixels), first, last)


def reduce_row(row: np.ndarray) -> np.ndarray:
    """Return a row, uint8 (1, W) or (1, W, 3), as gray levels of at most `MAX_COLUMNS` columns."""
    image = Image.fromarray(np.ascontiguousarray(row)).convert("L")
    factor = -(-image.width // MAX_COLUMNS)
    return np.asarray(image.reduce((factor, 1)))[0].copy()


def group_slices(edges: Sequence[SliceEdges]) -> list[list[int]]:
    """Group the images of one folder or container: the slices of a strip form one group, every other image its own.

    Args:
        edges: The images in reading order.

    Returns:
        Groups of positions, in reading order.
    """
    groups: list[list[int]] = []
    for _, run in groupby(range(len(edges)), key=lambda number: edges[number].width):
        numbers = list(run)
        groups += group_run(numbers, [edges[number] for number in numbers])
    return groups


def group_run(numbers: list[int], edges: list[SliceEdges]) -> list[list[int]]:
    """Group consecutive images of equal width."""
    cuts = [compare_edges(upper, lower) for upper, lower in pairwise(edges)]
    kinds = [(upper.is_thin, lower.is_thin) for upper, lower in pairwise(edges)]
    continued = Counter(kind for kind, cut in zip(kinds, cuts, strict=True) if cut is Cut.CONTINUED)
    broken = cuts.count(Cut.BROKEN)
    is_strip = continued.total() >= MIN_CONTINUED_CUTS and broken <= MAX_BROKEN_SHARE * (continued.total() + broken)
    trusted = {kind for kind in kinds if continued[kind] or kinds.count(kind) < MIN_PAGE_ENDS}
    groups = [numbers[:1]]
    for number, cut, kind in zip(numbers[1:], cuts, kinds, strict=True):
        is_slice = kind in trusted if is_strip else kind == (False, True) and not continued.total()
        if cut is Cut.CONTINUED or (cut is Cut.UNKNOWN and is_slice):
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups


def compare_edges(upper: SliceEdges, lower: SliceEdges) -> Cut:
    """Classify the cut between two images of equal width: does a drawing continue from the upper to the lower image?

    Strokes that an image has in its first and in its last row, such as the borders of a reader app, are ignored.
    """
    above, below = find_strokes(upper.bottom), find_strokes(lower.top)
    constant = match_strokes(above, find_strokes(upper.top)) & match_strokes(below, find_strokes(lower.bottom))
    above, below = np.where(constant, 0, above), np.where(constant, 0, below)
    counts = np.count_nonzero(above), np.count_nonzero(below)
    if max(counts) < MIN_STROKES:
        difference = np.abs(upper.bottom.astype(int) - lower.top)[~dilate(constant)]
        is_blank = difference.size == 0 or np.percentile(difference, 90) <= MAX_LEVEL_DIFFERENCE
        return Cut.UNKNOWN if is_blank else Cut.BROKEN
    corrected = measure_continuation(above, below)
    if corrected >= MIN_CONTINUED and min(counts) >= MIN_STROKES:
        return Cut.CONTINUED
    is_related = corrected > MAX_UNRELATED or compare_tones(upper.bottom, lower.top) < MAX_TONE_RATIO
    return Cut.UNKNOWN if is_related else Cut.BROKEN


def compare_tones(above: np.ndarray, below: np.ndarray) -> float:
    """Return the mean difference of two rows, uint8 (W,), divided by that of displaced rows: about 1 for two pages."""
    upper, lower = above.astype(np.int16), below.astype(np.int16)
    displaced = [
        np.abs(upper - roll(lower, shift)).mean() for shift in range(len(upper) // 8, len(upper), len(upper) // 8)
    ]
    return float(np.abs(upper - lower).mean() / max(np.mean(displaced), 1))


def measure_continuation(above: np.ndarray, below: np.ndarray) -> float:
    """Return the share of the sides of strokes in two rows that continue in the other row, corrected for chance.

    It is 1 if all continue, and 0 or less if no more continue than between rows that are displaced.

    Args:
        above: Sides of strokes, int8 (W,), as `find_strokes` returns them.
        below: The same of the other row.
    """
    signs = np.array([[1], [-1]])
    upper, lower = above == signs, below == signs  # (2, W)
    near_upper, near_lower = (np.any([roll(row, n) for n in SHIFTS], 0) for row in (upper, lower))

    def measure_share(displacement: int) -> float:
        matched = upper & roll(near_lower, displacement)
        returned = lower & roll(near_upper, -displacement)
        return float(np.count_nonzero(matched) + np.count_nonzero(returned))

    total = max(float(np.count_nonzero(upper) + np.count_nonzero(lower)), 1.0)
    share = measure_share(0) / total
    if share <= MAX_UNRELATED:
        return share
    chance = max(measure_share(displacement) for displacement in DISPLACEMENTS) / total
    return (share - chance) / max(1 - chance, 0.01)


def find_strokes(row: np.ndarray) -> np.ndarray:
    """Return the sides of strokes in a row, int8 (W,): 1 where it gets lighter, -1 where it gets darker, else 0."""
    slope = np.zeros(len(row), np.int16)
    levels = row.astype(np.int16)
    slope[1:-1] = levels[2:] - levels[:-2]
    is_peak = np.abs(slope) >= np.maximum(np.abs(roll(slope, 1)), np.abs(roll(slope, -1)))
    return np.where(is_peak & (np.abs(slope) >= 2 * STROKE), np.sign(slope), 0).astype(np.int8)


def match_strokes(strokes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return True for each side of a stroke that another row also has within `SHIFTS`, bool (W,)."""
    near = np.zeros(len(strokes), bool)
    for shift in SHIFTS:
        near |= roll(others, shift) == strokes
    return near & (strokes != 0)


def dilate(columns: np.ndarray) -> np.ndarray:
    """Return a bool row (W,) in which the neighbours of True columns are True too."""
    return np.convolve(columns, np.ones(9), "full")[4:-4] > 0


def roll(values: np.ndarray, shift: int) -> np.ndarray:
    """Shift the last axis of an array cyclically. It takes a fifth of the time of `np.roll` on short arrays."""
    shift %= values.shape[-1]
    return np.concatenate([values[..., values.shape[-1] - shift :], values[..., : values.shape[-1] - shift]], axis=-1)
