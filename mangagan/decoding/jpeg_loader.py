"""Load a JPEG file. Damage outside of the pixels is repaired."""

from dataclasses import replace

import numpy as np
from PIL import JpegImagePlugin

from mangagan.decoding.errors import UnreadableError
from mangagan.decoding.jpeg import (
    END,
    JPEG_LS,
    Layout,
    count_scans,
    find_missing_rows,
    has_all_scans,
    is_suspicious,
    read_layout,
    rebuild,
)
from mangagan.decoding.loading import (
    DAMAGED,
    MAX_MISSING_SHARE,
    NOTHING_LEFT,
    Bounds,
    Loaded,
    accept_or_reject,
    load_strictly,
    make_preview,
)
from mangagan.decoding.salvage import load_partly
from mangagan.decoding.streams import open_stream

MAX_CHECKED_PIXELS = 40 * 10**6  # the check of a larger progressive JPEG would need too much memory
LACKS_DETAIL = "cut off: the fine detail of the picture is missing"
LACKS_HEIGHT = "damaged: the height of the picture is missing"


def load_jpeg(data: bytes, bounds: Bounds) -> Loaded:
    """Decode the first picture of a JPEG file.

    Raises:
        UnreadableError: The image is too large, of an unsupported kind, damaged or cut off.
    """
    layout = read_layout(data)
    if any(marker == JPEG_LS for marker, _, _ in layout.segments):
        raise UnreadableError("JPEG-LS image: not supported")
    if layout.scan is None:
        raise UnreadableError(NOTHING_LEFT)
    if layout.precision not in (0, 8):
        raise UnreadableError(f"JPEG image with {layout.precision} bits per channel: not supported")
    is_cut = layout.end is None
    is_sound = not is_cut and layout.is_sound and layout.start == 0 and layout.height > 0
    if not is_sound:
        data = rebuild(data, layout)
        layout = read_layout(data)
    image = open_jpeg(data, layout, bounds)
    try:
        load_strictly(image)
    except Exception:
        if is_sound and layout.scan is not None:
            data = rebuild(data, layout)
        return load_damaged(data, layout, bounds)
    is_costly = layout.is_progressive and image.width * image.height > MAX_CHECKED_PIXELS
    if is_cut or (not is_costly and is_suspicious(data, layout, read_last_pixels(image))):
        return check_pixels(Loaded(image, is_sound), data, layout, is_cut)
    return Loaded(image, is_sound)


def open_jpeg(data: bytes, layout: Layout, bounds: Bounds) -> JpegImagePlugin.JpegImageFile:
    """Open a JPEG and check its size.

    Raises:
        UnreadableError: The header is damaged, or the image is too large.
    """
    for attempt in (data, rebuild(data, layout)):
        try:
            image = open_stream(JpegImagePlugin.JpegImageFile, attempt)
            break
        except Exception:  # decoders of Pillow raise many types
            continue
    else:
        raise UnreadableError(DAMAGED if layout.height else LACKS_HEIGHT)
    bounds.check(image.size, "progressive JPEG", layout.bytes_per_pixel)
    return image


def load_damaged(data: bytes, layout: Layout, bounds: Bounds) -> Loaded:
    """Decode a JPEG that a strict decoder rejects.

    Raises:
        UnreadableError: Too many rows cannot be decoded.
    """
    image = open_jpeg(data, layout, bounds)
    missing, failed = load_partly(image)
    if not failed:
        return Loaded(image, False)
    return accept_or_reject(Loaded(image, False, missing_rows=missing), is_cut=False)


def read_last_pixels(image: JpegImagePlugin.JpegImageFile) -> np.ndarray:
    """Return the last pixels of the last row as they are stored: uint8 (n,) or (n, channels)."""
    box = (max(0, image.width - 4), image.height - 1, image.width, image.height)
    return np.asarray(image.crop(box))[0]


def check_pixels(loaded: Loaded, data: bytes, layout: Layout, is_cut: bool) -> Loaded:
    """Return an image if all of its rows, or all but a few, are in the file.

    Args:
        loaded: The decoded image.
        data: The file it was decoded from.
        layout: Its layout.
        is_cut: True if the end marker was missing.

    Raises:
        UnreadableError: Pixels are missing.
    """
    body = data[: layout.end] if layout.end is not None else data.removesuffix(END)
    try:
        count = find_missing_rows(body, layout, is_cut)
    except Exception:  # decoders of Pillow raise many types
        raise UnreadableError(DAMAGED, make_preview(loaded)) from None
    share = count / loaded.image.height
    if layout.is_progressive and count_scans(data, layout) > 1:  # missing scans make every row coarser
        if not has_all_scans(data, layout) and (is_cut or count):
            raise UnreadableError(LACKS_DETAIL, make_preview(loaded))
        if share > MAX_MISSING_SHARE:
            raise UnreadableError(f"{LACKS_DETAIL} in {round(100 * share)} % of it", make_preview(loaded))
        return replace(loaded, is_sound=loaded.is_sound and not count)
    if not count:
        return loaded
    missing = np.zeros(loaded.image.height, bool)
    missing[max(0, len(missing) - count) :] = True
    return accept_or_reject(replace(loaded, is_sound=False, missing_rows=missing), is_cut or share < 1)
