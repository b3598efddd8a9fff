"""Precision and recall of faces in colour: labelled colour pages, and drawn scenes and illustrations.

The pages of a title are rated with the networks that were trained without it. The drawings have a seed that no training
uses. But the networks were trained on drawings of the same kind, so the figures of drawings are optimistic.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks import detected_faces, purity, purity_pictures
from benchmarks.leave_one_out import list_titles, read_pages, read_title
from benchmarks.purity import NO_FACE, Curve
from benchmarks.scoring import Label
from mangagan.core.files import write_text
from mangagan.core.images import write_png
from mangagan.core.progress import track
from mangagan.detection.backends.mangaface import MangaFace, MangaFaceParams
from mangagan.detector_training.drawings import draw_illustrations
from mangagan.detector_training.labels import Picture, read_labels
from mangagan.detector_training.scenes import draw_scenes
from mangagan.face_quality.classifier import FaceQuality
from mangagan.faces.rating import FaceRater
from mangagan.pages.decode import is_gray
from mangagan.quality_training.folds import locate_weights

SEED = 7_031_977  # of the drawings; no training uses it
SCENES, ILLUSTRATIONS = 120, 80  # number of drawings, before those without colour are removed
MIN_SCORE = MangaFaceParams.threshold  # minimum score of a rated detection
DETECTOR_SCORE = 0.33  # minimum score of the detector alone
TARGET_RECALLS = (0.8, 0.9, 0.95)
RATINGS = {"detector": "score", "network": "p_face"}


class LabelledPicture(NamedTuple):
    """A picture in colour, uint8 (H, W, 3), with its name, `<group>/<name>`, and its labelled faces."""

    name: str
    pixels: np.ndarray
    faces: list[Label]


def run(data: Path, weights: Path, out: Path, min_face: float) -> dict[str, Any]:
    """Measure all groups of pictures, write curves and sheets, print a table and return the report.

    Args:
        data: Folder of labelled pages.
        weights: Folder of weights, see `detected_faces`.
        out: Output folder.
        min_face: Minimum probability of a face [0, 1].

    Raises:
        UserError: A file is missing or damaged.
    """
    groups = collect_pictures(data)
    report: dict[str, Any] = {}
    for group, (title, pictures) in groups.items():
        detector = detected_faces.build_detector(locate_weights(weights, data, title))
        rater = FaceQuality(locate_weights(weights, data, title, quality=True))
        detections = detect_pictures(pictures, detector, rater)
        faces = sum(len(picture.faces) for picture in pictures)
        report[group] = {"weights": title, "pictures": len(pictures), "faces": faces}
        report[group] |= measure_group(detections, faces, min_face)
        write_pictures(out / "colour", group, detections, faces, min_face)
    print(format_table(report), file=sys.stderr)
    return {"benchmark": "clean_faces", "colour": report, "min_face": min_face}


def collect_pictures(data: Path) -> dict[str, tuple[str, list[LabelledPicture]]]:
    """Return the pictures of each group, and the title that selects the weights.

    A group contains the colour pages of a title, or drawings. Drawings are rated with the weights of the first title
    that has colour pages, or of the first title if none has.
    """
    labels = read_labels(data)
    groups = {}
    for title in list_titles(labels):
        pages = [page for page in labels if read_title(page) == title]
        pictures = [
            LabelledPicture(page, pixels, labels[page])
            for page, pixels in read_pages(data, pages)
            if not is_gray(pixels)
        ]
        if pictures:
            groups[title] = (title, pictures)
    first = next(iter(groups), None) or list_titles(labels)[0]
    drawn = {"scenes": draw_scenes(data, SEED, SCENES), "illustrations": draw_illustrations(SEED, ILLUSTRATIONS)}
    for group, drawings in drawn.items():
        if coloured := select_coloured(group, drawings):
            groups[group] = (first, coloured)
    return groups


def select_coloured(group: str, pictures: Iterable[Picture]) -> list[LabelledPicture]:
    """Return the pictures in colour, named `<group>/<number>`."""
    return [
        LabelledPicture(f"{group}/{number:03}", picture.pixels, convert_labels(picture.faces))
        for number, picture in enumerate(pictures)
        if not is_gray(picture.pixels)
    ]


def convert_labels(faces: np.ndarray) -> list[Label]:
    """Return the faces of a `Picture`, float32 (N, 5), as labels."""
    return [dict(zip("xywh", row[:4].tolist(), strict=True)) | {"usable": bool(row[4] > 0)} for row in faces]


def detect_pictures(pictures: list[LabelledPicture], detector: MangaFace, rater: FaceRater) -> pd.DataFrame:
    """Return the rated detections of pictures, with the column `kind`."""
    rows = []
    for picture in track(pictures, len(pictures), "detect", "pictures"):
        rows += detected_faces.make_rows(picture.name, picture.pixels, detector, rater)
    detections = pd.DataFrame(rows, columns=detected_faces.ROW_COLUMNS)
    labels = {picture.name: picture.faces for picture in pictures}
    return detections.assign(kind=purity.classify_detections(labels, detections))


def measure_group(detections: pd.DataFrame, faces: int, min_face: float) -> dict[str, Any]:
    """Return precision and recall of the detector alone and of the network, and their precision at fixed recalls.

    Args:
        detections: With the columns kind, score and p_face.
        faces: Number of labelled faces.
        min_face: Minimum probability of a face [0, 1].
    """
    found, scores = (detections["kind"] != NO_FACE).to_numpy(), detections["score"].to_numpy()
    kept = {
        "detector": scores >= DETECTOR_SCORE,
        "network": (scores >= MIN_SCORE) & (detections["p_face"] >= min_face).to_numpy(),
    }
    report = {}
    for name, curve in trace_curves(detections, faces).items():
        hits, count = int(found[kept[name]].sum()), int(kept[name].sum())
        report[name] = {
            "kept": count,
            "precision": round(hits / max(count, 1), 4),
            "recall": round(hits / max(faces, 1), 4),
            "precision_at_recall": {
                f"{recall:g}": purity.find_share_at_yield(curve, recall) for recall in TARGET_RECALLS
            },
        }
    return report


def trace_curves(detections: pd.DataFrame, faces: int) -> dict[str, Curve]:
    """Return precision and recall over the score of the detector, and over the probability of a face."""
    rated = detections[detections["score"] >= MIN_SCORE]
    found = (rated["kind"] != NO_FACE).to_numpy()
    return {name: purity.trace_curve(found, rated[column].to_numpy(), faces) for name, column in RATINGS.items()}


def write_pictures(out: Path, group: str, detections: pd.DataFrame, faces: int, min_face: float) -> None:
    """Write the curves of a group, and the sheets of its false positives and of the faces that are dropped."""
    curves = trace_curves(detections, faces)
    table = pd.concat([pd.DataFrame({"rating": name, **curve._asdict()}) for name, curve in curves.items()])
    table = table.rename(columns={"shares": "precision", "yields": "recall"})
    write_text(out / f"{group}.csv", table.round(4).to_csv(index=False, lineterminator="\n"))
    lines = {name: (curve.yields, curve.shares) for name, curve in curves.items()}
    write_png(out / f"{group}.png", purity_pictures.draw_curves(lines, "recall", "precision"))
    rated = detections[detections["score"] >= MIN_SCORE].sort_values("p_face", ascending=False, kind="stable")
    kept = rated["p_face"] >= min_face
    write_png(out / f"{group}-kept.png", purity_pictures.draw_kept(rated[kept]))
    write_png(out / f"{group}-dropped.png", purity_pictures.draw_dropped(rated[~kept]))


def format_table(report: dict[str, Any]) -> str:
    """Return the report as text, two lines for each group."""
    lines = [f"{'group':<18}{'rating':<10}{'faces':>8}{'kept':>8}{'precision':>11}{'recall':>8}   precision at recall"]
    for group, row in report.items():
        for name in RATINGS:
            figures = row[name]
            targets = ", ".join(
                f"{recall}: {'-' if share is None else f'{share:.3f}'}"
                for recall, share in figures["precision_at_recall"].items()
            )
            numbers = f"{row['faces']:>8}{figures['kept']:>8}{figures['precision']:>11.3f}{figures['recall']:>8.3f}"
            lines.append(f"{group:<18}{name:<10}{numbers}   {targets}")
    return "\n".join(lines)
