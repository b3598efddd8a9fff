"""Check the size of an image before its pixels are decoded."""

from mangagan.decoding.errors import UnreadableError

STRIP_ASPECT = 4  # an image is a strip if its long side is over this many times its short side
MAX_DECODE_BYTES = 700 * 10**6  # peak memory of one decode
DEFAULT_BYTES_PER_PIXEL = 7  # 4 of the decoded image, 3 of the result
# Peak memory of the other decoders [bytes per pixel].
BYTES_PER_PIXEL = {"WEBP": 16, "AVIF": 14, "HEIC": 12, "JXL": 18, "JPEG2000": 24, "TIFF": 8}


def is_elongated(width: int, height: int) -> bool:
    """Return True if the long side [px] is over `STRIP_ASPECT` times the short side."""
    return max(width, height) > STRIP_ASPECT * min(width, height)


def check_size(width: int, height: int, max_megapixels: float, max_strip_megapixels: float) -> None:
    """Check the number of pixels.

    Args:
        width: Width [px].
        height: Height [px].
        max_megapixels: Bound of an ordinary picture [10^6 px].
        max_strip_megapixels: Bound of a strip [10^6 px].

    Raises:
        UnreadableError: The image has more pixels.
    """
    limit = max_strip_megapixels if is_elongated(width, height) else max_megapixels
    if width * height > limit * 1e6:
        raise UnreadableError(f"too large: {width}x{height}, over {limit:g} megapixels")


def check_memory(width: int, height: int, name: str, bytes_per_pixel: float) -> None:
    """Check the memory that the decoder needs.

    Args:
        width: Width [px].
        height: Height [px].
        name: Name of the format in the reason.
        bytes_per_pixel: Peak memory of its decoder [bytes per pixel].

    Raises:
        UnreadableError: The decoder needs more than `MAX_DECODE_BYTES`.
    """
    limit = MAX_DECODE_BYTES / bytes_per_pixel / 1e6
    if width * height > limit * 1e6:
        raise UnreadableError(f"too large: {width}x{height}, over {limit:.0f} megapixels ({name})")
