"""The benchmark of the anchors of decisions: what it counts, on boxes with known answers and on a page."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks import anchors
from tests.detector_parts import write_labelled_folder
from tests.square_cascade import write_square_cascade

LABELS = np.array([[0, 0, 100, 100], [300, 0, 100, 100]], float)


def make_page(*rows: tuple[list[float], int]) -> anchors.Page:
    """Return detections: box, and the labelled face that it matches."""
    return np.array([box for box, _ in rows], float).reshape(-1, 4), np.array([label for _, label in rows], int)


SAME, SHIFTED = [0.0, 0.0, 100.0, 100.0], [40.0, 0.0, 100.0, 100.0]  # IoU 0.43
SECOND, NOTHING = [300.0, 0.0, 100.0, 100.0], [600.0, 0.0, 50.0, 50.0]


@pytest.mark.parametrize(
    ("old", "new", "outcomes"),
    [
        (make_page((SAME, 0), (SECOND, 1)), make_page((SAME, 0), (SECOND, 1)), {"found": 2}),
        (make_page((SAME, 0)), make_page((SHIFTED, 0)), {"lost": 1}),
        (make_page((SAME, 0)), make_page((SECOND, 1)), {"gone": 1}),
        (make_page((NOTHING, -1)), make_page((SAME, 0)), {"no face": 1}),
        (make_page((SHIFTED, -1)), make_page(([35.0, 0.0, 100.0, 100.0], 0)), {"no face wrong": 1}),
        (make_page((SAME, 0)), make_page(([0.0, 35.0, 100.0, 160.0], -1)), {"gone": 1}),
        (make_page((SAME, 0)), make_page(([0.0, -30.0, 160.0, 200.0], 1), ([90.0, 90.0, 9.0, 9.0], 0)), {"lost": 1}),
        (make_page(([200.0, 0.0, 200.0, 100.0], 0)), make_page((SECOND, 1), ([0.0, 0.0, 9.0, 9.0], 0)), {"wrong": 1}),
        (make_page(([200.0, 0.0, 200.0, 100.0], 0)), make_page((SECOND, 1)), {"gone wrong": 1}),
    ],
)
def test_outcomes(old: anchors.Page, new: anchors.Page, outcomes: dict[str, int]) -> None:
    assert Counter(anchors.judge_page(LABELS, old, new, 0.5)) == outcomes


def test_it_prints_the_counts_of_each_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_labelled_folder(tmp_path)
    cascade = write_square_cascade(tmp_path / "squares.xml")
    assert anchors.main(["--data", str(folder), "--cascade", str(cascade)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report) == len(anchors.CHANGES)
    for by_limit in report.values():
        assert list(by_limit) == [str(limit) for limit in anchors.LIMITS]
        assert len({sum(outcomes.values()) for outcomes in by_limit.values()}) == 1
    same = report["mangaface → threshold 0.05"]["0.6"]
    assert not {"lost", "wrong", "gone wrong", "no face wrong"} & set(same)
    assert anchors.main(["--data", str(tmp_path / "nowhere")]) == 2
