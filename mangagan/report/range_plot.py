"""Range plots: a metric of the samples between its floor (real faces) and its ceilings (ruined faces).

Positions along the track are percentages of its width, so that text keeps its size on a phone.
`templates/plots.html.jinja` draws the plot.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from mangagan.report.values import Sources, look_up, show_with_deviation

MIN_TRACK = 290  # width of the track on a small phone [px]; labels that do not overlap there never overlap
LETTER_WIDTH, BOLD_WIDTH = 6.2, 7.2  # mean width of a letter of a label, and of the label of the samples [px]
LABEL_TOP, LABEL_HEIGHT = 52, 15  # baseline of the first line of labels and distance to the next [px]
SAMPLES_TOP = 11  # baseline of the label of the samples, above the track [px]
MARGIN = 3.0  # free space at both ends of the track [% of its width]
MAX_REACH = 6.0  # end of a linear axis: this many times the distance from the floor to the nearest ceiling
LOG_RATIO = 15.0  # minimum ratio of the largest to the smallest mark for a logarithmic axis

# Display names of damaged sets. Default: the key with spaces.
SET_NAMES = {
    "blurred": "blurred faces",
    "slight_blur": "slight blur",
    "slight_warp": "slight warp",
    "broken_10": "10 % broken",
    "broken_30": "30 % broken",
    "broken_60": "60 % broken",
}


@dataclass(frozen=True)
class Mark:
    """A value on the track.

    Attributes:
        kind: value (the samples), floor, ceiling or reference.
        label: Name and value with its standard deviation, as HTML.
        value: Value of the metric.
        sd: Standard deviation; 0 if unknown.
    """

    kind: str
    label: Markup
    value: float
    sd: float = 0.0


@dataclass(frozen=True)
class Axis:
    """The mapping of values to the track. A square root scale places values below 0 at 0."""

    low: float
    high: float
    scale: Literal["linear", "log", "sqrt"] = "linear"

    def place(self, value: float) -> float:
        """Return the distance from the left [%]; values beyond an end are placed at that end."""
        low, high, scaled = map(self.transform, (self.low, self.high, value))
        return round(MARGIN + (100 - 2 * MARGIN) * min(max((scaled - low) / (high - low), 0.0), 1.0), 2)

    def side(self, value: float) -> int:
        """Return −1 for a value below the axis, 1 for a value above it, else 0."""
        slack = 1e-9 * (abs(self.low) + abs(self.high))
        return (value > self.high + slack) - (value < self.low - slack and self.scale != "sqrt")

    def transform(self, value: float) -> float:
        """Map a value to the scale."""
        if self.scale == "sqrt":
            return math.sqrt(max(value, 0.0))
        return math.log(max(value, self.low)) if self.scale == "log" else value


@dataclass(frozen=True)
class PlacedMark:
    """A mark with its position: `x` and `band` (start and width of value ± sd) in %, `label_y` in px."""

    mark: Mark
    x: float
    side: int  # see Axis.side
    band: tuple[float, float] | None
    label_y: int
    anchor: str  # `text-anchor` of the label


@dataclass(frozen=True)
class RangePlot:
    """A range plot. `others` are the floor and the ceilings; `gap` is the stretch between samples and floor [%]."""

    axis: Axis
    samples: PlacedMark
    others: Sequence[PlacedMark]
    gap: tuple[float, float] | None
    axis_y: int  # baseline of the text of the axis [px]


def lay_out_range(
    sources: Sources, key: str, bounds: tuple[float, float] | None, sqrt_scale: bool = False
) -> RangePlot | None:
    """Return the range plot of a metric; None if the metric has no value.

    Args:
        sources: Sources of the report.
        key: Key of the block of the metric.
        bounds: Minimum extent of the axis. None: the axis follows the values.
        sqrt_scale: Use a square root scale that starts at 0.
    """
    marks = list_marks(sources, key)
    if not marks or marks[0].kind != "value":
        return None
    axis = choose_axis(marks, bounds, sqrt_scale)
    samples, *others = marks
    lines = assign_lines(others, axis)
    floor = next((mark for mark in others if mark.kind == "floor"), None)
    bottom = LABEL_TOP + LABEL_HEIGHT * (max(lines, default=-1) + 1)
    placed = [place_mark(axis, mark, LABEL_TOP + LABEL_HEIGHT * line) for mark, line in zip(others, lines, strict=True)]
    gap = find_span(axis, samples.value, floor.value) if floor else None
    return RangePlot(axis, place_mark(axis, samples, SAMPLES_TOP), placed, gap, axis_y=bottom + 4)


def list_marks(sources: Sources, key: str) -> list[Mark]:
    """Return the marks of a metric, the samples first. Unknown values are omitted."""
    block = look_up(sources, key)
    named = [("value", "samples", "value", "sd"), ("floor", "real faces", "floor", "floor_sd")]
    for kind in ("ceiling", "reference"):
        named += [(kind, name_set(name), f"{kind}s.{name}", "") for name in block.get(f"{kind}s") or {}]
    marks = []
    for kind, name, entry, sd in named:
        if (value := look_up(block, entry)) is not None:
            shown = show_with_deviation(sources, f"{key}.{entry}", sd and f"{key}.{sd}", "tspan")
            marks.append(Mark(kind, Markup("{} {}").format(name, shown), value, block.get(sd) or 0.0))
    return marks


def name_set(key: str) -> str:
    """Return the name of a set of damaged faces."""
    return SET_NAMES.get(key, key.replace("_", " "))


def choose_axis(marks: Sequence[Mark], bounds: tuple[float, float] | None, sqrt_scale: bool = False) -> Axis:
    """Return the axis for the marks.

    With bounds, the axis spans these and all marks. Otherwise, it is linear over all marks, unless some are more than
    `MAX_REACH` times as far from the floor as the nearest ceiling. It is then logarithmic if all marks are clearly
    positive; otherwise it is linear and ends before the distant marks.

    Args:
        marks: At least one.
        bounds: Minimum extent of the axis.
        sqrt_scale: Use a square root scale that starts at 0. Distant marks are beyond its end. Ignored with bounds.
    """
    values = [mark.value for mark in marks]
    if bounds:
        return Axis(min(bounds[0], *values), max(bounds[1], *values))
    origin = next((mark for mark in marks if mark.kind == "floor"), marks[0])
    offsets = [abs(mark.value - origin.value) for mark in marks if mark.kind == "ceiling"]
    unit = min((offset for offset in offsets if offset > 2 * origin.sd), default=0.0)
    near = [value for value in values if not unit or abs(value - origin.value) <= MAX_REACH * unit]
    if sqrt_scale:
        high = max(mark.value + mark.sd for mark in marks if mark.value in near)
        return Axis(0.0, 1.05 * high if high > 0 else 1.0, "sqrt")
    if len(near) < len(values) and min(values) > 2 * origin.sd and max(values) / min(values) > LOG_RATIO:
        return Axis(min(values) / 1.3, max(values) * 1.3, "log")
    spans = [(mark.value - mark.sd, mark.value + mark.sd) for mark in marks if mark.value in near]
    low, high = min(low for low, _ in spans), max(high for _, high in spans)
    padding = 0.04 * (high - low) or 0.1 * abs(high) or 1.0
    return Axis(max(low - padding, 0.0) if low >= 0 else low - padding, high + padding)


def assign_lines(marks: Sequence[Mark], axis: Axis) -> list[int]:
    """Return the line of text of each label below the track, 0 at the top, so that no labels overlap.

    Labels to the right of their mark are assigned from right to left, the others from left to right: the lines from
    the marks down to lower labels then cross no label.
    """
    boxes = [compute_label_extent(mark, axis) for mark in marks]
    is_left = [choose_anchor(mark, axis) == "end" for mark in marks]
    order = sorted(range(len(marks)), key=lambda index: (is_left[index], boxes[index][is_left[index]]))
    order = [i for i in reversed(order) if not is_left[i]] + [i for i in order if is_left[i]]
    lines: dict[int, int] = {}
    for index in order:
        left, right = boxes[index]
        taken = {lines[other] for other in lines if boxes[other][0] < right + 2 and left < boxes[other][1] + 2}
        lines[index] = next(line for line in range(len(marks)) if line not in taken)
    return [lines[index] for index in range(len(marks))]


def compute_label_width(mark: Mark) -> float:
    """Return the width of a label on the narrowest track [%]."""
    letters = len(mark.label.striptags()) + 2
    return 100 * letters * (BOLD_WIDTH if mark.kind == "value" else LETTER_WIDTH) / MIN_TRACK


def choose_anchor(mark: Mark, axis: Axis) -> str:
    """Return `start` (label to the right of its mark) if it fits, else `end` if it fits, else `middle`."""
    x, width = axis.place(mark.value), compute_label_width(mark)
    return "start" if x + width <= 100 else "end" if x >= width else "middle"


def compute_label_extent(mark: Mark, axis: Axis) -> tuple[float, float]:
    """Return the left and right end of a label [%]."""
    width = compute_label_width(mark)
    share = {"start": 0.0, "middle": 0.5, "end": 1.0}[choose_anchor(mark, axis)]
    left = axis.place(mark.value) - width * share
    return left, left + width


def place_mark(axis: Axis, mark: Mark, label_y: int) -> PlacedMark:
    """Return a mark with its position."""
    band = find_span(axis, mark.value - mark.sd, mark.value + mark.sd) if mark.sd else None
    return PlacedMark(mark, axis.place(mark.value), axis.side(mark.value), band, label_y, choose_anchor(mark, axis))


def find_span(axis: Axis, first: float, second: float) -> tuple[float, float]:
    """Return the start and the width of the stretch between two values [%]."""
    left, right = sorted((axis.place(first), axis.place(second)))
    return left, round(right - left, 2)
