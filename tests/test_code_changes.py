"""Edits of the code, through `dvc repro` in a real workspace: what runs again, and what does not."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from mangagan.core import catalog
from mangagan.core.files import sha256_bytes, sha256_file
from mangagan.core.images import encode_png
from mangagan.faces.table import write_faces
from mangagan.sample.character import STYLES
from mangagan.sample.page import draw_page
from tests.cache_entries import read_usage
from tests.dvc_workspace import edit, environment

PROJECT = Path(__file__).parents[1]
TRAIN = {
    "kimg": 0.08,
    "log_kimg": 0.04,
    "snapshot_kimg": 1,
    "checkpoint_kimg": 0.04,
    "measure_kimg": 0.04,
    "base_channels": 4,
    "z_dim": 8,
    "batch_size": 8,
    "device": "cpu",
    "threads": 1,
    "select": "last",
}


def make_workspace(root: Path, params: dict[str, object]) -> Path:
    """Make a repository of git and DVC that holds a copy of the code."""
    shutil.copytree(PROJECT / "mangagan", root / "mangagan", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(PROJECT / name, root)
    (root / "params.yaml").write_text(json.dumps(params))
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=root, check=True, env=workspace_environment(root))
    return root


def workspace_environment(root: Path) -> dict[str, str]:
    """The workspace's own code comes first, as for a user who runs `dvc repro` in a clone."""
    return {**environment(), "PYTHONPATH": str(root)}


def dvc(root: Path, *arguments: str) -> str:
    """Run DVC; return its output and that of the stages."""
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=root, env=workspace_environment(root), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def append(path: Path, code: str) -> None:
    """Add code at the end of a module."""
    assert path.exists()
    with path.open("a") as file:
        file.write(f"\n{code}\n")


def is_stale(root: Path, stage: str) -> bool:
    return stage in json.loads(dvc(root, "status", stage, "--json"))


def write_faces_file(path: Path, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 200, 28)[:, None] * np.ones((28, 28))
    pngs = [encode_png((ramp + rng.uniform(0, 50, ramp.shape)).astype(np.uint8)) for _ in range(count)]
    rows = pd.DataFrame({"face_id": [sha256_bytes(png)[:16] for png in pngs], "is_gray": True, "png": pngs})
    write_faces(path, rows, pa.schema([("face_id", pa.string()), ("is_gray", pa.bool_())]))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which a tiny network was trained and measured twice."""
    root = make_workspace(tmp_path_factory.mktemp("trained"), {"train": TRAIN})
    write_faces_file(root / catalog.TRAIN_FACES, 24, seed=0)
    write_faces_file(root / catalog.HOLDOUT_FACES, 20, seed=1)
    assert "0.1/0.1 kimg" in dvc(root, "repro", "--single-item", "train")
    return root


@pytest.fixture
def workspace(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained workspace for one test."""
    return Path(shutil.copytree(trained, tmp_path / "workspace", symlinks=True))


def measured(root: Path) -> list[dict[str, str]]:
    with (root / catalog.pictures_dir("train") / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def weights(root: Path) -> tuple[str, int]:
    """Return the hash of the generator, and when the checkpoint was written."""
    (checkpoint,) = (root / catalog.TRAINING_RUNS).glob("*/checkpoint.pt")
    return sha256_file(root / catalog.GENERATOR), checkpoint.stat().st_mtime_ns


@pytest.mark.parametrize(
    "path",
    [
        "mangagan/generation/animation.py",
        "mangagan/generation/samples.py",
        "mangagan/detection/backends/onnx_yolo.py",
        "mangagan/metrics/swd.py",
        "mangagan/report/line_plot.py",
    ],
)
def test_code_that_training_does_not_run_leaves_it_up_to_date(workspace: Path, path: str) -> None:
    append(workspace / path, "EXTRA = 1")
    assert not is_stale(workspace, "train")


def test_a_comment_in_the_training_code_trains_nothing_again(workspace: Path) -> None:
    before = weights(workspace)
    edit(workspace / "mangagan/gan/losses.py", "\n\n\ndef ", "\n\n\n# A comment.\ndef ")
    assert "already trained" in dvc(workspace, "repro", "--single-item", "train")
    assert weights(workspace) == before


def test_another_metric_is_measured_again_on_the_same_weights(workspace: Path) -> None:
    before, rows = weights(workspace), measured(workspace)
    append(workspace / "mangagan/distances/kernel_distance.py", OTHER_SCALE)
    assert "already trained" in dvc(workspace, "repro", "--single-item", "train")
    again = measured(workspace)
    assert [row["kimg"] for row in again] == [row["kimg"] for row in rows]
    for row, changed in zip(rows, again, strict=True):
        old, new = float(row["kernel_distance"]), float(changed["kernel_distance"])
        assert new != pytest.approx(old, rel=0.01)
    assert weights(workspace) == before


OTHER_SCALE = """
original_distance = kernel_distance


def kernel_distance(first, second):
    return original_distance(first, second) ** 3
"""


def test_grids_are_drawn_again_on_the_same_weights(workspace: Path) -> None:
    before, grids = weights(workspace), read_grids(workspace)
    edit(workspace / "mangagan/pictures/grid.py", "\nGAP = 2 ", "\nGAP = 6 ")
    assert "already trained" in dvc(workspace, "repro", "--single-item", "train")
    again = read_grids(workspace)
    assert again.keys() == grids.keys()
    for name, grid in grids.items():
        assert grid.shape == (8 * 30 - 2, 8 * 30 - 2)
        assert again[name].shape == (8 * 34 - 6, 8 * 34 - 6)
        assert np.array_equal(again[name][34:62, 68:96], grid[30:58, 60:88])
    assert weights(workspace) == before


def read_grids(root: Path) -> dict[str, np.ndarray]:
    """Return the pixels of every sample grid."""
    folder = root / catalog.pictures_dir("train")
    paths = [folder / "samples.png", *(folder / "samples").iterdir()]
    return {path.name: np.asarray(Image.open(path)) for path in paths}


def test_curves_may_be_logged_at_another_interval(workspace: Path) -> None:
    before = weights(workspace)
    (workspace / "params.yaml").write_text(json.dumps({"train": {**TRAIN, "log_kimg": 0.02, "snapshot_kimg": 2}}))
    output = dvc(workspace, "repro", "--single-item", "train")
    assert "already trained" in output
    assert "train.log_kimg changed: the rows of curves.csv up to 0.1 kimg keep their interval" in output
    assert weights(workspace) == before


def test_another_interval_of_the_measurements_trains_again(workspace: Path) -> None:
    (workspace / "params.yaml").write_text(json.dumps({"train": {**TRAIN, "measure_kimg": 0.08}}))
    assert "training from the start: train.measure_kimg changed" in dvc(workspace, "repro", "--single-item", "train")
    assert [float(row["kimg"]) for row in measured(workspace)] == [0.08]


def test_code_that_changes_the_weights_trains_again(workspace: Path) -> None:
    before = sha256_file(workspace / catalog.GENERATOR)
    append(workspace / "mangagan/gan/ema.py", "EXTRA = 1")
    output = dvc(workspace, "repro", "--single-item", "train")
    assert "training from the start: the training code changed" in output
    assert "already trained" not in output
    assert len(list((workspace / catalog.TRAINING_RUNS).glob("*/checkpoint.pt"))) == 2
    assert sha256_file(workspace / catalog.GENERATOR) == before, "the new line has no effect"


@pytest.fixture(scope="module")
def detected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace, in a folder whose name contains "train", with the boxes of two pages."""
    root = make_workspace(
        tmp_path_factory.mktemp("train-"),
        {"ingest": {"screenshots": str(catalog.SCREENSHOTS), "min_side": 100}, "detect": {"detector": "mangaface"}},
    )
    for number in range(2):
        pixels, _ = draw_page(np.random.default_rng(number), STYLES[0], 300, 400)
        path = root / catalog.SCREENSHOTS / "title" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(pixels))
    dvc(root, "repro", "detect")
    return root


def count_detected(root: Path) -> int:
    """Return the number of results that the last run of detect computed: boxes and pictures of two pages."""
    return read_usage(root)["detect"].misses


def test_boxes_are_cached_until_the_code_of_their_detector_changes(detected: Path) -> None:
    boxes = (detected / catalog.DETECTIONS).read_bytes()
    assert count_detected(detected) == 4
    append(detected / "mangagan/detection/backends/onnx_yolo.py", "EXTRA = 1")
    dvc(detected, "repro", "detect")
    assert count_detected(detected) == 0
    edit(detected / "mangagan/detection/overlap.py", "\n\n\ndef ", "\n\n\n# A comment.\ndef ")
    dvc(detected, "repro", "detect")
    assert count_detected(detected) == 0
    append(detected / "mangagan/detection/overlap.py", "EXTRA = 1")
    dvc(detected, "repro", "detect")
    assert count_detected(detected) == 2
    assert (detected / catalog.DETECTIONS).read_bytes() == boxes
