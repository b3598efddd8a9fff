"""Screenshots → one comic-book archive a title, and a table of every picture with what became of it."""

import contextlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
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
from mangagan.ingestion.records import Limits, Record, distinct_pages, merge_sources
from mangagan.pages.archive import write_cbz
from mangagan.pages.decode import Unreadable, decode_page
from mangagan.pages.table import SCHEMA, iterate_pages, write_pages
from mangagan.pictures.grid import contact_sheet, spread
from mangagan.readers.listing import list_sources

SHEET_PAGES = 60  # at most so many on a contact sheet, spread over all
THUMBNAIL = (120, 168)  # px


@dataclass(frozen=True)
class IngestParams:
    """The section `ingest` of params.yaml."""

    min_side: int = 200
    max_megapixels: float = 100
    max_file_mb: float = 100

    def __post_init__(self) -> None:
        if self.min_side < 1 or self.max_megapixels <= 0 or self.max_file_mb <= 0:
            raise ValueError("min_side, max_megapixels and max_file_mb must be above 0")


def run(root: Path = Path()) -> None:
    """Runs the stage in the workspace `root`."""
    settings = params.load("ingest", IngestParams, root)
    sources = list_sources(root / catalog.SCREENSHOTS)
    limits = Limits(settings.min_side, settings.max_megapixels, settings.max_file_mb)
    records = track(distinct_pages(sources, limits), len(sources), "ingest", "files")
    with atomic_directory(root / catalog.PAGES_DIR) as folder:
        listed = list(write_archives(records, folder))
    merged = merge_sources(listed)
    table = pd.DataFrame([asdict(record) for record in merged])[SCHEMA.names]
    if not (table["reason"] == "").any():
        raise UserError(f"no page among {len(table)} files in {catalog.SCREENSHOTS}: the first is {table['reason'][0]}")
    write_pages(root / catalog.PAGES_TABLE, table)

    rejected = table[table["reason"] != ""]
    duplicates = len(listed) - len(merged)
    for row in rejected.itertuples():
        print(f"ingest: turned away {row.source}: {row.reason}", file=sys.stderr)
    print(
        f"ingest: {len(listed)} files, {len(table) - len(rejected)} pages, {duplicates} exact duplicates",
        file=sys.stderr,
    )
    with atomic_directory(root / catalog.pictures("ingest")) as folder:
        draw_sheets(folder, root, table, limits)
        counts = table[table["reason"] == ""].groupby("title").size().rename("pages").to_frame()
        counts.to_csv(folder / "pages.csv")
    write_json(
        root / catalog.metrics("ingest"),
        {
            "files": len(listed),
            "pages": len(table) - len(rejected),
            "rejected": len(rejected),
            "exact_duplicates": duplicates,
            "pages_by_title": {str(title): int(count) for title, count in counts["pages"].items()},
        },
    )


def write_archives(records: Iterable[Record], folder: Path) -> Iterator[Record]:
    """Writes each title's pages to its archive as they come, and yields the records without their bytes."""
    for title, group in groupby(records, key=lambda record: record.title):
        listed: list[Record] = []
        archive = folder / f"{title}.cbz"
        write_cbz(archive, entries(group, listed))
        if not any(record.entry for record in listed):
            archive.unlink()
        yield from listed


def entries(records: Iterable[Record], listed: list[Record]) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each page to store; every record is listed, without its bytes."""
    for record in records:
        listed.append(replace(record, encoded=b""))
        if record.entry:
            yield record.entry, record.encoded


def draw_sheets(folder: Path, root: Path, table: pd.DataFrame, limits: Limits) -> None:
    """Draws thumbnails of pages kept, and of files turned away with the reason."""
    kept = table[table["reason"] == ""].reset_index(drop=True)
    shown = kept.iloc[spread(len(kept), SHEET_PAGES)]
    pages = list(iterate_pages(shown, root / catalog.PAGES_DIR))
    images = [thumbnail(page.pixels) for _, page in pages]
    write_png(folder / "kept.png", contact_sheet(images, [f"{row['title']} {row['page_number']}" for row, _ in pages]))
    turned_away = table[table["reason"] != ""].head(SHEET_PAGES)
    images = [
        thumbnail(rejected_pixels(root / catalog.SCREENSHOTS / source, limits)) for source in turned_away["source"]
    ]
    captions = [f"{row.source}\n" + "\n".join(wrap(row.reason, 26, max_lines=3)) for row in turned_away.itertuples()]
    write_png(folder / "rejected.png", contact_sheet(images, captions))


def rejected_pixels(file: Path, limits: Limits) -> np.ndarray:
    """What can be seen of a file that was turned away: a gray field where nothing can."""
    with contextlib.suppress(OSError, Unreadable):
        if file.is_file() and file.stat().st_size <= limits.max_file_mb * 1e6:
            return decode_page(file.read_bytes(), limits.max_megapixels).pixels
    return np.full((8, 6), 200, np.uint8)


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """A picture at the size of a contact sheet, on white, its proportions kept."""
    image = Image.fromarray(pixels).convert("RGB")
    image.thumbnail(THUMBNAIL)
    sheet = Image.new("RGB", THUMBNAIL, "white")
    sheet.paste(image, ((THUMBNAIL[0] - image.width) // 2, (THUMBNAIL[1] - image.height) // 2))
    return np.asarray(sheet)
