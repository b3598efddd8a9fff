"""Manga pages: panels with backgrounds, characters, speech balloons and sound effects."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import cv2
import numpy as np

from mangagan.sample.background import draw_background, draw_scene
from mangagan.sample.character import (
    Character,
    Pose,
    Rng,
    Style,
    pick,
    sample_cast,
    sample_expression,
    sample_pose,
)
from mangagan.sample.ground_truth import FaceRow, FaceTruth, make_face_row
from mangagan.sample.head import draw_head
from mangagan.sample.layout import Panel, sample_layout
from mangagan.sample.lettering import (
    SOUND_EFFECTS,
    Balloon,
    Box,
    draw_balloon,
    draw_sound_effect,
    draw_text,
    find_free_place,
)
from mangagan.sample.strokes import WHITE, Canvas, Image, rectangle
from mangagan.sample.things.scattered import BESIDE_SHARE, draw_large_thing, draw_things_behind, draw_things_beside

MIN_PAGE_SIDE = 240  # [px]
MIN_UNIT, MAX_UNIT = 12.5, 128.0  # half face width [px]
LETTER_SIZE = 13.5  # [px]


def draw_page(
    rng: Rng, style: Style, width: int, height: int, cast: tuple[Character, ...] | None = None, things: float = 0.0
) -> tuple[Image, list[FaceRow]]:
    """Draw one page of panels.

    Args:
        rng: Source of everything that `style` and `cast` do not determine.
        style: The drawing style.
        width: Page width [px], MIN_PAGE_SIDE or more.
        height: Page height [px], MIN_PAGE_SIDE or more.
        cast: The characters that may appear. Default: random characters.
        things: Mean number of things in a panel, such as flowers, dishes and hands, 0 or more. They change neither the
            characters nor the pixels of their faces.

    Returns:
        The page, uint8, (height, width) or in colour (height, width, 3) RGB, and one row per face: x, y, w, h (whole
        pixels, inside the page), view, usable, character.

    Raises:
        ValueError: A side is below MIN_PAGE_SIDE.
    """
    if min(width, height) < MIN_PAGE_SIDE:
        raise ValueError(f"page of {width} x {height} px is too small. Choose sides of {MIN_PAGE_SIDE} px or more")
    cast = cast or sample_cast(rng, style)
    page = Canvas(width, height, style.colour, scale=1)
    thing_rng = rng.spawn(1)[0]  # a stream of its own, so that things do not change the characters
    rows: list[FaceRow] = []
    for panel in sample_layout(rng, width, height, style.gutter):
        picture, faces = _draw_panel(rng, style, panel, cast, thing_rng, things)
        mask = _paste_panel(page, picture, panel)
        rows += [row for face in faces if (row := make_face_row(face, panel, mask))]
        if panel.has_border:
            page.contour(panel.corners, 2.0 if width > 500 else 1.0, style.ink)
    return page.render(style.softness), rows


def _paste_panel(page: Canvas, picture: Image, panel: Panel) -> Image:
    """Copy a panel's picture onto the page and return the panel's mask (H, W), 255 inside."""
    height, width = page.pixels.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.rint(panel.corners * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
    x, y, w, h = panel.box
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
    source = picture[y0 - y : y1 - y, x0 - x : x1 - x]
    opacity = mask[y0:y1, x0:x1].astype(np.float32) / 255
    opacity = opacity if source.ndim == 2 else opacity[..., None]
    region = page.pixels[y0:y1, x0:x1]
    region[:] = np.rint(region + opacity * (source.astype(np.float32) - region)).astype(np.uint8)
    return mask


def _draw_panel(
    rng: Rng, style: Style, panel: Panel, cast: tuple[Character, ...], thing_rng: Rng, things: float
) -> tuple[Image, list[FaceTruth]]:
    """Draw one panel and return its picture and faces; `thing_rng` is the source of `things` things (mean)."""
    _, _, w, h = panel.box
    canvas = Canvas(w, h, style.colour)
    inner = _find_inner_box(panel)
    poses = _sample_poses(rng, inner)
    centre = (poses[0].x, poses[0].y) if poses else (w / 2, h / 2)
    if poses:
        draw_background(canvas, rng, style, (w, h), centre)
    else:
        draw_scene(canvas, rng, style, (w, h), centre, pick(rng, ["sky", "city", "trees", "sea", "room"]))
        if thing_rng.random() < things:
            draw_large_thing(canvas, thing_rng, style, inner)
    draw_things_behind(canvas, thing_rng, style, inner, (1 - BESIDE_SHARE) * things)
    cast_indices = rng.permutation(len(cast))[: len(poses)]
    drawn: list[tuple[FaceTruth, Image]] = []
    for pose, index in zip(poses, cast_indices, strict=True):
        face = draw_head(canvas, style, cast[int(index)], sample_expression(rng), pose)
        drawn.append((face, _crop_face(canvas, face).copy()))
    boxes = _expand_face_boxes([face for face, _ in drawn])
    draw_things_beside(canvas, thing_rng, style, inner, BESIDE_SHARE * things, boxes)
    _draw_lettering(canvas, rng, style, inner, [face for face, _ in drawn])
    faces = [replace(face, covered=_measure_covered_share(canvas, face, before)) for face, before in drawn]
    return canvas.render(), faces


def _crop_face(canvas: Canvas, face: FaceTruth) -> Image:
    """Return a view of the canvas pixels in the face's box."""
    scale = canvas.scale
    x0, y0 = max(int(face.x * scale), 0), max(int(face.y * scale), 0)
    x1, y1 = max(int((face.x + face.w) * scale), 0), max(int((face.y + face.h) * scale), 0)
    return canvas.pixels[y0:y1, x0:x1]


def _measure_covered_share(canvas: Canvas, face: FaceTruth, before: Image) -> float:
    """Return the share [0, 1] of the face's box that differs from the earlier crop `before`."""
    if before.size == 0:
        return 0.0
    changed = _crop_face(canvas, face) != before
    return float((changed.any(-1) if changed.ndim == 3 else changed).mean())


def _find_inner_box(panel: Panel) -> Box:
    """Return an upright box inside a slightly slanted panel, in pixels of the panel."""
    x, y, _, _ = panel.box
    (tl, tr, br, bl) = panel.corners - (x, y)
    left, right = max(tl[0], bl[0], 0), min(tr[0], br[0])
    top, low = max(tl[1], tr[1], 0), min(bl[1], br[1])
    return float(left), float(top), float(right - left), float(low - top)


def _sample_poses(rng: Rng, inner: Box) -> list[Pose]:
    """Choose a camera shot for a panel and return the poses of its heads; every face is inside the panel."""
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
    unit = min(fill * h / 1.75, (0.42 if count == 1 else 0.33) * w / count, MAX_UNIT)
    unit = max(unit, MIN_UNIT)
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
        poses.append(sample_pose(rng, float(px), float(py), float(size)))
    return [_move_inside(pose, inner) for pose in poses]


def _move_inside(pose: Pose, inner: Box) -> Pose:
    """Return the pose shifted so that the face is inside the panel."""
    x, y, w, h = inner
    reach = 1.1 * pose.unit
    px = min(max(pose.x, x + reach), x + w - reach) if w > 2 * reach else x + w / 2
    py = min(max(pose.y, y + 0.8 * pose.unit), y + h - 1.25 * pose.unit) if h > 2.1 * pose.unit else y + h * 0.45
    return replace(pose, x=px, y=py)


def _expand_face_boxes(faces: list[FaceTruth]) -> list[Box]:
    """Return the boxes of the faces with a margin for hair."""
    return [(face.x - 0.06 * face.w, face.y - 0.12 * face.h, 1.12 * face.w, 1.15 * face.h) for face in faces]


def _draw_lettering(canvas: Canvas, rng: Rng, style: Style, inner: Box, faces: list[FaceTruth]) -> None:
    """Draw balloons, captions and sound effects where they cover no face."""
    x, y, w, h = inner
    taken = _expand_face_boxes(faces)
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.12, 0.45, 0.33, 0.1]))):
        columns, rows = int(rng.integers(1, 5)), int(rng.integers(3, 8))
        rx, ry = (columns * LETTER_SIZE * 1.25) / 1.25, (rows * LETTER_SIZE * 1.04) / 1.25
        kind = pick(rng, ["speech", "shout", "thought", "caption"], (0.68, 0.12, 0.1, 0.1))
        rx, ry = max(rx, 16.0) * (1.15 if kind == "shout" else 1.0), ry * (1.15 if kind == "shout" else 1.0)
        place = find_free_place(rng, (x + 2, y + 2, w - 4, h - 4), rx * 1.06, ry * 1.06, taken)
        if place is None:
            continue
        mouth = None
        if faces:
            speaker = min(faces, key=partial(_squared_distance, place=place))
            mouth = (speaker.x + speaker.w / 2, speaker.y + 0.85 * speaker.h)
        draw_balloon(canvas, rng, Balloon(*place, rx, ry, kind), mouth, LETTER_SIZE, style.ink)
        taken.append((place[0] - rx, place[1] - ry, 2 * rx, 2 * ry))
    if rng.random() < 0.2:
        size, sound = float(rng.uniform(30, 56)), SOUND_EFFECTS[int(rng.integers(len(SOUND_EFFECTS)))]
        count = len(sound)
        place = find_free_place(rng, inner, size * 0.7, size * count * 0.55, taken)
        if place is not None:
            draw_sound_effect(canvas, rng, place[0] - size / 2, place[1] - size * count / 2, size, sound, style.ink)


def _squared_distance(face: FaceTruth, place: tuple[float, float]) -> float:
    """Return the squared distance [px²] from the centre of a face to a place."""
    x, y = place
    return (face.x + face.w / 2 - x) ** 2 + (face.y + face.h / 2 - y) ** 2


def draw_cover(
    rng: Rng, style: Style, width: int, height: int, cast: tuple[Character, ...]
) -> tuple[Image, list[FaceRow]]:
    """Draw a cover: two large characters and the lettering of the title. Return the same as `draw_page`."""
    canvas = Canvas(width, height, style.colour)
    draw_scene(
        canvas, rng, style, (width, height), (width / 2, height / 2), pick(rng, ["sky", "sea", "sparkles", "trees"])
    )
    unit = 0.135 * width
    faces = []
    for index, (px, py) in enumerate(((0.30, 0.50), (0.70, 0.62))):
        pose = Pose(px * width, py * height, unit, float(rng.uniform(0, 0.3)), index == 1, float(rng.uniform(-9, 9)))
        pose = replace(pose, view="threequarter" if pose.yaw > 0.15 else "front")
        faces.append(draw_head(canvas, style, cast[index], sample_expression(rng), pose))
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
    cover = Panel(rectangle(0, 0, width, height))
    mask = np.full((height, width), 255, np.uint8)
    rows = [row for face in faces if (row := make_face_row(face, cover, mask))]
    return canvas.render(style.softness), rows
