"""How many of the labelled faces a detector found.

A detection and a labelled face match when their intersection over union is at least 0.3, or when each holds the other's
centre and neither has more than four times the other's area: detectors draw their boxes with more or less hair, and
that is not what is measured. Matching is greedy by falling score, one to one; among the faces still free that match, a
detection takes the one that it overlaps most. Detections on faces that are not usable are right, not false.

Because surer detections choose first, a threshold changes no match of those above it: pages are matched once, and every
figure at every threshold follows.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from mangagan.detection.overlap import overlap

LEAST_OVERLAP, MOST_AREA_RATIO = 0.3, 4.0
PRECISION = 0.8  # at which recall is compared: one crop in five is no face
WIDTHS = (0, 32, 48, 64, 96, 128, 192)  # px, the least face width of each bucket
Label = dict[str, Any]  # a face of faces.json: x, y, w, h in px, view, usable


class Matches(NamedTuple):
    """What became of D detections and F labelled faces.

    Attributes:
        scores: float64 (D,), falling; ties in the order of the pages.
        face: int64 (D,): number of the labelled face that each detection found, -1 for none.
        labels: the F faces.
        found_at: float64 (F,): score of the detection that found each face, -inf where none did.
    """

    scores: np.ndarray
    face: np.ndarray
    labels: list[Label]
    found_at: np.ndarray


def overlaps(box: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One detection against labelled faces.

    Args:
        box: (4,): x, y, w, h in px.
        faces: (F, 4), the same.

    Returns:
        Intersection over union, float64 (F,), 0 to 1; whether each matches, bool (F,).
    """
    area, areas = box[2:].prod(), faces[:, 2:].prod(axis=1)
    union_share = overlap(box, faces)
    apart = np.abs(box[:2] + box[2:] / 2 - faces[:, :2] - faces[:, 2:] / 2)  # between the centres, along x and y
    centred = (apart <= np.minimum(box[2:], faces[:, 2:]) / 2).all(axis=1)
    alike = np.maximum(area / areas, areas / area) <= MOST_AREA_RATIO
    return union_share, (union_share >= LEAST_OVERLAP) | (centred & alike)


def match_page(boxes: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Number of the face that each detection found, int64 (D,), -1 for none.

    Args:
        boxes: (D, 4), in order of falling score.
        faces: (F, 4).
    """
    free, taken = np.ones(len(faces), bool), np.full(len(boxes), -1)
    for number, box in enumerate(boxes if len(faces) else ()):
        share, match = overlaps(box, faces)
        share = np.where(match & free, share, -1)
        best = int(share.argmax())
        if share[best] >= 0:
            taken[number], free[best] = best, False
    return taken


def match(labels: dict[str, list[Label]], detections: Iterable[tuple[str, Sequence[float]]]) -> Matches:
    """Matches detections with the labelled faces of the same page.

    Args:
        labels: page to faces. Detections on other pages are left out.
        detections: page, and x, y, w, h, score.
    """
    by_page: dict[str, list[Sequence[float]]] = {page: [] for page in labels}
    for page, detection in detections:
        if page in by_page:
            by_page[page].append(detection)
    scores, face, everyone = [], [], list[Label]()
    for page, faces in labels.items():
        rows = np.array(by_page[page], np.float64).reshape(-1, 5)
        rows = rows[np.argsort(-rows[:, 4], kind="stable")]
        taken = match_page(rows[:, :4], np.array([[f[key] for key in "xywh"] for f in faces], float).reshape(-1, 4))
        scores.append(rows[:, 4])
        face.append(np.where(taken >= 0, taken + len(everyone), -1))
        everyone += faces
    all_scores, all_faces = (np.concatenate(parts) if parts else np.zeros(0) for parts in (scores, face))
    order = np.argsort(-all_scores, kind="stable")
    all_scores, all_faces = all_scores[order], all_faces[order].astype(np.int64)
    found_at = np.full(len(everyone), -np.inf)
    found_at[all_faces[all_faces >= 0]] = all_scores[all_faces >= 0]
    return Matches(all_scores, all_faces, everyone, found_at)


def curve(matches: Matches) -> dict[str, np.ndarray]:
    """Precision, recall, usable recall and F1 after each detection in order of falling score; each float64 (D,)."""
    usable = np.array([bool(face["usable"]) for face in matches.labels] + [False])  # the last for face -1
    hits, usable_hits = np.cumsum(matches.face >= 0), np.cumsum(usable[matches.face])
    precision = hits / np.arange(1, len(hits) + 1)
    recall = hits / max(len(matches.labels), 1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    return {"precision": precision, "recall": recall, "usable_recall": usable_hits / max(usable.sum(), 1), "f1": f1}


def figures(matches: Matches, threshold: float) -> dict[str, float | int | None]:
    """Counts; precision, recall, usable recall and F1 at a threshold; the best F1, and usable recall at `PRECISION`.

    Usable recall at a precision is that of the lowest threshold that still has it. Without any detection above the
    threshold precision is 1 and recall 0.
    """
    curves = curve(matches)
    count = int((matches.scores >= threshold).sum())
    at = {name: float(values[count - 1]) if count else float(name == "precision") for name, values in curves.items()}
    best = int(curves["f1"].argmax()) if len(curves["f1"]) else None
    precise = curves["usable_recall"][curves["precision"] >= PRECISION]
    return {
        "faces": len(matches.labels),
        "usable_faces": sum(bool(face["usable"]) for face in matches.labels),
        "detections": count,
        "threshold": threshold,
        **{name: round(value, 4) for name, value in at.items()},
        "best_f1": 0.0 if best is None else round(float(curves["f1"][best]), 4),
        "best_f1_threshold": None if best is None else float(matches.scores[best]),
        f"usable_recall_at_precision_{PRECISION}": round(float(precise.max(initial=0)), 4),
    }


def recall_by_view(matches: Matches, threshold: float) -> dict[str, tuple[int, float]]:
    """Faces and recall at a threshold for each view; the most frequent first."""
    return recall_by([str(face["view"]) for face in matches.labels], matches, threshold)


def recall_by_width(matches: Matches, threshold: float) -> dict[str, tuple[int, float]]:
    """Faces and recall at a threshold for each bucket of face width in px, the narrowest first."""
    names = [f"{low}-{high - 1}" for low, high in pairwise(WIDTHS)] + [f"{WIDTHS[-1]}+"]
    widths = np.array([face["w"] for face in matches.labels])
    buckets = np.searchsorted(WIDTHS, widths, side="right") - 1
    recalls = recall_by([names[bucket] for bucket in buckets], matches, threshold)
    return {name: recalls[name] for name in names if name in recalls}


def recall_by(groups: list[str], matches: Matches, threshold: float) -> dict[str, tuple[int, float]]:
    """Faces and recall at a threshold for each group; `groups` names that of each face."""
    found = matches.found_at >= threshold
    members = {name: np.array([group == name for group in groups]) for name in sorted(set(groups))}
    rows = {name: (int(mask.sum()), round(float(found[mask].mean()), 4)) for name, mask in members.items()}
    return dict(sorted(rows.items(), key=lambda row: -row[1][0]))
