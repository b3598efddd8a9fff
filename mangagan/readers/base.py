"""The interface of readers. A reader opens one kind of file and gives access to the images in it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, ClassVar, Self

from mangagan.readers.errors import TooLargeError


@dataclass(frozen=True)
class Limits:
    """Bounds of one file of the user, against damaged files and archive bombs.

    Attributes:
        max_image_bytes: Maximum size of an encoded image, or of a file in a container.
        max_container_bytes: Maximum total size of the files in a container, unpacked.
        max_members: Maximum number of files in a container.
        max_ratio: Maximum ratio of unpacked to packed size of a file in a container, if it is over 1 MB unpacked.
        max_megapixels: Maximum of width times height of an image [10^6 px].
    """

    max_image_bytes: int = 100 * 10**6
    max_container_bytes: int = 20 * 10**9
    max_members: int = 20_000
    max_ratio: float = 1000
    max_megapixels: float = 100


@dataclass(frozen=True)
class Member:
    """One file in a container, or a file that is itself an image.

    Attributes:
        name: Name inside the container, with forward slashes. Empty for a file that is itself an image.
        size: Size of the unpacked file [bytes]. None if it is unknown before reading.
        read: Return the content: an encoded image, or a nested container. It is called at most once, while the reader
            is open, in the order in which `members` yielded the members unless they are sorted. It may raise any
            exception.
        reason: Why the member is rejected without reading it. Empty if it can be read.
        packed_size: Size in the container [bytes]. None if unknown.
    """

    name: str
    size: int | None
    read: Callable[[], bytes]
    reason: str = ""
    packed_size: int | None = None


class Reader(ABC):
    """A context manager that opens one file and lists the images in it.

    A subclass opens the file in `__enter__` and closes it in `__exit__`. Every method may raise any exception: the
    caller turns it into a rejected row with the message as its reason. Raise `ReaderError` with a reason in the words
    of a user where the cause is known.

    Attributes:
        path: The file.
        limits: Bounds that the reader must respect while it unpacks.
        is_container: False if the file is itself an image. At the top level of the screenshots folder a container is a
            title, a plain image is rejected.
        in_reading_order: True if `members` yields the reading order, as the spine of an e-book defines it. False: the
            members are sorted by name in natural order.
    """

    is_container: ClassVar[bool] = True
    in_reading_order: ClassVar[bool] = False

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        self.path = path
        self.limits = limits or Limits()

    @classmethod
    @abstractmethod
    def matches(cls, header: bytes, path: Path) -> bool:
        """Return True if this reader reads the file.

        Args:
            header: The first bytes of the file, at most `mangagan.decoding.formats.HEADER_BYTES`.
            path: The file. Do not decide by its name alone: the name may be wrong, and a nested container has a
                temporary name.
        """

    @abstractmethod
    def members(self) -> Iterable[Member]:
        """Yield the members, without folders. A member that cannot be read has a `reason`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the file. A plain image has nothing to close."""
        return None


def read_bounded(file: IO[bytes], limit: int) -> bytes:
    """Read a file to its end.

    Args:
        file: An open file. Its declared size may be wrong.
        limit: Maximum number of bytes.

    Raises:
        TooLargeError: The file is longer.
    """
    data = file.read(limit + 1)
    if len(data) > limit:
        raise TooLargeError(f"too large: over {limit / 1e6:.0f} MB unpacked")
    return data
