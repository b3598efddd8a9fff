"""Compositions of crops: speech balloons over faces, pasted faces, and panels."""

import cv2
import numpy as np

from mangagan.detector_training.crops import IGNORED, USABLE, Rng, clip_faces

Crop = tuple[np.ndarray, np.ndarray]  # pixels, uint8 (S, S); faces, float32 (N, 6) as in crops.draw_crop
IGNORED_COVER = 0.55  # a face is ignored if a larger share of it is covered
UNKNOWN_COVER = 0.2  # the label `usable` becomes unknown if a larger share of the face is covered
HEAD_MARGIN = 0.35  # margin of a pasted face on each side, as a share of its box


def relabel_covered_faces(faces: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the labels of faces after something was drawn over the crop at `mask`, bool (S, S)."""
    faces = faces.copy()
    for face in faces:
        x0, y0 = np.maximum(face[:2], 0).astype(int)
        x1, y1 = np.ceil(face[:2] + face[2:4]).astype(int)
        share = mask[y0:y1, x0:x1].mean() if y1 > y0 and x1 > x0 else 0.0
        face[IGNORED] = max(face[IGNORED], share > IGNORED_COVER)
        if share > UNKNOWN_COVER and face[USABLE] == 1:
            face[USABLE] = -1
    return faces


def add_balloon(rng: Rng, crop: Crop) -> Crop:
    """Draw a speech balloon with text, with probability 1/2 over a face."""
    pixels, faces = crop
    side = pixels.shape[0]
    centre, radii = rng.uniform(0, side, 2), rng.uniform(0.06, 0.22, 2) * side
    if len(faces) and rng.random() < 0.5:
        x, y, w, h = faces[rng.integers(len(faces)), :4]
        radii = np.array([w, h]) * rng.uniform(0.3, 0.8, 2)
        angle = rng.uniform(0, 2 * np.pi)
        centre = [x + w / 2, y + h / 2] + np.array([np.cos(angle) * w, np.sin(angle) * h]) * rng.uniform(0.5, 1.1)
    drawn = pixels.copy()
    middle, axes = tuple(int(v) for v in centre), tuple(max(int(v), 3) for v in radii)
    cv2.ellipse(drawn, middle, axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
    cv2.ellipse(drawn, middle, axes, 0, 0, 360, 0, int(rng.integers(1, 3)), cv2.LINE_AA)
    mask = cv2.ellipse(np.zeros_like(pixels), middle, axes, 0, 0, 360, 1, -1)
    draw_text(rng, drawn, middle, axes)
    return drawn, relabel_covered_faces(faces, mask.astype(bool))


def draw_text(rng: Rng, pixels: np.ndarray, centre: tuple[int, ...], axes: tuple[int, ...]) -> None:
    """Draw columns of strokes inside an ellipse. They imitate vertical text."""
    letter = int(rng.integers(4, 12))
    for x in range(centre[0] - int(axes[0] * 0.6), centre[0] + int(axes[0] * 0.6), letter + 2):
        for y in range(centre[1] - int(axes[1] * 0.6), centre[1] + int(axes[1] * 0.6), letter + 1):
            for _ in range(3):
                a, b = rng.integers(0, letter, (2, 2)) + np.array([x, y])
                cv2.line(pixels, [int(v) for v in a], [int(v) for v in b], 0, 1, cv2.LINE_AA)


def paste_face(rng: Rng, crop: Crop, other: Crop) -> Crop:
    """Paste the head around one face of another crop at a place where this crop has no face."""
    pixels, faces = crop
    source, donors = other
    donors = donors[donors[:, IGNORED] == 0]
    if not len(donors):
        return crop
    face = donors[rng.integers(len(donors))]
    x, y, w, h = face[:4]
    x0, y0 = np.maximum(np.array([x - HEAD_MARGIN * w, y - HEAD_MARGIN * h]), 0).astype(int)
    x1, y1 = np.minimum(np.array([x + (1 + HEAD_MARGIN) * w, y + (1 + HEAD_MARGIN) * h]), source.shape[0]).astype(int)
    dx, dy = (int(rng.integers(0, source.shape[0] - side + 1)) for side in (x1 - x0, y1 - y0))
    if len(faces) and len(clip_faces(faces, dx, dy, dx + x1 - x0, dy + y1 - y0)):
        return crop
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    middle = (int(x + w / 2 - x0), int(y + h / 2 - y0))
    cv2.ellipse(mask, middle, (int(w * (0.5 + HEAD_MARGIN)), int(h * (0.5 + HEAD_MARGIN))), 0, 0, 360, 1, -1)
    drawn = pixels.copy()
    window = drawn[dy : dy + y1 - y0, dx : dx + x1 - x0]
    window[:] = np.where(mask, source[y0:y1, x0:x1], window)
    moved = face + np.array([dx - x0, dy - y0, 0, 0, 0, 0], np.float32)
    return drawn, np.vstack([faces, moved])


def compose_panels(rng: Rng, crops: list[Crop]) -> Crop:
    """Compose four crops into one, as panels with gutters between them."""
    side = crops[0][0].shape[0]
    x, y = (int(v) for v in rng.uniform(0.25, 0.75, 2) * side)
    gutter = int(rng.integers(0, 10))
    pixels = np.full((side, side), 255 if rng.random() < 0.8 else 0, np.uint8)
    parts = []
    for number, (source, faces) in enumerate(crops):
        x0, x1 = ((0, x - gutter), (x, side))[number % 2]
        y0, y1 = ((0, y - gutter), (y, side))[number // 2]
        pixels[y0:y1, x0:x1] = source[y0:y1, x0:x1]
        if rng.random() < 0.8:
            cv2.rectangle(pixels, (x0, y0), (x1 - 1, y1 - 1), 0, int(rng.integers(1, 4)))
        parts.append(clip_faces(faces, x0, y0, x1, y1))
    return pixels, np.vstack(parts)
