"""Neck, shoulders, arms and clothes below a head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mangagan.sample.character import Character
from mangagan.sample.pen import Pen, choose_skin_paint, darken
from mangagan.sample.strokes import WHITE, Paint, Points, bezier, points, spline

BODY_BOTTOM = 9.0  # [head units]; always below the panel


def make_body_pen(pen: Pen) -> Pen:
    """Return a pen for the body: attached at the chin, with a quarter of the head's roll."""
    pose = pen.pose
    joint = points((0.0 if pose.view != "profile" else -0.2, 0.75))
    body_pose = replace(pose, roll=pose.roll * 0.25)
    x, y = pose.to_pixels(joint)[0] - body_pose.to_pixels(joint)[0]
    return Pen(pen.canvas, replace(body_pose, x=pose.x + x, y=pose.y + y), pen.style)


def draw_body(pen: Pen, person: Character) -> None:
    """Draw neck, shoulders and clothes; draw the head afterwards."""
    pen = make_body_pen(pen)
    middle = 0.1 if pen.pose.yaw > 0.15 else 0.0
    torso = _outline_torso(person.shoulder_width)
    pen.draw_halo(torso)
    pen.fill(torso, _choose_cloth_paint(pen, person))
    pen.contour(torso)
    _draw_folds(pen, person, torso)
    for side in (-1.0, 1.0):
        arm = points(
            (side * 1.35 * person.shoulder_width, 2.75),
            (side * 1.29 * person.shoulder_width, 3.6),
            (side * 1.33, 5.0),
            (side * 1.36, BODY_BOTTOM),
        )
        pen.line(spline(arm), taper=(0.15, 0.0))
    _draw_neck(pen, person, middle)
    {
        "sailor": _draw_sailor_collar,
        "blazer": _draw_blazer,
        "hoodie": _draw_hoodie,
        "shirt": _draw_blazer,
        "turtleneck": _draw_turtleneck,
    }.get(person.clothes, _draw_tshirt)(pen, person, middle)


def _draw_folds(pen: Pen, person: Character, torso: Points) -> None:
    """Draw creases at armpits and elbows and a shadow on one side."""
    width = person.shoulder_width
    if pen.style.colour:
        shade = spline(
            points(
                (1.1 * width, 1.4),
                (1.25 * width, 2.6),
                (1.1 * width, 3.8),
                (1.15, 5.5),
                (1.2, BODY_BOTTOM),
                (3, BODY_BOTTOM),
                (3, 1.4),
            )
        )
        pen.fill(shade, darken(person.cloth, 0.16), clip=torso)
    black = not pen.style.colour and person.seed % 4 == 0
    for side in (-1.0, 1.0):
        for x, y, dx, dy in (
            (1.3, 2.7, -0.32, 0.3),
            (1.32, 2.85, -0.22, 0.42),
            (1.45, 3.6, 0.3, 0.2),
            (0.75, 1.75, 0.25, 0.2),
        ):
            crease = bezier((side * x * width, y), (side * (x + dx * 0.4) * width, y + dy * 0.8),
                            (side * (x + dx) * width, y + dy))  # fmt: skip
            pen.line(crease, 0.035, (120, 120, 120) if black else None, (0.1, 0.8))


def _outline_torso(build: float) -> Points:
    shoulder = ((0.3, 1.32), (0.75, 1.55), (1.3 * build, 1.72), (1.72 * build, 2.1))
    sleeve = ((1.88 * build, 2.8), (1.94 * build, 3.8), (1.98 * build, 5.0), (2.05 * build, BODY_BOTTOM))
    right = spline(points(*shoulder, *sleeve))
    return np.concatenate([right, (right * (-1, 1))[::-1]])


def _choose_cloth_paint(pen: Pen, person: Character) -> Paint:
    if pen.style.colour:
        return Paint(person.cloth)
    kind = person.seed % 4
    if kind == 0:
        return Paint(pen.style.ink)
    return Paint(WHITE) if kind == 1 else pen.style.make_screentone(0.15 + 0.15 * kind)


def _draw_neck(pen: Pen, person: Character, middle: float) -> None:
    thick = 0.34 + 0.08 * (person.shoulder_width - 0.9)
    neck = points((-thick, 0.5), (thick, 0.5), (thick, 1.25), (thick + 0.22, 1.5), (middle, 2.0), (-thick - 0.22, 1.5),
                  (-thick, 1.25))  # fmt: skip
    pen.fill(neck, choose_skin_paint(pen, person))
    shadow = spline(points((-thick, 0.5), (-thick, 1.12), (0.0, 1.34), (thick, 1.2), (thick, 0.5)))
    pen.fill(shadow, darken(person.skin, 0.18) if pen.style.colour else pen.style.make_screentone(0.42), clip=neck)
    for side in (-1.0, 1.0):
        pen.line(spline(points((side * thick, 0.6), (side * thick, 1.2), (side * (thick + 0.22), 1.5))), taper=(0, 0.2))
    pen.line(points((middle - 0.12, 1.78), (middle - 0.4, 1.66)), 0.03)
    pen.line(points((middle + 0.12, 1.78), (middle + 0.4, 1.66)), 0.03)


def _choose_trim_paint(pen: Pen, person: Character) -> Paint:
    if pen.style.colour:
        return Paint(darken(person.cloth, 0.35) if sum(person.cloth) > 330 else (245, 243, 238))
    return pen.style.make_screentone(0.5) if person.seed % 4 == 1 else Paint(WHITE)


def _draw_sailor_collar(pen: Pen, person: Character, middle: float) -> None:
    trim = _choose_trim_paint(pen, person)
    for side in (-1.0, 1.0):
        flap = points((side * 0.42, 1.28), (side * 1.1, 1.62), (side * 1.0, 2.3), (middle, 2.75), (side * 0.5, 1.75))
        pen.fill(flap, trim)
        pen.contour(flap)
        pen.line(points((side * 0.98, 1.7), (side * 0.9, 2.22), (middle + side * 0.1, 2.6)), 0.03, taper=(0, 0))
    knot = points((middle - 0.42, 2.55), (middle, 2.72), (middle + 0.42, 2.55), (middle + 0.5, 3.1), (middle, 2.85),
                  (middle - 0.5, 3.1))  # fmt: skip
    pen.fill(knot, (205, 60, 70) if pen.style.colour else pen.style.ink)


def _draw_blazer(pen: Pen, person: Character, middle: float) -> None:
    shirt = points((-0.5, 1.4), (middle, 1.95), (0.5, 1.4), (0.4, 2.3), (middle, 3.3), (-0.4, 2.3))
    pen.fill(shirt, WHITE)
    pen.contour(shirt)
    if person.clothes == "blazer":
        tie = points((middle - 0.13, 1.95), (middle + 0.13, 1.95), (middle + 0.1, 2.2), (middle + 0.22, 3.0),
                     (middle, 3.2), (middle - 0.22, 3.0), (middle - 0.1, 2.2))  # fmt: skip
        pen.fill(tie, (180, 50, 60) if pen.style.colour else pen.style.make_screentone(0.7))
        pen.contour(tie)
    for side in (-1.0, 1.0):
        collar = points((side * 0.36, 1.25), (side * 0.62, 1.5), (side * 0.42, 2.05), (middle, 1.92))
        pen.fill(collar, WHITE)
        pen.contour(collar)
        lapel = points((side * 0.6, 1.46), (side * 0.95, 1.9), (side * 0.72, 2.1), (middle, 3.4), (side * 0.44, 2.2))
        pen.fill(lapel, _choose_cloth_paint(pen, person))
        pen.contour(lapel)


def _draw_hoodie(pen: Pen, person: Character, middle: float) -> None:
    for side in (-1.0, 1.0):
        edge = ((side * 0.4, 1.2), (side * 0.85, 1.4), (side * 0.8, 1.85), (middle, 2.3), (side * 0.3, 1.75))
        hood = spline(points(*edge), closed=True)
        pen.fill(hood, _choose_trim_paint(pen, person))
        pen.contour(hood)
        pen.line(bezier((side * 0.25, 2.1), (side * 0.32, 2.5), (side * 0.22, 2.95)), 0.05, taper=(0, 0.2))


def _draw_turtleneck(pen: Pen, person: Character, middle: float) -> None:
    roll = spline(points((-0.45, 1.12), (0, 1.22), (0.45, 1.12), (0.5, 1.5), (0, 1.72), (-0.5, 1.5)), closed=True)
    pen.fill(roll, _choose_cloth_paint(pen, person))
    pen.contour(roll)
    for x in (-0.25, 0.0, 0.25):
        pen.line(points((x, 1.28), (x, 1.55)), 0.025)


def _draw_tshirt(pen: Pen, person: Character, middle: float) -> None:
    band = spline(points((-0.58, 1.45), (-0.35, 1.78), (middle, 1.95), (0.35, 1.78), (0.58, 1.45)))
    pen.line(band, pen.style.line_weight * 1.6, taper=(0.1, 0.1))
    pen.line(band + np.array([0, 0.1]), taper=(0.1, 0.1))
