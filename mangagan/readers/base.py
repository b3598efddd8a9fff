"""The interface of readers. A reader opens one kind of file and gives access to the images in it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self


@dataclass(frozen=True)
class Member:
    """One image in a file.

    Attributes:
        name: Name inside the container. Empty for a file that is itself an image.
        size: Size of the encoded image [bytes]. None if it is unknown before reading.
        read: Return the encoded image. It is called at most once, while the reader is open, and may raise any
            exception.
        reason: Why the member is rejected without reading it. Empty if it can be read.
    """

    name: str
    size: int | None
    read: Callable[[], bytes]
    reason: str = ""


class Reader(ABC):
    """A context manager that opens one file and lists the images in it.

    A subclass opens the file in `__enter__` and closes it in `__exit__`. Every method may raise any exception: the
    caller turns it into a rejected row with the message as its reason.

    Attributes:
        path: The file.
        is_container: False if the file is itself an image. At the top level of the screenshots folder a container is a
            title, a plain image is rejected.
        in_reading_order: True if `members` yields the reading order, as the spine of an e-book defines it. False: the
            members are sorted by name in natural order.
    """

    is_container: ClassVar[bool] = True
    in_reading_order: ClassVar[bool] = False

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    @abstractmethod
    def matches(cls, header: bytes, path: Path) -> bool:
        """Return True if this reader reads the file.

        Args:
            header: The first bytes of the file, at most `mangagan.readers.registry.HEADER_BYTES`.
            path: The file. Do not decide by its name alone.
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
