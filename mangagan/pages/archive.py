"""A title's pages as a comic-book archive: a ZIP of images that any comic reader opens."""

import zipfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from mangagan.core.errors import UserError
from mangagan.core.files import atomic_path

EPOCH = (1980, 1, 1, 0, 0, 0)  # the least time a ZIP can hold; the same in every run
MAX_ENTRY_BYTES = 512 * 2**20


def write_cbz(path: Path, entries: Iterable[tuple[str, bytes]]) -> None:
    """Writes encoded images under their names, stored as they are (they are compressed already)."""
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries:
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, data)


class Archive:
    """Reads pages of one archive; threads may share it."""

    def __init__(self, path: Path) -> None:
        """Opens the archive.

        Raises:
            UserError: it is missing or no archive.
        """
        try:
            self.zip = zipfile.ZipFile(path)
        except FileNotFoundError:
            raise UserError(f"{path} not found: run `dvc repro ingest`") from None
        except zipfile.BadZipFile:
            raise UserError(f"{path} is damaged: delete it and run `dvc repro ingest`") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.zip.close()

    def read(self, name: str) -> bytes:
        """The encoded bytes of one page.

        Raises:
            UserError: there is no such entry, or it is absurdly large.
        """
        try:
            size = self.zip.getinfo(name).file_size
        except KeyError:
            raise UserError(f"{self.zip.filename} has no page {name}: run `dvc repro ingest`") from None
        if size > MAX_ENTRY_BYTES:
            raise UserError(f"{self.zip.filename}: page {name} claims {size >> 20} MiB: run `dvc repro ingest`")
        return self.zip.read(name)
