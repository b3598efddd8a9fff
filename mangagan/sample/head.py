"""Heads with hair, face and upper body, drawn from back to front."""

from __future__ import annotations

from dataclasses import replace

from mangagan.sample import frontal_face, hair
from mangagan.sample.body import draw_body
from mangagan.sample.character import (
    Character,
    Expression,
    Pose,
    Rng,
    Style,
    sample_character,
    sample_expression,
    sample_pose,
)
from mangagan.sample.frontal_face import EYE_X, EYE_Y
from mangagan.sample.ground_truth import FaceTruth, make_face_truth
from mangagan.sample.pen import Pen
from mangagan.sample.profile import draw_profile
from mangagan.sample.strokes import Canvas, Image, Paint, points, rectangle

MIN_SIZE = 8  # smallest side of a face picture [px]
LARGE_SIZE = 48  # [px]; smaller pictures use 4x supersampling and no blur


def draw_head(canvas: Canvas, style: Style, person: Character, expression: Expression, pose: Pose) -> FaceTruth:
    """Draw a head with its upper body and return the ground truth of its face in final pixels."""
    pen = Pen(canvas, pose, style)
    if pose.view == "profile":
        return draw_profile(pen, person, expression)
    hair.draw_back_hair(pen, person)
    draw_body(pen, person)
    frontal_face.draw_ears(pen, person)
    frontal_face.draw_frontal_face(pen, person, expression)
    if person.glasses:
        frontal_face.draw_glasses(pen)
    hair.draw_front_hair(pen, person)
    frontal_face.draw_brows(pen, person, expression)
    if expression.sweat:
        frontal_face.draw_sweat(pen)
    outline = frontal_face.crop_below_hairline(frontal_face.outline_frontal_face(person, pose.yaw))
    eyes = pen.rotate(points((-EYE_X, EYE_Y), (EYE_X, EYE_Y)))
    return make_face_truth(pen, person, expression, outline, eyes)


def draw_face(
    rng: Rng, style: Style, size: int, person: Character | None = None, eyes: str = "", mouth: str = ""
) -> tuple[Image, FaceTruth]:
    """Draw one frontal or three-quarter face that fills a square picture, as the face crops of the pipeline do.

    Args:
        rng: Source of pose, expression, background and, if `person` is None, of the character.
        style: The drawing style; with `style.colour` the picture is RGB.
        size: Side of the picture [px], 8 or more.
        person: The character. Default: a random one.
        eyes: Replaces the eyes of the expression, see `draw_frontal_face`; nothing else changes. Default: random.
        mouth: Replaces the mouth of the expression; nothing else changes. Default: random.

    Returns:
        The picture, uint8, (size, size) or (size, size, 3), and the ground truth of the face in its pixels.

    Raises:
        ValueError: `size` is below 8.
    """
    if size < MIN_SIZE:
        raise ValueError(f"size is {size} px. Choose {MIN_SIZE} or more")
    person = person or sample_character(rng, style)
    canvas = Canvas(size, size, style.colour, scale=2 if size >= LARGE_SIZE else 4)
    if rng.random() < 0.5:
        level = float(rng.uniform(0.08, 0.45))
        background = (225, 214, 200) if rng.random() < 0.5 else (190, 214, 232)
        paint = Paint(background) if style.colour else style.make_screentone(level)
        canvas.fill(rectangle(0, 0, size, size), paint)
    unit = size * float(rng.uniform(0.27, 0.33))
    x, y = size * (0.5 + rng.uniform(-0.03, 0.03, 2))
    pose = sample_pose(rng, float(x), float(y), unit)
    while pose.view in ("profile", "other"):
        pose = sample_pose(rng, float(x), float(y), unit)
    expression = sample_expression(rng)
    expression = replace(expression, eyes=eyes or expression.eyes, mouth=mouth or expression.mouth)
    face = draw_head(canvas, style, person, expression, pose)
    return canvas.render(style.softness if size >= LARGE_SIZE else 0.0), face
