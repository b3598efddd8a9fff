"""The common part of the readers of archives: open the file, bound what is unpacked, name the cause of failures."""

import errno
import os
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from mangagan.readers.base import Limits, Member, Reader
from mangagan.readers.errors import ReaderError, TooLargeError

CHUNK = 1 << 20  # bytes that are read or unpacked at once
MAX_DICTIONARY = 256 << 20  # bytes of memory that a decompressor may need
MIN_RATIO_BYTES = 10**6  # smaller files may have any compression ratio
NEEDS_PASSWORD = "needs a password"
DAMAGED = "damaged in the archive"
LINK = "link in an archive"
SYSTEM_ERRORS = {
    errno.EACCES: "locked, or no permission to read it",
    errno.EPERM: "locked, or no permission to read it",
    errno.ENOENT: "removed while it was read",
    errno.EIO: "the disk cannot be read",
}


class ArchiveReader(Reader):
    """A reader of an archive. Subclasses list and read members. This class translates the exceptions that they raise.

    Attributes:
        file: The opened archive.
        resources: Everything that must be closed after reading, in the reverse order.
    """

    file: IO[bytes]

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        super().__init__(path, limits)
        self.resources = ExitStack()

    def __enter__(self) -> Self:
        """Open the file.

        Raises:
            ReaderError: The file cannot be opened.
        """
        try:
            self.file = self.resources.enter_context(self.path.open("rb"))
        except OSError as error:
            raise self.translate(error) from error
        self.opened = os.fstat(self.file.fileno())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.resources.close()

    @property
    def file_size(self) -> int:
        """Return the size of the archive when it was opened [bytes]."""
        return self.opened.st_size

    @abstractmethod
    def list_members(self) -> Iterator[Member]:
        """Yield the members. May raise any exception."""

    def members(self) -> Iterator[Member]:
        """Yield the members.

        Raises:
            ReaderError: The archive is damaged, cut off, protected or too large. The members before it are intact.
        """
        try:
            for count, member in enumerate(self.list_members()):
                if count == self.limits.max_members:
                    raise TooLargeError(describe_count_limit(self.limits))
                yield replace(member, read=self.guard(member.read))
        except Exception as error:
            raise self.translate(error) from error

    def guard(self, read: Callable[[], bytes]) -> Callable[[], bytes]:
        """Return a function that reads a member and raises ReaderError instead of other exceptions."""

        def read_member() -> bytes:
            try:
                return read()
            except Exception as error:
                raise self.translate(error) from error

        return read_member

    def translate(self, error: Exception) -> ReaderError:
        """Return an exception with a reason in the words of a user.

        Raises:
            OSError: The disk of the temporary files is full: the archive is not the cause.
        """
        if isinstance(error, ReaderError):
            return ReaderError("changed while it was read: try again") if self.has_changed() else error
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise error
        if isinstance(error, OSError) and error.errno in SYSTEM_ERRORS:
            return ReaderError(SYSTEM_ERRORS[error.errno])
        if isinstance(error, MemoryError):
            return TooLargeError("needs too much memory to unpack")
        if self.has_changed():
            return ReaderError("changed while it was read: try again")
        return ReaderError(self.describe(error))

    def describe(self, error: Exception) -> str:
        """Return the reason for an exception of a library. A subclass knows the exceptions of its library."""
        return DAMAGED

    def has_changed(self) -> bool:
        """Return True if the archive was written to after it was opened, for example by a running download."""
        try:
            now = os.fstat(self.file.fileno())
        except (AttributeError, OSError, ValueError):
            return False
        return (now.st_size, now.st_mtime_ns) != (self.opened.st_size, self.opened.st_mtime_ns)


def check_ratio(unpacked: int, packed: int, limits: Limits) -> None:
    """Check the compression ratio of what has been unpacked so far.

    Args:
        unpacked: Unpacked size [bytes].
        packed: Packed size [bytes].
        limits: `max_ratio` applies.

    Raises:
        TooLargeError: The ratio is that of an archive bomb.
    """
    if unpacked > MIN_RATIO_BYTES and unpacked > limits.max_ratio * max(packed, 1):
        raise TooLargeError(f"unpacks to more than {limits.max_ratio:g} times its size (archive bomb)")


def describe_file_limit(limits: Limits) -> str:
    """Return the reason for a file in an archive that is too large."""
    return f"too large: over {limits.max_image_bytes / 1e6:.0f} MB unpacked"


def describe_count_limit(limits: Limits) -> str:
    """Return the reason for an archive with too many files."""
    return f"too many files: over {limits.max_members}"


def describe_cut_off(count: int) -> str:
    """Return the error after the members of an archive that is cut off.

    Args:
        count: Number of files that are whole.
    """
    return f"cut off: the archive ends early; {count} whole file{'' if count == 1 else 's'} could be read"


def describe_damage(count: int) -> str:
    """Return the error after the members of an archive that is damaged.

    Args:
        count: Number of files that were found.
    """
    return f"damaged: {count} file{'' if count == 1 else 's'} could be found"
