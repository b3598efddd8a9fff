"""Manga pages that tests of the page layout draw: panels with faces, lines and tones. Every seed gives another page."""

import io

import cv2
import numpy as np
from PIL import Image

WIDTH, HEIGHT = 500, 710  # px


def draw_art(width: int, height: int, seed: int) -> np.ndarray:
    """Return a drawing without a frame or a gutter, uint8 (height, width)."""
    rng = np.random.default_rng(seed)
    art = np.full((height, width), int(rng.integers(200, 250)), np.uint8)
    for _ in range(max(12, width * height // 2500)):
        centre = int(rng.integers(0, width)), int(rng.integers(0, height))
        axes = int(rng.integers(8, 60)), int(rng.integers(8, 60))
        tone = int(rng.integers(0, 256))
        cv2.ellipse(art, centre, axes, float(rng.uniform(0, 180)), 0, 360, tone, -1, cv2.LINE_AA)
        cv2.ellipse(art, centre, axes, float(rng.uniform(0, 180)), 0, 360, 0, 2, cv2.LINE_AA)
    for _ in range(width // 12):
        start, stop = rng.integers(0, (width, height), (2, 2)).tolist()
        cv2.line(art, start, stop, int(rng.integers(0, 120)), 2, cv2.LINE_AA)
    return art


def draw_page(seed: int, width: int = WIDTH, height: int = HEIGHT, margin: int = 25, paper: int = 255) -> np.ndarray:
    """Return a page with framed panels in three tiers, uint8 (height, width).

    Args:
        seed: Seed of the drawing and of the layout.
        width: Width [px].
        height: Height [px].
        margin: White margin around the panels [px].
        paper: Gray level of margins and gutters.
    """
    rng = np.random.default_rng((seed, 1))
    page = np.full((height, width), paper, np.uint8)
    tier = (height - 2 * margin) // 3
    for row in range(3):
        top = margin + row * tier
        cut = int(width * rng.uniform(0.35, 0.65))
        for left, right in ((margin, cut - 4), (cut + 4, width - margin)):
            box = slice(top, top + tier - 8), slice(left, right)
            page[box] = draw_art(right - left, tier - 8, seed * 10 + row * 2 + (left > margin))
            cv2.rectangle(page, (left, top), (right - 1, top + tier - 9), 255 - paper, 2)
    return page


def compress(pixels: np.ndarray, quality: int = 80) -> np.ndarray:
    """Return an image after compression as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))
