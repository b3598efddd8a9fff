"""Jewels and glass: gems, brooches, pendants, rings, pearls, glass balls and bubbles."""

from __future__ import annotations

import numpy as np

from mangagan.sample.pen import darken, lighten
from mangagan.sample.strokes import WHITE, Colour, Points, ellipse, points
from mangagan.sample.things.brush import Brush
from mangagan.sample.things.outlines import arc, heart, petal, polygon, scallops, smooth, star


def draw_gem(brush: Brush) -> None:
    """Draw a faceted stone from above or from the side."""
    colour = brush.colour("any")
    if brush.chance(0.4):
        _draw_side_gem(brush, colour)
        return
    corners, squeeze = brush.count(5, 10), brush.between(0.7, 1.0)
    gem = brush.at(0, 0, 1, 0, (squeeze, 1))
    outer, table = polygon(corners, 0.95, 0.3), polygon(corners, brush.between(0.45, 0.65), 0.3)
    _draw_facets(gem, outer, table, colour)
    gem.solid(table, lighten(colour, 0.25), 0.8, 0.4)
    gem.gloss(-0.2, -0.25, 0.12, 0.06, -0.6)


def _draw_facets(brush: Brush, outer: Points, table: Points, colour: Colour) -> None:
    """Draw the facets between two polygons with the same number of corners, each in its own brightness."""
    for index in range(len(outer)):
        after = (index + 1) % len(outer)
        facet = np.array([outer[index], outer[after], table[after], table[index]])
        tint = lighten(colour, brush.between(0, 0.7)) if brush.chance(0.5) else darken(colour, brush.between(0, 0.6))
        brush.solid(facet, tint, 0.7, 0)
    brush.contour(outer)


def _draw_side_gem(brush: Brush, colour: Colour) -> None:
    top, girdle = np.linspace(-0.5, 0.5, 4), np.linspace(-0.95, 0.95, 5)
    for index in range(4):
        tint = lighten(colour, brush.between(0, 0.6)) if brush.chance(0.5) else darken(colour, brush.between(0, 0.6))
        brush.solid(points((girdle[index], -0.25), (girdle[index + 1], -0.25), (0, 0.9)), tint, 0.8, 0)
        left, right = top[max(index - 1, 0)], top[min(index, 3)]
        crown = points((girdle[index], -0.25), (girdle[index + 1], -0.25), (right, -0.65), (left, -0.65))
        brush.solid(crown, lighten(tint, 0.3), 0.8, 0)
    brush.gloss(-0.35, -0.4, 0.1, 0.05)


def draw_brooch(brush: Brush) -> None:
    """Draw a polished stone in a setting of metal with beads, lace or rays."""
    metal, colour = brush.colour("gold" if brush.chance(0.6) else "silver"), brush.colour("any")
    frame = brush.at(0, 0, 1, 0, (brush.between(0.7, 1), 1))
    kind = brush.count(0, 3)
    if kind == 0:
        frame.solid(scallops(brush.count(10, 18), 0.86, 0.1), metal)
    elif kind == 1:
        frame.solid(star(brush.count(6, 14), 0.75, 0.98), metal)
    elif kind == 2:
        frame.solid(ellipse(0, 0, 0.82, 0.82), metal)
        for x, y in polygon(brush.count(10, 18), 0.86):
            frame.solid(ellipse(x, y, 0.1, 0.1, 10), lighten(metal, 0.2), 0.7)
    else:
        for angle in np.arange(8) * np.pi / 4:
            frame.at(0, 0, 0.98, float(angle)).solid(petal("round", 0.32), metal, 0.8)
    frame.solid(ellipse(0, 0, 0.68, 0.68), darken(metal, 0.25), 0.8)
    _draw_cabochon(frame.at(0, 0, 0.58), colour)
    if brush.chance(0.4):
        for side in (-0.3, 0.3):
            brush.solid(
                points((side - 0.1, 0.8), (side + 0.1, 0.8), (side * 1.5 + 0.15, 1.2), (side * 1.5 - 0.15, 1.2)), colour
            )


def _draw_cabochon(brush: Brush, colour: Colour) -> None:
    """Draw a polished stone of radius 1 with reflections, a star or a cross."""
    shape = ellipse(0, 0, 1, 1)
    brush.solid(shape, colour, 1.0, 0.45)
    brush.glow(0.2, 0.5, 0.8, lighten(colour, 0.7), 0.9, shape)
    if brush.chance(0.3):
        brush.solid(star(brush.count(4, 6), 0.25, 0.7), lighten(colour, 0.5), 0.7, 0)
    brush.gloss(-0.38, -0.42, brush.between(0.15, 0.35), brush.between(0.1, 0.2), -0.7)
    if brush.chance(0.6):
        brush.gloss(0.4, 0.45, 0.12, 0.08, -0.7)


def draw_pendant(brush: Brush) -> None:
    """Draw a heart, drop or star on a chain."""
    metal = brush.colour("gold" if brush.chance(0.5) else "silver")
    for side in (-1, 1):
        for t in np.linspace(0.05, 1, 9):
            brush.solid(ellipse(side * 0.9 * t, -0.55 - 0.5 * t**2, 0.06, 0.06, 8), metal, 0.6, 0)
    colour = brush.colour("any")
    shapes = (
        heart() * 0.75 + (0, 0.2),
        star(5, 0.4, 0.8) + np.array([0, 0.2]),
        ellipse(0, 0.2, 0.6, 0.75),
        smooth((0, -0.6), (0.35, 0), (0.5, 0.45), (0, 0.85), (-0.5, 0.45), (-0.35, 0)),
    )
    shape = shapes[brush.count(0, 3)]
    brush.solid((shape - (0, 0.2)) * 1.2 + (0, 0.2), metal)
    brush.solid(shape, colour, 0.8, 0.45)
    brush.gloss(-0.2, -0.02, 0.14, 0.08, -0.6)


def draw_finger_ring(brush: Brush) -> None:
    """Draw a ring with a stone."""
    metal = brush.colour("gold" if brush.chance(0.5) else "silver")
    brush.solid(ellipse(0, 0.25, 0.72, 0.72), metal)
    brush.solid(ellipse(0, 0.25, 0.55, 0.57), brush.colour("pale"), 1.0, 0)
    _draw_side_gem(brush.at(0, -0.55, 0.42), brush.colour("any"))


def draw_pearls(brush: Brush) -> None:
    """Draw a string of pearls or beads in a circle."""
    colour, count = brush.colour("pale" if brush.chance(0.6) else "any"), brush.count(9, 16)
    for index, (x, y) in enumerate(polygon(count, 0.78, 0.4)):
        radius = 0.78 * np.pi / count * (1.25 if index == 0 else 1.0)
        brush.solid(ellipse(x, y, radius, radius, 16), colour, 0.8)
        brush.gloss(x - 0.3 * radius, y - 0.35 * radius, 0.25 * radius, 0.2 * radius)


def draw_glass_ball(brush: Brush) -> None:
    """Draw a glass ball, marble or balloon with reflections, on a stand or with a star inside."""
    colour = brush.colour("water" if brush.chance(0.5) else "any")
    if brush.chance(0.3):
        brush.solid(points((-0.45, 0.7), (0.45, 0.7), (0.65, 1.05), (-0.65, 1.05)), brush.colour("gold"))
    shape = ellipse(0, 0, 0.9, 0.9, 40)
    brush.solid(shape, colour, 1.0, 0.35)
    brush.glow(0.15, 0.45, 0.8, lighten(colour, 0.8), 0.9, shape)
    for _ in range(brush.count(0, 3)):
        x, y = brush.rng.uniform(-0.45, 0.45, 2)
        brush.solid(
            star(brush.count(4, 5), 0.4, brush.between(0.1, 0.25)) + np.array([x, y]), brush.colour("pale"), 0.6, 0
        )
    rim = np.concatenate([arc(0, 0, 0.78, 0.78, 20, 100), arc(0, 0, 0.66, 0.7, 100, 20)])
    brush.fill(rim, lighten(colour, 0.5))
    brush.gloss(-0.35, -0.42, 0.22, 0.13, -0.7)
    if brush.chance(0.5):
        brush.gloss(-0.6, -0.1, 0.05, 0.09, 0.2)


def draw_bubbles(brush: Brush) -> None:
    """Draw transparent bubbles: rims with highlights."""
    places = np.concatenate([[(0.0, 0.0)], brush.rng.uniform(-0.9, 0.9, (brush.count(0, 6), 2))])
    for index, (x, y) in enumerate(places):
        bubble = brush.at(x, y, brush.between(0.6, 0.9) if index == 0 else brush.between(0.1, 0.35))
        shape, colour = ellipse(0, 0, 1, 1, 40), brush.colour("water")
        if bubble.style.colour:
            bubble.ramp(shape, colour, 0.8, 0.6)
            bubble.glow(-0.3, -0.3, 1.0, WHITE, 0.5, shape)
        elif brush.chance(0.5):
            bubble.fill(shape, WHITE)
        bubble.canvas.contour(
            bubble.to_pixels(shape),
            max(0.7 * bubble.width, 0.6),
            darken(colour, 0.3) if brush.style.colour else brush.ink,
        )
        bubble.line(arc(0, 0, 0.8, 0.8, 200, 250), 1.5, WHITE if brush.style.colour else None)
        bubble.line(arc(0, 0, 0.8, 0.8, 30, 70), 1.2, WHITE if brush.style.colour else None)
        bubble.gloss(-0.45, -0.45, 0.16, 0.1, -0.8)


def draw_emblem(brush: Brush) -> None:
    """Draw a badge, coin or crest: rings around a star, cross, heart or flower."""
    metal, inner = brush.colour("gold"), brush.colour("any")
    brush.solid(ellipse(0, 0, 0.95, 0.95, 40), metal)
    brush.solid(ellipse(0, 0, 0.78, 0.78, 40), inner if brush.chance(0.6) else darken(metal, 0.2), 0.8)
    kind = brush.count(0, 3)
    if kind == 0:
        brush.solid(star(brush.count(4, 8), brush.between(0.2, 0.45), 0.65), brush.colour("gold"))
    elif kind == 1:
        brush.solid(heart() * 0.5, brush.colour("red"))
    elif kind == 2:
        for angle in np.arange(5) * 2 * np.pi / 5:
            brush.at(0, 0, 0.65, float(angle)).solid(petal("notched", 0.4), brush.colour("petal"), 0.8)
    else:
        for angle in (0.0, np.pi / 2):
            brush.at(0, 0, 1, angle + 0.4).solid(
                points((-0.12, -0.65), (0.12, -0.65), (0.12, 0.65), (-0.12, 0.65)), metal, 0.8
            )
