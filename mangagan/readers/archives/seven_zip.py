"""The reader of 7z archives (.7z, .cb7)."""

import io
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import py7zr
from py7zr.compressor import SupportedMethods
from py7zr.exceptions import Bad7zFile, PasswordRequired, UnsupportedCompressionMethodError

from mangagan.readers.archives.archive_reader import (
    CHUNK,
    DAMAGED,
    LINK,
    MAX_DICTIONARY,
    NEEDS_PASSWORD,
    ArchiveReader,
    check_ratio,
    describe_file_limit,
)
from mangagan.readers.archives.archive_signatures import SEVEN_ZIP
from mangagan.readers.archives.member_names import clean_name
from mangagan.readers.archives.seven_zip_header import MISSING_LIST, check_header
from mangagan.readers.archives.unpacked_files import UnpackedFiles, describe_container_limit
from mangagan.readers.base import Member
from mangagan.readers.errors import ReaderError, TooLargeError

LZMA, LZMA2 = b"\x03\x01\x01", b"\x21"
ZSTD = b"\x04\xf7\x11\x01"
UNSUPPORTED = {
    b"\x03\x03\x01\x1b": "BCJ2",
    b"\x03\x04\x01": "PPMd",  # the library pyppmd crashes on damaged data
    b"\x04\xf7\x11\x04": "LZ4",
    b"\x04\xf7\x11\x05": "LZ5",
    b"\x04\xf7\x11\x06": "Lizard",
}
ZSTD_INPUT = 1024  # bytes; `py7zr` does not limit the output of zstd, which is at most 32 MB for this input


class WrongCrcError(ReaderError):
    """The content of a file differs from its CRC-32. The files after it may be good."""


@dataclass
class Block:
    """Files that are packed as one stream ("folder" in the words of 7z).

    Attributes:
        folder: The folder of `py7zr`.
        start: Position of the packed stream in the archive.
        packed_size: [bytes]
        files: Index in the archive, unpacked size [bytes] and CRC-32 (None if not stored) of each file, in order.
        problem: Why no file of it can be read. Empty if they can.
        is_unpacked: True after the files were written to the temporary folder.
    """

    folder: Any
    start: int
    packed_size: int
    files: list[tuple[int, int, int | None]] = field(default_factory=list)
    problem: str = ""
    is_unpacked: bool = False

    @property
    def size(self) -> int:
        """Return the unpacked size of all files [bytes]."""
        return sum(size for _, size, _ in self.files)


class SevenZipReader(ArchiveReader):
    """The files in a 7z archive. A block of several files is unpacked once, into a temporary folder."""

    @classmethod
    def matches(cls, header: bytes, path: Path) -> bool:
        """Return True for a 7z archive."""
        return header.startswith(SEVEN_ZIP)

    def list_members(self) -> Iterator[Member]:
        """Yield the files and links."""
        if self.path.suffix == ".001":
            raise ReaderError("part of a volume set (.001, .002 …): join the parts into one file first")
        check_header(self.file, self.limits)
        self.file.seek(0)
        archive = self.resources.enter_context(py7zr.SevenZipFile(self.file))
        files = list(archive.files)
        blocks = list_blocks(archive, files)
        for index, file in enumerate(files):
            if file.is_directory:
                continue
            block = blocks.get(index)
            reason = LINK if file.is_symlink or file.is_junction else block.problem if block else ""
            size = file.uncompressed if block else 0
            packed = -(-block.packed_size * size // max(block.size, 1)) if block else 0
            read = partial(self.read_file, index, size, block) if block else bytes
            yield Member(clean_name(file.filename), size, read, reason, packed)

    def read_file(self, index: int, size: int, block: Block) -> bytes:
        """Return the content of a file.

        Args:
            index: Index of the file in the archive.
            size: Its size [bytes].
            block: Its block.

        Raises:
            ReaderError: It is damaged.
            TooLargeError: It is larger than a limit, or its block is.
        """
        if size > self.limits.max_image_bytes:
            raise TooLargeError(describe_file_limit(self.limits))
        check_ratio(block.size, block.packed_size, self.limits)
        if len(block.files) == 1:
            content = io.BytesIO()
            for piece in check_crc(self.unpack(block), block.files[0][2]):
                content.write(piece)
            return content.getvalue()
        if not block.is_unpacked:
            block.is_unpacked = True
            self.unpack_block(block)
        if not self.unpacked.path(index).exists():
            raise ReaderError(block.problem or DAMAGED)
        return self.unpacked.read(index)

    def unpack_block(self, block: Block) -> None:
        """Write the files of a block to the temporary folder. Files over the limit are unpacked, but not kept.

        A failure is kept in `block.problem`: the files before it are good.
        """
        if not hasattr(self, "unpacked"):
            self.unpacked = self.resources.enter_context(UnpackedFiles(self.limits))
        pieces = self.unpack(block)
        try:
            for index, size, crc in block.files:
                content = take(pieces, size)
                if size > self.limits.max_image_bytes:
                    deque(content, maxlen=0)
                    continue
                with suppress(WrongCrcError):
                    self.unpacked.write(index, check_crc(content, crc))
        except Exception as error:
            block.problem = str(self.translate(error))

    def unpack(self, block: Block) -> Iterator[bytes]:
        """Yield the content of a block in pieces of at most CHUNK bytes, which do not span two files.

        Raises:
            Exception: The block is damaged.
            TooLargeError: It is larger than `limits.max_container_bytes`.
        """
        if block.size > self.limits.max_container_bytes:
            raise TooLargeError(describe_container_limit(self.limits))
        block.folder.decompressor = None
        decompressor = block.folder.get_decompressor(block.packed_size)
        if any(coder["method"] == ZSTD for coder in block.folder.coders):
            decompressor.block_size = ZSTD_INPUT
        position = block.start
        for _, size, _ in block.files:
            while size > 0:
                self.file.seek(position)
                piece = bytes(decompressor.decompress(self.file, min(size, CHUNK)))
                if not piece and self.file.tell() == position:
                    raise EOFError
                position = self.file.tell()
                size -= len(piece)
                yield piece

    def describe(self, error: Exception) -> str:
        """Return the reason for an exception of `py7zr`."""
        if isinstance(error, PasswordRequired):
            return NEEDS_PASSWORD
        if isinstance(error, UnsupportedCompressionMethodError):
            return "compressed with a method that is not supported"
        return MISSING_LIST if isinstance(error, Bad7zFile) else DAMAGED


def list_blocks(archive: Any, files: list[Any]) -> dict[int, Block]:
    """Return the block of each file that has content, by its index in the archive.

    Args:
        archive: The opened `py7zr.SevenZipFile`.
        files: Its files.
    """
    if archive.header.main_streams is None:
        return {}
    packed = archive.header.main_streams.packinfo
    blocks: dict[int, Block] = {}
    stream = 0
    for folder in archive.header.main_streams.unpackinfo.folders:
        start = archive.afterheader + packed.packpos + packed.packpositions[stream]
        size = packed.packsizes[stream] if stream < len(packed.packsizes) else 0
        blocks[id(folder)] = Block(folder, start, size, problem=find_problem(folder))
        stream = min(stream + len(folder.packed_indices), len(packed.packpositions) - 1)
    result = {}
    for index, file in enumerate(files):
        if file.folder is not None:
            block = blocks[id(file.folder)]
            block.files.append((index, file.uncompressed, file.crc32))
            result[index] = block
    return result


def find_problem(folder: Any) -> str:
    """Return why a block cannot be unpacked. Empty if it can."""
    if SupportedMethods.needs_password(folder.coders):
        return NEEDS_PASSWORD
    for coder in folder.coders:
        method, properties = coder["method"], coder["properties"] or b""
        if method in UNSUPPORTED or coder["numinstreams"] != 1 or SupportedMethods.get_filter_id(coder) is None:
            return f"compressed with {UNSUPPORTED.get(method, 'an unknown method')}, which is not supported"
        memory = min(find_memory(method, properties), max(folder.unpacksizes, default=0))
        if memory > MAX_DICTIONARY:
            return f"compressed with a dictionary of {memory >> 20} MB, which needs too much memory"
    return ""


def find_memory(method: bytes, properties: bytes) -> int:
    """Return the memory that a method of compression needs [bytes]. 0 if it is small."""
    if method == LZMA and len(properties) == 5:
        return int.from_bytes(properties[1:], "little")
    if method == LZMA2 and len(properties) == 1:
        bits = properties[0]
        return (2 | bits & 1) << (bits // 2 + 11)
    return 0


def take(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield pieces until they have a total size [bytes]."""
    while size > 0:
        piece = next(pieces, None)
        if piece is None:
            raise EOFError
        size -= len(piece)
        yield piece


def check_crc(pieces: Iterator[bytes], expected: int | None) -> Iterator[bytes]:
    """Yield the pieces of a file, then compare its CRC-32. None: there is none.

    Raises:
        WrongCrcError: It differs.
    """
    crc = 0
    for piece in pieces:
        crc = zlib.crc32(piece, crc)
        yield piece
    if expected is not None and crc != expected:
        raise WrongCrcError(DAMAGED)
