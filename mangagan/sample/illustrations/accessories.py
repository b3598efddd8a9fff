"""Accessories on the heads of characters in illustrations: ears, horns, hats, ribbons, flowers, headphones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mangagan.sample.character import Character, Rng, pick
from mangagan.sample.pen import Pen, darken, lighten
from mangagan.sample.strokes import WHITE, Colour, Points, bezier, ellipse, points, ribbon, spline

GOLD: Colour = (226, 186, 92)


def draw_behind_head(pen: Pen, person: Character, colour: Colour, rng: Rng) -> None:
    """Draw ears, horns, a large bow or a halo; the head is drawn over their lower ends."""
    kind = pick(rng, ("none", "cat", "rabbit", "horns", "bow", "halo", "fox"), (5, 1.0, 0.5, 0.4, 0.6, 0.2, 0.5))
    shift = -0.25 * pen.pose.yaw
    if kind in ("cat", "fox"):
        high = 1.95 if kind == "cat" else 2.3
        for side in (-1.0, 1.0):
            outer = spline(
                points((side * 0.3 + shift, -1.15), (side * 0.85 + shift, -high), (side * 1.1 + shift, -0.85)), steps=6
            )
            draw_part(pen, outer, person.hair)
            pen.fill(outer * (0.92, 0.9) + (side * 0.03, -0.12), (245, 190, 190), clip=outer)
    elif kind == "rabbit":
        for side in (-1.0, 1.0):
            lean = float(rng.uniform(0.0, 0.6))
            path = spline(
                points((side * 0.45 + shift, -1.1), (side * 0.6 + shift, -2.0), (side * (0.7 + lean) + shift, -2.7))
            )
            widths = np.interp(np.linspace(0, 1, len(path)), [0, 0.5, 1], [0.4, 0.6, 0.15])
            draw_part(pen, ribbon(path, widths), WHITE if rng.random() < 0.5 else person.hair)
            pen.fill(ribbon(path, widths * 0.45), (245, 190, 195))
    elif kind == "horns":
        for side in (-1.0, 1.0):
            horn = np.concatenate(
                [
                    bezier((side * 0.45 + shift, -1.1), (side * 1.0 + shift, -1.5), (side * 0.8 + shift, -2.1)),
                    bezier((side * 0.8 + shift, -2.1), (side * 1.4 + shift, -1.5), (side * 0.95 + shift, -0.9)),
                ]
            )
            draw_part(pen, horn, colour)
    elif kind == "bow":
        draw_bow(pen, shift, -1.45, 1.0, colour)
    elif kind == "halo":
        pen.contour(ellipse(shift, -1.85, 0.7, 0.2), 0.1)
        pen.canvas.contour(pen.pose.to_pixels(ellipse(shift, -1.85, 0.7, 0.2)), 0.08 * pen.pose.unit, (255, 232, 150))


def draw_on_head(pen: Pen, person: Character, colour: Colour, rng: Rng) -> None:
    """Draw a hat, hairband, ribbon, flower or headphones over the hair; nothing covers the eyes."""
    drawers: dict[str, Callable[[Pen, Colour, Rng, float], None]] = {
        "beret": _draw_beret,
        "cap": _draw_cap,
        "straw": _draw_straw_hat,
        "witch": _draw_witch_hat,
        "band": _draw_hairband,
        "ribbon": _draw_side_ribbon,
        "flower": _draw_hair_flower,
        "clip": _draw_clip,
        "crown": _draw_crown,
        "headphones": _draw_headphones,
    }
    kind = pick(rng, ("none", *drawers), (5, 0.4, 0.3, 0.35, 0.25, 0.7, 0.9, 0.9, 0.9, 0.3, 0.3))
    if kind != "none":
        drawers[kind](pen, colour, rng, -0.25 * pen.pose.yaw)


def draw_part(pen: Pen, shape: Points, colour: Colour) -> None:
    """Fill a shape (n, 2) in head units and draw its outline."""
    pen.fill(shape, colour)
    pen.contour(shape)


def draw_bow(pen: Pen, x: float, y: float, size: float, colour: Colour) -> None:
    """Draw a bow with its knot at (x, y) in head units."""
    for side in (-1.0, 1.0):
        loop = spline(
            points((0, 0), (side * 0.5, -0.4), (side * 0.85, -0.25), (side * 0.8, 0.3), (side * 0.4, 0.2)), closed=True
        )
        tail = points((0, 0.05), (side * 0.45, 0.75), (side * 0.2, 0.7), (side * 0.1, 0.85))
        for part in (tail, loop):
            draw_part(pen, part * size + (x, y), colour)
        pen.line(
            bezier((side * 0.1 * size + x, y), (side * 0.35 * size + x, y - 0.05), (side * 0.55 * size + x, y - 0.02)),
            0.03,
        )
    draw_part(pen, ellipse(x, y, 0.16 * size, 0.16 * size), darken(colour, 0.1))


def _draw_beret(pen: Pen, colour: Colour, rng: Rng, shift: float) -> None:
    lean = float(rng.uniform(-0.25, 0.25))
    shape = spline(
        points(
            (-1.0, -0.85),
            (-1.35 + lean, -1.25),
            (-0.8 + lean, -1.85),
            (0.1 + lean, -2.0),
            (0.95 + lean, -1.8),
            (1.35 + lean, -1.2),
            (1.0, -0.85),
            (0, -1.1),
        ),
        closed=True,
    ) + np.array([shift, 0.0])
    draw_part(pen, shape, colour)
    pen.fill(
        spline(points((-1.2, -1.2), (0, -1.5), (1.3, -1.1), (1.2, -0.7), (-1.2, -0.7))) + np.array([shift, 0.0]),
        darken(colour, 0.18),
        clip=shape,
    )
    draw_part(pen, ellipse(lean + shift, -2.02, 0.1, 0.1), colour)


def _draw_cap(pen: Pen, colour: Colour, rng: Rng, shift: float) -> None:
    dome = spline(
        points(
            (-1.2, -0.75),
            (-1.15, -1.3),
            (-0.6, -1.75),
            (0, -1.85),
            (0.6, -1.75),
            (1.15, -1.3),
            (1.2, -0.75),
            (0, -0.95),
        ),
        closed=True,
    ) + np.array([shift, 0.0])
    draw_part(pen, dome, colour)
    for x in (-0.45, 0.45):
        pen.line(bezier((x * 1.5 + shift, -0.85), (x * 1.4 + shift, -1.4), (shift, -1.84)), 0.025)
    brim = spline(
        points((-1.05, -0.78), (0, -1.0), (1.05, -0.78), (1.15, -0.52), (0, -0.68), (-1.15, -0.52)), closed=True
    ) + np.array([shift, 0.0])
    draw_part(pen, brim, darken(colour, 0.25) if rng.random() < 0.5 else lighten(colour, 0.6))


def _draw_straw_hat(pen: Pen, colour: Colour, rng: Rng, shift: float) -> None:
    straw: Colour = (236, 208, 140) if rng.random() < 0.7 else WHITE
    brim = ellipse(shift, -0.98, 2.2, 0.42)
    dome = spline(
        points((-1.1, -0.95), (-1.0, -1.6), (-0.5, -1.98), (0.5, -1.98), (1.0, -1.6), (1.1, -0.95)), closed=True
    ) + np.array([shift, 0.0])
    draw_part(pen, brim, straw)
    pen.fill(ellipse(shift, -0.86, 1.3, 0.28), darken(straw, 0.25), clip=brim)
    draw_part(pen, dome, straw)
    draw_part(
        pen,
        points((-1.1, -0.95), (-1.08, -1.25), (1.08, -1.25), (1.1, -0.95), (0, -0.85)) + np.array([shift, 0.0]),
        colour,
    )


def _draw_witch_hat(pen: Pen, colour: Colour, rng: Rng, shift: float) -> None:
    dark = darken(colour, 0.45)
    cone = spline(
        points(
            (-1.05, -1.0),
            (-0.6, -1.9),
            (-0.1, -2.7),
            (float(rng.uniform(-0.9, 0.9)), -3.1),
            (0.3, -2.4),
            (0.7, -1.8),
            (1.05, -1.0),
        ),
        steps=6,
    ) + np.array([shift, 0.0])
    draw_part(pen, ellipse(shift, -1.0, 2.1, 0.4), dark)
    draw_part(pen, cone, dark)
    draw_part(
        pen, points((-1.05, -1.0), (-0.93, -1.3), (0.93, -1.3), (1.05, -1.0), (0, -0.88)) + np.array([shift, 0.0]), GOLD
    )


def _draw_hairband(pen: Pen, colour: Colour, rng: Rng, shift: float) -> None:
    arc = bezier((-1.1 + shift, -0.55), (shift, -2.1), (1.1 + shift, -0.55), 14)
    maid = rng.random() < 0.3
    if maid:
        for x, y in arc[1:-1]:
            draw_part(pen, ellipse(x, y - 0.1, 0.17, 0.17), WHITE)
    draw_part(pen, ribbon(arc, np.full(len(arc), 0.2)), WHITE if maid else colour)
    if not maid and rng.random() < 0.4:
        draw_bow(pen, 0.7 + shift, -1.2, 0.5, colour)


def _draw_side_ribbon(pen: Pen, colour: Colour, rng: Rng, shift: float) -> None:
    for side in (-1.0, 1.0) if rng.random() < 0.4 else (float(rng.choice([-1, 1])),):
        draw_bow(pen, side * 0.95 + shift, -0.95, float(rng.uniform(0.4, 0.65)), colour)


def _draw_hair_flower(pen: Pen, colour: Colour, rng: Rng, shift: float) -> None:
    side = float(rng.choice([-1, 1]))
    for index in range(int(rng.integers(1, 4))):
        x, y, size = side * (0.85 + 0.12 * index) + shift, -0.95 + 0.42 * index - 0.1, float(rng.uniform(0.2, 0.34))
        for angle in np.arange(5) * 2 * np.pi / 5 + rng.uniform(0, 1):
            draw_part(
                pen,
                ellipse(x + size * 0.62 * np.cos(angle), y + size * 0.62 * np.sin(angle), size * 0.5, size * 0.5, 16),
                lighten(colour, 0.3),
            )
        draw_part(pen, ellipse(x, y, size * 0.32, size * 0.32, 14), (250, 220, 110))


def _draw_clip(pen: Pen, colour: Colour, rng: Rng, shift: float) -> None:
    side = float(rng.choice([-1, 1]))
    for y in (-0.62, -0.45)[: int(rng.integers(1, 3))]:
        path = points((side * 0.55 + shift, y - 0.05), (side * 0.9 + shift, y + 0.05))
        draw_part(pen, ribbon(path, np.array([0.12, 0.12])), colour)


def _draw_crown(pen: Pen, colour: Colour, rng: Rng, shift: float) -> None:
    top = [(x, -1.35 - (0.5 if i % 2 else 0.12) + 0.25 * x * x) for i, x in enumerate(np.linspace(-0.7, 0.7, 7))]
    crown = points(*top, (0.66, -0.98), (0, -1.12), (-0.66, -0.98)) + np.array([shift, 0.0])
    draw_part(pen, crown, GOLD)
    for x in (-0.4, 0.0, 0.4):
        draw_part(pen, ellipse(x + shift, -1.25, 0.07, 0.09, 12), colour)


def _draw_headphones(pen: Pen, colour: Colour, rng: Rng, shift: float) -> None:
    arc = spline(points((-1.22, 0.0), (-1.25, -0.9), (0, -1.72), (1.25, -0.9), (1.22, 0.0)), steps=6) + np.array(
        [shift, 0.0]
    )
    draw_part(pen, ribbon(arc, np.full(len(arc), 0.17)), darken(colour, 0.3))
    for side in (-1.0, 1.0):
        draw_part(pen, ellipse(side * 1.2 + shift, 0.12, 0.24, 0.4), colour)
        pen.fill(ellipse(side * 1.2 + shift, 0.05, 0.11, 0.2), lighten(colour, 0.5))
