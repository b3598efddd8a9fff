"""Precision and recall of a detector on labelled faces.

A detection and a labelled face match if their IoU is at least 0.3, or if each contains the centre of the other and
their areas differ by a factor of at most four. The second rule tolerates boxes with more or less hair. Matching is
greedy by descending score and one to one: a detection takes the free matching face with the largest IoU. A detection
that matches a face that is not usable is a true positive.

A threshold does not change the matches above it, because detections with a higher score are matched first. Pages are
therefore matched once for all thresholds.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from mangagan.detection.overlap import compute_iou

MIN_IOU, MAX_AREA_RATIO = 0.3, 4.0
TARGET_PRECISION = 0.8  # usable recall is compared at this precision
WIDTH_BUCKETS = (0, 32, 48, 64, 96, 128, 192)  # px, minimum face width of each bucket
Label = dict[str, Any]  # a face of faces.json: x, y, w, h [px], view, usable


class Matches(NamedTuple):
    """The matches of D detections with F labelled faces.

    Attributes:
        scores: float64 (D,), descending; ties in the order of the pages.
        face: int64 (D,): index of the labelled face that each detection matches, -1 if none.
        labels: The F labelled faces.
        found_at: float64 (F,): score of the detection that matches each labelled face, -inf if none.
    """

    scores: np.ndarray
    face: np.ndarray
    labels: list[Label]
    found_at: np.ndarray


def compare_box(box: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compare one detection with labelled faces.

    Args:
        box: (4,): x, y, w, h [px].
        faces: (F, 4): x, y, w, h [px].

    Returns:
        IoU, float64 (F,) in [0, 1].
        Matches, bool (F,).
    """
    area, areas = box[2:].prod(), faces[:, 2:].prod(axis=1)
    iou = compute_iou(box, faces)
    distances = np.abs(box[:2] + box[2:] / 2 - faces[:, :2] - faces[:, 2:] / 2)  # of the centres, along x and y
    centred = (distances <= np.minimum(box[2:], faces[:, 2:]) / 2).all(axis=1)
    similar = np.maximum(area / areas, areas / area) <= MAX_AREA_RATIO
    return iou, (iou >= MIN_IOU) | (centred & similar)


def match_page(boxes: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return the index of the face that each detection matches, int64 (D,), -1 if none.

    Args:
        boxes: (D, 4), by descending score.
        faces: (F, 4).
    """
    free, matched = np.ones(len(faces), bool), np.full(len(boxes), -1)
    for number, box in enumerate(boxes if len(faces) else ()):
        iou, matches = compare_box(box, faces)
        iou = np.where(matches & free, iou, -1)
        best = int(iou.argmax())
        if iou[best] >= 0:
            matched[number], free[best] = best, False
    return matched


def match_detections(labels: dict[str, list[Label]], detections: Iterable[tuple[str, Sequence[float]]]) -> Matches:
    """Match detections with the labelled faces of the same page.

    Args:
        labels: Page to faces. Detections on other pages are omitted.
        detections: (page, (x, y, w, h, score)) for each detection.
    """
    by_page: dict[str, list[Sequence[float]]] = {page: [] for page in labels}
    for page, detection in detections:
        if page in by_page:
            by_page[page].append(detection)
    scores, face, all_labels = [], [], list[Label]()
    for page, faces in labels.items():
        rows = np.array(by_page[page], np.float64).reshape(-1, 5)
        rows = rows[np.argsort(-rows[:, 4], kind="stable")]
        matched = match_page(rows[:, :4], np.array([[f[key] for key in "xywh"] for f in faces], float).reshape(-1, 4))
        scores.append(rows[:, 4])
        face.append(np.where(matched >= 0, matched + len(all_labels), -1))
        all_labels += faces
    all_scores, all_faces = (np.concatenate(parts) if parts else np.zeros(0) for parts in (scores, face))
    order = np.argsort(-all_scores, kind="stable")
    all_scores, all_faces = all_scores[order], all_faces[order].astype(np.int64)
    found_at = np.full(len(all_labels), -np.inf)
    found_at[all_faces[all_faces >= 0]] = all_scores[all_faces >= 0]
    return Matches(all_scores, all_faces, all_labels, found_at)


def compute_curves(matches: Matches) -> dict[str, np.ndarray]:
    """Return precision, recall, usable recall and F1, each float64 (D,), with the score of detection d as threshold."""
    usable = np.array([bool(face["usable"]) for face in matches.labels] + [False])  # the last entry is for face -1
    hits, usable_hits = np.cumsum(matches.face >= 0), np.cumsum(usable[matches.face])
    precision = hits / np.arange(1, len(hits) + 1)
    recall = hits / max(len(matches.labels), 1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    return {"precision": precision, "recall": recall, "usable_recall": usable_hits / max(usable.sum(), 1), "f1": f1}


def compute_metrics(matches: Matches, threshold: float) -> dict[str, float | int | None]:
    """Return counts, the metrics at a threshold, the best F1, and the usable recall at `TARGET_PRECISION`.

    Usable recall at a precision is the maximum over all thresholds with at least this precision. Without detections
    above the threshold, precision is 1 and recall is 0.
    """
    curves = compute_curves(matches)
    count = int((matches.scores >= threshold).sum())
    metrics = {
        name: float(values[count - 1]) if count else float(name == "precision") for name, values in curves.items()
    }
    best = int(curves["f1"].argmax()) if len(curves["f1"]) else None
    recalls = curves["usable_recall"][curves["precision"] >= TARGET_PRECISION]
    return {
        "faces": len(matches.labels),
        "usable_faces": sum(bool(face["usable"]) for face in matches.labels),
        "detections": count,
        "threshold": threshold,
        **{name: round(value, 4) for name, value in metrics.items()},
        "best_f1": 0.0 if best is None else round(float(curves["f1"][best]), 4),
        "best_f1_threshold": None if best is None else float(matches.scores[best]),
        f"usable_recall_at_precision_{TARGET_PRECISION}": round(float(recalls.max(initial=0)), 4),
    }


def measure_recall_by_view(matches: Matches, threshold: float) -> dict[str, tuple[int, float]]:
    """Return the number of faces and the recall for each view, by descending number."""
    return measure_recall([str(face["view"]) for face in matches.labels], matches, threshold)


def measure_recall_by_width(matches: Matches, threshold: float) -> dict[str, tuple[int, float]]:
    """Return the number of faces and the recall for each bucket of face width [px], narrow faces first."""
    names = [f"{low}-{high - 1}" for low, high in pairwise(WIDTH_BUCKETS)] + [f"{WIDTH_BUCKETS[-1]}+"]
    widths = np.array([face["w"] for face in matches.labels])
    buckets = np.searchsorted(WIDTH_BUCKETS, widths, side="right") - 1
    recalls = measure_recall([names[bucket] for bucket in buckets], matches, threshold)
    return {name: recalls[name] for name in names if name in recalls}


def measure_recall(groups: list[str], matches: Matches, threshold: float) -> dict[str, tuple[int, float]]:
    """Return the number of faces and the recall for each group. `groups` has the group of each face."""
    found = matches.found_at >= threshold
    members = {name: np.array([group == name for group in groups]) for name in sorted(set(groups))}
    rows = {name: (int(mask.sum()), round(float(found[mask].mean()), 4)) for name, mask in members.items()}
    return dict(sorted(rows.items(), key=lambda row: -row[1][0]))
