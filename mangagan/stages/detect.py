"""The stage `detect`: pages → face boxes."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from mangagan.core import catalog, params
from mangagan.core.cache import Cache, open_cache
from mangagan.core.files import atomic_directory, write_json
from mangagan.core.images import write_png
from mangagan.core.libraries import limit_to_one_thread
from mangagan.core.machine import MachineParams, load_machine
from mangagan.core.progress import track
from mangagan.detection.pieces import merge_pieces
from mangagan.detection.registry import DetectParams, get_detector
from mangagan.detection.run import make_detection_rows
from mangagan.detection.stored_pages import detect_stored_pages
from mangagan.detection.table import write_detections
from mangagan.pages.table import read_pages
from mangagan.pages.thumbnails import draw_pages
from mangagan.pictures.grid import choose_evenly, draw_contact_sheet
from mangagan.pictures.thumbnails import shrink

STAGE = "detect"
SHEET_PAGES = 24  # maximum number of pages on the contact sheet
PAGE_HEIGHT = 420  # px, on the contact sheet


def run(root: Path = Path()) -> None:
    """Run the stage in the workspace `root`."""
    limit_to_one_thread()
    settings = params.load(STAGE, DetectParams, root)
    detector = get_detector(settings, root.absolute())
    machine = load_machine(root)
    pages = read_pages(root / catalog.PAGES_TABLE)
    kept = pages[pages["reason"] == ""]
    with open_cache(root, STAGE, machine.cache_gb) as cache:
        detections = write_detections(root / catalog.DETECTIONS, detect_faces(root, kept, settings, cache, machine))
        sheet = draw_boxes(root, kept, detections, cache) if len(kept) else None

    per_page = kept[["page_id", "title"]].assign(
        faces=kept["page_id"].map(detections["page_id"].value_counts()).fillna(0).astype(int)
    )
    by_title = per_page.groupby("title")["faces"].sum()
    if len(kept):
        print(f"detect: {len(detections)} faces on {len(kept)} pages by {detector.name}", file=sys.stderr)
    else:
        print("detect: no pages: only imported faces are used", file=sys.stderr)
    with atomic_directory(root / catalog.pictures_dir(STAGE)) as folder:
        if sheet is not None:
            write_png(folder / "boxes.png", sheet)
        by_title.to_csv(folder / "faces.csv")
    write_json(
        root / catalog.metrics_file(STAGE),
        {
            "faces": len(detections),
            "faces_by_title": {str(title): int(count) for title, count in by_title.items()},
            "faces_per_page": round(len(detections) / max(len(kept), 1), 4),
            "pages_without_faces": int((per_page["faces"] == 0).sum()),
        },
    )


def detect_faces(
    root: Path, kept: pd.DataFrame, settings: DetectParams, cache: Cache, machine: MachineParams
) -> list[dict[str, Any]]:
    """Return the rows of the table of detections for all pages.

    Args:
        root: The workspace.
        kept: Rows of the page table, without rejected files.
        settings: The section `detect` of params.yaml.
        cache: Detections of earlier runs.
        machine: The section `machine` of params.yaml.
    """
    detector = get_detector(settings, root.absolute())
    detected = detect_stored_pages(detector, settings, root, kept, cache, machine)
    found = merge_pieces(kept, track(detected, len(kept), STAGE, "pages"))
    return [row for page_id, faces in found for row in make_detection_rows(detector, page_id, faces)]


def draw_boxes(root: Path, kept: pd.DataFrame, detections: pd.DataFrame, cache: Cache) -> np.ndarray:
    """Return a contact sheet of pages from all titles, with their boxes."""
    shown = kept.iloc[choose_evenly(len(kept), SHEET_PAGES)]
    widest = max(PAGE_HEIGHT * row["width"] / row["height"] for _, row in shown.iterrows())
    width = round(min(widest, PAGE_HEIGHT))  # a wide page must not make all tiles as wide
    boxes = dict(iter(detections.groupby("page_id")))
    images, captions = [], []
    pictures = draw_pages(shown, root / catalog.PAGES_DIR, shrink, cache, max_width=width, max_height=PAGE_HEIGHT)
    for row, pixels in pictures:
        image = Image.fromarray(pixels).convert("RGB")
        scale = image.height / row["height"]
        draw = ImageDraw.Draw(image)
        for face in boxes.get(row["page_id"], detections.iloc[:0]).itertuples():
            corners = [scale * v for v in (face.x, face.y, face.x + face.w, face.y + face.h)]
            draw.rectangle(corners, outline=(220, 30, 30), width=2)
        sheet = Image.new("RGB", (width, PAGE_HEIGHT), "white")
        sheet.paste(image)
        images.append(np.asarray(sheet))
        captions.append(f"{row['title']}, p. {row['page_number']}")
    return draw_contact_sheet(images, captions, columns=6)
