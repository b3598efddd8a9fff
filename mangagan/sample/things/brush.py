"""Drawing of things in units of their radius: flat, shaded, toned and hatched parts, with or without lines."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mangagan.sample.character import Rng, Style, pick
from mangagan.sample.pen import darken, lighten
from mangagan.sample.strokes import BLACK, SUBPIXEL_BITS, WHITE, Canvas, Colour, Paint, Points, ellipse

Finish = Literal["flat", "cel", "soft", "line", "tone", "black", "wash", "hatch"]

MIN_SHADED_REACH = 8.0  # half length of a part [px]; smaller parts are flat
# Ranges of hue, saturation and value [0, 1]; a hue above 1 continues at 0
PALETTES: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "any": ((0, 1), (0.25, 0.9), (0.4, 1.0)),
    "petal": ((0.8, 1.17), (0.08, 0.9), (0.8, 1.0)),
    "leaf": ((0.2, 0.45), (0.25, 0.8), (0.3, 0.75)),
    "wood": ((0.03, 0.1), (0.3, 0.7), (0.3, 0.75)),
    "gold": ((0.08, 0.15), (0.35, 0.8), (0.65, 0.98)),
    "silver": ((0.5, 0.7), (0.0, 0.12), (0.55, 0.95)),
    "pale": ((0, 1), (0.0, 0.16), (0.88, 1.0)),
    "dark": ((0, 1), (0.1, 0.6), (0.06, 0.3)),
    "skin": ((0.02, 0.09), (0.1, 0.42), (0.72, 1.0)),
    "red": ((0.94, 1.04), (0.55, 0.95), (0.5, 0.95)),
    "fur": ((0.03, 0.12), (0.0, 0.65), (0.25, 1.0)),
    "food": ((0.0, 0.18), (0.3, 0.85), (0.55, 1.0)),
    "water": ((0.45, 0.65), (0.1, 0.55), (0.7, 1.0)),
}


def sample_colour(rng: Rng, palette: str) -> Colour:
    """Return a random colour of a palette of PALETTES."""
    hue, saturation, value = (float(rng.uniform(*limits)) for limits in PALETTES[palette])
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return int(255 * red), int(255 * green), int(255 * blue)


def shadow(colour: Colour, share: float) -> Colour:
    """Return the colour darkened by `share` [0, 1], warmer and more saturated, as in coloured illustrations."""
    red, green, blue = colour
    return int(red * (1 - 0.75 * share)), int(green * (1 - share)), int(blue * (1 - 0.85 * share))


def measure_ink(colour: Colour) -> float:
    """Return the darkness of a colour [0, 1], 1: black."""
    return 1 - (0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]) / 255


def blend(canvas: Canvas, outline: Points, colour: Colour, field_at: _Field) -> None:
    """Blend a colour into a polygon (n, 2) [px] of the canvas with the opacity that `field_at` returns.

    Args:
        canvas: The canvas.
        outline: The polygon.
        colour: The colour.
        field_at: Opacity [0, 1] at every pixel.
    """
    scaled = outline * canvas.scale
    height, width = canvas.pixels.shape[:2]
    x0, y0 = np.maximum(np.floor(scaled.min(0)).astype(int) - 1, 0)
    x1, y1 = np.minimum(np.ceil(scaled.max(0)).astype(int) + 2, (width, height))
    if x0 >= x1 or y0 >= y1:
        return
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    fixed = np.rint(np.clip((scaled - (x0, y0)) * (1 << SUBPIXEL_BITS), -(2**28), 2**28)).astype(np.int32)
    cv2.fillPoly(mask, [fixed], (255,), cv2.LINE_AA, SUBPIXEL_BITS)
    columns = (np.arange(x0, x1, dtype=np.float32) / canvas.scale)[None]
    rows = (np.arange(y0, y1, dtype=np.float32) / canvas.scale)[:, None]
    opacity = np.clip(field_at(columns, rows), 0, 1).astype(np.float32) * (mask * np.float32(1 / 255))
    region = canvas.pixels[y0:y1, x0:x1]
    source = np.empty(region.shape, np.uint8)
    source[:] = colour if canvas.colour else round(255 * (1 - measure_ink(colour)))
    region[:] = cv2.blendLinear(np.ascontiguousarray(region), source, 1 - opacity, opacity)


@dataclass(frozen=True)
class _Field:
    """Opacity that grows along a direction, or falls with the distance from a point; optionally as hatching."""

    x: float  # where the ramp has its middle, or the centre of the glow [px]
    y: float
    dx: float = 0.0  # direction of the ramp; 0, 0: a glow
    dy: float = 0.0
    reach: float = 1.0  # half length of the ramp, or radius of the glow [px]
    strength: float = 1.0  # largest opacity [0, 1]
    period: float = 0.0  # distance of hatching lines [px]; 0: smooth

    def __call__(self, columns: NDArray[Any], rows: NDArray[Any]) -> NDArray[np.float32]:
        """Return the opacity at pixels with coordinates `columns` (1, W) and `rows` (H, 1): (H, W)."""
        across, down = columns - np.float32(self.x), rows - np.float32(self.y)
        if self.dx or self.dy:
            ramp = np.clip((across * self.dx + down * self.dy) / self.reach * 0.5 + 0.5, 0, 1)
        else:
            ramp = np.clip(1 - (across**2 + down**2) / self.reach**2, 0, 1) ** 2
        if not self.period:
            return np.asarray(self.strength * ramp, np.float32)
        phase = ((across * (0.5 * self.dx - self.dy) + down * (0.5 * self.dy + self.dx)) / self.period) % 1
        wave = np.abs(2 * phase - 1)
        return np.asarray(np.clip((self.strength * (ramp - 0.35) - wave) * self.period + 0.5, 0, 1), np.float32)


@dataclass(frozen=True)
class Brush:
    """Canvas, style and a placement; its methods take shapes in thing units: the thing is inside a circle of radius 1.

    Attributes:
        canvas: The canvas.
        rng: Source of the details of the thing.
        style: The drawing style.
        matrix: Thing units to pixels, (2, 3).
        width: Width of a common line [px].
        finish: Shading of the parts.
        outlined: False for drawings without lines.
        ink: Colour of the lines.
        light: Unit vector from the light to the thing.
    """

    canvas: Canvas
    rng: Rng
    style: Style
    matrix: Points
    width: float
    finish: Finish = "line"
    outlined: bool = True
    ink: Colour = BLACK
    light: tuple[float, float] = field(default=(0.5, 0.87))

    @property
    def unit(self) -> float:
        """Thing unit [px]."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:, :2]))))

    def at(
        self, x: float, y: float, scale: float = 1.0, angle: float = 0.0, squeeze: tuple[float, float] = (1.0, 1.0)
    ) -> Brush:
        """Return a brush with its origin at (x, y) of this one.

        Args:
            x: New origin [thing units].
            y: New origin [thing units].
            scale: New unit [thing units].
            angle: Clockwise rotation [rad].
            squeeze: Factors of the width and height before the rotation.
        """
        cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
        local = np.array([[cos * squeeze[0], -sin * squeeze[1]], [sin * squeeze[0], cos * squeeze[1]]])
        linear = self.matrix[:, :2] @ local
        origin = self.matrix[:, :2] @ (x, y) + self.matrix[:, 2]
        return replace(self, matrix=np.column_stack([linear, origin]), width=self.width * float(scale) ** 0.4)

    def to_pixels(self, shape: Points) -> Points:
        """Return points (n, 2) in thing units as points (n, 2) in pixels."""
        placed: Points = shape @ self.matrix[:, :2].T + self.matrix[:, 2]
        return placed

    def colour(self, palette: str = "any") -> Colour:
        """Return a random colour of a palette."""
        return sample_colour(self.rng, palette)

    def chance(self, probability: float) -> bool:
        """Return True with a probability [0, 1]."""
        return bool(self.rng.random() < probability)

    def between(self, low: float, high: float) -> float:
        """Return a random number between two limits."""
        return float(self.rng.uniform(low, high))

    def count(self, low: int, high: int) -> int:
        """Return a random integer from `low` to `high`, inclusive."""
        return int(self.rng.integers(low, high + 1))

    def choose_paint(self, colour: Colour) -> Paint:
        """Return the paint of a part: its colour, or in black and white white, black, a gray or a screentone."""
        if self.style.colour:
            return Paint(colour)
        level = measure_ink(colour)
        if self.finish == "wash":
            return Paint(colour)
        if self.finish == "tone" and 0.14 < level < 0.8:
            return self.style.make_screentone(0.75 * level)
        black = {"line": 0.86, "hatch": 0.8, "black": 0.45}.get(self.finish, 0.8)
        return Paint(self.style.ink if level > black else WHITE)

    def fill(self, shape: Points, colour: Colour, clip: Points | None = None) -> None:
        """Fill a shape (n, 2) without a line; with `clip`, only its intersection with that second shape."""
        clipped = None if clip is None else self.to_pixels(clip)
        self.canvas.fill(self.to_pixels(shape), self.choose_paint(colour), clipped)

    def solid(self, shape: Points, colour: Colour, width: float = 1.0, shade: float = 0.3) -> None:
        """Draw a part (n, 2): fill, shading and outline.

        Args:
            shape: The outline.
            colour: Colour, in black and white converted by `choose_paint`.
            width: Width of the outline, 1: a common line; 0: none.
            shade: Strength of the shading [0, 1].
        """
        pixels = self.to_pixels(shape)
        self.canvas.fill(pixels, self.choose_paint(colour))
        if shade > 0:
            self._shade(pixels, colour, shade)
        if width > 0:
            self.contour(shape, width, colour)

    def _shade(self, pixels: Points, colour: Colour, strength: float) -> None:
        """Shade a filled part with the outline `pixels` (n, 2) [px]."""
        low, high = pixels.min(0), pixels.max(0)
        (x, y), reach = (low + high) / 2, float((high - low).max() / 2) + 0.5
        if reach < MIN_SHADED_REACH:
            return
        if self.finish in ("cel", "tone"):
            self.canvas.fill(pixels, self.choose_paint(shadow(colour, min(1.2 * strength, 0.8))))
            lit = pixels - np.array(self.light) * reach * 0.3
            self.canvas.fill(lit, self.choose_paint(colour), pixels)
        elif self.finish in ("soft", "wash"):
            dark, bright = shadow(colour, min(1.6 * strength, 0.9)), lighten(colour, 0.7)
            blend(self.canvas, pixels, dark, _Field(x, y, *self.light, reach, 0.85))
            if reach > 12:
                glow = _Field(x - self.light[0] * reach * 0.5, y - self.light[1] * reach * 0.5, 0, 0, reach, strength)
                blend(self.canvas, pixels, bright, glow)
        elif self.finish == "hatch":
            hatching = _Field(x, y, *self.light, reach, 1.0, max(1.4 * self.width, 2.5))
            blend(self.canvas, pixels, self.style.ink, hatching)

    def ramp(self, shape: Points, colour: Colour, angle: float, strength: float = 1.0) -> None:
        """Blend a colour into a shape (n, 2), stronger along the direction `angle` [rad]; not in pure line drawings."""
        if self.style.colour or self.finish == "wash":
            pixels = self.to_pixels(shape)
            low, high = pixels.min(0), pixels.max(0)
            (x, y), reach = (low + high) / 2, float((high - low).max() / 2) + 0.5
            blend(self.canvas, pixels, colour, _Field(x, y, np.cos(angle), np.sin(angle), reach, strength))

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float, clip: Points) -> None:
        """Blend a colour around (x, y) into the shape `clip` (n, 2); not in pure line drawings."""
        if self.style.colour or self.finish == "wash":
            (cx, cy) = self.to_pixels(np.array([[x, y]]))[0]
            blend(self.canvas, self.to_pixels(clip), colour, _Field(cx, cy, 0, 0, radius * self.unit, strength))

    def gloss(self, x: float, y: float, rx: float, ry: float, angle: float = 0.0) -> None:
        """Draw a white highlight with half-axes (rx, ry), rotated by `angle` [rad]; with a soft edge in soft paint."""
        spot = self.at(x, y, 1.0, angle)
        if self.finish in ("soft", "wash") and self.chance(0.6):
            shape = ellipse(0, 0, rx, ry)
            centre_x, centre_y = spot.matrix[:, 2]
            spread = _Field(centre_x, centre_y, reach=1.6 * max(rx, ry) * self.unit)
            blend(self.canvas, spot.to_pixels(shape * 1.3), WHITE, spread)
            return
        self.canvas.fill(spot.to_pixels(ellipse(0, 0, rx, ry, 16)), WHITE)

    def contour(self, shape: Points, width: float = 1.0, colour: Colour | None = None) -> None:
        """Draw a line around a closed shape (n, 2): white around black parts. Default colour: the ink."""
        if not self.outlined:
            return
        black = not self.style.colour and colour is not None and measure_ink(self.choose_paint(colour).colour) > 0.7
        ink = WHITE if black else self.ink
        self.canvas.contour(self.to_pixels(shape), max(width * self.width, 0.5), ink)

    def line(
        self, path: Points, width: float = 1.0, colour: Colour | None = None, taper: tuple[float, float] = (0.3, 0.3)
    ) -> None:
        """Draw a tapered stroke along a path (n, 2). Default colour: the ink."""
        self.canvas.line(self.to_pixels(path), max(width * self.width, 0.6), colour or self.ink, taper)


def make_brush(canvas: Canvas, rng: Rng, style: Style, x: float, y: float, unit: float, max_turn: float) -> Brush:
    """Return a brush with a random finish, lines and rotation.

    Args:
        canvas: The canvas.
        rng: Source of the choices.
        style: The drawing style.
        x: Centre of the thing [px].
        y: Centre of the thing [px].
        unit: Radius of the thing [px].
        max_turn: Largest rotation to either side [rad].
    """
    pen = unit if unit < 30 else 30 * (unit / 30) ** 0.6
    width = max(style.line_weight * pen * float(rng.uniform(0.35, 1.2)), 0.6)
    start = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
    if style.colour:
        finish = pick(rng, ["flat", "cel", "soft"], (0.15, 0.35, 0.5))
        lines = pick(rng, ["ink", "dark", "none"], (0.4, 0.35, 0.25))
        ink = style.ink if lines == "ink" else darken(sample_colour(rng, "any"), 0.6)
    else:
        finish = pick(rng, ["line", "tone", "black", "wash", "hatch"], (0.22, 0.3, 0.16, 0.16, 0.16))
        lines, ink = "ink" if finish != "wash" or rng.random() < 0.8 else "none", style.ink
    side = float(rng.choice([-1, 1])) * float(rng.uniform(0.3, 0.8))
    light = (side, float(np.sqrt(1 - side**2)))
    brush = Brush(canvas, rng, style, start, width, finish, lines != "none", ink, light)  # type: ignore[arg-type]
    flip = float(rng.choice([-1, 1]))
    turn = float(np.clip(rng.normal(0, 0.5), -1, 1)) * max_turn
    return replace(brush.at(0, 0, unit, turn, (flip * float(rng.uniform(0.85, 1)), float(rng.uniform(0.85, 1)))),
                   width=width)  # fmt: skip
