"""Colour shading: a canvas with gradients and coloured lines, soft spots of light, and the finish of a picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mangagan.sample.character import Rng
from mangagan.sample.strokes import BLACK, Canvas, Colour, Image, Paint, Points, compute_stroke_widths, ribbon

MIN_GRADIENT_SIDE = 9.0  # [px]; smaller shapes are flat
MAX_COLOUR_DISTANCE = (
    60.0  # largest difference of a channel; `add_light` fades out between 0.6 and 1.6 times this value
)


class ShadedCanvas(Canvas):
    """An RGB canvas that fills shapes with gradients and draws thin lines in colours that fit the area below.

    Attributes:
        contrast: Strength of the gradients [0, 1]; 0: flat colours.
        line_scale: Line width relative to that of a manga.
        line_tint: Share of the local colour in a line [0, 1]; 0: the ink of the style.
        wash: Share of white in all fills [0, 1]; 1: only lines, as in a sketch.
    """

    def __init__(
        self,
        width: int,
        height: int,
        scale: int,
        contrast: float,
        line_scale: float,
        line_tint: float,
        wash: float = 0.0,
    ) -> None:
        """Create a white canvas of `width` x `height` final pixels."""
        super().__init__(width, height, True, scale)
        self.contrast = contrast
        self.line_scale = line_scale
        self.line_tint = line_tint
        self.wash = wash
        self._angle = 0.35  # of the light: right of straight down [rad]

    def fill(self, outline: Points, paint: Paint | Colour, clip: Points | None = None) -> None:
        """Fill a polygon with a gradient from light to dark; small, white and dark shapes are flat."""
        colour = paint if isinstance(paint, tuple) else paint.colour
        colour = self._wash(colour)
        low, high = outline.min(0), outline.max(0)
        is_small = bool(((high - low) * self.scale < MIN_GRADIENT_SIDE).any())
        if self.contrast <= 0 or is_small or min(colour) > 250 or max(colour) < 60:
            super().fill(outline, colour, clip)
            return
        self.fill_ramp(outline, *self._end_colours(colour), clip)

    def _wash(self, colour: Colour) -> Colour:
        if self.wash <= 0:
            return colour
        keep = 1 - self.wash * (0.35 if max(colour) < 60 else 1.0)
        red, green, blue = (int(255 - (255 - value) * keep) for value in colour)
        return (red, green, blue)

    def fill_ramp(
        self, outline: Points, top: NDArray[np.float64], bottom: NDArray[np.float64], clip: Points | None = None
    ) -> None:
        """Fill a polygon (n, 2) with a gradient between two colours (3,); with `clip`, only their intersection."""
        height, width = self.pixels.shape[:2]
        x0, y0 = np.maximum(np.floor(outline.min(0) * self.scale).astype(int) - 1, 0)
        x1, y1 = np.minimum(np.ceil(outline.max(0) * self.scale).astype(int) + 2, (width, height))
        if x0 >= x1 or y0 >= y1:
            return
        mask = self._mask(outline, (x0, y0, x1, y1))
        if clip is not None:
            mask = np.minimum(mask, self._mask(clip, (x0, y0, x1, y1)))
        full_y0, full_y1 = outline[:, 1].min() * self.scale, outline[:, 1].max() * self.scale
        ramp = np.clip((np.arange(y0, y1) - full_y0) / max(full_y1 - full_y0, 1), 0, 1)[:, None, None]
        shades = np.empty((y1 - y0, x1 - x0, 3), np.uint8)
        shades[:] = top + ramp * (bottom - top)
        share = mask * np.float32(1 / 255)
        region = np.ascontiguousarray(self.pixels[y0:y1, x0:x1])
        self.pixels[y0:y1, x0:x1] = cv2.blendLinear(region, shades, 1 - share, share)

    def _end_colours(self, colour: Colour) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the colours (3,) at the top and bottom of a shape: warmer and lighter, cooler and darker."""
        base = np.array(colour, np.float64)
        light = base + (255 - base) * self.contrast * np.array([0.55, 0.45, 0.4])
        dark = base * (1 - self.contrast * np.array([0.42, 0.5, 0.3]))
        return light, dark

    def _line_colour(self, path: Points, width: float, colour: Colour) -> Colour:
        """Return the colour of a line: the local colour, darkened; wide dark lines such as lashes stay dark."""
        if self.line_tint <= 0 or max(colour) > 110:
            return colour
        height, limit = self.pixels.shape[:2]
        x, y = (path[len(path) // 2] * self.scale).astype(int)
        if not (0 <= x < limit and 0 <= y < height):
            return colour
        local = self.pixels[y, x].astype(np.float64)
        mixed = np.array(colour) * (1 - self.line_tint) + local * np.array([0.5, 0.36, 0.4]) * self.line_tint
        red, green, blue = (int(value) for value in mixed)
        return (red, green, blue)

    def line(self, path: Points, width: float, colour: Colour = BLACK, taper: tuple[float, float] = (0.3, 0.3)) -> None:
        """Draw a tapered pen stroke."""
        if len(path) < 2:
            return
        tinted = self._line_colour(path, width, colour)
        scaled = width * (self.line_scale if max(colour) <= 110 else 1.0)
        super().fill(ribbon(path, compute_stroke_widths(len(path), max(scaled, 0.6), *taper)), tinted)

    def contour(self, outline: Points, width: float, colour: Colour = BLACK) -> None:
        """Draw a line around a closed polygon."""
        inner = outline + 0.06 * (outline.mean(0) - outline)  # inside the area that was filled before
        super().contour(outline, max(width * self.line_scale, 0.5), self._line_colour(inner, width, colour))


def add_light(
    pixels: Image,
    x: float,
    y: float,
    radius: float,
    colour: Colour,
    share: float,
    power: float = 1.0,
    near: Colour | None = None,
) -> None:
    """Blend a soft round spot of a colour into uint8 (H, W, 3), in place.

    Args:
        pixels: RGB.
        x: Centre [px].
        y: Centre [px].
        radius: Where the spot ends [px].
        colour: RGB.
        share: Opacity in the centre [0, 1].
        power: Larger values give a smaller core.
        near: Change only pixels with a colour like this one. Default: all pixels.
    """
    height, width = pixels.shape[:2]
    x0, x1 = max(int(x - radius), 0), min(int(x + radius) + 1, width)
    y0, y1 = max(int(y - radius), 0), min(int(y + radius) + 1, height)
    if x0 >= x1 or y0 >= y1:
        return
    dx, dy = (np.arange(x0, x1) - x) / radius, (np.arange(y0, y1) - y) / radius
    fall = np.clip(1 - (dx[None] ** 2 + dy[:, None] ** 2), 0, 1).astype(np.float32) ** power
    region = pixels[y0:y1, x0:x1]
    if near is not None:
        distance = np.abs(region.astype(np.float32) - np.array(near, np.float32)).max(-1)
        fall *= np.clip(1.6 - distance / MAX_COLOUR_DISTANCE, 0, 1)
    region[:] = (region + (fall * share)[..., None] * (np.array(colour, np.float32) - region)).astype(np.uint8)


def make_gradient(height: int, width: int, colours: list[Colour], angle: float) -> Image:
    """Return a linear gradient, uint8 (H, W, 3), through two or more colours; angle 0: downwards [rad]."""
    x, y = np.arange(width, dtype=np.float32) / width, np.arange(height, dtype=np.float32) / height
    across = np.sin(angle) * x[None] + np.cos(angle) * y[:, None]
    low, high = across.min(), across.max()
    index = ((across - low) / max(float(high - low), 1e-6) * 255).astype(np.uint8)
    stops = np.linspace(0, 255, len(colours))
    table = np.stack(
        [np.interp(np.arange(256), stops, [colour[channel] for colour in colours]) for channel in range(3)], axis=1
    )
    return np.asarray(table.astype(np.uint8)[index])


def finish_picture(rng: Rng, pixels: Image) -> Image:
    """Apply a random finish to uint8 (H, W, 3): blur, glow, colour grading, texture, monochrome, JPEG artefacts."""
    if rng.random() < 0.5:
        pixels = cv2.GaussianBlur(pixels, (0, 0), float(rng.uniform(0.4, 1.0)))
    if rng.random() < 0.4:
        pixels = _add_glow(pixels, float(rng.uniform(0.1, 0.45)))
    if rng.random() < 0.5:
        pixels = _grade(rng, pixels)
    if rng.random() < 0.25:
        height, width = pixels.shape[:2]
        tint = [(int(r), int(g), int(b)) for r, g, b in rng.integers(60, 256, (2, 3))]
        overlay = make_gradient(height, width, tint, float(rng.uniform(0, 6.28)))
        pixels = cv2.addWeighted(pixels, 0.85, overlay, 0.15, 0)
    if rng.random() < 0.2:
        grain = rng.normal(0, rng.uniform(1.5, 4), (pixels.shape[0] // 2 + 1, pixels.shape[1] // 2 + 1)).astype(
            np.float32
        )
        grain = cv2.resize(grain, pixels.shape[1::-1])[..., None]
        pixels = np.clip(pixels + grain, 0, 255).astype(np.uint8)
    if rng.random() < 0.07:
        gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        tone = np.array([1.0, 1.0, 1.0]) if rng.random() < 0.6 else rng.uniform(0.8, 1.0, 3)
        pixels = (gray[..., None] * tone).astype(np.uint8)
    if rng.random() < 0.6:
        quality = int(rng.integers(55, 96))
        encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        pixels = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(pixels, np.uint8)


def _add_glow(pixels: Image, strength: float) -> Image:
    """Add blurred light: bright areas shine beyond their edges."""
    height, width = pixels.shape[:2]
    small = cv2.resize(pixels, (max(width // 4, 1), max(height // 4, 1)), interpolation=cv2.INTER_AREA)
    light = cv2.resize(cv2.GaussianBlur(small, (0, 0), 5.0), (width, height)).astype(np.uint16)
    screen = (255 - (255 - pixels.astype(np.uint16)) * (255 - light) // 255).astype(np.uint8)
    return np.asarray(cv2.addWeighted(pixels, 1 - strength, screen, strength, 0))


def _grade(rng: Rng, pixels: Image) -> Image:
    """Change gamma and range of each channel, and the saturation."""
    levels = np.arange(256) / 255
    gamma = rng.uniform(0.8, 1.3) * rng.uniform(0.92, 1.08, 3)
    low, high = rng.uniform(0, 0.12, 3), rng.uniform(0.92, 1.0, 3)
    table = (low + (high - low) * levels[:, None] ** gamma) * 255
    graded = cv2.LUT(pixels, np.rint(table).astype(np.uint8)[:, None, :])
    gray = cv2.cvtColor(cv2.cvtColor(graded, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    saturation = float(rng.uniform(0.55, 1.25))
    return np.asarray(cv2.addWeighted(graded, saturation, gray, 1 - saturation, 0))
