"""Matches of detections with labelled faces, and the metrics computed from them."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import scoring

SCORE_FACES = Path(__file__).parents[2] / "shared" / "tools" / "score_faces.py"


def label(x: float, y: float, w: float, h: float, usable: bool = True, view: str = "front") -> dict[str, Any]:
    return {"x": x, "y": y, "w": w, "h": h, "usable": usable, "view": view}


def matches_of(
    faces: list[dict[str, Any]], detections: list[list[float]], page: str = "title/1.png"
) -> scoring.Matches:
    return scoring.match_detections({page: faces}, [(page, row) for row in detections])


# Matches


@pytest.mark.parametrize(
    ("box", "share", "found"),
    [
        ([100, 100, 40, 40], 1, True),
        ([140, 100, 40, 40], 0, False),
        ([120, 100, 40, 40], 1 / 3, True),
        ([124, 100, 40, 40], 16 / 64, False),  # the centre of the face is outside
        ([121, 100, 40, 40], 19 / 61, True),
        ([80, 80, 80, 80], 1 / 4, True),  # four times the area, same centre
        ([79, 79, 82, 82], 1600 / 82**2, False),
        ([110, 110, 20, 20], 1 / 4, True),
        ([100, 100, 80, 80], 1 / 4, True),  # its centre is the corner of the face
        ([101, 101, 80, 80], 39**2 / (6400 + 1600 - 39**2), False),
    ],
)
def test_match_rule(box: list[float], share: float, found: bool) -> None:
    iou, match = scoring.compare_box(np.array(box, float), np.array([[100, 100, 40, 40]], float))
    assert iou[0] == pytest.approx(share)
    assert bool(match[0]) is found


def test_matching_is_greedy_by_score_and_one_to_one() -> None:
    faces = [label(0, 0, 40, 40), label(30, 0, 40, 40)]
    matches = matches_of(faces, [[0, 0, 40, 40, 0.5], [14, 0, 40, 40, 0.9], [30, 0, 40, 40, 0.7]])
    assert matches.scores.tolist() == [0.9, 0.7, 0.5]
    # The second detection overlaps the left face by 26 px and the right one by 24 px: it matches the left one.
    assert matches.face.tolist() == [0, 1, -1]
    assert matches.found_at.tolist() == [0.9, 0.7]


def test_a_detection_matches_a_free_face_if_the_better_one_is_taken() -> None:
    faces = [label(0, 0, 40, 40), label(12, 0, 40, 40)]
    matches = matches_of(faces, [[0, 0, 40, 40, 0.9], [1, 0, 40, 40, 0.8]])
    assert matches.face.tolist() == [0, 1]


# Metrics


FACES = [
    label(0, 0, 30, 30, view="profile", usable=False), label(100, 0, 32, 32), label(200, 0, 50, 50),
    label(300, 0, 300, 300, view="other", usable=False),
]  # fmt: skip
FOUND = [[100, 0, 32, 32, 0.9], [0, 0, 30, 30, 0.8], [0, 500, 30, 30, 0.7], [200, 0, 50, 50, 0.6], [9, 900, 9, 9, 0.1]]


def test_metrics_known_answers() -> None:
    figures = scoring.compute_metrics(matches_of(FACES, FOUND), 0.65)
    assert figures == {
        "faces": 4, "usable_faces": 2, "detections": 3, "threshold": 0.65, "precision": 0.6667, "recall": 0.5,
        "usable_recall": 0.5, "f1": 0.5714, "best_f1": 0.75, "best_f1_threshold": 0.6,
        "usable_recall_at_precision_0.8": 0.5,
    }  # fmt: skip
    assert scoring.compute_metrics(matches_of(FACES, FOUND), 0.0)["usable_recall"] == 1


def test_metrics_of_empty_inputs() -> None:
    for faces, detections in ((FACES, []), ([], FOUND), ([], [])):
        figures = scoring.compute_metrics(matches_of(faces, detections), 0.5)
        assert figures["recall"] == figures["best_f1"] == 0
        assert figures["precision"] == float(not detections)
    assert scoring.compute_metrics(matches_of(FACES, FOUND), 0.95)["precision"] == 1
    assert scoring.compute_metrics(scoring.match_detections({}, []), 0.5)["faces"] == 0


def test_recall_by_view_and_width() -> None:
    matches = matches_of(FACES, FOUND)
    assert scoring.measure_recall_by_view(matches, 0.7) == {"front": (2, 0.5), "other": (1, 0.0), "profile": (1, 1.0)}
    assert scoring.measure_recall_by_width(matches, 0.7) == {
        "0-31": (1, 1.0), "32-47": (1, 1.0), "48-63": (1, 0.0), "192+": (1, 0.0),
    }  # fmt: skip
    assert scoring.measure_recall_by_width(matches, 0.6)["48-63"] == (1, 1.0)


def test_detections_on_pages_without_labels_are_omitted() -> None:
    assert len(scoring.match_detections({"a/1": FACES}, [("a/2", FOUND[0]), ("a/1", FOUND[0])]).scores) == 1


@pytest.mark.skipif(not SCORE_FACES.exists(), reason="../shared/tools/score_faces.py not found")
def test_metrics_equal_the_reference() -> None:
    spec = importlib.util.spec_from_file_location("score_faces", SCORE_FACES)
    assert spec is not None
    assert spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    rng = np.random.default_rng(0)
    labels, detections = {}, []
    for page in ("b/1", "a/1", "a/2", "a/3"):
        corners, sizes = rng.uniform(0, 400, (12, 2)), rng.uniform(20, 120, (12, 2))
        faces = [label(*corner, *size, bool(rng.random() < 0.5)) for corner, size in zip(corners, sizes, strict=True)]
        labels[page] = {"faces": faces if page != "a/3" else []}
        moved = np.column_stack([corners + rng.normal(0, 15, (12, 2)), sizes * rng.uniform(0.5, 1.8, (12, 2))])
        scores = rng.integers(1, 12, 12) / 12  # many ties
        detections += [(page, [*box, score]) for box, score in zip(moved.tolist(), scores, strict=True)]
    ours = scoring.match_detections({page: entry["faces"] for page, entry in labels.items()}, detections)
    for threshold in (0.0, 0.3, 0.5, 0.99, 1.1):
        expected = reference.score(labels, [(page, *row) for page, row in detections], threshold)
        figures = scoring.compute_metrics(ours, threshold)
        for name in figures.keys() - {"detections"}:  # the reference counts detections below the threshold, too
            assert figures[name] == pytest.approx(expected[name], abs=1e-9), (threshold, name)
