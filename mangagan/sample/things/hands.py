"""Hands: fists, open palms, pointing and gripping hands, with sleeves."""

from __future__ import annotations

import numpy as np

from mangagan.sample.pen import darken
from mangagan.sample.strokes import Colour, bezier, ellipse, points, rectangle, spline
from mangagan.sample.things.brush import Brush
from mangagan.sample.things.outlines import capsule, rounded_box, smooth


def _sample_hand_colour(brush: Brush) -> Colour:
    """Return skin, white in most black-and-white drawings, or the colour of a glove."""
    if brush.chance(0.15):
        return brush.colour("any")
    return brush.colour("skin") if brush.style.colour or brush.chance(0.25) else (255, 255, 255)


def _draw_wrist(brush: Brush, skin: Colour, y: float, half: float) -> None:
    """Draw the forearm downwards from `y`, with or without a cuff."""
    brush.solid(points((-half, y), (half, y), (1.15 * half, y + 0.9), (-1.15 * half, y + 0.9)), skin)
    if brush.chance(0.6):
        cloth = brush.colour("any" if brush.chance(0.7) else "dark")
        brush.solid(
            points((-1.5 * half, y + 0.45), (1.5 * half, y + 0.45), (1.8 * half, y + 1.2), (-1.8 * half, y + 1.2)),
            cloth,
        )
        brush.solid(rounded_box(1.55 * half, 0.12, 0.06) + np.array([0, y + 0.45]), cloth)


def draw_fist(brush: Brush) -> None:
    """Draw a fist from the front: four curled fingers and the thumb across them."""
    skin = _sample_hand_colour(brush)
    if brush.chance(0.7):
        _draw_wrist(brush, skin, 0.55, 0.42)
    brush.solid(
        smooth((-0.82, -0.5), (0, -0.72), (0.85, -0.5), (0.85, 0.4), (0.4, 0.85), (-0.45, 0.85), (-0.85, 0.4)), skin
    )
    tops = np.array([-0.6, -0.72, -0.68, -0.52]) + brush.rng.normal(0, 0.03, 4)
    for index, top in enumerate(tops):
        x = -0.62 + 0.415 * index
        low = (0.28, 0.32, 0.3, 0.2)[index]
        brush.solid(capsule((x, top + 0.2), (x, low - 0.15), 0.215, 0.2), skin)
        brush.line(bezier((x - 0.12, top + 0.1), (x, top + 0.02), (x + 0.12, top + 0.1)), 0.7)
        brush.line(bezier((x - 0.17, low - 0.4), (x, low - 0.34), (x + 0.17, low - 0.4)), 0.8)
    thumb = brush.between(0.1, 0.4)
    brush.solid(capsule((-0.72, 0.3), (0.05 + thumb, 0.42), 0.25, 0.19), skin)
    nail = brush.at(0.1 + thumb, 0.4, 0.12, 0.15)
    nail.solid(ellipse(0, 0, 1, 0.8, 14), skin, 0.8, 0)
    brush.line(bezier((-0.35, 0.2), (-0.28, 0.33), (-0.33, 0.45)), 0.7)


def draw_side_fist(brush: Brush) -> None:
    """Draw a fist from the side of the thumb, as it holds a stick, a sword or nothing."""
    skin = _sample_hand_colour(brush)
    if brush.chance(0.5):
        stick = brush.colour("wood" if brush.chance(0.6) else "silver")
        brush.solid(rectangle(-0.2, -1.4, 0.22, 2.8), stick)
    _draw_wrist(brush.at(0.5, 0.2, 1, -1.2), skin, 0.2, 0.38)
    for index in range(4):
        y = -0.55 + 0.34 * index
        brush.solid(capsule((0.4, y + 0.05), (-0.5 + 0.06 * index, y), 0.22, 0.19 - 0.01 * index), skin)
        brush.line(bezier((-0.2, y - 0.15), (-0.12, y), (-0.2, y + 0.15)), 0.7)
    back = points((0.1, -0.8), (0.75, -0.6), (0.95, 0.2), (0.7, 0.75), (0.25, 0.75), (0.15, 0.0))
    brush.solid(spline(back, True), skin)
    brush.solid(capsule((0.45, -0.55), (-0.3, -0.72), 0.24, 0.18), skin)
    brush.line(bezier((0.25, 0.5), (0.35, 0.0), (0.3, -0.3)), 0.7)


def draw_open_hand(brush: Brush) -> None:
    """Draw an open hand, palm or back; some fingers may be bent or folded."""
    skin = _sample_hand_colour(brush)
    _draw_wrist(brush, skin, 0.6, 0.34)
    spread, shown = brush.between(0.05, 0.28), brush.rng.random(4) < brush.between(0.5, 1.15)
    _draw_finger(brush, skin, (-0.4, 0.35), -0.9 - spread, 0.72, 0.17)
    for index in range(4):
        base = (-0.4 + 0.27 * index, -0.05 + 0.05 * abs(index - 1.3))
        angle = (index - 1.4) * spread + brush.between(-0.05, 0.05)
        if shown[index]:
            _draw_finger(brush, skin, base, angle, (0.78, 0.88, 0.82, 0.66)[index], 0.14)
    palm = spline(
        points((-0.52, -0.1), (0, -0.2), (0.52, -0.05), (0.5, 0.45), (0.3, 0.8), (-0.3, 0.8), (-0.55, 0.35)), True
    )
    brush.solid(palm, skin, 0.0, 0.12)
    brush.line(spline(points((0.52, 0.0), (0.5, 0.45), (0.32, 0.8))))
    brush.line(spline(points((-0.55, 0.5), (-0.45, 0.65), (-0.3, 0.8))))
    for index in range(4):
        if not shown[index]:
            brush.solid(capsule((-0.4 + 0.27 * index, -0.05), (-0.38 + 0.25 * index, 0.18), 0.15, 0.13), skin)
    if brush.chance(0.6):
        brush.line(bezier((-0.45, 0.15), (-0.05, 0.1), (-0.15, 0.75)), 0.8)
        brush.line(bezier((-0.4, 0.0), (0.1, 0.2), (0.5, 0.1)), 0.8)
        brush.line(bezier((-0.3, 0.1), (0.1, 0.35), (0.48, 0.3)), 0.7)


def _draw_finger(
    brush: Brush, skin: Colour, base: tuple[float, float], angle: float, length: float, radius: float
) -> None:
    """Draw a finger from `base`; `angle` [rad] is clockwise from the top."""
    finger = brush.at(*base, 1, angle)
    bend = brush.between(-0.08, 0.08)
    finger.solid(capsule((0, 0.1), (bend, -length + radius), radius * 1.05, radius * 0.85), skin)
    for share in (0.4, 0.7):
        finger.line(points((-0.6 * radius, -share * length), (0.5 * radius, -share * length + 0.02)), 0.6)
    if brush.chance(0.4):
        tip = ellipse(bend, -length + 0.9 * radius, 0.5 * radius, 0.65 * radius, 14)
        finger.solid(tip, brush.colour("petal") if brush.chance(0.3) else skin, 0.6, 0)


def draw_pointing_hand(brush: Brush) -> None:
    """Draw a hand that points, or shows two fingers."""
    skin = _sample_hand_colour(brush)
    _draw_wrist(brush, skin, 0.6, 0.36)
    brush.solid(smooth((-0.5, -0.1), (0.5, -0.1), (0.55, 0.4), (0.3, 0.8), (-0.35, 0.8), (-0.58, 0.4)), skin)
    straight = brush.count(1, 2)
    for index in range(4):
        x = -0.4 + 0.27 * index
        if index < straight:
            _draw_finger(brush, skin, (x, 0.0), -0.12 + 0.25 * index * (straight - 1), 0.95, 0.15)
        else:
            brush.solid(capsule((x, -0.1), (x - 0.03, 0.22), 0.15, 0.14), skin)
            brush.line(bezier((x - 0.1, -0.17), (x, -0.22), (x + 0.1, -0.17)), 0.6)
    brush.solid(capsule((-0.5, 0.5), (0.1, 0.28), 0.2, 0.15), skin)


def draw_foot(brush: Brush) -> None:
    """Draw a bare foot from above or a bent knee: large areas of skin with few lines."""
    skin = _sample_hand_colour(brush)
    if brush.chance(0.5):
        knee = points(
            (-0.9, -0.9), (0.0, -0.55), (0.7, -0.7), (0.75, -0.1), (0.35, 0.3), (0.3, 1.1), (-0.4, 1.1), (-0.45, 0.4)
        )
        brush.solid(spline(knee, True), skin)
        brush.line(bezier((0.2, -0.4), (0.5, -0.35), (0.45, 0.0)))
        brush.line(bezier((-0.45, 0.4), (-0.3, 0.2), (0.0, 0.2)), 0.8)
        return
    sole = points((-0.35, -0.5), (0.4, -0.6), (0.5, 0.0), (0.35, 0.9), (-0.1, 0.95), (-0.3, 0.5), (-0.25, 0.1))
    for index in range(5):
        radius = 0.19 - 0.022 * index
        toe = ellipse(-0.3 + 0.2 * index, -0.68 + 0.03 * index**1.5, radius * 0.8, radius)
        brush.solid(toe, skin)
        brush.solid(
            (toe - toe.mean(0)) * (0.5, 0.4) + toe.mean(0) - np.array([0, 0.5 * radius]), darken(skin, 0.08), 0.6, 0
        )
    brush.solid(spline(sole, True), skin, 0.9)
