"""Training crops: framed as in `FaceQuality`, with jitter, some of them partly covered."""

import cv2
import numpy as np

from mangagan.detection.backends.mangaface import MangaFace
from mangagan.detector_training.collage import draw_text
from mangagan.detector_training.crops import Rng, mix_channels
from mangagan.detector_training.labels import Picture
from mangagan.face_quality.network import CROP_SHARE, SIDE
from mangagan.quality_training.examples import UNKNOWN, Example

# Standard deviations: shift of a crop, as a share of the longer side of the box; log of the side of a crop
SHIFT_STD, SCALE_STD = 0.05, 0.10
ANGLE_STD, MAX_ANGLE = 9.0, 25.0  # standard deviation and maximum of the rotation of a crop [degrees]
STRETCH_STD = 0.05  # standard deviation of the log of the stretch; the width is multiplied by it, the height divided
EYE_ROWS = (0.28, 0.68)  # top and bottom of the eyes, as shares of the height of the face box
HIDDEN_SHARE, PARTLY_SHARE = 0.6, 0.2  # an eye is hidden, or partly hidden, if more of its area is covered
HIDDEN_FACE = 0.6  # covered share of the box, above which the label `face` is unknown


def draw_crop(rng: Rng, example: Example) -> tuple[np.ndarray, np.ndarray]:
    """Return a random crop of an example.

    Returns:
        Gray pixels, uint8 (SIDE, SIDE).
        Box in the crop, float64 (4,): x, y, w, h [px].
    """
    x, y, w, h = example.box
    longest = max(w, h)
    centre = np.array([x + w / 2, y + h / 2]) + rng.normal(0, SHIFT_STD, 2) * longest
    scale = SIDE / (longest * (1 + 2 * MangaFace.crop_margin) * CROP_SHARE * np.exp(rng.normal(0, SCALE_STD)))
    angle = np.radians(np.clip(rng.normal(0, ANGLE_STD), -MAX_ANGLE, MAX_ANGLE)) if rng.random() < 0.5 else 0.0
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    stretch, mirror = np.exp(rng.normal(0, STRETCH_STD)), 1 if rng.random() < 0.5 else -1
    linear = scale * rotation @ np.diag([mirror * stretch, 1 / stretch])
    pixels = warp_crop(rng, example.picture, linear, SIDE / 2 - linear @ centre)
    size = np.sqrt(np.array([w, h]) ** 2 @ (linear.T**2))
    middle = linear @ (np.array([x + w / 2, y + h / 2]) - centre) + SIDE / 2
    return pixels, np.concatenate([middle - size / 2, size])


def warp_crop(rng: Rng, picture: Picture, linear: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return the gray pixels of a crop.

    They are sampled from the smallest level of the image pyramid that has at least the resolution of the crop.

    Args:
        rng: Random generator, for the weights of the colour channels.
        picture: The picture. Pixels outside it are mirrored.
        linear: (2, 2), maps px of the picture to px of the crop.
        shift: (2,), added after `linear` [px of the crop].
    """
    scale = np.sqrt(abs(np.linalg.det(linear)))
    level = int(np.clip(np.floor(-np.log2(scale)), 0, len(picture.pyramid) - 1))
    source = picture.pyramid[level]
    ratio = np.array([picture.pixels.shape[1] / source.shape[1], picture.pixels.shape[0] / source.shape[0]])
    scaled = linear * ratio
    # Here the centre of the first pixel is at (0.5, 0.5); in OpenCV it is at (0, 0).
    moved = shift + scaled @ np.array([0.5, 0.5]) - 0.5
    shrink = scale * np.sqrt(ratio.prod())
    method = cv2.INTER_LINEAR if shrink < 1 else cv2.INTER_CUBIC
    pixels = cv2.warpAffine(
        source, np.column_stack([scaled, moved]), (SIDE, SIDE), flags=method, borderMode=cv2.BORDER_REFLECT_101
    )
    return mix_channels(rng, pixels) if pixels.ndim == 3 else pixels


def cover_face(
    rng: Rng, pixels: np.ndarray, box: np.ndarray, other: np.ndarray
) -> tuple[np.ndarray, tuple[float, float]]:
    """Cover a part of a usable face with a speech balloon or with the next panel.

    Args:
        rng: Random generator.
        pixels: uint8 (SIDE, SIDE).
        box: float64 (4,), x, y, w, h [px] of the face.
        other: uint8 (SIDE, SIDE): content of the next panel.

    Returns:
        The pixels, uint8 (SIDE, SIDE), and the labels: face, usable. A face with a hidden eye is not usable.
    """
    draw = draw_balloon if rng.random() < 0.55 else draw_panel
    drawn, mask = draw(rng, pixels, box, other)
    return drawn, relabel_face(mask, box)


def draw_balloon(rng: Rng, pixels: np.ndarray, box: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw a balloon with text near the face. Return the pixels and the mask of the balloon, bool."""
    x, y, w, h = box
    radii = np.array([w, h]) * rng.uniform(0.2, 0.8, 2)
    centre = np.array([x + w / 2, y + h / 2]) + rng.uniform(-0.9, 0.9, 2) * [w, h]
    middle, axes = tuple(int(v) for v in centre), tuple(max(int(v), 3) for v in radii)
    drawn, angle = pixels.copy(), float(rng.uniform(-30, 30))
    paper = 255 if rng.random() < 0.8 else int(rng.integers(0, 255))
    cv2.ellipse(drawn, middle, axes, angle, 0, 360, paper, -1, cv2.LINE_AA)
    cv2.ellipse(drawn, middle, axes, angle, 0, 360, 0, int(rng.integers(1, 3)), cv2.LINE_AA)
    mask = cv2.ellipse(np.zeros_like(pixels), middle, axes, angle, 0, 360, 1, -1)
    if rng.random() < 0.85:
        draw_text(rng, drawn, middle, axes)
    return drawn, mask.astype(bool)


def draw_panel(rng: Rng, pixels: np.ndarray, box: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw a panel border through the crop. Return the pixels and the mask of the next panel, bool."""
    x, y, w, h = box
    angle = rng.choice([0, np.pi / 2, np.pi, 1.5 * np.pi]) + rng.normal(0, 0.12)
    normal = np.array([np.cos(angle), np.sin(angle)])
    point = np.array([x + w / 2, y + h / 2]) + normal * rng.uniform(-0.1, 0.75) * np.array([w, h])
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32) + 0.5
    distance = (columns - point[0]) * normal[0] + (rows - point[1]) * normal[1]
    gutter = rng.uniform(2, 14) if rng.random() < 0.8 else 0.0
    border = rng.uniform(0.8, 3.0)
    content = other if rng.random() < 0.6 else np.full_like(pixels, 255)
    drawn = np.where(distance > 0, 255, pixels)
    drawn = np.where(distance > gutter, content, drawn)
    lines = (np.abs(distance) < border) | (np.abs(distance - gutter) < border)
    return np.where(lines, 0, drawn).astype(np.uint8), distance > 0


def relabel_face(mask: np.ndarray, box: np.ndarray) -> tuple[float, float]:
    """Return the labels of a usable face that is covered at `mask`, bool (SIDE, SIDE)."""
    x, y, w, h = box
    if share_covered(mask, x, y, w, h) > HIDDEN_FACE:
        return UNKNOWN, 0.0
    top, height = y + EYE_ROWS[0] * h, (EYE_ROWS[1] - EYE_ROWS[0]) * h
    hidden = max(share_covered(mask, x + side * w / 2, top, w / 2, height) for side in (0, 1))
    if hidden > PARTLY_SHARE:
        return 1.0, 0.0 if hidden > HIDDEN_SHARE else UNKNOWN
    return 1.0, 1.0


def share_covered(mask: np.ndarray, x: float, y: float, w: float, h: float) -> float:
    """Return the covered share of a rectangle [px] in the crop; 0 if it is outside. `mask` is bool (SIDE, SIDE)."""
    part = mask[max(int(y), 0) : max(int(np.ceil(y + h)), 0), max(int(x), 0) : max(int(np.ceil(x + w)), 0)]
    return float(part.mean()) if part.size else 0.0
