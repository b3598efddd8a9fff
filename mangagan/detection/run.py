"""Detection on many pages, in parallel and in order."""

import hashlib
from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np

from mangagan.core.parallel import map_ordered
from mangagan.detection.types import Detections, Detector


def detect_pages(detector: Detector, pages: Iterable[tuple[str, np.ndarray]]) -> Iterator[tuple[str, Detections]]:
    """Yield (page_id, faces) for each page, in the order of the pages.

    Args:
        detector: Shared by all threads.
        pages: (page_id, pixels) of each page; pixels as for `Detector.detect`.
    """
    return map_ordered(partial(detect_page, detector), pages)


def detect_page(detector: Detector, page: tuple[str, np.ndarray]) -> tuple[str, Detections]:
    """Return the page_id and the faces of one page (page_id, pixels)."""
    page_id, pixels = page
    return page_id, detector.detect(pixels)


def make_face_id(page_id: str, box: Iterable[float]) -> str:
    """Return 16 hex digits that identify a face by its page and its box, rounded to 0.1 px."""
    text = page_id + "".join(f" {value:.1f}" for value in box)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_detection_rows(detector: Detector, page_id: str, faces: Detections) -> list[dict[str, object]]:
    """Return one record for each face of a page, with the columns of `mangagan.detection.table.SCHEMA`."""
    return [
        {
            "face_id": make_face_id(page_id, box),
            "page_id": page_id,
            **dict(zip("xywh", (float(value) for value in box), strict=True)),
            "score": float(score),
            "usable": None if np.isnan(usable) else float(usable),
            "detector": detector.name,
            "detector_version": detector.version,
            "crop_margin": detector.crop_margin,
        }
        for box, score, usable in zip(*faces, strict=True)
    ]
