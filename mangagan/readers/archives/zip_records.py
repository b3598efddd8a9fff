"""Parse the records of a ZIP: the end record, the central directory and the local headers.

This module replaces `zipfile`, which rejects a whole archive for one bad name or extra field, reads the central
directory without a bound, and cannot list an archive that is cut off. Source: APPNOTE.TXT 6.3.10 of PKWARE.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

LOCAL = b"PK\x03\x04"
CENTRAL = b"PK\x01\x02"
END = b"PK\x05\x06"
END64 = b"PK\x06\x06"
LOCATOR64 = b"PK\x06\x07"
DESCRIPTOR = b"PK\x07\x08"
LOCAL_HEADER = struct.Struct("<4s5H3I2H")
CENTRAL_HEADER = struct.Struct("<4s6H3I5H2I")
END_RECORD = struct.Struct("<4s4H2IH")
END64_RECORD = struct.Struct("<4sQ2H2I4Q")
LOCATOR64_RECORD = struct.Struct("<4sIQI")
UNKNOWN = 0xFFFFFFFF  # the value is in the ZIP64 extra field
ZIP64_EXTRA = 0x0001
UNICODE_PATH_EXTRA = 0x7075
ENCRYPTED, DESCRIPTOR_FOLLOWS, UTF8, ENCRYPTED_DIRECTORY = 0x0001, 0x0008, 0x0800, 0x2000
MAX_TAIL = 1 << 20  # bytes at the end in which the end record is searched: comment, and junk of downloads
MAX_PREFIX = 8 << 20  # bytes before the archive, such as a self-extracting program


@dataclass(frozen=True)
class Entry:
    """A file in a ZIP.

    Attributes:
        raw_name: Name as it is stored.
        unicode_name: Name that is known to be Unicode. None if the encoding is unknown.
        flags: General purpose flags.
        method: Compression method.
        crc: CRC-32 of the unpacked file.
        packed_size: [bytes]
        size: Unpacked [bytes].
        header_offset: Position of the local header in the file.
        attributes: External attributes and the system that wrote them.
    """

    raw_name: bytes
    unicode_name: str | None
    flags: int
    method: int
    crc: int
    packed_size: int
    size: int
    header_offset: int
    attributes: tuple[int, int] = (0, 0)

    @property
    def is_folder(self) -> bool:
        """Return True for the entry of a folder."""
        return self.raw_name.endswith((b"/", b"\\")) and self.size == 0

    @property
    def is_link(self) -> bool:
        """Return True for a symbolic link of a Unix system."""
        system, external = self.attributes
        return system in (3, 19) and (external >> 16) & 0o170000 == 0o120000


@dataclass(frozen=True)
class Directory:
    """Where the central directory is.

    Attributes:
        start: Position of its first record.
        end: Position after its last record.
        shift: Bytes before the archive that offsets do not count.
        count: Number of entries, as the end record declares.
        split: True if the archive consists of several files.
    """

    start: int
    end: int
    shift: int
    count: int
    split: bool


def find_directory(file: IO[bytes], file_size: int) -> Directory | None:
    """Find the end record, and check that the central directory is at the declared position.

    Returns:
        None if there is no valid end record.
    """
    tail_start = max(file_size - MAX_TAIL, 0)
    tail = read_at(file, tail_start, MAX_TAIL)
    position = tail.rfind(END)
    for _ in range(64):  # a false signature in a comment or in packed data
        if position < 0:
            return None
        directory = parse_end(file, tail, position, tail_start)
        if directory is not None:
            return directory
        position = tail.rfind(END, 0, position)
    return None


def parse_end(file: IO[bytes], tail: bytes, position: int, tail_start: int) -> Directory | None:
    """Parse an end record at a position in the tail. None if it is not valid."""
    if position + END_RECORD.size > len(tail):
        return None
    _, disk, first_disk, disk_count, count, size, offset, _ = END_RECORD.unpack_from(tail, position)
    end = tail_start + position
    if UNKNOWN in (size, offset) or count == 0xFFFF:
        found = parse_end64(file, end)
        if found is not None:
            end, disk, first_disk, disk_count, count, size, offset = found
    split = disk not in (0, 0xFFFF, UNKNOWN) or disk != first_disk or disk_count != count
    if count == 0 and size == 0:
        return Directory(end, end, 0, 0, split)
    for start in (end - size, offset):
        if start >= 0 and read_at(file, start, 4) == CENTRAL:
            return Directory(start, start + size, start - offset, count, split)
    return Directory(end, end, 0, count, split) if split and position + END_RECORD.size == len(tail) else None


def parse_end64(file: IO[bytes], end: int) -> tuple[int, int, int, int, int, int, int] | None:
    """Parse the end record of ZIP64.

    Args:
        file: The archive.
        end: Position of the 32-bit end record.

    Returns:
        Its position, number of this disk, disk of the directory, entries on this disk, entries, size and offset of the
        directory. None if there is none.
    """
    locator = read_at(file, end - LOCATOR64_RECORD.size, LOCATOR64_RECORD.size)
    if len(locator) < LOCATOR64_RECORD.size or not locator.startswith(LOCATOR64):
        return None
    stated = LOCATOR64_RECORD.unpack(locator)[2]
    for position in (end - LOCATOR64_RECORD.size - END64_RECORD.size, stated):
        record = read_at(file, position, END64_RECORD.size)
        if len(record) == END64_RECORD.size and record.startswith(END64):
            _, _, _, _, disk, first_disk, disk_count, count, size, offset = END64_RECORD.unpack(record)
            return position, disk, first_disk, disk_count, count, size, offset
    return None


def iterate_central(file: IO[bytes], directory: Directory) -> Iterator[Entry]:
    """Yield the entries of the central directory. Stop at the first record that is damaged."""
    position = directory.start
    while position < directory.end:
        header = read_at(file, position, CENTRAL_HEADER.size)
        if len(header) < CENTRAL_HEADER.size or not header.startswith(CENTRAL):
            return
        fields = CENTRAL_HEADER.unpack(header)
        version, flags, method, crc, packed_size, size = fields[1], fields[3], fields[4], *fields[7:10]
        name_length, extra_length, comment_length, external, offset = *fields[10:13], *fields[15:17]
        variable = file.read(name_length + extra_length)
        if len(variable) < name_length + extra_length:
            return
        name, extra = variable[:name_length], variable[name_length:]
        size, packed_size, offset = apply_zip64(extra, size, packed_size, offset)
        yield Entry(
            raw_name=name,
            unicode_name=find_unicode_name(name, extra, flags),
            flags=flags,
            method=method,
            crc=crc,
            packed_size=packed_size,
            size=size,
            header_offset=offset + directory.shift,
            attributes=(version >> 8, external),
        )
        position += CENTRAL_HEADER.size + name_length + extra_length + comment_length


def apply_zip64(extra: bytes, *values: int) -> tuple[int, ...]:
    """Return size, packed size and offset with those that are UNKNOWN replaced from the ZIP64 extra field."""
    field = find_extra(extra, ZIP64_EXTRA)
    result = []
    for value in values:
        if value == UNKNOWN and len(field) >= 8:
            value, field = int.from_bytes(field[:8], "little"), field[8:]
        result.append(value)
    return tuple(result)


def find_extra(extra: bytes, wanted: int) -> bytes:
    """Return the content of an extra field. Empty if it is missing."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        if kind == wanted:
            return extra[position + 4 : position + 4 + length]
        position += 4 + length
    return b""


def find_unicode_name(name: bytes, extra: bytes, flags: int) -> str | None:
    """Return the name if it is known to be Unicode: by the UTF-8 flag or by the Unicode Path extra field."""
    field = find_extra(extra, UNICODE_PATH_EXTRA)
    try:
        if len(field) > 5 and field[0] == 1 and int.from_bytes(field[1:5], "little") == zlib.crc32(name):
            return field[5:].decode()
        return name.decode() if flags & UTF8 else None
    except UnicodeDecodeError:
        return None


def read_local(file: IO[bytes], position: int) -> Entry | None:
    """Read the local header at a position. None if there is none."""
    header = read_at(file, position, LOCAL_HEADER.size)
    if len(header) < LOCAL_HEADER.size or not header.startswith(LOCAL):
        return None
    _, _, flags, method, _, _, crc, packed_size, size, name_length, extra_length = LOCAL_HEADER.unpack(header)
    variable = file.read(name_length + extra_length)
    if len(variable) < name_length + extra_length:
        return None
    name, extra = variable[:name_length], variable[name_length:]
    size, packed_size = apply_zip64(extra, size, packed_size)
    return Entry(name, find_unicode_name(name, extra, flags), flags, method, crc, packed_size, size, position)


def find_data(file: IO[bytes], position: int) -> int:
    """Return the position of the packed data of the local header at a position.

    Raises:
        ValueError: There is no local header.
    """
    header = read_at(file, position, LOCAL_HEADER.size)
    if len(header) < LOCAL_HEADER.size or not header.startswith(LOCAL):
        raise ValueError("no local header")
    return position + LOCAL_HEADER.size + sum(LOCAL_HEADER.unpack(header)[9:11])


def read_at(file: IO[bytes], position: int, length: int) -> bytes:
    """Read at a position. The result is shorter at the end of the file, and empty for a negative position."""
    if position < 0:
        return b""
    file.seek(position)
    return file.read(length)
