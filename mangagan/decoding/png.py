"""The chunks of a PNG file: check them, and rebuild a file whose pixels are whole."""

import struct
import zlib
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MIN_ZERO_TAIL = 16  # trailing zero bytes that show that the end of the data was never written
MAX_PROFILE_BYTES = 1 << 20  # Pillow rejects larger ones
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
LENGTHS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1}  # ancillary chunks that change the colours


@dataclass(frozen=True)
class Chunk:
    """A chunk.

    Attributes:
        kind: Its type, four letters.
        data: Its content, as far as it is there.
        is_valid: True if the content is whole and its checksum right.
    """

    kind: bytes
    data: memoryview
    is_valid: bool


@dataclass(frozen=True)
class PixelData:
    """The compressed pixels of a PNG.

    Attributes:
        stream: The zlib stream. A tail of zeros is removed if the stream is cut off.
        is_intact: True if the checksums of the chunks, or that of the stream, prove that every pixel is right.
        is_cut: True if the file ends, or is filled with zeros, before the stream ends.
    """

    stream: bytes
    is_intact: bool
    is_cut: bool


def read_chunks(data: bytes) -> list[Chunk]:
    """Return the chunks up to IEND. The last one is not valid if the file is cut off or continues with other data."""
    view = memoryview(data)
    chunks: list[Chunk] = []
    position = max(0, data.find(SIGNATURE)) + len(SIGNATURE)
    while position + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        if not kind.isalpha():
            break
        content = view[position + 8 : position + 8 + size]
        checksum = data[position + 8 + size : position + 12 + size]
        is_valid = len(checksum) == 4 and zlib.crc32(content, zlib.crc32(kind)) == int.from_bytes(checksum, "big")
        chunks.append(Chunk(kind, content, is_valid))
        position += 12 + size
        if kind == b"IEND":
            break
    return chunks


def is_clean(chunks: list[Chunk]) -> bool:
    """Return True if every chunk is valid and the last one is IEND."""
    return bool(chunks) and chunks[-1].kind == b"IEND" and all(chunk.is_valid for chunk in chunks)


def read_pixel_data(chunks: list[Chunk]) -> PixelData:
    """Return the compressed pixels, and whether they are intact or cut off."""
    parts = [chunk for chunk in chunks if chunk.kind == b"IDAT"]
    stream = b"".join(part.data for part in parts)
    is_valid = all(part.is_valid for part in parts) and bool(parts)
    is_cut = not any(chunk.kind == b"IEND" for chunk in chunks)
    if has_right_checksum(stream):
        return PixelData(stream, True, is_cut)
    if not is_valid:
        content = stream.rstrip(b"\0")
        if len(stream) - len(content) >= MIN_ZERO_TAIL:
            stream, is_cut = content, True
    return PixelData(replace_checksum(stream), is_valid and not is_cut, is_cut)


def has_right_checksum(stream: bytes) -> bool:
    """Return True if a zlib stream is whole and its checksum is right. The memory does not depend on its length."""
    inflater, rest = zlib.decompressobj(), stream
    try:
        while rest and not inflater.eof:
            inflater.decompress(rest, 1 << 20)
            rest = inflater.unconsumed_tail
    except zlib.error:
        return False
    return inflater.eof


def replace_checksum(stream: bytes) -> bytes:
    """Return a zlib stream with the checksum of its content, so that Pillow decodes it to its last row.

    A stream that ends too early is returned as it is.
    """
    inflater, rest, checksum = zlib.decompressobj(-zlib.MAX_WBITS), stream[2:], 1
    try:
        while rest and not inflater.eof:
            checksum = zlib.adler32(inflater.decompress(rest, 1 << 20), checksum)
            rest = inflater.unconsumed_tail
    except zlib.error:
        return stream
    if not inflater.eof:
        return stream
    return stream[: len(stream) - len(inflater.unused_data)] + checksum.to_bytes(4, "big")


def rebuild(chunks: list[Chunk], stream: bytes) -> bytes:
    """Return a PNG of these pixels with right checksums, without text, animation and chunks that are not valid."""
    kept = [chunk for chunk in chunks if chunk.kind in (b"IHDR", b"PLTE")]
    header = next((bytes(chunk.data) for chunk in kept if chunk.kind == b"IHDR"), b"")
    entries = next((len(chunk.data) // 3 for chunk in kept if chunk.kind == b"PLTE"), 0)
    colours, transparency, orientation = [], [], []
    for chunk in chunks:
        if not chunk.is_valid:
            continue
        if (chunk.kind == b"iCCP" and is_readable_profile(bytes(chunk.data))) or (
            len(chunk.data) == LENGTHS.get(chunk.kind)
        ):
            colours.append((chunk.kind, bytes(chunk.data)))
        elif chunk.kind == b"tRNS" and (fitting := fit_transparency(bytes(chunk.data), header, entries)):
            transparency.append((chunk.kind, fitting))
        elif chunk.kind == b"eXIf" or (chunk.kind == b"iTXt" and is_orientation_text(chunk.data)):
            orientation.append((chunk.kind, bytes(chunk.data)))
    palette = [(chunk.kind, bytes(chunk.data[: entries * 3])) for chunk in kept if chunk.kind == b"PLTE"][:1]
    ordered = [(b"IHDR", header[:13]), *colours[:8], *palette, *transparency[:1], *orientation[:2]]
    return SIGNATURE + b"".join(make_chunk(*chunk) for chunk in [*ordered, (b"IDAT", stream), (b"IEND", b"")])


def make_chunk(kind: bytes, data: bytes) -> bytes:
    """Return an encoded chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def is_readable_profile(data: bytes) -> bool:
    """Return True if the profile of an iCCP chunk can be unpacked and is of a moderate size."""
    _, separator, packed = data.partition(b"\0")
    if not separator or packed[:1] != b"\0":
        return False
    inflater = zlib.decompressobj()
    try:
        inflater.decompress(packed[1:], MAX_PROFILE_BYTES)
    except zlib.error:
        return False
    return inflater.eof


def fit_transparency(data: bytes, header: bytes, entries: int) -> bytes:
    """Return the content of a tRNS chunk, cut to what the colour type allows. Empty if it allows none.

    Args:
        data: The content.
        header: The content of IHDR.
        entries: Number of colours of the palette.
    """
    colour_type = header[9] if len(header) >= 13 else -1
    length = {0: 2, 2: 6, 3: min(entries, len(data))}.get(colour_type, 0)
    return data[:length] if len(data) >= length else b""


def is_orientation_text(data: memoryview) -> bool:
    """Return True if an iTXt chunk is a short XMP block with an orientation, not compressed."""
    text = bytes(data[: 1 << 20])
    return len(data) <= 1 << 20 and text.startswith(b"XML:com.adobe.xmp\0\0\0") and b"tiff:Orientation" in text


def count_stream_bytes(stream: bytes) -> int:
    """Return how many bytes of pixels a zlib stream holds, as far as it can be unpacked."""
    inflater, rest, count = zlib.decompressobj(), stream, 0
    try:
        while rest and not inflater.eof:
            count += len(inflater.decompress(rest, 1 << 20))
            rest = inflater.unconsumed_tail
    except zlib.error:
        pass
    return count


def find_missing_share(header: bytes, count: int) -> float:
    """Return the share of the pixel data of an interlaced PNG that is missing [0, 1].

    Args:
        header: The content of IHDR.
        count: Number of bytes of pixel data that are there.
    """
    width, height, depth, colour_type = struct.unpack_from(">IIBB", header)
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour_type, 1)
    expected = 0
    for left, top, step_x, step_y in ADAM7:
        columns, rows = -(-(width - left) // step_x), -(-(height - top) // step_y)
        if columns > 0 and rows > 0:
            expected += rows * (1 + (columns * bits + 7) // 8)
    return max(0.0, 1 - count / expected) if expected else 0.0
