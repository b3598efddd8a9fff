"""Load the pages of a TIFF file."""

from typing import Any

from PIL import TiffImagePlugin

from mangagan.decoding.errors import UnreadableError
from mangagan.decoding.loading import DAMAGED, Bounds, Loaded, accept_or_reject, load_strictly
from mangagan.decoding.salvage import load_partly
from mangagan.decoding.streams import open_stream

MAX_PAGES = 10_000
NEW_SUBFILE_TYPE, SUBFILE_TYPE, DNG_VERSION = 254, 255, 50706  # tags
BITS_PER_SAMPLE, COMPRESSION = 258, 259
# Compressions that Pillow does not know, or that libtiff is often built without.
COMPRESSIONS = {
    33003: "JPEG 2000",
    33005: "JPEG 2000",
    34661: "JBIG",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossy JPEG (DNG)",
    34925: "LZMA",
    50000: "Zstandard",
    50001: "WebP",
    50002: "JPEG XL",
}
REDUCED, MASK = 1, 4  # bits of NEW_SUBFILE_TYPE


def load_tiff(data: bytes, bounds: Bounds) -> Loaded:
    """Decode the first page of a TIFF, without reduced images and masks.

    Raises:
        UnreadableError: The page is missing, too large, of an unsupported kind, damaged or cut off.
    """
    frames = find_pages(data, 1)
    if not frames:
        raise UnreadableError(describe_open_error(data))
    image = open_frame(data, frames[0])
    if DNG_VERSION in image.tag_v2:
        raise UnreadableError("camera raw photo (DNG): not supported")
    bounds.check(image.size, "TIFF")
    try:
        load_strictly(image)
        return Loaded(image, is_sound=False, is_upright=True)
    except Exception:
        image = open_frame(data, frames[0])
    missing, failed = load_partly(image)
    compression = COMPRESSIONS.get(image.tag_v2.get(COMPRESSION, 1))
    if compression and missing.all():
        raise UnreadableError(f"TIFF image compressed with {compression}: not supported")
    if not failed:  # the pixels are there, but cannot be converted
        raise UnreadableError(DAMAGED)
    return accept_or_reject(Loaded(image, False, True, missing_rows=missing), is_cut=is_cut(image, len(data)))


def find_pages(data: bytes, limit: int = MAX_PAGES) -> list[int]:
    """Return the indices of the images of a TIFF that are pages. Empty if the file cannot be opened.

    If every image is a reduced one or a mask, the first one counts.

    Args:
        data: The file.
        limit: Maximum number of pages to look for.
    """
    try:
        image = open_stream(TiffImagePlugin.TiffImageFile, data)
    except Exception:  # decoders of Pillow raise many types
        return []
    pages = []
    with image:
        for index in range(MAX_PAGES):
            try:
                image.seek(index)
            except Exception:  # the last page, or a damaged directory
                break
            if is_page(image.tag_v2):
                pages.append(index)
            if len(pages) >= limit:
                break
    return pages or [0]


def is_page(tags: Any) -> bool:
    """Return True if the tags are those of a page, not of a reduced image or a mask."""
    kind, old_kind = tags.get(NEW_SUBFILE_TYPE, 0), tags.get(SUBFILE_TYPE, 1)
    return not (isinstance(kind, int) and kind & (REDUCED | MASK)) and old_kind != 2


def open_frame(data: bytes, index: int) -> TiffImagePlugin.TiffImageFile:
    """Open one image of a TIFF.

    Raises:
        UnreadableError: It is damaged.
    """
    try:
        image = open_stream(TiffImagePlugin.TiffImageFile, data)
        image.seek(index)
        correct_planes(image)
    except Exception:  # decoders of Pillow raise many types
        raise UnreadableError(DAMAGED) from None
    return image


def correct_planes(image: TiffImagePlugin.TiffImageFile) -> None:
    """Correct the decoder mode of an uncompressed image that stores 16-bit channels in separate planes.

    Pillow would read each 16-bit value as two pixels of 8 bits.
    """
    if set(image.tag_v2.get(BITS_PER_SAMPLE, ())) != {16}:
        return
    wide = ";16L" if image.tag_v2.prefix == b"II" else ";16B"
    image.tile = [
        tile._replace(args=(tile.args[0] + wide, *tile.args[1:]))
        if tile.codec_name == "raw" and isinstance(tile.args, tuple) and tile.args[0] in ("R", "G", "B", "A")
        else tile
        for tile in image.tile
    ]


def is_cut(image: TiffImagePlugin.TiffImageFile, size: int) -> bool:
    """Return True if pixels of an image are declared beyond the end of the file."""
    for offsets, counts in ((273, 279), (324, 325)):
        starts, sizes = image.tag_v2.get(offsets, ()), image.tag_v2.get(counts, ())
        if any(start + length > size for start, length in zip(starts, sizes, strict=False)):
            return True
    return False


def describe_open_error(data: bytes) -> str:
    """Return the reason why no page of a TIFF can be opened."""
    offset = int.from_bytes(data[4:8], "little" if data[:2] == b"II" else "big")
    if data[2:4] in (b"*\0", b"\0*") and offset > len(data):
        return f"cut off: at least {max(1, round(100 - 100 * len(data) / offset))} % of the file is missing"
    try:
        open_stream(TiffImagePlugin.TiffImageFile, data)
    except SyntaxError as error:
        text = str(error)
        if text.isdecimal():  # the number of the compression
            return f"TIFF image compressed with {COMPRESSIONS.get(int(text), f'method {text}')}: not supported"
        if "unknown" in text:
            return "TIFF image of this kind: not supported"
    except Exception:  # decoders of Pillow raise many types
        pass
    return DAMAGED
