"""Decode an image file to the pixels of a page. All stages use this decoder, so that boxes match the pixels."""

import hashlib
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP")
SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}
NO_IMAGE = "no PNG, JPEG or WebP picture"  # reason for other content
ORIENTATION = 0x0112  # EXIF tag
TRANSPOSITIONS = {  # by the value of the EXIF tag
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class UnreadableError(Exception):
    """The data cannot be decoded to a page. The message is the reason that the page table records."""


@dataclass(frozen=True)
class Page:
    """A decoded page.

    Attributes:
        pixels: uint8 (H, W) for gray, (H, W, 3) for RGB.
        stored_as_shown: True if the encoded file holds exactly these pixels, so that the file can be kept as it is.
        suffix: Suffix of the file type, for example `.png`.
    """

    pixels: np.ndarray
    stored_as_shown: bool
    suffix: str

    @property
    def page_id(self) -> str:
        """Return 16 hex digits of the SHA-256 of shape and pixels. It does not depend on the file format."""
        digest = hashlib.sha256(repr(self.pixels.shape).encode())
        digest.update(np.ascontiguousarray(self.pixels).data)
        return digest.hexdigest()[:16]


def has_image_signature(header: bytes) -> bool:
    """Return True if a file that begins with `header` (at least 12 bytes) is of one of `FORMATS`."""
    webp = header[:4] == b"RIFF" and header[8:12] == b"WEBP"
    return webp or header.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"))


def decode_page(data: bytes, max_megapixels: float = 100) -> Page:
    """Decode a PNG, JPEG or WebP image as a viewer shows it on white paper.

    EXIF orientation is applied, transparency is composited on white, 16 bits are scaled to 8, and an RGB image with
    equal channels becomes gray.

    Args:
        data: The encoded image.
        max_megapixels: Larger images are rejected before decoding, because a small file can hold a huge image
            [10^6 px]. Default: 100.

    Raises:
        UnreadableError: The data is of another format, damaged, or too large.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            suffix = SUFFIXES[str(image.format)]
            if image.width * image.height > max_megapixels * 1e6:
                raise UnreadableError(f"too large: {image.width}x{image.height}, over {max_megapixels:g} megapixels")
            pixels, stored_as_shown = to_pixels(image)
    except Image.UnidentifiedImageError:
        raise UnreadableError(NO_IMAGE) from None
    except UnreadableError:
        raise
    # The decoders of Pillow raise many types on damaged data: OSError, SyntaxError, struct.error, TypeError…
    except Exception as error:
        raise UnreadableError(f"damaged: {' '.join(str(error).split())[:80]}") from None
    return Page(pixels, stored_as_shown, suffix)


def to_pixels(image: Image.Image) -> tuple[np.ndarray, bool]:
    """Return the uint8 pixels of an opened image, and True if the file stores exactly these pixels."""
    transposition = TRANSPOSITIONS.get(image.getexif().get(ORIENTATION, 1))
    # Not ImageOps.exif_transpose: it rewrites the EXIF block and fails on malformed blocks of phones.
    upright = image if transposition is None else image.transpose(transposition)
    stored_as_shown = upright.mode in ("L", "RGB") and transposition is None
    if upright.mode.startswith("I"):  # 16 bits: the conversion of Pillow would clip
        return (np.asarray(upright).astype(np.uint32) // 257).clip(0, 255).astype(np.uint8), False
    if "transparency" in upright.info or upright.mode in ("LA", "PA", "La", "RGBA", "RGBa"):
        rgba = upright.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        upright, stored_as_shown = Image.alpha_composite(white, rgba).convert("RGB"), False
    pixels = np.asarray(upright.convert("L" if upright.mode in ("1", "L") else "RGB"))
    if pixels.ndim == 3 and (pixels[..., :1] == pixels[..., 1:]).all():
        pixels = np.ascontiguousarray(pixels[..., 0])
    return pixels, stored_as_shown


def is_gray(pixels: np.ndarray, tolerance: int = 24) -> bool:
    """Return True if the channels of at least 99 % of the pixels differ by at most `tolerance`.

    JPEG adds colour noise to black-and-white pages, hence the tolerance.

    Args:
        pixels: uint8 (H, W) or (H, W, 3).
        tolerance: Largest difference between the channels of a gray pixel [0, 255]. Default: 24.
    """
    if pixels.ndim == 2:
        return True
    difference = pixels.max(axis=2) - pixels.min(axis=2)
    return float((difference <= tolerance).mean()) >= 0.99
