"""Scenery: trees, stones, windows, cars, flames, smoke, splashes, bursts, the moon."""

from __future__ import annotations

import numpy as np

from mangagan.sample.pen import darken, lighten
from mangagan.sample.strokes import WHITE, bezier, ellipse, points, rectangle, spline
from mangagan.sample.things.brush import Brush
from mangagan.sample.things.outlines import arc, blob, polygon, rounded_box, smooth, star


def draw_tree(brush: Brush) -> None:
    """Draw a tree or a bush: a crown of lobes with tufts, on a trunk."""
    leaf = brush.colour("leaf" if brush.chance(0.7) else "petal")
    brush.solid(
        smooth((-0.15, 0.2), (0.15, 0.2), (0.14, 0.8), (0.3, 1.05), (-0.3, 1.05), (-0.14, 0.8)),
        brush.colour("wood"),
    )
    for _ in range(brush.count(4, 7)):
        x, y = brush.rng.normal(0, 0.33, 2) - np.array([0, 0.25])
        brush.solid(
            blob(brush.rng, 9, 0.2, brush.between(0.35, 0.55), brush.between(0.3, 0.5)) + np.array([x, y]), leaf
        )
    for x, y in brush.rng.uniform((-0.4, -0.6), (0.4, 0.05), (brush.count(6, 14), 2)):
        brush.line(bezier((x - 0.1, y), (x, y + 0.12), (x + 0.1, y)), 0.8)


def draw_stone(brush: Brush) -> None:
    """Draw a stone or a heap of stones with cracks and dots."""
    colour = brush.colour("silver" if brush.chance(0.6) else "wood")
    for index in range(brush.count(1, 3)):
        x, y = (0, 0) if index == 0 else brush.rng.uniform(-0.5, 0.5, 2) + np.array([0, 0.4])
        rock = brush.at(x, y, 0.92 if index == 0 else brush.between(0.3, 0.5))
        corners = polygon(7, 1.0, brush.between(0, 6)) * brush.rng.uniform(0.75, 1, (7, 1))
        rock.solid(corners, colour)
        for _ in range(brush.count(2, 5)):
            a = brush.rng.uniform(-0.5, 0.5, (3, 2))
            rock.line(np.array([a[0], a[0] + 0.4 * a[1], a[0] + 0.4 * a[1] + 0.3 * a[2]]), 0.8)
        for u, v in brush.rng.uniform(-0.5, 0.5, (brush.count(0, 8), 2)):
            rock.fill(ellipse(u, v, 0.03, 0.03, 6), darken(colour, 0.6))


def draw_windows(brush: Brush) -> None:
    """Draw a wall or house with two lit windows and a door."""
    wall, light = (
        brush.colour("any" if brush.chance(0.6) else "dark"),
        (255, 240, 170) if brush.chance(0.6) else brush.colour("dark"),
    )
    if brush.chance(0.6):
        brush.solid(points((-1.0, -0.45), (0, -1.0), (1.0, -0.45)), brush.colour("any"))
        brush.solid(rectangle(-0.85, -0.45, 1.7, 1.4), wall)
    else:
        brush.solid(rectangle(-0.9, -0.95, 1.8, 1.9), wall)
    half, tall = brush.between(0.15, 0.3), brush.between(0.15, 0.35)
    for side in (-1, 1):
        x, y = side * 0.45, -0.05
        pane = ellipse(x, y, half, half, 24) if brush.chance(0.3) else rectangle(x - half, y - tall, 2 * half, 2 * tall)
        brush.solid(pane, light, 1.2, 0)
        brush.line(points((x, y - min(half, tall)), (x, y + min(half, tall))), 1.0, taper=(0, 0))
        brush.line(points((x - half, y), (x + half, y)), 1.0, taper=(0, 0))
    door = (
        rounded_box(0.2, 0.28, 0.08) + np.array([0, 0.67]) if brush.chance(0.6) else rectangle(-0.35, 0.55, 0.7, 0.14)
    )
    brush.solid(door, darken(wall, 0.4))


def draw_car(brush: Brush) -> None:
    """Draw the front of a car, bus or train: two lamps and a grille."""
    paint, glass = brush.colour("any"), brush.colour("water")
    for side in (-1, 1):
        brush.solid(rounded_box(0.16, 0.25, 0.08) + np.array([side * 0.65, 0.75]), brush.colour("dark"))
    if brush.chance(0.7):
        brush.solid(points((-0.6, -0.1), (-0.45, -0.75), (0.45, -0.75), (0.6, -0.1)), paint)
        brush.solid(points((-0.5, -0.15), (-0.38, -0.65), (0.38, -0.65), (0.5, -0.15)), glass)
        brush.solid(rounded_box(0.92, 0.45, 0.2) + np.array([0, 0.32]), paint)
    else:
        brush.solid(rounded_box(0.85, 0.95, 0.2), paint)
        brush.solid(rounded_box(0.7, 0.35, 0.08) + np.array([0, -0.4]), glass)
        brush.line(points((0, -0.72), (0, -0.08)), 1.2, taper=(0, 0))
    for side in (-1, 1):
        lamp = ellipse(side * 0.6, 0.25, 0.2, brush.between(0.12, 0.2), 22)
        brush.solid(lamp, (255, 248, 214), 1.2, 0.1)
        brush.contour((lamp - lamp.mean(0)) * 0.6 + lamp.mean(0), 0.6)
    brush.solid(rounded_box(0.3, 0.12, 0.05) + np.array([0, 0.28]), brush.colour("dark"), 0.8, 0)
    brush.solid(rounded_box(0.2, 0.07, 0.02) + np.array([0, 0.6]), WHITE, 0.8, 0)


def draw_flame(brush: Brush) -> None:
    """Draw a flame or a candle."""
    colour = (240, 110, 40) if brush.chance(0.6) else brush.colour("any")
    if brush.chance(0.4):
        brush.solid(rectangle(-0.18, 0.3, 0.36, 0.75), brush.colour("pale"))
    for scale, tint in ((1.0, colour), (0.68, lighten(colour, 0.4)), (0.38, lighten(colour, 0.8))):
        shape = points(
            (0, -1.0),
            (0.25, -0.4),
            (0.5, -0.55),
            (0.55, 0.1),
            (0.3, 0.5),
            (-0.3, 0.5),
            (-0.55, 0.1),
            (-0.35, -0.35),
            (-0.15, -0.4),
        )
        brush.solid(spline(shape, True) * scale + (0, 0.4 * (1 - scale)), tint, 0.9, 0.1)


def draw_smoke(brush: Brush) -> None:
    """Draw a puff of smoke or a cloud of lobes."""
    colour = brush.colour("pale" if brush.chance(0.7) else "silver")
    lobes = np.concatenate([brush.rng.uniform(-0.6, 0.6, (brush.count(5, 10), 2)), [(0.0, 0.0)]])
    for x, y in lobes:
        radius = brush.between(0.25, 0.45)
        brush.solid(ellipse(x, y, radius, radius, 20), colour)
        brush.line(arc(x, y, 0.7 * radius, 0.7 * radius, 20, 120), 0.7)


def draw_burst(brush: Brush) -> None:
    """Draw an impact star, explosion or sparkle."""
    tips, colour = brush.count(4, 16), brush.colour("any" if brush.chance(0.5) else "pale")
    outer = star(tips, brush.between(0.15, 0.7)) * brush.rng.uniform(0.75, 1, (2 * tips, 1))
    brush.solid(outer, colour, 1.3, 0)
    if brush.chance(0.6):
        brush.solid(0.6 * outer, lighten(colour, 0.6), 0.9, 0)
    if brush.chance(0.4):
        for angle in brush.rng.uniform(0, 6.28, 14):
            x, y = np.cos(angle), np.sin(angle)
            brush.line(points((0.8 * x, 0.8 * y), (1.15 * x, 1.15 * y)), 1.5, taper=(0.1, 0.8))


def draw_moon(brush: Brush) -> None:
    """Draw the moon, the sun or a planet with craters, rays or a ring."""
    colour = brush.colour("gold" if brush.chance(0.5) else "any")
    kind = brush.count(0, 2)
    if kind == 0:
        brush.solid(star(brush.count(8, 16), 0.75), lighten(colour, 0.2), 0.8, 0)
    disc = ellipse(0, 0, 0.72, 0.72, 36)
    brush.solid(disc, colour)
    if kind == 1:
        for x, y in brush.rng.uniform(-0.42, 0.42, (brush.count(3, 7), 2)):
            radius = brush.between(0.06, 0.17)
            brush.solid(ellipse(x, y, radius, radius, 14), darken(colour, 0.18), 0.6, 0)
    elif kind == 2:
        for y in np.linspace(-0.4, 0.4, 4):
            half = np.sqrt(0.72**2 - y**2) - 0.02
            brush.line(bezier((-half, y), (0, y + 0.12), (half, y)), 1.0, darken(colour, 0.4), (0, 0))
        brush.line(arc(0, 0.05, 1.0, 0.28, -20, 200, 24), 2.4)


def draw_balloon_toy(brush: Brush) -> None:
    """Draw toy balloons on strings or a hot-air balloon."""
    for x, y in ((-0.45, -0.25), (0.4, -0.35), (0.0, -0.1))[-brush.count(1, 3) :]:
        colour = brush.colour("any")
        brush.line(bezier((x, y + 0.5), (0.5 * x + 0.1, 0.8), (0, 1.1)), 0.8, taper=(0, 0))
        brush.solid(points((x - 0.07, y + 0.62), (x + 0.07, y + 0.62), (x, y + 0.5)), colour, 0.8, 0)
        brush.solid(
            smooth(
                (x, y - 0.6),
                (x + 0.5, y - 0.25),
                (x + 0.32, y + 0.3),
                (x, y + 0.55),
                (x - 0.32, y + 0.3),
                (x - 0.5, y - 0.25),
            ),
            colour,
            1.0,
            0.4,
        )
        brush.gloss(x - 0.2, y - 0.25, 0.08, 0.14, 0.4)


def draw_splash(brush: Brush) -> None:
    """Draw a splash of water with drops."""
    colour = brush.colour("water")
    for angle in np.linspace(-1.2, 1.2, brush.count(4, 7)):
        x, y = np.sin(angle), -np.cos(angle)
        reach = brush.between(0.55, 0.9)
        brush.solid(smooth((-0.15, 0.5), (reach * x, reach * y + 0.3), (0.15, 0.5)), colour, 0.9)
        drop = ellipse(1.1 * reach * x, 1.1 * reach * y + 0.2, 0.08, 0.1, 12)
        brush.solid(drop, colour, 0.8)
    brush.solid(ellipse(0, 0.6, 0.85, 0.22, 30), colour)


def draw_mushroom(brush: Brush) -> None:
    """Draw a mushroom with a spotted cap."""
    cap = brush.colour("red" if brush.chance(0.5) else "any")
    brush.solid(smooth((-0.25, 0.1), (0.25, 0.1), (0.35, 0.9), (-0.35, 0.9)), brush.colour("pale"))
    shape = np.concatenate([arc(0, 0.1, 0.92, 0.95, 180, 360), bezier((0.92, 0.1), (0, 0.4), (-0.92, 0.1))])
    brush.solid(shape, cap)
    for x, y, radius in ((-0.45, -0.25, 0.15), (0.1, -0.5, 0.18), (0.5, -0.15, 0.13), (0.0, -0.05, 0.12)):
        brush.solid(ellipse(x, y, radius, radius * brush.between(0.7, 1), 14), WHITE, 0.7, 0)
