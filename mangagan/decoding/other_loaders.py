"""Load GIF, BMP, AVIF, JPEG 2000, HEIC and JPEG XL files."""

import importlib
import io
from collections.abc import Callable
from typing import Any

from PIL import AvifImagePlugin, BmpImagePlugin, GifImagePlugin, Image, ImageFile, Jpeg2KImagePlugin

from mangagan.decoding.errors import UnreadableError
from mangagan.decoding.iso_boxes import find_codestream_gap, find_missing_share, read_jxl_size
from mangagan.decoding.loading import DAMAGED, MAX_MISSING_SHARE, Bounds, Loaded, load_simply, load_strictly
from mangagan.decoding.streams import open_stream

MIN_MISSING_SHARE = 0.0005  # of the file; the least that a reason names


def load_gif(data: bytes, bounds: Bounds) -> Loaded:
    """Decode the first frame of a GIF."""
    return load_simply(GifImagePlugin.GifImageFile, data, bounds, "GIF")


def load_bmp(data: bytes, bounds: Bounds) -> Loaded:
    """Decode a BMP. An alpha channel that is zero everywhere is unused."""
    loaded = load_simply(BmpImagePlugin.BmpImageFile, data, bounds, "BMP")
    image = loaded.image
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        image.putalpha(255)
    return loaded


def load_avif(data: bytes, bounds: Bounds) -> Loaded:
    """Decode the first frame of an AVIF. Pillow passes its rotation on as EXIF orientation."""
    return load_boxed(data, bounds, "AVIF", lambda: open_stream(AvifImagePlugin.AvifImageFile, data))


def load_jpeg2000(data: bytes, bounds: Bounds) -> Loaded:
    """Decode a JPEG 2000 image: a JP2 file or a bare codestream."""
    if gap := find_codestream_gap(data):
        raise UnreadableError(describe_missing_file(gap / (len(data) + gap)))
    return load_boxed(data, bounds, "JPEG2000", lambda: open_stream(Jpeg2KImagePlugin.Jpeg2KImageFile, data))


def load_heic(data: bytes, bounds: Bounds) -> Loaded:
    """Decode the primary image of a HEIC file. libheif applies its rotation."""
    try:
        library: Any = importlib.import_module("pillow_heif")
    except ImportError:
        raise UnreadableError("HEIC image: pip install 'mangagan[heic]'") from None
    return load_boxed(data, bounds, "HEIC", lambda: library.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True))


def load_jxl(data: bytes, bounds: Bounds) -> Loaded:
    """Decode the first frame of a JPEG XL image. Its decoder applies the orientation."""
    try:
        library: Any = importlib.import_module("pillow_jxl.JpegXLImagePlugin")
    except ImportError:
        raise UnreadableError("JPEG XL image: pip install 'mangagan[jxl]'") from None
    size = read_jxl_size(data)
    if size is None:
        raise UnreadableError(DAMAGED)
    bounds.check(size, "JXL")  # the decoder decodes the whole image when it opens it
    return load_boxed(data, bounds, "JXL", lambda: open_stream(library.JXLImageFile, data))


def load_boxed(data: bytes, bounds: Bounds, name: str, open_image: Callable[[], Any]) -> Loaded:
    """Decode an image that is stored in boxes, or name the share of the file that is missing.

    Args:
        data: The encoded image.
        bounds: Bounds of its size.
        name: Name of the format.
        open_image: Return the opened image: a Pillow image, or a file of pillow_heif.

    Raises:
        UnreadableError: The image is too large, damaged or cut off.
    """
    try:
        opened = open_image()
        bounds.check(opened.size, name)
        image: Image.Image = opened if isinstance(opened, ImageFile.ImageFile) else opened.to_pillow()
        load_opened(image)
        share = find_missing_share(data, name)  # zeros can be decoded without an error
    except UnreadableError:
        raise
    except Exception:  # decoders of Pillow raise many types
        share = find_missing_share(data, name)
        raise UnreadableError(describe_missing_file(share) if share >= MIN_MISSING_SHARE else DAMAGED) from None
    if share > MAX_MISSING_SHARE:
        raise UnreadableError(describe_missing_file(share))
    is_original_jpeg = bool(getattr(image, "jpeg", False))  # JPEG XL made from a JPEG: shown with its EXIF orientation
    is_upright = name == "HEIC" or (name == "JXL" and not is_original_jpeg)
    return Loaded(image, is_sound=False, is_upright=is_upright)


def load_opened(image: Image.Image) -> None:
    """Decode an opened image, see `load_strictly`."""
    if isinstance(image, ImageFile.ImageFile):
        load_strictly(image)


def describe_missing_file(share: float) -> str:
    """Return the reason for rejecting a file of which a share (0, 1] is missing."""
    return f"cut off: {max(1, round(100 * share))} % of the file is missing"
