"""Line plots as SVG that takes its colours from the page, light or dark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mangagan.report.markup import escape

WIDTH, HEIGHT = 440, 280  # units of the drawing; at phone width about 0.8 px each
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 34, 44  # margins around the axes
LETTER = 7.4  # units, the mean width of a letter of the legend
POINTS = 400  # at most so many a line; beyond, means of neighbours


@dataclass(frozen=True)
class Series:
    """One line: a name and its points in rising x. Points that are not finite are left out; so is a line of none."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def line_plot(series: Sequence[Series], title: str, x_label: str, y_label: str) -> str:
    """Draws lines over linear axes.

    Args:
        series: at most four, drawn in the colours `--line-0` … `--line-3` of the page.
        title: for who cannot see the plot.
        x_label: quantity and unit.
        y_label: quantity and unit.

    Returns:
        An `<svg>` element; a paragraph where there is no finite point.
    """
    drawn = [(line.name, points) for line in series if len(points := thinned(finite(line)))]
    if not drawn:
        return f"<p>{escape(title)}: no data.</p>"
    everything = np.concatenate([points for _, points in drawn])
    x_ticks, y_ticks = (
        nice_ticks(*extent) for extent in zip(everything.min(axis=0), everything.max(axis=0), strict=True)
    )
    end = max(float(everything[:, 0].max()), x_ticks[1])
    x_ticks = [tick for tick in x_ticks if tick <= end]
    scale = Scale((x_ticks[0], end), (y_ticks[0], y_ticks[-1]))
    return "".join(
        [
            f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
            *axes(x_ticks, y_ticks, scale),
            f'<text class="label" x="{(LEFT + WIDTH - RIGHT) / 2:g}" y="{HEIGHT - 8}" text-anchor="middle">'
            f"{escape(x_label)}</text>",
            f'<text class="label" transform="translate(13 {(TOP + HEIGHT - BOTTOM) / 2:g}) rotate(-90)" '
            f'text-anchor="middle">{escape(y_label)}</text>',
            *legend([name for name, _ in drawn]),
            *(path(points, index, scale) for index, (_, points) in enumerate(drawn)),
            "</svg>",
        ]
    )


@dataclass(frozen=True)
class Scale:
    """Maps data to the drawing."""

    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def x(self, value: float) -> float:
        """Units from the left."""
        low, high = self.x_range
        return round(LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        """Units from the top."""
        low, high = self.y_range
        return round(HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)


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


def axes(x_ticks: Sequence[float], y_ticks: Sequence[float], scale: Scale) -> list[str]:
    """Grid lines, the two axes and the figures beside them."""
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for tick in y_ticks:
        y = scale.y(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:g}" text-anchor="end">{tick:g}</text>')
    for tick in x_ticks:
        x = scale.x(tick)
        parts.append(f'<line class="axis" x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 4}"/>')
        parts.append(f'<text x="{x}" y="{bottom + 17}" text-anchor="middle">{tick:g}</text>')
    parts.append(f'<path class="axis" d="M{LEFT} {TOP}V{bottom}H{right}"/>')
    return parts


def legend(names: Sequence[str]) -> list[str]:
    """A stroke and a name for each line, in a row above the axes."""
    parts, x = [], float(LEFT)
    for index, name in enumerate(names):
        parts.append(f'<line class="line-{index}" x1="{x:g}" x2="{x + 18:g}" y1="16" y2="16"/>')
        parts.append(f'<text class="label" x="{x + 24:g}" y="20">{escape(name)}</text>')
        x += 24 + LETTER * len(name) + 16
    return parts


def path(points: np.ndarray, index: int, scale: Scale) -> str:
    """One line; a single point becomes a dot."""
    corners = [f"{scale.x(x):g} {scale.y(y):g}" for x, y in points]
    return f'<path class="line-{index}" d="M{"L".join(corners if len(corners) > 1 else corners * 2)}"/>'
