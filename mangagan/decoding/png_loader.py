"""Load a PNG file. Damage outside of the pixels is repaired."""

import struct

import numpy as np
from PIL import PngImagePlugin

from mangagan.decoding.errors import UnreadableError
from mangagan.decoding.loading import (
    DAMAGED,
    MAX_MISSING_SHARE,
    NOTHING_LEFT,
    Bounds,
    Loaded,
    accept_or_reject,
    describe_missing,
    load_strictly,
    make_preview,
)
from mangagan.decoding.png import (
    SIGNATURE,
    Chunk,
    count_stream_bytes,
    find_missing_share,
    is_clean,
    read_chunks,
    read_pixel_data,
    rebuild,
)
from mangagan.decoding.salvage import load_partly
from mangagan.decoding.streams import open_stream

WRONG_CHECKSUM = "damaged: the checksum of the pixels is wrong"


def load_png(data: bytes, bounds: Bounds) -> Loaded:
    """Decode a PNG.

    Raises:
        UnreadableError: The image is too large, damaged or cut off.
    """
    chunks = read_chunks(data)
    header = next((bytes(chunk.data) for chunk in chunks if chunk.kind == b"IHDR"), b"")
    if len(header) < 13 or not any(chunk.kind == b"IDAT" for chunk in chunks):
        raise UnreadableError(NOTHING_LEFT)
    width, height, bit_depth = struct.unpack_from(">IIB", header)
    if min(width, height) == 0:
        raise UnreadableError(DAMAGED)
    bounds.check((width, height), "PNG")
    if is_clean(chunks) and data.startswith(SIGNATURE):
        try:
            image = open_stream(PngImagePlugin.PngImageFile, data)
            load_strictly(image)
            return Loaded(image, bit_depth=bit_depth)
        except Exception:
            pass  # rebuild it
    return load_rebuilt(chunks, header)


def load_rebuilt(chunks: list[Chunk], header: bytes) -> Loaded:
    """Decode a PNG whose chunks are damaged.

    Raises:
        UnreadableError: Pixels are damaged or missing.
    """
    pixel_data = read_pixel_data(chunks)
    try:
        image = open_stream(PngImagePlugin.PngImageFile, rebuild(chunks, pixel_data.stream))
    except Exception:  # decoders of Pillow raise many types
        raise UnreadableError(DAMAGED) from None
    missing, failed = load_partly(image)
    loaded = Loaded(image, False, bit_depth=header[8])
    if header[12]:  # interlaced: a part of the data is a coarse picture, not its upper part
        share = find_missing_share(header, count_stream_bytes(pixel_data.stream)) if failed else 0
        if share:
            raise UnreadableError(describe_missing(share, pixel_data.is_cut))
        missing = np.zeros(image.height, bool)
    if missing.any() and (pixel_data.is_cut or missing.mean() > MAX_MISSING_SHARE):
        return accept_or_reject(Loaded(image, False, False, header[8], missing), pixel_data.is_cut)
    if not pixel_data.is_intact and not pixel_data.is_cut:
        raise UnreadableError(WRONG_CHECKSUM, make_preview(loaded))
    return loaded
