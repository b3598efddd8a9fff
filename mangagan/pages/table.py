"""Read and write `data/pages.parquet` (one row for each distinct page or rejected file), and read its pages."""

from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd
import pyarrow as pa

from mangagan.core.catalog import PAGE_COLUMNS, arrow_schema
from mangagan.core.files import read_table, write_table
from mangagan.pages.archive import Archive
from mangagan.pages.decode import Page, decode_page

MAX_MEMORY = 700e6  # of the pages that are decoded at the same time [bytes]; one larger page is decoded alone
BYTES_PER_PIXEL = 7.0  # 4 of the decoder, 3 of the result

SCHEMA = arrow_schema(PAGE_COLUMNS)
PageRow = dict[str, Any]  # column → value


def write_pages(path: Path, rows: pd.DataFrame) -> None:
    """Write the table."""
    table = pa.Table.from_pandas(rows[SCHEMA.names], schema=SCHEMA, preserve_index=False)
    write_table(path, table.replace_schema_metadata(None))


def read_pages(path: Path) -> pd.DataFrame:
    """Read the table.

    Raises:
        UserError: The file is missing or damaged.
    """
    return read_table(path, "ingest").to_pandas()


@dataclass(frozen=True)
class EncodedPage:
    """A page that is not yet decoded. Plain data: it can be sent to another process.

    Attributes:
        row: Row of the table.
        archive: Archive that holds the page.
        data: The encoded page. Empty: `decode` reads the page from the archive.
    """

    row: PageRow
    archive: Path
    data: bytes = field(default=b"", repr=False)

    def decode(self) -> Page:
        """Return the decoded page.

        Raises:
            UserError: The archive or the page is missing or damaged.
        """
        if self.data:
            return decode_page(self.data)
        with Archive(self.archive) as archive:
            return decode_page(archive.read(self.row["entry"]))


class PageReader:
    """A context manager that reads encoded pages. It keeps the last archive open.

    Args:
        folder: The folder of the archives.
        is_lazy: True: return pages without data; the workers read the archives themselves.
    """

    def __init__(self, folder: Path, is_lazy: bool = False) -> None:
        self.folder, self.is_lazy = folder, is_lazy
        self.path = Path()
        self.archive: Archive | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the archive."""
        if self.archive is not None:
            self.archive.zip.close()
            self.archive = None

    def load(self, row: PageRow) -> EncodedPage:
        """Return the page of a row of the table.

        Raises:
            UserError: The archive or the page is missing or damaged.
        """
        path = self.folder / f"{row['title']}.cbz"
        if self.is_lazy:
            return EncodedPage(row, path.absolute())
        if self.archive is None or path != self.path:
            self.close()
            self.path, self.archive = path, Archive(path)
        return EncodedPage(row, path, self.archive.read(row["entry"]))


def weigh_page(page: EncodedPage) -> float:
    """Return the memory that the decoding of a page needs [bytes]."""
    return len(page.data) + BYTES_PER_PIXEL * page.row["width"] * page.row["height"]


def list_kept(pages: pd.DataFrame) -> list[PageRow]:
    """Return the rows of the pages, title by title in reading order, without rejected files."""
    kept = pages[pages["reason"] == ""].sort_values(["title", "page_number"], kind="stable")
    return kept.to_dict("records")
