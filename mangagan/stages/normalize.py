"""The stage `normalize`: face boxes → square faces of one size, rated. Dropped faces are kept with the reason."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mangagan.core import catalog, params
from mangagan.core.cache import Cache, open_cache
from mangagan.core.cached_map import map_cached
from mangagan.core.code import code_hash
from mangagan.core.files import atomic_directory, note_empty, write_json, write_text
from mangagan.core.keys import describe_libraries, make_key
from mangagan.core.libraries import limit_to_one_thread
from mangagan.core.machine import MachineParams, load_machine
from mangagan.core.progress import track
from mangagan.detection.table import read_detections
from mangagan.face_quality.classifier import FaceQuality
from mangagan.faces.face_crops import FaceCrop, crop_faces
from mangagan.faces.normalize import PAGE_COLUMNS, SCHEMA, NormalizeParams, make_face_rows
from mangagan.faces.quality import Gates
from mangagan.faces.shards import FaceShards
from mangagan.faces.sheets import write_sheets
from mangagan.faces.table import read_rows, write_faces
from mangagan.pages.table import MAX_MEMORY, EncodedPage, PageReader, PageRow, list_kept, read_pages, weigh_page

STAGE = "normalize"
CODE = ("mangagan.faces.face_crops", "mangagan.face_quality.classifier", "mangagan.core.libraries")
LIBRARIES = ("numpy", "opencv-python-headless", "pillow", "pyarrow", "torch")


class PageFaces(NamedTuple):
    """A page with its detections.

    Attributes:
        row: Row of the page in the table of pages.
        detections: Its rows of the table of detections.
        key: Key of the crops in the cache.
    """

    row: PageRow
    detections: list[dict[str, Any]]
    key: bytes


def run(root: Path = Path()) -> None:
    """Run the stage in the workspace `root`.

    Raises:
        UserError: params.yaml is invalid, or the weights or a file of an earlier stage are missing or damaged.
    """
    limit_to_one_thread()
    settings, machine = params.load(STAGE, NormalizeParams, root), load_machine(root)
    get_quality()  # fail early if the weights are missing, even if all crops are cached
    pages = read_pages(root / catalog.PAGES_TABLE)
    titles = sorted(set(pages["title"][pages["reason"] == ""]))
    by_title = group_by_title(pages, read_detections(root / catalog.DETECTIONS), settings)
    with (
        open_cache(root, STAGE, machine.cache_gb) as result_cache,
        atomic_directory(root / catalog.FACES_DIR) as folder,
    ):
        write_titles(
            root, folder, {title: by_title.get(title, []) for title in titles}, settings, result_cache, machine
        )
        note_empty(folder, "There are no pages.")
    paths = [root / catalog.FACES_DIR / f"{title}.parquet" for title in titles]
    rows = [read_rows(path, SCHEMA, STAGE) for path in paths]
    faces = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=SCHEMA.names)
    figures = summarize(faces, settings)
    if titles:
        print(f"{STAGE}: {figures['passed']} of {figures['faces']} faces pass the quality gates", file=sys.stderr)
        order = "p_usable" if settings.usable_threshold > 0 else "p_face"
        with atomic_directory(root / catalog.pictures_dir(STAGE)) as folder:
            write_sheets(folder, faces, order, load=FaceShards(paths).load_rows)
    else:
        print(f"{STAGE}: no pages: only imported faces are used", file=sys.stderr)
        with atomic_directory(root / catalog.pictures_dir(STAGE)) as folder:
            write_text(folder / "drop_reasons.csv", "outcome,count\n")  # a plot in dvc.yaml reads it
    write_json(root / catalog.metrics_file(STAGE), figures)


def group_by_title(
    pages: pd.DataFrame, detections: pd.DataFrame, settings: NormalizeParams
) -> dict[str, list[PageFaces]]:
    """Return the pages with faces of each title, in reading order."""
    by_page: dict[str, list[dict[str, Any]]] = {}
    for detection in detections.to_dict("records"):
        by_page.setdefault(detection["page_id"], []).append(detection)
    code = code_hash(*CODE), describe_libraries(*LIBRARIES), settings.size, settings.margin
    result: dict[str, list[PageFaces]] = {}
    for row in list_kept(pages):
        if found := by_page.get(row["page_id"]):
            key = make_key("crops", *code, row["page_id"], list(map(describe_detection, found)))
            result.setdefault(row["title"], []).append(PageFaces(row, found, key))
    return result


def describe_detection(detection: dict[str, Any]) -> tuple[Any, ...]:
    """Return what the crop of a detection depends on."""
    return tuple(detection[name] for name in (*"xywh", "score", "detector", "crop_margin"))


def write_titles(
    root: Path,
    folder: Path,
    by_title: dict[str, list[PageFaces]],
    settings: NormalizeParams,
    result_cache: Cache,
    machine: MachineParams,
) -> None:
    """Write the file of each title. Unchanged files are taken from the cache as a whole.

    Args:
        root: The workspace.
        folder: Folder of the files.
        by_title: Pages with faces of each title.
        settings: Size, margin and gates.
        result_cache: Crops and files of earlier runs.
        machine: The section `machine` of params.yaml.
    """
    code = code_hash("mangagan.stages.normalize")
    common_key = f"{code} {describe_libraries(*LIBRARIES)} {asdict(settings)}"
    keys = {title: make_file_key(pages, common_key) for title, pages in by_title.items()}
    changed = [title for title, key in keys.items() if not result_cache.get_file(key, folder / f"{title}.parquet")]
    pages = [page for title in changed for page in by_title[title]]
    crops = track(crop_pages(root, pages, settings, result_cache, machine), len(pages), STAGE, "pages")
    for title in changed:
        own = by_title[title]
        write_title(folder / f"{title}.parquet", own, list(islice(crops, len(own))), settings)
        result_cache.put_file(keys[title], folder / f"{title}.parquet")


def make_file_key(pages: list[PageFaces], common_key: str) -> bytes:
    """Return the key of the file of a title.

    Args:
        pages: Pages with faces of the title.
        common_key: What all files depend on: code, libraries and settings.
    """
    rows = [
        (
            page.key,
            [page.row[name] for name in PAGE_COLUMNS.values()],
            [list(each.values()) for each in page.detections],
        )
        for page in pages
    ]
    return make_key("faces", common_key, rows)


def crop_pages(
    root: Path, pages: list[PageFaces], settings: NormalizeParams, result_cache: Cache, machine: MachineParams
) -> Iterator[list[FaceCrop]]:
    """Yield the crops of the faces of each page."""
    with PageReader(root / catalog.PAGES_DIR, machine.reads_files) as reader:
        yield from map_cached(
            partial(crop_stored_page, settings),
            pages,
            result_cache,
            key=lambda page: page.key,
            kind=list[FaceCrop],
            load=lambda page: (reader.load(page.row), page.detections),
            weigh=lambda loaded: weigh_page(loaded[0]),
            max_weight=MAX_MEMORY,
            machine=machine,
        )


@cache
def get_quality() -> FaceQuality:
    """Return the classifier of detections; each process loads it once."""
    return FaceQuality()


def crop_stored_page(settings: NormalizeParams, loaded: tuple[EncodedPage, list[dict[str, Any]]]) -> list[FaceCrop]:
    """Return the crops of the faces of a page.

    Args:
        settings: Size and margin.
        loaded: The page and its detections.
    """
    page, detections = loaded
    return crop_faces(get_quality(), page.decode().pixels, detections, settings)


def write_title(path: Path, pages: list[PageFaces], crops: list[list[FaceCrop]], settings: NormalizeParams) -> None:
    """Write the faces of one title.

    Args:
        path: The file.
        pages: Pages with their detections.
        crops: Crops of each page.
        settings: The quality gates.
    """
    rows = [
        face
        for page, found in zip(pages, crops, strict=True)
        for face in make_face_rows(page.row, page.detections, found, settings)
    ]
    write_faces(path, pd.DataFrame(rows, columns=[*SCHEMA.names, "png"]), SCHEMA)


def summarize(faces: pd.DataFrame, gates: Gates) -> dict[str, Any]:
    """Return the metrics of the stage."""
    passed = faces["drop_reason"] == ""
    reasons = faces["drop_reason"][~passed].value_counts()
    return {
        "faces": len(faces),
        "passed": int(passed.sum()),
        "dropped_by_reason": {str(reason): int(count) for reason, count in reasons.items()},
        "min_face": gates.face_threshold,
        "min_usable": gates.usable_threshold,
        "median_upscale": round(float(np.median(faces["upscale"])), 4) if len(faces) else None,
        "gray_share": round(float(faces["is_gray"].mean()), 4) if len(faces) else None,
    }
