"""A small DVC repository in git with recorded runs: tiny generators, invented metrics."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from mangagan.core import catalog
from mangagan.core.files import sha256_file, write_json
from mangagan.networks.dcgan import Generator
from mangagan.networks.weights import save_generator
from tests.dvc_workspace import environment

# The tests write the outs themselves; `dvc commit` records them without running a stage.
DVC_YAML = """\
stages:
  dedup:
    cmd: never
    params: [dedup]
    outs: [data/dataset/train.parquet, data/dataset/holdout.parquet]
  train:
    cmd: never
    deps: [data/dataset/train.parquet]
    params: [train]
    outs: [models/generator.safetensors, models/model.json]
  evaluate:
    cmd: never
    deps: [data/dataset/train.parquet, data/dataset/holdout.parquet, models/generator.safetensors, models/model.json]
    metrics: [{metrics/evaluate.json: {cache: false}}]
"""


def build(root: Path) -> None:
    """Create the repository at `root` without any run."""
    root.mkdir()
    (root / "dvc.yaml").write_text(DVC_YAML)
    run(root, "git", "init", "-q", "-b", "main")
    for name, value in (("user.email", "a@example.org"), ("user.name", "a"), ("commit.gpgsign", "false")):
        run(root, "git", "config", name, value)
    dvc(root, "init", "-q")


def write_run(root: Path, z_dim: int = 8, kimg: float = 1.0, faces: str = "faces", **figures: Any) -> dict[str, Any]:
    """Write and record the outs of a run; return its metrics."""
    write_json(root / catalog.PARAMS, {"dedup": {"seed": 0}, "train": {"kimg": kimg, "z_dim": z_dim}})
    for path in (catalog.TRAIN_FACES, catalog.HOLDOUT_FACES):
        write(root / path, f"{faces} in {path.name}")
    torch.manual_seed(z_dim)
    generator = Generator(image_size=28, channels=1, z_dim=z_dim, base_channels=4)
    for path in (catalog.GENERATOR, catalog.MODEL_CARD):
        (root / path).unlink(missing_ok=True)  # a link into DVC's cache is read-only
    save_generator(generator, root / catalog.GENERATOR, root / catalog.MODEL_CARD, {})
    measured = {
        "samples": 40,
        "holdout": 12,
        "train_sha256": sha256_file(root / catalog.TRAIN_FACES),
        "model_sha256": sha256_file(root / catalog.GENERATOR),
        **figures,
    }
    write_json(root / catalog.metrics_file("evaluate"), measured)
    dvc(root, "commit", "-q", "-f")
    return measured


def write(path: Path, text: str) -> None:
    """Replace a file that may be a link into DVC's cache."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)


def save(root: Path, tag: str) -> None:
    """Commit the workspace and tag the commit."""
    run(root, "git", "add", "--all")
    run(root, "git", "commit", "-q", "-m", tag)
    run(root, "git", "tag", tag)


def dvc(root: Path, *arguments: str) -> None:
    run(root, sys.executable, "-m", "dvc", *arguments)


def run(root: Path, *command: str) -> None:
    subprocess.run(command, cwd=root, check=True, env=environment(), capture_output=True)


def figure(value: float | None, sd: float | None = 0.1, floor: float = 1.0) -> dict[str, Any]:
    """Return one block of metrics/evaluate.json."""
    ratio = None if value is None else value / floor
    return json.loads(json.dumps({"value": value, "sd": sd, "floor": floor, "floor_sd": None, "ratio": ratio}))
