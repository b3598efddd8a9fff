"""Colour illustrations of one to four characters, with the ground truth of their faces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from mangagan.sample.character import (
    SKIN_COLOURS,
    Character,
    Expression,
    Pose,
    Rng,
    Style,
    pick,
    sample_character,
    sample_expression,
)
from mangagan.sample.ground_truth import FaceRow, FaceTruth, make_face_row
from mangagan.sample.head import draw_head
from mangagan.sample.heads.cover_shapes import CoverBrush, draw_hand
from mangagan.sample.heads.covers import FaceCover, RecordingCanvas, cover_face, measure_cover
from mangagan.sample.heads.hidden import FACE_KINDS, HEAD_KINDS, INSET_KINDS, draw_hidden_head, sample_hidden_kind
from mangagan.sample.illustrations.accessories import draw_behind_head, draw_on_head
from mangagan.sample.illustrations.background import draw_foreground, draw_illustration_background, sample_colour
from mangagan.sample.illustrations.light import light_head
from mangagan.sample.illustrations.outfits import draw_outfit, dress_body, sample_outfit
from mangagan.sample.illustrations.shading import ShadedCanvas, finish_picture
from mangagan.sample.layout import Panel
from mangagan.sample.lettering import Box, draw_text, find_free_place
from mangagan.sample.pen import Pen
from mangagan.sample.strokes import Canvas, Colour, Image, rectangle
from mangagan.sample.things.scattered import draw_things_behind, draw_things_beside

# Draws things that are no faces on a canvas. It is called before the characters are drawn, with an empty list, and
# afterwards, with the boxes x, y, width, height [px] of the faces, which must not change.
Decorate = Callable[[Canvas, Rng, Style, list[Box]], None]

MIN_SIDE = 128  # of an illustration [px]
MIN_UNIT, MAX_UNIT = 20.0, 175.0  # half face width [px]
LARGE_AREA = 500_000  # [px²]; larger illustrations are drawn at their final size, smaller ones at twice the size
COVER_DIFFERENCE = 12  # change of a gray level from which a pixel counts as painted over
HAIR_COLOURS: tuple[Colour, ...] = (
    (58, 46, 44),
    (36, 36, 50),
    (112, 76, 56),
    (158, 110, 74),
    (228, 188, 112),
    (246, 226, 170),
    (240, 170, 190),
    (224, 110, 150),
    (120, 160, 224),
    (80, 110, 180),
    (160, 210, 230),
    (170, 140, 210),
    (226, 226, 236),
    (245, 244, 240),
    (190, 70, 70),
    (220, 120, 80),
    (120, 190, 150),
    (70, 130, 110),
    (100, 100, 112),
)
PALE_SKINS: tuple[Colour, ...] = ((255, 240, 230), (254, 232, 220), (250, 236, 236), (196, 148, 116), (150, 104, 80))


def sample_illustration_style(rng: Rng) -> Style:
    """Return a random style of colour illustrations."""
    ink: Colour = ((40, 28, 34), (70, 40, 44), (36, 36, 60), (20, 18, 20))[int(rng.integers(4))]
    return Style(
        "illustration",
        colour=True,
        eye_width=float(rng.uniform(0.24, 0.36)),
        eye_height=float(rng.uniform(0.24, 0.42)),
        line_weight=float(rng.uniform(0.03, 0.055)),
        ink=ink,
        iris_share=float(rng.uniform(0.62, 0.82)),
        softness=float(rng.uniform(0.0, 0.6)),
    )


def sample_illustration_character(rng: Rng, style: Style) -> Character:
    """Return a random character with the hair, eye and skin colours of illustrations."""
    skins = SKIN_COLOURS + PALE_SKINS
    hair = HAIR_COLOURS[int(rng.integers(len(HAIR_COLOURS)))]
    jitter = rng.integers(-14, 15, 3)
    red, green, blue = (int(np.clip(value + change, 12, 250)) for value, change in zip(hair, jitter, strict=True))
    return replace(
        sample_character(rng, style),
        hair=(red, green, blue),
        iris=sample_colour(rng, (0.3, 0.9), (0.45, 0.95)),
        cloth=sample_colour(rng, (0.0, 0.75), (0.2, 1.0)),
        skin=skins[int(rng.choice(9, p=(0.2, 0.2, 0.1, 0.04, 0.2, 0.14, 0.05, 0.05, 0.02)))],
    )


def _sample_expression(rng: Rng) -> Expression:
    expression = sample_expression(rng)
    eyes = pick(rng, (expression.eyes, "shut", "happy", "wink", "half"), (0.8, 0.05, 0.05, 0.06, 0.04))
    return replace(expression, eyes=eyes, blush=bool(expression.blush or rng.random() < 0.3))


def _sample_poses(rng: Rng, width: int, height: int) -> list[Pose]:
    """Return the poses of one to four characters, from back to front."""
    count = int(rng.choice([1, 2, 3, 4], p=[0.55, 0.25, 0.12, 0.08]))
    largest = (
        min(0.34 * width, 0.25 * height, MAX_UNIT)
        if count == 1
        else min(0.62 * width / (count + 0.6), 0.2 * height, MAX_UNIT)
    )
    smallest = max(MIN_UNIT, (0.4 if count == 1 else 0.6) * largest)
    unit = float(np.exp(rng.uniform(np.log(smallest), np.log(max(largest, smallest)))))
    poses = []
    for index in rng.permutation(count):
        size = max(unit * float(rng.uniform(0.75, 1.1)), MIN_UNIT)
        slot = width / count
        x = slot * (index + 0.5) + float(rng.uniform(-0.3, 0.3)) * slot * (0.8 if count == 1 else 0.4)
        low = max(height - 8.5 * size, 1.6 * size)
        y = float(rng.uniform(low, max(height - 2.2 * size, low + 1)))
        roll = float(np.clip(rng.normal(0, 11), -34, 34))
        is_lying = rng.random() < 0.06
        if is_lying:
            roll = float(rng.choice([-1, 1]) * rng.uniform(35, 100))
        view = pick(rng, ("front", "threequarter", "profile"), (0.45, 0.48, 0.07))
        yaw = {"front": rng.uniform(0, 0.12), "threequarter": rng.uniform(0.17, 0.36), "profile": 0.0}[view]
        pose = Pose(x, y, size, float(yaw), bool(rng.random() < 0.5), roll)
        poses.append(replace(pose, view="other" if is_lying and view != "profile" else view))  # type: ignore[arg-type]
    return poses


@dataclass
class _DrawnFace:
    """A face, the gray levels of its box directly after it was drawn, and what was drawn before it by then."""

    cover: FaceCover
    before: Image


def draw_things(canvas: Canvas, rng: Rng, style: Style, faces: list[Box]) -> None:
    """Draw flowers, jewels, bubbles, dishes and other things: behind the characters, and later around their faces."""
    height, width = canvas.pixels.shape[0] / canvas.scale, canvas.pixels.shape[1] / canvas.scale
    expected = float(rng.choice([0.0, 1.5, 5.0], p=[0.5, 0.35, 0.15]))
    if faces:
        draw_things_beside(canvas, rng, style, (0, 0, width, height), expected, faces)
    else:
        draw_things_behind(canvas, rng, style, (0, 0, width, height), expected)


def draw_illustration(
    rng: Rng, width: int, height: int, decorate: Decorate | None = draw_things
) -> tuple[Image, list[FaceRow]]:
    """Draw a colour illustration.

    Args:
        rng: Source of everything.
        width: Width [px], MIN_SIDE or more.
        height: Height [px], MIN_SIDE or more.
        decorate: Draws things that are no faces behind and around the characters. None: nothing.

    Returns:
        The picture, uint8 (height, width, 3) RGB, and one row per face: x, y, w, h (whole pixels, inside the picture),
        view, usable, character.

    Raises:
        ValueError: A side is below MIN_SIDE.
    """
    if min(width, height) < MIN_SIDE:
        raise ValueError(f"illustration of {width} x {height} px is too small. Choose sides of {MIN_SIDE} px or more")
    style = sample_illustration_style(rng)
    canvas = make_illustration_canvas(rng, width, height, 1 if width * height > LARGE_AREA else 2)
    if canvas.wash < 0.5:
        draw_illustration_background(canvas, rng, style)
    if decorate is not None:
        decorate(canvas, rng, style, [])
    poses = _sample_poses(rng, width, height)
    drawn: list[_DrawnFace] = []
    for index, pose in enumerate(poses):
        cover = _draw_person(canvas, rng, style, pose, f"person_{index + 1}")
        if cover is not None:
            drawn.append(_DrawnFace(cover, _crop_gray(canvas, cover.face)))
    if decorate is not None and drawn:
        decorate(canvas, rng, style, [_make_box(item.cover.face) for item in drawn])
    covers = [_measure_change(canvas, item) for item in drawn]
    if rng.random() < 0.2:
        draw_foreground(canvas, rng)
    if rng.random() < 0.15:
        _draw_title(canvas, rng, [_surround(pose) for pose in poses])
    rows = [row for cover in covers if (row := _make_row(cover, width, height))]
    return finish_picture(rng, canvas.render(style.softness)), rows


def _make_box(face: FaceTruth) -> Box:
    return (face.x, face.y, face.w, face.h)


def _make_row(cover: FaceCover, width: int, height: int) -> FaceRow | None:
    """Return the row of a face. A face with free eyes is usable, even with a hand at the mouth."""
    is_free = cover.eyes == "free"
    face = replace(cover.face, covered=0.0) if is_free else cover.face
    row = make_face_row(face, Panel(rectangle(0, 0, width, height)), np.full((height, width), 255, np.uint8))
    return row and {**row, "usable": row["usable"] and is_free}


def make_illustration_canvas(rng: Rng, width: int, height: int, scale: int) -> ShadedCanvas:
    """Return an empty canvas with random shading and lines; 5 % are sketches, without backgrounds and colours."""
    look = pick(rng, ("shaded", "flat", "sketch"), (0.8, 0.15, 0.05))
    return ShadedCanvas(
        width,
        height,
        scale,
        contrast=0.0 if look == "flat" else float(rng.uniform(0.1, 0.5)),
        line_scale=float(rng.uniform(0.35, 1.0)),
        line_tint=float(rng.choice([0.0, rng.uniform(0.4, 1.0)], p=[0.3, 0.7])),
        wash=float(rng.uniform(0.8, 1.0)) if look == "sketch" else 0.0,
    )


def _draw_person(canvas: ShadedCanvas, rng: Rng, style: Style, pose: Pose, name: str) -> FaceCover | None:
    """Draw a character and return what is visible of the face, or None if the head shows no face."""
    person = replace(sample_illustration_character(rng, style), name=name)
    colour = sample_colour(rng, (0.3, 0.85), (0.5, 1.0))
    if rng.random() < 0.1:
        kinds = {kind: weight for kind, weight in (HEAD_KINDS | FACE_KINDS).items() if kind not in INSET_KINDS}
        hidden = draw_hidden_head(canvas, style, person, pose, sample_hidden_kind(rng, kinds), rng)
        return FaceCover("hidden", hidden) if hidden else None
    pen = Pen(canvas, pose, style)
    if pose.view != "profile":
        draw_behind_head(pen, person, colour, rng)
    expression, outfit = _sample_expression(rng), sample_outfit(rng)
    face = draw_head(canvas, style, dress_body(person, outfit), expression, pose)
    if canvas.wash < 0.5:
        light_head(canvas, rng, person, expression, pose, style)
    draw_outfit(pen, person, colour, outfit, rng)
    if pose.view != "profile":
        draw_on_head(pen, person, colour, rng)
    return _draw_before_person(canvas, rng, style, person, face)


def _draw_before_person(canvas: Canvas, rng: Rng, style: Style, person: Character, face: FaceTruth) -> FaceCover:
    """Draw hands or an object before a character and return what they leave of the face."""
    chance = rng.random()
    if chance < 0.07:
        kind = pick(rng, ("hand", "hair", "book", "fan", "cup", "arm", "text"))
        return cover_face(canvas, rng, face, kind, style, person)
    if chance < 0.22:
        recorder = RecordingCanvas(canvas.pixels, canvas.scale)
        brush = CoverBrush(recorder, rng, style, face, person, weight=0.01)
        for side in (0.0, 1.0)[: int(rng.integers(1, 3))]:
            draw_hand(brush, (side + float(rng.uniform(-0.25, 0.25)), float(rng.uniform(1.15, 1.6))))
        return measure_cover(face, recorder.opacity.render())
    return FaceCover("free" if len(face.eyes) == 2 else "hidden", face)


def _draw_title(canvas: Canvas, rng: Rng, taken: list[Box]) -> None:
    """Draw large letters or a signature where they cover no head."""
    height, width = canvas.pixels.shape[0] / canvas.scale, canvas.pixels.shape[1] / canvas.scale
    size = float(min(width, height) * rng.uniform(0.02, 0.1))
    columns, rows = int(rng.integers(1, 4)), int(rng.integers(2, 8))
    box = (0.0, 0.0, columns * 1.25 * size, rows * 1.04 * size)
    place = find_free_place(rng, (0, 0, width, height), box[2] / 2, box[3] / 2, taken)
    if place is not None:
        corner = (place[0] - box[2] / 2, place[1] - box[3] / 2)
        draw_text(canvas, rng, (*corner, box[2], box[3]), size, sample_colour(rng, (0.0, 0.8), (0.1, 1.0)))


def _surround(pose: Pose) -> Box:
    """Return a box around the face and most of the hair."""
    return (pose.x - 1.35 * pose.unit, pose.y - 1.5 * pose.unit, 2.7 * pose.unit, 3.0 * pose.unit)


def _crop_gray(canvas: Canvas, face: FaceTruth) -> Image:
    """Return a copy of the gray levels in the face's box."""
    scale = canvas.scale
    x0, y0 = max(int(face.x * scale), 0), max(int(face.y * scale), 0)
    x1, y1 = max(int((face.x + face.w) * scale), 0), max(int((face.y + face.h) * scale), 0)
    crop = canvas.pixels[y0:y1, x0:x1]
    return crop.mean(-1).astype(np.uint8) if crop.size else np.zeros((0, 0), np.uint8)


def _measure_change(canvas: Canvas, item: _DrawnFace) -> FaceCover:
    """Return what is visible of a face after all else was drawn."""
    face = item.cover.face
    height, width = canvas.pixels.shape[0] // canvas.scale, canvas.pixels.shape[1] // canvas.scale
    changed = np.abs(_crop_gray(canvas, face).astype(np.int16) - item.before) > COVER_DIFFERENCE
    x, y = max(int(face.x), 0), max(int(face.y), 0)
    size = (min(changed.shape[1] // canvas.scale, width - x), min(changed.shape[0] // canvas.scale, height - y))
    opacity = np.zeros((height, width), np.uint8)
    if min(size) > 0:
        small = cv2.resize(changed.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
        opacity[y : y + size[1], x : x + size[0]] = small
    later = measure_cover(face, opacity)
    states = (item.cover.eyes, later.eyes)
    return FaceCover(max(states, key=("free", "partly", "hidden").index), later.face)
