"""Find the bars and borders around the pages of screenshots by comparing the screenshots of a title.

A bar consists of rows with the same text or icons in most screenshots of a group. A side is trimmed only up to a
straight edge of the page, and only if all rows outside of this edge are a bar or a border of one colour.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mangagan.ingestion.bar_rows import MIN_GROUP, find_bar, find_bar_edge, find_margin_colours
from mangagan.ingestion.boxes import Box
from mangagan.ingestion.edge_profiles import EdgeProfile, measure_edges
from mangagan.ingestion.lateral_borders import find_lateral_borders
from mangagan.ingestion.page_edges import BLANK, RINGING, TOLERANCE, Edge, find_next_edge, is_blank

__all__ = ["EdgeProfile", "find_page_boxes", "measure_edges"]

END_SHARE = 0.05  # height of the top and of the bottom that are compared to find groups, as a share of the screen
SAME_LOOK = 8  # maximum difference of the colours of a bar in a group [gray levels]
MIN_AGREEMENT = 0.92  # minimum share of the rows that agree in a group
MAX_SMALL_GROUPS = 64  # groups of under MIN_GROUP screenshots that a further screenshot is compared with
MAX_SAMPLE = 200  # screenshots of a group that are compared to find its bars
MIN_WIDTH, MIN_HEIGHT = 0.2, 0.25  # minimum size of a page, as shares of the screen
MIN_TRIM = 8  # minimum number of rows or columns to trim [px]; fewer are the edge of a page, not a bar


@dataclass(frozen=True)
class Side:
    """Bars and margins at the top of the screenshots of a group.

    Attributes:
        bar_end: First row below the text and icons of the bars. 0 if there is no bar.
        bar_edge: Row of the edge below the bars, if it is visible in the whole width. Otherwise 0.
        is_margin: bool (256,), True for the gray levels at the left edges of the pages. A border with such a gray level
            cannot be distinguished from the margin of a page.
    """

    bar_end: int
    bar_edge: int
    is_margin: np.ndarray


def find_page_boxes(profiles: Sequence[EdgeProfile]) -> list[Box]:
    """Find the box of the page in each image of one title.

    Args:
        profiles: Profiles of all images of the title, in reading order.

    Returns:
        One box for each image: the whole image if nothing is trimmed.
    """
    boxes = [Box(0, 0, profile.width, profile.height) for profile in profiles]
    for group in group_screenshots(profiles):
        members = [profiles[index] for index in group]
        for index, box in zip(group, find_group_boxes(members), strict=True):
            image = boxes[index]
            if max(image.height - box.height, image.width - box.width) >= MIN_TRIM:
                boxes[index] = box
    return boxes


def group_screenshots(profiles: Sequence[EdgeProfile]) -> list[list[int]]:
    """Group the screenshots with the same size and the same colours and texts at both ends of the screen."""
    by_size: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, profile in enumerate(profiles):
        if profile.value.size:
            by_size[profile.width, profile.height].append(index)
    return [group for indices in by_size.values() for group in group_by_ends(profiles, indices)]


def group_by_ends(profiles: Sequence[EdgeProfile], indices: list[int]) -> list[list[int]]:
    """Group screenshots of one size by the look of both ends of the screen.

    Scans give a group for almost every image. To bound the time, an image is compared with the groups that have
    MIN_GROUP members, and with the latest MAX_SMALL_GROUPS others.
    """
    large: list[tuple[np.ndarray, list[int]]] = []
    small: deque[tuple[np.ndarray, list[int]]] = deque(maxlen=MAX_SMALL_GROUPS)
    groups: list[list[int]] = []
    for index in indices:
        ends = describe_ends(profiles[index])
        known = [*large, *small]
        agreement = [float((np.abs(ends - leader) <= SAME_LOOK).mean()) for leader, _ in known]
        if max(agreement, default=0.0) < MIN_AGREEMENT:
            groups.append([index])
            small.append((ends, groups[-1]))
            continue
        leader, group = known[int(np.argmax(agreement))]
        group.append(index)
        if len(group) == MIN_GROUP:
            large.append((leader, group))
            small = deque((entry for entry in small if entry[1] is not group), maxlen=MAX_SMALL_GROUPS)
    return groups


def describe_ends(profile: EdgeProfile) -> np.ndarray:
    """Return the colour and the presence of ink of the outermost rows, int16. They differ between apps and modes."""
    count = int(profile.height * END_SHARE)
    rows = np.r_[0:count, profile.height - count : profile.height]
    has_ink = profile.ink[rows] > BLANK * profile.width
    return np.concatenate([profile.value[rows].astype(np.int16), has_ink * np.int16(255)])


def find_group_boxes(profiles: list[EdgeProfile]) -> list[Box]:
    """Find the boxes of screenshots with the same bars."""
    flipped = [profile.flip() for profile in profiles]
    top, top_rows = find_side(profiles)
    bottom, bottom_rows = find_side(flipped)
    height = profiles[0].height
    boxes = [(start, height - end) for start, end in zip(top_rows, bottom_rows, strict=True)]
    boxes = centre_boxes(boxes, (top.bar_end, height - bottom.bar_end))
    sides = find_lateral_borders(profiles, boxes)
    has_bars = bool(top.bar_end or bottom.bar_end)
    found = [
        Box(left, start, profile.width - left - right, end - start)
        for profile, (start, end), (left, right) in zip(profiles, boxes, sides, strict=True)
    ]
    centres = Counter(round(box.top + box.height / 2) for box in found if box.top > 0)
    return [
        box if is_plausible(box, profile, has_bars, centres) else Box(0, 0, profile.width, profile.height)
        for box, profile in zip(found, profiles, strict=True)
    ]


def centre_boxes(boxes: list[tuple[int, int]], limits: tuple[int, int]) -> list[tuple[int, int]]:
    """Extend the boxes that are not centred on the screen, if most boxes of the group are centred.

    A black end of a page is not visible on a black border, but a reader app shows each page in the middle.

    Args:
        boxes: First row of the page and first row below it, of each screenshot.
        limits: First row below the upper bars, and first row of the lower bars.
    """
    sums = Counter(start + end for start, end in boxes)
    common = max(sums, key=lambda value: sums[value])
    if sum(sums[common + step] for step in range(-2, 3)) < max(3, 0.5 * len(boxes)):
        return boxes
    result = []
    for start, end in boxes:
        if abs(start + end - common) > 2 * TOLERANCE and limits[0] <= start and end <= limits[1]:
            half = max(common / 2 - start, end - common / 2)
            start = max(limits[0], int(common / 2 - half))
            end = min(limits[1], int(np.ceil(common / 2 + half)))
        result.append((start, end))
    return result


def is_plausible(box: Box, profile: EdgeProfile, has_bars: bool, centres: Counter[int]) -> bool:
    """Return True if a box can be the page of a screenshot.

    Args:
        box: The box.
        profile: The screenshot.
        has_bars: True if bars were found. Without bars, a page touches two opposite sides of the screen and is centred.
        centres: How often each centre row occurs in the group.
    """
    if box.width < MIN_WIDTH * profile.width or box.height < MIN_HEIGHT * profile.height:
        return False
    if has_bars:
        return True
    right, bottom = profile.width - box.left - box.width, profile.height - box.top - box.height
    if max(box.top, bottom) > 3 and max(box.left, right) > 3:
        return False
    if abs(box.left - right) > 3:
        return False
    centre = round(box.top + box.height / 2)
    votes = sum(centres[row] for row in range(centre - 2, centre + 3))
    return abs(box.top - bottom) <= 3 or votes >= max(3, 0.5 * centres.total())


def find_side(profiles: list[EdgeProfile]) -> tuple[Side, list[int]]:
    """Find the bars at the top of a group, and the first row of the page of each screenshot."""
    sample = profiles[:: max(1, -(-len(profiles) // MAX_SAMPLE))]
    bar_end = find_bar(sample)
    side = Side(bar_end, find_bar_edge(sample, bar_end), find_margin_colours(sample))
    if bar_end:
        side = skip_to_border(sample, skip_to_border(sample, side))
    edges = [find_edge(profile, side) for profile in profiles]
    votes = Counter(edge.row for edge in edges if edge.is_straight and not edge.is_margin)
    needed = max(3 if len(profiles) > MIN_GROUP else 2, 0.08 * len(profiles))
    voted = sorted(row for row in votes if sum(votes[near] for near in (row - 1, row, row + 1)) >= needed)
    cut = find_common_cut([edge for edge in edges if edge.is_margin]) if side.bar_end else 0
    rows = []
    for edge in edges:
        if edge.is_margin:
            row = cut if cut <= edge.first_ink + RINGING else 0
        else:
            row = choose_row(edge, voted, len(profiles))
        rows.append(max(row, side.bar_edge))
    return side, rows


def find_common_cut(edges: list[Edge]) -> int:
    """Return the row at which drawings are cut off in many screenshots, and no ink is outside. 0 if there is none.

    Args:
        edges: Edges of the screenshots whose border has the colour of the margins of the pages.
    """
    rows = Counter(edge.first_ink for edge in edges)
    if len(edges) < MIN_GROUP:
        return 0
    outermost = min(rows)
    cut = max(range(outermost, outermost + RINGING + 1), key=lambda row: rows[row])
    votes = sum(rows[row] for row in range(cut - 1, cut + 2))
    straight = sum(edge.is_straight and abs(edge.row - cut) <= TOLERANCE for edge in edges)
    return cut if votes >= max(3, 0.25 * len(edges)) and straight >= 2 else 0


def choose_row(edge: Edge, voted: list[int], count: int) -> int:
    """Return the row at which the page of a screenshot begins; 0 if nothing is to be trimmed.

    Args:
        edge: The outermost edge of the screenshot.
        voted: Rows of straight edges of several screenshots of the group, ascending.
        count: Number of screenshots in the group.
    """
    if edge.is_straight and (edge.is_complete or any(abs(edge.row - row) <= TOLERANCE for row in voted)):
        return edge.row
    if near := [row for row in voted if abs(edge.first_ink - row) <= TOLERANCE]:
        return near[0]
    outer = [row for row in voted if row <= edge.first_ink]
    return outer[0] if outer and count >= MIN_GROUP else 0


def find_edge(profile: EdgeProfile, side: Side) -> Edge:
    """Find the outermost edge of the content below the bars of the group."""
    return find_next_edge(profile, side.bar_end, side.is_margin)


def skip_to_border(profiles: list[EdgeProfile], side: Side) -> Side:
    """Move the end of the bars to the row at which a border of another colour begins in most screenshots."""
    rows: Counter[int] = Counter()
    for profile in profiles:
        edge = find_edge(profile, side)
        # A border in the colour of the margins of the pages can be the margin of a page.
        if edge.is_complete and not side.is_margin[profile.value[edge.row]] and is_blank(profile, edge.row, 3):
            rows[edge.row] += 1
    row, count = max(rows.items(), key=lambda item: item[1], default=(0, 0))
    is_common = count >= 0.6 * len(profiles) and side.bar_end < row < 0.2 * profiles[0].height
    return replace(side, bar_end=row, bar_edge=row) if is_common else side
