"""The pages of a TIFF file, each as a TIFF file of its own, without decoding or copying the others.

A TIFF is a chain of directories. A directory holds tags, and the tags name the parts of the file (strips or tiles) that
hold the pixels. Source: TIFF 6.0, section 2, and the BigTIFF specification.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from mangagan.readers.errors import ReaderError, TooLargeError

MAX_PAGES = 10_000
MAX_TAGS = 1000  # of a directory
MAX_VALUE_BYTES = 16 * 10**6  # of the tags of a directory, for example a colour profile or a table of offsets
MAX_INTEGERS = 10**6  # of a tag
TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
INTEGER_FORMATS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
LONG = 4  # type of a 32-bit integer
WIDTH, HEIGHT, NEW_SUBFILE_TYPE, SUBFILE_TYPE, COMPRESSION = 256, 257, 254, 255, 259
STRIP_OFFSETS, STRIP_COUNTS, TILE_OFFSETS, TILE_COUNTS = 273, 279, 324, 325
REDUCED_OR_MASK = 0b101  # bits of NEW_SUBFILE_TYPE
OLD_REDUCED = 2  # value of SUBFILE_TYPE
OLD_JPEG = 6  # compression whose tags point into the file in other ways
# Tags that point to other directories, or hold the layers of Photoshop.
DROPPED_TAGS = (330, 400, 34665, 34853, 37724, 40965)


@dataclass(frozen=True)
class Tag:
    """A tag of a directory.

    Attributes:
        kind: Type of its values, a key of `TYPE_BYTES`.
        count: Number of values.
        position: Position of the values in the file.
    """

    kind: int
    count: int
    position: int


@dataclass(frozen=True)
class Directory:
    """A directory: one image.

    Attributes:
        offset: Position in the file.
        tags: Tags by number.
    """

    offset: int
    tags: dict[int, Tag] = field(repr=False)


class TiffFile:
    """The directories of an open TIFF file, classic or BigTIFF.

    Attributes:
        order: Byte order for `struct`.
        is_big: True for BigTIFF.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Read the header.

        Raises:
            ReaderError: The file is no TIFF.
        """
        self.file = file
        header = self.read(0, 16)
        if header[:2] not in (b"II", b"MM"):
            raise ReaderError("damaged TIFF")
        self.order = "<" if header[:2] == b"II" else ">"
        self.is_big = self.unpack("H", header[2:4]) == 43
        self.first = self.unpack("Q", header[8:16]) if self.is_big else self.unpack("I", header[4:8])

    def read(self, position: int, length: int) -> bytes:
        """Return bytes of the file. Fewer at its end."""
        self.file.seek(position)
        return self.file.read(length)

    def unpack(self, code: str, data: bytes) -> int:
        """Return an integer.

        Raises:
            ReaderError: There are too few bytes.
        """
        try:
            return int(struct.unpack(self.order + code, data)[0])
        except struct.error:
            raise ReaderError("damaged TIFF: a directory is cut off") from None

    def iterate_directories(self) -> Iterator[Directory]:
        """Yield the directories of the chain, until its end or the first damaged one."""
        offset, visited = self.first, set[int]()
        while offset and offset not in visited and len(visited) < MAX_PAGES:
            visited.add(offset)
            try:
                directory, offset = self.read_directory(offset)
            except (ReaderError, OverflowError, ValueError, OSError):
                return
            yield directory

    def read_directory(self, offset: int) -> tuple[Directory, int]:
        """Return a directory, and the position of the next one (0 if it is the last).

        Raises:
            ReaderError: The directory is damaged.
        """
        count_code, size_code, entry_bytes, inline = ("Q", "Q", 20, 8) if self.is_big else ("H", "I", 12, 4)
        start = offset + (8 if self.is_big else 2)
        count = self.unpack(count_code, self.read(offset, start - offset))
        if not 0 < count <= MAX_TAGS:
            raise ReaderError("damaged TIFF: a directory has an impossible size")
        table = self.read(start, count * entry_bytes + inline)
        tags: dict[int, Tag] = {}
        for index in range(count):
            entry = table[index * entry_bytes : (index + 1) * entry_bytes]
            kind = self.unpack("H", entry[2:4])
            values = self.unpack(size_code, entry[4 : 4 + inline])
            if kind not in TYPE_BYTES:
                continue
            position = start + index * entry_bytes + entry_bytes - inline
            if values * TYPE_BYTES[kind] > inline:
                position = self.unpack(size_code, entry[-inline:])
            tags.setdefault(self.unpack("H", entry[:2]), Tag(kind, values, position))
        following = table[count * entry_bytes :]
        return Directory(offset, tags), self.unpack(size_code, following) if len(following) == inline else 0

    def read_value(self, tag: Tag) -> bytes:
        """Return the values of a tag as bytes.

        Raises:
            ReaderError: They are too large or cut off.
        """
        size = tag.count * TYPE_BYTES[tag.kind]
        data = self.read(tag.position, size) if size <= MAX_VALUE_BYTES else b""
        if len(data) < size:
            raise ReaderError("damaged TIFF: a tag is cut off")
        return data

    def read_integers(self, directory: Directory, number: int) -> tuple[int, ...]:
        """Return the values of a tag of integers. Empty if it is missing, too long, or of another type.

        Raises:
            ReaderError: The values are cut off.
        """
        tag = directory.tags.get(number)
        if tag is None or tag.kind not in INTEGER_FORMATS or tag.count > MAX_INTEGERS:
            return ()
        return struct.unpack(f"{self.order}{tag.count}{INTEGER_FORMATS[tag.kind]}", self.read_value(tag))

    def read_classic(self, tag: Tag) -> tuple[int, int, bytes]:
        """Return type, count and bytes of a tag as a classic TIFF stores it: 64-bit integers become 32-bit ones.

        Raises:
            ReaderError: The values are cut off, or too large for 32 bits.
        """
        data = self.read_value(tag)
        if INTEGER_FORMATS.get(tag.kind) != "Q":
            return tag.kind, tag.count, data
        try:
            numbers = struct.unpack(f"{self.order}{tag.count}Q", data)
            return LONG, tag.count, struct.pack(f"{self.order}{tag.count}I", *numbers)
        except struct.error:
            raise ReaderError("damaged TIFF: a number is too large") from None

    def is_page(self, directory: Directory) -> bool:
        """Return True if a directory is a page, not a thumbnail, a mask, or without pixels."""
        try:
            kind = (*self.read_integers(directory, NEW_SUBFILE_TYPE), 0)[0]
            old_kind = (*self.read_integers(directory, SUBFILE_TYPE), 1)[0]
        except ReaderError:
            return False
        has_pixels = WIDTH in directory.tags and (STRIP_OFFSETS in directory.tags or TILE_OFFSETS in directory.tags)
        return has_pixels and not kind & REDUCED_OR_MASK and old_kind != OLD_REDUCED

    def extract(self, directory: Directory, limit: int) -> bytes:
        """Return an image as a TIFF file of its own. Missing bytes at the end of the file stay missing.

        Args:
            directory: The image.
            limit: Maximum size [bytes].

        Raises:
            ReaderError: The directory is damaged.
            TooLargeError: The image is too large.
        """
        if self.read_integers(directory, COMPRESSION)[:1] == (OLD_JPEG,):
            return self.copy_file(directory, limit)
        numbers = (TILE_OFFSETS, TILE_COUNTS) if TILE_OFFSETS in directory.tags else (STRIP_OFFSETS, STRIP_COUNTS)
        offsets, counts = (self.read_integers(directory, number) for number in numbers)
        if len(offsets) != len(counts):  # a file without counts: the reader of pages deduces them
            return self.copy_file(directory, limit)
        if sum(counts) > limit:
            raise TooLargeError(f"too large: {sum(counts) / 1e6:.0f} MB")
        others = {number: tag for number, tag in directory.tags.items() if number not in (*DROPPED_TAGS, *numbers)}
        if sum(tag.count * TYPE_BYTES[tag.kind] for tag in others.values()) > MAX_VALUE_BYTES:
            raise ReaderError("damaged TIFF: a tag has an impossible size")
        values = {number: self.read_classic(tag) for number, tag in others.items()}
        return self.write(values, numbers, offsets, counts)

    def copy_file(self, directory: Directory, limit: int) -> bytes:
        """Return the whole file with another first directory.

        Raises:
            TooLargeError: The file is too large.
        """
        data = bytearray(self.read(0, limit + 1))
        if len(data) > limit:
            raise TooLargeError(f"too large: over {limit / 1e6:.0f} MB")
        position, code = (8, "Q") if self.is_big else (4, "I")
        struct.pack_into(self.order + code, data, position, directory.offset)
        return bytes(data)

    def write(
        self,
        values: dict[int, tuple[int, int, bytes]],
        numbers: tuple[int, int],
        offsets: tuple[int, ...],
        counts: tuple[int, ...],
    ) -> bytes:
        """Return a classic TIFF file with one directory. The directory comes first, the pixels follow.

        Args:
            values: Type, count and bytes of each tag without the next two.
            numbers: Numbers of the tags of offsets and counts.
            offsets: Positions of the strips or tiles in this file.
            counts: Their sizes [bytes].
        """
        parts = sorted(zip(offsets, counts, range(len(offsets)), strict=True))
        size = struct.Struct(f"{self.order}{len(offsets)}I")
        values = {**values, numbers[0]: (LONG, len(offsets), bytes(size.size)),
                  numbers[1]: (LONG, len(counts), size.pack(*counts))}  # fmt: skip
        position = len(self.pack_directory(values))
        moved = [0] * len(offsets)
        pixels: list[bytes] = []
        for offset, count, index in parts:
            moved[index] = position
            pixels.append(self.read(offset, count))
            position += len(pixels[-1])
        values[numbers[0]] = (LONG, len(offsets), size.pack(*moved))
        return b"".join([self.pack_directory(values), *pixels])

    def pack_directory(self, values: dict[int, tuple[int, int, bytes]]) -> bytes:
        """Return the header and the directory of a classic TIFF file, with the values that do not fit into it."""
        mark = b"II*\0" if self.order == "<" else b"MM\0*"
        out = mark + struct.pack(f"{self.order}IH", 8, len(values))
        position = len(out) + 12 * len(values) + 4
        outside = b""
        for number, (kind, count, data) in sorted(values.items()):
            field_bytes = data.ljust(4, b"\0")
            if len(data) > 4:
                field_bytes = struct.pack(f"{self.order}I", position + len(outside))
                outside += data + bytes(len(data) % 2)
            out += struct.pack(f"{self.order}HHI", number, kind, count) + field_bytes
        return out + bytes(4) + outside
