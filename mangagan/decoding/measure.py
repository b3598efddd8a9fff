"""Read the size of an image from its header, without decoding its pixels."""

import importlib
import io
import struct
from collections.abc import Callable
from typing import Any

from PIL import AvifImagePlugin, ImageFile, Jpeg2KImagePlugin, TiffImagePlugin

from mangagan.decoding.formats import HEADER_BYTES, identify_format
from mangagan.decoding.iso_boxes import read_jxl_size
from mangagan.decoding.jpeg import estimate_bytes_per_pixel, read_frame, read_frame_size
from mangagan.decoding.limits import BYTES_PER_PIXEL, DEFAULT_BYTES_PER_PIXEL
from mangagan.decoding.png import SIGNATURE
from mangagan.decoding.webp import read_size

DECODERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "AVIF": AvifImagePlugin.AvifImageFile,
    "JPEG2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
}


def measure_image(data: bytes) -> tuple[int, int] | None:
    """Return width and height in the header [px], before the orientation is applied.

    Args:
        data: The encoded image. The end may be missing.

    Returns:
        None if the data is no image of a readable format, or if its header is damaged.
    """
    name = identify_format(data[:HEADER_BYTES])
    try:
        size = read_header_size(data, name or "")
    except Exception:  # decoders raise many types on damaged headers
        return None
    return size if size and min(size) > 0 else None


def estimate_memory(data: bytes) -> int | None:
    """Return the peak memory of decoding an image and its pixels [bytes]. None if its size is unknown."""
    size = measure_image(data)
    if size is None:
        return None
    name = identify_format(data[:HEADER_BYTES]) or ""
    needed = estimate_bytes_per_pixel(read_frame(data)) if name == "JPEG" else BYTES_PER_PIXEL.get(name)
    return int(size[0] * size[1] * max(needed or 0, DEFAULT_BYTES_PER_PIXEL))


def read_header_size(data: bytes, name: str) -> tuple[int, int] | None:
    """Return width and height in the header of an image of a format [px]. None if unknown."""
    if name == "PNG":
        width, height = struct.unpack_from(">II", data, data.find(SIGNATURE) + 16)
        return width, height
    if name == "JPEG":
        return read_frame_size(data)
    if name == "WEBP":
        return read_size(data)
    if name == "GIF":
        width, height = struct.unpack_from("<HH", data, 6)
        return width, height
    if name == "BMP":
        is_old = struct.unpack_from("<I", data, 14)[0] == 12
        width, height = struct.unpack_from("<HH" if is_old else "<ii", data, 18)
        return width, abs(height)
    if name == "JXL":
        return read_jxl_size(data)
    if name == "HEIC":
        library: Any = importlib.import_module("pillow_heif")
        return library.open_heif(io.BytesIO(data)).size
    decoder = DECODERS.get(name)
    return decoder(io.BytesIO(data)).size if decoder else None
