"""The reader of ZIP archives (.zip, .cbz)."""

import io
import zlib
from collections.abc import Iterator
from functools import partial
from itertools import islice, pairwise
from pathlib import Path

from mangagan.readers.archives.archive_reader import (
    CHUNK,
    DAMAGED,
    LINK,
    NEEDS_PASSWORD,
    ArchiveReader,
    check_ratio,
    describe_cut_off,
    describe_damage,
    describe_file_limit,
)
from mangagan.readers.archives.archive_signatures import is_other_archive
from mangagan.readers.archives.member_names import clean_name, decode_names
from mangagan.readers.archives.zip_local_headers import LocalHeaders
from mangagan.readers.archives.zip_methods import AES, METHODS, find_method_problem
from mangagan.readers.archives.zip_records import (
    ENCRYPTED,
    ENCRYPTED_DIRECTORY,
    END,
    LOCAL,
    LOCAL_HEADER,
    MAX_PREFIX,
    Entry,
    find_data,
    find_directory,
    iterate_central,
)
from mangagan.readers.base import Member
from mangagan.readers.errors import ReaderError, TooLargeError

SPLIT_MARKERS = (b"PK\x07\x08" + LOCAL, b"PK00" + LOCAL)  # at the start of the first part, or of an unsplit archive
SPLIT = "part of a split archive: join its parts into one ZIP first"
OVERLAP = "overlaps another file of the archive (archive bomb)"


class ZipReader(ArchiveReader):
    """The files in a ZIP. If the archive is cut off, the whole files before the end are read."""

    @classmethod
    def matches(cls, header: bytes, path: Path) -> bool:
        """Return True for a ZIP, also if it is empty, or begins with a program that unpacks it or with other bytes."""
        if header.startswith((LOCAL, END, *SPLIT_MARKERS)):
            return True
        return not is_other_archive(header) and has_directory(path)

    def list_members(self) -> Iterator[Member]:
        """Yield the files."""
        entries, problem = self.list_entries()
        unknown = [entry.raw_name for entry in entries if entry.unicode_name is None]
        decoded = iter(decode_names(unknown))
        overlaps = find_overlaps(entries)
        for entry in entries:
            name = next(decoded) if entry.unicode_name is None else entry.unicode_name
            yield Member(
                name=clean_name(name),
                size=entry.size or (None if entry.packed_size else 0),
                read=partial(self.read_entry, entry),
                reason=OVERLAP if entry.header_offset in overlaps else find_problem(entry),
                packed_size=entry.packed_size,
            )
        if problem:
            raise ReaderError(problem)

    def list_entries(self) -> tuple[list[Entry], str]:
        """Return the files, at most one more than the limit, and an error text (empty if there was no error).

        Raises:
            ReaderError: The archive is one of several parts, and holds no whole file.
        """
        directory = find_directory(self.file, self.file_size)
        entries: list[Entry] = []
        if directory is not None:
            listed = list(islice(iterate_central(self.file, directory), self.limits.max_members * 2))
            entries = [entry for entry in listed if not entry.is_folder]
            if directory.split:
                raise ReaderError(SPLIT)
            if len(listed) >= min(directory.count, self.limits.max_members * 2):
                return entries[: self.limits.max_members + 1], ""
        found = (entry for entry in LocalHeaders(self.file, self.file_size) if not entry.is_folder)
        whole = list(islice(found, self.limits.max_members + 1))
        if directory is not None:
            entries = max(entries, whole, key=len)
            return entries, describe_damage(len(entries))
        self.file.seek(0)
        if self.file.read(8).startswith(SPLIT_MARKERS):
            return whole, SPLIT
        return whole, describe_cut_off(len(whole))

    def read_entry(self, entry: Entry) -> bytes:
        """Return the content of a file.

        Raises:
            ReaderError: It is damaged.
            TooLargeError: It is larger than a limit, whatever the archive declares.
        """
        start = find_data(self.file, entry.header_offset)
        if start + entry.packed_size > self.file_size:
            raise ReaderError("cut off: the archive ends early")
        if entry.method == 0:
            if entry.packed_size > self.limits.max_image_bytes:
                raise TooLargeError(describe_file_limit(self.limits))
            self.file.seek(start)
            data = self.file.read(entry.packed_size)
        else:
            data = self.unpack_entry(
                entry, METHODS[entry.method](self.read_packed(start, entry.packed_size), entry.size)
            )
        if entry.crc and zlib.crc32(data) != entry.crc:  # 0: some programs do not write it
            raise ReaderError(DAMAGED)
        return data

    def unpack_entry(self, entry: Entry, pieces: Iterator[bytes]) -> bytes:
        """Return the unpacked content of a file, at most the declared size.

        Raises:
            TooLargeError: It is larger than a limit.
            ReaderError: It is cut off.
        """
        declared = entry.size or self.limits.max_image_bytes
        unpacked = io.BytesIO()
        for piece in pieces:
            unpacked.write(piece)
            if unpacked.tell() > self.limits.max_image_bytes:
                raise TooLargeError(describe_file_limit(self.limits))
            check_ratio(unpacked.tell(), entry.packed_size, self.limits)
            if unpacked.tell() >= declared:
                break
        if entry.size and unpacked.tell() < entry.size:
            raise ReaderError(DAMAGED)
        unpacked.truncate(min(unpacked.tell(), declared))
        return unpacked.getvalue()

    def read_packed(self, start: int, length: int) -> Iterator[bytes]:
        """Yield the packed data of a file in pieces."""
        position, end = start, start + length
        while position < end:
            self.file.seek(position)
            chunk = self.file.read(min(CHUNK, end - position))
            if not chunk:
                raise EOFError
            yield chunk
            position += len(chunk)


def has_directory(path: Path) -> bool:
    """Return True if a file ends with the central directory of a ZIP that begins within MAX_PREFIX."""
    with path.open("rb") as file:
        directory = find_directory(file, file.seek(0, io.SEEK_END))
        first = next(iterate_central(file, directory), None) if directory is not None else None
        return first is not None and 0 <= first.header_offset <= MAX_PREFIX


def find_problem(entry: Entry) -> str:
    """Return why a file cannot be read, according to its header. Empty if it can."""
    if entry.flags & (ENCRYPTED | ENCRYPTED_DIRECTORY) or entry.method == AES:
        return NEEDS_PASSWORD
    return LINK if entry.is_link else find_method_problem(entry.method)


def find_overlaps(entries: list[Entry]) -> set[int]:
    """Return the header offsets of files that reach into the next file, as in an archive bomb.

    An archive that lists one file twice is no bomb.
    """
    overlaps = set()
    ordered = sorted({entry.header_offset: entry for entry in entries}.items())
    for (offset, entry), (following, _) in pairwise(ordered):
        if offset + LOCAL_HEADER.size + len(entry.raw_name) + entry.packed_size > following:
            overlaps.add(offset)
    return overlaps
