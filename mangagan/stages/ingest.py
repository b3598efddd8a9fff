"""The stage `ingest`: screenshots, archives and e-books → one archive of pages for each title, and a table."""

import sys
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd

from mangagan.core import catalog, params
from mangagan.core.cache import Cache, open_cache
from mangagan.core.errors import UserError
from mangagan.core.files import atomic_directory, note_empty, write_json
from mangagan.core.images import write_png
from mangagan.core.libraries import limit_opencv_to_one_thread
from mangagan.core.machine import load_machine
from mangagan.ingestion.file_hashes import FileHashes
from mangagan.ingestion.params import IngestParams
from mangagan.ingestion.processor import Processor
from mangagan.ingestion.reasons import count_reasons, find_change_kind
from mangagan.ingestion.records import IngestResult, Record
from mangagan.ingestion.scan import IMPORT_ADVICE, has_imports
from mangagan.ingestion.titles import ingest_files
from mangagan.pages.table import SCHEMA, write_pages
from mangagan.pages.thumbnails import draw_pages
from mangagan.pictures.grid import choose_evenly, draw_contact_sheet
from mangagan.pictures.thumbnails import THUMBNAIL, make_thumbnail
from mangagan.readers.listing import Listing, find_similar_titles, list_screenshots
from mangagan.readers.litter import describe_litter

STAGE = "ingest"
SHEET_PAGES = 60  # maximum number of images on a contact sheet
FRAME_LEVEL = 160  # gray level of the frame of a thumbnail
MAX_LINES = 40  # of rejected files on the terminal; the table of pages has all


def run(root: Path = Path()) -> None:
    """Run the stage. Without screenshots but with imported faces, the outputs hold no pages.

    Args:
        root: The workspace. Default: the working directory.

    Raises:
        UserError: There are neither screenshots nor imported faces, or none of the screenshots is a page.
    """
    limit_opencv_to_one_thread()
    settings, machine = params.load(STAGE, IngestParams, root), load_machine(root)
    listing = list_files(root, settings)
    with open_cache(root, STAGE, machine.cache_gb) as cache:
        run_with_cache(root, settings, listing, Processor(cache, machine))


def run_with_cache(root: Path, settings: IngestParams, listing: Listing, processor: Processor) -> None:
    """Run the stage; see `run`.

    Args:
        root: The workspace.
        settings: The section `ingest` of params.yaml.
        listing: The files.
        processor: Cache and workers.
    """
    hashes = FileHashes(root / catalog.FILE_HASHES)
    with atomic_directory(root / catalog.PAGES_DIR) as folder:
        result = ingest_files(listing.files, settings, folder, hashes, processor)
        rejected = [record for record in result.records if record.reason]
        # Raised inside the block, so that existing pages are kept.
        if listing.files and len(rejected) == len(result.records):
            raise UserError(describe_failure(rejected, settings))
        note_empty(folder, "There are no screenshots.")
    table = make_table(result.records)
    write_pages(root / catalog.PAGES_TABLE, table)
    if listing.files:
        print_summary(listing, result)
    else:
        print("ingest: no screenshots: only imported faces are used", file=sys.stderr)
    counts = table[table["reason"] == ""].groupby("title").size().rename("pages").to_frame()
    with atomic_directory(root / catalog.pictures_dir(STAGE)) as folder:
        if listing.files:
            write_png(folder / "kept.png", draw_kept(table, root / catalog.PAGES_DIR, processor.cache))
            write_png(folder / "rejected.png", draw_rejected(choose_rejected(rejected)))
        counts.to_csv(folder / "pages.csv")
    write_json(root / catalog.metrics_file(STAGE), summarize(listing, result, table))


def list_files(root: Path, settings: IngestParams) -> Listing:
    """List the screenshots. No files if there are only imported faces.

    Raises:
        UserError: There are neither screenshots nor imported faces.
    """
    try:
        return list_screenshots(root / settings.folder)
    except UserError as error:
        if not has_imports(root):
            raise UserError(f"{error}, {IMPORT_ADVICE}") from None
    return Listing()


def make_table(records: list[Record]) -> pd.DataFrame:
    """Return the table of pages."""
    rows = [{name: getattr(record, name) for name in SCHEMA.names} for record in records]
    return pd.DataFrame(rows, columns=SCHEMA.names)


def summarize(listing: Listing, result: IngestResult, table: pd.DataFrame) -> dict[str, Any]:
    """Return the metrics of the stage."""
    kept = table[table["reason"] == ""]
    changes = kept["change"].map(find_change_kind).value_counts()
    return {
        "files": result.images,
        "pages": len(kept),
        "rejected": len(table) - len(kept),
        "rejected_by_kind": count_reasons(table["reason"]),
        "exact_duplicates": result.exact_duplicates,
        "retakes": result.retakes,
        "changed_pages": {str(change): int(count) for change, count in changes.items() if change},
        "skipped_folders": len(listing.litter_folders),
        "pages_by_title": {str(title): int(count) for title, count in kept.groupby("title").size().items()},
    }


def describe_failure(rejected: list[Record], settings: IngestParams) -> str:
    """Return the error if no file is a page."""
    folder, first = settings.screenshots, rejected[0] if rejected else None
    example = f", for example {first.source}: {first.reason}" if first else ""
    return (
        f"none of {len(rejected)} files in {folder} is a page{example}."
        f" Put images, or archives and e-books of them, into {folder}/<title>/"
    )


def print_summary(listing: Listing, result: IngestResult) -> None:
    """Print what was rejected, skipped, merged and kept, on stderr."""
    rejected = [record for record in result.records if record.reason]
    for record in rejected[:MAX_LINES]:
        print(f"ingest: rejected {record.source}: {record.reason}", file=sys.stderr)
    if len(rejected) > MAX_LINES:
        print(f"ingest: rejected {len(rejected) - MAX_LINES} more files. Run: mangagan inspect", file=sys.stderr)
    if listing.litter_folders:
        skipped = describe_litter(listing.litter_folders)
        print(f"ingest: skipped folders of systems and sync tools: {skipped}", file=sys.stderr)
    for titles in find_similar_titles(listing.files):
        names = ", ".join(titles)
        print(
            f"ingest: titles that differ in case only overwrite each other on Windows and macOS: {names}",
            file=sys.stderr,
        )
    pages = len(result.records) - len(rejected)
    merged = f"{result.exact_duplicates} exact duplicates, {result.retakes} re-taken screenshots merged"
    print(f"ingest: {result.images} images, {pages} pages, {merged}", file=sys.stderr)


def draw_kept(table: pd.DataFrame, folder: Path, cache: Cache) -> np.ndarray:
    """Draw a contact sheet of pages, evenly spread over all titles.

    Args:
        table: The page table.
        folder: The folder of the archives.
        cache: Thumbnails of earlier runs.
    """
    kept = table[table["reason"] == ""]
    images, captions = [], []
    for row, thumbnail in draw_pages(kept.iloc[choose_evenly(len(kept), SHEET_PAGES)], folder, make_thumbnail, cache):
        images.append(thumbnail)
        captions.append(f"{row['title']}, p. {row['page_number']}")
    return draw_contact_sheet(images, captions)


def choose_rejected(records: list[Record]) -> list[Record]:
    """Return the rejected images to show, those with a thumbnail first."""
    visible = [record for record in records if record.thumbnail is not None]
    hidden = [record for record in records if record.thumbnail is None]
    return (visible + hidden)[:SHEET_PAGES]


def draw_rejected(records: list[Record]) -> np.ndarray:
    """Draw a contact sheet of rejected images with the reasons. Without a thumbnail: a gray field."""
    gray = np.full((THUMBNAIL[1], THUMBNAIL[0], 3), 200, np.uint8)
    images = [gray if record.thumbnail is None else draw_frame(record.thumbnail) for record in records]
    captions = [f"{record.source}\n" + "\n".join(wrap(record.reason, 26, max_lines=4)) for record in records]
    return draw_contact_sheet(images, captions)


def draw_frame(image: np.ndarray) -> np.ndarray:
    """Return an image, uint8 (H, W, 3), with a thin gray frame, so that a white page can be seen."""
    framed = image.copy()
    framed[[0, -1]] = framed[:, [0, -1]] = FRAME_LEVEL
    return framed
