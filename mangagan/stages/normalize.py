"""Face boxes → square faces of one size, each measured and judged; nothing is thrown away here, only marked."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mangagan.core import catalog, params
from mangagan.core.files import atomic_directory, write_json
from mangagan.core.progress import track
from mangagan.detection.table import read_detections
from mangagan.faces.normalize import SCHEMA, FaceSettings, normalize_page
from mangagan.faces.quality import Gates
from mangagan.faces.sheets import write_sheets
from mangagan.faces.table import write_faces
from mangagan.pages.table import iterate_pages, read_pages


@dataclass(frozen=True)
class NormalizeParams:
    """The section `normalize` of params.yaml."""

    size: int = 112
    margin: float | None = None
    min_size: float = 32
    min_contrast: float = 20
    min_sharpness: float = 0.2
    max_pad: float = 0.25
    min_usable: float = 0.1

    def __post_init__(self) -> None:
        if not 16 <= self.size <= 512:
            raise ValueError("size must be from 16 to 512")
        if self.margin is not None and not -0.4 <= self.margin <= 1:
            raise ValueError("margin must be from -0.4 to 1, or null for the detector's own")
        if min(self.min_size, self.min_contrast, self.min_sharpness) < 0:
            raise ValueError("min_size, min_contrast and min_sharpness must not be negative")
        if not 0 <= self.max_pad <= 1 or not 0 <= self.min_usable <= 1:
            raise ValueError("max_pad and min_usable must be from 0 to 1")

    @property
    def gates(self) -> Gates:
        """What turns a face away."""
        return Gates(self.min_size, self.min_contrast, self.min_sharpness, self.max_pad, self.min_usable)


def run(root: Path = Path()) -> None:
    """Runs the stage in the workspace `root`."""
    settings = params.load("normalize", NormalizeParams, root)
    faces = FaceSettings(settings.size, settings.margin, settings.gates)
    pages = read_pages(root / catalog.PAGES_TABLE)
    detections = read_detections(root / catalog.DETECTIONS)
    by_page = dict(iter(detections.groupby("page_id", sort=False)))
    with_faces = pages[pages["page_id"].isin(by_page)]

    decoded = track(iterate_pages(with_faces, root / catalog.PAGES_DIR), len(with_faces), "normalize", "pages")
    rows = [
        face
        for page, decoded_page in decoded
        for face in normalize_page(page, decoded_page.pixels, by_page[page["page_id"]], faces)
    ]
    table = pd.DataFrame(rows, columns=[*SCHEMA.names, "png"])
    with atomic_directory(root / catalog.FACES_DIR) as folder:
        for title in sorted(set(pages["title"][pages["reason"] == ""])):
            write_faces(folder / f"{title}.parquet", table[table["title"] == title], SCHEMA)
    passed = table["drop_reason"] == ""
    print(f"normalize: {passed.sum()} of {len(table)} faces pass the quality gates", file=sys.stderr)
    write_sheets(root / catalog.pictures("normalize"), table)
    write_json(
        root / catalog.metrics("normalize"),
        {
            "faces": len(table),
            "passed": int(passed.sum()),
            "dropped_by_reason": {
                str(reason): int(count) for reason, count in table["drop_reason"][~passed].value_counts().items()
            },
            "median_upscale": round(float(np.median(table["upscale"])), 4) if len(table) else None,
            "gray_share": round(float(table["is_gray"].mean()), 4) if len(table) else None,
        },
    )
