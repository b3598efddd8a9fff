"""List the files of a RAR with `rarfile`, with bounds, and without the tool that `rarfile` runs to read a comment."""

import re
import zlib
from pathlib import Path
from typing import IO, Any

import rarfile

from mangagan.readers.archives.archive_reader import describe_count_limit
from mangagan.readers.archives.archive_signatures import RAR4, RAR5
from mangagan.readers.base import Limits
from mangagan.readers.errors import TooLargeError

MAX_PREFIX = 2 << 20  # maximum size of the program in a self-extracting archive [bytes]
MAX_NUMBER_BYTES = 10  # of an integer of variable length
NEW_VOLUME = re.compile(r"\.part(\d+)(\.[^.]*)$", re.IGNORECASE)
OLD_VOLUME = re.compile(r"\.[r-z]\d\d$", re.IGNORECASE)
MISSING_VOLUME = "Cannot open next volume"


class Rar4Parser(rarfile.RAR3Parser):  # type: ignore[misc]  # the library has no types
    """The parser of RAR 2 to 4, without comments: compressed ones need a tool."""

    def _read_comment_v3(self, inf: Any, pwd: Any = None) -> None:
        return None

    def _parse_subblocks(self, h: Any, hdata: bytes, pos: int) -> int:
        return len(hdata)


class Rar5Parser(rarfile.RAR5Parser):  # type: ignore[misc]
    """The parser of RAR 5, without comments."""

    def _load_comment(self, fd: Any, item: Any) -> None:
        return None

    def _parse_block_header(self, fd: Any) -> Any:
        """Stop at a length that does not end: `rarfile` would need quadratic time for a long run of bytes 0xFF."""
        start = fd.tell()
        length = fd.read(4 + MAX_NUMBER_BYTES)[4:]
        fd.seek(start)
        if length and all(byte & 0x80 for byte in length):
            self._set_error("Broken header in RAR file")
            return None
        return super()._parse_block_header(fd)


def find_signature(header: bytes, path: Path) -> tuple[bytes, int] | None:
    """Return the signature of a RAR and its position, which is over 0 for a self-extracting archive. None if none."""
    for signature in (RAR4, RAR5):
        if header.startswith(signature):
            return signature, 0
    if not header.startswith((b"MZ", b"\x7fELF", b"#!")):
        return None
    with path.open("rb") as file:
        program = file.read(MAX_PREFIX)
    found = [(program.find(signature), signature) for signature in (RAR4, RAR5)]
    position, signature = min(((place, mark) for place, mark in found if place > 0), default=(0, b""))
    return (signature, position) if signature else None


class RarListing:
    """The files of a RAR.

    Attributes:
        limits: `max_members` applies.
        parser: The parser of `rarfile`, which opens the files.
        files: Records of `rarfile`, in the order of the archive, without folders.
        incomplete: Ids of the records whose data is not whole.
        has_end: True if the last block was found.
        error: Error text of `rarfile`. Empty if there was none.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.parser: Any = None
        self.files: list[Any] = []
        self.incomplete: set[int] = set()
        self.has_end = False
        self.error = ""
        self.block_count = 0
        self.open_file: Any = None  # a file that continues in the next volume
        self.volume_sizes: dict[str, int] = {}

    def add_block(self, block: Any) -> None:
        """Check a block of the archive, while it is being parsed.

        Raises:
            TooLargeError: There are too many blocks.
        """
        self.block_count += 1
        if self.block_count > 3 * self.limits.max_members:  # folders and service blocks count too
            raise TooLargeError(describe_count_limit(self.limits))
        self.has_end = block.type == rarfile.RAR_BLOCK_ENDARC
        if block.type != rarfile.RAR_BLOCK_FILE:
            return
        first = block if not block.flags & rarfile.RAR_FILE_SPLIT_BEFORE else self.open_file
        if block.volume_file not in self.volume_sizes:
            self.volume_sizes[block.volume_file] = Path(block.volume_file).stat().st_size
        if first and block.data_offset + block.add_size > self.volume_sizes[block.volume_file]:
            self.incomplete.add(id(first))
        self.open_file = first if block.flags & rarfile.RAR_FILE_SPLIT_AFTER else None


def list_rar(path: Path, signature: bytes, position: int, limits: Limits) -> RarListing:
    """List the files, also those of the following volumes.

    Args:
        path: The archive. The other volumes are searched beside it.
        signature: RAR4 or RAR5.
        position: Position of the signature in the file.
        limits: `max_members` applies.

    Raises:
        rarfile.NeedFirstVolume: It is a volume, but not the first one.
        rarfile.Error: It is damaged from the start.
        TooLargeError: It has too many files.
    """
    kind = Rar4Parser if signature == RAR4 else Rar5Parser
    listing = RarListing(limits)
    listing.parser = kind(str(path), None, True, "cp437", False, listing.add_block, position, False)
    listing.parser.parse()
    if listing.open_file is not None:
        listing.incomplete.add(id(listing.open_file))
    listing.files = [info for info in listing.parser.infolist() if not info.is_dir()]
    listing.error = listing.parser.strerror() or ""
    return listing


def find_first_volume(path: Path) -> Path | None:
    """Return the first volume of a set, by the name of another volume. None if the name is not that of a later volume.

    Args:
        path: For example `a.part02.rar` or `a.r00`. The first volumes are `a.part01.rar` and `a.rar`.
    """
    if match := NEW_VOLUME.search(path.name):
        if int(match[1]) <= 1:
            return None
        return path.with_name(f"{path.name[: match.start()]}.part{'1'.zfill(len(match[1]))}{match[2]}")
    return path.with_suffix(".rar") if OLD_VOLUME.search(path.name) else None


def write_single_archive(target: IO[bytes], info: Any) -> None:
    """Write an archive that holds one file of another archive.

    Args:
        target: File for the archive.
        info: Record of a file that is neither solid nor split.
    """
    if isinstance(info, rarfile.Rar3Info):
        start = RAR4 + bytes.fromhex("cf907300000d00") + bytes(6)
        end = bytes.fromhex("c43d7b00400700")
    else:
        start, end = RAR5 + make_block(b"\x03\x01\x00\x00"), make_block(b"\x03\x05\x00\x00")
    target.write(start)
    with Path(info.volume_file).open("rb") as source:
        source.seek(info.header_offset)
        target.write(source.read(info.header_size + info.compress_size))
    target.write(end)


def make_block(content: bytes) -> bytes:
    """Return a block of RAR 5 with its checksum.

    Args:
        content: Length, type, flags and the flags of the type.
    """
    return zlib.crc32(content).to_bytes(4, "little") + content


def find_dictionary(info: Any) -> int:
    """Return the memory that unpacking a file needs [bytes]."""
    if isinstance(info, rarfile.Rar3Info):
        return 4 << 20
    return (128 << 10) << ((info.file_compress_flags >> 10) & 0x1F)
