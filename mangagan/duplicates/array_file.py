"""An array in a temporary file, for data that is too large for memory and is read a few rows at a time."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mangagan.core.files import raise_if_disk_error


class ArrayFile:
    """Rows of an array in a temporary file, which is deleted with the object. Rows that were not written are zero.

    Only the rows that are read occupy memory, unlike those of a memory map.

    Args:
        rows: Number of rows.
        shape: Shape of a row.
        dtype: Type of the values.
        folder: Folder of the file. None: that of the system.
    """

    def __init__(self, rows: int, shape: tuple[int, ...], dtype: type, folder: Path | None = None) -> None:
        self.rows, self.shape, self.dtype = rows, shape, np.dtype(dtype)
        self.row_bytes = int(np.prod(shape)) * self.dtype.itemsize
        self.folder = folder or Path(tempfile.gettempdir())
        self.file = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115 - lives as long as the object
        self.file.truncate(rows * self.row_bytes)

    def __len__(self) -> int:
        return self.rows

    def write(self, row: int, values: np.ndarray) -> None:
        """Write a row.

        Raises:
            UserError: The disk is full or cannot be written.
        """
        try:
            self.file.seek(row * self.row_bytes)
            self.file.write(np.ascontiguousarray(values, self.dtype).data)
        except OSError as error:
            raise_if_disk_error(error, self.folder)
            raise

    def read(self, first: int, last: int) -> np.ndarray:
        """Return the rows [first, last)."""
        self.file.flush()
        data = os.pread(self.file.fileno(), (last - first) * self.row_bytes, first * self.row_bytes)
        return np.frombuffer(data, self.dtype).reshape(last - first, *self.shape)

    def take(self, rows: Sequence[int]) -> np.ndarray:
        """Return some rows."""
        found = np.empty((len(rows), *self.shape), self.dtype)
        for place, row in enumerate(rows):
            found[place] = self.read(row, row + 1)[0]
        return found
