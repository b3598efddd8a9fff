"""The result of the loaders (one for each format), and what they share."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFile

from mangagan.decoding.conversion import make_converter
from mangagan.decoding.errors import UnreadableError
from mangagan.decoding.limits import BYTES_PER_PIXEL, check_memory, check_size
from mangagan.decoding.orientation import read_orientation
from mangagan.decoding.picture import Picture
from mangagan.decoding.salvage import load_partly
from mangagan.decoding.streams import open_stream

MAX_MISSING_SHARE = 0.02  # a picture that lacks fewer rows is kept; the rows become white
NOTHING_LEFT = "cut off: the whole picture is missing"
DAMAGED = "damaged: the picture cannot be decoded"


@dataclass(frozen=True)
class Bounds:
    """Bounds of the number of pixels, see `mangagan.decoding.limits.check_size`."""

    max_megapixels: float
    max_strip_megapixels: float

    def check(self, size: tuple[int, int], name: str, bytes_per_pixel: float | None = None) -> None:
        """Raise UnreadableError if an image of a size [px] is too large to decode.

        Args:
            size: Width and height [px].
            name: Name of the format, as in `formats.READABLE`.
            bytes_per_pixel: Peak memory of the decoder. None: that of the format.
        """
        check_size(*size, self.max_megapixels, self.max_strip_megapixels)
        if needed := bytes_per_pixel or BYTES_PER_PIXEL.get(name):
            check_memory(*size, name, needed)


@dataclass(frozen=True)
class Loaded:
    """A decoded image.

    Attributes:
        image: The image, loaded. If it has several frames, the first one is loaded.
        is_sound: True if a strict decoder reads the same pixels from the same file.
        is_upright: True if the decoder has applied the orientation.
        bit_depth: Bits per channel of the file.
        missing_rows: bool (stored height,), True for rows that are missing. None if there are none.
    """

    image: Image.Image
    is_sound: bool = True
    is_upright: bool = False
    bit_depth: int = 8
    missing_rows: np.ndarray | None = None


def load_strictly(image: ImageFile.ImageFile) -> None:
    """Decode an opened image, and convert one row of it, so that later conversions do not fail.

    Raises:
        Exception: The image is damaged. Decoders raise many types.
    """
    image.load()
    make_converter(image).convert(image.crop((0, 0, image.width, 1)))


def load_simply(decoder: type[ImageFile.ImageFile], data: bytes, bounds: Bounds, name: str) -> Loaded:
    """Decode an image of a format that stores its rows in order.

    Args:
        decoder: The class of Pillow that reads the format.
        data: The encoded image.
        bounds: Bounds of its size.
        name: Name of the format.

    Raises:
        UnreadableError: The image is too large, damaged or cut off.
    """
    image = open_bounded(decoder, data, bounds, name)
    try:
        load_strictly(image)
        return Loaded(image, is_sound=False)
    except Exception:
        image = open_bounded(decoder, data, bounds, name)
    missing, failed = load_partly(image)
    if not failed:  # the pixels are there, but cannot be converted
        raise UnreadableError(DAMAGED)
    return accept_or_reject(Loaded(image, False, missing_rows=missing), is_cut=True)


def open_bounded(decoder: type[ImageFile.ImageFile], data: bytes, bounds: Bounds, name: str) -> ImageFile.ImageFile:
    """Open an image and check its size.

    Raises:
        UnreadableError: The header is damaged, or the image is too large.
    """
    try:
        image = open_stream(decoder, data)
    except Exception:  # decoders of Pillow raise many types
        raise UnreadableError(DAMAGED) from None
    bounds.check(image.size, name)
    return image


def accept_or_reject(loaded: Loaded, is_cut: bool) -> Loaded:
    """Return an image if at most `MAX_MISSING_SHARE` of its rows are missing.

    Args:
        loaded: The image, with the rows that are missing.
        is_cut: True if the file ends too early; False if it is damaged in the middle.

    Raises:
        UnreadableError: More than `MAX_MISSING_SHARE` of the rows are missing. It has a preview.
    """
    assert loaded.missing_rows is not None
    share = float(loaded.missing_rows.mean())
    if share <= MAX_MISSING_SHARE:
        return loaded
    raise UnreadableError(describe_missing(share, is_cut), make_preview(loaded) if share < 1 else None)


def describe_missing(share: float, is_cut: bool) -> str:
    """Return the reason for rejecting an image of which a share (0, 1] is missing."""
    if share > 0.995:
        return NOTHING_LEFT if is_cut else DAMAGED
    return f"{'cut off' if is_cut else 'damaged'}: {max(1, round(100 * share))} % of the picture is missing"


def make_preview(loaded: Loaded) -> np.ndarray | None:
    """Return a preview of a damaged image. None if it cannot be converted."""
    try:
        return make_picture(loaded, "").make_preview()
    except Exception:  # the conversion of a damaged image may fail in many ways
        return None


def make_picture(loaded: Loaded, suffix: str) -> Picture:
    """Return the picture of a decoded image.

    Args:
        loaded: The image.
        suffix: Suffix of the format if a strict viewer of PNG, JPEG and WebP reads it. Empty otherwise.
    """
    image = loaded.image
    orientation, is_readable = (1, True) if loaded.is_upright else read_orientation(image)
    converter = make_converter(image, loaded.bit_depth)
    stored_as_shown = (
        bool(suffix)
        and loaded.is_sound
        and is_readable
        and orientation == 1
        and loaded.missing_rows is None
        and loaded.bit_depth <= 8
        and image.mode in ("L", "RGB")
        and converter.colours is None
        and not converter.has_alpha
        and not is_animated(image)
    )
    return Picture(image, converter, orientation, suffix, stored_as_shown, loaded.missing_rows)


def is_animated(image: Image.Image) -> bool:
    """Return True if the image has several frames that are shown one after the other."""
    try:
        return bool(getattr(image, "is_animated", False)) and image.format != "TIFF"
    except Exception:  # the second frame is damaged
        return False
