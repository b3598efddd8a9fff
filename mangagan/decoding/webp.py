"""The chunks of a WebP file: check that the pixels are there, and rebuild a file without damaged metadata."""

import struct
from dataclasses import dataclass, replace

import numpy as np
from PIL import WebPImagePlugin

from mangagan.decoding.streams import open_stream

PIXEL_CHUNKS = (b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF")
MIN_ZERO_TAIL = 16  # bytes
# Bytes that replace missing data. The decoder accepts zeros nearly always, and mostly at least one of the others.
FILL, OTHER_FILLS = b"\0", (b"\x81", b"\xc0", b"\x90", b"\x48", b"\x30", b"\x24", b"\x12", b"\x09")


@dataclass(frozen=True)
class Layout:
    """The chunks of a WebP file, read without decoding it.

    Attributes:
        size: Width and height [px]. None if unknown.
        chunks: Type, start and size of the content of each chunk, as declared.
        missing_bytes: Number of bytes of pixel data that are missing, or that may be missing because they are zeros at
            the end.
        has_zero_tail: True if all bytes are there, but the last ones are zeros.
        is_sound: True if the file is as long as it declares.
    """

    size: tuple[int, int] | None
    chunks: list[tuple[bytes, int, int]]
    missing_bytes: int
    has_zero_tail: bool
    is_sound: bool


def read_layout(data: bytes) -> Layout:
    """Return the layout of a WebP file."""
    declared = 8 + int.from_bytes(data[4:8], "little")
    chunks, position = [], 12
    while position + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, position)
        chunks.append((kind, position + 8, size))
        position += 8 + size + size % 2
    missing, is_complete = 0, True
    for kind, start, size in chunks:
        if kind in PIXEL_CHUNKS:
            content = data[start : start + size]
            written = len(content.rstrip(b"\0"))
            zeros = len(content) - written
            missing = size - (written if zeros >= MIN_ZERO_TAIL else len(content))
            is_complete = len(content) == size
    is_sound = declared in (len(data), len(data) + 1)
    return Layout(read_size(data), chunks, missing, is_complete and missing > 0, is_sound)


def read_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height of the canvas in the header [px]. None if the header is not valid."""
    kind, start = data[12:16], 20
    if kind == b"VP8X" and len(data) >= 30:
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L" and data[start : start + 1] == b"\x2f":
        bits = int.from_bytes(data[start + 1 : start + 5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and data[start + 3 : start + 6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data + bytes(4), start + 6)
        return width & 0x3FFF, height & 0x3FFF
    return None


def rebuild(data: bytes, layout: Layout, fill: bytes = FILL) -> bytes:
    """Return a WebP file of the pixel data alone. The bytes that are missing are replaced.

    Args:
        data: The file.
        layout: Its layout.
        fill: The byte that replaces missing ones.
    """
    body = b""
    for kind, start, size in layout.chunks:
        content = data[start : start + size]
        if kind == b"VP8X":
            flags = content[0] & 0b00010010 if content else 0  # alpha and animation; no profile, EXIF and XMP
            body += make_chunk(kind, bytes([flags]) + content[1:10].ljust(9, b"\0"))
        elif kind in PIXEL_CHUNKS:
            if layout.missing_bytes and start + size >= len(data.rstrip(b"\0")):
                content = content[: size - layout.missing_bytes]
            body += make_chunk(kind, content.ljust(size, fill))
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def make_chunk(kind: bytes, content: bytes) -> bytes:
    """Return an encoded chunk."""
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def load_partly(data: bytes, layout: Layout) -> tuple[WebPImagePlugin.WebPImageFile, np.ndarray] | None:
    """Decode a file that is cut off, as far as possible.

    The missing bytes are replaced by two different values. The rows that differ were not decoded from the data.

    Returns:
        The image and bool (H,), True for missing rows. None if nothing can be decoded.
    """
    if layout.missing_bytes > len(data):  # a wrong size, or too little data to show anything
        return None
    first = load_filled(data, layout, FILL)
    others = (load_filled(data, layout, fill) for fill in OTHER_FILLS)
    second = first and next((other for other in others if other is not None), None)
    if first is None or second is None:
        return None
    missing = np.zeros(first.height, bool)
    for row in range(first.height):
        box = (0, row, first.width, row + 1)
        if first.crop(box).tobytes() != second.crop(box).tobytes():
            missing[row:] = True
            break
    second.close()
    return first, missing


def needs_last_bytes(data: bytes, layout: Layout) -> bool:
    """Return True if a file cannot be decoded without its last bytes of pixel data.

    Blank areas can be stored as zeros; the picture then needs the last of them. It does not need the last one of the
    zeros that replace data which was never written.
    """
    chunks = [
        (kind, start, size - MIN_ZERO_TAIL // 2 if kind in (b"VP8 ", b"VP8L") else size)
        for kind, start, size in layout.chunks
    ]
    return load_filled(data, replace(layout, chunks=chunks, missing_bytes=0), FILL) is None


def load_filled(data: bytes, layout: Layout, fill: bytes) -> WebPImagePlugin.WebPImageFile | None:
    """Decode a file whose missing bytes are replaced. None if the decoder rejects it."""
    try:
        image = open_stream(WebPImagePlugin.WebPImageFile, rebuild(data, layout, fill))
        image.load()
    except Exception:  # decoders of Pillow raise many types
        return None
    return image
