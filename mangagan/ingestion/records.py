"""Decode images, reject those that are not pages, merge exact duplicates, and number the rest."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from mangagan.core.images import encode_png
from mangagan.core.parallel import map_ordered
from mangagan.ingestion.params import IngestParams
from mangagan.pages.decode import UnreadableError, is_gray
from mangagan.readers.sources import Source, decode_source


@dataclass(frozen=True)
class Record:
    """A row of the page table, and what `ingest` needs to build it.

    `mangagan.core.catalog.PAGE_COLUMNS` describes the fields that are columns.

    Attributes:
        path: File of the image.
        position: Position in the file, as in `Source`.
        suffix: Suffix of `encoded`.
        encoded: The image as it is stored in the archive. Empty if it is rejected or a duplicate.
    """

    title: str
    source: str
    path: Path
    position: int
    page_id: str = ""
    reason: str = ""
    width: int = 0
    height: int = 0
    is_gray: bool = True
    suffix: str = ""
    encoded: bytes = field(default=b"", repr=False)
    page_number: int = 0
    entry: str = ""
    sources: tuple[str, ...] = ()


def read_record(source: Source, settings: IngestParams) -> Record:
    """Decode one image. A record with a reason is rejected."""
    record = Record(source.title, source.name, source.path, source.position)
    try:
        page = decode_source(source, settings.max_megapixels)
    except UnreadableError as error:
        return replace(record, reason=str(error))
    height, width = page.pixels.shape[:2]
    record = replace(record, width=width, height=height, is_gray=is_gray(page.pixels))
    if min(width, height) < settings.min_side:
        return replace(record, reason=f"too small: {width}x{height}, under {settings.min_side} px")
    record = replace(record, page_id=page.page_id)
    if page.stored_as_shown:
        return replace(record, encoded=source.data, suffix=page.suffix)
    return replace(record, encoded=encode_png(page.pixels), suffix=".png")


def iterate_distinct_pages(sources: Iterable[Source], settings: IngestParams) -> Iterator[Record]:
    """Yield a record for each image in order, and number the kept pages of each title.

    A duplicate of an earlier page (in any file or title) has the `page_id` of that page and no number.
    `merge_duplicates` merges it into the earlier one.
    """
    page_ids: set[str] = set()
    numbers: dict[str, int] = {}
    for record in map_ordered(partial(read_record, settings=settings), sources):
        if record.reason or record.page_id in page_ids:
            yield replace(record, encoded=b"")
            continue
        page_ids.add(record.page_id)
        numbers[record.title] = number = numbers.get(record.title, 0) + 1
        yield replace(record, page_number=number, entry=f"{number:05d}{record.suffix}")


def merge_duplicates(records: Iterable[Record]) -> list[Record]:
    """Return one record for each distinct page, with the sources of all its duplicates, and all rejected records."""
    merged: dict[object, Record] = {}
    for record in records:
        key = record.page_id or (record.path, record.position)
        first = merged.setdefault(key, record)
        merged[key] = replace(first, sources=(*first.sources, record.source))
    return list(merged.values())
