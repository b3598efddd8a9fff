"""Find the borders at the left and at the right of the pages of screenshots."""

from collections import Counter
from typing import NamedTuple

import numpy as np

from mangagan.ingestion.bar_rows import MIN_GROUP
from mangagan.ingestion.edge_profiles import SAME_COLOUR, EdgeProfile
from mangagan.ingestion.page_edges import DARK, RINGING, TOLERANCE


class LateralBorder(NamedTuple):
    """The borders beside a page.

    Attributes:
        left: Width of the left border [px].
        right: Width of the right border [px].
        is_straight: True if both are straight edges of the content.
        limit: Number of columns at the left and at the right that show no part of the page.
        colour: Gray level.
    """

    left: int
    right: int
    is_straight: bool
    limit: tuple[int, int]
    colour: int


def find_lateral_borders(profiles: list[EdgeProfile], rows: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Find the widths of the left and right borders of each screenshot.

    Args:
        profiles: The screenshots of a group.
        rows: First row of the page, and first row below it, of each screenshot.
    """
    borders = [measure_lateral_border(profile, *span) for profile, span in zip(profiles, rows, strict=True)]
    light = [border.is_straight for border in borders if border.colour >= DARK]
    trusts_light = len(light) >= MIN_GROUP and np.mean(light) >= 0.5
    votes = Counter((border.left, border.right) for border in borders if border.is_straight)
    result = []
    for left, right, is_straight, limit, colour in borders:
        if colour >= DARK and not trusts_light:
            result.append((0, 0))
        elif is_straight:
            result.append((left, right))
        else:
            fitting = [pair for pair in votes if votes[pair] >= 2 and pair[0] <= limit[0] and pair[1] <= limit[1]]
            result.append(min(fitting, default=(0, 0)))
    return result


def measure_lateral_border(profile: EdgeProfile, start: int, end: int) -> LateralBorder:
    """Measure the borders beside the rows of a page."""
    value = profile.value[start:end].astype(np.int16)
    colour = int(np.median(value))
    if (np.abs(value - colour) > SAME_COLOUR).any():
        return LateralBorder(0, 0, False, (0, 0), colour)
    widths, limits, needed = [], [], 0.9 if colour < DARK else 0.98
    is_straight = True
    for run in (profile.left_run[start:end], profile.right_run[start:end]):
        middle = int(np.bincount(run).argmax())
        has_content_outside = bool((run < middle - RINGING).any() or (run < middle - TOLERANCE).mean() > 0.1)
        is_near = np.abs(run.astype(np.int32) - middle) <= TOLERANCE
        is_straight &= bool(is_near.mean() >= needed) and not has_content_outside
        widths.append(middle)
        limits.append(int(run.min()) + TOLERANCE)
    is_straight &= sum(widths) < profile.width and abs(widths[0] - widths[1]) <= max(3, 0.06 * profile.width)
    return LateralBorder(widths[0], widths[1], is_straight, (limits[0], limits[1]), colour)
