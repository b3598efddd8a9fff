"""Convert stored colours to sRGB with ICC profiles, as a colour-managed viewer does."""

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

MAX_PROFILE_BYTES = 4 * 10**6
SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}  # ICC colour space by Pillow mode
PLAIN_DEVIATION = 1  # a profile that changes no colour by more than this is sRGB in effect [levels]
SRGB_GAMMA = 1 / 2.2
GAMMA_TOLERANCE = 0.05  # relative; the threshold of libpng


@dataclass(frozen=True)
class Conversion:
    """A conversion of the pixels of one mode to sRGB. Exactly one of the two fields is set.

    Attributes:
        table: Value of each of 256 levels, for each channel alike.
        transform: The transform of littleCMS, to mode RGB.
    """

    table: bytes | None = None
    transform: Any = None  # ImageCms.ImageCmsTransform; has no types

    def apply(self, band: Image.Image) -> Image.Image:
        """Return the converted image: its own mode for a table, RGB for a transform."""
        if self.table is not None:
            return band.point(list(self.table) * len(band.getbands()))
        converted = ImageCms.applyTransform(band, self.transform)
        assert converted is not None  # None only if the conversion is in place
        return converted


@lru_cache(maxsize=8)
def make_conversion(profile: bytes, mode: str) -> Conversion | None:
    """Return the conversion from a profile to sRGB.

    Args:
        profile: The ICC profile.
        mode: "L", "RGB", "CMYK" or "LAB".

    Returns:
        None if the profile changes nothing: it is sRGB in effect, it is broken, or it is made for another mode.
    """
    if len(profile) > MAX_PROFILE_BYTES:
        return None
    # littleCMS raises several types on broken profiles.
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != SPACES[mode]:
            return None
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        return make_gray_table(transform) if mode == "L" else make_transform(transform, mode)
    except Exception:
        return None


def make_gray_table(transform: Any) -> Conversion | None:
    """Return a gray transform as a table of 256 levels. None if it changes nothing."""
    ramp = np.arange(256, dtype=np.uint8)
    shown = ImageCms.applyTransform(Image.fromarray(ramp[None]), transform)
    levels = np.asarray(shown)[0, :, 1]
    return None if is_plain(levels, ramp) else Conversion(table=levels.tobytes())


def make_transform(transform: Any, mode: str) -> Conversion | None:
    """Return a conversion for colour images. None if it changes nothing."""
    if mode == "RGB":
        steps = np.linspace(0, 255, 18).round().astype(np.uint8)
        grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(18 * 18, 18, 3)
        if is_plain(np.asarray(ImageCms.applyTransform(Image.fromarray(grid), transform)), grid):
            return None
    return Conversion(transform=transform)


def make_lab_conversion() -> Conversion:
    """Return the conversion of CIE L*a*b* to sRGB."""
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return Conversion(transform=ImageCms.buildTransform(lab, srgb, "LAB", "RGB"))


def make_gamma_conversion(gamma: float) -> Conversion | None:
    """Return the conversion for the gAMA chunk of a PNG.

    Args:
        gamma: Exponent of the encoder, for example 0.45455.

    Returns:
        None if it is that of sRGB within 5 %, or out of range.
    """
    if not 0.1 <= gamma <= 5 or abs(gamma / SRGB_GAMMA - 1) <= GAMMA_TOLERANCE:
        return None
    light = (np.arange(256) / 255) ** (1 / gamma)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return Conversion(table=(encoded * 255).round().clip(0, 255).astype(np.uint8).tobytes())


def is_plain(shown: np.ndarray, stored: np.ndarray) -> bool:
    """Return True if no level differs by more than `PLAIN_DEVIATION`."""
    return int(np.abs(shown.astype(np.int16) - stored).max()) <= PLAIN_DEVIATION
