"""Flowers: roses, rings of petals, clusters and bunches, with stems and leaves."""

from __future__ import annotations

import numpy as np

from mangagan.sample.pen import darken, lighten
from mangagan.sample.strokes import Colour, bezier, ellipse, points, spline
from mangagan.sample.things.brush import Brush
from mangagan.sample.things.outlines import PETALS, arc, blob, petal, polygon, smooth

MIN_VEINED_LEAF = 24.0  # length of a leaf [px]; smaller leaves have no side veins
VEIN_COUNT = 3  # lines in a large petal


def draw_leaves(brush: Brush, count: int, radius: float, length: float) -> None:
    """Draw leaves around the origin, from `radius` outwards."""
    colour = brush.colour("leaf")
    for angle in brush.rng.uniform(0, 2 * np.pi, count):
        leaf = brush.at(radius * np.sin(angle), -radius * np.cos(angle), length, float(angle))
        leaf.solid(petal("pointed", brush.between(0.25, 0.4)), colour)
        leaf.line(points((0, 0), (0, -0.9)), 0.7)
        for y in (-0.3, -0.5, -0.7) if leaf.unit > MIN_VEINED_LEAF else ():
            leaf.line(bezier((0, y + 0.1), (0.1, y), (0.2, y - 0.1), 3), 0.5)
            leaf.line(bezier((0, y + 0.1), (-0.1, y), (-0.2, y - 0.1), 3), 0.5)


def draw_petals(brush: Brush, count: int, kind: str, width: float, colour: Colour, turn: float) -> None:
    """Draw one ring of petals of length 1 around the origin."""
    inner = brush.colour("petal") if brush.chance(0.3) else darken(colour, 0.35)
    for index in brush.rng.permutation(count):
        leaf = brush.at(0, 0, brush.between(0.92, 1.04), turn + 2 * np.pi * index / count + brush.between(-0.06, 0.06))
        shape = petal(kind, width)
        leaf.solid(shape, colour, 1.0 if count < 9 else 0.6)
        if count < 12:
            leaf.ramp(shape, inner, float(np.arctan2(*(-leaf.matrix[::-1, 1]))) + np.pi, 0.7)
        if count < 9 and brush.unit > 18 and brush.finish != "soft":
            for x in np.linspace(-0.3, 0.3, VEIN_COUNT) * width:
                leaf.line(points((x, -0.2), (1.6 * x, -0.5), (1.8 * x, brush.between(-0.8, -0.55))), 0.5)


def draw_blossom(brush: Brush) -> None:
    """Draw one to three rings of petals around a centre: cherry, daisy, lily, camellia, cosmos."""
    kind = PETALS[int(brush.rng.integers(len(PETALS)))]
    count = brush.count(4, 6) if kind in ("round", "notched", "ruffled") else brush.count(5, 16)
    width = min(2.6 / count, 0.6) * brush.between(0.8, 1.2)
    colour, turn = brush.colour("petal"), brush.between(0, 6)
    rings = brush.count(1, 3)
    for ring in range(rings):
        draw_petals(brush.at(0, 0, 1 - 0.27 * ring), count, kind, width, lighten(colour, 0.15 * ring), turn)
        turn += np.pi / count
    _draw_centre(brush, 0.3 - 0.06 * rings)


def _draw_centre(brush: Brush, radius: float) -> None:
    """Draw the centre of a flower: stamens or a disc with seeds."""
    colour = brush.colour("gold")
    if brush.chance(0.4):
        for angle in np.linspace(0, 6.28, brush.count(5, 14), endpoint=False) + brush.between(0, 1):
            x, y = np.cos(angle), np.sin(angle)
            reach = radius * brush.between(1.0, 1.7)
            brush.line(points((0, 0), (x * reach, y * reach)), 0.6, darken(colour, 0.3))
            brush.solid(ellipse(x * reach, y * reach, 0.045, 0.045, 8), colour, 0.5, 0)
        return
    brush.solid(ellipse(0, 0, radius, radius), brush.colour("wood") if brush.chance(0.4) else colour)
    for x, y in brush.rng.uniform(-0.6, 0.6, (brush.count(4, 16), 2)) * radius:
        brush.fill(ellipse(x, y, 0.02, 0.02, 6), darken(colour, 0.6))


def draw_daisy(brush: Brush) -> None:
    """Draw a flower with many narrow petals and a large disc: daisy, sunflower, gerbera."""
    colour, count = brush.colour("petal"), brush.count(12, 24)
    kind = "narrow" if brush.chance(0.5) else "pointed"
    draw_petals(brush, count, kind, 3.2 / count, colour, 0.0)
    if brush.chance(0.5):
        draw_petals(brush.at(0, 0, 0.85), count, kind, 3.2 / count, lighten(colour, 0.2), np.pi / count)
    _draw_centre(brush, brush.between(0.22, 0.45))


def draw_chrysanthemum(brush: Brush) -> None:
    """Draw a flower of many layers of narrow petals."""
    colour, layers = brush.colour("petal"), brush.count(3, 4)
    for layer in range(layers):
        count = 17 - 3 * layer
        ring = brush.at(0, -0.04 * layer, 1 - 0.24 * layer)
        for angle in np.linspace(0, 6.28, count, endpoint=False) + 0.2 * layer:
            ring.at(0, 0, 1, float(angle)).solid(petal("narrow", 2.4 / count), lighten(colour, 0.12 * layer), 0.6)
    brush.solid(ellipse(0, -0.1, 0.1, 0.1), darken(colour, 0.2))


def draw_rose(brush: Brush) -> None:
    """Draw an open rose from above: layers of wide petals with curled edges around a spiral."""
    colour, tilt = brush.colour("petal"), brush.between(0, 0.25)
    if brush.chance(0.6):
        draw_leaves(brush, brush.count(2, 4), 0.6, 0.75)
    turn = brush.between(0, 6)
    layers = brush.count(3, 4)
    for layer in range(layers):
        radius = 0.95 - 0.72 * layer / (layers - 0.4)
        count = max(6 - layer, 3)
        for index in range(count):
            angle = turn + 2 * np.pi * index / count
            leaf = brush.at(0, -tilt * (0.95 - radius), radius, angle)
            wide = brush.between(0.6, 0.78)
            outer = np.concatenate([arc(0, -0.42, wide, 0.58, -205, 25, 14), points((0, 0.1))])
            tint = lighten(colour, 0.08 * (layers - layer)) if index % 2 else colour
            leaf.solid(outer, tint, 1.0, 0.34)
            leaf.line(arc(0.03, -0.4, wide * 0.86, 0.46, -195, brush.between(-80, 0), 10), 0.7)
        turn += 0.6 + 2 * np.pi / count / 2
    _draw_spiral(brush.at(0, -tilt * 0.8, 0.32), darken(colour, 0.25))


def _draw_spiral(brush: Brush, colour: Colour) -> None:
    brush.solid(ellipse(0, 0, 0.95, 0.95), colour, 1.0)
    t = np.linspace(0, 2 * np.pi * brush.between(1.5, 2.6), 36)
    radius = 0.85 * t / t[-1]
    brush.line(np.stack([radius * np.cos(t), radius * np.sin(t)], axis=1), 1.3, taper=(0.1, 0.1))


def draw_side_rose(brush: Brush) -> None:
    """Draw a rose or a bud from the side on a stem: a cup of petals with a spiral at the top."""
    colour = brush.colour("petal")
    leaf = brush.colour("leaf")
    brush.line(bezier((0, 0.3), (0.1, 0.7), (-0.1, 1.0)), 2.5, darken(leaf, 0.2), (0, 0))
    draw_leaves(brush.at(0, 0.6), 2, 0.05, 0.5)
    brush.solid(
        smooth((-0.62, -0.45), (-0.66, 0.1), (-0.25, 0.5), (0.25, 0.5), (0.66, 0.1), (0.62, -0.45), (0, -0.75)), colour
    )
    brush.at(0, -0.42, 0.5, 0, (1.1, 0.62)).solid(ellipse(0, 0, 1, 1), darken(colour, 0.15))
    _draw_spiral(brush.at(0, -0.42, 0.5, 0, (0.9, 0.5)), darken(colour, 0.2))
    for side in (-1, 1):
        fold = points(
            (side * 0.68, -0.5),
            (side * 0.8, -0.2),
            (side * 0.5, 0.35),
            (0, 0.55),
            (-side * 0.2, 0.3),
            (side * 0.2, -0.1),
            (side * 0.45, -0.4),
        )
        brush.solid(spline(fold, True), lighten(colour, 0.12))
        brush.line(bezier((side * 0.6, -0.4), (side * 0.5, 0.0), (0.0, 0.35)), 0.7)
    for x in (-0.3, 0.0, 0.3):
        brush.at(x * 0.5, 0.6, 0.4, -2.5 * x).solid(petal("pointed", 0.3), leaf, 0.8)


def draw_cluster(brush: Brush) -> None:
    """Draw a ball of small flowers: hydrangea, lilac, cherry twig."""
    if brush.chance(0.7):
        draw_leaves(brush, brush.count(2, 5), 0.55, 0.7)
    colour, petals = brush.colour("petal"), brush.count(4, 5)
    places = np.concatenate([polygon(9, 0.72, brush.between(0, 6)), polygon(6, 0.4, brush.between(0, 6)), [(0.0, 0.0)]])
    for x, y in places + brush.rng.normal(0, 0.05, places.shape):
        flower = brush.at(x, y, brush.between(0.24, 0.33), brush.between(0, 6))
        tint = lighten(colour, brush.between(0, 0.4))
        for index in range(petals):
            flower.at(0, 0, 1, 2 * np.pi * index / petals).solid(
                petal("round", 0.55), tint, 0.6, 0.0 if brush.finish in ("soft", "wash") else 0.2
            )
        flower.fill(ellipse(0, 0, 0.15, 0.15, 8), darken(colour, 0.5))


def draw_bunch(brush: Brush) -> None:
    """Draw a bunch of three to five flowers with leaves, partly behind each other."""
    draw_leaves(brush, brush.count(3, 6), 0.5, 0.6)
    kinds = (draw_rose, draw_blossom, draw_daisy)
    draw_flower = kinds[int(brush.rng.integers(3))]
    for x, y in polygon(brush.count(2, 4), 0.48, brush.between(0, 6)):
        draw_flower(brush.at(x, y, brush.between(0.4, 0.55), brush.between(-1, 1)))
    draw_flower(brush.at(0, 0, 0.5))
    if brush.chance(0.4):
        paper = np.concatenate(
            [
                points((-0.8, 0.35)),
                bezier((-0.3, 0.5), (0, 0.62), (0.3, 0.5)),
                points((0.8, 0.35), (0.2, 1.1), (-0.2, 1.1)),
            ]
        )
        brush.solid(paper, brush.colour("pale"))


def draw_tulip(brush: Brush) -> None:
    """Draw a closed flower from the side: tulip, lotus bud, bell flower."""
    colour, leaf = brush.colour("petal"), brush.colour("leaf")
    brush.line(bezier((0, 0.2), (0.08, 0.6), (0, 1.05)), 2.5, leaf, (0, 0))
    brush.at(0, 1.0, 1.0, brush.between(0.4, 0.8)).solid(petal("narrow", 0.3), leaf)
    count = brush.count(3, 7)
    for angle in sorted(np.linspace(-0.75, 0.75, count), key=abs, reverse=True):
        brush.at(0.1 * angle, 0.35, brush.between(1.0, 1.25), angle).solid(petal("pointed", 0.34), colour)


def draw_foliage(brush: Brush) -> None:
    """Draw a cluster of leaves, with or without berries."""
    draw_leaves(brush, brush.count(7, 12), 0.1, 0.85)
    if brush.chance(0.5):
        berry = brush.colour("red")
        for x, y in brush.rng.normal(0, 0.2, (brush.count(2, 6), 2)):
            brush.solid(blob(brush.rng, 6, 0.1, 0.16, 0.16) + np.array([x, y]), berry)
            brush.gloss(x - 0.05, y - 0.05, 0.04, 0.04)
