"""The stage `normalize`: face boxes → square faces of one size. Dropped faces are kept with the reason."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mangagan.core import catalog, params
from mangagan.core.files import atomic_directory, write_json
from mangagan.core.progress import track
from mangagan.detection.table import read_detections
from mangagan.faces.normalize import SCHEMA, NormalizeParams, normalize_page
from mangagan.faces.sheets import write_sheets
from mangagan.faces.table import write_faces
from mangagan.pages.table import iterate_pages, read_pages

STAGE = "normalize"


def run(root: Path = Path()) -> None:
    """Run the stage in the workspace `root`.

    Raises:
        UserError: params.yaml is invalid, or a file of an earlier stage is missing or damaged.
    """
    settings = params.load(STAGE, NormalizeParams, root)
    pages = read_pages(root / catalog.PAGES_TABLE)
    detections = read_detections(root / catalog.DETECTIONS)
    by_page = dict(iter(detections.groupby("page_id", sort=False)))
    with_faces = pages[pages["page_id"].isin(by_page)]

    decoded = track(iterate_pages(with_faces, root / catalog.PAGES_DIR), len(with_faces), STAGE, "pages")
    rows = [
        face
        for page, decoded_page in decoded
        for face in normalize_page(page, decoded_page.pixels, by_page[page["page_id"]], settings)
    ]
    faces = pd.DataFrame(rows, columns=[*SCHEMA.names, "png"])
    with atomic_directory(root / catalog.FACES_DIR) as folder:
        for title in sorted(set(pages["title"][pages["reason"] == ""])):
            write_faces(folder / f"{title}.parquet", faces[faces["title"] == title], SCHEMA)
    figures = summarize(faces)
    print(f"{STAGE}: {figures['passed']} of {figures['faces']} faces pass the quality gates", file=sys.stderr)
    write_sheets(root / catalog.pictures_dir(STAGE), faces)
    write_json(root / catalog.metrics_file(STAGE), figures)


def summarize(faces: pd.DataFrame) -> dict[str, Any]:
    """Return the metrics of the stage."""
    passed = faces["drop_reason"] == ""
    reasons = faces["drop_reason"][~passed].value_counts()
    return {
        "faces": len(faces),
        "passed": int(passed.sum()),
        "dropped_by_reason": {str(reason): int(count) for reason, count in reasons.items()},
        "median_upscale": round(float(np.median(faces["upscale"])), 4) if len(faces) else None,
        "gray_share": round(float(faces["is_gray"].mean()), 4) if len(faces) else None,
    }
