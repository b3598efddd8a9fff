"""Coloured scenes: character sprites on backgrounds."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mangagan.core.errors import UserError
from mangagan.detector_training.crops import Rng
from mangagan.detector_training.labels import Picture
from mangagan.sample.character import Style
from mangagan.sample.strokes import Canvas
from mangagan.sample.things.backdrops import draw_backdrop
from mangagan.sample.things.kinds import sample_thing_style
from mangagan.sample.things.scattered import BESIDE_SHARE, draw_things_behind, draw_things_beside

FOLDER = "thequestion"  # in the data folder: sprites and backgrounds of the Ren'Py demos (MIT licence)
BACKGROUNDS = "bg_*.jpg"
# Faces of the sprites: x, y, w, h [px], labelled by hand as in faces.json. Both eyes of each are visible.
SPRITE_FACES = {
    "eileen": (88, 112, 146, 146),
    "lucy_happy": (155, 121, 118, 127),
    "lucy_mad": (163, 180, 128, 133),
    "sylvie_blue": (103, 52, 107, 118),
    "sylvie_green": (138, 50, 94, 120),
}
BACKGROUND_SHARES = (0.45, 0.45, 0.1)  # backgrounds of the folder, drawn backdrops, flat colours
THINGS = (3.0, 16.0)  # mean number of things in a scene, minimum and maximum
SCENE_SIZE = (600, 840)  # px, height and width
FACE_WIDTHS = (24.0, 300.0)  # px, minimum and maximum


def read_sprites(data: Path) -> list[tuple[np.ndarray, tuple[int, int, int, int]]]:
    """Read the sprites, uint8 (H, W, 4) RGBA, each with its face. Empty if the folder has none."""
    sprites = []
    for path in sorted((data / FOLDER).glob("*.png")):
        boxes = [box for name, box in SPRITE_FACES.items() if path.stem.startswith(name)]
        sprites += [(read_picture(path, "RGBA"), box) for box in boxes]
    return sprites


def read_picture(path: Path, mode: str) -> np.ndarray:
    """Read an image as uint8 (H, W, channels of the Pillow mode).

    Raises:
        UserError: The file is damaged.
    """
    try:
        return np.asarray(Image.open(path).convert(mode))
    except (OSError, SyntaxError) as error:
        raise UserError(f"{path} is damaged: {error}") from None


def draw_scenes(data: Path, seed: int, count: int) -> list[Picture]:
    """Draw scenes of up to four sprites among things, such as flowers and dishes.

    One fifth is converted to ink drawings. Empty if the folder has no sprites.
    """
    sprites = read_sprites(data)
    backgrounds = [read_picture(path, "RGB") for path in sorted((data / FOLDER).glob(BACKGROUNDS))]
    if not sprites or not backgrounds:
        return []
    return [draw_scene(np.random.default_rng((seed, number)), sprites, backgrounds) for number in range(count)]


def draw_scene(
    rng: Rng, sprites: list[tuple[np.ndarray, tuple[int, int, int, int]]], backgrounds: list[np.ndarray]
) -> Picture:
    """Draw one scene. Each sprite has its own column, so that few faces are covered. Things cover no face."""
    height, width = SCENE_SIZE
    style = sample_thing_style(rng, colour=True)
    canvas = draw_scene_background(rng, style, backgrounds)
    things, box = float(rng.uniform(*THINGS)), (0.0, 0.0, float(width), float(height))
    draw_things_behind(canvas, rng, style, box, (1 - BESIDE_SHARE) * things)
    layer = canvas.pixels.astype(np.float32)
    faces = []
    sprite_count = int(rng.integers(0, 5))
    for place in range(sprite_count):
        rgba, (x, y, w, h) = sprites[rng.integers(len(sprites))]
        if rng.random() < 0.5:
            rgba, x = rgba[:, ::-1], rgba.shape[1] - x - w
        column = width / sprite_count
        scale = np.exp(rng.uniform(np.log(FACE_WIDTHS[0]), np.log(min(FACE_WIDTHS[1], 0.9 * column)))) / w
        left = column * (place + 0.5) + rng.uniform(-0.1, 0.1) * column - scale * (x + w / 2)
        top = rng.uniform(0.02, 0.6) * height - scale * y
        paste_sprite(layer, rgba, scale, left, top)
        faces.append((left + scale * x, top + scale * y, scale * w, scale * h))
    canvas.pixels[:] = layer
    draw_things_beside(canvas, rng, style, box, BESIDE_SHARE * things, faces)
    rows = np.array([[*face, 1] for face in faces], np.float32).reshape(-1, 5)
    return Picture(convert_to_ink(canvas.pixels) if rng.random() < 0.2 else canvas.pixels, rows)


def draw_scene_background(rng: Rng, style: Style, backgrounds: list[np.ndarray]) -> Canvas:
    """Return a canvas with one of the backgrounds, a drawn backdrop or a flat colour."""
    height, width = SCENE_SIZE
    canvas = Canvas(width, height, colour=True, scale=1)
    kind = rng.choice(3, p=BACKGROUND_SHARES)
    if kind == 0:
        background = backgrounds[rng.integers(len(backgrounds))]
        canvas.pixels[:] = cv2.resize(background, (width, height), interpolation=cv2.INTER_AREA)
    elif kind == 1:
        draw_backdrop(canvas, rng, style, (width, height))
    else:
        canvas.pixels[:] = rng.integers(120, 256, 3)
    return canvas


def paste_sprite(canvas: np.ndarray, rgba: np.ndarray, scale: float, left: float, top: float) -> None:
    """Draw a scaled sprite at a position of the canvas, float32 (H, W, 3), in place."""
    matrix = np.array([[scale, 0, left], [0, scale, top]])
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    alpha = rgba[..., 3:].astype(np.float32) / 255
    layer = cv2.warpAffine(np.dstack([rgba[..., :3] * alpha, alpha]), matrix, canvas.shape[1::-1], flags=interpolation)
    canvas *= 1 - layer[..., 3:]
    canvas += layer[..., :3]


def convert_to_ink(pixels: np.ndarray) -> np.ndarray:
    """Convert RGB to an ink drawing, uint8 (H, W): edges by a difference of Gaussians, and dark areas filled."""
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    edges = cv2.GaussianBlur(gray, (0, 0), 0.8) - cv2.GaussianBlur(gray, (0, 0), 2.0)
    lines = np.clip(255 + 18 * np.minimum(edges + 1.5, 0), 0, 255)
    return np.where(gray < 60, 20, lines).astype(np.uint8)
