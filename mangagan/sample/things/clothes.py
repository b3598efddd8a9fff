"""Clothes and bags: folds, bows, ribbons, collars, hats, shoes, bags, umbrellas."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from mangagan.sample.pen import darken, lighten
from mangagan.sample.strokes import Colour, bezier, ellipse, points, rectangle, spline
from mangagan.sample.things.brush import Brush
from mangagan.sample.things.outlines import arc, capsule, scallops, smooth


def draw_bow(brush: Brush) -> None:
    """Draw a bow with two or four loops, a knot and ribbons."""
    colour, wide = brush.colour("any"), brush.between(0.35, 0.6)
    for side in (-1, 1):
        tail = points((0, 0), (side * 0.25, 0.1), (side * 0.7, 0.95), (side * 0.45, 0.85), (side * 0.3, 1.0))
        brush.solid(tail, darken(colour, 0.12))
    for scale in (1.0, 0.75)[: brush.count(1, 2)]:
        for side in (-1, 1):
            loop = points(
                (0, -0.05),
                (side * 0.5, -wide),
                (side * 0.95, -wide * 1.1),
                (side * 0.95, wide * 0.7),
                (side * 0.5, wide * 0.6),
            )
            brush.solid(spline(loop, True) * scale, colour)
            inner = points((side * 0.5, -0.1), (side * 0.9, -wide * 0.9), (side * 0.88, wide * 0.4))
            brush.solid(spline(inner, True) * scale, darken(colour, 0.3), 0.7, 0)
            for y in (-0.2, 0.0, 0.2):
                brush.line(bezier((side * 0.1, 0.3 * y), (side * 0.25, y), (side * 0.5, 1.3 * y)), 0.7, taper=(0, 0.8))
    brush.solid(ellipse(0, 0, 0.17, 0.2), lighten(colour, 0.1))
    if brush.chance(0.25):
        brush.solid(ellipse(0, 0, 0.1, 0.11), brush.colour("gold"), 0.8)


def draw_rosette(brush: Brush) -> None:
    """Draw a frilled rosette or a round lace doily."""
    colour, count = brush.colour("any"), brush.count(10, 18)
    if brush.chance(0.5):
        for side in (-1, 1):
            brush.solid(
                points((0, 0.4), (side * 0.25, 0.4), (side * 0.55, 1.15), (side * 0.3, 1.05), (side * 0.15, 1.2)),
                darken(colour, 0.1),
            )
    for radius in (0.85, 0.62, 0.4)[: brush.count(2, 3)]:
        brush.solid(scallops(count, radius, 0.1), lighten(colour, 0.9 - radius))
        for angle in np.arange(count) * 2 * np.pi / count:
            x, y = np.cos(angle), np.sin(angle)
            brush.line(points((radius * x, radius * y), (0.75 * radius * x, 0.75 * radius * y)), 0.6)
    brush.solid(ellipse(0, 0, 0.25, 0.25), brush.colour("pale"))


def draw_folds(brush: Brush) -> None:
    """Draw a piece of clothing: an area of cloth with folds that run together, a seam and buttons."""
    cloth = brush.colour("any")
    shape = spline(
        points((-0.9, -0.8), (0, -0.95), (0.9, -0.75), (0.8, 0.1), (0.95, 0.9), (0, 0.98), (-0.95, 0.85), (-0.78, 0)),
        True,
    )
    brush.solid(shape, cloth, 1.0 if brush.chance(0.5) else 0.0)
    x, y = brush.rng.uniform(-0.8, 0.8, 2)
    for _ in range(brush.count(6, 14)):
        u, v = brush.rng.uniform(-0.85, 0.85, 2)
        end = (x + 0.1 * v, y + 0.1 * u)
        middle = ((u + x) / 2 + brush.between(-0.25, 0.25), (v + y) / 2 + brush.between(-0.25, 0.25))
        if brush.chance(0.4):
            fold = np.concatenate(
                [bezier((u, v), middle, end), bezier(end, (middle[0] + 0.12, middle[1] + 0.08), (u, v))]
            )
            brush.fill(fold, darken(cloth, 0.35), shape)
        brush.line(bezier((u, v), middle, end, 12), 1.2, taper=(0.2, 0.7))
    if brush.chance(0.4):
        for button in (-0.5, 0.0, 0.5):
            brush.solid(ellipse(0.1, button, 0.08, 0.08, 14), brush.colour("gold"), 0.7)


def draw_collar(brush: Brush) -> None:
    """Draw the collar of a shirt, blazer or sailor suit with tie or scarf, without a head."""
    cloth, shirt, tie = brush.colour("any"), brush.colour("pale"), brush.colour("any")
    brush.solid(smooth((-0.95, -0.3), (-0.3, -0.65), (0.3, -0.65), (0.95, -0.3), (0.9, 1.0), (-0.9, 1.0)), cloth)
    brush.solid(points((-0.3, -0.6), (0.3, -0.6), (0.0, 0.6)), shirt)
    for side in (-1, 1):
        brush.solid(points((side * 0.3, -0.75), (side * 0.05, -0.2), (side * 0.35, 0.05), (side * 0.6, -0.5)), shirt)
        lapel = points((side * 0.45, -0.6), (side * 0.75, -0.1), (side * 0.5, 0.0), (side * 0.05, 0.7))
        brush.solid(lapel, darken(cloth, 0.15))
    brush.solid(
        points((-0.12, -0.25), (0.12, -0.25), (0.08, -0.05), (0.2, 0.75), (0, 0.95), (-0.2, 0.75), (-0.08, -0.05)), tie
    )


def draw_hat(brush: Brush) -> None:
    """Draw a straw hat, witch's hat, cap or crown, without a head."""
    colour, band = brush.colour("any"), brush.colour("any")
    kind = brush.count(0, 3)
    if kind == 0:
        brush.solid(ellipse(0, 0.3, 0.98, 0.35, 36), colour)
        brush.solid(np.concatenate([arc(0, 0.25, 0.55, 0.75, 180, 360), arc(0, 0.25, 0.55, 0.16, 0, 180)]), colour)
        brush.solid(np.concatenate([arc(0, 0.05, 0.55, 0.16, 0, 180), arc(0, 0.22, 0.56, 0.17, 180, 0)]), band, 0.8)
    elif kind == 1:
        brush.solid(ellipse(0, 0.6, 0.98, 0.25, 36), colour)
        brush.solid(smooth((-0.5, 0.55), (-0.2, -0.3), (0.35, -1.0), (0.3, -0.3), (0.5, 0.55), (0, 0.7)), colour)
        brush.solid(rectangle(-0.16, 0.32, 0.32, 0.25), brush.colour("gold"), 1.0, 0)
    elif kind == 2:
        brush.solid(np.concatenate([arc(0, 0.2, 0.75, 0.8, 180, 360), points((0.75, 0.25), (-0.75, 0.25))]), colour)
        brush.solid(smooth((-0.6, 0.2), (0.6, 0.2), (0.95, 0.5), (0.2, 0.55)), darken(colour, 0.3))
        brush.solid(ellipse(0, -0.2, 0.2, 0.2), band, 0.8)
    else:
        gold = brush.colour("gold")
        crown = points((-0.75, 0.6), (-0.9, -0.5), (-0.4, 0.0), (0, -0.75), (0.4, 0.0), (0.9, -0.5), (0.75, 0.6))
        brush.solid(crown, gold)
        for x, y in ((-0.9, -0.55), (0, -0.8), (0.9, -0.55), (-0.4, 0.35), (0, 0.35), (0.4, 0.35)):
            brush.solid(ellipse(x, y, 0.11, 0.11, 14), brush.colour("any"), 0.8)


def draw_shoe(brush: Brush) -> None:
    """Draw a shoe or a pair of shoes: sneaker, loafer, boot."""
    colour, sole = brush.colour("any" if brush.chance(0.6) else "dark"), brush.colour("pale")
    for shift in (0.25, -0.1)[brush.count(0, 1) :]:
        shoe = brush.at(0, -shift, 0.95)
        high = brush.between(0.45, 1.0)
        upper = points(
            (-0.75, -high),
            (-0.2, -high),
            (0.0, -0.15),
            (0.6, 0.05),
            (0.9, 0.35),
            (0.85, 0.5),
            (-0.85, 0.5),
            (-0.8, -0.1),
        )
        shoe.solid(spline(upper, True), colour)
        shoe.solid(rectangle(-0.88, 0.45, 1.78, 0.16), sole)
        shoe.solid(ellipse(-0.47, -high, 0.3, 0.1), darken(colour, 0.5), 0.8, 0)
        for x in np.linspace(-0.15, 0.35, brush.count(2, 4)):
            shoe.line(
                points((x - 0.14, -0.22 + 0.6 * (x + 0.15)), (x + 0.16, -0.16 + 0.45 * (x + 0.15))),
                1.5,
                sole if brush.chance(0.3) else None,
            )


def draw_bag(brush: Brush) -> None:
    """Draw a school bag, purse or backpack with buckles."""
    colour, metal = brush.colour("any" if brush.chance(0.6) else "wood"), brush.colour("gold")
    brush.canvas.polyline(brush.to_pixels(arc(0, -0.35, 0.4, 0.55, 180, 360)), 2.2 * brush.width, darken(colour, 0.4))
    body: Colour = colour
    brush.solid(smooth((-0.85, -0.4), (0.85, -0.4), (0.95, 0.3), (0.8, 0.85), (-0.8, 0.85), (-0.95, 0.3)), body)
    flap = np.concatenate(
        [points((-0.85, -0.5), (0.85, -0.5)), bezier((0.9, 0.1), (0, brush.between(0.3, 0.7)), (-0.9, 0.1))]
    )
    brush.solid(flap, lighten(colour, 0.12))
    for x in (-0.45, 0.45) if brush.chance(0.6) else (0.0,):
        brush.solid(rectangle(x - 0.09, -0.1, 0.18, 0.55), darken(colour, 0.3), 0.8)
        brush.solid(rectangle(x - 0.12, 0.2, 0.24, 0.2), metal, 0.8)


def draw_umbrella(brush: Brush) -> None:
    """Draw an open umbrella from above or from the side."""
    colour, count = brush.colour("any"), brush.count(6, 10)
    if brush.chance(0.5):
        for start in np.linspace(0, 360, count, endpoint=False):
            wedge = np.concatenate([points((0, 0)), arc(0, 0, 0.95, 0.95, start, start + 360 / count, 4)])
            brush.solid(wedge, lighten(colour, brush.between(0, 0.25)), 0.8, 0)
        brush.solid(ellipse(0, 0, 0.06, 0.06), darken(colour, 0.4), 0.6, 0)
        return
    brush.line(points((0, -0.9), (0, 0.8), (0.12, 0.95), (0.25, 0.8)), 1.8, taper=(0, 0))
    edges = np.linspace(-0.95, 0.95, 5)
    low = np.concatenate([bezier((b, 0.1), ((a + b) / 2, -0.1), (a, 0.1)) for a, b in pairwise(edges)][::-1])
    brush.solid(np.concatenate([arc(0, 0.1, 0.95, 0.9, 180, 360), low]), colour)
    for x in edges[1:-1]:
        brush.line(bezier((0, -0.8), (0.8 * x, -0.5), (x, 0.1)), 0.7)


def draw_hair_back(brush: Brush) -> None:
    """Draw a braid, bun or tuft of hair without a face."""
    hair = brush.colour("fur" if brush.chance(0.5) else "any")
    if brush.chance(0.5):
        for index in range(6):
            y, side = -0.8 + 0.3 * index, 1 if index % 2 else -1
            brush.solid(capsule((side * 0.28, y - 0.1), (-side * 0.12, y + 0.22), 0.3 - 0.02 * index, 0.2), hair)
            brush.line(bezier((side * 0.4, y - 0.15), (side * 0.15, y), (-side * 0.1, y + 0.25)), 0.6)
        return
    brush.solid(ellipse(0, 0, 0.85, 0.85, 32), hair)
    for radius in np.linspace(0.25, 0.75, brush.count(3, 7)):
        start = brush.between(0, 360)
        brush.line(arc(0.1 * radius, 0, radius, radius * 0.95, start, start + brush.between(80, 220)), 0.9)
    brush.line(arc(0, 0, 0.6, 0.6, 210, 280), 3.0, lighten(hair, 0.6))
