"""Find the outermost edge of the content of a screenshot on one side."""

from typing import NamedTuple

import numpy as np

from mangagan.ingestion.edge_profiles import SAME_COLOUR, EdgeProfile

BLANK = 0.004  # maximum share of differing pixels of a row of one colour
DARK = 70  # gray levels below this cannot be paper
RINGING = 8  # maximum width of the JPEG noise beside an edge [px]
TOLERANCE = 2  # px; edges closer than this are the same edge
MIN_EDGE = 0.4  # minimum share of an edge along which the page differs from the border
MIN_CUT = 0.15  # the same, if the border has the colour of the margins of the pages
COMPLETE = 0.95  # minimum share of an edge that differs from the border if the edge is visible everywhere
MAX_BORDER = 0.7  # maximum width of a border, as a share of the height of the screen


class Edge(NamedTuple):
    """The outermost edge of the content on one side of a screenshot.

    Attributes:
        row: First row of the content.
        first_ink: First row that is neither border nor bar; up to RINGING px before `row`.
        is_margin: True if the border can be the margin of the page: it has the colour of such margins.
        is_straight: True if it is certainly an edge of the page.
        is_complete: True if the page differs from the border along the whole edge.
    """

    row: int
    first_ink: int
    is_margin: bool
    is_straight: bool
    is_complete: bool


def find_next_edge(profile: EdgeProfile, start: int, is_margin: np.ndarray) -> Edge:
    """Find the end of the border that begins at the row `start`.

    Args:
        profile: The screenshot.
        start: First row of the border.
        is_margin: bool (256,), True for the gray levels of the margins of the pages.
    """
    width, colour = profile.width, int(profile.value[start])
    in_colour = np.abs(profile.value[start:].astype(np.int16) - colour) <= SAME_COLOUR
    border = in_colour & (profile.ink[start:] <= BLANK * width)
    first_ink = start + (len(border) if border.all() else int(border.argmin()))
    if first_ink == 0 or first_ink > MAX_BORDER * profile.height:
        return Edge(0, 0, False, False, False)
    value_steps = np.abs(np.diff(profile.value[first_ink - 1 : first_ink + RINGING + 1].astype(np.int16)))
    row = first_ink + int((value_steps >= 0.5 * value_steps.max()).argmax())
    if is_frame(profile, slice(row, row + max(4, profile.height // 100)), colour):
        return Edge(row, first_ink, False, True, True)
    steps = profile.step[first_ink : first_ink + RINGING + 1]
    row = first_ink + int((steps >= 0.7 * steps.max()).argmax())
    left, right = measure_ends(profile, row, colour)
    share = float(profile.step[row]) / max(1.0, width - min(left, right) * 2 if left + right < width else width)
    margin = bool(is_margin[colour])
    has_noise_only = bool((profile.ink[first_ink:row] <= 0.3 * width).all())
    if not has_noise_only or share < (MIN_CUT if margin else MIN_EDGE):
        return Edge(row, first_ink, margin, False, False)
    touches = min(left, right) <= TOLERANCE
    is_straight = touches or (not margin and is_rectangle(profile, row, colour, left, right))
    return Edge(row, first_ink, margin, is_straight, is_straight and share >= COMPLETE)


def measure_ends(profile: EdgeProfile, row: int, colour: int) -> tuple[float, float]:
    """Return how many pixels at the left and at the right of the rows below an edge have the colour of the border."""
    inside = slice(row, row + max(4, profile.height // 100))
    has_border = np.abs(profile.value[inside].astype(np.int16) - colour) <= SAME_COLOUR
    runs = (profile.left_run[inside], profile.right_run[inside])
    left, right = (float(np.median(np.where(has_border, run, 0))) for run in runs)
    return left, right


def is_frame(profile: EdgeProfile, rows: slice, colour: int) -> bool:
    """Return True if both ends of all these rows have one colour, which is not the colour of the border above."""
    value = profile.value[rows].astype(np.int16)
    ends = np.minimum(profile.left_run[rows], profile.right_run[rows])
    return bool(np.ptp(value) <= 8 and abs(int(value[0]) - colour) > SAME_COLOUR and (ends >= 3).all())


def is_rectangle(profile: EdgeProfile, row: int, colour: int, left: float, right: float) -> bool:
    """Return True if the content below an edge has straight left and right edges, without a gap."""
    rows = slice(row, row + int(0.4 * profile.height))
    in_colour = np.abs(profile.value[rows].astype(np.int16) - colour) <= SAME_COLOUR
    near = [
        np.abs(run[rows].astype(np.int32) - middle) <= TOLERANCE
        for run, middle in ((profile.left_run, left), (profile.right_run, right))
    ]
    return bool((in_colour & near[0] & near[1]).mean() >= 0.98)


def is_blank(profile: EdgeProfile, row: int, count: int) -> bool:
    """Return True if `count` rows from `row` have one colour each."""
    return bool((profile.ink[row : row + count] <= BLANK * profile.width).all())
