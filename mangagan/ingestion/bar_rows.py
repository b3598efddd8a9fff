"""Find the rows of bars: text and icons that most screenshots of a group have at the same place."""

from typing import NamedTuple

import numpy as np

from mangagan.ingestion.edge_profiles import SAME_COLOUR, EdgeProfile
from mangagan.ingestion.page_edges import BLANK, DARK, RINGING

MIN_GROUP = 4  # minimum number of screenshots in a group; bars are not searched in smaller groups
MIN_COMMON_SHARE = 0.8  # minimum share of the screenshots of a group in which a row of a bar has text or icons
MIN_INKED_SHARE = 0.2  # a row with ink in a smaller share of the screenshots does not count as inked
MAX_SEGMENT = 0.05  # maximum height of a line of text or icons in a bar, as a share of the height of the screen
MAX_LINE = 12  # maximum height of a separator line over the whole width of the screen [px]
MAX_INK = 0.97  # maximum share of a row that text, icons or a slider cover
MIN_MARGIN_LEVEL = 200  # minimum gray level of the margin of a page


def find_margin_colours(profiles: list[EdgeProfile]) -> np.ndarray:
    """Return bool (256,): True for the light gray levels that the rows of most pages have at their left end."""
    shares = []
    for profile in profiles:
        rows = profile.value[int(0.3 * profile.height) : int(0.7 * profile.height)]
        counts = np.bincount(rows, minlength=256) / len(rows)
        shares.append(np.convolve(counts, np.ones(2 * SAME_COLOUR + 1), "same"))
    return (np.median(shares, axis=0) >= 0.1) & (np.arange(256) >= DARK)


def find_bar(profiles: list[EdgeProfile]) -> int:
    """Return the first row below the text and icons of the bars at the top of a group. 0 if there are no bars."""
    if len(profiles) < MIN_GROUP:
        return 0
    rows = measure_zone(profiles)
    height, zone = profiles[0].height, len(rows.colour)
    bar_end, background = 0, rows.colour[0]
    for start, end in find_segments(rows.inked >= MIN_INKED_SHARE):
        before = rows.colour[bar_end:start]
        if (before[np.abs(before - background) > SAME_COLOUR] >= MIN_MARGIN_LEVEL).any():  # the margin of the page
            break
        if end >= zone or end - start > MAX_SEGMENT * height or not is_bar_segment(rows, start, end):
            break
        bar_end, background = end, rows.colour[end]
    if bar_end:  # icons that few screenshots have
        spare = slice(bar_end, bar_end + RINGING)
        is_rare = (rows.inked[spare] > 0) & (rows.inked[spare] < MIN_INKED_SHARE) & rows.is_constant[spare]
        bar_end += int(np.cumprod(is_rare).sum())
    return bar_end


class ZoneRows(NamedTuple):
    """Properties of the rows of a zone, over all screenshots of a group. All arrays have the shape (Z,).

    Attributes:
        colour: Median of the colours of the row.
        is_constant: True if nearly all screenshots have this colour.
        is_quiet: True if both ends of the row have the colour of the row in nearly all screenshots.
        inked: Share of the screenshots with ink in the row [0, 1].
        has_constant_ink: True if most screenshots have the same ink at the same place.
    """

    colour: np.ndarray
    is_constant: np.ndarray
    is_quiet: np.ndarray
    inked: np.ndarray
    has_constant_ink: np.ndarray


def measure_zone(profiles: list[EdgeProfile]) -> ZoneRows:
    """Compare the rows of the upper zone of a group."""
    width, zone = profiles[0].width, len(profiles[0].top)
    value = np.stack([profile.value[:zone] for profile in profiles]).astype(np.int16)
    ink = np.stack([profile.ink[:zone] for profile in profiles])
    ends = np.stack([np.minimum(profile.left_run[:zone], profile.right_run[:zone]) for profile in profiles])
    colour = np.median(value, axis=0)
    is_quiet = (ends >= 0.01 * width) & (ink <= MAX_INK * width)
    return ZoneRows(
        colour,
        (np.abs(value - colour) <= SAME_COLOUR).mean(axis=0) >= 0.9,
        is_quiet.mean(axis=0) >= 0.9,
        (ink > BLANK * width).mean(axis=0),
        find_constant_ink(np.stack([profile.top for profile in profiles]).astype(np.int16), colour),
    )


def is_bar_segment(rows: ZoneRows, start: int, end: int) -> bool:
    """Return True if inked rows are text, icons, a slider or a line of a bar."""
    if not (rows.is_constant[:end] | (rows.inked[:end] < MIN_INKED_SHARE)).all():
        return False
    segment = slice(start, end)
    is_line = end - start <= MAX_LINE and rows.is_constant[segment].all()
    # A page number changes from page to page. On a light background it could be printed on the page.
    is_constant = rows.has_constant_ink[segment].any() or (rows.colour[segment] < DARK).all()
    is_common = (rows.inked[segment] >= MIN_COMMON_SHARE).mean() >= 0.5
    return bool((rows.is_quiet[segment].all() or is_line) and is_common and is_constant)


def find_bar_edge(profiles: list[EdgeProfile], bar_end: int) -> int:
    """Return the first row below the bars at which most screenshots change in the whole width. 0 if there is none."""
    if not bar_end:
        return 0
    limit = bar_end + int(MAX_SEGMENT * profiles[0].height)
    steps = np.stack([profile.step[bar_end + 1 : limit] for profile in profiles])
    ink = np.stack([profile.ink[bar_end : limit - 1] for profile in profiles])
    is_edge = (steps >= 0.97 * profiles[0].width).mean(axis=0) >= MIN_COMMON_SHARE
    is_empty = (ink <= BLANK * profiles[0].width).mean(axis=0) >= 0.9
    rows = np.flatnonzero(is_edge & np.logical_and.accumulate(is_empty))
    return bar_end + 1 + int(rows[0]) if rows.size else 0


def find_constant_ink(zones: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Return bool (Z,): True for the rows with the same ink at the same place in most screenshots.

    Args:
        zones: int16 (N, Z, BINS), thumbnails of the zone.
        colour: Background of each row (Z,).
    """
    middle = np.median(zones, axis=0)
    is_ink = np.abs(middle - colour[:, None]) > 6
    agrees = (np.abs(zones - middle) <= 10).mean(axis=0) >= MIN_COMMON_SHARE
    return (is_ink & agrees).any(axis=1)


def find_segments(mask: np.ndarray, max_gap: int = 2) -> list[tuple[int, int]]:
    """Return start and end of the runs of True in bool (N,). Gaps of up to `max_gap` rows belong to a run."""
    rows = np.flatnonzero(mask)
    if not rows.size:
        return []
    cuts = np.flatnonzero(np.diff(rows) > max_gap + 1)
    starts, ends = np.r_[rows[0], rows[cuts + 1]], np.r_[rows[cuts], rows[-1]] + 1
    return [(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]
