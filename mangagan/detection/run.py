"""A detector over many pages: side by side, in order, and not twice over the same page."""

import hashlib
import inspect
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from mangagan.detection.base import Detector
from mangagan.files import sha256_file, write_text
from mangagan.ordered import map_ordered
from mangagan.pages.decode import Page


class DetectionCache:
    """Boxes already found, kept outside the stage's outs so that one new screenshot does not cost all the others.

    One small file a page, in a folder a detector, version and state of the detector's code.
    """

    def __init__(self, folder: Path, detector: Detector) -> None:
        code = sha256_file(Path(inspect.getfile(type(detector))))
        key = hashlib.sha256(f"{detector.name} {detector.version} {code}".encode()).hexdigest()[:16]
        self.folder = folder / f"{detector.name}-{key}"

    def get(self, page_id: str) -> tuple[np.ndarray, np.ndarray] | None:
        """The boxes and scores of a page, if they are known and whole."""
        try:
            found = json.loads((self.folder / f"{page_id}.json").read_text())
            return np.array(found["boxes"], np.float64).reshape(-1, 4), np.array(found["scores"], np.float64)
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def put(self, page_id: str, boxes: np.ndarray, scores: np.ndarray) -> None:
        """Keeps the boxes and scores of a page."""
        write_text(self.folder / f"{page_id}.json", json.dumps({"boxes": boxes.tolist(), "scores": scores.tolist()}))


def detect_pages(
    detector: Detector, pages: Iterable[tuple[str, Page]], cache: DetectionCache | None = None
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yields (page_id, boxes, scores) for each (page_id, page), in order; see `Detector.detect` for the arrays."""

    def work(item: tuple[str, Page]) -> tuple[str, np.ndarray, np.ndarray]:
        page_id, page = item
        known = cache.get(page_id) if cache else None
        boxes, scores = known if known is not None else detector.detect(page.pixels)
        if cache and known is None:
            cache.put(page_id, boxes, scores)
        return page_id, boxes, scores

    return map_ordered(work, pages)


def face_id(page_id: str, box: Iterable[float]) -> str:
    """16 hex digits that name a face by its page and box (to a tenth of a pixel): the same on every machine."""
    text = page_id + "".join(f" {value:.1f}" for value in box)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def detection_rows(detector: Detector, page_id: str, boxes: np.ndarray, scores: np.ndarray) -> list[dict[str, object]]:
    """One record a face, with the columns of `mangagan.detection.table.SCHEMA`."""
    return [
        {
            "face_id": face_id(page_id, box),
            "page_id": page_id,
            **dict(zip("xywh", (float(value) for value in box), strict=True)),
            "score": float(score),
            "detector": detector.name,
            "detector_version": detector.version,
            "crop_margin": detector.crop_margin,
        }
        for box, score in zip(boxes, scores, strict=True)
    ]
