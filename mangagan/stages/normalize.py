"""The stage `normalize`: face boxes → square faces of one size, rated. Dropped faces are kept with the reason."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mangagan.core import catalog, params
from mangagan.core.files import atomic_directory, note_empty, write_json, write_text
from mangagan.core.libraries import limit_to_one_thread
from mangagan.core.parallel import map_ordered
from mangagan.core.progress import track
from mangagan.detection.table import read_detections
from mangagan.face_quality.classifier import FaceQuality
from mangagan.faces.normalize import SCHEMA, NormalizeParams, normalize_page
from mangagan.faces.quality import Gates
from mangagan.faces.rating import FaceRater
from mangagan.faces.sheets import write_sheets
from mangagan.faces.table import write_faces
from mangagan.pages.decode import Page
from mangagan.pages.table import MAX_MEMORY, PageRow, iterate_pages, read_pages

STAGE = "normalize"


def run(root: Path = Path()) -> None:
    """Run the stage in the workspace `root`.

    Raises:
        UserError: params.yaml is invalid, or the weights or a file of an earlier stage are missing or damaged.
    """
    limit_to_one_thread()
    settings = params.load(STAGE, NormalizeParams, root)
    quality = FaceQuality()
    pages = read_pages(root / catalog.PAGES_TABLE)
    detections = read_detections(root / catalog.DETECTIONS)
    by_page = dict(iter(detections.groupby("page_id", sort=False)))
    with_faces = pages[pages["page_id"].isin(by_page)]

    normalize = partial(normalize_decoded_page, quality, by_page, settings)
    decoded = iterate_pages(with_faces, root / catalog.PAGES_DIR)
    found = map_ordered(normalize, decoded, weigh=weigh_page, max_weight=MAX_MEMORY)
    rows = [face for page_faces in track(found, len(with_faces), STAGE, "pages") for face in page_faces]
    faces = pd.DataFrame(rows, columns=[*SCHEMA.names, "png"])
    with atomic_directory(root / catalog.FACES_DIR) as folder:
        for title in sorted(set(pages["title"][pages["reason"] == ""])):
            write_faces(folder / f"{title}.parquet", faces[faces["title"] == title], SCHEMA)
        note_empty(folder, "There are no pages.")
    figures = summarize(faces, settings)
    if (pages["reason"] == "").any():
        print(f"{STAGE}: {figures['passed']} of {figures['faces']} faces pass the quality gates", file=sys.stderr)
        order = "p_usable" if settings.usable_threshold > 0 else "p_face"
        with atomic_directory(root / catalog.pictures_dir(STAGE)) as folder:
            write_sheets(folder, faces, order)
    else:
        print(f"{STAGE}: no pages: only imported faces are used", file=sys.stderr)
        with atomic_directory(root / catalog.pictures_dir(STAGE)) as folder:
            write_text(folder / "drop_reasons.csv", "outcome,count\n")  # a plot in dvc.yaml reads it
    write_json(root / catalog.metrics_file(STAGE), figures)


def weigh_page(item: tuple[PageRow, Page]) -> float:
    """Return the memory of a decoded page [bytes]."""
    return float(item[1].pixels.nbytes)


def normalize_decoded_page(
    rater: FaceRater, detections: dict[str, pd.DataFrame], settings: NormalizeParams, item: tuple[PageRow, Page]
) -> list[dict[str, Any]]:
    """Return the faces of a page (row, decoded page), as `normalize_page` does.

    Args:
        rater: The classifier of detections.
        detections: page_id → detections on the page.
        settings: Size, margin and gates.
        item: The page.
    """
    row, page = item
    return normalize_page(rater, row, page.pixels, detections[row["page_id"]], settings)


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
