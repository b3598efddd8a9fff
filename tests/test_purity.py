"""Purity and yield of detections, and the linear classifier of usable faces: known answers."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks import linear_quality, purity
from benchmarks.purity import NO_FACE, NOT_USABLE, USABLE
from mangagan.core.errors import UserError

SCORE_DATASET = Path(__file__).parents[2] / "shared" / "tools" / "score_dataset.py"


def label(x: float, y: float, usable: bool, size: float = 40) -> dict[str, Any]:
    return {"x": x, "y": y, "w": size, "h": size, "view": "front", "usable": usable}


# Figures


def make_detections(rows: list[tuple[str, float, float, float, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["source", "x", "y", "size", "score"]).eval("w = size\nh = size")


def test_every_detection_has_a_kind() -> None:
    labels = {"a/1": [label(0, 0, True), label(100, 0, False)], "a/2": []}
    detections = make_detections(
        [("a/1", 2, 0, 40, 0.5), ("a/1", 0, 0, 40, 0.9), ("a/1", 100, 5, 40, 0.2), ("a/2", 0, 0, 40, 0.9)]
    )
    # The first row is a second detection of the usable face, so it is no face.
    assert purity.classify_detections(labels, detections).tolist() == [NO_FACE, USABLE, NOT_USABLE, NO_FACE]
    assert purity.count_usable(labels) == 1


def test_purity_known_answer() -> None:
    figures = purity.compute_purity(np.array([USABLE, USABLE, USABLE, NOT_USABLE, NO_FACE, NO_FACE]), 4)
    assert figures == {
        "kept": 6, "usable_share": 0.5, "not_usable_share": 0.1667, "no_face_share": 0.3333, "yield": 0.75,
    }  # fmt: skip
    assert set(purity.compute_purity(np.zeros(0, int), 0).values()) == {0}


def test_curve_known_answer() -> None:
    hits, ratings = np.array([True, False, True, False, True]), np.array([0.9, 0.2, 0.7, 0.7, 0.4])
    curve = purity.trace_curve(hits, ratings, 4)
    assert curve.thresholds.tolist() == [0.9, 0.7, 0.4, 0.2]
    assert curve.shares.tolist() == pytest.approx([1, 2 / 3, 3 / 4, 3 / 5])
    assert curve.yields.tolist() == [0.25, 0.5, 0.75, 0.75]
    assert [purity.find_share_at_yield(curve, target) for target in (0.2, 0.5, 0.75, 0.8)] == [1, 0.75, 0.75, None]
    # Of the six pairs, 0.9 wins two, 0.7 wins one and ties one, 0.4 wins one.
    assert purity.compute_auc(hits, ratings) == 0.75
    assert purity.compute_auc(hits, np.zeros(5)) == 0.5
    assert purity.compute_auc(np.ones(3, bool), np.zeros(3)) is None
    assert len(purity.trace_curve(np.zeros(0, bool), np.zeros(0), 4).yields) == 0


def load_reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("score_dataset", SCORE_DATASET)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not SCORE_DATASET.exists(), reason="../shared/tools/score_dataset.py not found")
def test_figures_equal_the_reference(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels, rows = {}, []
    for page in ("b/1", "a/1", "a/2", "a/3"):
        corners, sizes = rng.uniform(0, 300, (12, 2)), rng.uniform(20, 100, 12)
        faces = [
            label(*corner, bool(rng.random() < 0.5), float(size)) for corner, size in zip(corners, sizes, strict=True)
        ]
        labels[page] = faces if page != "a/3" else []
        for _ in range(2):  # the second round of detections finds faces that are taken
            moved = corners + rng.normal(0, 10, (12, 2))
            rows += [
                (page, *corner, size * rng.uniform(0.6, 1.6), rng.integers(1, 12) / 12)
                for corner, size in zip(moved.tolist(), sizes, strict=True)
            ]
    detections = make_detections(rows).assign(title="a", p_face=1.0, p_usable=1.0, usable=1.0)
    reasons = ["" if keep else "no face" for keep in rng.random(len(rows)) < 0.6]
    purity.write_manifest(tmp_path / "manifest.csv", detections, reasons)
    manifest = purity.read_manifest(tmp_path / "manifest.csv")
    assert [row["kept"] for row in manifest] == [not reason for reason in reasons]

    entries = {page: {"faces": faces} for page, faces in labels.items()}
    expected = load_reference().score(entries, [{**row, "kept": str(row["kept"])} for row in manifest])
    kinds = purity.classify_detections(labels, detections)
    figures = purity.compute_purity(kinds[np.array(reasons) == ""], purity.count_usable(labels))
    assert figures == {name: expected[name] for name in figures}
    assert 0.1 < figures["no_face_share"] < 0.9


# The linear classifier


def test_logistic_regression_is_the_minimum() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(4000, 5))
    targets = rng.random(4000) < 1 / (1 + np.exp(-(inputs @ [2, -1, 0, 0, 0.5] + 0.7)))
    weights = linear_quality.fit_logistic(inputs, targets, 1e-3)
    logits = inputs @ weights[:-1] + weights[-1]
    errors = 1 / (1 + np.exp(-logits)) - targets
    assert np.abs(inputs.T @ errors / 4000 + 1e-3 * weights[:-1]).max() < 1e-9
    assert abs(errors.mean()) < 1e-6
    assert weights[:3] == pytest.approx([2, -1, 0], abs=0.2)
    stronger = linear_quality.fit_logistic(inputs, targets, 1.0)
    assert np.linalg.norm(stronger[:-1]) < 0.4 * np.linalg.norm(weights[:-1])
    separable = linear_quality.fit_logistic(np.repeat([[-1.0], [1.0]], 20, axis=0), np.repeat([False, True], 20), 1e-3)
    assert np.isfinite(separable).all()
    assert separable[0] > 3


def test_a_title_is_rated_without_its_labels() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 4))
    usable = features[:, 0] + 0.3 * rng.normal(size=300) > 0
    detections = pd.DataFrame({name: rng.uniform(0.2, 1, 300) for name in (*linear_quality.MEASURES, "w", "h")})
    detections["title"], detections["kind"] = np.repeat(["a", "b", "c"], 100), np.where(usable, USABLE, NO_FACE)
    ratings, penalties = linear_quality.rate_unseen_titles(detections, lambda title: features, 0.15)
    assert penalties.keys() == {"a", "b", "c"}
    assert (purity.compute_auc(usable, ratings) or 0) > 0.95

    detections.loc[:99, "kind"] = NO_FACE
    again, _ = linear_quality.rate_unseen_titles(detections, lambda title: features, 0.15)
    assert np.array_equal(again[:100], ratings[:100])
    assert not np.allclose(again[100:], ratings[100:])
    with pytest.raises(UserError, match="no detection"):
        linear_quality.rate_unseen_titles(detections[:100], lambda title: features[:100], 0.15)
