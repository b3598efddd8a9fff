"""Line plots: data scaled to the units of an SVG that `templates/plots.html.jinja` draws."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MAX_POINTS = 400  # of a line; longer ones are averaged
REAL = 2  # colour of real faces in every plot; samples have colour 0
COLOURS = 4
LOG_RATIO = 30.0  # minimum ratio of the largest to the smallest value for a logarithmic axis


@dataclass(frozen=True)
class Box:
    """Size of a plot and position of its axes [units of the SVG; about 0.9 px on a phone]."""

    width: int = 380
    height: int = 250
    left: int = 54
    right: int = 368
    top: int = 12
    bottom: int = 208


BOX = Box()


@dataclass(frozen=True)
class Series:
    """A line, x ascending. Points that are not finite are ignored. `colour` is the index of a colour of the page."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: int = 0


@dataclass(frozen=True)
class Scale:
    """The mapping of data to units of the SVG. The y axis may be logarithmic."""

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    log: bool = False

    def x(self, value: float) -> float:
        """Return the distance from the left."""
        low, high = self.x_range
        return round(BOX.left + (value - low) / (high - low) * (BOX.right - BOX.left), 1)

    def y(self, value: float) -> float:
        """Return the distance from the top."""
        low, high, scaled = (math.log(part) if self.log else part for part in (*self.y_range, value))
        return round(BOX.bottom - (scaled - low) / (high - low) * (BOX.bottom - BOX.top), 1)

    def path(self, points: np.ndarray) -> str:
        """Return the SVG path of a line (N, 2); a single point becomes a dot."""
        corners = [f"{self.x(x):g} {self.y(y):g}" for x, y in points]
        return f"M{'L'.join(corners if len(corners) > 1 else corners * 2)}"


@dataclass(frozen=True)
class LinePlot:
    """A plot of lines with their finite points, (N, 2) each. Without any, there are no lines and no scale."""

    title: str
    x_label: str
    y_label: str
    lines: Sequence[tuple[Series, np.ndarray]] = ()
    scale: Scale | None = None
    x_ticks: Sequence[float] = ()
    y_ticks: Sequence[float] = ()
    marked_x: float | None = None
    box: Box = BOX


def lay_out_lines(
    series: Sequence[Series],
    title: str,
    x_label: str,
    y_label: str,
    marked_x: float | None = None,
    allow_log: bool = False,
) -> LinePlot:
    """Return a plot of lines over a linear x axis.

    Args:
        series: Lines.
        title: Accessible name of the plot.
        x_label: Quantity and unit.
        y_label: Quantity and unit.
        marked_x: Value on the x axis to mark. Default: none.
        allow_log: Use a logarithmic y axis if all values are positive and their ratio exceeds `LOG_RATIO`.
    """
    lines = [(line, points) for line in series if len(points := average_stretches(select_finite_points(line)))]
    if not lines:
        return LinePlot(title, x_label, y_label)
    all_points = np.concatenate([points for _, points in lines])
    (left, low), (right, high) = all_points.min(axis=0), all_points.max(axis=0)
    log = bool(allow_log and low > 0 and high / low > LOG_RATIO)
    x_ticks, y_ticks = choose_ticks(left, right), choose_decades(low, high) if log else choose_ticks(low, high)
    end = max(float(right), x_ticks[1])
    x_ticks = [tick for tick in x_ticks if tick <= end]
    scale = Scale((x_ticks[0], end), (y_ticks[0], y_ticks[-1]), log)
    return LinePlot(title, x_label, y_label, lines, scale, x_ticks, y_ticks, marked_x)


def select_finite_points(line: Series) -> np.ndarray:
    """Return the finite points of a line, (N, 2)."""
    points = np.column_stack([np.asarray(line.x, float), np.asarray(line.y, float)])
    return points[np.isfinite(points).all(axis=1)]


def average_stretches(points: np.ndarray) -> np.ndarray:
    """Return at most `MAX_POINTS` points: the means of stretches of equal length."""
    if len(points) <= MAX_POINTS:
        return points
    return np.stack([part.mean(axis=0) for part in np.array_split(points, MAX_POINTS)])


def choose_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return about `count` round numbers that enclose [low, high]; their step is 1, 2 or 5 times a power of ten."""
    if high - low < 1e-9 * max(abs(low), abs(high), 1):
        low, high = low - 0.5, high + 0.5
    raw = (high - low) / count
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = magnitude * min((1, 2, 5, 10), key=lambda factor: abs(math.log(factor * magnitude / raw)))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{index * step:.10g}") for index in range(first, last + 1)]


def choose_decades(low: float, high: float) -> list[float]:
    """Return the powers of ten that enclose [low, high], both positive."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0**exponent for exponent in range(first, last + 1)]
