"""Make the pages of all titles: merge duplicates and re-taken screenshots, number the pages, write the archives."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from mangagan.core.files import sha256_bytes
from mangagan.ingestion.boxes import Box
from mangagan.ingestion.drafts import Draft
from mangagan.ingestion.images import Image
from mangagan.ingestion.layout import Plan, plan_title
from mangagan.ingestion.params import IngestParams
from mangagan.ingestion.processor import Processor
from mangagan.ingestion.retakes import find_retakes
from mangagan.ingestion.spool import Spool
from mangagan.pages.archive import write_cbz
from mangagan.pages.decode import decode_page
from mangagan.readers.sources import Source

MergedPage = tuple[str, tuple[str, ...]]  # page_id and sources


@dataclass
class Record:
    """A row of the page table. `mangagan.core.catalog.PAGE_COLUMNS` describes the fields that are columns.

    Attributes:
        suffix: Suffix of the encoded page.
        draft: The page or rejected image. None once its title is written.
        thumbnail: Picture of a rejected image. None if there is none.
    """

    title: str
    source: str
    sources: tuple[str, ...] = ()
    page_id: str = ""
    reason: str = ""
    left: int = 0
    top: int = 0
    width: int = 0
    height: int = 0
    is_gray: bool = True
    change: str = ""
    page_number: int = 0
    entry: str = ""
    suffix: str = ".png"
    draft: Draft | None = field(default=None, repr=False)
    thumbnail: np.ndarray | None = field(default=None, repr=False)


@dataclass
class IngestResult:
    """All records, and the number of images that were merged.

    Attributes:
        records: One record for each page and each rejected image, in reading order.
        images: Number of source images and rejected files.
        exact_duplicates: Number of pages with the pixels of an earlier page.
        retakes: Number of pages that were merged into a better screenshot of the same page.
        by_id: The records of the pages by `page_id`.
        merged: `page_id` and sources of each page of the last title that was merged into an earlier title, in order.
    """

    records: list[Record] = field(default_factory=list)
    images: int = 0
    exact_duplicates: int = 0
    retakes: int = 0
    by_id: dict[str, Record] = field(default_factory=dict, repr=False)
    merged: list[MergedPage] = field(default_factory=list, repr=False)


def ingest_titles(
    sources: Iterable[Source],
    settings: IngestParams,
    folder: Path,
    max_thumbnails: int,
    processor: Processor | None = None,
    result: IngestResult | None = None,
) -> IngestResult:
    """Make the pages of all titles, and write an archive for each title.

    Args:
        sources: Images of all titles, title by title in reading order.
        settings: The section `ingest` of params.yaml.
        folder: Folder of the archives.
        max_thumbnails: Maximum number of thumbnails of rejected images to keep for each title.
        processor: Cache and workers. Default: no cache, a thread for each core.
        result: Titles before these; it is changed. Default: there are none.
    """
    result, processor = result or IngestResult(), processor or Processor()
    for title, group in groupby(sources, key=lambda source: source.title):
        with Spool(folder) as spool:
            plans = plan_title(list(read_images(group, settings, spool, max_thumbnails, processor)), settings)
            result.images += sum(len(plan.images) for plan in plans)
            made = make_records(plans, settings, spool, max_thumbnails, processor)
            records = merge_exact_duplicates(made, result)
            if settings.merge_retakes:
                records = merge_retakes(records, spool, result, processor)
            write_title(folder / f"{title}.cbz", records, spool)
        for record in records:
            record.draft = None
        result.records += records
    return result


def read_images(
    sources: Iterable[Source], settings: IngestParams, spool: Spool, max_thumbnails: int, processor: Processor
) -> Iterator[Image]:
    """Decode and measure the images of one title, and move the encoded images and pages to the spool."""
    stored: deque[Image] = deque()  # the images that are not yet yielded, before they are examined

    def store() -> Iterator[tuple[Source, str]]:
        for source in sources:
            digest = sha256_bytes(source.data) if source.data else ""
            slot = spool.add(source.data) if source.data else None
            stored.append(Image(replace(source, data=b""), slot=slot, digest=digest))
            yield source, digest

    for examined in processor.examine(store(), settings):
        known = stored.popleft()
        image = replace(examined, source=known.source, slot=known.slot, digest=known.digest)
        draft = image.draft and store_draft(image.draft, image, spool)
        if draft and draft.thumbnail is not None:  # a folder can hold thousands of icons
            max_thumbnails -= 1
            draft = draft if max_thumbnails >= 0 else replace(draft, thumbnail=None)
        yield replace(image, draft=draft)


def make_records(
    plans: list[Plan], settings: IngestParams, spool: Spool, max_thumbnails: int, processor: Processor
) -> Iterator[Record]:
    """Yield a record for each page and each rejected image of one title, in reading order."""

    def load(plan: Plan) -> Plan:
        return replace(plan, encoded=tuple(spool.read(image.slot) for image in plan.images if image.slot))

    made = processor.make_pages((plan for plan in plans if not plan.is_final), load, settings)
    for plan in plans:
        first = plan.images[0].draft
        for draft in [first] if plan.is_final and first else next(made):
            if draft.thumbnail is not None:
                max_thumbnails -= 1
                draft = draft if max_thumbnails >= 0 else replace(draft, thumbnail=None)
            draft = store_draft(draft, plan.images[0], spool)
            yield make_record(plan.images[0], list_sources(plan, draft.box), draft)


def list_sources(plan: Plan, box: Box) -> tuple[str, ...]:
    """Return the name of the source image, or the names of the slices of a strip that hold a part of a page.

    Args:
        plan: The source image, or the slices.
        box: The page, in px of the strip.
    """
    if len(plan.images) == 1:
        return (plan.images[0].source.name,)
    names, top = [], 0
    for image in plan.images:
        if top < box.top + box.height and box.top < top + image.height:
            names.append(image.source.name)
        top += image.height
    return tuple(names)


def store_draft(draft: Draft, image: Image, spool: Spool) -> Draft:
    """Move the encoded page of a draft to the spool. A page that is not encoded is the source image itself."""
    if draft.reason or draft.slot:
        return draft
    slot = spool.add(draft.encoded) if draft.encoded else image.slot
    return replace(draft, slot=slot, suffix=".png" if draft.encoded else image.suffix, encoded=b"")


def make_record(image: Image, names: tuple[str, ...], draft: Draft) -> Record:
    """Return the row of a page or of a rejected image.

    Args:
        image: The source image, or the first slice of a strip.
        names: Name of the source image, or names of the slices that hold a part of the page.
        draft: The page.
    """
    return Record(
        title=image.source.title,
        source=image.source.name,
        sources=names,
        page_id=draft.page_id,
        reason=draft.reason,
        left=draft.box.left,
        top=draft.box.top,
        width=draft.box.width,
        height=draft.box.height,
        is_gray=draft.is_gray,
        change=draft.change,
        suffix=draft.suffix,
        draft=draft,
        thumbnail=draft.thumbnail,
    )


def merge_exact_duplicates(records: Iterable[Record], result: IngestResult) -> list[Record]:
    """Return the records of one title without the pages whose pixels an earlier page of any title has."""
    kept = []
    for record in records:
        first = result.by_id.setdefault(record.page_id, record) if record.page_id else record
        if first is record:
            kept.append(record)
        else:
            add_sources(first, record.sources)
            result.exact_duplicates += 1
            if first.title != record.title:
                result.merged.append((record.page_id, record.sources))
    return kept


def merge_retakes(records: list[Record], spool: Spool, result: IngestResult, processor: Processor) -> list[Record]:
    """Return the records of one title with only the best of several screenshots of one page.

    The best one gets the place of the first one: a screenshot that is re-taken later does not change the reading order.
    """
    pages = [record for record in records if not record.reason]

    def load(index: int) -> np.ndarray:
        return decode_page(spool.read(slots[index])).pixels

    drafts = [record.draft for record in pages if record.draft]
    slots = [draft.slot for draft in drafts if draft.slot]
    signatures = [draft.signature for draft in drafts if draft.signature]
    places = {id(record): place for place, record in enumerate(records)}
    ids = [record.page_id for record in pages]
    for index, best in enumerate(find_retakes(signatures, load, processor.cache_matches(ids))):
        if best != index:
            add_sources(pages[best], pages[index].sources)
            result.by_id[pages[index].page_id] = pages[best]
            result.retakes += 1
            places[id(pages[best])] = min(places[id(pages[best])], places.pop(id(pages[index])))
    kept = [record for record in records if id(record) in places]
    return sorted(kept, key=lambda record: places[id(record)])


def add_sources(kept: Record, names: Iterable[str]) -> None:
    """Add the names of the sources of a page that is merged into another one."""
    kept.sources += tuple(name for name in names if name not in kept.sources)


def write_title(path: Path, records: list[Record], spool: Spool) -> None:
    """Number the pages of one title and write them to its archive. A title without pages has no archive."""
    pages = [record for record in records if not record.reason]
    for number, page in enumerate(pages, 1):
        page.page_number, page.entry = number, f"{number:05d}{page.suffix}"
    if pages:
        slots = [(page.entry, page.draft.slot) for page in pages if page.draft and page.draft.slot]
        write_cbz(path, ((entry, spool.read(slot)) for entry, slot in slots))
