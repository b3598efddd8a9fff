"""Clothes of illustrations, drawn over the body of `draw_head`: dresses, kimonos, scarfs, ribbons, frills, folds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mangagan.sample.body import make_body_pen
from mangagan.sample.character import Character, Rng, pick
from mangagan.sample.illustrations.accessories import GOLD, draw_bow, draw_part
from mangagan.sample.pen import Pen, darken, lighten
from mangagan.sample.strokes import WHITE, Colour, bezier, ellipse, points, ribbon, spline

# Kinds of clothes over the body and their sampling weights
OUTFITS: dict[str, float] = {
    "none": 1.2, "bow": 0.9, "frills": 0.6, "buttons": 0.7, "pattern": 0.6, "necklace": 0.5, "apron": 0.4, "dress": 1.3,
    "kimono": 0.7, "scarf": 0.5, "coat": 0.5,
}  # fmt: skip


def sample_outfit(rng: Rng) -> str:
    """Return a random kind of OUTFITS."""
    return pick(rng, tuple(OUTFITS), tuple(OUTFITS.values()))


def dress_body(person: Character, outfit: str) -> Character:
    """Return the character as `draw_head` must draw it below the outfit: with bare shoulders below a dress."""
    return replace(person, cloth=person.skin, clothes="tshirt") if outfit == "dress" else person


def draw_outfit(pen: Pen, person: Character, colour: Colour, outfit: str, rng: Rng) -> None:
    """Draw an outfit and folds over the body of a character."""
    body = make_body_pen(pen)
    drawers: dict[str, Callable[[Pen, Character, Colour, Rng], None]] = {
        "frills": _draw_frills, "buttons": _draw_buttons, "pattern": _draw_pattern, "necklace": _draw_necklace,
        "apron": _draw_apron, "dress": _draw_dress, "kimono": _draw_kimono, "scarf": _draw_scarf, "coat": _draw_coat,
    }  # fmt: skip
    if outfit in drawers:
        drawers[outfit](body, person, colour, rng)
    if outfit == "bow" or (outfit in ("dress", "frills", "apron") and rng.random() < 0.3):
        draw_bow(body, 0.05, 2.1, float(rng.uniform(0.5, 0.8)), colour)
    for _ in range(int(rng.integers(4, 14))):  # folds
        x, y, drop = rng.uniform(-1.6, 1.6), rng.uniform(2.4, 6.5), rng.uniform(0.5, 1.4)
        fold = bezier((x, y), (x + rng.uniform(-0.15, 0.15), y + 0.5 * drop), (x + rng.uniform(-0.3, 0.3), y + drop))
        is_skin = outfit == "dress" and abs(x) > 1.0
        if not is_skin:
            body.line(
                fold, float(rng.uniform(0.03, 0.14)), darken(person.cloth, float(rng.uniform(0.12, 0.3))), (0.4, 0.6)
            )


def _draw_frills(pen: Pen, person: Character, colour: Colour, rng: Rng) -> None:
    for row in range(int(rng.integers(1, 3))):
        for x in np.linspace(-1.25, 1.25, 11):
            draw_part(pen, ellipse(x, 2.05 + 0.4 * row + 0.45 * (1 - (x / 1.3) ** 2), 0.18, 0.22, 16), WHITE)


def _draw_buttons(pen: Pen, person: Character, colour: Colour, rng: Rng) -> None:
    pen.line(points((0, 2.1), (0.03, 5.0), (0, 8.9)), 0.035)
    for y in np.arange(2.5, 8, 0.7):
        draw_part(pen, ellipse(0.14, y, 0.09, 0.09, 14), GOLD)


def _draw_pattern(pen: Pen, person: Character, colour: Colour, rng: Rng) -> None:
    stripes = rng.random() < 0.4
    for y in np.arange(2.8, 8, 0.6):
        if stripes:
            pen.fill(points((-1.2, y), (1.2, y), (1.2, y + 0.2), (-1.2, y + 0.2)), colour)
            continue
        for x in np.linspace(-1.1, 1.1, 5):
            pen.fill(ellipse(x + 0.12 * rng.normal(), y, 0.11, 0.11, 12), colour)


def _draw_necklace(pen: Pen, person: Character, colour: Colour, rng: Rng) -> None:
    pen.line(spline(points((-0.4, 1.45), (-0.2, 1.85), (0, 2.0), (0.2, 1.85), (0.4, 1.45))), 0.04, GOLD)
    draw_part(pen, ellipse(0, 2.1, 0.12, 0.14, 14), colour)


def _draw_apron(pen: Pen, person: Character, colour: Colour, rng: Rng) -> None:
    draw_part(pen, points((-0.75, 2.5), (0.75, 2.5), (0.95, 4.6), (1.5, 9), (-1.5, 9), (-0.95, 4.6)), (250, 248, 244))
    for side in (-1.0, 1.0):
        draw_part(pen, ribbon(points((side * 0.65, 2.6), (side * 0.85, 1.75)), np.array([0.25, 0.3])), (250, 248, 244))


def _draw_dress(pen: Pen, person: Character, colour: Colour, rng: Rng) -> None:
    """Draw a dress on bare shoulders, with or without straps."""
    top = spline(points((-1.12, 2.4), (-0.6, 2.55), (0, 2.35), (0.6, 2.55), (1.12, 2.4)), steps=5)
    skirt = points((1.2, 3.2), (1.05, 4.4), (1.35, 5.4), (2.3, 9), (-2.3, 9), (-1.35, 5.4), (-1.05, 4.4), (-1.2, 3.2))
    if rng.random() < 0.6:
        for side in (-1.0, 1.0):
            draw_part(
                pen, ribbon(points((side * 0.75, 2.6), (side * 0.72, 1.58)), np.array([0.16, 0.16])), person.cloth
            )
    draw_part(pen, np.concatenate([top, skirt]), person.cloth)
    if rng.random() < 0.5:
        for x in np.linspace(-1.1, 1.1, 10):
            draw_part(pen, ellipse(x, 2.5, 0.15, 0.12, 14), lighten(person.cloth, 0.6))
    if rng.random() < 0.4:  # choker
        draw_part(pen, ribbon(bezier((-0.38, 1.12), (0, 1.3), (0.38, 1.12)), np.full(9, 0.12)), darken(colour, 0.4))


def _draw_kimono(pen: Pen, person: Character, colour: Colour, rng: Rng) -> None:
    for width, tint in ((0.55, person.cloth), (0.34, lighten(colour, 0.6)), (0.16, WHITE)):
        for side in (-1.0, 1.0):  # the left side is over the right one
            band = points((side * 0.42, 1.25), (side * 0.55, 1.6), (-side * 0.45, 4.2))
            draw_part(pen, ribbon(band, np.full(3, width)), tint)
    draw_part(pen, points((-1.2, 4.1), (1.2, 4.1), (1.2, 5.4), (-1.2, 5.4)), colour)
    draw_part(pen, points((-1.22, 4.65), (1.22, 4.65), (1.22, 4.85), (-1.22, 4.85)), GOLD)


def _draw_scarf(pen: Pen, person: Character, colour: Colour, rng: Rng) -> None:
    draw_part(pen, spline(points((0.3, 1.6), (0.7, 1.7), (0.85, 3.2), (0.35, 3.3)), closed=True), colour)
    wrap = spline(
        points((-0.85, 1.45), (-0.45, 1.22), (0, 1.3), (0.45, 1.22), (0.85, 1.45), (0.6, 1.85), (0, 2.0), (-0.6, 1.85)),
        closed=True,
    )
    draw_part(pen, wrap, colour)
    pen.line(bezier((-0.75, 1.5), (0, 1.85), (0.75, 1.5)), 0.035)


def _draw_coat(pen: Pen, person: Character, colour: Colour, rng: Rng) -> None:
    """Draw an open coat or cape at both sides."""
    for side in (-1.0, 1.0):
        edge = points(
            (side * 0.45, 1.4),
            (side * 1.3, 1.6),
            (side * 2.0, 2.2),
            (side * 2.4, 9),
            (side * 0.9, 9),
            (side * 0.75, 3.5),
        )
        draw_part(pen, spline(edge, closed=True, steps=5), colour)
    draw_part(pen, ellipse(0, 1.75, 0.14, 0.14, 14), GOLD)
