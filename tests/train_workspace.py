"""A tiny workspace for the stage train, and the stage as a process."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from mangagan.core import catalog
from mangagan.core.files import sha256_bytes
from mangagan.core.images import encode_png
from mangagan.faces.table import write_faces

PROJECT = Path(__file__).parents[1]
MODELS = (catalog.GENERATOR, catalog.MODEL_CARD, catalog.NETWORKS)
OUTS = (*MODELS, catalog.metrics_file("train"), catalog.pictures_dir("train"))
CHECKPOINTS = catalog.TRAINING_RUNS
SCHEMA = pa.schema([("face_id", pa.string()), ("is_gray", pa.bool_())])
TINY = {
    "kimg": 0.2,
    "log_kimg": 0.04,
    "snapshot_kimg": 1,
    "checkpoint_kimg": 0.04,
    "base_channels": 4,
    "z_dim": 8,
    "batch_size": 8,
    "device": "cpu",
    "threads": 1,
}


def make_workspace(root: Path, count: int = 12, gray: bool = True, holdout: int = 4, **changes: object) -> Path:
    """Return a folder with params.yaml and a dataset of noisy ramps, 28 px."""
    write_ramps(root / catalog.TRAIN_FACES, count, gray, seed=0)
    write_ramps(root / catalog.HOLDOUT_FACES, holdout, gray, seed=1)
    (root / "params.yaml").write_text(json.dumps({"train": {**TINY, **changes}}))
    return root


def write_ramps(path: Path, count: int, gray: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 200, 28)[:, None, None] * np.ones((28, 28, 1 if gray else 3))
    pngs = [encode_png((ramp + rng.uniform(0, 50, ramp.shape)).astype(np.uint8)) for _ in range(count)]
    rows = pd.DataFrame({"face_id": [sha256_bytes(png)[:16] for png in pngs], "is_gray": [gray] * count, "png": pngs})
    write_faces(path, rows, SCHEMA)


def contents(root: Path) -> dict[str, bytes]:
    """Return the bytes of every out of the stage by name."""
    files = [path for out in OUTS for path in ([root / out] if (root / out).is_file() else (root / out).rglob("*"))]
    return {str(path.relative_to(root)): path.read_bytes() for path in files if path.is_file()}


def start(root: Path) -> subprocess.Popen[str]:
    """Start the stage in a process of its own."""
    code = "import sys; from pathlib import Path; from mangagan.stages.train import run; run(Path(sys.argv[1]))"
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", code, str(root)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)


def wait_for_checkpoint(root: Path, process: subprocess.Popen[str]) -> Path:
    """Return the checkpoint as soon as it exists."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if found := list((root / CHECKPOINTS).glob("*/checkpoint.pt")):
            return found[0]
        time.sleep(0.01)
    raise AssertionError(f"no checkpoint; the stage said: {process.communicate()[1]}")


def make_long(root: Path, kimg: float) -> Path:
    """Change only the budget."""
    (root / "params.yaml").write_text(json.dumps({"train": {**TINY, "kimg": kimg}}))
    return root


def images_in_checkpoint(root: Path) -> int:
    """Return the number of images shown in the checkpoint."""
    path = next((root / CHECKPOINTS).glob("*/checkpoint.pt"))
    return int(torch.load(path, weights_only=True)["images_seen"])
