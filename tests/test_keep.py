"""The setting `normalize.keep`, through the commands that a user types."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mangagan.cli import main
from mangagan.core import catalog
from mangagan.core.images import encode_png
from mangagan.face_quality.classifier import FaceQuality
from mangagan.faces.quality import KEEP_LEVELS
from mangagan.faces.table import read_faces
from mangagan.sample.character import STYLES
from mangagan.sample.page import draw_page
from mangagan.stages.normalize import get_quality
from tests.cache_entries import read_usage
from tests.test_code_changes import dvc, make_workspace

SETTINGS = {
    "ingest": {"screenshots": str(catalog.SCREENSHOTS), "min_side": 100},
    "detect": {"detector": "mangaface"},
}


def write_pages(folder: Path) -> None:
    """Draw six pages of three titles."""
    for number in range(6):
        style = STYLES[number % 3]
        pixels, _ = draw_page(np.random.default_rng((8, number)), style, 700, 980)
        path = folder / style.title / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(pixels))


def set_normalize(root: Path, **settings: Any) -> None:
    """Write params.yaml with these settings of `normalize`."""
    (root / catalog.PARAMS).write_text(json.dumps({**SETTINGS, "normalize": settings}))


def read_normalized(root: Path) -> pd.DataFrame:
    """Return the faces of all titles."""
    shards = sorted((root / catalog.FACES_DIR).glob("*.parquet"))
    return pd.concat([read_faces(shard) for shard in shards], ignore_index=True).set_index("face_id")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of git and DVC in which `dvc repro normalize` has run with the defaults."""
    root = make_workspace(tmp_path_factory.mktemp("keep"), {**SETTINGS, "normalize": {"size": 112}})
    write_pages(root / catalog.SCREENSHOTS)
    dvc(root, "repro", "normalize")
    return root


def test_keep_changes_the_gates_and_runs_no_detection(workspace: Path) -> None:
    faces = {"balanced": read_normalized(workspace)}  # the default
    cache = read_usage(workspace)["detect"]
    assert cache.misses == 2 * 6  # boxes and pictures
    for keep in ("strict", "all"):
        set_normalize(workspace, keep=keep)
        output = dvc(workspace, "repro", "normalize")
        assert "Stage 'detect' didn't change, skipping" in output
        faces[keep] = read_normalized(workspace)
        figures = json.loads((workspace / catalog.metrics_file("normalize")).read_text())
        assert (figures["min_face"], figures["min_usable"]) == KEEP_LEVELS[keep]
        assert figures["passed"] == (faces[keep]["drop_reason"] == "").sum()
    assert read_usage(workspace)["detect"] == cache
    assert read_usage(workspace)["normalize"].misses == 3  # the file of each title; all crops are in the cache

    kept = {keep: set(table.index[table["drop_reason"] == ""]) for keep, table in faces.items()}
    assert kept["strict"] <= kept["balanced"] <= kept["all"]
    assert kept["strict"] < kept["all"]
    assert len(kept["strict"]) >= 5
    for keep, level in KEEP_LEVELS.items():
        table = faces["all"]
        chosen = (table["p_face"] >= level.min_face) & (table["p_usable"] >= level.min_usable)
        assert kept[keep] == kept["all"] & set(table.index[chosen])
    assert "eyes not visible" not in set(faces["all"]["drop_reason"])


def test_min_usable_and_min_face_override_keep(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(
        shutil.copytree(workspace, tmp_path / "copy", ignore=shutil.ignore_patterns(".git", ".dvc", "mangagan"))
    )
    monkeypatch.chdir(root)
    gate = float(read_normalized(root)["p_usable"].quantile(0.75))
    set_normalize(root, keep="all", min_usable=gate)
    assert main(["normalize"]) == 0
    faces = read_normalized(root)
    kept, hidden = faces["drop_reason"] == "", faces["drop_reason"] == "eyes not visible"
    assert kept.any() and (faces["p_usable"][kept] >= gate).all()
    assert hidden.any() and (faces["p_usable"][hidden] < gate).all()
    set_normalize(root, keep="strict", min_usable=0, min_face=0)
    assert main(["normalize"]) == 0
    assert not {"no face", "eyes not visible"} & set(read_normalized(root)["drop_reason"])


def test_a_wrong_word_lists_the_choices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    set_normalize(tmp_path, keep="usable")
    for command in (["normalize"], ["faces", "scans", "--out", "faces.csv"], ["scan", str(catalog.SCREENSHOTS)]):
        assert main(command) == 2
        message = "mangagan: params.yaml: normalize.keep must be one of strict, balanced, all, not usable\n"
        assert capsys.readouterr().err == message


def test_faces_lists_what_normalize_calls_a_face(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = read_normalized(workspace)
    gate = float(everything["p_face"].quantile(0.3))
    monkeypatch.chdir(tmp_path)
    set_normalize(tmp_path, min_face=gate)

    def run(*options: str) -> list[dict[str, str]]:
        assert main(["faces", str(workspace / catalog.SCREENSHOTS), "--out", "faces.csv", *options]) == 0
        return list(csv.DictReader(Path("faces.csv").open()))

    def as_numbers(rows: list[dict[str, str]]) -> list[tuple[float, ...]]:
        return sorted(tuple(float(row[name]) for name in columns) for row in rows)

    columns = [*"xywh", "score", "p_face", "p_usable"]
    every = run("--all")
    assert as_numbers(every) == sorted(everything[columns].itertuples(index=False, name=None))
    assert f"{len(every)} detections in 6 images" in capsys.readouterr().out
    listed = run()
    assert listed == [row for row in every if float(row["p_face"]) >= gate]
    assert 0 < len(listed) < len(every)
    hidden = len(every) - len(listed)
    assert f"{hidden} detections with p_face below {gate:g} are not listed" in capsys.readouterr().out


def test_missing_weights_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    set_normalize(tmp_path)
    get_quality.cache_clear()
    monkeypatch.setattr(FaceQuality.__init__, "__defaults__", (tmp_path / "gone.safetensors",))
    (tmp_path / "scans").mkdir()
    for command in (["normalize"], ["faces", "scans", "--out", "faces.csv"]):
        assert main(command) == 2
        assert "gone.safetensors not found. " in capsys.readouterr().err
