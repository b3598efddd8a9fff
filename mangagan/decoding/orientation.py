"""Read and apply the orientation of an image: EXIF, or XMP where there is no EXIF."""

import re

import numpy as np
from PIL import Image

ORIENTATION = 0x0112  # EXIF tag
XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:\s*=\s*[\"']|>)\s*([1-8])")
# By the value of the tag: (transpose, flip rows, flip columns), applied to the stored pixels in this order.
STEPS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def read_orientation(image: Image.Image) -> tuple[int, bool]:
    """Return the orientation of a decoded image, and True if its EXIF block can be read.

    Returns:
        The orientation [1, 8], 1 if the image has none; and False if the EXIF block is malformed.
    """
    is_readable = True
    # Malformed blocks of phones make Pillow raise several types.
    try:
        value = image.getexif().get(ORIENTATION)
    except Exception:
        value, is_readable = None, False
    if value is None:
        value = read_xmp_orientation(image)
    return (int(value) if isinstance(value, int) and value in STEPS else 1), is_readable


def read_xmp_orientation(image: Image.Image) -> int | None:
    """Return the orientation in the XMP block. None if there is none."""
    text = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    encoded = text.encode("utf-8", "replace") if isinstance(text, str) else bytes(text)
    found = XMP_ORIENTATION.search(encoded)
    return int(found[1]) if found else None


def find_stored_box(orientation: int, width: int, height: int, top: int, bottom: int) -> tuple[int, int, int, int]:
    """Return the part of the stored image that becomes rows `top` to `bottom` of the upright image.

    Args:
        orientation: EXIF orientation [1, 8].
        width: Width of the stored image [px].
        height: Height of the stored image [px].
        top: First upright row.
        bottom: Upright row after the last one.

    Returns:
        left, top, right, bottom [px].
    """
    transposed, flip_rows, _ = STEPS[orientation]
    length = width if transposed else height
    start, stop = (length - bottom, length - top) if flip_rows else (top, bottom)
    return (start, 0, stop, height) if transposed else (0, start, width, stop)


def turn_upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Return stored pixels (H, W) or (H, W, 3) as a viewer shows them."""
    transposed, flip_rows, flip_columns = STEPS[orientation]
    if transposed:
        pixels = pixels.swapaxes(0, 1)
    return np.ascontiguousarray(pixels[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1])
