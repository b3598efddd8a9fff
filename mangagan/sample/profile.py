"""Heads in profile."""

from __future__ import annotations

import numpy as np

from mangagan.sample.body import draw_body
from mangagan.sample.character import Character, Expression
from mangagan.sample.ground_truth import FaceTruth, make_face_truth
from mangagan.sample.hair import draw_back_hair, make_hair_rng
from mangagan.sample.pen import Pen, choose_hair_paint, choose_skin_paint, darken
from mangagan.sample.strokes import WHITE, Colour, Points, bezier, ellipse, points, spline

EYE = (0.42, 0.15)  # centre of the eye [head units]


def outline_profile(person: Character) -> Points:
    """Return the outline (n, 2) of forehead, nose, lips, chin and jaw of a head that faces right, in head units."""
    c = person.chin
    front = spline(points((0.5, -0.75), (0.66, -0.35), (0.66, -0.02), (0.64, 0.16), (0.76, 0.38 * c), (0.9, 0.53 * c)))
    mouth = spline(points((0.9, 0.53 * c), (0.74, 0.6 * c), (0.74, 0.68 * c), (0.67, 0.73 * c), (0.71, 0.8 * c),
                          (0.62, 0.86 * c), (0.65, 0.95 * c), (0.52, 1.03 * c)))  # fmt: skip
    jaw = spline(points((0.52, 1.03 * c), (0.2, 0.96 * c), (-0.2, 0.78 * c), (-0.4, 0.5), (-0.42, 0.1), (-0.3, -0.75)))
    return np.concatenate([front[:-1], mouth[:-1], jaw])


def draw_profile(pen: Pen, person: Character, expression: Expression) -> FaceTruth:
    """Draw a head in profile with its upper body and return the ground truth of its face."""
    draw_back_hair(pen, person)
    draw_body(pen, person)
    outline = outline_profile(person)
    pen.fill(outline, choose_skin_paint(pen, person))
    pen.line(outline, taper=(0.05, 0.3))
    _draw_eye(pen, person, expression)
    y = 0.735 * person.chin
    pen.line(bezier((0.68, y), (0.58, y + 0.02), (0.48, y + (0.05 if "frown" in expression.mouth else -0.04))), 0.035)
    _draw_profile_hair(pen, person)
    return make_face_truth(pen, person, expression, outline, points(EYE))


def _draw_eye(pen: Pen, person: Character, expression: Expression) -> None:
    x, y = EYE
    brow: Colour = darken(person.hair, 0.4) if pen.style.colour else pen.style.ink
    pen.line(bezier((0.62, y - 0.42), (0.45, y - 0.55), (0.2, y - 0.42)), person.brow_thickness, brow, (0.2, 0.7))
    if expression.eyes in ("happy", "shut"):
        pen.line(bezier((0.58, y + 0.1), (0.42, y - 0.2), (0.22, y + 0.08)), 0.07)
        return
    b = pen.style.eye_height * person.eye_scale
    opening = spline(
        points((x + 0.15, y - b * 0.75), (x + 0.18, y), (x + 0.12, y + b * 0.8), (x - 0.18, y - b * 0.1)), True
    )
    pen.fill(opening, WHITE)
    iris = ellipse(x + 0.1, y + 0.01, 0.11, b * 0.82)
    pen.fill(iris, darken(person.iris, 0.3) if pen.style.colour else (60, 60, 60), clip=opening)
    pen.fill(ellipse(x + 0.11, y + 0.02, 0.05, b * 0.4), pen.style.ink, clip=opening)
    pen.fill(ellipse(x + 0.08, y - b * 0.35, 0.045, b * 0.22), WHITE)
    pen.line(
        spline(points((x + 0.2, y - b * 0.8), (x + 0.05, y - b * 0.8), (x - 0.22, y - b * 0.05))),
        0.085,
        taper=(0.2, 0.3),
    )
    pen.line(points((x + 0.12, y + b * 0.82), (x - 0.02, y + b * 0.7)), 0.03)


def _draw_profile_hair(pen: Pen, person: Character) -> None:
    rng = make_hair_rng(person)
    angle = np.linspace(np.pi * 1.25, 0.16 * np.pi, 50)
    ragged = 0.2 if person.hairstyle == "spiky" else 0.0
    radius = person.volume * (1 + ragged * ((angle * 3.0) % 1.0))
    outer = np.stack([-0.3 + 1.1 * radius * np.cos(angle), -0.28 - 1.2 * radius * np.sin(angle)], axis=1)
    tips = points((0.72, -0.7), (0.7, -0.12), (0.5, -0.5), (0.45, -0.08), (0.25, -0.5), (0.12, -0.05), (-0.02, -0.3),
                  (-0.08, person.side_locks), (-0.32, 0.1), (-0.45, person.side_locks * 0.9), (-0.75, 0.8))  # fmt: skip
    tips[1:7:2, 1] += rng.uniform(-0.08, 0.05, 3)
    shape = np.concatenate([outer, tips])
    pen.fill(shape, choose_hair_paint(pen, person))
    pen.contour(shape)
    dark = person.finish == "black" and not pen.style.colour
    colour = WHITE if dark else (darken(person.hair, 0.4) if pen.style.colour else pen.style.ink)
    for x, y in tips[2:9]:
        path = bezier((x, y), (x - 0.05, -1.0), (-0.4, -1.35), 12)
        pen.line(path[:6] if not dark else path[4:8], 0.04, colour, (0.1, 0.7))
