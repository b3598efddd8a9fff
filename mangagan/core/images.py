"""PNG encoding and decoding, and conversion to gray."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from mangagan.core.files import write_bytes
from mangagan.core.gray import LUMA

PICTURE_LEVEL = 2  # for contact sheets: a third of the time of level 6, and files that are 20 % smaller


def encode_png(image: np.ndarray, level: int = 6) -> bytes:
    """Encode an image as PNG.

    Args:
        image: uint8 (H, W), (H, W, 1) or (H, W, 3).
        level: Effort of the compression [0, 9].
    """
    buffer = io.BytesIO()
    to_pillow(image).save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()


def write_png(path: Path, image: np.ndarray) -> None:
    """Write a picture for people, such as a contact sheet (as for `encode_png`), atomically."""
    write_bytes(path, encode_png(image, PICTURE_LEVEL))


def decode_png(png: bytes, channels: int) -> np.ndarray:
    """Decode a PNG, converted to gray or RGB.

    Args:
        png: Content of the file.
        channels: 1 for gray, 3 for RGB.

    Returns:
        uint8 (H, W) for gray, (H, W, 3) for RGB.
    """
    return np.asarray(Image.open(io.BytesIO(png)).convert("L" if channels == 1 else "RGB"))


def to_pillow(image: np.ndarray) -> Image.Image:
    """Return uint8 (H, W), (H, W, 1) or (H, W, 3) as a gray or RGB Pillow image."""
    return Image.fromarray(image[:, :, 0] if image.ndim == 3 and image.shape[2] == 1 else image)


def to_gray(images: np.ndarray) -> np.ndarray:
    """Convert uint8 (N, C, H, W) to float32 (N, H, W) in [0, 1]; RGB by the luma weights of Rec. 601."""
    weights = np.array((1.0,) if images.shape[1] == 1 else LUMA, np.float32)
    return np.einsum("nchw,c->nhw", images.astype(np.float32) / 255, weights)
