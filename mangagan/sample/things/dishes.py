"""Dishes and food: plates, bowls of noodles, soup, eggs, cups, cakes, fruit, rice balls."""

from __future__ import annotations

import numpy as np

from mangagan.sample.pen import darken, lighten
from mangagan.sample.strokes import WHITE, bezier, ellipse, points, rectangle, spline
from mangagan.sample.things.brush import Brush
from mangagan.sample.things.outlines import arc, blob, polygon, scallops, smooth


def draw_plate(brush: Brush) -> None:
    """Draw a plate with food, from above or at an angle."""
    tilt = brush.between(0.45, 1.0)
    plate = brush.at(0, 0, 1, 0, (1, tilt))
    china = brush.colour("pale" if brush.chance(0.7) else "any")
    plate.solid(ellipse(0, 0, 0.97, 0.97, 44), china, 1.0, 0.15)
    plate.contour(ellipse(0, 0, 0.7, 0.7, 40), 0.6)
    if brush.chance(0.3):
        for x, y in polygon(brush.count(8, 16), 0.84):
            plate.fill(ellipse(x, y, 0.06, 0.06, 10), brush.colour("any"))
    foods = (_draw_fried_eggs, _draw_heap, _draw_roll_slices, _draw_heap)
    foods[brush.count(0, 3)](plate.at(0, -0.05, 0.65))


def _draw_fried_eggs(brush: Brush) -> None:
    count = brush.count(1, 2)
    for index in range(count):
        egg = brush.at(
            0 if count == 1 else 0.45 * (2 * index - 1), brush.between(-0.1, 0.1), 0.85 if count == 1 else 0.55
        )
        egg.solid(blob(brush.rng, 8, 0.3), WHITE, 1.0, 0.12)
        egg.solid(ellipse(0.05, 0, 0.42, 0.42), (248, 186, 50))
        egg.gloss(-0.1, -0.15, 0.1, 0.07)


def _draw_heap(brush: Brush) -> None:
    """Draw a heap of pieces: rice with curry, dumplings, meat, salad."""
    sauce = brush.colour("food")
    brush.solid(blob(brush.rng, 9, 0.25), sauce)
    for _ in range(brush.count(4, 9)):
        x, y = brush.rng.normal(0, 0.35, 2)
        piece = blob(brush.rng, 6, 0.3, brush.between(0.15, 0.35), brush.between(0.12, 0.3)) + np.array([x, y])
        brush.solid(piece, brush.colour("food" if brush.chance(0.7) else "leaf"), 0.8)
    if brush.chance(0.4):
        brush.solid(blob(brush.rng, 8, 0.15, 0.6, 0.35) + np.array([0, -0.3]), WHITE)


def _draw_roll_slices(brush: Brush) -> None:
    """Draw slices with rings: sushi rolls, naruto, swiss roll."""
    for x, y in polygon(brush.count(2, 4), 0.48, brush.between(0, 6)):
        brush.solid(ellipse(x, y, 0.42, 0.42), brush.colour("dark"))
        brush.solid(ellipse(x, y, 0.34, 0.34), WHITE, 0.7, 0)
        brush.solid(ellipse(x, y, 0.15, 0.15), brush.colour("food"), 0.7, 0)


def draw_bowl(brush: Brush) -> None:
    """Draw a bowl of noodles, soup or rice at an angle."""
    china, broth, tilt = brush.colour("any"), brush.colour("food"), brush.between(0.35, 0.8)
    brush.solid(np.concatenate([arc(0, -0.2, 0.97, 1.1, 0, 180, 24), points((-0.97, -0.2))]), china)
    brush.solid(rectangle(-0.35, 0.82, 0.7, 0.14), darken(china, 0.2), 0.8)
    if brush.chance(0.4):
        for x in np.linspace(-0.7, 0.7, 5):
            brush.line(points((x - 0.1, 0.2), (x + 0.1, 0.2), (x + 0.1, 0.35), (x - 0.05, 0.35), (x - 0.05, 0.27)), 0.7)
    top = brush.at(0, -0.2, 1, 0, (1, tilt))
    top.solid(ellipse(0, 0, 0.97, 0.97, 40), lighten(china, 0.4), 1.0, 0.1)
    top.solid(ellipse(0, 0, 0.85, 0.85, 40), broth, 0.8, 0.2)
    if brush.chance(0.5):
        for _ in range(brush.count(6, 14)):
            a, b, c = brush.rng.uniform(-0.62, 0.62, (3, 2))
            top.line(
                bezier(tuple(a), tuple(b), tuple(c)), 1.2, None if not brush.style.colour else (250, 226, 150), (0, 0)
            )
    for x, y in brush.rng.uniform(-0.45, 0.45, (brush.count(1, 4), 2)):
        _draw_topping(top.at(x, y, brush.between(0.22, 0.36)))
    if brush.chance(0.35):
        for shift in (0.0, 0.14):
            brush.line(points((0.2 + shift, -0.2), (1.0 + shift, -1.05)), 2.2, brush.colour("wood"), (0, 0))
    _draw_steam(brush)


def _draw_topping(brush: Brush) -> None:
    """Draw half an egg, a slice of fish cake or a leaf."""
    kind = brush.count(0, 2)
    if kind == 0:
        brush.solid(ellipse(0, 0, 0.9, 1), WHITE)
        brush.solid(ellipse(0, 0, 0.5, 0.55), (245, 170, 50), 0.8)
    elif kind == 1:
        brush.solid(scallops(9, 0.85, 0.15), WHITE)
        t = np.linspace(0, 9, 24)
        spiral = np.stack([0.065 * t * np.cos(t), 0.065 * t * np.sin(t)], axis=1)
        brush.line(spiral, 1.4, (232, 110, 140) if brush.style.colour else None, (0.1, 0.1))
    else:
        brush.solid(blob(brush.rng, 7, 0.4), brush.colour("leaf" if brush.chance(0.6) else "wood"))


def _draw_steam(brush: Brush) -> None:
    if brush.chance(0.4):
        for x in (-0.3, 0.05, 0.35):
            brush.line(spline(points((x, -0.55), (x + 0.08, -0.75), (x - 0.06, -0.9), (x + 0.05, -1.1))), 0.8)


def draw_cup(brush: Brush) -> None:
    """Draw a cup or mug from the side or from above, with a saucer."""
    china, drink = brush.colour("pale" if brush.chance(0.5) else "any"), brush.colour("wood")
    if brush.chance(0.4):
        brush.solid(ellipse(0, 0, 0.97, 0.97, 40), china, 1.0, 0.15)
        brush.solid(ellipse(0.72, 0.1, 0.2, 0.1), china)
        brush.solid(ellipse(0, 0, 0.62, 0.62, 36), lighten(china, 0.3))
        brush.solid(ellipse(0, 0, 0.52, 0.52, 36), drink, 0.8)
        brush.gloss(-0.2, -0.2, 0.12, 0.06, -0.6)
        return
    taper = brush.between(0.0, 0.3)
    brush.solid(ellipse(0, 0.78, 0.95, 0.2), china)
    brush.solid(ellipse(0.72, 0.1, 0.32, 0.34), china)
    brush.solid(ellipse(0.72, 0.1, 0.2, 0.21), darken(china, 0.5), 0.8, 0)
    body = np.concatenate(
        [points((-0.72, -0.5)), bezier((-0.7 + taper, 0.5), (0, 0.98), (0.7 - taper, 0.5)), points((0.72, -0.5))]
    )
    brush.solid(body, china)
    if brush.chance(0.5):
        brush.solid(scallops(6, 0.14, 0.08) + np.array([0, 0.15]), brush.colour("petal"), 0.7, 0)
    brush.solid(ellipse(0, -0.5, 0.72, 0.2, 32), lighten(china, 0.3))
    brush.solid(ellipse(0, -0.48, 0.62, 0.14, 32), drink, 0.7)
    _draw_steam(brush)


def draw_teapot(brush: Brush) -> None:
    """Draw a teapot or kettle."""
    china = brush.colour("any")
    brush.solid(smooth((0.5, 0.2), (0.85, -0.1), (0.95, -0.5), (1.1, -0.5), (1.0, 0.1), (0.55, 0.6)), china)
    brush.line(arc(-0.75, 0.05, 0.35, 0.4, 60, 310), 3.0, taper=(0, 0))
    brush.solid(ellipse(0, 0.2, 0.75, 0.65, 36), china)
    brush.solid(ellipse(0, -0.38, 0.45, 0.15), lighten(china, 0.2))
    brush.solid(ellipse(0, -0.58, 0.11, 0.11), darken(china, 0.2))
    brush.gloss(-0.3, -0.05, 0.14, 0.08, -0.6)


def draw_cake(brush: Brush) -> None:
    """Draw a cake, pudding or cupcake with a fruit on top."""
    cream, dough = brush.colour("pale"), brush.colour("food")
    brush.solid(points((-0.75, -0.1), (0.75, -0.1), (0.6, 0.85), (-0.6, 0.85)), dough)
    for x in np.linspace(-0.55, 0.55, brush.count(3, 7)):
        brush.line(points((1.1 * x, 0.0), (0.95 * x, 0.82)), 0.6)
    for x, y, radius in ((-0.45, -0.1, 0.42), (0.45, -0.1, 0.42), (0, -0.2, 0.5), (0, -0.5, 0.35)):
        brush.solid(ellipse(x, y, radius, 0.8 * radius), cream, 0.9)
    brush.solid(ellipse(0, -0.82, 0.2, 0.2), brush.colour("red"))
    brush.gloss(-0.06, -0.9, 0.05, 0.04)


def draw_fruit(brush: Brush) -> None:
    """Draw an apple, orange slice, peach, melon or strawberry."""
    kind, colour = brush.count(0, 3), brush.colour("food" if brush.chance(0.6) else "red")
    if kind == 0:
        shape = points(
            (0, -0.55),
            (0.45, -0.75),
            (0.88, -0.3),
            (0.75, 0.5),
            (0.3, 0.88),
            (0, 0.78),
            (-0.3, 0.88),
            (-0.75, 0.5),
            (-0.88, -0.3),
            (-0.45, -0.75),
        )
        brush.solid(spline(shape, True), colour, 1.0, 0.4)
        brush.line(bezier((0, -0.55), (0.02, -0.8), (0.15, -1.0)), 2.0, taper=(0, 0))
        brush.gloss(-0.4, -0.35, 0.1, 0.18, 0.4)
    elif kind == 1:
        brush.solid(ellipse(0, 0, 0.95, 0.95, 40), colour)
        brush.solid(ellipse(0, 0, 0.85, 0.85, 40), lighten(colour, 0.7), 0.7, 0)
        count = brush.count(7, 10)
        for start in np.linspace(0, 360, count, endpoint=False):
            wedge = np.concatenate(
                [
                    arc(0, 0, 0.12, 0.12, start + 180 / count, start + 180 / count, 1),
                    arc(0, 0, 0.78, 0.78, start + 5, start + 360 / count - 5, 8),
                ]
            )
            brush.solid(wedge, lighten(colour, 0.2), 0.7, 0)
    elif kind == 2:
        shape = points(
            (0, -0.7), (0.6, -0.65), (0.75, -0.1), (0.3, 0.7), (0, 0.95), (-0.3, 0.7), (-0.75, -0.1), (-0.6, -0.65)
        )
        brush.solid(spline(shape, True), brush.colour("red"))
        for x, y in brush.rng.uniform((-0.45, -0.4), (0.45, 0.4), (14, 2)):
            brush.fill(ellipse(x, y, 0.03, 0.05, 8), (250, 220, 120))
        for angle in np.linspace(-1.3, 1.3, 5):
            brush.at(0, -0.75, 0.4, float(angle) + np.pi).solid(
                np.array([[0, 0], [0.2, -0.5], [0, -1], [-0.2, -0.5]]), brush.colour("leaf"), 0.8
            )
    else:
        for x in (-0.42, 0.42):
            brush.line(bezier((x, 0.3), (0.2 * x, -0.6), (0.2, -1.0)), 1.4, taper=(0, 0))
            brush.solid(ellipse(x, 0.42, 0.42, 0.42), brush.colour("red"))
            brush.gloss(x - 0.14, 0.26, 0.09, 0.07)


def draw_rice_ball(brush: Brush) -> None:
    """Draw a rice ball, dumpling or bun."""
    shape = spline(
        points((0, -0.85), (0.45, -0.5), (0.88, 0.45), (0.55, 0.8), (-0.55, 0.8), (-0.88, 0.45), (-0.45, -0.5)), True
    )
    brush.solid(shape, brush.colour("pale"), 1.0, 0.15)
    if brush.chance(0.6):
        brush.solid(rectangle(-0.35, 0.1, 0.7, 0.7), brush.colour("dark"), 0.8)
    for x, y in brush.rng.uniform((-0.4, -0.4), (0.4, 0.6), (brush.count(2, 8), 2)):
        brush.line(points((x, y), (x + 0.06, y - 0.05)), 0.6)
    if brush.chance(0.3):
        for x in np.linspace(-0.2, 0.2, 3):
            brush.line(bezier((x, -0.7), (2 * x, -0.3), (3 * x, 0.0)), 0.8)
