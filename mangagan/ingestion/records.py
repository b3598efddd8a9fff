"""From source files to distinct pages: decode, turn away what is no page, merge exact duplicates, number the rest."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from mangagan.core.images import encode_png
from mangagan.core.parallel import map_ordered
from mangagan.pages.decode import Unreadable, decode_page, is_gray
from mangagan.readers.listing import Source


@dataclass(frozen=True)
class Limits:
    """What counts as a page.

    Attributes:
        min_side: px, the shorter side at least.
        max_megapixels: width times height at most, in millions.
        max_file_mb: encoded size at most, in 10^6 bytes.
    """

    min_side: int
    max_megapixels: float
    max_file_mb: float


@dataclass(frozen=True)
class Record:
    """A row of the page table in the making; see `mangagan.pages.table.SCHEMA` for the meaning of each field."""

    title: str
    source: str
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


def read_record(source: Source, limits: Limits) -> Record:
    """Reads and judges one source; whatever is wrong with it becomes the record's reason."""
    rejected = Record(source.title, source.name)
    if source.reason:
        return replace(rejected, reason=source.reason)
    if source.size == 0:
        return replace(rejected, reason="empty file")
    if source.size > limits.max_file_mb * 1e6:
        return replace(rejected, reason=f"too large: {source.size / 1e6:.0f} MB, over {limits.max_file_mb:g} MB")
    try:
        data = source.read()
        page = decode_page(data, limits.max_megapixels)
    except OSError as error:
        return replace(rejected, reason=f"unreadable: {error.strerror}")
    except Unreadable as unreadable:
        return replace(rejected, reason=str(unreadable))
    height, width = page.pixels.shape[:2]
    record = replace(rejected, width=width, height=height, is_gray=is_gray(page.pixels))
    if min(width, height) < limits.min_side:
        return replace(record, reason=f"too small: {width}x{height}, under {limits.min_side} px")
    record = replace(record, page_id=page.page_id)
    if page.plain:
        return replace(record, encoded=data, suffix=page.suffix)
    return replace(record, encoded=encode_png(page.pixels), suffix=".png")


def distinct_pages(sources: Iterable[Source], limits: Limits) -> Iterator[Record]:
    """Yields a record a source in order, kept pages numbered within their title.

    A picture that was seen before, in whatever file or title, comes as a record with the first one's `page_id` and
    no number: `merge_sources` folds it into the first.
    """
    seen: set[str] = set()
    numbers: dict[str, int] = {}
    for record in map_ordered(lambda source: read_record(source, limits), sources):
        if record.reason or record.page_id in seen:
            yield replace(record, encoded=b"")
            continue
        seen.add(record.page_id)
        numbers[record.title] = number = numbers.get(record.title, 0) + 1
        yield replace(record, page_number=number, entry=f"{number:05d}{record.suffix}")


def merge_sources(records: Iterable[Record]) -> list[Record]:
    """One record a distinct page, the first, with the sources of all; files turned away stay as they are."""
    merged: dict[str, Record] = {}
    for record in records:
        key = record.page_id or record.source
        first = merged.setdefault(key, record)
        merged[key] = replace(first, sources=(*first.sources, record.source))
    return list(merged.values())
