"""Backgrounds of pictures of things and of colour illustrations: gradients, patterns, bokeh, lace, text, flowers."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from mangagan.sample.background import Size, draw_background
from mangagan.sample.character import Rng, Style, pick
from mangagan.sample.lettering import draw_text
from mangagan.sample.pen import darken, lighten
from mangagan.sample.strokes import WHITE, Canvas, Colour, Points, ellipse, points, rectangle
from mangagan.sample.things.brush import sample_colour
from mangagan.sample.things.outlines import petal, polygon, scallops, star


def draw_backdrop(canvas: Canvas, rng: Rng, style: Style, size: Size) -> None:
    """Draw a random background over the whole canvas.

    Args:
        canvas: The canvas, in colour if `style` is.
        rng: Source of the choices.
        style: The drawing style.
        size: Width and height of the canvas [px].
    """
    if not style.colour:
        kind = pick(rng, ["panel", "paper", "black", "pattern", "text"], (0.5, 0.2, 0.08, 0.12, 0.1))
        if kind == "black":
            canvas.fill(rectangle(0, 0, *size), style.ink)
        elif kind == "panel":
            draw_background(canvas, rng, style, size, (size[0] / 2, size[1] / 2))
        elif kind != "paper":
            BACKDROPS[kind](canvas, rng, size, WHITE, (150, 150, 150) if kind == "pattern" else style.ink)
        return
    if rng.random() < 0.15:
        draw_background(canvas, rng, style, size, (size[0] / 2, size[1] / 2))
        return
    base = sample_colour(rng, pick(rng, ["any", "pale", "dark", "water", "petal"], (0.3, 0.25, 0.1, 0.2, 0.15)))
    other = sample_colour(rng, "any") if rng.random() < 0.5 else lighten(base, float(rng.uniform(0.2, 0.8)))
    paint_gradient(canvas.pixels, rng, base, other)
    if rng.random() < 0.75:
        kind = pick(rng, list(BACKDROPS))
        ink = lighten(base, float(rng.uniform(0.2, 0.9))) if rng.random() < 0.6 else sample_colour(rng, "any")
        BACKDROPS[kind](canvas, rng, size, base, ink)
    if rng.random() < 0.25:
        sigma = float(rng.uniform(0.01, 0.03)) * min(size) * canvas.scale
        small = cv2.resize(canvas.pixels, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        blurred = cv2.GaussianBlur(small, (0, 0), max(sigma / 4, 0.3))
        canvas.pixels[:] = cv2.resize(blurred, canvas.pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def paint_gradient(pixels: np.ndarray, rng: Rng, first: Colour, second: Colour) -> None:
    """Fill uint8 (H, W, 3) with a linear, radial or cloudy gradient between two colours, in place."""
    kind = pick(rng, ["linear", "radial", "cloudy", "flat"], (0.4, 0.2, 0.25, 0.15))
    cells = {"linear": (2, 2), "radial": (3, 3), "cloudy": (5, 5), "flat": (1, 1)}[kind]
    share = rng.random(cells).astype(np.float32)
    if kind == "linear":
        share = np.add.outer(rng.random(2), rng.random(2)).astype(np.float32)
        share = (share - share.min()) / max(float(np.ptp(share)), 0.01)
    if kind == "radial":
        share[:] = 0
        share[1, 1] = 1
    coarse = np.array(first) + share[..., None] * (np.array(second, np.float32) - np.array(first))
    pixels[:] = cv2.resize(coarse.astype(np.uint8), pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _draw_bokeh(canvas: Canvas, rng: Rng, size: Size, base: Colour, ink: Colour) -> None:
    """Draw soft discs of light."""
    layer = canvas.pixels.astype(np.float32)
    for _ in range(int(rng.integers(8, 36))):
        disc = np.zeros(canvas.pixels.shape[:2], np.uint8)
        radius = float(rng.uniform(0.02, 0.14)) * min(size) * canvas.scale
        x, y = (int(v * canvas.scale) for v in rng.uniform((0, 0), size))
        cv2.circle(
            disc, (x, y), max(int(radius), 2), 255, -1 if rng.random() < 0.8 else max(int(radius / 8), 1), cv2.LINE_AA
        )
        tint = lighten(ink, float(rng.uniform(0, 0.8)))
        x0, y0, x1, y1 = (max(int(v), 0) for v in (x - radius - 3, y - radius - 3, x + radius + 4, y + radius + 4))
        share = disc[y0:y1, x0:x1, None].astype(np.float32) * (float(rng.uniform(0.15, 0.7)) / 255)
        region = layer[y0:y1, x0:x1]
        region += share * (np.array(tint, np.float32) - region)
    canvas.pixels[:] = layer.astype(np.uint8)


def _draw_pattern(canvas: Canvas, rng: Rng, size: Size, base: Colour, ink: Colour) -> None:
    """Draw a regular pattern: dots, stars, petals, checks or stripes."""
    step = float(rng.uniform(0.07, 0.25)) * min(size)
    shapes = (ellipse(0, 0, 1, 1, 16), star(5, 0.45), polygon(4), petal("pointed", 0.4), scallops(5, 0.6, 0.4))
    kind, radius = int(rng.integers(len(shapes) + 2)), step * float(rng.uniform(0.15, 0.45))
    if kind >= len(shapes):
        lean = float(rng.uniform(-1, 1)) * size[1] if kind == len(shapes) else 0.0
        for x in np.arange(-size[1], size[0] + size[1], step):
            stripe = points((x, 0), (x + radius, 0), (x + radius + lean, size[1]), (x + lean, size[1]))
            canvas.fill(stripe, ink)
            if kind > len(shapes):
                canvas.fill(rectangle(0, x, size[0], radius), darken(ink, 0.1))
        return
    for row, y in enumerate(np.arange(0, size[1] + step, step)):
        for x in np.arange(0, size[0] + step, step) + (step / 2 if row % 2 else 0):
            canvas.fill(shapes[kind] * radius + (x, y), ink)


def _draw_lace(canvas: Canvas, rng: Rng, size: Size, base: Colour, ink: Colour) -> None:
    """Draw lace: borders of scalloped discs with holes."""
    radius = float(rng.uniform(0.06, 0.16)) * min(size)
    doily, holes = scallops(9, 0.85, 0.25) * radius, polygon(8, 0.6) * radius
    for y in rng.uniform(0, size[1], int(rng.integers(1, 4))):
        for x in np.arange(0, size[0] + radius, 1.7 * radius):
            canvas.fill(doily + np.array([x, y]), lighten(ink, 0.6))
            for u, v in holes:
                canvas.fill(ellipse(x + u, y + v, 0.14 * radius, 0.14 * radius, 8), base)
            canvas.contour(ellipse(x, y, 0.3 * radius, 0.3 * radius, 14), 1.0, base)


def _draw_rays(canvas: Canvas, rng: Rng, size: Size, base: Colour, ink: Colour) -> None:
    """Draw rays from one point."""
    x, y = rng.uniform((0, 0), size)
    reach, count = 2.0 * max(size), int(rng.integers(6, 28))
    for angle in np.arange(count) * 2 * np.pi / count + rng.uniform(0, 1):
        tips = polygon(2 * count, reach, float(angle))[:2] + np.array([x, y])
        canvas.fill(np.concatenate([points((x, y)), tips]), ink)


def _draw_flowers(canvas: Canvas, rng: Rng, size: Size, base: Colour, ink: Colour) -> None:
    """Draw many simple flowers or falling petals."""
    kind, count = pick(rng, ["round", "pointed", "notched", "narrow"]), int(rng.integers(10, 50))
    petals = int(rng.choice([1, 5, 5, 6, 8]))
    for _ in range(count):
        radius = float(rng.uniform(0.03, 0.12)) * min(size)
        x, y, turn = rng.uniform((0, 0, 0), (*size, 6.28))
        tint = lighten(ink, float(rng.uniform(0, 0.6)))
        for index in range(petals):
            angle = turn + 2 * np.pi * index / petals
            cos, sin = np.cos(angle), np.sin(angle)
            shape: Points = petal(kind, 2.2 / (petals + 2)) @ np.array([[cos, sin], [-sin, cos]]) * radius + (x, y)
            canvas.fill(shape, darken(tint, 0.06 * (index % 2)))
        if petals > 1:
            canvas.fill(ellipse(x, y, 0.2 * radius, 0.2 * radius, 10), darken(tint, 0.4))


def _draw_text(canvas: Canvas, rng: Rng, size: Size, base: Colour, ink: Colour) -> None:
    """Draw columns of letters."""
    letter = float(rng.uniform(0.05, 0.2)) * min(size)
    x, y = rng.uniform((0, 0), size) * 0.5
    draw_text(canvas, rng, (x, y, 0.5 * size[0], 0.5 * size[1]), max(letter, 5.0), ink)


BACKDROPS: dict[str, Callable[[Canvas, Rng, Size, Colour, Colour], None]] = {
    "bokeh": _draw_bokeh,
    "pattern": _draw_pattern,
    "lace": _draw_lace,
    "rays": _draw_rays,
    "flowers": _draw_flowers,
    "text": _draw_text,
}
