"""PNG encoding and decoding of arrays."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from mangagan.core.files import write_bytes


def encode_png(image: np.ndarray) -> bytes:
    """Encode an image as PNG.

    Args:
        image: uint8 (H, W), (H, W, 1) or (H, W, 3).
    """
    buffer = io.BytesIO()
    to_pillow(image).save(buffer, "PNG")
    return buffer.getvalue()


def write_png(path: Path, image: np.ndarray) -> None:
    """Write an image (as for `encode_png`) atomically."""
    write_bytes(path, encode_png(image))


def decode_rgb(png: bytes) -> np.ndarray:
    """Decode a PNG to uint8 (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def to_pillow(image: np.ndarray) -> Image.Image:
    """Return uint8 (H, W), (H, W, 1) or (H, W, 3) as a gray or RGB Pillow image."""
    return Image.fromarray(image[:, :, 0] if image.ndim == 3 and image.shape[2] == 1 else image)


def to_gray(images: np.ndarray) -> np.ndarray:
    """uint8 (N, C, H, W) as float32 (N, H, W) in [0, 1]; RGB by the luma weights of Rec. 601."""
    weights = np.array([1.0] if images.shape[1] == 1 else [0.299, 0.587, 0.114], np.float32)
    return np.einsum("nchw,c->nhw", images.astype(np.float32) / 255, weights)
