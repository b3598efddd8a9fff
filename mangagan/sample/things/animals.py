"""Animals: heads of cats, dogs, rabbits, bears, birds, fish, frogs and stuffed toys."""

from __future__ import annotations

import numpy as np

from mangagan.sample.pen import darken, lighten
from mangagan.sample.strokes import WHITE, Colour, bezier, ellipse, points, spline
from mangagan.sample.things.brush import Brush
from mangagan.sample.things.outlines import arc, blob, petal, smooth

DARK: Colour = (20, 18, 22)
PINK: Colour = (240, 170, 170)


def _draw_eyes(brush: Brush, x: float, y: float, size: float) -> None:
    """Draw two animal eyes: beads, slit pupils, closed arcs or buttons."""
    kind, iris = brush.count(0, 3), brush.colour("any")
    for side in (-1, 1):
        eye = brush.at(side * x, y, size)
        if kind == 0:
            eye.fill(ellipse(0, 0, 0.75, 1, 18), DARK)
            eye.gloss(-0.25, -0.4, 0.25, 0.25)
        elif kind == 1:
            eye.solid(ellipse(0, 0, 1.15, 1, 20), iris, 1.0, 0)
            eye.fill(ellipse(0, 0, brush.between(0.15, 0.5), 0.9, 16), DARK)
            eye.gloss(-0.4, -0.4, 0.2, 0.2)
        elif kind == 2:
            eye.line(bezier((-1, 0.2), (0, side * 0 - 1.1), (1, 0.2)), 1.6)
        else:
            eye.solid(ellipse(0, 0, 1, 1, 18), WHITE, 1.2, 0)
            eye.fill(ellipse(0.1, 0.1, 0.4, 0.4, 12), DARK)


def _draw_muzzle(brush: Brush, y: float, fur: Colour) -> None:
    """Draw nose, mouth and whiskers around (0, y)."""
    if brush.chance(0.4):
        brush.solid(ellipse(0, y + 0.12, 0.42, 0.32), lighten(fur, 0.6), 0.7)
    brush.solid(
        smooth((-0.13, y - 0.08), (0.13, y - 0.08), (0, y + 0.08)),
        DARK if brush.chance(0.6) else PINK,
        0.8,
    )
    brush.line(points((0, y + 0.05), (0, y + 0.18)), 0.9, taper=(0, 0))
    for side in (-1, 1):
        brush.line(bezier((0, y + 0.18), (side * 0.12, y + 0.32), (side * 0.28, y + 0.18)), 0.9)
        if brush.chance(0.5):
            for tilt in (-0.08, 0.02, 0.12):
                brush.line(points((side * 0.45, y + 0.1 + tilt), (side * 1.05, y + 0.02 + 2 * tilt)), 0.6)


def draw_cat(brush: Brush) -> None:
    """Draw the head of a cat, fox or wolf: pointed ears."""
    fur, wide = brush.colour("fur"), brush.between(0.75, 0.95)
    for side in (-1, 1):
        for scale, tint in ((1.0, fur), (0.6, PINK)):
            ear = points((0.1, 0), (0.55, 0), (0.62, -0.75)) * scale + (0.35 - 0.3 * scale, 0)
            brush.solid((ear + np.array([0.05, -0.3])) * (side * wide, 1), tint, 1.0, 0.2)
    head = smooth(
        (0, -0.6),
        (0.55 * wide, -0.52),
        (wide, 0.1),
        (0.7 * wide, 0.62),
        (0, 0.82),
        (-0.7 * wide, 0.62),
        (-wide, 0.1),
        (-0.55 * wide, -0.52),
    )
    brush.solid(head, fur)
    if brush.chance(0.4):
        for x in (-0.18, 0, 0.18):
            brush.line(points((x, -0.58), (0.8 * x, -0.3)), 2.0, darken(fur, 0.5), (0, 0.8))
    if brush.chance(0.3):
        brush.fill(blob(brush.rng, 6, 0.2, 0.4, 0.4) + np.array([0.4, -0.1]), darken(fur, 0.5), head)
    _draw_eyes(brush, 0.4, brush.between(-0.05, 0.1), brush.between(0.13, 0.22))
    _draw_muzzle(brush, brush.between(0.28, 0.4), fur)


def draw_dog(brush: Brush) -> None:
    """Draw the head of a dog: hanging ears and a long muzzle."""
    fur = brush.colour("fur")
    ear = darken(fur, 0.3)
    brush.solid(blob(brush.rng, 8, 0.08, 0.72, 0.8), fur)
    for side in (-1, 1):
        flap = spline(
            points(
                (side * 0.4, -0.68), (side * 0.85, -0.45), (side * 0.95, 0.3), (side * 0.7, 0.45), (side * 0.6, -0.1)
            ),
            True,
        )
        brush.solid(flap, ear)
    brush.solid(ellipse(0, 0.35, 0.42, 0.4), lighten(fur, 0.5), 0.9)
    _draw_eyes(brush, 0.3, -0.15, brush.between(0.1, 0.16))
    brush.solid(ellipse(0, 0.14, 0.17, 0.12), DARK, 0.8)
    brush.line(points((0, 0.2), (0, 0.42)), 0.9)
    brush.line(bezier((-0.28, 0.38), (0, 0.62), (0.28, 0.38)), 1.0)
    if brush.chance(0.5):
        brush.solid(
            np.concatenate([points((-0.12, 0.5), (0.12, 0.5)), arc(0, 0.65, 0.12, 0.2, 0, 180, 8)]),
            (235, 120, 130),
            0.8,
        )


def draw_rabbit(brush: Brush) -> None:
    """Draw the head of a rabbit."""
    fur = brush.colour("fur" if brush.chance(0.4) else "pale")
    for side in (-1, 1):
        ear = brush.at(side * 0.28, -0.15, 1, side * brush.between(0.05, 0.5))
        ear.solid(petal("round", 0.22) * (1, 0.95), fur)
        ear.solid(petal("round", 0.11) * (1, 0.75), PINK, 0.7, 0)
    brush.solid(ellipse(0, 0.35, 0.68, 0.58, 32), fur)
    _draw_eyes(brush, 0.34, 0.25, brush.between(0.09, 0.16))
    _draw_muzzle(brush, 0.48, fur)


def draw_bear(brush: Brush) -> None:
    """Draw the head of a bear, mouse, panda or teddy: round ears."""
    fur = brush.colour("fur")
    is_panda, size = brush.chance(0.25), brush.between(0.24, 0.42)
    fur = (250, 248, 245) if is_panda else fur
    for side in (-1, 1):
        brush.solid(ellipse(side * 0.62, -0.58, size, size), DARK if is_panda else fur)
        brush.solid(ellipse(side * 0.62, -0.58, 0.6 * size, 0.6 * size), darken(fur, 0.3), 0.7, 0)
    brush.solid(ellipse(0, 0.05, 0.88, 0.8, 36), fur)
    if is_panda:
        for side in (-1, 1):
            brush.at(side * 0.36, 0.0, 1, side * 0.5).fill(ellipse(0, 0, 0.2, 0.27), DARK)
    brush.solid(ellipse(0, 0.35, 0.36, 0.3), lighten(fur, 0.5), 0.8)
    _draw_eyes(brush, 0.36, brush.between(-0.1, 0.05), brush.between(0.07, 0.14))
    _draw_muzzle(brush, 0.27, fur)
    if brush.chance(0.2):
        brush.line(points((0, -0.75), (0, 0.15)), 0.8, taper=(0, 0))


def draw_bird(brush: Brush) -> None:
    """Draw a bird from the front: chick, owl, penguin."""
    plumage, beak = brush.colour("any"), brush.colour("gold")
    if brush.chance(0.3):
        for side in (-1, 1):
            brush.solid(points((side * 0.35, -0.6), (side * 0.75, -0.95), (side * 0.7, -0.35)), plumage)
    brush.solid(blob(brush.rng, 9, 0.06, 0.85, 0.9), plumage)
    disc = brush.between(0.26, 0.42)
    for side in (-1, 1):
        brush.solid(ellipse(side * 0.36, -0.15, disc, disc), lighten(plumage, 0.7), 0.8, 0.1)
    _draw_eyes(brush, 0.36, -0.15, brush.between(0.1, 0.2))
    brush.solid(points((-0.16, 0.05), (0.16, 0.05), (0, 0.4)), beak, 0.9)
    for y in (0.5, 0.65):
        for x in (-0.3, 0, 0.3):
            brush.line(bezier((x - 0.08, y), (x, y + 0.1), (x + 0.08, y)), 0.7)


def draw_fish(brush: Brush) -> None:
    """Draw a fish from the side, with scales, fins and a round eye."""
    colour = brush.colour("any")
    tall = brush.between(0.4, 0.65)
    brush.solid(points((0.55, 0), (1.0, -0.45), (0.9, 0), (1.0, 0.45)), darken(colour, 0.2))
    brush.solid(smooth((-0.2, -tall), (0.3, -tall - 0.25), (0.4, -0.2)), darken(colour, 0.15), 0.8)
    brush.solid(
        smooth(
            (-0.95, 0.05), (-0.6, -0.8 * tall), (0, -tall), (0.65, -0.08), (0.65, 0.08), (0, tall), (-0.6, 0.8 * tall)
        ),
        colour,
    )
    for x in (-0.15, 0.05, 0.25, 0.42):
        for y in np.linspace(-0.6, 0.6, 4) * tall * (1 - 1.1 * abs(x)):
            brush.line(arc(x, y, 0.1, 0.12, -80, 80, 7), 0.6)
    brush.line(arc(-0.65, 0, 0.28, 0.8 * tall, -60, 60, 9), 0.9)
    brush.solid(ellipse(-0.62, -0.12, 0.14, 0.14), WHITE, 0.9, 0)
    brush.fill(ellipse(-0.63, -0.12, 0.07, 0.07, 12), DARK)
    brush.line(bezier((-0.93, 0.1), (-0.8, 0.12), (-0.75, 0.22)), 1.0)


def draw_frog(brush: Brush) -> None:
    """Draw the head of a frog, crab or snail: eyes on top of the head."""
    skin = brush.colour("leaf" if brush.chance(0.6) else "any")
    for side in (-1, 1):
        brush.solid(ellipse(side * 0.5, -0.5, 0.32, 0.34), skin)
    brush.solid(ellipse(0, 0.15, 0.95, 0.68, 36), skin)
    for side in (-1, 1):
        brush.solid(ellipse(side * 0.5, -0.52, 0.22, 0.24), WHITE, 0.8, 0)
        brush.fill(ellipse(side * 0.5, -0.5, 0.12, 0.15, 14), DARK)
        brush.fill(ellipse(side * 0.1, 0.05, 0.03, 0.03, 8), darken(skin, 0.6))
    brush.line(bezier((-0.75, 0.15), (0, 0.75), (0.75, 0.15)), 1.3)


def draw_butterfly(brush: Brush) -> None:
    """Draw a butterfly or moth with spots on its wings."""
    colour, spot = brush.colour("any"), brush.colour("any")
    for side in (-1, 1):
        upper = smooth((0, -0.05), (0.35, -0.65), (0.92, -0.75), (0.88, -0.2), (0.4, 0.1)) * (side, 1)
        lower = smooth((0, 0.05), (0.5, 0.05), (0.75, 0.45), (0.4, 0.85), (0.1, 0.5)) * (side, 1)
        brush.solid(lower, darken(colour, 0.15))
        brush.solid(upper, colour)
        for x, y, radius in ((0.65, -0.5, 0.14), (0.45, 0.45, 0.12), (0.4, -0.25, 0.08)):
            brush.solid(ellipse(side * x, y, radius, radius, 14), spot, 0.7, 0)
        brush.line(bezier((0, -0.4), (side * 0.1, -0.7), (side * 0.3, -0.85)), 0.8)
    brush.solid(ellipse(0, 0, 0.07, 0.45, 16), DARK, 0.7, 0)
