"""Backgrounds of colour illustrations: plain, gradients, bokeh, patterns, rays, blurred scenes."""

from __future__ import annotations

import cv2
import numpy as np

from mangagan.sample.background import draw_scene
from mangagan.sample.character import Rng, Style, pick
from mangagan.sample.illustrations.shading import ShadedCanvas, add_light, make_gradient
from mangagan.sample.strokes import WHITE, Colour, Points, ellipse, points, rectangle

# Kinds of backgrounds and their sampling weights
BACKGROUNDS: dict[str, float] = {
    "white": 1.4, "plain": 1.0, "gradient": 1.6, "bokeh": 1.2, "pattern": 1.2, "rays": 0.5, "scene": 2.6, "splash": 0.7,
}  # fmt: skip
SCENES = ("sky", "room", "city", "trees", "sea", "night", "sparkles")


def sample_colour(
    rng: Rng, saturation: tuple[float, float] = (0.1, 0.7), value: tuple[float, float] = (0.45, 1.0)
) -> Colour:
    """Return a random colour with saturation and value in the given ranges [0, 1]."""
    hue, s, v = rng.uniform(0, 179), rng.uniform(*saturation) * 255, rng.uniform(*value) * 255
    red, green, blue = cv2.cvtColor(np.array([[[hue, s, v]]], np.uint8), cv2.COLOR_HSV2RGB)[0, 0]
    return (int(red), int(green), int(blue))


def draw_illustration_background(canvas: ShadedCanvas, rng: Rng, style: Style) -> str:
    """Draw a random background over the whole canvas and return its kind."""
    kind = pick(rng, tuple(BACKGROUNDS), tuple(BACKGROUNDS.values()))
    pixels = canvas.pixels
    height, width = pixels.shape[:2]
    if kind == "plain":
        pixels[:] = sample_colour(rng, (0.05, 0.6), (0.5, 1.0))
    if kind in ("gradient", "bokeh", "rays"):
        colours = [
            sample_colour(rng, (0.05, 0.65), (0.25 if kind == "bokeh" else 0.6, 1.0))
            for _ in range(int(rng.integers(2, 4)))
        ]
        pixels[:] = make_gradient(height, width, colours, float(rng.uniform(-0.8, 0.8)))
    if kind == "bokeh":
        _draw_bokeh(canvas, rng)
    if kind == "rays":
        _draw_rays(canvas, rng)
    if kind == "pattern":
        _draw_pattern(canvas, rng)
    if kind == "splash":
        _draw_splash(canvas, rng)
    if kind == "scene":
        size = (width // canvas.scale, height // canvas.scale)
        draw_scene(canvas, rng, style, size, (size[0] / 2, size[1] / 2), pick(rng, SCENES))
        if rng.random() < 0.75:
            _blur(canvas, float(rng.uniform(1.0, 7.0)))
    if kind != "white" and rng.random() < 0.35:
        x, y = rng.uniform(0, width), rng.uniform(0, 0.5 * height)
        add_light(pixels, x, y, 0.8 * max(width, height), (255, 250, 230), float(rng.uniform(0.2, 0.6)))
    return kind


def _blur(canvas: ShadedCanvas, sigma: float) -> None:
    """Blur the canvas at a quarter of its size, which is fast and looks like depth of field."""
    height, width = canvas.pixels.shape[:2]
    small = cv2.resize(canvas.pixels, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), max(sigma * canvas.scale / 4, 0.3))
    canvas.pixels[:] = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _draw_bokeh(canvas: ShadedCanvas, rng: Rng) -> None:
    height, width = canvas.pixels.shape[:2]
    for _ in range(int(rng.integers(8, 26))):
        x, y, radius = rng.uniform(0, width), rng.uniform(0, height), min(width, height) * rng.uniform(0.02, 0.12)
        add_light(
            canvas.pixels, x, y, radius, sample_colour(rng, (0.0, 0.4), (0.85, 1.0)), float(rng.uniform(0.2, 0.7)), 0.3
        )


def _draw_rays(canvas: ShadedCanvas, rng: Rng) -> None:
    height, width = canvas.pixels.shape[0] / canvas.scale, canvas.pixels.shape[1] / canvas.scale
    x, y = width * rng.uniform(0.3, 0.7), height * rng.uniform(0.3, 0.7)
    far, count = float(np.hypot(width, height)), int(rng.integers(9, 22))
    colour = sample_colour(rng, (0.1, 0.6), (0.8, 1.0))
    for angle in np.arange(count) * 2 * np.pi / count:
        step = np.pi / count
        canvas.fill(points((x, y), (x + far * np.cos(angle), y + far * np.sin(angle)),
                           (x + far * np.cos(angle + step), y + far * np.sin(angle + step))), colour)  # fmt: skip


def outline_star(x: float, y: float, radius: float, tips: int = 5, inner: float = 0.45) -> Points:
    """Return the outline (2 * tips, 2) of a star."""
    angle = np.arange(2 * tips) * np.pi / tips - np.pi / 2
    reach = np.where(np.arange(2 * tips) % 2 == 0, radius, inner * radius)
    return np.stack([x + reach * np.cos(angle), y + reach * np.sin(angle)], axis=1)


def outline_heart(x: float, y: float, size: float) -> Points:
    """Return the outline (40, 2) of a heart."""
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    across = 16 * np.sin(t) ** 3
    down = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return np.stack([x + across * size / 17, y + down * size / 17], axis=1)


def _draw_pattern(canvas: ShadedCanvas, rng: Rng) -> None:
    height, width = canvas.pixels.shape[0] / canvas.scale, canvas.pixels.shape[1] / canvas.scale
    paper, ink = sample_colour(rng, (0.0, 0.45), (0.8, 1.0)), sample_colour(rng, (0.1, 0.6), (0.6, 1.0))
    canvas.pixels[:] = paper
    kind = pick(rng, ("dots", "stripes", "checks", "hearts", "stars"))
    step = float(min(width, height) * rng.uniform(0.04, 0.14))
    if kind == "stripes":
        for x in np.arange(-height, width, 2 * step):
            canvas.fill(
                points((x, 0), (x + step, 0), (x + step + height * 0.6, height), (x + height * 0.6, height)), ink
            )
        return
    for row, y in enumerate(np.arange(0, height + step, step)):
        for x in np.arange(0 if row % 2 else step, width + step, 2 * step):
            if kind == "checks":
                canvas.fill(rectangle(x, y, step, step), ink)
            elif kind == "dots":
                canvas.fill(ellipse(x, y, step * 0.35, step * 0.35), ink)
            else:
                canvas.fill(
                    outline_heart(x, y, step * 0.4) if kind == "hearts" else outline_star(x, y, step * 0.45), ink
                )


def _draw_splash(canvas: ShadedCanvas, rng: Rng) -> None:
    """Draw soft blots of colour on white, as in watercolour."""
    height, width = canvas.pixels.shape[:2]
    for _ in range(int(rng.integers(4, 12))):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        add_light(
            canvas.pixels,
            x,
            y,
            min(width, height) * rng.uniform(0.15, 0.6),
            sample_colour(rng, (0.15, 0.6), (0.8, 1.0)),
            0.6,
            0.6,
        )


def draw_foreground(canvas: ShadedCanvas, rng: Rng) -> None:
    """Draw petals, snow or sparks over the whole picture; they are too small to hide an eye."""
    height, width = canvas.pixels.shape[0] / canvas.scale, canvas.pixels.shape[1] / canvas.scale
    kind = pick(rng, ("petals", "snow", "sparks"))
    colour = sample_colour(rng, (0.15, 0.5), (0.9, 1.0)) if kind == "petals" else WHITE
    for _ in range(int(rng.integers(10, 40))):
        x, y, size = rng.uniform(0, width), rng.uniform(0, height), min(width, height) * rng.uniform(0.004, 0.011)
        if kind == "sparks":
            canvas.fill(outline_star(x, y, 1.5 * size, 4, 0.25), colour)
        elif kind == "snow":
            add_light(canvas.pixels, x * canvas.scale, y * canvas.scale, size * canvas.scale, colour, 0.9)
        else:
            turn = rng.uniform(0, np.pi)
            petal = ellipse(0, 0, size, size * 0.5, 14)
            turned = np.stack(
                [
                    petal[:, 0] * np.cos(turn) - petal[:, 1] * np.sin(turn),
                    petal[:, 0] * np.sin(turn) + petal[:, 1] * np.cos(turn),
                ],
                axis=1,
            )
            canvas.fill(turned + np.array([x, y]), colour)
