"""The boxes of AVIF, HEIC, JPEG XL and JPEG 2000 files: find files that are cut off, and read the size of JPEG XL."""

from collections.abc import Iterator

JP2_END = b"\xff\xd9"
JXL_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
MAX_BOXES = 10_000
# Boxes that a picture needs. Others, and whatever looks like a box behind the picture, may be cut off.
NEEDED_BOXES = (b"meta", b"mdat", b"moov", b"idat", b"jp2h", b"jp2c", b"jxlc", b"jxlp", b"jbrd")
MIN_ZERO_TAIL = 64  # trailing zero bytes that show that the end of the file was never written


def iterate_boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start of the content and declared end of each box at the top level."""
    position = 0
    for _ in range(MAX_BOXES):
        if position + 8 > len(data):
            return
        size, kind, start = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8], 8
        if size == 1:
            size, start = int.from_bytes(data[position + 8 : position + 16], "big"), 16
        if size == 0:
            size = len(data) - position  # up to the end of the file
        if size < start or not kind.strip().isalnum():
            return
        yield kind, position + start, position + size
        position += size


def find_missing_share(data: bytes, name: str) -> float:
    """Return the share of the file that is missing or zeros at its end [0, 1]. 0 if nothing is known to be missing.

    Args:
        data: The file.
        name: "AVIF", "HEIC", "JXL" or "JPEG2000".
    """
    written = len(data.rstrip(b"\0"))
    is_bare = data[:2] in (b"\xff\x0a", b"\xff\x4f")
    if is_bare:
        return 0.0
    end = max((end for kind, _, end in iterate_boxes(data) if kind in NEEDED_BOXES), default=0)
    length = written if len(data) - written >= MIN_ZERO_TAIL and name != "HEIC" else len(data)
    return max(0.0, 1 - length / end) if end else 0.0


def find_codestream_gap(data: bytes) -> int | None:
    """Return how many bytes a JPEG 2000 codestream lacks at least. None if that is unknown.

    OpenJPEG decodes a codestream that is cut off without an error.
    """
    start = data.find(b"\xff\x4f\xff\x51")
    position = data.find(b"\xff\x90\x00\x0a", max(start, 0))
    if start < 0 or position < 0:
        return None
    for _ in range(MAX_BOXES):
        if data[position : position + 2] != b"\xff\x90":
            break
        size = int.from_bytes(data[position + 6 : position + 10], "big")
        position = position + size if size >= 12 else len(data) - 2  # 0: up to the end marker
    if data[position : position + 2] == JP2_END:
        return 0
    zeros = len(data) - len(data.rstrip(b"\0"))
    return max(position + 2 - len(data), zeros if zeros >= MIN_ZERO_TAIL else 0, 0)


def read_jxl_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height in the header of a JPEG XL file [px]. None if the header is not valid."""
    if data[:2] != b"\xff\x0a":
        data = find_jxl_codestream(data)
    if data[:2] != b"\xff\x0a":
        return None
    bits = Bits(data[2:16])
    if bits.read(1):
        height = (bits.read(5) + 1) * 8
        ratio = bits.read(3)
        width = height * JXL_RATIOS[ratio - 1][0] // JXL_RATIOS[ratio - 1][1] if ratio else (bits.read(5) + 1) * 8
        return width, height
    height = bits.read((9, 13, 18, 30)[bits.read(2)]) + 1
    ratio = bits.read(3)
    if ratio:
        return height * JXL_RATIOS[ratio - 1][0] // JXL_RATIOS[ratio - 1][1], height
    return bits.read((9, 13, 18, 30)[bits.read(2)]) + 1, height


def find_jxl_codestream(data: bytes) -> bytes:
    """Return the first bytes of the codestream in a JPEG XL container. Empty if there is none."""
    for kind, start, _ in iterate_boxes(data):
        if kind == b"jxlc":
            return data[start : start + 32]
        if kind == b"jxlp":
            return data[start + 4 : start + 36]
    return b""


class Bits:
    """Reads numbers from bytes, lowest bit first. Bits after the end are 0."""

    def __init__(self, data: bytes) -> None:
        self.value = int.from_bytes(data, "little")

    def read(self, count: int) -> int:
        """Return the next number of `count` bits."""
        number = self.value & ((1 << count) - 1)
        self.value >>= count
        return number
