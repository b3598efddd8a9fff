"""Check the header of a 7z archive before `py7zr` builds its lists, which need over a kilobyte for each entry."""

import io
import os
from typing import IO, Any

from py7zr.archiveinfo import Header, HeaderStreamsInfo, PackInfo, SignatureHeader, StreamsInfo, read_uint64
from py7zr.properties import PROPERTY

from mangagan.readers.archives.archive_reader import describe_count_limit
from mangagan.readers.base import Limits
from mangagan.readers.errors import ReaderError, TooLargeError

HEADER_BASE, HEADER_PER_MEMBER = 1 << 20, 512  # bytes: names in UTF-16, times, attributes, checksums
MISSING_LIST = "cut off or damaged: the list of files at the end is missing"


def check_header(file: IO[bytes], limits: Limits) -> None:
    """Check the sizes that the header of a 7z archive declares. The position in the file is moved.

    Raises:
        ReaderError: The end of the archive is missing.
        TooLargeError: There are more files or streams than `limits.max_members`, or the header is too large.
        Exception: The header is damaged or encrypted: as `py7zr` raises.
    """
    max_bytes = HEADER_BASE + HEADER_PER_MEMBER * limits.max_members
    signature: Any = SignatureHeader.retrieve(file)
    start = file.tell()
    if start + signature.nextheaderofs + signature.nextheadersize > file.seek(0, os.SEEK_END):
        raise ReaderError(MISSING_LIST)
    if signature.nextheadersize > max_bytes:
        raise TooLargeError(describe_count_limit(limits))
    file.seek(start + signature.nextheaderofs)
    buffer = io.BytesIO(file.read(signature.nextheadersize))
    BoundedHeader(limits, max_bytes)._read(file, buffer, start, None)


class BoundedHeader(Header):  # type: ignore[misc]  # the library has no types
    """A header that checks each count before the list of that length is built."""

    def __init__(self, limits: Limits, max_bytes: int) -> None:
        super().__init__()
        self.limits = limits
        self.max_bytes = max_bytes

    def _read(self, fp: Any, buffer: io.BytesIO, start_pos: int, password: str | None) -> None:
        """Check the unpacked size of a packed header before it is unpacked."""
        if buffer.read(1) == PROPERTY.ENCODED_HEADER:
            streams: Any = HeaderStreamsInfo.retrieve(buffer)
            sizes = [size for folder in streams.unpackinfo.folders for size in folder.unpacksizes]
            if sum(sizes) > 2 * self.max_bytes:
                raise TooLargeError(describe_count_limit(self.limits))
        buffer.seek(0)
        super()._read(fp, buffer, start_pos, password)

    def _extract_header_info(self, fp: Any) -> None:
        """Check the numbers of folders and files, and do not build the lists of files."""
        kind = fp.read(1)
        if kind == PROPERTY.MAIN_STREAMS_INFO:
            position = fp.tell()
            self.check_folders(fp)
            fp.seek(position)
            StreamsInfo.retrieve(fp)
            kind = fp.read(1)
        if kind == PROPERTY.FILES_INFO and read_uint64(fp) > 2 * self.limits.max_members:  # folders count too
            raise TooLargeError(describe_count_limit(self.limits))

    def check_folders(self, file: Any) -> None:
        """Check the number of folders, as 7z calls its solid blocks."""
        kind = file.read(1)
        if kind == PROPERTY.PACK_INFO:
            PackInfo.retrieve(file)
            kind = file.read(1)
        if (
            kind == PROPERTY.UNPACK_INFO
            and file.read(1) == PROPERTY.FOLDER
            and read_uint64(file) > self.limits.max_members
        ):
            raise TooLargeError(describe_count_limit(self.limits))
