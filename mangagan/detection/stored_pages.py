"""Detection on the pages of a workspace: in parallel, in order, and once for each page (results are cached)."""

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pandas as pd

from mangagan.core.cache import Cache
from mangagan.core.cached_map import map_cached
from mangagan.core.catalog import PAGES_DIR
from mangagan.core.code import code_hash
from mangagan.core.keys import make_key
from mangagan.core.machine import MachineParams
from mangagan.detection.registry import DetectParams, get_detector
from mangagan.detection.types import Detections, Detector
from mangagan.pages.table import MAX_MEMORY, EncodedPage, PageReader, list_kept, weigh_page


def make_cache_key(module: str, name: str, version: str) -> str:
    """Return the key (16 hex digits) of the cached results of a detector.

    The key depends on the code that the detector's module imports, and on the settings of libraries. An edit of one
    detector keeps the cached results of the others.

    Args:
        module: Dotted name of the module that defines the detector.
        name: Name of the detector.
        version: Version of the detector. It covers the settings, the model file and the libraries.
    """
    return hashlib.sha256(f"{name} {version} {code_hash(module, 'mangagan.core.libraries')}".encode()).hexdigest()[:16]


def detect_stored_pages(
    detector: Detector, settings: DetectParams, root: Path, pages: pd.DataFrame, cache: Cache, machine: MachineParams
) -> Iterator[tuple[str, Detections]]:
    """Yield (page_id, faces) for each page of the table, in reading order. Faces in the cache are not detected again.

    Args:
        detector: The detector of the settings.
        settings: The section `detect` of params.yaml; every worker process builds its own detector.
        root: The workspace.
        pages: Rows of the table of pages. Rejected files are skipped.
        cache: Detections of earlier runs.
        machine: The section `machine` of params.yaml.
    """
    rows = list_kept(pages)
    version = make_cache_key(type(detector).__module__, detector.name, detector.version)
    with PageReader(root / PAGES_DIR, machine.reads_files) as reader:
        found = map_cached(
            partial(detect_stored_page, settings, root.absolute()),
            rows,
            cache,
            key=lambda row: make_key("detect", version, row["page_id"]),
            kind=Detections,
            load=reader.load,
            weigh=weigh_page,
            max_weight=MAX_MEMORY,
            machine=machine,
        )
        yield from zip((row["page_id"] for row in rows), found, strict=True)


def detect_stored_page(settings: DetectParams, root: Path, page: EncodedPage) -> Detections:
    """Return the faces of one page, by the detector of this process."""
    return get_detector(settings, root).detect(page.decode().pixels)
