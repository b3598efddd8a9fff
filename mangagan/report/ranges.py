"""Range plots: where a figure lies between real faces and spoilt ones, as SVG that stretches to its box.

Places along the track are shares of its width, so that letters keep their size on a phone. The colours are the page's.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mangagan.report.markup import escape, look_up, number, spread

NARROW = 290  # px, the track on a small phone: labels that keep clear of each other there do so everywhere
LETTER, BOLD = 6.2, 7.2  # px, the mean width of a letter, and of one of the samples' label
TRACK, LANE, LABELS = 27, 15, 52  # px: the track's middle from the top, a line of labels, the first one's baseline
EDGE = 3.0  # % of the width kept free at both ends
REACH = 6.0  # distances from floor to nearest ceiling that a linear axis reaches out; marks beyond are clipped
DECADES = 15.0  # largest over smallest mark from which an axis that would clip is logarithmic

CEILINGS = {"noise": "noise", "blurred": "blurred faces", "mean_face": "mean face"}


@dataclass(frozen=True)
class Mark:
    """One figure on the track.

    Attributes:
        kind: value, floor or ceiling.
        name: what it is of.
        value: where it lies.
        sd: its standard deviation, 0 where there is none.
        key: of the figure in the report's sources.
        sd_key: of its deviation; empty where it has none by nature.
    """

    kind: str
    name: str
    value: float
    sd: float
    key: str
    sd_key: str = ""


@dataclass(frozen=True)
class Axis:
    """Maps figures to the track."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Percent of the width from the left; marks beyond an end stand at that end."""
        low, high, at = (math.log(max(x, self.low)) if self.log else x for x in (self.low, self.high, value))
        return round(EDGE + (100 - 2 * EDGE) * min(max((at - low) / (high - low), 0.0), 1.0), 2)

    def side(self, value: float) -> int:
        """−1 for a figure below the axis, 1 above it, else 0."""
        slack = 1e-9 * (abs(self.low) + abs(self.high))
        return (value > self.high + slack) - (value < self.low - slack)


def marks_of(values: Mapping[str, Any], key: str) -> list[Mark]:
    """The marks of the figure block under a key of the report's sources: the samples' first, unknown ones left out."""
    block = look_up(values, key)
    ceilings = block.get("ceilings") or {}
    named = [("value", "samples", "value", "sd"), ("floor", "real faces", "floor", "floor_sd")]
    named += [("ceiling", CEILINGS.get(name, name.replace("_", " ")), f"ceilings.{name}", "") for name in ceilings]
    found = [(kind, name, look_up(block, at), at, sd) for kind, name, at, sd in named]
    return [
        Mark(kind, name, value, block.get(sd) or 0.0, f"{key}.{at}", f"{key}.{sd}" if sd else "")
        for kind, name, value, at, sd in found
        if value is not None
    ]


def choose_axis(marks: Sequence[Mark], natural: tuple[float, float] | None) -> Axis:
    """The axis for the marks.

    A metric with ends of its own gets these, or what lies beyond. Else the axis is linear over all marks, unless some
    lie more than `REACH` times as far from the floor as the nearest ceiling: then it is logarithmic where all marks can
    be told from 0, and clips the far ones where not.

    Args:
        marks: at least one.
        natural: what the axis spans at least.
    """
    values = [mark.value for mark in marks]
    if natural:
        return Axis(min(natural[0], *values), max(natural[1], *values))
    origin = next((mark for mark in marks if mark.kind == "floor"), marks[0])
    offsets = [abs(mark.value - origin.value) for mark in marks if mark.kind == "ceiling"]
    unit = min((offset for offset in offsets if offset > 2 * origin.sd), default=0.0)
    near = [value for value in values if not unit or abs(value - origin.value) <= REACH * unit]
    if len(near) < len(values) and min(values) > 2 * origin.sd and max(values) / min(values) > DECADES:
        return Axis(min(values) / 1.3, max(values) * 1.3, log=True)
    spreads = [(mark.value - mark.sd, mark.value + mark.sd) for mark in marks if mark.value in near]
    low, high = min(low for low, _ in spreads), max(high for _, high in spreads)
    margin = 0.04 * (high - low) or 0.1 * abs(high) or 1.0
    return Axis(max(low - margin, 0.0) if low >= 0 else low - margin, high + margin)


def range_plot(
    values: Mapping[str, Any], key: str, title: str, natural: tuple[float, float] | None, direction: str
) -> str:
    """Draws a figure block's value between its floor and its ceilings.

    Args:
        values: the report's sources.
        key: of the block.
        title: for who cannot see the plot.
        natural: what the axis spans at least, where the metric has ends of its own.
        direction: what to hope for, as the axis says it.

    Returns:
        An `<svg>` element; nothing where there is no value.
    """
    marks = marks_of(values, key)
    if not marks or marks[0].kind != "value":
        return ""
    axis = choose_axis(marks, natural)
    others = marks[1:]
    lanes = assign_lanes(values, others, axis)
    bottom = LABELS + LANE * (max(lanes, default=-1) + 1) + 4
    floor = next((mark for mark in others if mark.kind == "floor"), None)
    parts = [
        f'<svg class="range" width="100%" height="{bottom + 6}" role="group" aria-label="{escape(title)}">',
        f'<rect class="track" x="0" width="100%" y="{TRACK - 3}" height="6" rx="3"/>',
        gap(axis, marks[0], floor) if floor else "",
        *(leader(axis, mark, lane) for mark, lane in zip(others, lanes, strict=True)),
        *(stroke(axis, mark) for mark in others),
        pin(axis, marks[0]),
        label(values, axis, marks[0], 11),
        *(label(values, axis, mark, LABELS + LANE * lane) for mark, lane in zip(others, lanes, strict=True)),
        *ends(axis, bottom, direction),
        "</svg>",
    ]
    return "".join(parts)


def assign_lanes(values: Mapping[str, Any], marks: Sequence[Mark], axis: Axis) -> list[int]:
    """The line below the track that each mark's label stands on, so that none overlap: 0 is the highest.

    Labels that run to the right are placed from the right, so that the lines that lead down to the lower ones pass
    them by; those that run to the left, from the left.
    """
    boxes = [extent(values, mark, axis) for mark in marks]
    runs_left = [anchor(values, mark, axis) == "end" for mark in marks]
    order = sorted(range(len(marks)), key=lambda index: (runs_left[index], boxes[index][runs_left[index]]))
    order = [i for i in reversed(order) if not runs_left[i]] + [i for i in order if runs_left[i]]
    lanes: dict[int, int] = {}
    for index in order:
        left, right = boxes[index]
        taken = {lanes[other] for other in lanes if boxes[other][0] < right + 2 and left < boxes[other][1] + 2}
        lanes[index] = next(lane for lane in range(len(marks)) if lane not in taken)
    return [lanes[index] for index in range(len(marks))]


def text_width(values: Mapping[str, Any], mark: Mark) -> float:
    """How much of the narrowest track a mark's label takes, in percent."""
    letters = len(f"{mark.name} {number(look_up(values, mark.key))}")
    deviation = look_up(values, mark.sd_key) if mark.sd_key else None
    letters += len(f" ± {number(deviation, 2)}") if deviation is not None else 0
    return 100 * (letters + 2) * (BOLD if mark.kind == "value" else LETTER) / NARROW


def anchor(values: Mapping[str, Any], mark: Mark, axis: Axis) -> str:
    """Whether a label starts or ends at its mark, to the right if it fits; around it where neither does."""
    x, width = axis.place(mark.value), text_width(values, mark)
    return "start" if x + width <= 100 else "end" if x >= width else "middle"


def extent(values: Mapping[str, Any], mark: Mark, axis: Axis) -> tuple[float, float]:
    """Where a mark's label begins and ends, in percent."""
    width = text_width(values, mark)
    left = axis.place(mark.value) - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor(values, mark, axis)]
    return left, left + width


def gap(axis: Axis, value: Mark, floor: Mark) -> str:
    """The stretch between the samples and real faces."""
    left, right = sorted((axis.place(value.value), axis.place(floor.value)))
    return f'<rect class="gap" x="{left}%" width="{right - left:.2f}%" y="{TRACK - 3}" height="6"/>'


def stroke(axis: Axis, mark: Mark) -> str:
    """A floor as a stroke in the band of its deviation, a ceiling as a stroke; an arrow where it lies beyond."""
    if axis.side(mark.value):
        return arrow(axis, mark)
    x = axis.place(mark.value)
    line = f'<line class="{mark.kind}" x1="{x}%" x2="{x}%" y1="{TRACK - 9}" y2="{TRACK + 9}"/>'
    if mark.kind != "floor" or not mark.sd:
        return line
    left, right = axis.place(mark.value - mark.sd), axis.place(mark.value + mark.sd)
    return f'<rect class="band" x="{left}%" width="{right - left:.2f}%" y="{TRACK - 9}" height="18"/>{line}'


def pin(axis: Axis, mark: Mark) -> str:
    """The samples' own mark with its deviation; an arrow where it lies beyond."""
    if axis.side(mark.value):
        return arrow(axis, mark)
    x, whisker = axis.place(mark.value), ""
    if mark.sd:
        left, right = axis.place(mark.value - mark.sd), axis.place(mark.value + mark.sd)
        whisker = f'<line class="whisker" x1="{left}%" x2="{right}%" y1="{TRACK}" y2="{TRACK}"/>'
    return f'{whisker}<circle class="value" cx="{x}%" cy="{TRACK}" r="6"/>'


def arrow(axis: Axis, mark: Mark) -> str:
    """A head at the end of the axis that a mark lies beyond."""
    side = axis.side(mark.value)
    head = f'<path class="{mark.kind} far" d="M{8 * side} 0L{-3 * side} -7V7Z"/>'
    return f'<svg x="{axis.place(mark.value)}%" y="{TRACK}" overflow="visible">{head}</svg>'


def leader(axis: Axis, mark: Mark, lane: int) -> str:
    """The thin line from a mark down to its label."""
    x = axis.place(mark.value)
    return f'<line class="leader" x1="{x}%" x2="{x}%" y1="{TRACK + 9}" y2="{LABELS + LANE * lane}"/>'


def label(values: Mapping[str, Any], axis: Axis, mark: Mark, y: int) -> str:
    """What a mark is, with its figure; an arrow where it lies beyond the axis."""
    where, side = anchor(values, mark, axis), axis.side(mark.value)
    text = f"{escape(mark.name)} {spread(values, mark.key, mark.sd_key, 'tspan')}"
    text = {0: text, 1: f"{text} →", -1: f"← {text}"}[side]
    shift = {"start": 4, "middle": 0, "end": -4}[where]
    return (
        f'<text class="{mark.kind}-label" x="{axis.place(mark.value)}%" y="{y}" dx="{shift}" text-anchor="{where}">'
        f"{text}</text>"
    )


def ends(axis: Axis, y: int, direction: str) -> list[str]:
    """The axis in words: where it begins and ends, its scale, and which way is better."""
    scale = "log scale" if axis.log else "linear"
    return [
        f'<text class="tick" x="0" y="{y}">{number(axis.low, 2)}</text>',
        f'<text class="tick" x="100%" y="{y}" text-anchor="end">{number(axis.high, 2)}</text>',
        f'<text class="note" x="50%" y="{y}" text-anchor="middle">{scale}; {escape(direction)}</text>',
    ]
