"""Square pictures of hidden heads and covered faces, framed like the crop of a detection, with their labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import cv2
import numpy as np

from mangagan.sample.background import draw_background
from mangagan.sample.character import STYLES, Character, Pose, Rng, Style, sample_character, sample_expression
from mangagan.sample.ground_truth import FaceTruth
from mangagan.sample.head import LARGE_SIZE, MIN_SIZE, draw_head
from mangagan.sample.heads.covers import cover_face, sample_cover_kind
from mangagan.sample.heads.hidden import HEAD_KINDS, HIDDEN_KINDS, INSET_KINDS, draw_hidden_head, sample_hidden_kind
from mangagan.sample.illustrations.background import draw_illustration_background
from mangagan.sample.illustrations.draw import (
    make_illustration_canvas,
    sample_illustration_character,
    sample_illustration_style,
)
from mangagan.sample.illustrations.light import light_head
from mangagan.sample.illustrations.shading import ShadedCanvas, finish_picture
from mangagan.sample.strokes import WHITE, Canvas, Image, rectangle

HiddenLabel = Literal["no face", "face, eyes hidden"]
CoverLabel = Literal["usable", "unknown", "face, eyes hidden"]

PROFILE = "profile"  # kind of a head with one visible eye
PICTURE_KINDS: dict[str, float] = HIDDEN_KINDS | {PROFILE: 1.5}
COVER_LABELS: dict[str, CoverLabel] = {"free": "usable", "partly": "unknown", "hidden": "face, eyes hidden"}
INSET_ENLARGEMENT = {"mouth": (0.8, 1.2), "half_face": (0.9, 1.3), "one_eye": (1.1, 2.2)}  # of the panel in the picture
MAX_EXTRA_COVER = 0.5  # share of a hidden head that an additional object may cover [0, 1]


def draw_hidden_head_picture(rng: Rng, size: int, colour: bool, kind: str | None = None) -> tuple[Image, HiddenLabel]:
    """Draw a head that is not usable as a training face, in the crop that a detector would give.

    Args:
        rng: Random generator.
        size: Side of the picture [px], 8 or more.
        colour: RGB instead of gray.
        kind: One of PICTURE_KINDS. Default: a random one.

    Returns:
        The picture, uint8 (size, size) or (size, size, 3) RGB, and its label.

    Raises:
        ValueError: `size` is below 8, or `kind` is unknown.
    """
    kind = kind or sample_hidden_kind(rng, PICTURE_KINDS)
    if kind not in PICTURE_KINDS:
        raise ValueError(f"kind of head {kind!r} is unknown. Choose one of: {', '.join(PICTURE_KINDS)}")
    canvas, style = _make_canvas(rng, size, colour)
    person, pose = _sample_person(rng, style), _sample_pose(rng, size)
    if kind in INSET_KINDS:
        pose = replace(pose, unit=pose.unit * float(rng.uniform(*INSET_ENLARGEMENT[kind])))
    if kind == PROFILE:
        draw_head(canvas, style, person, sample_expression(rng), replace(pose, view="profile"))
    else:
        draw_hidden_head(canvas, style, person, pose, kind, rng)
    box = _make_box(pose)
    if kind not in INSET_KINDS and rng.random() < 0.2:
        _add_object(canvas, rng, style, person, box)
    if rng.random() < 0.3:
        _draw_panel_border(canvas, rng, style, box)
    return _render(canvas, rng, style, size), "no face" if kind in HEAD_KINDS else "face, eyes hidden"


def draw_covered_face_picture(rng: Rng, size: int, colour: bool, kind: str | None = None) -> tuple[Image, CoverLabel]:
    """Draw a frontal to three-quarter face behind an object, in the crop that a detector would give.

    Args:
        rng: Random generator.
        size: Side of the picture [px], 8 or more.
        colour: RGB instead of gray.
        kind: One of COVER_KINDS. Default: a random one.

    Returns:
        The picture, uint8 (size, size) or (size, size, 3) RGB, and its label: "usable" if both eyes are free, "unknown"
        if an eye is partly hidden.

    Raises:
        ValueError: `size` is below 8, or `kind` is unknown.
    """
    canvas, style = _make_canvas(rng, size, colour)
    person, pose, expression = _sample_person(rng, style), _sample_pose(rng, size), sample_expression(rng)
    face = draw_head(canvas, style, person, expression, pose)
    if isinstance(canvas, ShadedCanvas):
        light_head(canvas, rng, person, expression, pose, style)
    cover = cover_face(canvas, rng, face, kind or sample_cover_kind(rng), style, person)
    if rng.random() < 0.25:
        _draw_panel_border(canvas, rng, style, face)
    return _render(canvas, rng, style, size), COVER_LABELS[cover.eyes]


def _make_canvas(rng: Rng, size: int, colour: bool) -> tuple[Canvas, Style]:
    """Return a canvas with a background and the style of the drawing."""
    if size < MIN_SIZE:
        raise ValueError(f"size is {size} px. Choose {MIN_SIZE} or more")
    scale = 2 if size >= LARGE_SIZE else 4
    if colour and rng.random() < 0.75:
        style = sample_illustration_style(rng)
        canvas = make_illustration_canvas(rng, size, size, scale)
        draw_illustration_background(canvas, rng, style)
        return canvas, style
    base = STYLES[2] if colour else STYLES[int(rng.integers(2))]
    style = replace(
        base,
        eye_width=float(rng.uniform(0.24, 0.35)),
        eye_height=float(rng.uniform(0.22, 0.38)),
        line_weight=float(rng.uniform(0.016, 0.058)),
        tone_density=float(rng.uniform(0.1, 0.5)),
        dot_period=float(rng.uniform(0.02, 0.06) * size),
        iris_share=float(rng.uniform(0.55, 0.8)),
    )
    plain = Canvas(size, size, colour, scale)
    if rng.random() < 0.6:
        draw_background(plain, rng, style, (size, size), (size / 2, size / 2))
    return plain, style


def _sample_person(rng: Rng, style: Style) -> Character:
    return sample_illustration_character(rng, style) if style.title == "illustration" else sample_character(rng, style)


def _sample_pose(rng: Rng, size: int) -> Pose:
    """Return the pose of a head with a margin of about 0.35 face widths at each side."""
    unit = size * float(rng.uniform(0.25, 0.33))
    x, y = size * (0.5 + rng.uniform(-0.05, 0.05)), size * (0.46 + rng.uniform(-0.05, 0.05))
    roll = float(np.clip(rng.normal(0, 10), -40, 40))
    yaw = float(rng.uniform(0, 0.35))
    return Pose(
        float(x), float(y), unit, yaw, bool(rng.random() < 0.5), roll, "threequarter" if yaw > 0.15 else "front"
    )


def _make_box(pose: Pose) -> FaceTruth:
    """Return the place of a face as ground truth without eyes; objects are placed relative to it."""
    unit = pose.unit
    return FaceTruth(pose.x - unit, pose.y - 0.6 * unit, 2 * unit, 1.7 * unit, "other", (), "")


def _add_object(canvas: Canvas, rng: Rng, style: Style, person: Character, box: FaceTruth) -> None:
    """Draw an object over a part of a hidden head, unless it covers most of the head."""
    before = canvas.pixels.copy()
    cover = cover_face(canvas, rng, box, str(rng.choice(["balloon", "text", "hand", "gutter"])), style, person)
    if cover.face.covered > MAX_EXTRA_COVER:
        canvas.pixels[:] = before


def _draw_panel_border(canvas: Canvas, rng: Rng, style: Style, face: FaceTruth) -> None:
    """Draw the border of the panel and white paper between the face and one edge of the picture."""
    height, width = canvas.pixels.shape[0] / canvas.scale, canvas.pixels.shape[1] / canvas.scale
    share = float(rng.uniform(0.2, 0.95))
    x0, x1 = share * max(face.x, 0), width - share * max(width - face.x - face.w, 0)
    y0, y1 = share * max(face.y - 0.1 * face.h, 0), height - share * max(height - face.y - face.h, 0)
    strips = ((0, 0, x0, height), (x1, 0, width - x1, height), (0, 0, width, y0), (0, y1, width, height - y1))
    x, y, w, h = strips[int(rng.integers(4))]
    canvas.fill(rectangle(x - 2, y - 2, w + 4, h + 4), style.ink)
    inset = max(0.006 * width, 0.6)
    canvas.fill(rectangle(x - 2 + inset, y - 2 + inset, w + 4 - 2 * inset, h + 4 - 2 * inset), WHITE)


def _render(canvas: Canvas, rng: Rng, style: Style, size: int) -> Image:
    picture = canvas.render(float(rng.uniform(0.0, 0.9)) if size >= LARGE_SIZE else 0.0)
    if picture.ndim == 3:
        return finish_picture(rng, picture)
    if rng.random() < 0.4:
        quality = int(rng.integers(40, 95))
        encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        picture = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.uint8)
    return picture
