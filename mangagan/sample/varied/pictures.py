"""Square pictures of usable faces of all ages and drawing styles, framed like the crop of a detection."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import cv2
import numpy as np

from mangagan.sample.character import Character, Pose, Rng, Style, pick, sample_character
from mangagan.sample.ground_truth import FaceTruth
from mangagan.sample.illustrations.draw import (
    make_illustration_canvas,
    sample_illustration_character,
    sample_illustration_style,
)
from mangagan.sample.illustrations.shading import finish_picture
from mangagan.sample.lettering import Balloon, draw_balloon, draw_text
from mangagan.sample.strokes import BLACK, WHITE, Canvas, Image, points, rectangle
from mangagan.sample.things.backdrops import draw_backdrop
from mangagan.sample.varied.brush import outline_face
from mangagan.sample.varied.head import draw_varied_head
from mangagan.sample.varied.traits import FaceTraits, sample_traits

MIN_SIZE = 8  # smallest side of a picture [px]
LARGE_SIZE = 48  # [px]; smaller pictures use 4x supersampling and no blur
BOX_SHARE = 1 / 1.7  # longer side of the face box / side of the picture


def draw_varied_face_picture(rng: Rng, size: int, colour: bool) -> tuple[Image, Literal["usable"]]:
    """Draw one face with two free eyes, in the crop that a detector would give.

    Args:
        rng: Random generator.
        size: Side of the picture [px], 8 or more.
        colour: RGB instead of gray.

    Returns:
        The picture, uint8 (size, size) or (size, size, 3) RGB, and the label "usable".

    Raises:
        ValueError: `size` is below 8.
    """
    picture, _ = draw_varied_face(rng, size, colour)
    return picture, "usable"


def draw_varied_face(rng: Rng, size: int, colour: bool) -> tuple[Image, FaceTruth]:
    """Draw the picture of `draw_varied_face_picture` and return it with the ground truth of the face in its pixels."""
    if size < MIN_SIZE:
        raise ValueError(f"size is {size} px. Choose {MIN_SIZE} or more")
    style = _sample_style(rng, size, colour)
    scale = 2 if size >= LARGE_SIZE else 4
    is_shaded = colour and rng.random() < 0.55
    canvas = make_illustration_canvas(rng, size, size, scale) if is_shaded else Canvas(size, size, colour, scale)
    draw_backdrop(canvas, rng, style, (size, size))
    traits, pose = sample_traits(rng), _sample_pose(rng)
    pose = _centre(rng, traits, pose, size)
    if rng.random() < 0.15:
        _draw_neighbour(canvas, rng, style, pose)
    face = draw_varied_head(canvas, rng, style, _sample_person(rng, style), traits, pose)
    for _ in range(int(rng.choice([0, 1, 2], p=[0.62, 0.28, 0.1]))):
        _draw_lettering(canvas, rng, face, size)
    if rng.random() < 0.35:
        _draw_panel_border(canvas, rng, face, size)
    return _finish(canvas, rng, size), face


def _sample_style(rng: Rng, size: int, colour: bool) -> Style:
    weight = float(np.exp(rng.uniform(np.log(0.02), np.log(0.085))))
    base = sample_illustration_style(rng) if colour else Style("varied")
    return replace(
        base,
        line_weight=weight,
        tone_density=float(rng.uniform(0.1, 0.5)),
        dot_period=float(rng.uniform(0.018, 0.05) * size),
        dark_background_weight=float(rng.uniform(0.0, 1.0)),
        ink=base.ink if colour or rng.random() < 0.75 else (45, 45, 45),
    )


def _sample_person(rng: Rng, style: Style) -> Character:
    person = sample_illustration_character(rng, style) if style.colour else sample_character(rng, style)
    if style.colour and rng.random() < 0.5:
        natural = ((48, 40, 40), (70, 50, 42), (110, 76, 52), (30, 30, 36), (160, 120, 80))
        return replace(person, hair=natural[int(rng.integers(5))])
    return person


def _sample_pose(rng: Rng) -> Pose:
    spread = 20.0 if rng.random() < 0.25 else 7.0
    roll = float(np.clip(rng.normal(0, spread), -45, 45))
    yaw = float(rng.uniform(0, 0.1) if rng.random() < 0.4 else rng.uniform(0.1, 0.42))
    return Pose(0.0, 0.0, 1.0, yaw, bool(rng.random() < 0.5), roll, "threequarter" if yaw > 0.15 else "front")


def _centre(rng: Rng, traits: FaceTraits, pose: Pose, size: int) -> Pose:
    """Return the pose with the face box in the centre of the picture, with the deviations of a detector."""
    outline = outline_face(traits, pose.yaw)
    corners = pose.to_pixels(outline[outline[:, 1] >= traits.forehead - 0.01])
    low, high = corners.min(0), corners.max(0)
    unit = size * BOX_SHARE * float(rng.uniform(0.88, 1.12)) / float((high - low).max())
    x, y = size * (0.5 + rng.uniform(-0.05, 0.05, 2)) - unit * (low + high) / 2
    return replace(pose, x=float(x), y=float(y), unit=unit)


def _draw_neighbour(canvas: Canvas, rng: Rng, style: Style, pose: Pose) -> None:
    """Draw another person beside and behind the face."""
    side = float(rng.choice([-1, 1]))
    unit = pose.unit * float(rng.uniform(0.7, 1.1))
    x, y = pose.x + side * pose.unit * rng.uniform(1.7, 2.6), pose.y + pose.unit * rng.uniform(-0.7, 0.9)
    other = replace(_sample_pose(rng), x=float(x), y=float(y), unit=unit)
    draw_varied_head(canvas, rng, style, _sample_person(rng, style), sample_traits(rng), other)


def _draw_lettering(canvas: Canvas, rng: Rng, face: FaceTruth, size: int) -> None:
    """Draw a speech balloon or vertical text beside the face."""
    side = float(rng.choice([-1, 1]))
    rx, ry = size * rng.uniform(0.08, 0.25), size * rng.uniform(0.12, 0.4)
    reach = 0.5 * face.w + rx * rng.uniform(1.0, 1.3)
    x, y = face.x + face.w / 2 + side * reach, size * rng.uniform(0.0, 1.0)
    letter = float(size * rng.uniform(0.05, 0.1))
    if rng.random() < 0.65:
        kind = pick(rng, ("speech", "shout", "thought", "caption"), (4, 1, 0.7, 0.6))
        balloon = Balloon(float(x), float(y), float(rx), float(ry), kind)
        draw_balloon(canvas, rng, balloon, None, letter, BLACK)
    else:
        draw_text(canvas, rng, (float(x - rx), float(y - ry), float(2 * rx), float(2 * ry)), letter, BLACK)


def _draw_panel_border(canvas: Canvas, rng: Rng, face: FaceTruth, size: int) -> None:
    """Draw the border of the panel and white paper between the face and one or two edges of the picture."""
    line = max(0.008 * size, 0.7) * float(rng.uniform(0.8, 2.0))
    paper = WHITE if rng.random() < 0.85 else BLACK
    for edge in rng.permutation(4)[: int(rng.integers(1, 3))]:
        share = float(rng.uniform(0.2, 0.85))
        if edge < 2:
            room = face.x if edge == 0 else size - face.x - face.w
        else:
            room = face.y if edge == 2 else size - face.y - face.h
        depth = share * max(room, 0.0)
        full = points((-9, -9), (size + 9, size + 9))
        for inset, paint in ((0.0, BLACK), (line, paper)):
            (x0, y0), (x1, y1) = full
            reach = depth - inset
            x1, x0 = (reach if edge == 0 else x1), (size - reach if edge == 1 else x0)
            y1, y0 = (reach if edge == 2 else y1), (size - reach if edge == 3 else y0)
            canvas.fill(rectangle(x0, y0, x1 - x0, y1 - y0), paint)


def _finish(canvas: Canvas, rng: Rng, size: int) -> Image:
    picture = canvas.render(float(rng.uniform(0.0, 0.6)) if size >= LARGE_SIZE else 0.0)
    if picture.ndim == 3:
        return finish_picture(rng, picture)
    if rng.random() < 0.4:
        quality = int(rng.integers(45, 96))
        encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        picture = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.uint8)
    return picture
