"""Masks and empty faces: demon, fox and theatre masks, skulls, carved pumpkins, dolls, robots, smiling signs."""

from __future__ import annotations

import numpy as np

from mangagan.sample.pen import darken, lighten
from mangagan.sample.strokes import WHITE, Colour, bezier, ellipse, points, rectangle, spline
from mangagan.sample.things.brush import Brush
from mangagan.sample.things.outlines import arc, blob, rounded_box, smooth

DARK: Colour = (18, 14, 18)


def _mirror(brush: Brush, shape: np.ndarray, colour: Colour, shade: float = 0.0) -> None:
    """Draw a shape and its mirror image."""
    for side in (-1, 1):
        brush.solid(shape * (side, 1), colour, 0.9, shade)


def draw_demon_mask(brush: Brush) -> None:
    """Draw the mask of a demon: horns, fangs, heavy brows."""
    skin, horn = brush.colour("red" if brush.chance(0.7) else "any"), brush.colour("gold")
    for side in (-1, 1):
        tip = brush.between(0.5, 0.9)
        brush.solid(smooth((side * 0.25, -0.6), (side * 0.62, -0.45), (side * tip, -1.1)), horn)
    head = points(
        (0, -0.75),
        (0.6, -0.6),
        (0.82, 0),
        (0.6, 0.6),
        (0.25, 0.92),
        (-0.25, 0.92),
        (-0.6, 0.6),
        (-0.82, 0),
        (-0.6, -0.6),
    )
    brush.solid(spline(head, True), skin)
    _mirror(brush, smooth((0.12, -0.12), (0.4, -0.38), (0.72, -0.32), (0.5, -0.15)), DARK)
    _mirror(brush, ellipse(0.36, 0.0, 0.2, 0.12, 18), brush.colour("gold"))
    _mirror(brush, ellipse(0.35, 0.0, 0.07, 0.09, 12), DARK)
    _mirror(brush, smooth((0, 0.0), (0.22, 0.3), (0.12, 0.4), (0, 0.42)), darken(skin, 0.15), 0.2)
    mouth = np.concatenate([bezier((-0.5, 0.5), (0, 0.4), (0.5, 0.5)), bezier((0.45, 0.65), (0, 0.85), (-0.45, 0.65))])
    brush.solid(mouth, DARK)
    for x in np.linspace(-0.4, 0.4, 6):
        brush.solid(rectangle(x - 0.06, 0.48, 0.12, 0.13), WHITE, 0.7, 0)
    _mirror(brush, points((0.3, 0.72), (0.44, 0.68), (0.42, 0.4)), WHITE)


def draw_fox_mask(brush: Brush) -> None:
    """Draw the white mask of a fox with painted marks."""
    paint, white = brush.colour("red"), brush.colour("pale")
    _mirror(brush, points((0.2, -0.5), (0.72, -0.3), (0.78, -1.0)), white, 0.2)
    _mirror(brush, points((0.42, -0.5), (0.64, -0.4), (0.7, -0.82)), paint)
    brush.solid(
        smooth((0, -0.6), (0.6, -0.5), (0.82, 0.0), (0.3, 0.6), (0, 0.95), (-0.3, 0.6), (-0.82, 0.0), (-0.6, -0.5)),
        white,
    )
    _mirror(brush, smooth((0.14, 0.05), (0.36, -0.14), (0.66, -0.22), (0.42, 0.06)), paint)
    for side in (-1, 1):
        brush.line(bezier((side * 0.2, 0.02), (side * 0.38, -0.08), (side * 0.58, -0.16)), 1.8)
        for y in (0.18, 0.3):
            brush.line(
                points((side * 0.75, y - 0.08), (side * 0.4, y + 0.08)), 1.6, paint if brush.style.colour else None
            )
        brush.line(bezier((0, 0.75), (side * 0.14, 0.84), (side * 0.26, 0.68)), 1.0)
    brush.fill(ellipse(0, 0.66, 0.1, 0.07, 14), DARK)
    for y, size in ((-0.42, 0.09), (-0.2, 0.06)):
        brush.fill(ellipse(0, y, 0.7 * size, 1.4 * size, 12), paint)


def draw_theatre_mask(brush: Brush) -> None:
    """Draw a mask with empty eyes: laughing, weeping, or of the no theatre."""
    face, mood = brush.colour("pale"), brush.between(-1, 1)
    oval = points(
        (0, -0.92), (0.58, -0.75), (0.76, -0.1), (0.6, 0.5), (0, 0.95), (-0.6, 0.5), (-0.76, -0.1), (-0.58, -0.75)
    )
    brush.solid(spline(oval, True), face)
    if brush.chance(0.4):
        brush.fill(
            np.concatenate([arc(0, -0.3, 0.72, 0.62, 190, 350), bezier((0.6, -0.5), (0, -0.75), (-0.6, -0.5))]), DARK
        )
    for side in (-1, 1):
        hole = np.concatenate(
            [
                bezier((side * 0.14, -0.05), (side * 0.35, -0.2 - 0.14 * mood), (side * 0.58, -0.05)),
                bezier((side * 0.58, -0.05), (side * 0.35, 0.1 - 0.14 * mood), (side * 0.14, -0.05)),
            ]
        )
        brush.fill(hole, DARK)
        brush.line(bezier((side * 0.12, -0.25), (side * 0.35, -0.42), (side * 0.6, -0.28)), 1.2)
    brush.line(spline(points((-0.03, -0.1), (-0.1, 0.25), (0.08, 0.3))), 0.9)
    low = 0.5 + 0.25 * mood
    brush.fill(
        np.concatenate(
            [bezier((-0.36, 0.5), (0, low - 0.12), (0.36, 0.5)), bezier((0.36, 0.5), (0, low + 0.2), (-0.36, 0.5))]
        ),
        brush.colour("red") if brush.chance(0.5) else DARK,
    )
    if brush.chance(0.3):
        brush.fill(smooth((0.3, 0.1), (0.38, 0.35), (0.3, 0.42), (0.22, 0.35)), brush.colour("water"))


def draw_skull(brush: Brush) -> None:
    """Draw a skull, with or without crossed bones."""
    bone = brush.colour("pale")
    if brush.chance(0.3):
        for angle in (0.9, -0.9):
            bar = brush.at(0, 0.45, 1, angle)
            for y in (-1, 1):
                for x in (-0.09, 0.09):
                    bar.solid(ellipse(x, y, 0.13, 0.13, 12), bone, 0.8)
            bar.solid(rectangle(-0.09, -1, 0.18, 2), bone, 0.8, 0.1)
    brush.solid(rounded_box(0.42, 0.32, 0.12) + np.array([0, 0.58]), bone)
    brush.solid(
        spline(
            points((0, -0.9), (0.7, -0.65), (0.85, 0.0), (0.55, 0.42), (-0.55, 0.42), (-0.85, 0.0), (-0.7, -0.65)), True
        ),
        bone,
    )
    hole = blob(brush.rng, 7, 0.2, 0.27, 0.27) + np.array([0.37, 0.05])
    _mirror(brush, hole, DARK)
    brush.fill(points((0, 0.22), (0.12, 0.42), (-0.12, 0.42)), DARK)
    for x in np.linspace(-0.28, 0.28, brush.count(4, 6)):
        brush.line(points((x, 0.5), (x, 0.82)), 0.9, taper=(0, 0))


def draw_pumpkin(brush: Brush) -> None:
    """Draw a pumpkin, with or without a carved face."""
    rind = (225, 125, 40) if brush.chance(0.6) else brush.colour("any")
    brush.solid(smooth((-0.08, -0.6), (0.1, -0.6), (0.2, -0.98), (0.0, -0.95)), brush.colour("leaf"))
    for x, half in ((-0.55, 0.42), (0.55, 0.42), (-0.28, 0.42), (0.28, 0.42), (0, 0.36)):
        brush.solid(ellipse(x, 0.1, half, 0.74, 30), rind, 0.9)
    if brush.chance(0.75):
        light = (255, 226, 120) if brush.chance(0.4) else DARK
        _mirror(brush, points((0.2, 0.05), (0.56, 0.1), (0.42, -0.3)), light)
        brush.solid(points((0, 0.1), (0.1, 0.28), (-0.1, 0.28)), light, 0.8, 0)
        teeth = np.linspace(-0.55, 0.55, 9)
        top = np.stack([teeth, 0.42 + 0.12 * (np.arange(9) % 2) - 0.1 * np.abs(teeth)], axis=1)
        low = np.stack([teeth, 0.68 - 0.12 * (np.arange(9) % 2) - 0.35 * teeth**2], axis=1)[::-1]
        brush.solid(np.concatenate([top, low]), light, 0.8, 0)


def draw_doll(brush: Brush) -> None:
    """Draw a doll's head without eyes: straw doll, cloth ghost, mannequin, wooden doll, with or without hair."""
    skin, kind = brush.colour("skin" if brush.chance(0.5) else "pale"), brush.count(0, 2)
    if kind == 0:
        brush.solid(
            spline(
                points((-0.3, 0.35), (-0.85, 1.0), (-0.3, 0.9), (0, 1.05), (0.35, 0.9), (0.85, 1.0), (0.3, 0.35)), True
            ),
            skin,
        )
        brush.solid(ellipse(0, -0.15, 0.62, 0.62, 32), skin)
        brush.line(bezier((-0.35, 0.4), (0, 0.52), (0.35, 0.4)), 2.2, brush.colour("red"), (0, 0))
        return
    hair = brush.colour("dark" if brush.chance(0.5) else "any")
    if kind == 1:
        brush.solid(ellipse(0, -0.1, 0.92, 0.88, 32), hair)
    brush.solid(rectangle(-0.18, 0.5, 0.36, 0.5), skin)
    oval = points(
        (0, -0.7), (0.55, -0.5), (0.62, 0.05), (0.4, 0.5), (0, 0.75), (-0.4, 0.5), (-0.62, 0.05), (-0.55, -0.5)
    )
    brush.solid(spline(oval, True), skin)
    if kind == 1:
        fringe = np.concatenate(
            [
                arc(0, -0.05, 0.7, 0.75, 180, 360),
                points((0.6, 0.0), (0.3, -0.25), (0.1, 0.0), (-0.2, -0.25), (-0.5, 0.02)),
            ]
        )
        brush.solid(fringe, hair)
    if brush.chance(0.5):
        brush.line(points((0, -0.6), (0, 0.6)), 0.7, taper=(0, 0))
        brush.line(bezier((-0.6, 0.05), (0, 0.15), (0.6, 0.05)), 0.7, taper=(0, 0))
    elif brush.chance(0.5):
        brush.line(bezier((-0.12, 0.42), (0, 0.48), (0.12, 0.42)), 1.0)


def draw_robot(brush: Brush) -> None:
    """Draw the head of a robot or a helmet with a visor."""
    metal, glass = brush.colour("silver" if brush.chance(0.5) else "any"), brush.colour("dark")
    brush.solid(rounded_box(0.16, 0.3, 0.08) * (6, 1) + np.array([0, 0.1]), darken(metal, 0.3), 0.8)
    brush.solid(rounded_box(0.78, 0.82, brush.between(0.1, 0.7)), metal)
    if brush.chance(0.5):
        brush.solid(rounded_box(0.62, 0.22, 0.1) + np.array([0, -0.12]), glass, 1.0, 0.2)
        brush.gloss(-0.3, -0.2, 0.16, 0.05, -0.2)
    else:
        _mirror(brush, ellipse(0.34, -0.15, 0.2, 0.2, 20), lighten(brush.colour("any"), 0.5), 0.2)
    for x in np.linspace(-0.35, 0.35, brush.count(3, 7)):
        brush.line(points((x, 0.35), (x, 0.6)), 1.0, taper=(0, 0))
    brush.line(points((0, -0.8), (0, -1.05)), 1.4, taper=(0, 0))


def draw_smiling_sign(brush: Brush) -> None:
    """Draw a round face of a sign, a daruma doll, a snowman or the sun: dots and an arc."""
    colour = brush.colour("any" if brush.chance(0.6) else "pale")
    brush.solid(ellipse(0, 0, 0.9, 0.9, 36), colour)
    if brush.chance(0.3):
        brush.solid(ellipse(0, -0.02, 0.65, 0.5, 32), brush.colour("pale"), 0.8, 0)
    for side in (-1, 1):
        if brush.chance(0.15):
            brush.line(points((side * 0.2, -0.2), (side * 0.45, -0.1)), 1.6)
        else:
            brush.fill(ellipse(side * 0.32, -0.15, brush.between(0.06, 0.12), 0.14, 16), DARK)
    bend = brush.between(-0.3, 0.5)
    brush.line(bezier((-0.4, 0.3), (0, 0.3 + bend), (0.4, 0.3)), 1.8)
