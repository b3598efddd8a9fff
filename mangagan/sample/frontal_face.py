"""Frontal to three-quarter faces: outline, ears, eyes, brows, nose, mouth, blush, tears and sweat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mangagan.sample.character import Character, Expression
from mangagan.sample.pen import Pen, choose_skin_paint, darken, lighten
from mangagan.sample.strokes import WHITE, Colour, Paint, Points, bezier, ellipse, points, spline

HAIRLINE = -0.62  # y [head units]
EYE_X, EYE_Y = 0.46, 0.13  # centre of the right eye in the front view [head units]
THREE_QUARTER_YAW = 0.35  # yaw of a full three-quarter view [rad]


def outline_frontal_face(person: Character, yaw: float) -> Points:
    """Return the outline (n, 2) of the face and forehead in head units, from the left temple over the chin."""
    k = min(yaw / THREE_QUARTER_YAW, 1.0)
    j, c = person.jaw, person.chin
    right_front = points((0.93, HAIRLINE), (1.0, -0.25), (0.99, 0.15), (0.9 - 0.04 * j, 0.45 * c),
                         (0.66 - 0.1 * j, 0.77 * c), (0.27 - 0.1 * j, 0.96 * c), (0, c))  # fmt: skip
    right_turned = points((0.9, HAIRLINE), (0.97, -0.25), (0.92, 0.08), (0.93, 0.36 * c),
                          (0.81 - 0.03 * j, 0.66 * c), (0.56 - 0.05 * j, 0.92 * c), (0.3, c))  # fmt: skip
    left_turned = points((-0.97, HAIRLINE), (-1.0, -0.25), (-0.98, 0.12), (-0.86, 0.45 * c),
                         (-0.52, 0.78 * c), (0.02 + 0.04 * j, 0.97 * c), (0.3, c))  # fmt: skip
    right = (1 - k) * right_front + k * right_turned
    left = (1 - k) * right_front * (-1, 1) + k * left_turned
    lower = spline(np.concatenate([left, right[:-1][::-1]]))
    top = spline(points(tuple(lower[-1]), (0.0, HAIRLINE - 0.35), tuple(lower[0])))
    return np.concatenate([lower, top[1:-1]])


def crop_below_hairline(outline: Points) -> Points:
    """Return the points of a face outline below the hairline; the bounding box encloses them."""
    return outline[outline[:, 1] >= HAIRLINE - 0.01]


def draw_ears(pen: Pen, person: Character) -> None:
    """Draw the ears; in a three-quarter view only the near one."""
    yaw = pen.pose.yaw
    sides = (-1.0,) if yaw > 0.15 else (-1.0, 1.0)
    for side in sides:
        x = side * 1.0 + (0.45 * yaw if side < 0 else -0.1 * yaw)
        ear = spline(points((x, -0.1), (x + side * 0.16, -0.12), (x + side * 0.17, 0.12), (x + side * 0.06, 0.4),
                            (x - side * 0.06, 0.3)), closed=True)  # fmt: skip
        pen.fill(ear, choose_skin_paint(pen, person))
        pen.contour(ear)
        pen.line(spline(points((x + side * 0.1, -0.02), (x + side * 0.03, 0.1), (x + side * 0.07, 0.24))), 0.025)


def draw_frontal_face(pen: Pen, person: Character, expression: Expression) -> None:
    """Draw the face without its brows, which are drawn over the fringe by `draw_brows`.

    Also accepts `eyes` "wink" (the left eye is closed) and, for drawings with known faults, "none", "one" (the left eye
    is missing) and "unequal" (one wide and one half-closed eye), and `mouth` "none".
    """
    outline = outline_frontal_face(person, pen.pose.yaw)
    pen.fill(outline, choose_skin_paint(pen, person))
    _draw_face_shadow(pen, person, outline)
    below = outline[outline[:, 1] > -0.3]
    pen.line(below, pen.style.line_weight * 1.15, taper=(0.15, 0.15))
    if expression.blush:
        _draw_blush(pen, person)
    for side in (-1.0, 1.0):
        _draw_eye(pen, person, expression, side)
    _draw_nose(pen, person)
    _draw_mouth(pen, person, expression)
    if expression.tears:
        _draw_tears(pen)


def _draw_face_shadow(pen: Pen, person: Character, outline: Points) -> None:
    """Draw the shadow of the fringe on the forehead."""
    shade = spline(points((-1.1, -0.9), (-1.05, 0.0), (-0.6, -0.12), (0, -0.1), (0.6, -0.12), (1.05, 0.0), (1.1, -0.9)))
    if pen.style.colour:
        pen.fill(pen.rotate(shade), darken(person.skin, 0.13), clip=outline)
    elif pen.style.tone_density > 0.3:
        pen.fill(pen.rotate(shade), pen.style.make_screentone(0.3), clip=outline)


def outline_eyelids(pen: Pen, person: Character, expression: Expression, side: float) -> tuple[Points, Points]:
    """Return the upper and lower lid (n, 2), from the inner to the outer corner, rotated by the yaw."""
    a = pen.style.eye_width * person.eye_scale
    b = pen.style.eye_height * person.eye_scale
    upper = points((-1, 0.28), (-0.8, -0.3), (-0.25, -0.88), (0.4, -0.85), (0.85, -0.35), (1.04, 0.05))
    lower = points((-1, 0.28), (-0.75, 0.72), (-0.1, 0.98), (0.5, 0.9), (0.88, 0.5), (1.04, 0.05))
    openness = {"wide": 1.12, "half": 0.45, "sad": 0.8, "angry": 0.85}.get(expression.eyes, 1.0)
    upper[:, 1] *= openness
    if expression.eyes == "angry":
        upper[:, 1] += 0.28 * np.clip(0.5 - upper[:, 0], 0, 1.5) * (upper[:, 1] < 0.2)
    if expression.eyes == "sad":
        upper[:, 1] += 0.3 * np.clip(upper[:, 0], 0, 1)
        lower[:, 1] += 0.12 * lower[:, 0]
    shapes = []
    for lid in (upper, lower):
        curve = spline(lid, steps=6)
        curve[:, 1] -= person.eye_tilt * curve[:, 0]
        placed = np.stack([side * (EYE_X + curve[:, 0] * a), EYE_Y + curve[:, 1] * b], axis=1)
        shapes.append(pen.rotate(placed))
    return shapes[0], shapes[1]


def _draw_eye(pen: Pen, person: Character, expression: Expression, side: float) -> None:
    if expression.eyes == "none" or (expression.eyes == "one" and side < 0):
        return
    if expression.eyes == "unequal":
        expression = replace(expression, eyes="half" if side < 0 else "wide")
    if expression.eyes in ("happy", "shut") or (expression.eyes == "wink" and side < 0):
        _draw_closed_eye(pen, person, expression, side)
        return
    upper, lower = outline_eyelids(pen, person, expression, side)
    opening = np.concatenate([upper, lower[::-1]])
    pen.fill(opening, WHITE)
    if pen.style.colour:
        pen.fill(np.concatenate([upper, upper[::-1] + np.array([0, 0.09])]), (205, 210, 225), clip=opening)
    _draw_iris(pen, person, expression, side, opening)
    _draw_lids(pen, person, upper, lower, side)


def _draw_iris(pen: Pen, person: Character, expression: Expression, side: float, opening: Points) -> None:
    shrink = 0.72 if expression.eyes == "wide" else 1.0
    rx = pen.style.eye_width * person.eye_scale * pen.style.iris_share * shrink
    ry = pen.style.eye_height * person.eye_scale * 0.93 * shrink
    flip = -1.0 if pen.pose.mirror else 1.0
    x = side * EYE_X * 0.98 + expression.gaze[0] * rx * flip * 2
    y = EYE_Y + 0.02 + expression.gaze[1] * ry

    def part(dx: float, dy: float, width: float, height: float) -> Points:
        return pen.rotate(ellipse(x + dx * rx, y + dy * ry, width * rx, height * ry))

    base, dark, pupil = _choose_iris_colours(pen, person)
    pen.fill(part(0, 0, 1.0, 1.0), dark, clip=opening)
    pen.fill(part(0, 0.05, 0.84, 0.88), base, clip=opening)
    pen.fill(part(0, -0.52, 0.9, 0.5), dark, clip=opening)
    pen.fill(part(0, 0.02, 0.42, 0.5), pupil, clip=opening)
    if pen.style.colour:
        pen.fill(part(0, 0.62, 0.5, 0.24), lighten(person.iris, 0.45), clip=opening)
    # highlights are on the same side of both eyes, also in a mirrored pose
    pen.fill(part(-0.36 * flip, -0.42, 0.36, 0.3), WHITE)
    pen.fill(part(0.38 * flip, 0.42, 0.2, 0.17), WHITE)


def _choose_iris_colours(pen: Pen, person: Character) -> tuple[Paint | Colour, Colour, Colour]:
    if pen.style.colour:
        return person.iris, darken(person.iris, 0.6), darken(person.iris, 0.8)
    level = 90 + (person.iris[0] * 7 + person.iris[1] * 3) % 110
    return (level, level, level), (25, 25, 25), (10, 10, 10)


def _draw_lids(pen: Pen, person: Character, upper: Points, lower: Points, side: float) -> None:
    weight = pen.style.line_weight * (1.9 if person.eye_scale > 0.97 else 1.6)
    pen.line(upper[2:] - (0, weight * 0.25), weight, taper=(0.5, 0.12))
    pen.line(lower[8:-3], pen.style.line_weight * 0.6, taper=(0.5, 0.3))
    corner = upper[-1]
    for reach, rise in ((0.13, 0.1), (0.1, -0.02)) if person.eye_scale > 0.97 else ((0.09, 0.06),):
        flick = bezier(tuple(upper[-6]), tuple(corner), (corner[0] + side * reach, corner[1] - rise))
        pen.line(flick, weight * 0.7, taper=(0.0, 0.9))
    fold = upper[6:-8] - (0, weight * 0.5 + 0.055)
    pen.line(fold, pen.style.line_weight * 0.5, taper=(0.5, 0.5))


def _draw_closed_eye(pen: Pen, person: Character, expression: Expression, side: float) -> None:
    a = pen.style.eye_width * person.eye_scale
    bow = 0.16 if expression.eyes == "shut" else -0.26
    arc = bezier(
        (side * (EYE_X - a), EYE_Y + 0.1), (side * EYE_X, EYE_Y + 0.1 + 2 * bow), (side * (EYE_X + a), EYE_Y + 0.08)
    )
    pen.line(pen.rotate(arc), pen.style.line_weight * 1.9, taper=(0.3, 0.2))
    for share in (0.0, 0.09):
        flick = bezier((side * (EYE_X + a * 0.9), EYE_Y + 0.06), (side * (EYE_X + a), EYE_Y + 0.1),
                       (side * (EYE_X + a * 1.3), EYE_Y + 0.1 + share))  # fmt: skip
        pen.line(pen.rotate(flick), pen.style.line_weight, taper=(0.0, 0.8))


def draw_brows(pen: Pen, person: Character, expression: Expression) -> None:
    """Draw the brows over the fringe, as is usual in manga."""
    top = EYE_Y - pen.style.eye_height * person.eye_scale - 0.17 - expression.brow_lift
    tilt = expression.brow_tilt * 0.22
    colour = darken(person.hair, 0.4) if pen.style.colour else pen.style.ink
    for side in (-1.0, 1.0):
        inner, outer = (side * 0.2, top + tilt + 0.02), (side * 0.72, top - tilt + 0.05)
        arc = bezier(inner, (side * 0.48, (inner[1] + outer[1]) / 2 - 0.1), outer, 10)
        pen.line(pen.rotate(arc), person.brow_thickness, colour, (0.15, 0.75))


def _draw_nose(pen: Pen, person: Character) -> None:
    y = 0.55 * person.chin
    yaw = pen.pose.yaw
    if yaw < 0.15:
        pen.line(points((0.02, y - 0.06), (0.05, y), (-0.01, y + 0.03)), 0.03, taper=(0.6, 0.3))
    else:
        x = float(pen.rotate(points((0.0, y)))[0, 0]) + 0.06
        path = spline(points((x - 0.06, y - 0.16), (x + 0.05, y), (x - 0.05, y + 0.05)), steps=5)
        pen.line(path, 0.035, taper=(0.7, 0.3))


def _draw_mouth(pen: Pen, person: Character, expression: Expression) -> None:
    y = 0.76 * person.chin
    if expression.mouth == "none":
        return
    if expression.mouth in ("open", "shout", "round"):
        _draw_open_mouth(pen, person, expression.mouth, y)
        return
    curves = {
        "smile": points((-0.26, y - 0.04), (-0.12, y + 0.03), (0.05, y + 0.045), (0.26, y - 0.05)),
        "flat": points((-0.16, y), (0, y + 0.015), (0.16, y - 0.005)),
        "small": points((-0.09, y), (-0.02, y + 0.02), (0.08, y - 0.01)),
        "frown": points((-0.18, y + 0.05), (-0.05, y - 0.02), (0.06, y - 0.02), (0.18, y + 0.05)),
        "wavy": points((-0.2, y + 0.03), (-0.1, y - 0.03), (0.0, y + 0.03), (0.1, y - 0.03), (0.2, y + 0.02)),
    }
    pen.line(pen.rotate(spline(curves[expression.mouth])), pen.style.line_weight * 0.85, taper=(0.2, 0.3))
    under = points((-0.07, y + 0.12), (0.06, y + 0.12))
    pen.line(pen.rotate(under), pen.style.line_weight * 0.5)


def _draw_open_mouth(pen: Pen, person: Character, kind: str, y: float) -> None:
    half, drop, corner = {"open": (0.29, 0.24, -0.05), "shout": (0.3, 0.27, 0.06), "round": (0.13, 0.2, 0.02)}[kind]
    if kind == "round":
        shape = ellipse(0, y + 0.04, half, drop * 0.8)
    else:
        top = bezier((-half, y + corner), (0, y - 0.07 if kind == "shout" else y + 0.01), (half, y + corner))
        low = spline(points((half, y + corner), (half * 0.62, y + drop * 0.8), (0, y + drop),
                            (-half * 0.62, y + drop * 0.8), (-half, y + corner)))  # fmt: skip
        shape = np.concatenate([top, low[1:-1]])
    shape = pen.rotate(shape)
    inside: Paint | Colour = (120, 40, 50) if pen.style.colour else ((45, 45, 45) if kind == "shout" else (70, 70, 70))
    pen.fill(shape, inside)
    tongue = pen.rotate(ellipse(0, y + drop * 1.05, half * 0.62, drop * 0.5))
    pen.fill(tongue, (225, 120, 125) if pen.style.colour else (175, 175, 175), clip=shape)
    if kind != "round":
        teeth = pen.rotate(points((-half, y - 0.2), (half, y - 0.2), (half * 0.8, y + 0.045), (-half * 0.8, y + 0.045)))
        pen.fill(teeth, WHITE, clip=shape)
    pen.contour(shape, pen.style.line_weight * 0.8)


def _draw_blush(pen: Pen, person: Character) -> None:
    for side in (-1.0, 1.0):
        x, y = side * 0.62, 0.58
        if pen.style.colour:
            pen.fill(pen.rotate(ellipse(x, y, 0.2, 0.1)), (250, 178, 165))
        for step in (-0.12, -0.04, 0.04, 0.12):
            stroke = pen.rotate(points((x + step + 0.03, y - 0.06), (x + step - 0.03, y + 0.06)))
            pen.line(stroke, 0.022, (230, 110, 105) if pen.style.colour else None)


def _draw_tears(pen: Pen) -> None:
    for side in (-1.0, 1.0):
        drop = pen.rotate(
            spline(points((side * 0.5, 0.5), (side * 0.58, 0.64), (side * 0.5, 0.7), (side * 0.43, 0.64)), True)
        )
        pen.fill(drop, (200, 225, 250) if pen.style.colour else WHITE)
        pen.contour(drop, 0.025)


def draw_sweat(pen: Pen) -> None:
    """Draw a drop of sweat on the temple, over the hair."""
    drop = spline(points((-0.92, -0.45), (-0.8, -0.2), (-0.88, -0.08), (-1.0, -0.12), (-1.02, -0.24)), closed=True)
    pen.fill(drop, (205, 230, 250) if pen.style.colour else WHITE)
    pen.contour(drop, 0.03)


def draw_glasses(pen: Pen) -> None:
    """Draw round glasses."""
    for side in (-1.0, 1.0):
        pen.contour(pen.rotate(ellipse(side * EYE_X, EYE_Y + 0.03, 0.4, 0.36)), 0.035)
    pen.line(pen.rotate(bezier((-0.06, EYE_Y), (0, EYE_Y - 0.06), (0.06, EYE_Y))), 0.035)
