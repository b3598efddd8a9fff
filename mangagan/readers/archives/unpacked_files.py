"""Unpacked files in a temporary folder, for archives that can only be unpacked as a whole."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from mangagan.readers.base import Limits, read_bounded
from mangagan.readers.errors import TooLargeError


class UnpackedFiles:
    """A context manager that holds files in a temporary folder. Their names are numbers, never the names of members."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.written = 0
        self.folder = tempfile.TemporaryDirectory(prefix="mangagan-", ignore_cleanup_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Delete the folder."""
        self.folder.cleanup()

    def path(self, number: int) -> Path:
        """Return the path of a file, which may not exist."""
        return Path(self.folder.name, str(number))

    def write(self, number: int, chunks: Iterable[bytes]) -> None:
        """Write a file. If reading the chunks fails, nothing is kept of it.

        Args:
            number: Number of the file.
            chunks: Its content.

        Raises:
            TooLargeError: All files together are larger than `limits.max_container_bytes`.
        """
        path = self.path(number)
        try:
            with path.open("wb") as file:
                for chunk in chunks:
                    self.written += len(chunk)
                    if self.written > self.limits.max_container_bytes:
                        raise TooLargeError(describe_container_limit(self.limits))
                    file.write(chunk)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def read(self, number: int) -> bytes:
        """Return the content of a file and delete it, because a member is read once.

        Raises:
            FileNotFoundError: The file was not written.
            TooLargeError: It is larger than `limits.max_image_bytes`.
        """
        path = self.path(number)
        with path.open("rb") as file:
            data = read_bounded(file, self.limits.max_image_bytes)
        path.unlink()
        return data


def describe_container_limit(limits: Limits) -> str:
    """Return the reason for an archive that is too large."""
    return f"too large: over {limits.max_container_bytes / 1e9:g} GB unpacked"
