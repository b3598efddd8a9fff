"""Things at random places of a panel or scene: behind the characters, beside their faces, or large and alone."""

from __future__ import annotations

import numpy as np

from mangagan.sample.character import Rng, Style
from mangagan.sample.lettering import Box, overlaps
from mangagan.sample.strokes import Canvas, Image
from mangagan.sample.things.kinds import draw_thing, sample_kind

RADII = (12.0, 150.0)  # radius of a thing [px], minimum and maximum
MAX_SHARE = 0.45  # of the shorter side of the box, for the radius of a thing
FAVOURITE_SHARE = 0.75  # of the things are of one kind in such pictures
PLACE_TRIES = 12  # places that are tried for a thing beside the faces
BESIDE_SHARE = 0.5  # of the things; the others are behind the characters


def sample_radius(rng: Rng, box: Box) -> float:
    """Return a random radius [px] of a thing in a box; small radii are as frequent as large ones on a log scale."""
    largest = max(min(RADII[1], MAX_SHARE * min(box[2:])), RADII[0] + 1)
    return float(np.exp(rng.uniform(np.log(RADII[0]), np.log(largest))))


def draw_things_behind(canvas: Canvas, rng: Rng, style: Style, box: Box, expected: float) -> None:
    """Draw things at random places; call it before the characters are drawn.

    Args:
        canvas: The canvas.
        rng: Source of number, places, kinds and sizes.
        style: The drawing style.
        box: The centres are inside this box [px].
        expected: Mean of the number of things.
    """
    for kind in _sample_kinds(rng, expected):
        unit = sample_radius(rng, box)
        x, y = _sample_place(rng, box)
        draw_thing(canvas, rng, style, kind, x, y, unit)


def draw_things_beside(canvas: Canvas, rng: Rng, style: Style, box: Box, expected: float, faces: list[Box]) -> None:
    """Draw things over the characters where they change no pixel of a face.

    Args:
        canvas: The canvas.
        rng: Source of number, places, kinds and sizes.
        style: The drawing style.
        box: The centres are inside this box [px].
        expected: Mean of the number of things. Fewer are drawn if there is no free place.
        faces: Boxes that stay unchanged [px].
    """
    for kind in _sample_kinds(rng, expected):
        unit = sample_radius(rng, box)
        for _ in range(PLACE_TRIES):
            x, y = _sample_place(rng, box)
            if not overlaps((x - 0.9 * unit, y - 0.9 * unit, 1.8 * unit, 1.8 * unit), faces):
                before = canvas.pixels.copy()
                draw_thing(canvas, rng, style, kind, x, y, unit)
                if any(_is_changed(before, canvas.pixels, face, canvas.scale) for face in faces):
                    canvas.pixels[:] = before
                break


def _sample_kinds(rng: Rng, expected: float) -> list[str]:
    """Return the kinds of a random number of things; in some pictures, most of them are of one kind."""
    favourite = sample_kind(rng)
    share = FAVOURITE_SHARE if rng.random() < 0.35 else 0.0
    return [favourite if rng.random() < share else sample_kind(rng) for _ in range(int(rng.poisson(expected)))]


def _sample_place(rng: Rng, box: Box) -> tuple[float, float]:
    """Return a random point in a box."""
    return float(box[0] + box[2] * rng.random()), float(box[1] + box[3] * rng.random())


def draw_large_thing(canvas: Canvas, rng: Rng, style: Style, box: Box) -> None:
    """Draw one thing that fills most of a panel without characters; it may be cut by the panel."""
    x, y, w, h = box
    unit = float(rng.uniform(0.3, 0.6)) * min(w, h)
    centre = np.array([x + w / 2, y + h / 2]) + rng.normal(0, 0.12, 2) * (w, h)
    draw_thing(canvas, rng, style, sample_kind(rng), centre[0], centre[1], unit)


def _is_changed(before: Image, after: Image, box: Box, scale: int) -> bool:
    """Return True if the pixels of a canvas with `scale` differ in a box [px], rounded outwards."""
    x0, y0 = (max(int(np.floor(start * scale)) - 1, 0) for start in box[:2])
    x1, y1 = (max(int(np.ceil((start + side) * scale)) + 1, 0) for start, side in zip(box[:2], box[2:], strict=True))
    return not np.array_equal(before[y0:y1, x0:x1], after[y0:y1, x0:x1])
