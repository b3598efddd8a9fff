"""`data/pages.parquet`: one row a distinct picture, kept or turned away, with everything it came from."""

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa

from mangagan.core.catalog import PAGE_COLUMNS, arrow_schema
from mangagan.core.files import read_table, write_table
from mangagan.core.parallel import map_ordered
from mangagan.pages.archive import Archive
from mangagan.pages.decode import Page, decode_page

SCHEMA = arrow_schema(PAGE_COLUMNS)


def write_pages(path: Path, rows: pd.DataFrame) -> None:
    """Writes the table."""
    table = pa.Table.from_pandas(rows[SCHEMA.names], schema=SCHEMA, preserve_index=False)
    write_table(path, table.replace_schema_metadata(None))


def read_pages(path: Path) -> pd.DataFrame:
    """Reads the table.

    Raises:
        UserError: it is missing or damaged.
    """
    return read_table(path, "ingest").to_pandas()


def iterate_pages(pages: pd.DataFrame, folder: Path) -> Iterator[tuple[pd.Series, Page]]:
    """Yields each kept page's row and pixels, title by title in reading order; decoding runs ahead on all cores."""
    for title, group in pages[pages["reason"] == ""].groupby("title", sort=True):
        rows = [row for _, row in group.sort_values("page_number").iterrows()]
        with Archive(folder / f"{title}.cbz") as archive:
            yield from map_ordered(partial(read_page, archive), rows)


def read_page(archive: Archive, row: pd.Series) -> tuple[pd.Series, Page]:
    """One page of the archive, decoded; its size was judged when it was ingested."""
    return row, decode_page(archive.read(row["entry"]), max_megapixels=math.inf)
