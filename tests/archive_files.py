"""Make archives for tests: what the standard library cannot write, and RAR, for which no free program exists."""

import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from mangagan.readers.base import Limits, Reader
from mangagan.readers.errors import ReaderError

ZIP_LOCAL = struct.Struct("<4s5H3I2H")
ZIP_CENTRAL = struct.Struct("<4s6H3I5H2I")
ZIP_END = struct.Struct("<4s4H2IH")
RAR4_SIGNATURE = b"Rar!\x1a\x07\x00"
RAR5_SIGNATURE = b"Rar!\x1a\x07\x01\x00"


def make_zip(
    files: Iterable[tuple[bytes, bytes]],
    *,
    flags: int = 0,
    method: int = 0,
    packed: Mapping[bytes, bytes] | None = None,
    extra: Mapping[bytes, bytes] | None = None,
    sizes: Mapping[bytes, int] | None = None,
    attributes: int = 0,
) -> bytes:
    """Return a ZIP.

    Args:
        files: Raw name and content of each file.
        flags: General purpose flags of all files.
        method: Compression method of all files. The content is stored as it is, unless `packed` has it.
        packed: Name → packed content.
        extra: Name → extra fields.
        sizes: Name → unpacked size that the central directory declares.
        attributes: External attributes of all files.
    """
    body, central, count = bytearray(), bytearray(), 0
    for name, data in files:
        content, field = (packed or {}).get(name, data), (extra or {}).get(name, b"")
        size, crc, offset = (sizes or {}).get(name, len(data)), zlib.crc32(data), len(body)
        common = (flags, method, 0, 33, crc, len(content), size, len(name), len(field))
        body += ZIP_LOCAL.pack(b"PK\x03\x04", 20, *common) + name + field + content
        central += ZIP_CENTRAL.pack(b"PK\x01\x02", 3 << 8 | 20, 20, *common, 0, 0, 0, attributes, offset) + name + field
        count += 1
    end = ZIP_END.pack(b"PK\x05\x06", 0, 0, min(count, 0xFFFF), min(count, 0xFFFF), len(central), len(body), 0)
    return bytes(body + central + end)


class Bits:
    """Bits, the most significant first."""

    def __init__(self) -> None:
        self.text: list[str] = []

    def add(self, value: int, width: int) -> None:
        self.text.append(f"{value:0{width}b}")

    def pack(self) -> tuple[bytes, int]:
        """Return the bytes and the number of bits."""
        text = "".join(self.text)
        return int(text.ljust(-(-len(text) // 8) * 8, "0") or "0", 2).to_bytes(-(-len(text) // 8), "big"), len(text)


# Code of each code length: length 8 has the code 0, length 0 has 10, length 1 has 110, length 9 has 111.
LENGTH_CODES = {8: (0, 1), 0: (2, 2), 1: (6, 3), 9: (7, 3)}


def add_tables(bits: Bits, lengths: Iterable[int]) -> None:
    """Write the Huffman tables of RAR: the lengths of LENGTH_CODES, then the lengths of all symbols."""
    for symbol in range(20):
        bits.add(LENGTH_CODES[symbol][1] if symbol in LENGTH_CODES else 0, 4)
    for length in lengths:
        bits.add(*LENGTH_CODES[length])


def compress_rar4(data: bytes) -> bytes:
    """Return data in the format of RAR 3, as literals only. It becomes longer, but only a real program unpacks it."""
    bits = Bits()
    bits.add(0, 2)  # Lempel-Ziv, no old tables
    add_tables(bits, [8] * 255 + [9, 9] + [0] * 42 + ([1, 1] + [0] * 58) + ([1, 1] + [0] * 15) + ([1, 1] + [0] * 26))
    for byte in data:
        bits.add(*((byte, 8) if byte < 255 else (510, 9)))
    bits.add(511, 9)  # end of the block
    bits.add(1, 2)  # end of the file, tables follow with the next file
    return bits.pack()[0] + bytes(4)


def compress_rar5(data: bytes) -> bytes:
    """Return data in the format of RAR 5, as literals only."""
    bits = Bits()
    add_tables(bits, [8] * 256 + [0] * 50 + ([1, 1] + [0] * 62) + ([1, 1] + [0] * 14) + ([1, 1] + [0] * 42))
    for byte in data:
        bits.add(byte, 8)
    block, count = bits.pack()
    flags = (count - 1) % 8 | 2 << 3 | 0x40 | 0x80  # size of three bytes, last block, tables present
    size = len(block)
    check = 0x5A ^ flags ^ (size & 0xFF) ^ (size >> 8 & 0xFF) ^ (size >> 16)
    return bytes([flags, check]) + size.to_bytes(3, "little") + block


def rar4_block(kind: int, flags: int, fields: bytes) -> bytes:
    """Return a block of RAR 4 with its checksum."""
    header = struct.pack("<BHH", kind, flags, 7 + len(fields)) + fields
    return struct.pack("<H", zlib.crc32(header) & 0xFFFF) + header


def rar4_file(
    name: bytes, data: bytes, *, flags: int = 0, packed: bytes | None = None, part: bytes | None = None
) -> bytes:
    """Return the block of a file.

    Args:
        name: Raw name.
        data: Content.
        flags: Flags of the file: 1 and 2 split, 4 encrypted, 0x10 solid, 0x200 Unicode name.
        packed: Compressed content. None: it is stored.
        part: The part of a stored file that this volume holds. The last part has the checksum of the whole file.
    """
    content = next((value for value in (packed, part) if value is not None), data)
    crc = zlib.crc32(content if flags & 2 else data)
    numbers = (len(content), len(data), 3, crc, 0, 29, 0x30 if packed is None else 0x33, len(name), 0o100644)
    return rar4_block(0x74, 0x8000 | flags, struct.pack("<IIBIIBBHI", *numbers) + name) + content


def make_rar4(
    files: Iterable[tuple[bytes, bytes]], *, flags: int = 0, file_flags: int = 0, compress: bool = False
) -> bytes:
    """Return a RAR of the versions 2.9 to 4.

    Args:
        files: Raw name and content of each file.
        flags: Flags of the archive: 1 volume, 8 solid, 0x10 new names of volumes, 0x80 encrypted headers, 0x100 first.
        file_flags: Flags of all files.
        compress: Compress the files.
    """
    archive = RAR4_SIGNATURE + rar4_block(0x73, flags, bytes(6))
    if flags & 0x80:
        return archive + b"encrypted" * 100
    for number, (name, data) in enumerate(files):
        solid = 0x10 if flags & 8 and number else 0
        packed = compress_rar4(data) if compress else None
        archive += rar4_file(name, data, flags=file_flags | solid, packed=packed)
    return archive + rar4_block(0x7B, 0x4000, b"")


def vint(value: int) -> bytes:
    """Return an integer of variable length, as RAR 5 stores it."""
    out = bytearray()
    while True:
        out.append(value & 0x7F | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(out)


def rar5_block(kind: int, flags: int, fields: bytes, data: bytes = b"", extra: bytes = b"") -> bytes:
    """Return a block of RAR 5 with its checksum."""
    flags |= (1 if extra else 0) | (2 if data else 0)
    sizes = (vint(len(extra)) if extra else b"") + (vint(len(data)) if data else b"")
    header = vint(kind) + vint(flags) + sizes + fields + extra
    header = vint(len(header)) + header
    return struct.pack("<I", zlib.crc32(header)) + header + data


def rar5_file(
    name: bytes,
    data: bytes,
    *,
    flags: int = 0,
    packed: bytes | None = None,
    solid: bool = False,
    extra: bytes = b"",
    crc: int | None = None,
    dictionary: int = 0,
    size: int | None = None,
) -> bytes:
    """Return the block of a file.

    Args:
        name: Name in UTF-8.
        data: Content.
        flags: Flags of the block: 8 and 0x10 split.
        packed: Compressed content. None: it is stored.
        solid: It continues the compression of the file before.
        extra: Extra records.
        crc: Wrong or partial checksum.
        dictionary: Size of the dictionary, 128 KB × 2^dictionary.
        size: Unpacked size that is declared.
    """
    compression = (0 if packed is None else 3) << 7 | (0x40 if solid else 0) | dictionary << 10
    fields = vint(4) + vint(len(data) if size is None else size) + vint(0o100644)
    fields += struct.pack("<I", zlib.crc32(data) if crc is None else crc)
    fields += vint(compression) + vint(1) + vint(len(name)) + name
    return rar5_block(2, flags, fields, data if packed is None else packed, extra)


def make_rar5(
    files: Iterable[tuple[bytes, bytes]], *, solid: bool = False, compress: bool = False, extra: bytes = b""
) -> bytes:
    """Return a RAR of version 5.

    Args:
        files: Name and content of each file.
        solid: Mark the archive as solid.
        compress: Compress the files.
        extra: Extra records of all files.
    """
    archive = RAR5_SIGNATURE + rar5_block(1, 0, vint(4 if solid else 0))
    for number, (name, data) in enumerate(files):
        packed = compress_rar5(data) if compress else None
        archive += rar5_file(name, data, packed=packed, solid=solid and number > 0, extra=extra)
    return archive + rar5_block(5, 0, vint(0))


def rar5_extra(kind: int, fields: bytes) -> bytes:
    """Return an extra record of a file: 1 encryption, 5 link or copy."""
    record = vint(kind) + fields
    return vint(len(record)) + record


RAR5_ENCRYPTION = rar5_extra(1, vint(0) + vint(0) + b"\x0f" + bytes(32))


def make_encrypted_rar5() -> bytes:
    """Return a RAR of version 5 whose headers are encrypted."""
    return RAR5_SIGNATURE + rar5_block(4, 0, vint(0) + vint(0) + b"\x0f" + bytes(16)) + b"encrypted" * 100


def make_rar4_volumes(name: bytes, data: bytes) -> tuple[bytes, bytes]:
    """Return two volumes that share one stored file."""
    half = len(data) // 2
    first = RAR4_SIGNATURE + rar4_block(0x73, 0x111, bytes(6))
    first += rar4_file(name, data, flags=2, part=data[:half]) + rar4_block(0x7B, 0x4001, b"")
    second = RAR4_SIGNATURE + rar4_block(0x73, 0x11, bytes(6))
    second += rar4_file(name, data, flags=1, part=data[half:]) + rar4_block(0x7B, 0x4008, struct.pack("<H", 1))
    return first, second


def make_rar5_volumes(name: bytes, data: bytes) -> tuple[bytes, bytes]:
    """Return two volumes that share one stored file."""
    half = len(data) // 2
    first = RAR5_SIGNATURE + rar5_block(1, 0, vint(1))
    first += rar5_file(name, data[:half], flags=0x10, size=len(data)) + rar5_block(5, 0, vint(1))
    second = RAR5_SIGNATURE + rar5_block(1, 0, vint(3) + vint(1))
    second += rar5_file(name, data[half:], flags=8, size=len(data), crc=zlib.crc32(data)) + rar5_block(5, 0, vint(0))
    return first, second


def read_archive(reader: type[Reader], path: Path, limits: Limits | None = None) -> tuple[dict[str, bytes | str], str]:
    """Return the content of each member, or the reason why it is not read, and the error after the members.

    Fails if two members have one name: use `list_archive` for such archives.
    """
    members, error = list_archive(reader, path, limits)
    assert len(dict(members)) == len(members)
    return dict(members), error


def list_archive(
    reader: type[Reader], path: Path, limits: Limits | None = None
) -> tuple[list[tuple[str, bytes | str]], str]:
    """Return the name and the content, or the reason, of each member in order, and the error after the members."""
    assert reader.matches(path.read_bytes()[:4096], path)
    members, result, error = [], [], ""
    with reader(path, limits) as opened:
        try:
            for member in opened.members():
                members.append(member)
        except ReaderError as failure:
            error = str(failure)
        for member in members:
            try:
                content: bytes | str = member.reason or member.read()
            except ReaderError as failure:
                content = str(failure)
            if isinstance(content, bytes):
                assert member.size in (None, len(content))
            result.append((member.name, content))
    return result, error
