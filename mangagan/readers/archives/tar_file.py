"""The reader of TAR archives (.tar, .cbt), plain or compressed as a whole (.tar.gz, .tar.bz2, .tar.xz, .tar.zst)."""

import io
import tarfile
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

from mangagan.readers.archives.archive_reader import (
    DAMAGED,
    LINK,
    ArchiveReader,
    describe_count_limit,
    describe_cut_off,
    describe_damage,
    describe_file_limit,
)
from mangagan.readers.archives.archive_signatures import TAR_BLOCK, is_tar_header
from mangagan.readers.archives.compressed_streams import find_compression, peek, unpack_stream
from mangagan.readers.archives.member_names import clean_name, decode_names
from mangagan.readers.archives.tar_headers import MAX_READ, DamagedError, iterate_headers, open_tar
from mangagan.readers.base import Member
from mangagan.readers.errors import ReaderError, TooLargeError

TAR_SUFFIXES = (".tar", ".cbt")
METADATA_TYPES = (b"V", b"D")  # GNU: label of a volume, list of a folder


class TarReader(ArchiveReader):
    """The files in a TAR. A compressed one is unpacked once, into a temporary file without a name."""

    @classmethod
    def matches(cls, header: bytes, path: Path) -> bool:
        """Return True for a TAR. A compressed file is unpacked as far as the first header."""
        if find_compression(header):
            with path.open("rb") as file:
                header = peek(file, TAR_BLOCK)
        if is_tar_header(header):
            return True
        return len(header) >= TAR_BLOCK and not any(header) and path.suffix.lower() in TAR_SUFFIXES  # an empty TAR

    def list_members(self) -> Iterator[Member]:
        """Yield the files and links, in the order of the archive."""
        archive, problem = self.file, ""
        if compression := find_compression(self.file.read(16)):
            temporary = tempfile.TemporaryFile(prefix="mangagan-")  # noqa: SIM115  # closed in __exit__
            archive = self.resources.enter_context(temporary)
            problem = unpack_stream(self.file, compression, archive, self.limits)
        archive.seek(0)
        headers: list[tarfile.TarInfo] = []
        try:
            tar = open_tar(archive)
            for count, info in enumerate(iterate_headers(tar, archive)):
                if count >= 2 * self.limits.max_members:  # folders count too
                    raise TooLargeError(describe_count_limit(self.limits))
                if not info.isdir() and info.type not in METADATA_TYPES:
                    headers.append(info)
        except DamagedError as error:
            problem = "cut off" if error.cut_off else problem or "damaged"
        names = decode_names([info.name.encode("utf-8", "surrogateescape") for info in headers])
        contents = {info.name: info for info in headers if info.isreg()}
        for info, name in zip(headers, names, strict=True):
            source = contents.get(info.linkname, info) if info.islnk() else info  # a hard link to an earlier file
            read = partial(self.read_file, tar, archive, source)
            yield Member(clean_name(name), source.size, read, find_problem(source))
        if problem:
            raise ReaderError((describe_cut_off if problem == "cut off" else describe_damage)(len(headers)))

    def read_file(self, tar: tarfile.TarFile, archive: IO[bytes], info: tarfile.TarInfo) -> bytes:
        """Return the content of a file.

        Args:
            tar: The opened archive.
            archive: The file that it reads.
            info: Header of the file.

        Raises:
            TooLargeError: The file is larger than the limit.
            ReaderError: The archive is damaged.
        """
        if info.size > self.limits.max_image_bytes:
            raise TooLargeError(describe_file_limit(self.limits))
        if info.issparse():
            data = read_sparse(tar, info)
        else:
            archive.seek(info.offset_data)
            data = archive.read(info.size)
        if len(data) != info.size:
            raise ReaderError(DAMAGED)
        return data

    def describe(self, error: Exception) -> str:
        """Return the reason for an exception of `tarfile`."""
        return "damaged: the first header cannot be read" if isinstance(error, tarfile.ReadError) else DAMAGED


def read_sparse(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    """Return the content of a file that is stored without its holes."""
    content = io.BytesIO()
    source = tar.extractfile(info)
    while source is not None and (piece := source.read(MAX_READ)):
        content.write(piece)
    return content.getvalue()


def find_problem(info: tarfile.TarInfo) -> str:
    """Return why an entry cannot be read. Empty if it is a file."""
    if info.islnk() or info.issym():
        return LINK
    return "" if info.isreg() else "not a file"
