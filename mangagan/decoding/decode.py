"""Decode an encoded image of any readable format. This is the entry point of the package."""

from collections.abc import Callable

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

    The bytes decide the format. Damage outside of the pixels is repaired. The result is the first frame that is not
    blank for an animated image, and the first page for a TIFF.

    Args:
        data: The encoded image.
        max_megapixels: Larger pictures are rejected before they are decoded [10^6 px].
        max_strip_megapixels: The bound of strips, see `mangagan.decoding.limits.is_elongated` [10^6 px].

    Returns:
        The picture. Close it, or use it as a context manager.

    Raises:
        UnreadableError: The data is no image of a readable format, too large, damaged, or cut off.
    """
    name = identify_format(data[:HEADER_BYTES]) or ""
    loader = LOADERS.get(name)
    if loader is None:
        raise UnreadableError(describe_unread_format(data[:HEADER_BYTES]))
    try:
        picture = choose_frame(loader(data, Bounds(max_megapixels, max_strip_megapixels)), SUFFIXES.get(name, ""))
        picture.check_conversion()
        return picture
    except UnreadableError:
        raise
    except MemoryError:
        raise UnreadableError("cannot be decoded: not enough memory") from None
    # Decoders raise many types on damaged data: OSError, SyntaxError, struct.error, TypeError…
    except Exception:
        raise UnreadableError(DAMAGED) from None


def count_frames(data: bytes) -> int:
    """Return the number of pages of a TIFF, without reduced images and masks; at least 1. 1 for other images."""
    return max(1, len(find_pages(data))) if identify_format(data[:HEADER_BYTES]) == "TIFF" else 1
