"""Panels and pages: who stands where, what is said, and where every face came to lie."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import cv2
import numpy as np

from mangagan.sample.background import draw_background, draw_kind, rectangle
from mangagan.sample.character import (
    Character,
    FaceTruth,
    Pose,
    Rng,
    Style,
    pick,
    random_cast,
    random_expression,
    random_pose,
)
from mangagan.sample.head import draw_head
from mangagan.sample.layout import Panel, random_layout
from mangagan.sample.lettering import SOUNDS, Balloon, Box, draw_balloon, draw_sound, draw_text, find_room
from mangagan.sample.strokes import WHITE, Canvas, Image, Points

FaceRow = dict[str, Any]
MOSTLY_COVERED = 0.4  # share of the box: a face hidden so far is not counted as shown
MIN_USABLE = 40  # pixels of face width: narrower faces are too small to train on
SMALLEST_PAGE = 240  # pixels
TALLEST_UNIT, SMALLEST_UNIT = 128.0, 12.5  # half face widths, pixels


def draw_page(
    rng: Rng, style: Style, width: int, height: int, cast: tuple[Character, ...] | None = None
) -> tuple[Image, list[FaceRow]]:
    """Draw one page of panels.

    Args:
        rng: decides everything that is not in `style` or `cast`.
        style: the artist's hand.
        width: of the page in pixels, SMALLEST_PAGE or more.
        height: of the page in pixels, SMALLEST_PAGE or more.
        cast: the people who may appear; invented when not given.

    Returns:
        The page, uint8, (height, width) or in colour (height, width, 3) RGB, and one row a face: x, y, w, h (whole
        pixels, inside the page), view, usable, character.

    Raises:
        ValueError: a side is below SMALLEST_PAGE.
    """
    if min(width, height) < SMALLEST_PAGE:
        raise ValueError(f"a page needs sides of {SMALLEST_PAGE} pixels or more, not {width} x {height}")
    cast = cast or random_cast(rng, style)
    page = Canvas(width, height, style.colour, scale=1)
    faces: list[FaceRow] = []
    for panel in random_layout(rng, width, height, style.gutter):
        picture, found = _draw_panel(rng, style, panel, cast)
        visible = _paste(page, picture, panel)
        faces += [row for face in found if (row := face_row(face, panel, visible, width, height))]
        if panel.border:
            page.contour(panel.corners, 2.0 if width > 500 else 1.0, style.ink)
    return page.finished(style.softness), faces


def _paste(page: Canvas, picture: Image, panel: Panel) -> Image:
    """Copy a panel's picture onto the page inside the panel's corners; return the mask (H, W) of what it covers."""
    height, width = page.pixels.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.rint(panel.corners * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
    x, y, w, h = panel.box
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
    inside = picture[y0 - y : y1 - y, x0 - x : x1 - x]
    share = mask[y0:y1, x0:x1].astype(np.float32) / 255
    share = share if inside.ndim == 2 else share[..., None]
    region = page.pixels[y0:y1, x0:x1]
    region[:] = np.rint(region + share * (inside.astype(np.float32) - region)).astype(np.uint8)
    return mask


def face_row(face: FaceTruth, panel: Panel, visible: Image, width: int, height: int) -> FaceRow | None:
    """The truth row of a face given in panel pixels, or None where the panel's edge hides most of it."""
    face = face.moved(panel.box[0], panel.box[1])
    x0, y0 = max(int(np.floor(face.x)), 0), max(int(np.floor(face.y)), 0)
    x1, y1 = min(int(np.ceil(face.x + face.w)), width), min(int(np.ceil(face.y + face.h)), height)
    if x1 - x0 < 8 or y1 - y0 < 8:
        return None
    shown = (visible[y0:y1, x0:x1] > 127).sum() / (face.w * face.h)
    if shown < 0.35 or face.covered > MOSTLY_COVERED:
        return None
    seen = [0 <= ex < width and 0 <= ey < height and visible[int(ey), int(ex)] > 127 for ex, ey in face.eyes]
    usable = shown >= 0.75 and face.covered < 0.04 and len(seen) == 2 and all(seen) and x1 - x0 >= MIN_USABLE
    return {"x": x0, "y": y0, "w": x1 - x0, "h": y1 - y0, "view": face.view, "usable": bool(usable),
            "character": face.character}  # fmt: skip


def _draw_panel(rng: Rng, style: Style, panel: Panel, cast: tuple[Character, ...]) -> tuple[Image, list[FaceTruth]]:
    _, _, w, h = panel.box
    canvas = Canvas(w, h, style.colour)
    inner = _inner_box(panel)
    poses = _stage(rng, inner)
    centre = (poses[0].x, poses[0].y) if poses else (w / 2, h / 2)
    if poses:
        draw_background(canvas, rng, style, (w, h), centre)
    else:
        draw_kind(canvas, rng, style, (w, h), centre, pick(rng, ["sky", "city", "trees", "sea", "room"]))
    people = rng.permutation(len(cast))[: len(poses)]
    drawn: list[tuple[FaceTruth, Image]] = []
    for pose, who in zip(poses, people, strict=True):
        face = draw_head(canvas, style, cast[int(who)], random_expression(rng), pose)
        drawn.append((face, _patch(canvas, face).copy()))
    _speak(canvas, rng, style, inner, [face for face, _ in drawn])
    faces = [replace(face, covered=_covered(canvas, face, before)) for face, before in drawn]
    return canvas.finished(), faces


def _patch(canvas: Canvas, face: FaceTruth) -> Image:
    """The part of the canvas that a face's box takes up."""
    scale = canvas.scale
    x0, y0 = max(int(face.x * scale), 0), max(int(face.y * scale), 0)
    x1, y1 = max(int((face.x + face.w) * scale), 0), max(int((face.y + face.h) * scale), 0)
    return canvas.pixels[y0:y1, x0:x1]


def _covered(canvas: Canvas, face: FaceTruth, before: Image) -> float:
    """The share of a face's box that was drawn over since it looked like `before`, 0 to 1."""
    if before.size == 0:
        return 0.0
    changed = _patch(canvas, face) != before
    return float((changed.any(-1) if changed.ndim == 3 else changed).mean())


def _inner_box(panel: Panel) -> Box:
    """The largest upright box that surely lies inside a slightly slanted panel, in the panel's own pixels."""
    x, y, _, _ = panel.box
    (tl, tr, br, bl) = panel.corners - (x, y)
    left, right = max(tl[0], bl[0], 0), min(tr[0], br[0])
    top, low = max(tl[1], tr[1], 0), min(bl[1], br[1])
    return float(left), float(top), float(right - left), float(low - top)


def _stage(rng: Rng, inner: Box) -> list[Pose]:
    """Choose a shot for a panel and set up its heads so that every face lies inside."""
    x, y, w, h = inner
    aspect = w / h
    shots = ["close", "bust", "pair", "group", "empty"]
    weights = [
        (0.8 if aspect < 2.4 else 0.3),
        2.6,
        (1.8 if aspect > 1.0 else 0.3),
        (1.3 if aspect > 1.35 else 0.15),
        0.35,
    ]
    shot = pick(rng, shots, tuple(weights))
    if shot == "empty":
        return []
    count = {"close": 1, "bust": 1, "pair": 2, "group": int(rng.integers(3, 6))}[shot]
    fill = {"close": rng.uniform(0.46, 0.6), "bust": rng.uniform(0.27, 0.40), "pair": rng.uniform(0.28, 0.42),
            "group": rng.uniform(0.18, 0.32)}[shot]  # fmt: skip
    unit = min(fill * h / 1.75, (0.42 if count == 1 else 0.33) * w / count, TALLEST_UNIT)
    unit = max(unit, SMALLEST_UNIT)
    poses = []
    order = rng.permutation(count)
    for index in order:
        slot_w = w / count
        slack = max(slot_w / 2 - 1.5 * unit, 0)
        px = x + slot_w * (index + 0.5) + rng.uniform(-1, 1) * slack * (0.9 if count == 1 else 0.5)
        size = unit * (rng.uniform(0.85, 1.0) if count > 1 else 1.0)
        top, low = y + (0.85 if shot == "close" else 1.5) * size, y + h - 1.3 * size
        py = rng.uniform(top, low) if low > top else (y + h / 2 - 0.1 * size)
        if shot != "close":
            py = max(py, y + h - 4.2 * size)
        poses.append(random_pose(rng, float(px), float(py), float(size)))
    return [_steady(pose, inner) for pose in poses]


def _steady(pose: Pose, inner: Box) -> Pose:
    """Shift a head so that its face is inside the panel."""
    x, y, w, h = inner
    reach = 1.1 * pose.unit
    px = min(max(pose.x, x + reach), x + w - reach) if w > 2 * reach else x + w / 2
    py = min(max(pose.y, y + 0.8 * pose.unit), y + h - 1.25 * pose.unit) if h > 2.1 * pose.unit else y + h * 0.45
    return replace(pose, x=px, y=py)


def _face_boxes(faces: list[FaceTruth]) -> list[Box]:
    return [(face.x - 0.06 * face.w, face.y - 0.12 * face.h, 1.12 * face.w, 1.15 * face.h) for face in faces]


def _speak(canvas: Canvas, rng: Rng, style: Style, inner: Box, faces: list[FaceTruth]) -> None:
    """Put balloons, captions and sounds where they cover no face."""
    x, y, w, h = inner
    taken = _face_boxes(faces)
    letter = 13.5
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.12, 0.45, 0.33, 0.1]))):
        columns, rows = int(rng.integers(1, 5)), int(rng.integers(3, 8))
        rx, ry = (columns * letter * 1.25) / 1.25, (rows * letter * 1.04) / 1.25
        kind = pick(rng, ["speech", "shout", "thought", "caption"], (0.68, 0.12, 0.1, 0.1))
        rx, ry = max(rx, 16.0) * (1.15 if kind == "shout" else 1.0), ry * (1.15 if kind == "shout" else 1.0)
        place = find_room(rng, (x + 2, y + 2, w - 4, h - 4), rx * 1.06, ry * 1.06, taken)
        if place is None:
            continue
        mouth = None
        if faces:
            near = min(faces, key=partial(_apart, place=place))
            mouth = (near.x + near.w / 2, near.y + 0.85 * near.h)
        draw_balloon(canvas, rng, Balloon(*place, rx, ry, kind), mouth, letter, style.ink)
        taken.append((place[0] - rx, place[1] - ry, 2 * rx, 2 * ry))
    if rng.random() < 0.2:
        size, sound = float(rng.uniform(30, 56)), SOUNDS[int(rng.integers(len(SOUNDS)))]
        count = len(sound)
        place = find_room(rng, inner, size * 0.7, size * count * 0.55, taken)
        if place is not None:
            draw_sound(canvas, rng, place[0] - size / 2, place[1] - size * count / 2, size, sound, style.ink)


def _apart(face: FaceTruth, place: tuple[float, float]) -> float:
    """How far a face's middle is from a place, in squared pixels."""
    x, y = place
    return (face.x + face.w / 2 - x) ** 2 + (face.y + face.h / 2 - y) ** 2


def draw_cover(
    rng: Rng, style: Style, width: int, height: int, cast: tuple[Character, ...]
) -> tuple[Image, list[FaceRow]]:
    """Draw a title page: two of the cast, large, under the title's lettering; returns as `draw_page` does."""
    canvas = Canvas(width, height, style.colour)
    draw_kind(
        canvas, rng, style, (width, height), (width / 2, height / 2), pick(rng, ["sky", "sea", "sparkles", "trees"])
    )
    unit = 0.135 * width
    faces = []
    for index, (px, py) in enumerate(((0.30, 0.50), (0.70, 0.62))):
        pose = Pose(px * width, py * height, unit, float(rng.uniform(0, 0.3)), index == 1, float(rng.uniform(-9, 9)))
        pose = replace(pose, view="threequarter" if pose.yaw > 0.15 else "front")
        faces.append(draw_head(canvas, style, cast[index], random_expression(rng), pose))
    size = 0.085 * width
    canvas.fill(rectangle(0.06 * width, 0.05 * height, 5.8 * size, 1.5 * size), WHITE)
    canvas.contour(rectangle(0.06 * width, 0.05 * height, 5.8 * size, 1.5 * size), 3, style.ink)
    for letter in range(5):
        draw_text(
            canvas,
            rng,
            (0.06 * width + (0.3 + 1.1 * letter) * size, 0.05 * height + 0.25 * size, size, size),
            size * 0.8,
            style.ink,
        )
    whole = Panel(_corners(width, height))
    seen = np.full((height, width), 255, np.uint8)
    rows = [row for face in faces if (row := face_row(face, whole, seen, width, height))]
    return canvas.finished(style.softness), rows


def _corners(width: int, height: int) -> Points:
    return rectangle(0, 0, width, height)
