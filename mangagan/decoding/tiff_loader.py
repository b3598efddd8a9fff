"""Load the pages of a TIFF file."""

from typing import Any

from PIL import TiffImagePlugin

from mangagan.decoding.errors import UnreadableError
from mangagan.decoding.loading import DAMAGED, Bounds, Loaded, accept_or_reject, load_strictly
from mangagan.decoding.salvage import load_partly
from mangagan.decoding.streams import open_stream

MAX_PAGES = 10_000
NEW_SUBFILE_TYPE, SUBFILE_TYPE, DNG_VERSION = 254, 255, 50706  # tags
REDUCED, MASK = 1, 4  # bits of NEW_SUBFILE_TYPE


def load_tiff(data: bytes, bounds: Bounds, page: int = 0) -> Loaded:
    """Decode a page of a TIFF.

    Args:
        data: The file.
        bounds: Bounds of its size.
        page: Index of the page, without reduced images and masks.

    Raises:
        UnreadableError: The page is missing, too large, of an unsupported kind, damaged or cut off.
    """
    frames = find_pages(data, page + 1)
    if page >= len(frames):
        raise UnreadableError(describe_open_error(data))
    image = open_frame(data, frames[page])
    if DNG_VERSION in image.tag_v2:
        raise UnreadableError("camera raw photo (DNG): not supported")
    bounds.check(image.size, "TIFF")
    try:
        load_strictly(image)
        return Loaded(image, is_sound=False, is_upright=True)
    except Exception:
        image = open_frame(data, frames[page])
    missing, failed = load_partly(image)
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
    except Exception:  # any type, see the decoders of Pillow
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
    except Exception:  # any type, see the decoders of Pillow
        raise UnreadableError(DAMAGED) from None
    return image


def is_cut(image: TiffImagePlugin.TiffImageFile, size: int) -> bool:
    """Return True if pixels of an image are declared beyond the end of the file."""
    for offsets, counts in ((273, 279), (324, 325)):
        starts, sizes = image.tag_v2.get(offsets, ()), image.tag_v2.get(counts, ())
        if any(start + length > size for start, length in zip(starts, sizes, strict=False)):
            return True
    return False


def describe_open_error(data: bytes) -> str:
    """Return the reason why no page of a TIFF can be opened."""
    order = "little" if data[:2] == b"II" else "big"
    offset = int.from_bytes(data[4:8], "little" if order == "little" else "big")
    if data[2:4] in (b"*\0", b"\0*") and offset > len(data):
        return f"cut off: at least {max(1, round(100 - 100 * len(data) / offset))} % of the file is missing"
    try:
        open_stream(TiffImagePlugin.TiffImageFile, data)
    except SyntaxError as error:
        if "unknown" in str(error):
            return "TIFF image of this kind: not supported"
    except Exception:  # any type, see the decoders of Pillow
        pass
    return DAMAGED
