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

from mangagan.core import catalog
from mangagan.core.files import sha256_bytes, sha256_file
from mangagan.core.images import encode_png
from mangagan.faces.table import write_faces
from mangagan.sample.character import STYLES
from mangagan.sample.page import draw_page
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


def measured(root: Path) -> list[dict[str, str]]:
    with (root / catalog.pictures_dir("train") / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "path",
    [
        "mangagan/generation/animation.py",
        "mangagan/generation/samples.py",
        "mangagan/detection/backends/onnx_yolo.py",
        "mangagan/metrics/swd.py",
        "mangagan/report/plot.py",
    ],
)
def test_code_that_training_does_not_run_leaves_it_up_to_date(trained: Path, path: str) -> None:
    source = trained / path
    before = source.read_text()
    source.write_text(before + "\nEXTRA = 1\n")
    assert not is_stale(trained, "train")
    source.write_text(before)


def test_a_comment_in_the_training_code_trains_nothing_again(trained: Path) -> None:
    weights = sha256_file(trained / catalog.GENERATOR)
    (checkpoint,) = (trained / catalog.TRAINING_RUNS).glob("*/checkpoint.pt")
    saved = checkpoint.stat().st_mtime_ns
    edit(trained / "mangagan/gan/losses.py", "\n\n\ndef ", "\n\n\n# A comment.\ndef ")
    assert "already trained" in dvc(trained, "repro", "--single-item", "train")
    assert checkpoint.stat().st_mtime_ns == saved
    assert sha256_file(trained / catalog.GENERATOR) == weights


def test_another_metric_is_measured_again_on_the_same_weights(trained: Path) -> None:
    weights, rows = sha256_file(trained / catalog.GENERATOR), measured(trained)
    (checkpoint,) = (trained / catalog.TRAINING_RUNS).glob("*/checkpoint.pt")
    saved = checkpoint.stat().st_mtime_ns
    source = trained / "mangagan/distances/kernel_distance.py"
    source.write_text(source.read_text() + MUCH_LARGER)
    output = dvc(trained, "repro", "--single-item", "train")
    assert "already trained" in output
    again = measured(trained)
    assert [row["kimg"] for row in again] == [row["kimg"] for row in rows]
    for before, after in zip(rows, again, strict=True):
        old, new = float(before["kernel_distance_random"]), float(after["kernel_distance_random"])
        assert new == pytest.approx(1000 + 5 * old, rel=1e-4)
    assert checkpoint.stat().st_mtime_ns == saved
    assert sha256_file(trained / catalog.GENERATOR) == weights


MUCH_LARGER = """

original_distance = kernel_distance


def kernel_distance(first, second):
    return 1000 + 5 * original_distance(first, second)
"""


def test_curves_may_be_logged_at_another_interval(trained: Path) -> None:
    weights = sha256_file(trained / catalog.GENERATOR)
    (trained / "params.yaml").write_text(json.dumps({"train": {**TRAIN, "log_kimg": 0.02, "snapshot_kimg": 2}}))
    assert "already trained" in dvc(trained, "repro", "--single-item", "train")
    assert sha256_file(trained / catalog.GENERATOR) == weights


def test_code_that_changes_the_weights_trains_again(trained: Path) -> None:
    weights = sha256_file(trained / catalog.GENERATOR)
    source = trained / "mangagan/gan/ema.py"
    source.write_text(source.read_text() + "\nEXTRA = 1\n")
    output = dvc(trained, "repro", "--single-item", "train")
    assert "already trained" not in output
    assert sha256_file(trained / catalog.GENERATOR) == weights  # the new line changes nothing in the end


@pytest.fixture(scope="module")
def detected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace, in a folder whose name contains "train", with the boxes of two pages."""
    root = make_workspace(tmp_path_factory.mktemp("train-"), {"ingest": {"min_side": 100}})
    for number in range(2):
        pixels, _ = draw_page(np.random.default_rng(number), STYLES[0], 300, 400)
        path = root / catalog.SCREENSHOTS / "title" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(pixels))
    dvc(root, "repro", "detect")
    return root


def caches(root: Path) -> set[str]:
    return {folder.name for folder in (root / catalog.CACHED_DETECTIONS).iterdir()}


def test_boxes_are_cached_until_the_code_of_their_detector_changes(detected: Path) -> None:
    before, boxes = caches(detected), (detected / catalog.DETECTIONS).read_bytes()
    assert len(before) == 1
    with (detected / "mangagan/detection/backends/onnx_yolo.py").open("a") as file:
        file.write("\nEXTRA = 1\n")
    dvc(detected, "repro", "detect")
    assert caches(detected) == before
    edit(detected / "mangagan/detection/overlap.py", "\n\n\ndef ", "\n\n\n# A comment.\ndef ")
    dvc(detected, "repro", "detect")
    assert caches(detected) == before
    with (detected / "mangagan/detection/overlap.py").open("a") as file:
        file.write("\nEXTRA = 1\n")
    dvc(detected, "repro", "detect")
    assert len(caches(detected) - before) == 1
    assert (detected / catalog.DETECTIONS).read_bytes() == boxes
