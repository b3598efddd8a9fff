"""A temporary file that holds the encoded images of one title until its pages are chosen."""

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self


class Slot(NamedTuple):
    """Position of an entry in a spool."""

    offset: int
    size: int


class Spool:
    """A context manager around a temporary file. Memory does not grow with the number of images.

    Args:
        folder: Folder of the temporary file. It needs space for the images of one title.
    """

    def __init__(self, folder: Path) -> None:
        self.file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 closed in __exit__
        self.end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.file.close()

    def add(self, data: bytes) -> Slot:
        """Append an entry and return its position."""
        slot = Slot(self.end, len(data))
        self.file.seek(slot.offset)
        self.file.write(data)
        self.end += slot.size
        return slot

    def read(self, slot: Slot) -> bytes:
        """Return an entry."""
        self.file.flush()
        return os.pread(self.file.fileno(), slot.size, slot.offset)
