"""List the headers of a TAR with bounded memory and time, also if the archive is damaged."""

import io
import os
import re
import tarfile
from collections.abc import Iterator
from typing import IO

from mangagan.readers.archives.archive_signatures import TAR_BLOCK

MAX_READ = 1 << 16  # bytes; longer headers are not read
# Python before 3.11.10 needs quadratic time for such headers (CVE-2024-6232).
LONG_NUMBER = re.compile(rb"\d{1000}")


class DamagedError(Exception):
    """The TAR is damaged after the headers that were listed.

    Attributes:
        cut_off: True if its end is missing.
    """

    def __init__(self, cut_off: bool) -> None:
        super().__init__("cut off" if cut_off else "damaged")
        self.cut_off = cut_off


class BoundedFile(io.RawIOBase):
    """A file that refuses large reads: `tarfile` reads as many bytes as a header says, into memory."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self.file = file

    def read(self, size: int = -1, /) -> bytes:
        """Read at most MAX_READ bytes.

        Raises:
            tarfile.ReadError: More is asked for, or the bytes are dangerous for `tarfile`.
        """
        if not 0 <= size <= MAX_READ:
            raise tarfile.ReadError("header too large")
        data = self.file.read(size)
        if size > TAR_BLOCK and LONG_NUMBER.search(data):
            raise tarfile.ReadError("header too large")
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Seek."""
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self.file.tell()


def open_tar(file: IO[bytes]) -> tarfile.TarFile:
    """Open a TAR without compression. Names keep their bytes, as surrogate escapes.

    Raises:
        tarfile.ReadError: The first header is damaged.
    """
    return tarfile.open(fileobj=BoundedFile(file), mode="r:", encoding="utf-8", errors="surrogateescape")


def iterate_headers(tar: tarfile.TarFile, file: IO[bytes]) -> Iterator[tarfile.TarInfo]:
    """Yield the headers of entries whose content is whole.

    Args:
        tar: Result of `open_tar`.
        file: The file that was given to it.

    Raises:
        DamagedError: The archive is cut off or damaged. The headers before it are good.
    """
    file_size = file.seek(0, os.SEEK_END)
    cut_off = file_size % TAR_BLOCK != 0
    position = -1
    while True:
        file.seek(tar.offset)
        try:
            info = tar.next()
        except (tarfile.TarError, ValueError, RecursionError):
            raise DamagedError(cut_off) from None
        if info is None:
            break
        if tar.offset <= position or info.size < 0:  # would be listed again and again
            raise DamagedError(cut_off=False)
        position = tar.offset
        end = tar.offset - (TAR_BLOCK - 1) if info.issparse() else info.offset_data + (info.size if info.isreg() else 0)
        if end > file_size:
            raise DamagedError(cut_off=True)
        yield info
    file.seek(tar.offset)
    if any(file.read(TAR_BLOCK)):  # `tarfile` stops at a bad header as it does at the end
        raise DamagedError(cut_off)
