"""Line plots as SVG, and bars, that take their colours from the page, light or dark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mangagan.report.markup import escape

WIDTH, HEIGHT = 380, 250  # units of the drawing; at phone width about 0.9 px each
LEFT, RIGHT, TOP, BOTTOM = 54, 12, 12, 42  # margins around the axes
POINTS = 400  # at most so many a line; beyond, means of neighbours
REAL = 2  # the colour of real faces, wherever they are drawn; samples have the first
COLOURS = 4
DECADES = 30.0  # largest over smallest value from which an axis of positive values is logarithmic


@dataclass(frozen=True)
class Series:
    """One line. Points that are not finite are left out; so is a line of none.

    Attributes:
        name: for the legend.
        x: rising.
        y: as many.
        colour: which of the page's, from 0.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: int = 0


@dataclass(frozen=True)
class Scale:
    """Maps data to the drawing."""

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    log: bool = False

    def x(self, value: float) -> float:
        """Units from the left."""
        low, high = self.x_range
        return round(LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        """Units from the top."""
        low, high, at = (math.log(part) if self.log else part for part in (*self.y_range, value))
        return round(HEIGHT - BOTTOM - (at - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)


def line_plot(
    series: Sequence[Series], title: str, x_label: str, y_label: str, kept: float | None = None, wide: bool = False
) -> str:
    """Draws lines over a linear x axis; y is logarithmic where asked for and all values are positive and far apart.

    Args:
        series: the lines, in the colours `--line-0` … of the page.
        title: for who cannot see the plot.
        x_label: quantity and unit.
        y_label: quantity and unit.
        kept: an x to be marked, as what was kept there.
        wide: whether y may be logarithmic.

    Returns:
        A legend and an `<svg>` element; a paragraph where there is no finite point.
    """
    drawn = [(line, points) for line in series if len(points := thinned(finite(line)))]
    if not drawn:
        return f"<p>{escape(title)}: no data.</p>"
    everything = np.concatenate([points for _, points in drawn])
    (left, low), (right, high) = everything.min(axis=0), everything.max(axis=0)
    log = bool(wide and low > 0 and high / low > DECADES)
    x_ticks, y_ticks = nice_ticks(left, right), decades(low, high) if log else nice_ticks(low, high)
    end = max(float(right), x_ticks[1])
    x_ticks = [tick for tick in x_ticks if tick <= end]
    scale = Scale((x_ticks[0], end), (y_ticks[0], y_ticks[-1]), log)
    y_name = f"{y_label}, log scale" if log else y_label
    return "".join(
        [
            legend([line for line, _ in drawn], kept is not None),
            f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
            *axes(x_ticks, y_ticks, scale),
            f'<text class="label" x="{(LEFT + WIDTH - RIGHT) / 2:g}" y="{HEIGHT - 6}" text-anchor="middle">'
            f"{escape(x_label)}</text>",
            f'<text class="label" transform="translate(12 {(TOP + HEIGHT - BOTTOM) / 2:g}) rotate(-90)" '
            f'text-anchor="middle">{escape(y_name)}</text>',
            marker(scale, kept) if kept is not None else "",
            *(path(points, line.colour, scale) for line, points in drawn),
            "</svg>",
        ]
    )


def finite(line: Series) -> np.ndarray:
    """The finite points of a line, (N, 2)."""
    points = np.column_stack([np.asarray(line.x, float), np.asarray(line.y, float)])
    return points[np.isfinite(points).all(axis=1)]


def thinned(points: np.ndarray) -> np.ndarray:
    """At most `POINTS` points: means of equally long stretches."""
    if len(points) <= POINTS:
        return points
    return np.stack([part.mean(axis=0) for part in np.array_split(points, POINTS)])


def nice_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) that enclose low … high, about `wanted` of them."""
    if high - low < 1e-9 * max(abs(low), abs(high), 1):
        low, high = low - 0.5, high + 0.5
    raw = (high - low) / wanted
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = magnitude * min((1, 2, 5, 10), key=lambda factor: abs(math.log(factor * magnitude / raw)))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{index * step:.10g}") for index in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """Powers of ten that enclose low … high, both positive."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0**exponent for exponent in range(first, last + 1)]


def axes(x_ticks: Sequence[float], y_ticks: Sequence[float], scale: Scale) -> list[str]:
    """Grid lines, the two axes and the figures beside them."""
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for tick in y_ticks:
        y = scale.y(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 4:g}" text-anchor="end">{tick:g}</text>')
    for tick in x_ticks:
        x = scale.x(tick)
        parts.append(f'<line class="axis" x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 4}"/>')
        parts.append(f'<text class="tick" x="{x}" y="{bottom + 17}" text-anchor="middle">{tick:g}</text>')
    parts.append(f'<path class="axis" d="M{LEFT} {TOP}V{bottom}H{right}"/>')
    return parts


def legend(lines: Sequence[Series], kept: bool) -> str:
    """A stroke and a name for each line, in a row above the plot that breaks where it must."""
    keys = [f'<li><i class="key-{line.colour}"></i>{escape(line.name)}</li>' for line in lines]
    keys += ['<li><i class="key-kept"></i>kept</li>'] if kept else []
    return f'<ul class="legend">{"".join(keys)}</ul>'


def marker(scale: Scale, x: float) -> str:
    """A vertical line at what was kept."""
    return f'<line class="kept" x1="{scale.x(x)}" x2="{scale.x(x)}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'


def path(points: np.ndarray, colour: int, scale: Scale) -> str:
    """One line; a single point becomes a dot."""
    corners = [f"{scale.x(x):g} {scale.y(y):g}" for x, y in points]
    return f'<path class="line-{colour}" d="M{"L".join(corners if len(corners) > 1 else corners * 2)}"/>'


def bar(parts: Sequence[float], whole: float) -> str:
    """A horizontal bar of stacked parts, for a cell of a table whose other cells hold the figures.

    Args:
        parts: lengths, drawn in the colours `--line-0` …, the last of several in gray.
        whole: what fills the cell; above 0.
    """
    drawn, left = [], 0.0
    for index, part in enumerate(parts):
        width = 100 * part / whole
        colour = "rest" if 0 < index == len(parts) - 1 else f"key-{index}"
        drawn.append(f'<rect class="{colour}" x="{left:.2f}%" width="{width:.2f}%" height="12"/>')
        left += width
    return f'<svg class="bar" width="100%" height="12" aria-hidden="true">{"".join(drawn)}</svg>'
