"""A whole head with its bust, in drawing order, and the truth about the face it shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mangagan.sample import face, hair, profile
from mangagan.sample.background import rectangle
from mangagan.sample.body import draw_body
from mangagan.sample.character import (
    Character,
    Expression,
    FaceTruth,
    Pose,
    Rng,
    Style,
    random_character,
    random_expression,
    random_pose,
)
from mangagan.sample.pen import Pen
from mangagan.sample.strokes import Canvas, Paint, Points, points


def draw_head(canvas: Canvas, style: Style, person: Character, expression: Expression, pose: Pose) -> FaceTruth:
    """Draw a head and bust and return where its face is, in pixels of the finished picture."""
    pen = Pen(canvas, pose, style)
    if pose.view == "profile":
        return profile.draw_profile(pen, person, expression)
    hair.draw_back_hair(pen, person)
    draw_body(pen, person)
    face.draw_ears(pen, person)
    face.draw_face(pen, person, expression)
    if person.glasses:
        face.draw_glasses(pen)
    hair.draw_front_hair(pen, person)
    face.draw_brows(pen, person, expression)
    if expression.sweat:
        face.draw_sweat(pen)
    outline = face.truth_outline(face.face_outline(person, pose.yaw))
    eyes = pen.turned(points((-face.EYE_X, face.EYE_Y), (face.EYE_X, face.EYE_Y)))
    return truth(pen, person, expression, outline, eyes)


def truth(pen: Pen, person: Character, expression: Expression, outline: Points, eyes: Points) -> FaceTruth:
    """The box around `outline` and the eyes' centres, both given in head units, as they lie on the picture."""
    placed = pen.pose.place(outline)
    (x0, y0), (x1, y1) = placed.min(0), placed.max(0)
    centres = tuple((float(x), float(y)) for x, y in pen.pose.place(np.atleast_2d(eyes)))
    return FaceTruth(
        float(x0), float(y0), float(x1 - x0), float(y1 - y0), pen.pose.view, centres, person.name, expression.name
    )


def draw_face(
    rng: Rng, style: Style, size: int, person: Character | None = None
) -> tuple[NDArray[np.uint8], FaceTruth]:
    """Draw one head on paper or tone, filling a square picture as the crops of the pipeline do.

    Args:
        rng: decides pose, expression, ground and, unless given, the person.
        style: the artist's hand; with `style.colour` the picture is RGB.
        size: side of the picture in pixels, 8 or more.
        person: who is drawn; invented when not given.

    Returns:
        The picture, uint8, (size, size) or (size, size, 3), and the face in its pixels.

    Raises:
        ValueError: `size` is below 8.
    """
    if size < 8:
        raise ValueError(f"size must be 8 or more, not {size}")
    person = person or random_character(rng, style)
    canvas = Canvas(size, size, style.colour, scale=2 if size >= 48 else 4)
    if rng.random() < 0.5:
        level = float(rng.uniform(0.08, 0.45))
        ground = (225, 214, 200) if rng.random() < 0.5 else (190, 214, 232)
        canvas.fill(rectangle(0, 0, size, size), Paint(ground) if style.colour else style.tone_paint(level))
    unit = size * float(rng.uniform(0.27, 0.33))
    x, y = size * (0.5 + rng.uniform(-0.03, 0.03, 2))
    pose = random_pose(rng, float(x), float(y), unit)
    while pose.view in ("profile", "other"):
        pose = random_pose(rng, float(x), float(y), unit)
    face_truth = draw_head(canvas, style, person, random_expression(rng), pose)
    return canvas.finished(style.softness if size >= 48 else 0.0), face_truth
