"""Crops: square windows on images, randomly scaled, rotated and mirrored, with their faces."""

import cv2
import numpy as np

from mangagan.detector_training.labels import Picture

Rng = np.random.Generator
MIN_FACE = 13.0  # px, minimum size of a face that a crop is drawn around
MAX_FACE_SHARE = 0.9  # maximum size of such a face, as a share of the side of the crop
SCALE_RANGE = (0.3, 3.0)  # crop px per image px
MIN_LABELLED_SIDE = 9.0  # px; a smaller face is ignored: it is neither a face nor background
MIN_VISIBLE_SHARE = 0.5  # minimum share of a face's box inside the crop; other faces are ignored
MAX_ANGLE, ANGLE_STD = 30.0, 12.0  # degrees, rotation of a crop
USABLE, IGNORED = 4, 5  # columns of the faces of a crop, after x, y, w, h


def draw_crop(rng: Rng, picture: Picture, side: int, around_face: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """Draw one crop.

    Args:
        rng: Determines position, scale and rotation.
        picture: The source.
        side: Height and width of the crop [px].
        around_face: Probability that the crop is drawn around a face, if the picture has one [0, 1].

    Returns:
        Pixels, uint8 (side, side).
        Faces, float32 (N, 6): x, y, w, h [px], usable (1 yes, 0 no, -1 unknown), ignored (1 yes, 0 no).
    """
    height, width = picture.pixels.shape[:2]
    if len(picture.faces) and rng.random() < around_face:
        x, y, w, h = picture.faces[rng.integers(len(picture.faces)), :4]
        face_size = np.exp(rng.uniform(np.log(MIN_FACE), np.log(MAX_FACE_SHARE * side)))
        scale = float(np.clip(face_size / np.sqrt(w * h), *SCALE_RANGE))
        room = max(side / 2 - 0.5 * scale * max(w, h), 0.15 * side)
        centre = np.array([x + w / 2, y + h / 2])
    else:
        scale, room = float(np.exp(rng.uniform(np.log(SCALE_RANGE[0]), np.log(1.6)))), side / 2
        centre = rng.uniform(0, [width, height])
    # Keep the crop inside the picture if possible.
    lowest = np.maximum(side / 2 - room, side - scale * (np.array([width, height]) - centre))
    highest = np.minimum(side / 2 + room, scale * centre)
    target = np.where(
        lowest < highest,
        rng.uniform(np.minimum(lowest, highest), np.maximum(lowest, highest)),
        side / 2 + rng.uniform(-room, room, 2),
    )
    matrix = draw_matrix(rng, scale, centre, target)
    pixels = warp_crop(rng, picture, matrix, scale, side)
    return pixels, transform_faces(picture.faces, matrix, side)


def draw_matrix(rng: Rng, scale: float, centre: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Draw an affine map (2, 3) that takes `centre` to `target`, scales, and may rotate and mirror."""
    angle = np.radians(np.clip(rng.normal(0, ANGLE_STD), -MAX_ANGLE, MAX_ANGLE)) if rng.random() < 0.5 else 0.0
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    stretch = np.exp(rng.normal(0, 0.05))
    mirror = 1 if rng.random() < 0.5 else -1
    linear = scale * rotation @ np.diag([mirror * stretch, 1 / stretch])
    return np.column_stack([linear, target - linear @ centre])


def warp_crop(rng: Rng, picture: Picture, matrix: np.ndarray, scale: float, side: int) -> np.ndarray:
    """Return the pixels of a crop in gray.

    The source is the level of the picture's pyramid that has at most twice the resolution of the crop, or sometimes
    the next finer level.
    """
    level = int(np.clip(np.floor(-np.log2(scale)), 0, len(picture.pyramid) - 1))
    if level and rng.random() < 0.1:
        level -= 1  # aliasing, as in screenshots of apps with a poor scaling filter
    source = picture.pyramid[level]
    ratio = np.array([picture.pixels.shape[1] / source.shape[1], picture.pixels.shape[0] / source.shape[0]])
    linear = matrix[:, :2] * ratio
    # The matrix maps areas, with pixel centres at half px. OpenCV maps pixel centres.
    shift = matrix[:, 2] + linear @ np.array([0.5, 0.5]) - 0.5
    border = 255.0 if rng.random() < 0.7 else float(rng.uniform(0, 255))
    pixels = cv2.warpAffine(
        source,
        np.column_stack([linear, shift]),
        (side, side),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(border, border, border),
    )
    return mix_channels(rng, pixels) if pixels.ndim == 3 else pixels


def mix_channels(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Convert RGB (H, W, 3) to gray (H, W), often with random weights, so that no colour has a typical gray level."""
    weights = np.array([0.299, 0.587, 0.114]) if rng.random() < 0.4 else rng.dirichlet([1, 1, 1])
    return np.asarray((pixels.astype(np.float32) @ weights.astype(np.float32)).astype(np.uint8))


def transform_faces(faces: np.ndarray, matrix: np.ndarray, side: int) -> np.ndarray:
    """Transform the faces (N, 5) of a picture to faces (M, 6) of a crop.

    The box of a rotated face is the bounding box of the rotated ellipse that its box contains: its half width is
    sqrt((a·m00)² + (b·m01)²) for half sides a and b.
    """
    if not len(faces):
        return np.zeros((0, 6), np.float32)
    middle = (faces[:, :2] + faces[:, 2:4] / 2) @ matrix[:, :2].T + matrix[:, 2]
    size = np.sqrt(faces[:, 2:4] ** 2 @ (matrix[:, :2].T ** 2))
    moved = np.column_stack([middle - size / 2, size, faces[:, 4], np.zeros(len(faces))]).astype(np.float32)
    return clip_faces(moved, 0, 0, side, side)


def clip_faces(faces: np.ndarray, x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """Clip faces (N, 6) to a rectangle. Mark those with a small remainder as ignored; remove those outside."""
    first = np.maximum(faces[:, :2], [x0, y0])
    last = np.minimum(faces[:, :2] + faces[:, 2:4], [x1, y1])
    size = last - first
    share = size.clip(0).prod(axis=1) / np.maximum(faces[:, 2:4].prod(axis=1), 1e-6)
    clipped = np.column_stack([first, size, faces[:, USABLE], faces[:, IGNORED]])
    clipped[:, IGNORED] = np.maximum(
        clipped[:, IGNORED], (share < MIN_VISIBLE_SHARE) | (size.min(axis=1) < MIN_LABELLED_SIDE)
    )
    clipped[:, USABLE] = np.where((share < 0.85) & (clipped[:, USABLE] == 1), -1, clipped[:, USABLE])
    return clipped[share > 0].astype(np.float32)
