"""Coloured scenes: character art with alpha, laid on backgrounds."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mangagan.core.errors import UserError
from mangagan.detector_training.crops import Rng
from mangagan.detector_training.labels import Picture

FOLDER = "thequestion"  # in the data folder: sprites and backgrounds of the Ren'Py demos (MIT)
BACKGROUNDS = "bg_*.jpg"
# Faces in the sprites, x, y, w, h in px, labelled by hand as in faces.json; all show both eyes.
SPRITE_FACES = {
    "eileen": (88, 112, 146, 146),
    "lucy_happy": (155, 121, 118, 127),
    "lucy_mad": (163, 180, 128, 133),
    "sylvie_blue": (103, 52, 107, 118),
    "sylvie_green": (138, 50, 94, 120),
}
SIZE = (600, 840)  # px, height and width of a scene
FACE_SIDES = (24.0, 300.0)  # px


def read_sprites(data: Path) -> list[tuple[np.ndarray, tuple[int, int, int, int]]]:
    """The sprites, uint8 (H, W, 4) RGBA, each with its face; none where the folder lacks them."""
    sprites = []
    for path in sorted((data / FOLDER).glob("*.png")):
        boxes = [box for name, box in SPRITE_FACES.items() if path.stem.startswith(name)]
        sprites += [(read_picture(path, "RGBA"), box) for box in boxes]
    return sprites


def read_picture(path: Path, mode: str) -> np.ndarray:
    """A picture's pixels, uint8 (H, W, channels of the mode).

    Raises:
        UserError: it is damaged.
    """
    try:
        return np.asarray(Image.open(path).convert(mode))
    except (OSError, SyntaxError) as error:
        raise UserError(f"{path} is damaged: {error}") from None


def draw_scenes(data: Path, seed: int, count: int) -> list[Picture]:
    """Scenes of up to four sprites side by side, a fifth of them redrawn as ink; none where the folder lacks them."""
    sprites = read_sprites(data)
    backgrounds = [read_picture(path, "RGB") for path in sorted((data / FOLDER).glob(BACKGROUNDS))]
    if not sprites or not backgrounds:
        return []
    return [draw_scene(np.random.default_rng((seed, number)), sprites, backgrounds) for number in range(count)]


def draw_scene(
    rng: Rng, sprites: list[tuple[np.ndarray, tuple[int, int, int, int]]], backgrounds: list[np.ndarray]
) -> Picture:
    """One scene; each sprite has a column of its own, so that hardly any hides another's face."""
    height, width = SIZE
    if rng.random() < 0.7:
        canvas = cv2.resize(backgrounds[rng.integers(len(backgrounds))], (width, height), interpolation=cv2.INTER_AREA)
    else:
        canvas = np.full((height, width, 3), rng.integers(120, 256, 3), np.uint8)
    canvas = canvas.astype(np.float32)
    faces = []
    people = int(rng.integers(0, 5))
    for place in range(people):
        rgba, (x, y, w, h) = sprites[rng.integers(len(sprites))]
        if rng.random() < 0.5:
            rgba, x = rgba[:, ::-1], rgba.shape[1] - x - w
        column = width / people
        scale = np.exp(rng.uniform(np.log(FACE_SIDES[0]), np.log(min(FACE_SIDES[1], 0.9 * column)))) / w
        left = column * (place + 0.5) + rng.uniform(-0.1, 0.1) * column - scale * (x + w / 2)
        top = rng.uniform(0.02, 0.6) * height - scale * y
        lay(canvas, rgba, scale, left, top)
        faces.append([left + scale * x, top + scale * y, scale * w, scale * h, 1])
    pixels = canvas.astype(np.uint8)
    faces_array = np.array(faces, np.float32).reshape(-1, 5)
    return Picture(ink(pixels) if rng.random() < 0.2 else pixels, faces_array)


def lay(canvas: np.ndarray, rgba: np.ndarray, scale: float, left: float, top: float) -> None:
    """Draws a sprite on the canvas, float32 (H, W, 3), scaled and then moved."""
    matrix = np.array([[scale, 0, left], [0, scale, top]])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    alpha = rgba[..., 3:].astype(np.float32) / 255
    layer = cv2.warpAffine(np.dstack([rgba[..., :3] * alpha, alpha]), matrix, canvas.shape[1::-1], flags=way)
    canvas *= 1 - layer[..., 3:]
    canvas += layer[..., :3]


def ink(pixels: np.ndarray) -> np.ndarray:
    """Colour art as an ink drawing: edges by a difference of Gaussians, the darkest parts filled, uint8 (H, W)."""
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    edges = cv2.GaussianBlur(gray, (0, 0), 0.8) - cv2.GaussianBlur(gray, (0, 0), 2.0)
    lines = np.clip(255 + 18 * np.minimum(edges + 1.5, 0), 0, 255)
    return np.where(gray < 60, 20, lines).astype(np.uint8)
