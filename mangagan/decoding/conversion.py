"""Convert a part of a decoded Pillow image of any mode to 8-bit gray or RGB on white paper."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from mangagan.decoding.colour import Conversion, make_conversion, make_gamma_conversion, make_lab_conversion

ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
WIDE_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")
# Mode without alpha that the colours are converted to first. Other modes are converted to RGB.
COLOUR_MODES = {"1": "L", "L": "L", "LA": "L", "La": "L", "CMYK": "CMYK", "LAB": "LAB"}


@dataclass(frozen=True)
class Converter:
    """The conversion of one image. Every part of the image is converted alike.

    Attributes:
        mode: "L", "RGB", "CMYK" or "LAB": mode of the colours without alpha.
        has_alpha: True if the image is composited on white.
        colours: Conversion to sRGB. None if there is none.
        divisor: Value that becomes level 255, divided by 255, for modes with over 8 bits per channel.
        inverted: True if 0 is white, for modes with over 8 bits per channel.
        transparent: Value that is transparent, for modes with over 8 bits per channel. None if there is none.
    """

    mode: str
    has_alpha: bool = False
    colours: Conversion | None = None
    divisor: float = 1
    inverted: bool = False
    transparent: int | None = None

    def convert(self, part: Image.Image) -> np.ndarray:
        """Return uint8 (H, W) or (H, W, 3)."""
        if part.mode in WIDE_MODES:
            part = Image.fromarray(self.reduce_to_8_bits(part))
        alpha = None
        if self.has_alpha:
            part = part.convert("LA" if self.mode == "L" and part.mode in ("LA", "La") else "RGBA")
            alpha = part.getchannel("A")
        part = part if part.mode == self.mode else part.convert(self.mode)
        part = self.colours.apply(part) if self.colours else part
        part = part if part.mode in ("L", "RGB") else part.convert("RGB")
        if alpha is not None:
            part = composite_on_white(part, alpha)
        return np.asarray(part)

    def reduce_to_8_bits(self, part: Image.Image) -> np.ndarray:
        """Return uint8 (H, W) of a part with over 8 bits per channel."""
        stored = np.asarray(part)
        if self.divisor == 257:  # the conversion of Pillow would clip
            levels = (stored.astype(np.uint32) // 257).clip(0, 255).astype(np.uint8)
        else:
            levels = (np.nan_to_num(stored.astype(np.float32)) / self.divisor).clip(0, 255).astype(np.uint8)
        if self.inverted:
            levels = 255 - levels
        return levels if self.transparent is None else np.where(stored == self.transparent, np.uint8(255), levels)


def composite_on_white(part: Image.Image, alpha: Image.Image) -> Image.Image:
    """Return an L or RGB image as it looks on white paper."""
    rgba = part.convert("RGB")
    rgba.putalpha(alpha)
    shown = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return shown.convert(part.mode) if part.mode == "RGB" else shown.getchannel("G")


def make_converter(image: Image.Image, bit_depth: int = 8) -> Converter:
    """Return the converter of a decoded image.

    Args:
        image: The decoded image. Its `info` holds the ICC profile, the gamma and the transparent colour.
        bit_depth: Bits per channel of the file. With 16, Pillow has reduced RGB to 8 bits, but not its transparent
            colour.
    """
    mode = image.mode
    transparency = image.info.get("transparency")
    if mode in WIDE_MODES:
        photometric: Any = getattr(image, "tag_v2", {}).get(262)
        inverted = photometric == 0 and mode != "F"
        value = transparency if isinstance(transparency, int) else None
        return Converter("L", False, find_colours(image, "L"), find_divisor(image), inverted, value)
    if mode == "RGB" and isinstance(transparency, tuple) and bit_depth == 16:
        image.info["transparency"] = tuple(value >> 8 for value in transparency)
    has_alpha = mode in ALPHA_MODES or transparency is not None
    colour_mode = COLOUR_MODES.get(mode, "RGB")
    return Converter(colour_mode, has_alpha, find_colours(image, colour_mode))


def find_colours(image: Image.Image, mode: str) -> Conversion | None:
    """Return the conversion of an image to sRGB. None if there is none."""
    profile, gamma = image.info.get("icc_profile"), image.info.get("gamma")
    conversion = make_conversion(bytes(profile), mode) if profile else None
    if conversion is None and mode == "LAB":
        return make_lab_conversion()
    if not profile and "srgb" not in image.info and isinstance(gamma, int | float):
        return make_gamma_conversion(gamma)
    return conversion


def find_divisor(image: Image.Image) -> float:
    """Return the value of white divided by 255, for an image with over 8 bits per channel."""
    if image.mode.startswith("I;16"):
        return 257
    extrema: Any = image.getextrema()
    highest = float(extrema[1])
    if image.mode == "F":
        return next((white / 255 for white in (1, 255, 65535) if highest <= white), max(highest, 1) / 255)
    return next((white / 255 for white in (255, 65535) if highest <= white), (2**31 - 1) / 255)
