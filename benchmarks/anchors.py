"""`python -m benchmarks.anchors`: do decisions on faces find their faces after a change of the detector?

A decision stores the box of its face. After a change of the detector, or of its settings, it is about the box with the
largest IoU on the page, if that is at least a limit. Every box of the first detector is taken as a decision, on pages
with labelled faces. The labels say whether the box that it finds shows the same face.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.scoring import compare_box, match_page
from mangagan.core.errors import UserError
from mangagan.core.libraries import configure_libraries, limit_to_one_thread
from mangagan.core.progress import track
from mangagan.dataset.overrides import Anchor, FaceFinder
from mangagan.detection.backends.lbpcascade import CascadeParams, LbpCascade
from mangagan.detection.backends.mangaface import MangaFace, MangaFaceParams
from mangagan.detection.types import Detector
from mangagan.detector_training.labels import Picture, read_titles

LIMITS = (0.2, 0.3, 0.4, 0.5, 0.6)
DEFAULT, CASCADE, TUNED = "mangaface", "lbpcascade", "lbpcascade tuned"
CHANGES = (
    (DEFAULT, "threshold 0.05"),
    (DEFAULT, "threshold 0.33"),
    (DEFAULT, "long_side 640"),
    (DEFAULT, "long_side 1216"),
    (DEFAULT, "one scale"),
    (DEFAULT, "flip"),
    (DEFAULT, CASCADE),
    (DEFAULT, TUNED),
    (CASCADE, DEFAULT),
    (TUNED, DEFAULT),
)
# Boxes of a page by descending score (N, 4), and the labelled face of each (N,), −1 if none
Page = tuple[np.ndarray, np.ndarray]


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark and print one JSON line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.anchors",
        description="Measure how many decisions find their faces after a change of the detector; print one JSON line.",
        epilog="example: python -m benchmarks.anchors --data labelled/ --cascade lbpcascade_animeface.xml",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with faces.json and pages/<title>/<file>")
    parser.add_argument("--cascade", type=Path, help="lbpcascade_animeface.xml (default: measure mangaface only)")
    arguments = parser.parse_args(argv)
    configure_libraries()
    limit_to_one_thread()
    try:
        pictures = [picture for title in read_titles(arguments.data).values() for picture in title]
        print(json.dumps(measure_changes(pictures, build_detectors(arguments.cascade))))
    except UserError as error:
        print(f"benchmarks.anchors: {error}", file=sys.stderr)
        return 2
    return 0


def build_detectors(cascade: Path | None) -> dict[str, Detector]:
    """Return the detectors of `CHANGES` by name; those of the cascade only if its file is given."""
    settings = MangaFaceParams()
    detectors: dict[str, Detector] = {
        DEFAULT: MangaFace(settings),
        "threshold 0.05": MangaFace(replace(settings, threshold=0.05)),
        "threshold 0.33": MangaFace(replace(settings, threshold=0.33)),
        "long_side 640": MangaFace(replace(settings, long_side=640)),
        "long_side 1216": MangaFace(replace(settings, long_side=1216)),
        "one scale": MangaFace(replace(settings, scales=(1.0,))),
        "flip": MangaFace(replace(settings, flip=True)),
    }
    if cascade:
        detectors[CASCADE] = LbpCascade(cascade, CascadeParams())
        detectors[TUNED] = LbpCascade(cascade, CascadeParams(scale_factor=1.05, min_neighbors=3))
    return detectors


def measure_changes(pictures: list[Picture], detectors: dict[str, Detector]) -> dict[str, dict[str, dict[str, int]]]:
    """Return the counts of `judge_page` over all pages, by change of the detector and limit of the IoU."""
    found = {name: [] for name in detectors}  # type: dict[str, list[Page]]
    for picture in track(pictures, len(pictures), "anchors", "pages"):
        for name, detector in detectors.items():
            found[name].append(detect_page(detector, picture))
    result: dict[str, dict[str, dict[str, int]]] = {}
    for before, after in CHANGES:
        if before in detectors and after in detectors:
            result[f"{before} → {after}"] = {
                str(limit): dict(
                    Counter(
                        outcome
                        for picture, old, new in zip(pictures, found[before], found[after], strict=True)
                        for outcome in judge_page(picture.faces[:, :4].astype(float), old, new, limit)
                    )
                )
                for limit in LIMITS
            }
    return result


def detect_page(detector: Detector, picture: Picture) -> Page:
    """Detect the faces of a page and match them with the labels."""
    faces = detector.detect(picture.pixels)
    boxes = faces.boxes[np.argsort(-faces.scores, kind="stable")]
    return boxes, match_page(boxes, picture.faces[:, :4].astype(float))


def judge_page(labels: np.ndarray, old: Page, new: Page, limit: float) -> Iterator[str]:
    """Yield the outcome of each decision on a page.

    found, lost or wrong: the labelled face is detected again; the decision finds it, finds nothing or another box.
    gone, gone wrong: the labelled face is not detected again; the decision finds nothing, or another box.
    no face, no face wrong: the decision is on a false positive; wrong if it finds a labelled face.

    Args:
        labels: Boxes of the labelled faces, float64 (F, 4).
        old: Detections that the decisions are on.
        new: Detections among which they search.
        limit: Minimum IoU.
    """
    ids = [str(number) for number in range(len(new[0]))]
    table = pd.DataFrame(new[0], columns=[*"xywh"]).assign(face_id=ids, page_id="page")
    finder = FaceFinder(table, {})
    for box, label in zip(*old, strict=True):
        hit = finder.find("", Anchor("page", *box), limit)
        index = int(hit) if hit else -1
        if label < 0:
            yield "no face wrong" if hit and new[1][index] >= 0 else "no face"
            continue
        same = bool(hit) and bool(compare_box(new[0][index], labels)[1][label])
        if label in new[1]:
            yield "found" if same else "wrong" if hit else "lost"
        else:
            yield "gone wrong" if hit and not same else "gone"


if __name__ == "__main__":
    sys.exit(main())
