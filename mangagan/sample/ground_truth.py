"""Ground truth of drawn faces: bounding box, eye positions, view, and whether the face can be used for training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mangagan.sample.character import Character, Expression, View
from mangagan.sample.layout import Panel
from mangagan.sample.pen import Pen
from mangagan.sample.strokes import Image, Points

FaceRow = dict[str, Any]  # one face in truth.json: x, y, w, h [px], view, usable, character

MIN_USABLE_WIDTH = 40  # face width [px]; narrower faces are not usable for training
MIN_BOX_SIDE = 8  # [px]; smaller boxes are not listed
MIN_LISTED_AREA = 0.35  # visible share of the box [0, 1]; below it the face is not listed
MAX_LISTED_COVER = 0.4  # share of the box under balloons or other heads [0, 1]; above it the face is not listed
MIN_USABLE_AREA, MAX_USABLE_COVER = 0.75, 0.04  # the same two limits for a usable face


@dataclass(frozen=True)
class FaceTruth:
    """One drawn face in pixels; the box reaches from hairline to chin and from cheek to cheek."""

    x: float
    y: float
    w: float
    h: float
    view: View
    eyes: tuple[tuple[float, float], ...]  # centres of the visible eyes [px]
    character: str
    expression: str = ""
    covered: float = 0.0  # share of the box that was painted over later [0, 1]


def make_face_truth(pen: Pen, person: Character, expression: Expression, outline: Points, eyes: Points) -> FaceTruth:
    """Return the ground truth of a drawn face.

    Args:
        pen: The pen that drew the face.
        person: The character.
        expression: The expression of the face.
        outline: Points (n, 2) [head units]; the box encloses them.
        eyes: Centres (n, 2) of the visible eyes [head units].
    """
    corners = pen.pose.to_pixels(outline)
    (x0, y0), (x1, y1) = corners.min(0), corners.max(0)
    centres = tuple((float(x), float(y)) for x, y in pen.pose.to_pixels(eyes))
    return FaceTruth(
        float(x0), float(y0), float(x1 - x0), float(y1 - y0), pen.pose.view, centres, person.name, expression.name
    )


def make_face_row(face: FaceTruth, panel: Panel, panel_mask: Image) -> FaceRow | None:
    """Return the row of a face in page pixels, or None if most of the face is hidden.

    Args:
        face: The face in pixels of the panel.
        panel: The panel.
        panel_mask: The page (H, W), uint8; 255 inside the panel, 0 outside.
    """
    height, width = panel_mask.shape
    dx, dy = panel.box[:2]
    x, y = face.x + dx, face.y + dy
    x0, y0 = max(int(np.floor(x)), 0), max(int(np.floor(y)), 0)
    x1, y1 = min(int(np.ceil(x + face.w)), width), min(int(np.ceil(y + face.h)), height)
    if min(x1 - x0, y1 - y0) < MIN_BOX_SIDE:
        return None
    visible_area = (panel_mask[y0:y1, x0:x1] > 127).sum() / (face.w * face.h)
    if visible_area < MIN_LISTED_AREA or face.covered > MAX_LISTED_COVER:
        return None
    eyes = [(eye_x + dx, eye_y + dy) for eye_x, eye_y in face.eyes]
    eyes_visible = [0 <= ex < width and 0 <= ey < height and panel_mask[int(ey), int(ex)] > 127 for ex, ey in eyes]
    usable = (
        visible_area >= MIN_USABLE_AREA
        and face.covered < MAX_USABLE_COVER
        and len(eyes) == 2
        and all(eyes_visible)
        and x1 - x0 >= MIN_USABLE_WIDTH
    )
    return {"x": x0, "y": y0, "w": x1 - x0, "h": y1 - y0, "view": face.view, "usable": bool(usable),
            "character": face.character}  # fmt: skip


def transform_face_row(
    face: FaceRow, scale: float, shift: tuple[float, float], page_box: tuple[int, int, int, int]
) -> FaceRow | None:
    """Return the row of a face in a scaled, shifted and cropped picture, or None if too little of the face remains.

    Args:
        face: The row in the original picture.
        scale: New size over old size.
        shift: Shift (dx, dy) after scaling [px].
        page_box: Visible part of the new picture: x, y, width, height [px].
    """
    x, y, w, h = (face[key] * scale for key in "xywh")
    left, top, width, height = page_box
    x0, y0 = max(round(x + shift[0]), left), max(round(y + shift[1]), top)
    x1, y1 = min(round(x + w + shift[0]), left + width), min(round(y + h + shift[1]), top + height)
    if min(x1 - x0, y1 - y0) < MIN_BOX_SIDE:
        return None
    usable = bool(face["usable"]) and x1 - x0 >= MIN_USABLE_WIDTH
    return {**face, "x": x0, "y": y0, "w": x1 - x0, "h": y1 - y0, "usable": usable}
