"""Decode a stored page to its pixels. All stages use this decoder, so that boxes match the pixels.

`mangagan.decoding` decodes the images of users. `ingest` stores only pages that this decoder shows in the same way.
"""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

SAMPLE_STEP = 16  # rows between the rows that are compared first
BAND_ROWS = 64  # rows that are compared at a time
DIRECT_PIXELS = 10**7  # of an image that is copied at once
FORMATS = ("PNG", "JPEG", "WEBP")


class UnreadableError(Exception):
    """The data cannot be decoded to a page. The message is the reason that the page table records."""


@dataclass(frozen=True)
class Page:
    """A decoded page.

    Attributes:
        pixels: uint8 (H, W) for gray, (H, W, 3) for RGB.
    """

    pixels: np.ndarray

    @property
    def page_id(self) -> str:
        """Return the hash of the pixels. It does not depend on the file format."""
        return hash_pixels(self.pixels)


def hash_pixels(pixels: np.ndarray) -> str:
    """Return 16 hex digits of the SHA-256 of the shape and the pixels of a page, uint8 (H, W) or (H, W, 3)."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()[:16]


def decode_page(data: bytes) -> Page:
    """Decode a stored page, a PNG, JPEG or WebP image of 8 bits. An RGB image with equal channels becomes gray.

    There is no limit for its size, because `ingest` has applied its own.

    Raises:
        UnreadableError: The data is of another format, or damaged.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            pixels = copy_pixels(image if image.mode in ("L", "RGB") else image.convert("RGB"))
    # The decoders of Pillow raise many types on damaged data: OSError, SyntaxError, struct.error, TypeError…
    except Exception as error:
        raise UnreadableError(f"damaged: {' '.join(str(error).split())[:80]}") from None
    return Page(reduce_to_gray(pixels))


def copy_pixels(image: Image.Image) -> np.ndarray:
    """Return the pixels of a gray or RGB image. A large image is copied in parts: Pillow would copy it twice."""
    if image.width * image.height <= DIRECT_PIXELS:
        return np.asarray(image)
    pixels = np.empty((image.height, image.width, *(() if image.mode == "L" else (3,))), np.uint8)
    for top in range(0, image.height, BAND_ROWS):
        bottom = min(top + BAND_ROWS, image.height)
        pixels[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return pixels


def reduce_to_gray(pixels: np.ndarray) -> np.ndarray:
    """Return an image with equal channels as gray (H, W), every other image, uint8 (H, W) or (H, W, 3), as it is."""
    return np.ascontiguousarray(pixels[..., 0]) if pixels.ndim == 3 and has_equal_channels(pixels) else pixels


def has_equal_channels(pixels: np.ndarray) -> bool:
    """Return True if the three channels of an image, uint8 (H, W, 3), are equal."""
    return all(
        np.array_equal(band[..., 0], band[..., 1]) and np.array_equal(band[..., 1], band[..., 2])
        for part in (pixels[::SAMPLE_STEP], pixels)  # most colour images differ in the sample
        for band in iterate_bands(part)
    )


def iterate_bands(pixels: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the image in bands of rows that fit into the cache of the processor."""
    for top in range(0, len(pixels), BAND_ROWS):
        yield pixels[top : top + BAND_ROWS]


def is_gray(pixels: np.ndarray, tolerance: int = 24) -> bool:
    """Return True if the channels of at least 99 % of the pixels differ by at most `tolerance`.

    JPEG adds colour noise to black-and-white pages, hence the tolerance.

    Args:
        pixels: uint8 (H, W) or (H, W, 3).
        tolerance: Largest difference between the channels of a gray pixel [0, 255]. Default: 24.
    """
    if pixels.ndim == 2:
        return True
    gray = sum(np.count_nonzero(measure_colour(band) <= tolerance) for band in iterate_bands(pixels))
    return gray >= 0.99 * pixels.shape[0] * pixels.shape[1]


def measure_colour(pixels: np.ndarray) -> np.ndarray:
    """Return the difference between the largest and the smallest channel of each pixel, uint8 (H, W)."""
    red, green, blue = (pixels[..., channel] for channel in range(3))  # 20 times as fast as a maximum over the axis
    return np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
