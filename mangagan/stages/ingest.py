"""The stage `ingest`: screenshots → one comic-book archive for each title, and a table of pages and rejected files."""

import contextlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path
from textwrap import wrap

import numpy as np
import pandas as pd
from PIL import Image

from mangagan.core import catalog, params
from mangagan.core.errors import UserError
from mangagan.core.files import atomic_directory, write_json
from mangagan.core.images import write_png
from mangagan.core.progress import track
from mangagan.ingestion.params import IngestParams
from mangagan.ingestion.records import Record, iterate_distinct_pages, merge_duplicates
from mangagan.pages.archive import write_cbz
from mangagan.pages.decode import UnreadableError
from mangagan.pages.table import SCHEMA, iterate_pages, write_pages
from mangagan.pictures.grid import choose_evenly, draw_contact_sheet
from mangagan.readers.listing import File, list_screenshots
from mangagan.readers.sources import decode_source, read_again, read_sources

SHEET_PAGES = 60  # maximum number of images on a contact sheet
THUMBNAIL = (120, 168)  # width and height [px]


def run(root: Path = Path()) -> None:
    """Run the stage.

    Args:
        root: The workspace. Default: the working directory.

    Raises:
        UserError: There are no screenshots, or none of them is a page.
    """
    settings = params.load("ingest", IngestParams, root)
    files = list_screenshots(root / catalog.SCREENSHOTS)
    sources = read_sources(track(files, len(files), "ingest", "files"), settings.max_file_mb)
    with atomic_directory(root / catalog.PAGES_DIR) as folder:
        records = list(write_archives(iterate_distinct_pages(sources, settings), folder))
    merged = merge_duplicates(records)
    kept = [record for record in merged if not record.reason]
    rejected = [record for record in merged if record.reason]
    if not kept:
        first = rejected[0]
        raise UserError(
            f"none of {len(rejected)} files in {catalog.SCREENSHOTS} is a page, for example {first.source}:"
            f" {first.reason}. Put PNG, JPEG or WebP files into {catalog.SCREENSHOTS}/<title>/"
        )
    table = pd.DataFrame([asdict(record) for record in merged])[SCHEMA.names]
    write_pages(root / catalog.PAGES_TABLE, table)
    duplicates = len(records) - len(merged)
    for record in rejected:
        print(f"ingest: rejected {record.source}: {record.reason}", file=sys.stderr)
    print(f"ingest: {len(records)} files, {len(kept)} pages, {duplicates} exact duplicates", file=sys.stderr)
    counts = table[table["reason"] == ""].groupby("title").size().rename("pages").to_frame()
    with atomic_directory(root / catalog.pictures_dir("ingest")) as folder:
        write_png(folder / "kept.png", draw_kept(table, root / catalog.PAGES_DIR))
        write_png(folder / "rejected.png", draw_rejected(rejected[:SHEET_PAGES], settings))
        counts.to_csv(folder / "pages.csv")
    write_json(
        root / catalog.metrics_file("ingest"),
        {
            "files": len(records),
            "pages": len(kept),
            "rejected": len(rejected),
            "exact_duplicates": duplicates,
            "pages_by_title": {str(title): int(count) for title, count in counts["pages"].items()},
        },
    )


def write_archives(records: Iterable[Record], folder: Path) -> Iterator[Record]:
    """Write the pages of each title to its archive as they arrive, and yield all records without their bytes."""
    for title, group in groupby(records, key=lambda record: record.title):
        written: list[Record] = []
        archive = folder / f"{title}.cbz"
        write_cbz(archive, archive_entries(group, written))
        if not any(record.entry for record in written):
            archive.unlink()
        yield from written


def archive_entries(records: Iterable[Record], written: list[Record]) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each page. Every record is appended to `written`, without its bytes."""
    for record in records:
        written.append(replace(record, encoded=b""))
        if record.entry:
            yield record.entry, record.encoded


def draw_kept(table: pd.DataFrame, folder: Path) -> np.ndarray:
    """Draw a contact sheet of pages, evenly spread over all titles.

    Args:
        table: The page table.
        folder: The folder of the archives.
    """
    kept = table[table["reason"] == ""]
    pages = list(iterate_pages(kept.iloc[choose_evenly(len(kept), SHEET_PAGES)], folder))
    images = [make_thumbnail(page.pixels) for _, page in pages]
    return draw_contact_sheet(images, [f"{row['title']} {row['page_number']}" for row, _ in pages])


def draw_rejected(records: list[Record], settings: IngestParams) -> np.ndarray:
    """Draw a contact sheet of rejected files with the reasons. An image that cannot be decoded is a gray field."""
    thumbnails: dict[tuple[Path, int], np.ndarray] = {}
    for path, group in groupby(records, key=lambda record: record.path):
        positions = [record.position for record in group]
        for source in read_again(File(path, path.name), positions, settings.max_file_mb):
            with contextlib.suppress(UnreadableError):
                image = decode_source(source, settings.max_megapixels).pixels
                thumbnails[path, source.position] = make_thumbnail(image)
    gray = make_thumbnail(np.full((8, 6), 200, np.uint8))
    images = [thumbnails.get((record.path, record.position), gray) for record in records]
    captions = [f"{record.source}\n" + "\n".join(wrap(record.reason, 26, max_lines=3)) for record in records]
    return draw_contact_sheet(images, captions)


def make_thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Return an image at the size of the contact sheet, on white, with its proportions kept."""
    image = Image.fromarray(pixels).convert("RGB")
    image.thumbnail(THUMBNAIL)
    sheet = Image.new("RGB", THUMBNAIL, "white")
    sheet.paste(image, ((THUMBNAIL[0] - image.width) // 2, (THUMBNAIL[1] - image.height) // 2))
    return np.asarray(sheet)
