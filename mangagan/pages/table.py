"""Read and write `data/pages.parquet` (one row for each distinct page or rejected file), and decode its pages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from mangagan.core.catalog import PAGE_COLUMNS, arrow_schema
from mangagan.core.files import read_table, write_table
from mangagan.core.parallel import map_ordered
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


def iterate_pages(pages: pd.DataFrame, folder: Path) -> Iterator[tuple[PageRow, Page]]:
    """Yield each kept page, title by title in reading order. Pages are decoded ahead on all cores.

    Args:
        pages: Rows of the table. Rejected files are skipped.
        folder: The folder of the archives.

    Raises:
        UserError: An archive or a page is missing or damaged.
    """
    yield from map_ordered(decode_entry, read_entries(pages, folder), weigh=weigh_entry, max_weight=MAX_MEMORY)


def weigh_entry(item: tuple[PageRow, bytes]) -> float:
    """Return the memory that the decoding of a page needs [bytes]."""
    row, encoded = item
    return len(encoded) + BYTES_PER_PIXEL * row["width"] * row["height"]


def read_entries(pages: pd.DataFrame, folder: Path) -> Iterator[tuple[PageRow, bytes]]:
    """Yield the row and the encoded bytes of each kept page, with one archive open at a time."""
    for title, group in pages[pages["reason"] == ""].groupby("title", sort=True):
        with Archive(folder / f"{title}.cbz") as archive:
            for row in group.sort_values("page_number").to_dict("records"):
                yield row, archive.read(row["entry"])


def decode_entry(item: tuple[PageRow, bytes]) -> tuple[PageRow, Page]:
    """Decode one page."""
    row, encoded = item
    return row, decode_page(encoded)
