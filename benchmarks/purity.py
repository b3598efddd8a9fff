"""Purity and yield of a dataset: the precision of the kept detections, and the recall of the labelled usable faces.

All detections of a page, kept or not, are matched one to one with its labelled faces, highest score first
(`benchmarks.scoring`). So a second detection of the same face counts as "no face".
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.scoring import Label, match_page
from mangagan.core.files import atomic_path

KINDS = ("usable", "not usable", "no face")
USABLE, NOT_USABLE, NO_FACE = range(len(KINDS))
# A program that scores a manifest reads the first seven columns. The others are for human readers.
MANIFEST_COLUMNS = (
    *("source", "x", "y", "w", "h", "score", "kept", "drop_reason"),
    *("p_face", "p_usable", "usable", "title"),
)
Figures = dict[str, float | int]


class Curve(NamedTuple):
    """Precision and recall of the kept detections at every threshold of a rating, highest threshold first.

    Attributes:
        thresholds: float64 (T,), descending: the rating of every kept detection is at least this.
        shares: float64 (T,): share of the kept detections that are hits, the precision [0, 1].
        yields: float64 (T,), ascending: share of the labelled faces that are kept, the recall [0, 1].
    """

    thresholds: np.ndarray
    shares: np.ndarray
    yields: np.ndarray


def classify_detections(labels: dict[str, list[Label]], detections: pd.DataFrame) -> np.ndarray:
    """Return the kind of each detection, an index into `KINDS`, int64 (N,).

    Args:
        labels: Page to labelled faces.
        detections: With the columns source (a page of the labels), x, y, w, h [px], score.
    """
    kinds = np.full(len(detections), NO_FACE)
    boxes, scores = detections[list("xywh")].to_numpy(float), detections["score"].to_numpy(float)
    for page, rows in detections.reset_index(drop=True).groupby("source", sort=False).indices.items():
        faces = labels[str(page)]
        order = rows[np.argsort(-scores[rows], kind="stable")]
        matched = match_page(boxes[order], np.array([[f[key] for key in "xywh"] for f in faces], float).reshape(-1, 4))
        found = matched >= 0
        usable = np.array([bool(face["usable"]) for face in faces], bool)
        kinds[order[found]] = np.where(usable[matched[found]], USABLE, NOT_USABLE)
    return kinds


def count_usable(labels: dict[str, list[Label]]) -> int:
    """Return the number of labelled usable faces."""
    return sum(bool(face["usable"]) for faces in labels.values() for face in faces)


def compute_purity(kinds: np.ndarray, usable_faces: int) -> Figures:
    """Return the figures of the kept detections.

    Args:
        kinds: int64 (N,), kinds of the kept detections.
        usable_faces: Number of labelled usable faces.

    Returns:
        `kept`, the share of each kind in it, and `yield`, the share of the labelled usable faces that are kept.
    """
    counts = np.bincount(kinds, minlength=len(KINDS)).tolist()
    shares = [round(count / max(len(kinds), 1), 4) for count in counts]
    return {
        "kept": len(kinds),
        "usable_share": shares[USABLE],
        "not_usable_share": shares[NOT_USABLE],
        "no_face_share": shares[NO_FACE],
        "yield": round(counts[USABLE] / max(usable_faces, 1), 4),
    }


def trace_curve(hits: np.ndarray, ratings: np.ndarray, labelled: int) -> Curve:
    """Return the share of hits and the yield at every threshold of a rating.

    Args:
        hits: bool (N,): the detection is a usable face, or another kind of detection to look for.
        ratings: float64 (N,), higher is more likely a hit.
        labelled: Number of labelled faces of this kind.
    """
    order = np.argsort(-ratings, kind="stable")
    ratings = ratings[order]
    last = np.flatnonzero(np.append(ratings[1:] != ratings[:-1], True)) if len(ratings) else np.zeros(0, int)
    found = np.cumsum(hits[order])[last]
    return Curve(ratings[last], found / (last + 1), found / max(labelled, 1))


def find_share_at_yield(curve: Curve, target: float) -> float | None:
    """Return the largest share of hits at a yield of at least `target`. None if no threshold has this yield."""
    shares = curve.shares[curve.yields >= target - 1e-9]
    return round(float(shares.max()), 4) if len(shares) else None


def compute_auc(hits: np.ndarray, ratings: np.ndarray) -> float | None:
    """Return the probability that a hit has a higher rating than another detection; ties count one half.

    Returns:
        The area under the ROC curve [0, 1]. None without hits or without other detections.
    """
    positive, negative = int(hits.sum()), int((~hits).sum())
    if not positive or not negative:
        return None
    ranks = pd.Series(ratings).rank().to_numpy()
    return round(float((ranks[hits].sum() - positive * (positive + 1) / 2) / (positive * negative)), 4)


def write_manifest(path: Path, detections: pd.DataFrame, reasons: Sequence[str]) -> None:
    """Write detections as a manifest, a CSV file with `MANIFEST_COLUMNS`.

    Args:
        path: The file.
        detections: With all of these columns but kept and drop_reason.
        reasons: Drop reason of each detection, "" if it is kept.
    """
    table = detections.assign(drop_reason=list(reasons), kept=[not reason for reason in reasons])
    with atomic_path(path) as temporary:
        table[list(MANIFEST_COLUMNS)].to_csv(temporary, index=False, lineterminator="\n")


def read_manifest(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a manifest; `kept` is a bool, and all other values are text."""
    with path.open(newline="", encoding="utf-8") as file:
        return [{**row, "kept": row["kept"] == "True"} for row in csv.DictReader(file)]
