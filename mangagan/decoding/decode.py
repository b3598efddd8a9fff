"""Decode an encoded image of any readable format. This is the entry point of the package."""

from collections.abc import Callable
from functools import partial

from mangagan.decoding.errors import UnreadableError
from mangagan.decoding.formats import HEADER_BYTES, describe_unread_format, identify_format
from mangagan.decoding.frames import choose_frame
from mangagan.decoding.jpeg_loader import load_jpeg
from mangagan.decoding.loading import DAMAGED, Bounds, Loaded
from mangagan.decoding.measure import estimate_memory, measure_image
from mangagan.decoding.other_loaders import load_avif, load_bmp, load_gif, load_heic, load_jpeg2000, load_jxl
from mangagan.decoding.picture import Picture
from mangagan.decoding.png_loader import load_png
from mangagan.decoding.tiff_loader import find_pages, load_tiff
from mangagan.decoding.webp_loader import load_webp

__all__ = [
    "Picture",
    "UnreadableError",
    "count_frames",
    "decode_frame",
    "estimate_memory",
    "measure_image",
    "open_picture",
]

LOADERS: dict[str, Callable[[bytes, Bounds], Loaded]] = {
    "PNG": load_png,
    "JPEG": load_jpeg,
    "WEBP": load_webp,
    "AVIF": load_avif,
    "GIF": load_gif,
    "TIFF": load_tiff,
    "BMP": load_bmp,
    "JPEG2000": load_jpeg2000,
    "HEIC": load_heic,
    "JXL": load_jxl,
}
SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}  # of files that can be stored as they are


def open_picture(data: bytes, max_megapixels: float, max_strip_megapixels: float) -> Picture:
    """Decode an image as a viewer shows it on white paper.

    The bytes decide the format. Damage outside of the pixels is repaired. Of an animated image, the first frame that is
    not blank is decoded; of a TIFF, the first page.

    Args:
        data: The encoded image.
        max_megapixels: Larger pictures are rejected before they are decoded [10^6 px].
        max_strip_megapixels: The bound of strips, see `mangagan.decoding.limits.is_strip` [10^6 px].

    Returns:
        The picture. Close it, or use it as a context manager.

    Raises:
        UnreadableError: The data is no image of a readable format, too large, damaged, or cut off.
    """
    return decode_with(
        LOADERS.get(identify_format(data[:HEADER_BYTES]) or ""), data, max_megapixels, max_strip_megapixels
    )


def decode_frame(data: bytes, index: int, max_megapixels: float, max_strip_megapixels: float) -> Picture:
    """Decode one page of a TIFF, or the only page of another image.

    Args:
        data: The encoded image.
        index: Index of the page, from 0 to `count_frames(data) − 1`.
        max_megapixels: As for `open_picture`.
        max_strip_megapixels: As for `open_picture`.

    Raises:
        UnreadableError: As for `open_picture`.
    """
    if identify_format(data[:HEADER_BYTES]) != "TIFF":
        return open_picture(data, max_megapixels, max_strip_megapixels)
    return decode_with(partial(load_tiff, page=index), data, max_megapixels, max_strip_megapixels)


def count_frames(data: bytes) -> int:
    """Return the number of pages of a TIFF, without reduced images and masks; at least 1. 1 for other images."""
    return max(1, len(find_pages(data))) if identify_format(data[:HEADER_BYTES]) == "TIFF" else 1


def decode_with(
    loader: Callable[[bytes, Bounds], Loaded] | None, data: bytes, max_megapixels: float, max_strip_megapixels: float
) -> Picture:
    """Decode an image with the loader of its format.

    Raises:
        UnreadableError: As for `open_picture`. None as loader means that the format is not read.
    """
    if loader is None:
        raise UnreadableError(describe_unread_format(data[:HEADER_BYTES]))
    try:
        loaded = loader(data, Bounds(max_megapixels, max_strip_megapixels))
        picture = choose_frame(loaded, SUFFIXES.get(identify_format(data[:HEADER_BYTES]) or "", ""))
        picture.check_conversion()
        return picture
    except UnreadableError:
        raise
    # Decoders raise many types on damaged data: OSError, SyntaxError, struct.error, TypeError…
    except Exception:
        raise UnreadableError(DAMAGED) from None
