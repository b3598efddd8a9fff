"""Write and read the pages of a title as a comic-book archive (CBZ), a ZIP of images."""

import zipfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from mangagan.core.errors import UserError
from mangagan.core.files import atomic_path

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a ZIP can hold; fixed, so that equal pages give equal bytes
MAX_ENTRY_BYTES = 512 * 2**20


def write_cbz(path: Path, entries: Iterable[tuple[str, bytes]]) -> None:
    """Write images to an archive, without compression because they are compressed already.

    Args:
        path: The archive.
        entries: Name and encoded bytes of each image.
    """
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries:
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, data)


class Archive:
    """A context manager that reads the pages of one archive."""

    def __init__(self, path: Path) -> None:
        """Open the archive.

        Raises:
            UserError: The file is missing or damaged.
        """
        try:
            self.zip = zipfile.ZipFile(path)
        except FileNotFoundError:
            raise UserError(f"{path} not found. Run: dvc repro ingest") from None
        except zipfile.BadZipFile:
            raise UserError(f"{path} is damaged. Delete it and run: dvc repro ingest") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.zip.close()

    def read(self, name: str) -> bytes:
        """Return the encoded bytes of one page.

        Raises:
            UserError: The page is missing or damaged, or larger than MAX_ENTRY_BYTES.
        """
        try:
            size = self.zip.getinfo(name).file_size
            if size > MAX_ENTRY_BYTES:
                raise UserError(
                    f"{self.zip.filename}: page {name} is larger than {MAX_ENTRY_BYTES >> 20} MiB."
                    " Run: dvc repro ingest"
                )
            return self.zip.read(name)
        except KeyError:
            raise UserError(f"{self.zip.filename} has no page {name}. Run: dvc repro ingest") from None
        except zipfile.BadZipFile:
            raise UserError(f"{self.zip.filename} is damaged. Delete it and run: dvc repro ingest") from None
