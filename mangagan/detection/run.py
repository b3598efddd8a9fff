"""A detector over many pages: side by side, in order, and not twice over the same page."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from mangagan.core.files import sha256_file, write_text
from mangagan.core.parallel import map_ordered
from mangagan.detection.types import Detections, Detector
from mangagan.pages.decode import Page

CODE = Path(__file__).parent


class DetectionCache:
    """Boxes already found, kept outside the stage's outs so that one new screenshot does not cost all the others.

    One small file a page, in a folder a detector, version and state of the detector's code.
    """

    def __init__(self, folder: Path, detector: Detector) -> None:
        # All code of detectors, which share some: searching again costs less than a stale box.
        files = [path for path in CODE.rglob("*.py") if "train" not in path.relative_to(CODE).as_posix()]
        code = "".join(sha256_file(path) for path in sorted(files))
        key = hashlib.sha256(f"{detector.name} {detector.version} {code}".encode()).hexdigest()[:16]
        self.folder = folder / f"{detector.name}-{key}"

    def get(self, page_id: str) -> Detections | None:
        """The faces of a page, if they are known and whole."""
        try:
            found = json.loads((self.folder / f"{page_id}.json").read_text())
            boxes = np.array(found["boxes"], np.float64).reshape(-1, 4)
            # NaN is no JSON: null stands for it, and becomes it again.
            return Detections(boxes, np.array(found["scores"], np.float64), np.array(found["usable"], np.float64))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def put(self, page_id: str, found: Detections) -> None:
        """Keeps the faces of a page."""
        usable = [None if np.isnan(value) else value for value in found.usable.tolist()]
        record = {"boxes": found.boxes.tolist(), "scores": found.scores.tolist(), "usable": usable}
        write_text(self.folder / f"{page_id}.json", json.dumps(record))


def detect_pages(
    detector: Detector, pages: Iterable[tuple[str, Page]], cache: DetectionCache | None = None
) -> Iterator[tuple[str, Detections]]:
    """Yields (page_id, faces) for each (page_id, page), in order."""

    def work(item: tuple[str, Page]) -> tuple[str, Detections]:
        page_id, page = item
        known = cache.get(page_id) if cache else None
        found = known if known is not None else detector.detect(page.pixels)
        if cache and known is None:
            cache.put(page_id, found)
        return page_id, found

    return map_ordered(work, pages)


def face_id(page_id: str, box: Iterable[float]) -> str:
    """16 hex digits that name a face by its page and box (to a tenth of a pixel): the same on every machine."""
    text = page_id + "".join(f" {value:.1f}" for value in box)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def detection_rows(detector: Detector, page_id: str, found: Detections) -> list[dict[str, object]]:
    """One record a face, with the columns of `mangagan.detection.table.SCHEMA`."""
    return [
        {
            "face_id": face_id(page_id, box),
            "page_id": page_id,
            **dict(zip("xywh", (float(value) for value in box), strict=True)),
            "score": float(score),
            "usable": None if np.isnan(usable) else float(usable),
            "detector": detector.name,
            "detector_version": detector.version,
            "crop_margin": detector.crop_margin,
        }
        for box, score, usable in zip(*found, strict=True)
    ]
