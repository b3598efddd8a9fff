"""The one way from encoded bytes to a page's pixels, used wherever a page is read, so that boxes always fit."""

import hashlib
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP")
SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}
ORIENTATION = 0x0112  # the EXIF tag
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Unreadable(Exception):
    """The bytes are no page; the text is the reason that is kept in the table."""


@dataclass(frozen=True)
class Page:
    """A decoded page.

    Attributes:
        pixels: uint8 (H, W) for gray, (H, W, 3) for RGB.
        plain: whether the encoded file shows just these pixels in any viewer, so that it can be kept as it is.
        suffix: the file type, for example `.png`.
    """

    pixels: np.ndarray
    plain: bool
    suffix: str

    @property
    def page_id(self) -> str:
        """16 hex digits of the SHA-256 of shape and pixels: the same picture has one id however it was stored."""
        digest = hashlib.sha256(repr(self.pixels.shape).encode())
        digest.update(np.ascontiguousarray(self.pixels).data)
        return digest.hexdigest()[:16]


def decode_page(data: bytes, max_megapixels: float = 100) -> Page:
    """Decodes a PNG, JPEG or WebP picture the way a viewer would show it on white paper.

    EXIF orientation is applied, transparency laid on white, 16 bits scaled to 8, equal channels become one.

    Args:
        data: the encoded file.
        max_megapixels: larger pictures are refused before they are decoded (a small file may hold a huge one).

    Raises:
        Unreadable: not such a file, damaged, or too large.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            suffix = SUFFIXES[str(image.format)]
            if image.width * image.height > max_megapixels * 1e6:
                raise Unreadable(f"too large: {image.width}x{image.height}, over {max_megapixels:g} megapixels")
            pixels, plain = flatten(image)
    except Image.UnidentifiedImageError:
        raise Unreadable("no PNG, JPEG or WebP picture") from None
    except Unreadable:
        raise
    # On damaged data Pillow's decoders raise whatever they stumble over: OSError, SyntaxError, struct.error, TypeError…
    except Exception as error:
        raise Unreadable(f"damaged: {' '.join(str(error).split())[:80]}") from None
    return Page(pixels, plain, suffix)


def flatten(image: Image.Image) -> tuple[np.ndarray, bool]:
    """An opened picture as uint8 pixels, and whether that took no more than reading them."""
    turn = TURNS.get(image.getexif().get(ORIENTATION, 1))
    # Not ImageOps.exif_transpose: it writes the EXIF block anew and fails on the odd ones that phones leave.
    upright = image if turn is None else image.transpose(turn)
    plain = upright.mode in ("L", "RGB") and turn is None
    if upright.mode.startswith("I"):  # 16 bits: Pillow's own conversion would clip
        return (np.asarray(upright).astype(np.uint32) // 257).clip(0, 255).astype(np.uint8), False
    if "transparency" in upright.info or upright.mode in ("LA", "PA", "La", "RGBA", "RGBa"):
        rgba = upright.convert("RGBA")
        upright, plain = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB"), False
    pixels = np.asarray(upright.convert("L" if upright.mode in ("1", "L") else "RGB"))
    if pixels.ndim == 3 and (pixels[..., :1] == pixels[..., 1:]).all():
        pixels = np.ascontiguousarray(pixels[..., 0])
    return pixels, plain


def is_gray(pixels: np.ndarray, tolerance: int = 24) -> bool:
    """Whether a picture has no colour to speak of: 99 of 100 pixels have channels within `tolerance` of each other.

    JPEG leaves some colour noise in black-and-white pages, hence the tolerance.

    Args:
        pixels: uint8 (H, W) or (H, W, 3).
        tolerance: greatest difference between channels, 0 to 255.
    """
    if pixels.ndim == 2:
        return True
    spread = pixels.max(axis=2) - pixels.min(axis=2)
    return float((spread <= tolerance).mean()) >= 0.99
