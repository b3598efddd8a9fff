"""Square windows on pictures, scaled, turned and mirrored, with their faces."""

import cv2
import numpy as np

from mangagan.detector_training.labels import Picture

Rng = np.random.Generator
LEAST, MOST = 13.0, 230.0  # px that a face may measure in a crop
SCALES = (0.3, 3.0)  # of the picture
SMALLEST = 9.0  # px; a smaller face is neither taught nor counted as background
VISIBLE = 0.5  # share of a face's box inside the crop; with less of it, the same
UPSIDE, TILT = 30.0, 12.0  # degrees: the most that a crop is turned, and the spread
USABLE, IGNORED = 4, 5  # columns of the faces of a crop, after x, y, w, h


def draw_crop(rng: Rng, picture: Picture, side: int, around_face: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """Cuts one window.

    Args:
        rng: decides where, how large, how turned.
        picture: the source.
        side: px of the window.
        around_face: chance that a face is in it for sure, where there is one.

    Returns:
        Pixels, uint8 (side, side); faces, float32 (N, 6): x, y, w, h in px, usable (1, 0, -1 unknown), ignored (1, 0).
    """
    height, width = picture.pixels.shape[:2]
    if len(picture.faces) and rng.random() < around_face:
        x, y, w, h = picture.faces[rng.integers(len(picture.faces)), :4]
        wanted = np.exp(rng.uniform(np.log(LEAST), np.log(MOST)))
        scale = float(np.clip(wanted / np.sqrt(w * h), *SCALES))
        room = max(side / 2 - 0.5 * scale * max(w, h), 0.15 * side)
        centre = np.array([x + w / 2, y + h / 2])
    else:
        scale, room = float(np.exp(rng.uniform(np.log(SCALES[0]), np.log(1.6)))), side / 2
        centre = rng.uniform(0, [width, height])
    # As much of the picture as there is: most windows should not look past its edges.
    least = np.maximum(side / 2 - room, side - scale * (np.array([width, height]) - centre))
    most = np.minimum(side / 2 + room, scale * centre)
    target = np.where(
        least < most,
        rng.uniform(np.minimum(least, most), np.maximum(least, most)),
        side / 2 + rng.uniform(-room, room, 2),
    )
    matrix = random_matrix(rng, scale, centre, target)
    pixels = warp(rng, picture, matrix, scale, side)
    return pixels, move_faces(picture.faces, matrix, side)


def random_matrix(rng: Rng, scale: float, centre: np.ndarray, target: np.ndarray) -> np.ndarray:
    """An affine map (2, 3) of about this scale, sometimes turned or mirrored, that takes `centre` to `target`."""
    angle = np.radians(np.clip(rng.normal(0, TILT), -UPSIDE, UPSIDE)) if rng.random() < 0.5 else 0.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    stretch = np.exp(rng.normal(0, 0.05))
    mirror = 1 if rng.random() < 0.5 else -1
    linear = scale * turn @ np.diag([mirror * stretch, 1 / stretch])
    return np.column_stack([linear, target - linear @ centre])


def warp(rng: Rng, picture: Picture, matrix: np.ndarray, scale: float, side: int) -> np.ndarray:
    """The window's pixels in gray, from the level of the pyramid that is at most twice as fine; seldom from a finer."""
    level = int(np.clip(np.floor(-np.log2(scale)), 0, len(picture.pyramid) - 1))
    if level and rng.random() < 0.1:
        level -= 1  # aliased, as in screenshots of apps that scale badly
    source = picture.pyramid[level]
    ratio = np.array([picture.pixels.shape[1] / source.shape[1], picture.pixels.shape[0] / source.shape[0]])
    linear = matrix[:, :2] * ratio
    # Pixel centres lie at half px: the map is between areas, OpenCV's between centres.
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
    return to_gray(rng, pixels) if pixels.ndim == 3 else pixels


def to_gray(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Colour (H, W, 3) to gray (H, W) with random weights: colours must not be known by how bright they come out."""
    weights = np.array([0.299, 0.587, 0.114]) if rng.random() < 0.4 else rng.dirichlet([1, 1, 1])
    return np.asarray((pixels.astype(np.float32) @ weights.astype(np.float32)).astype(np.uint8))


def move_faces(faces: np.ndarray, matrix: np.ndarray, side: int) -> np.ndarray:
    """Faces (N, 5) of a picture as faces (M, 6) of the window that `matrix` cuts.

    A turned box is that of the ellipse inscribed in it, turned: half width sqrt((a·m00)² + (b·m01)²), and so on.
    """
    if not len(faces):
        return np.zeros((0, 6), np.float32)
    middle = (faces[:, :2] + faces[:, 2:4] / 2) @ matrix[:, :2].T + matrix[:, 2]
    size = np.sqrt(faces[:, 2:4] ** 2 @ (matrix[:, :2].T ** 2))
    moved = np.column_stack([middle - size / 2, size, faces[:, 4], np.zeros(len(faces))]).astype(np.float32)
    return cut_faces(moved, 0, 0, side, side)


def cut_faces(faces: np.ndarray, x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """Faces (N, 6) cut to a rectangle; those of which little is left are ignored, those outside gone."""
    first = np.maximum(faces[:, :2], [x0, y0])
    last = np.minimum(faces[:, :2] + faces[:, 2:4], [x1, y1])
    size = last - first
    share = size.clip(0).prod(axis=1) / np.maximum(faces[:, 2:4].prod(axis=1), 1e-6)
    cut = np.column_stack([first, size, faces[:, USABLE], faces[:, IGNORED]])
    cut[:, IGNORED] = np.maximum(cut[:, IGNORED], (share < VISIBLE) | (size.min(axis=1) < SMALLEST))
    cut[:, USABLE] = np.where((share < 0.85) & (cut[:, USABLE] == 1), -1, cut[:, USABLE])
    return cut[share > 0].astype(np.float32)
