"""Small copies of pages for contact sheets."""

import cv2
import numpy as np
from PIL import Image

THUMBNAIL = (120, 168)  # width and height [px]


def make_thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Return an image at the size of a contact sheet, on white, with its proportions kept.

    Args:
        pixels: uint8 (H, W) or (H, W, 3). Only the upper part of a very tall image is shown.

    Returns:
        uint8 (168, 120, 3).
    """
    image = Image.fromarray(shrink(pixels[: 8 * pixels.shape[1]], *THUMBNAIL)).convert("RGB")
    sheet = Image.new("RGB", THUMBNAIL, "white")
    sheet.paste(image, ((THUMBNAIL[0] - image.width) // 2, (THUMBNAIL[1] - image.height) // 2))
    return np.asarray(sheet)


def shrink(pixels: np.ndarray, max_width: int, max_height: int) -> np.ndarray:
    """Return an image, uint8 (H, W) or (H, W, 3), reduced to fit into a size [px].

    A smaller image is returned as it is. Unlike Pillow, OpenCV needs no copy of the image.
    """
    height, width = pixels.shape[:2]
    scale = min(max_width / width, max_height / height, 1)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return pixels if scale == 1 else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
