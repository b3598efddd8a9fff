"""Heads with varied faces, drawn from back to front on any canvas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mangagan.sample.body import draw_body
from mangagan.sample.character import Character, Expression, Pose, Rng, Style
from mangagan.sample.ground_truth import FaceTruth, make_face_truth
from mangagan.sample.pen import Pen
from mangagan.sample.strokes import Canvas, Points, points, spline
from mangagan.sample.varied.brush import FaceBrush, outline_face, outline_skull
from mangagan.sample.varied.eyes import draw_brows, draw_eyes, draw_glasses, locate_eyes
from mangagan.sample.varied.features import draw_mouth, draw_nose
from mangagan.sample.varied.hair import draw_back, draw_hair, draw_hat
from mangagan.sample.varied.marks import draw_beard, draw_marks, draw_shade, draw_wrinkles
from mangagan.sample.varied.traits import FaceTraits

NECK_CHIN = 1.1  # y of the chin for which bodies are drawn [head units]
GRAY_HAIR = ((205, 205, 210), (160, 160, 165), (236, 236, 232))
DARK_SKIN = (215, 170, 140)  # its neck is toned in black and white


def draw_varied_head(
    canvas: Canvas, rng: Rng, style: Style, person: Character, traits: FaceTraits, pose: Pose
) -> FaceTruth:
    """Draw a head with free eyes, neck and shoulders, and return the ground truth of its face in final pixels.

    Args:
        canvas: The canvas, in colour if `style` is.
        rng: Source of lines and marks.
        style: The drawing style.
        person: Colours, clothes and, for the hair `manga`, the hairstyle.
        traits: The face.
        pose: A frontal to three-quarter pose.
    """
    if traits.age == "old" and rng.random() < 0.7:
        person = replace(person, hair=GRAY_HAIR[int(rng.integers(3))])
    if traits.skin_level > 0.05 and not style.colour:
        person = replace(person, skin=DARK_SKIN)
    pen = Pen(canvas, pose, style)
    brush = FaceBrush(pen, person, traits, rng)
    draw_back(brush)
    _draw_body(brush)
    face = outline_face(traits, pose.yaw)
    if traits.hat not in ("scarf", "hood", "helmet"):
        _draw_ears(brush)
    skull = outline_skull(traits, pose.yaw)
    jaw, crown = face[face[:, 1] > -0.32], skull[skull[:, 1] < -0.32]
    head = np.concatenate([jaw, crown[::-1]])
    pen.draw_halo(head)
    pen.fill(head, brush.skin)
    draw_shade(brush, head)
    brush.outline(jaw, 1.1)
    if traits.hair in ("bald", "sides", "buzz"):
        brush.outline(crown, 1.1)
    draw_wrinkles(brush)
    draw_beard(brush, head)
    draw_nose(brush)
    draw_mouth(brush)
    draw_eyes(brush)
    draw_hair(brush)
    draw_hat(brush)
    draw_brows(brush)
    if "glasses" in traits.marks:
        draw_glasses(brush)
    draw_marks(brush)
    box = face[face[:, 1] >= traits.forehead - 0.01]
    return make_face_truth(pen, person, Expression(traits.eyes), box, locate_eyes(brush))


def _draw_body(brush: FaceBrush) -> None:
    """Draw neck and shoulders below the chin of this face."""
    pose = brush.pen.pose
    low = points((0.0, 0.0), (0.0, brush.traits.chin - NECK_CHIN))
    start, end = pose.to_pixels(low)
    moved = replace(pose, x=float(pose.x + end[0] - start[0]), y=float(pose.y + end[1] - start[1]))
    draw_body(replace(brush.pen, pose=moved), brush.person)


def _outline_ear(x: float, y: float, side: float, size: float) -> Points:
    shape = points((0, -0.2), (0.14, -0.24), (0.17, 0.0), (0.08, 0.24), (-0.06, 0.2))
    return spline(shape * (side * size, size), True, 5) + points((x, y))


def _draw_ears(brush: FaceBrush) -> None:
    """Draw the ears; in a three-quarter view only the near one."""
    traits, yaw = brush.traits, brush.pen.pose.yaw
    size = float(brush.rng.uniform(0.75, 1.3))
    y = 0.5 * (traits.eye_y + traits.nose_y) - 0.1 * traits.pitch
    for side in (-1.0,) if yaw > 0.15 else (-1.0, 1.0):
        x = side * 0.99 + (0.45 * yaw if side < 0 else -0.1 * yaw)
        ear = _outline_ear(x, y, side, size)
        brush.solid(ear, brush.skin, 0.9)
        brush.stroke(points((x + 0.1 * side, y - 0.1), (x + 0.04 * side, y), (x + 0.08 * side, y + 0.1)), 0.6)
        if "earrings" in traits.marks:
            brush.solid(_outline_ear(x, y + 0.3 * size, side, 0.3), brush.tone(0.5, (230, 190, 90)), 0.6)
