"""Ingest the files of all titles. Titles whose files did not change are taken from the cache as a whole."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import groupby, islice
from pathlib import Path

from mangagan.core.cached_map import get_result
from mangagan.core.code import code_hash
from mangagan.core.keys import describe_libraries, make_key
from mangagan.core.packing import pack
from mangagan.core.progress import progress_bar
from mangagan.ingestion.file_hashes import FileHashes
from mangagan.ingestion.params import IngestParams
from mangagan.ingestion.processor import LIBRARIES, TRANSIENT_PREFIX, Processor
from mangagan.ingestion.records import IngestResult, MergedPage, Record, add_sources, ingest_titles
from mangagan.readers.archives.rar_unpackers import Unpacker, find_unpackers
from mangagan.readers.listing import File
from mangagan.readers.registry import NOT_IN_TITLE
from mangagan.readers.sources import read_sources

READERS = (*LIBRARIES, "rarfile", "py7zr", "backports.zstd", "inflate64")
MAX_THUMBNAILS = 60  # maximum number of thumbnails of rejected images, for each title and in total
# Prefixes of reasons that may not apply in the next run although the file is unchanged. Such a title is not cached.
TRANSIENT = (TRANSIENT_PREFIX, "the file is gone")
RAR_SUFFIXES = (
    ".rar",
    ".cbr",
)  # not cached if rejected: an unpacker that exceeds its time limit leaves images that look damaged


@dataclass(frozen=True)
class StoredTitle:
    """The result of one title, for the cache.

    Attributes:
        records: Its records, without drafts.
        images: Number of source images and rejected files.
        exact_duplicates, retakes: Number of merged pages.
        representatives: `page_id` of each page that was not merged into an earlier title → index of its record.
        merged: `page_id` and sources of each page that was merged into an earlier title, in order.
    """

    records: list[Record]
    images: int
    exact_duplicates: int
    retakes: int
    representatives: dict[str, int]
    merged: list[MergedPage]


def ingest_files(
    files: Sequence[File], settings: IngestParams, folder: Path, hashes: FileHashes, processor: Processor
) -> IngestResult:
    """Make the pages of all titles, and write an archive for each title.

    Args:
        files: Files of all titles, title by title in reading order.
        settings: The section `ingest` of params.yaml.
        folder: Folder of the archives.
        hashes: Content hashes of the files.
        processor: Cache and workers.
    """
    result = IngestResult()
    thumbnails = MAX_THUMBNAILS
    common_key = describe_run(settings)
    with progress_bar(len(files), "ingest", "files") as progress:
        for title, group in groupby(files, key=lambda file: file.title):
            title_files = list(group)
            path = folder / f"{title}.cbz"
            key = make_title_key(title_files, common_key, hashes)
            known = None if key is None else get_result(processor.cache, key, StoredTitle)
            if known is not None and key is not None and restore_title(known, key, path, result, processor):
                progress.update(len(title_files))
            else:
                known = ingest_title(title_files, settings, folder, result, processor, partial(progress.update, 1))
                if key is not None:
                    store_title(known, key, path, processor)
            for record in known.records:
                if record.thumbnail is not None:
                    thumbnails -= 1
                    record.thumbnail = record.thumbnail if thumbnails >= 0 else None
    return result


def describe_run(settings: IngestParams) -> str:
    """Return what all titles depend on: settings, code, libraries, and programs that unpack archives."""
    code = code_hash("mangagan.ingestion.titles", "mangagan.readers.sources")
    programs = list(map(describe_program, find_unpackers()))
    return f"{code} {describe_libraries(*READERS)} {programs} {asdict(replace(settings, screenshots='-'))}"


def describe_program(unpacker: Unpacker) -> tuple[str, int, int]:
    """Return path, size and modification time of a program. They identify its version."""
    path = Path(shutil.which(unpacker.program) or "").resolve()
    status = path.stat()
    return str(path), status.st_size, status.st_mtime_ns


def make_title_key(files: Sequence[File], common_key: str, hashes: FileHashes) -> bytes | None:
    """Return the key of the result of one title. None if a file cannot be read.

    Args:
        files: Files of the title.
        common_key: Result of `describe_run`.
        hashes: Content hashes of the files.
    """
    try:
        contents = [(file.name, file.title, file.reason, *map(hashes.hash_path, list_read(file))) for file in files]
    except OSError:
        return None
    return make_key("title", common_key, contents)


def list_read(file: File) -> tuple[Path, ...]:
    """Return the paths that are read for a file. Of rejected files, only an image in a wrong place is read."""
    return () if file.reason not in ("", NOT_IN_TITLE) else (file.path, *file.later_volumes)


def restore_title(known: StoredTitle, key: bytes, path: Path, result: IngestResult, processor: Processor) -> bool:
    """Add a title of an earlier run to the result, and put its archive at `path`.

    Returns:
        False if the archive is missing, or if the set of pages that duplicate pages of earlier titles has changed.
    """
    if any(page_id in result.by_id for page_id in known.representatives):
        return False
    if any(page_id not in result.by_id for page_id, _ in known.merged):
        return False
    has_pages = any(not record.reason for record in known.records)
    if has_pages and not processor.cache.get_file(make_archive_key(key, known), path):
        return False
    for page_id, names in known.merged:
        add_sources(result.by_id[page_id], names)
    result.by_id |= {page_id: known.records[index] for page_id, index in known.representatives.items()}
    result.records += known.records
    result.images += known.images
    result.exact_duplicates += known.exact_duplicates
    result.retakes += known.retakes
    return True


def ingest_title(
    files: Sequence[File],
    settings: IngestParams,
    folder: Path,
    result: IngestResult,
    processor: Processor,
    advance: Callable[[], object],
) -> StoredTitle:
    """Make the pages of one title and add them to the result.

    Returns:
        The result of the title, for the cache.
    """

    def count() -> Iterator[File]:
        for file in files:
            yield file
            advance()

    counts = result.images, result.exact_duplicates, result.retakes
    known_records, known_ids = len(result.records), len(result.by_id)
    result.merged = []
    ingest_titles(read_sources(count(), settings.limits), settings, folder, MAX_THUMBNAILS, processor, result)
    records = result.records[known_records:]
    index = {id(record): number for number, record in enumerate(records)}
    new_ids = islice(result.by_id.items(), known_ids, None)
    return StoredTitle(
        records,
        result.images - counts[0],
        result.exact_duplicates - counts[1],
        result.retakes - counts[2],
        {page_id: index[id(record)] for page_id, record in new_ids},
        list(result.merged),
    )


def store_title(title: StoredTitle, key: bytes, path: Path, processor: Processor) -> None:
    """Add the result of a title and its archive to the cache."""
    if any(map(is_transient, title.records)):
        return
    processor.cache.put(key, pack(title))
    if path.exists():
        processor.cache.put_file(make_archive_key(key, title), path)


def is_transient(record: Record) -> bool:
    """Return True if a rejected image may be readable in the next run although its file does not change."""
    container = record.source.partition("::")[0].lower()
    return bool(record.reason) and (record.reason.startswith(TRANSIENT) or container.endswith(RAR_SUFFIXES))


def make_archive_key(key: bytes, title: StoredTitle) -> bytes:
    """Return the key of the archive of a title: it does not contain the pages that were merged into earlier titles."""
    return make_key("archive", key, sorted({page_id for page_id, _ in title.merged}))
