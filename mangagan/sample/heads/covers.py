"""Objects in front of a drawn face, and the visibility of its eyes.

`cover_face` draws one of COVER_KINDS on the canvas or the pixels of a drawn face. The positions of the eyes in the
ground truth of the face and the exact area of the object decide whether the eyes are free, partly hidden or hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mangagan.sample.character import STYLES, Character, Rng, Style, pick
from mangagan.sample.ground_truth import FaceTruth
from mangagan.sample.heads import cover_shapes
from mangagan.sample.heads.cover_shapes import CoverBrush
from mangagan.sample.strokes import WHITE, Canvas, Colour, Image, Paint, Points, ellipse

EyeState = Literal["free", "partly", "hidden"]

# Kinds of objects and their sampling weights
COVER_KINDS: dict[str, float] = {
    "balloon": 2.0, "hand": 1.3, "hair": 1.2, "book": 0.7, "fan": 0.5, "cup": 0.7, "arm": 0.8, "head": 1.0, "text": 0.8,
    "gutter": 1.6,
}  # fmt: skip
EYE_RADIUS = (0.15, 0.12)  # half-axes of an eye [widths and heights of the face box]
FREE_EYE, HIDDEN_EYE = 0.08, 0.6  # covered share of an eye: up to the first it is free, from the second it is hidden
FREE_FACE, HIDDEN_FACE = 0.45, 0.7  # the same two limits for the whole face


@dataclass(frozen=True)
class FaceCover:
    """Visibility of a face behind an object.

    Attributes:
        eyes: "free": both eyes are visible. "hidden": an eye or most of the face is hidden. "partly": in between.
        face: The ground truth with the free and partly hidden eyes, and the covered share of its box.
    """

    eyes: EyeState
    face: FaceTruth


class RecordingCanvas(Canvas):
    """A canvas that draws on the pixels of another picture and records the opacity of what it drew.

    Attributes:
        opacity: Gray canvas of the same size; 0: unchanged, 255: covered.
    """

    def __init__(self, pixels: Image, scale: int) -> None:
        """Draw on `pixels`, uint8 (H, W) or (H, W, 3), which are `scale` times as large as the final picture."""
        height, width = pixels.shape[:2]
        self.scale = scale
        self.colour = pixels.ndim == 3
        self.pixels = pixels
        self.opacity = Canvas(width // scale, height // scale, False, scale, (0, 0, 0))

    def fill(self, outline: Points, paint: Paint | Colour, clip: Points | None = None) -> None:
        """Fill a polygon and record its area."""
        super().fill(outline, paint, clip)
        self.opacity.fill(outline, WHITE, clip)

    def contour(self, outline: Points, width: float, colour: Colour = (12, 12, 12)) -> None:
        """Draw a closed line and record its area."""
        super().contour(outline, width, colour)
        self.opacity.contour(outline, width, WHITE)

    def polyline(self, path: Points, width: float, colour: Colour = (12, 12, 12)) -> None:
        """Draw an open line and record its area."""
        super().polyline(path, width, colour)
        self.opacity.polyline(path, width, WHITE)


def sample_cover_kind(rng: Rng) -> str:
    """Return a random kind; the probabilities are proportional to the weights in COVER_KINDS."""
    return pick(rng, tuple(COVER_KINDS), tuple(COVER_KINDS.values()))


def cover_face(
    target: Canvas | Image,
    rng: Rng,
    face: FaceTruth,
    kind: str,
    style: Style = STYLES[0],
    person: Character | None = None,
) -> FaceCover:
    """Draw an object in front of a face.

    Args:
        target: The canvas with the face, or its pixels, uint8 (H, W) or (H, W, 3) RGB; they are changed in place.
        rng: Source of place, size and look of the object.
        face: The ground truth of the face, in final pixels of the target.
        kind: One of COVER_KINDS.
        style: Line colour and screentones.
        person: The character whose hand, arm or hair covers the face. Default: a random one.

    Returns:
        What the object leaves of the face.

    Raises:
        ValueError: `kind` is not in COVER_KINDS, or the pixels are not contiguous.
    """
    if kind not in COVER_KINDS:
        raise ValueError(f"kind of cover {kind!r} is unknown. Choose one of: {', '.join(COVER_KINDS)}")
    pixels, scale = (target.pixels, target.scale) if isinstance(target, Canvas) else (target, 1)
    if not pixels.flags.c_contiguous:
        raise ValueError("pixels are not contiguous. Pass a copy")
    canvas = RecordingCanvas(pixels, scale)
    style = replace(style, colour=canvas.colour)
    brush = CoverBrush(canvas, rng, style, face, person or cover_shapes.sample_owner(rng, style))
    drawers: dict[str, Callable[[CoverBrush], None]] = {
        "balloon": cover_shapes.draw_balloon_over, "hand": cover_shapes.draw_hand, "hair": cover_shapes.draw_loose_hair,
        "book": cover_shapes.draw_book, "fan": cover_shapes.draw_fan, "cup": cover_shapes.draw_cup,
        "arm": cover_shapes.draw_arm, "head": cover_shapes.draw_other_head, "text": cover_shapes.draw_text_over,
        "gutter": cover_shapes.draw_gutter,
    }  # fmt: skip
    drawers[kind](brush)
    return measure_cover(face, canvas.opacity.render())


def measure_cover(face: FaceTruth, opacity: Image) -> FaceCover:
    """Return what an object with the given opacity, uint8 (H, W) in final pixels of the picture, leaves of a face.

    A face with fewer than two eyes before is "hidden".
    """
    covered = np.asarray(opacity / np.float32(255), np.float32)
    shares = [_measure_share(covered, _place_ellipse(face, eye)) for eye in face.eyes]
    x, y = face.x + face.w / 2, face.y + face.h / 2
    whole = _measure_share(covered, ellipse(x, y, face.w / 2, face.h / 2))
    visible = tuple(eye for eye, share in zip(face.eyes, shares, strict=True) if share < HIDDEN_EYE)
    result = replace(face, eyes=visible, covered=max(face.covered, whole))
    if len(visible) < 2 or whole >= HIDDEN_FACE:
        return FaceCover("hidden", result)
    is_free = max(shares) <= FREE_EYE and whole <= FREE_FACE
    return FaceCover("free" if is_free else "partly", result)


def _place_ellipse(face: FaceTruth, eye: tuple[float, float]) -> Points:
    return ellipse(eye[0], eye[1], EYE_RADIUS[0] * face.w, EYE_RADIUS[1] * face.h)


def _measure_share(covered: NDArray[np.float32], outline: Points) -> float:
    """Return the covered share [0, 1] of an area; what is outside the picture counts as covered."""
    height, width = covered.shape
    x0, y0 = np.floor(outline.min(0)).astype(int)
    x1, y1 = np.ceil(outline.max(0)).astype(int) + 1
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillPoly(mask, [np.rint(outline - (x0, y0)).astype(np.int32)], (1,))
    patch = np.ones(mask.shape, np.float32)
    left, top, right, low = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if left < right and top < low:
        patch[top - y0 : low - y0, left - x0 : right - x0] = covered[top:low, left:right]
    return float(patch[mask > 0].mean())
