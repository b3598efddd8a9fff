"""Reduce images by an integer factor, in bands of rows: Pillow would copy a large image as a whole."""

import numpy as np
from PIL import Image

BAND_PIXELS = 4_000_000  # pixels that are reduced at a time


def reduce_image(pixels: np.ndarray, factor: int, gray: bool) -> np.ndarray:
    """Return the means of squares of pixels.

    Args:
        pixels: uint8 (H, W) or (H, W, 3).
        factor: Side of a square [px].
        gray: Convert the pixels to gray first.

    Returns:
        uint8 (⌈H / factor⌉, ⌈W / factor⌉), or with 3 channels.
    """
    rows = factor * max(1, BAND_PIXELS // (factor * pixels.shape[1]))
    reduced = []
    for top in range(0, len(pixels), rows):
        band = Image.fromarray(pixels[top : top + rows])
        reduced.append(np.asarray((band.convert("L") if gray else band).reduce(factor)))
    return np.concatenate(reduced)
