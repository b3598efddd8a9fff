"""Small panels that show a part of a head: mouth and chin, half a face, one eye."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mangagan.sample.character import Character, Expression, Pose, Rng, Style
from mangagan.sample.ground_truth import FaceTruth
from mangagan.sample.head import draw_head
from mangagan.sample.lettering import Box
from mangagan.sample.strokes import WHITE, Canvas, rectangle


def sample_inset(rng: Rng, kind: str) -> tuple[Box, float]:
    """Return the visible part of a head (x, y, width, height) [head units] and the enlargement of the head.

    Args:
        rng: Source of the position of the borders.
        kind: mouth, half_face or one_eye.
    """
    if kind == "mouth":
        top = float(rng.uniform(0.42, 0.56))
        return (-1.5, top, 3.0, 1.75 - top), 1.1
    if kind == "half_face":
        inner = float(rng.uniform(-0.12, 0.16))
        return (inner, -1.35, 1.5 - inner, 3.0), 1.0
    top = float(rng.uniform(-0.35, -0.2))
    return (float(rng.uniform(-0.05, 0.1)), top, 0.95, 0.85), float(rng.uniform(1.6, 2.1))


def draw_inset(
    canvas: Canvas, style: Style, person: Character, expression: Expression, pose: Pose, part: Box, zoom: float
) -> FaceTruth:
    """Draw a part of a head in a panel with its centre at the pose and return the ground truth of the visible part.

    Args:
        canvas: Gray or RGB.
        style: The drawing style.
        person: The character.
        expression: The expression.
        pose: Centre of the panel; its `unit` times `zoom` is half the face width [px].
        part: The visible part x, y, width, height [head units].
        zoom: Enlargement of the head.
    """
    unit = pose.unit * zoom
    width, height = max(int(part[2] * unit), 8), max(int(part[3] * unit), 8)
    panel = Canvas(width, height, canvas.colour, canvas.scale)
    mirrored = -(part[0] + part[2]) if pose.mirror else part[0]
    inner = replace(
        pose,
        x=-mirrored * unit,
        y=-part[1] * unit,
        unit=unit,
        roll=0.15 * pose.roll,
        view="front",
        yaw=min(pose.yaw, 0.12),
    )
    face = draw_head(panel, style, person, expression, inner)
    left, top = int(round(pose.x - width / 2)), int(round(pose.y - height / 2))
    frame = rectangle(left, top, width, height)
    margin = 0.05 * width
    canvas.fill(rectangle(left - margin, top - margin, width + 2 * margin, height + 2 * margin), WHITE)
    _paste(canvas, panel, left, top)
    canvas.contour(frame, max(0.035 * pose.unit, 1.0), style.ink)
    x0, y0 = max(face.x, 0.0), max(face.y, 0.0)
    x1, y1 = min(face.x + face.w, float(width)), min(face.y + face.h, float(height))
    eyes = tuple((x + left, y + top) for x, y in face.eyes if 0 <= x < width and 0 <= y < height)
    return replace(face, x=x0 + left, y=y0 + top, w=x1 - x0, h=y1 - y0, view="other", eyes=eyes)


def _paste(canvas: Canvas, panel: Canvas, left: int, top: int) -> None:
    """Copy the pixels of a panel onto a canvas of the same scale; parts beyond the canvas are left out."""
    height, width = canvas.pixels.shape[:2]
    x, y = left * canvas.scale, top * canvas.scale
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + panel.pixels.shape[1], width), min(y + panel.pixels.shape[0], height)
    if x0 < x1 and y0 < y1:
        canvas.pixels[y0:y1, x0:x1] = np.asarray(panel.pixels[y0 - y : y1 - y, x0 - x : x1 - x])
