"""Canvas with anti-aliased polygons, tapered strokes and screentones, and curves as arrays of points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
Points = NDArray[np.float64]
Image = NDArray[np.uint8]

BLACK: Colour = (12, 12, 12)
WHITE: Colour = (255, 255, 255)
SUBPIXEL_BITS = 4  # fractional bits of the fixed-point coordinates of cv2


@dataclass(frozen=True)
class Paint:
    """A flat colour, or a screentone: a regular pattern of ink on that colour."""

    colour: Colour = WHITE
    ink: Colour = BLACK
    level: float = 0.0  # share of the area under ink at the top of the shape [0, 1]
    level_end: float | None = None  # the same at the bottom. Default: level
    period: float = 5.0  # [px]
    pattern: Literal["dots", "lines"] = "dots"

    @property
    def is_flat(self) -> bool:
        """True if the paint has no screentone."""
        return self.level <= 0 and not self.level_end


def points(*pairs: tuple[float, float]) -> Points:
    """Return (x, y) pairs as a float array (n, 2)."""
    return np.array(pairs, dtype=np.float64)


@lru_cache(maxsize=256)
def _unit_ramp(count: int) -> NDArray[np.float64]:
    """Return `count` numbers from 0 to 1. Cached: a head consists of hundreds of short curves."""
    return np.linspace(0, 1, count)


@lru_cache(maxsize=64)
def _unit_circle(steps: int) -> Points:
    angle = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def spline(knots: Points, closed: bool = False, steps: int = 8) -> Points:
    """Return a Catmull-Rom curve (m, 2) through `knots` (n, 2) with `steps` points per segment."""
    knots = np.asarray(knots, dtype=np.float64)
    if closed:
        padded = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    p0, p1, p2, p3 = padded[:-3, None], padded[1:-2, None], padded[2:-1, None], padded[3:, None]
    t = _unit_ramp(steps + 1)[None, :-1, None]
    curve = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * (p1 - p2) + p3 - p0) * t**3)
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, knots[-1:]])


def bezier(
    start: tuple[float, float], control: tuple[float, float], end: tuple[float, float], steps: int = 8
) -> Points:
    """Return a quadratic Bézier curve (steps + 1, 2) from `start` to `end`."""
    t = _unit_ramp(steps + 1)[:, None]
    return (1 - t) ** 2 * np.array(start) + 2 * t * (1 - t) * np.array(control) + t**2 * np.array(end)


def ellipse(x: float, y: float, rx: float, ry: float, steps: int = 28) -> Points:
    """Return the outline (steps, 2) of an upright ellipse with centre (x, y) and half-axes (rx, ry)."""
    return np.asarray(_unit_circle(steps) * (rx, ry) + (x, y))


def rectangle(x: float, y: float, w: float, h: float) -> Points:
    """Return the corners (4, 2) of an upright rectangle, clockwise from the top left."""
    return points((x, y), (x + w, y), (x + w, y + h), (x, y + h))


def ribbon(centre: Points, widths: NDArray[np.float64]) -> Points:
    """Return the polygon (2n, 2) of a band along `centre` (n, 2) with the given `widths` (n,)."""
    tangent = np.empty_like(centre)
    tangent[1:-1] = centre[2:] - centre[:-2]
    tangent[0], tangent[-1] = centre[1] - centre[0], centre[-1] - centre[-2]
    length = np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-9)
    offset = tangent[:, ::-1] * (-1, 1) * (widths / 2 / length)[:, None]
    return np.concatenate([centre + offset, (centre - offset)[::-1]])


def compute_stroke_widths(count: int, width: float, start: float, end: float) -> NDArray[np.float64]:
    """Return the widths (count,) of a pen stroke; `start` and `end` are the shares of its length that are tapered."""
    return width * _pressure(count, start, end)


@lru_cache(maxsize=1024)
def _pressure(count: int, start: float, end: float) -> NDArray[np.float64]:
    t = _unit_ramp(count)
    rise = np.clip(t / start, 0, 1) if start > 0 else np.ones(count)
    fall = np.clip((1 - t) / end, 0, 1) if end > 0 else np.ones(count)
    pressure: NDArray[np.float64] = 0.12 + 0.88 * np.minimum(rise, fall) ** 0.8
    return pressure


@lru_cache(maxsize=64)
def _halftone_tile(period: int, pattern: str) -> NDArray[np.float32]:
    """Return one tile (period, period) of a halftone screen: the ink level [0, 1] at which each pixel turns dark."""
    y, x = np.mgrid[:period, :period] * (2 * np.pi / period)
    wave = np.cos(x) * np.cos(y) if pattern == "dots" else np.cos(x + y)
    order = (wave + 1e-6 * np.cos(3 * x + 1)).ravel().argsort().argsort()
    return (1 - (order.reshape(period, period) + 0.5) / period**2).astype(np.float32)


class Canvas:
    """A picture drawn at `scale` times its final size; all coordinates and widths are in final pixels.

    Attributes:
        pixels: The supersampled picture, uint8, (H, W) or in colour (H, W, 3) RGB.
    """

    def __init__(self, width: int, height: int, colour: bool, scale: int = 2, paper: Colour = WHITE) -> None:
        """Create an empty canvas of `width` x `height` final pixels."""
        self.scale = scale
        self.colour = colour
        shape = (height * scale, width * scale, 3) if colour else (height * scale, width * scale)
        self.pixels: Image = np.empty(shape, np.uint8)
        self.pixels[:] = self._value(paper)

    def _value(self, colour: Colour) -> tuple[int, ...]:
        if self.colour:
            return colour
        return (int(round(0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2])),)

    def _fixed(self, outline: Points, offset: tuple[int, int] = (0, 0)) -> NDArray[np.int32]:
        shifted = (outline * self.scale - offset) * (1 << SUBPIXEL_BITS)
        return np.rint(np.clip(shifted, -(2**28), 2**28)).astype(np.int32)

    def fill(self, outline: Points, paint: Paint | Colour, clip: Points | None = None) -> None:
        """Fill a polygon (n, 2); with `clip`, only its intersection with that second polygon."""
        if isinstance(paint, tuple):
            paint = Paint(paint)
        if clip is None and paint.is_flat:
            cv2.fillPoly(self.pixels, [self._fixed(outline)], self._value(paint.colour), cv2.LINE_AA, SUBPIXEL_BITS)
            return
        height, width = self.pixels.shape[:2]
        x0, y0 = np.maximum(np.floor(outline.min(0) * self.scale).astype(int) - 1, 0)
        x1, y1 = np.minimum(np.ceil(outline.max(0) * self.scale).astype(int) + 2, (width, height))
        if x0 >= x1 or y0 >= y1:
            return
        mask = self._mask(outline, (x0, y0, x1, y1))
        if clip is not None:
            mask = np.minimum(mask, self._mask(clip, (x0, y0, x1, y1)))
        self._blend(self.pixels[y0:y1, x0:x1], mask, paint, (x0, y0))

    def _mask(self, outline: Points, box: tuple[int, int, int, int]) -> Image:
        mask = np.zeros((box[3] - box[1], box[2] - box[0]), np.uint8)
        cv2.fillPoly(mask, [self._fixed(outline, (box[0], box[1]))], (255,), cv2.LINE_AA, SUBPIXEL_BITS)
        return mask

    def _blend(self, region: Image, mask: Image, paint: Paint, origin: tuple[int, int]) -> None:
        source = np.empty(region.shape, np.float32)
        source[:] = self._value(paint.colour)
        if not paint.is_flat:
            ink = self._render_tone(paint, mask.shape[0], mask.shape[1], origin)
            ink = ink[..., None] if self.colour else ink
            source += ink * (np.array(self._value(paint.ink), np.float32) - source)
        share = mask.astype(np.float32) / 255
        share = share[..., None] if self.colour else share
        region[:] = np.rint(region + share * (source - region)).astype(np.uint8)

    def _render_tone(self, paint: Paint, height: int, width: int, origin: tuple[int, int]) -> NDArray[np.float32]:
        period = max(int(round(paint.period * self.scale)), 3)
        tile = np.roll(_halftone_tile(period, paint.pattern), (-origin[1], -origin[0]), (0, 1))
        threshold = np.tile(tile, (height // period + 1, width // period + 1))[:height, :width]
        end = paint.level if paint.level_end is None else paint.level_end
        level = np.linspace(paint.level, end, height, dtype=np.float32)[:, None]
        # anti-aliased threshold: the factor makes the edge about 1 px wide at common periods
        return np.clip((level - threshold) * period * 0.6 + 0.5, 0, 1) * (level > 0.004)

    def line(self, path: Points, width: float, colour: Colour = BLACK, taper: tuple[float, float] = (0.3, 0.3)) -> None:
        """Draw a tapered pen stroke along `path` (n, 2); `width` is its largest width."""
        if len(path) >= 2:
            self.fill(ribbon(path, compute_stroke_widths(len(path), width, *taper)), colour)

    def contour(self, outline: Points, width: float, colour: Colour = BLACK) -> None:
        """Draw a line of constant width around a closed polygon (n, 2)."""
        thickness = max(int(round(width * self.scale)), 1)
        fixed = self._fixed(outline)
        cv2.polylines(self.pixels, [fixed], True, self._value(colour), thickness, cv2.LINE_AA, SUBPIXEL_BITS)

    def polyline(self, path: Points, width: float, colour: Colour = BLACK) -> None:
        """Draw an open line of constant width along `path` (n, 2)."""
        thickness = max(int(round(width * self.scale)), 1)
        fixed = self._fixed(path)
        cv2.polylines(self.pixels, [fixed], False, self._value(colour), thickness, cv2.LINE_AA, SUBPIXEL_BITS)

    def render(self, softness: float = 0.0) -> Image:
        """Return the picture at its final size, blurred with a Gaussian of standard deviation `softness` [px]."""
        height, width = self.pixels.shape[:2]
        size = (width // self.scale, height // self.scale)
        picture = cv2.resize(self.pixels, size, interpolation=cv2.INTER_AREA)
        if softness > 0:
            picture = cv2.GaussianBlur(picture, (0, 0), softness)
        return np.asarray(picture, np.uint8)
