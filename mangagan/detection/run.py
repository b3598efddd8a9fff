"""Detection on many pages: in parallel, in order, and once per page (results are cached)."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from mangagan.core.code import code_hash
from mangagan.core.files import write_text
from mangagan.core.parallel import map_ordered
from mangagan.detection.types import Detections, Detector


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


class DetectionCache:
    """Detections of earlier runs: one folder for each detector version, one JSON file for each page.

    It is not part of the outs of the stage, so that a new screenshot does not cause detection on all other pages.
    """

    def __init__(self, folder: Path, detector: Detector) -> None:
        key = make_cache_key(type(detector).__module__, detector.name, detector.version)
        self.folder = folder / f"{detector.name}-{key}"

    def get(self, page_id: str) -> Detections | None:
        """Return the faces of a page. None if they are not cached or the file is damaged."""
        try:
            record = json.loads((self.folder / f"{page_id}.json").read_text(encoding="utf-8"))
            boxes = np.array(record["boxes"], np.float64).reshape(-1, 4)
            scores = np.array(record["scores"], np.float64)
            usable = np.array(record["usable"], np.float64)  # null becomes NaN
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        valid = scores.shape == usable.shape == (len(boxes),) and np.isfinite(boxes).all() and np.isfinite(scores).all()
        return Detections(boxes, scores, usable) if valid else None

    def put(self, page_id: str, faces: Detections) -> None:
        """Store the faces of a page."""
        usable = [None if np.isnan(value) else value for value in faces.usable.tolist()]  # JSON has no NaN
        record = {"boxes": faces.boxes.tolist(), "scores": faces.scores.tolist(), "usable": usable}
        write_text(self.folder / f"{page_id}.json", json.dumps(record))


def detect_pages(
    detector: Detector, pages: Iterable[tuple[str, np.ndarray]], cache: DetectionCache | None = None
) -> Iterator[tuple[str, Detections]]:
    """Yield (page_id, faces) for each page, in the order of the pages.

    Args:
        detector: Shared by all threads.
        pages: (page_id, pixels) of each page; pixels as for `Detector.detect`.
        cache: Stores the results; pages in the cache are not detected again. None: no cache.
    """
    return map_ordered(partial(detect_page, detector, cache), pages)


def detect_page(
    detector: Detector, cache: DetectionCache | None, page: tuple[str, np.ndarray]
) -> tuple[str, Detections]:
    """Return the page_id and the faces of one page (page_id, pixels), from the cache if they are there."""
    page_id, pixels = page
    if cache is None:
        return page_id, detector.detect(pixels)
    faces = cache.get(page_id)
    if faces is None:
        faces = detector.detect(pixels)
        cache.put(page_id, faces)
    return page_id, faces


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
