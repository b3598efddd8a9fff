"""Runs that are interrupted, resumed and deleted, with real training on tiny networks."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mangagan.core.code import import_closure
from mangagan.core.errors import UserError
from mangagan.gan import checkpoint
from mangagan.gan.checkpoint import (
    FILE,
    TRAINING_CODE,
    delete_old_runs,
    identify_run,
    mark_delivered,
    resume,
    run_key,
    save_checkpoint,
)
from mangagan.gan.config import Settings
from mangagan.gan.loop import Callbacks, train
from mangagan.gan.machine import pick_device
from mangagan.gan.run import train_resumable
from tests.gan_runs import CONFIG, CPU, TINY, assert_same, faces, fresh


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_missing() -> None:
    assert pick_device("auto") == CPU
    with pytest.raises(UserError, match=r"no GPU\. Set it to auto or cpu"):
        pick_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")
def test_training_on_a_gpu_resumes_too(tmp_path: Path) -> None:
    said: list[str] = []
    config = replace(CONFIG, device="cuda")
    train_resumable(faces(), replace(config, kimg=0.02), tmp_path, said.append)
    run = train_resumable(faces(), config, tmp_path, said.append)
    assert run.state.images_seen == 40
    assert "resuming at 0.0 kimg" in said


# Checkpoints


def test_keys_depend_on_everything_that_the_weights_depend_on() -> None:
    def key(images: np.ndarray, settings: Settings, device: torch.device = CPU, threads: int = 2) -> str:
        return run_key(identify_run(images, settings, device, threads))

    first = key(faces(), TINY)
    intervals = {"checkpoint_kimg": 9.0, "log_kimg": 9.0, "snapshot_kimg": 9}
    assert first == key(faces(), replace(TINY, kimg=9, select="last", on_alarm="stop", memory_mb=1, **intervals))  # type: ignore[arg-type]
    # The same values, requested in another way.
    assert first == key(faces(), replace(TINY, recipe="classic", channels="gray", device="auto", threads=2))
    others = [
        key(faces()[::-1], TINY),
        key(faces(7), TINY),
        key(faces(), replace(TINY, learning_rate_g=1e-4)),
        key(faces(), replace(TINY, seed=1)),
        key(faces(), replace(TINY, measure_kimg=9.0)),
        key(faces(), TINY, threads=1),
        key(faces(), TINY, torch.device("cuda")),
    ]
    assert len({first, *others}) == len(others) + 1


def test_the_key_depends_on_the_code_of_the_step_and_not_on_measuring_or_reporting() -> None:
    paths = {path.as_posix() for path in import_closure(*TRAINING_CODE)}
    for name in (
        "loop",
        "step",
        "batches",
        "augment",
        "losses",
        "penalty",
        "feature_loss",
        "ema",
        "state",
        "config",
        "recipes",
    ):
        assert f"mangagan/gan/{name}.py" in paths
    assert {"mangagan/gan/distributed.py", "mangagan/gan/numerics.py", "mangagan/networks/dcgan.py"} <= paths
    assert "mangagan/face_network/mangaface.safetensors" in paths
    observing = ("alarms", "measurements", "selection", "reporting", "saved_samples", "observer")
    for name in (*observing, "checkpoint", "machine", "run"):
        assert f"mangagan/gan/{name}.py" not in paths
    folders = ("features", "distances", "metrics", "pictures", "faces")
    assert not any(path.startswith(f"mangagan/{folder}/") for path in paths for folder in folders)
    assert "mangagan/training_monitor.py" not in paths


def test_the_identity_of_the_monitor_covers_the_metrics_and_their_inputs_and_nothing_else() -> None:
    paths = {path.as_posix() for path in import_closure("mangagan.training_monitor")}
    for name in ("kernel_distance", "manifold", "nearest_faces", "reference_sets", "subsamples", "pairwise"):
        assert f"mangagan/distances/{name}.py" in paths
    for name in ("efficientnet", "usable_faces", "batches"):
        assert f"mangagan/features/{name}.py" in paths
    assert {"mangagan/training_monitor.py", "mangagan/faces/table.py", "mangagan/core/images.py"} <= paths
    assert "mangagan/face_quality/face_quality.safetensors" in paths
    folders = ("gan", "networks", "generation", "metrics", "pictures", "report", "stages", "dataset", "detection")
    assert not any(path.startswith(f"mangagan/{folder}/") for path in paths for folder in folders)


def test_a_new_run_says_what_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    train_resumable(faces(), CONFIG, tmp_path, said.append)
    assert not any("changed" in line for line in said)
    train_resumable(faces(), replace(CONFIG, r1=1.0), tmp_path, said.append)
    assert "training from the start: train.r1 changed since the last run on these faces" in said
    monkeypatch.setattr(checkpoint, "code_hash", lambda *_: "other")
    train_resumable(faces(), replace(CONFIG, r1=1.0), tmp_path, said.append)
    assert "training from the start: the training code changed since the last run on these faces" in said
    said.clear()
    train_resumable(faces(7), CONFIG, tmp_path, said.append)
    assert not any("changed" in line for line in said)


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "flipped", "header", "other networks"])
def test_damaged_checkpoints_are_reported_and_renamed(tmp_path: Path, damage: str) -> None:
    images, path, said = faces(), tmp_path / "key" / FILE, []
    state = fresh(TINY, images)
    train(state, images, replace(TINY, kimg=0.02), Callbacks(save=lambda state: save_checkpoint(path, state)))
    whole = path.read_bytes()
    flipped, header = bytearray(whole), bytearray(whole)
    flipped[whole.index(state.generator.project.weight.detach().numpy().tobytes()) + 1] ^= 0x01
    header[whole.rindex(b"PK\x01\x02") + 20] ^= 0x01  # compressed size: only PyTorch's reader minds
    content = {"truncated": whole[: len(whole) // 2], "empty": b"", "text": b"hello"}
    content |= {"flipped": bytes(flipped), "header": bytes(header)}
    if damage == "other networks":
        save_checkpoint(path, fresh(replace(TINY, base_channels=8), images))
    else:
        path.write_bytes(content[damage])
    damaged = path.read_bytes()
    assert resume(tmp_path, "key", 40, lambda: fresh(TINY, images), said.append)[0] == path
    assert not path.exists()
    assert path.with_suffix(".damaged").read_bytes() == damaged
    assert len(said) == 1
    assert "is damaged" in said[0]
    assert "was renamed to checkpoint.damaged: training from the start" in said[0]
    assert_same(resume(tmp_path, "key", 40, lambda: fresh(TINY, images), said.append)[1], fresh(TINY, images))


@pytest.mark.parametrize("change", ["missing", "additional", "row"])
def test_a_checkpoint_of_another_version_is_reported_and_renamed(tmp_path: Path, change: str) -> None:
    path, said = tmp_path / "key" / FILE, []
    state = fresh(TINY, faces())
    settings = replace(TINY, kimg=0.02)
    train(state, faces(), settings, Callbacks(save=lambda state: save_checkpoint(path, state)))
    content = torch.load(path, weights_only=True)
    if change == "missing":
        del content["realness"]
    elif change == "additional":
        content["alarms"] = {}
    else:
        content["rows"][0]["loss_c"] = 0.0
    torch.save(content, path)
    resumed = resume(tmp_path, "key", 40, lambda: fresh(TINY, faces()), said.append)[1]
    assert resumed.images_seen == 0
    aside = "was renamed to checkpoint.damaged: training from the start"
    assert said == [f"{path} was written by another version of mangagan and {aside}"]
    assert path.with_suffix(".damaged").exists()


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), torch.OutOfMemoryError("no room"), MemoryError()])
def test_errors_of_the_machine_are_not_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    path, state = tmp_path / "key" / FILE, fresh(TINY, faces())
    save_checkpoint(path, state)

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(torch, "load", fail)
    with pytest.raises(type(error)):
        resume(tmp_path, "key", 40, lambda: fresh(TINY, faces()), print)
    assert [file.name for file in path.parent.iterdir()] == [FILE]


def test_a_checkpoint_too_large_for_the_gpu_is_kept_and_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_resumable(faces(), replace(CONFIG, kimg=0.02), tmp_path, print)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.pt")}

    def fail(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(torch.nn.Module, "load_state_dict", fail)
    with pytest.raises(UserError, match="out of GPU memory"):
        train_resumable(faces(), CONFIG, tmp_path, print)
    assert len(before) == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.pt")} == before


def checkpoints(folder: Path) -> dict[str, int]:
    """The names of the runs' folders, keys shortened, and the images that each has seen."""
    found = sorted(folder.glob(f"*/{FILE}"))
    return {path.parent.name[64:]: torch.load(path, weights_only=True)["images_seen"] for path in found}


def test_a_complete_run_is_delivered_again_without_training(tmp_path: Path) -> None:
    said: list[str] = []
    first = train_resumable(faces(), CONFIG, tmp_path, said.append)
    run, changed = first.checkpoint.parent, first.checkpoint.stat().st_mtime_ns
    for deliver in (first.mark_delivered, lambda: None):
        deliver()
        said.clear()
        again = train_resumable(faces(), CONFIG, tmp_path, said.append)
        assert said == [f"already trained: delivering the checkpoint of 0.0 kimg. To train again, remove {run}"]
        assert_same(again.state, first.state)
        assert again.rows == first.rows
        assert list(again.snapshots) == list(first.snapshots)
    assert first.checkpoint.stat().st_mtime_ns == changed


def test_a_smaller_budget_leaves_the_larger_runs_checkpoint(tmp_path: Path) -> None:
    images, said = faces(), []
    expected = fresh(TINY, images)
    train(expected, images, TINY, Callbacks())
    interrupted = replace(CONFIG, kimg=0.4)
    path = train_resumable(images, replace(CONFIG, kimg=0.2), tmp_path, said.append).checkpoint
    assert checkpoints(tmp_path) == {"": 200}
    shorter = train_resumable(images, CONFIG, tmp_path, said.append)
    assert_same(shorter.state, expected)
    assert checkpoints(tmp_path) == {"": 200, "-40": 40}
    shorter.mark_delivered()
    said.clear()
    assert_same(train_resumable(images, CONFIG, tmp_path, said.append).state, expected)
    assert "already trained" in said[0]
    longer = train_resumable(images, interrupted, tmp_path, said.append)
    assert "resuming at 0.2 kimg" in said
    assert longer.checkpoint == path
    assert checkpoints(tmp_path) == {"": 400, "-40": 40}


def test_only_delivered_runs_are_deleted(tmp_path: Path) -> None:
    for number in range(7):
        path = tmp_path / f"run{number}" / FILE
        path.parent.mkdir()
        path.write_bytes(b"")
        if number:
            mark_delivered(path)
            os.utime(path.with_suffix(".delivered"), (number, number))
    mark_delivered(tmp_path / "run5" / FILE, False)
    delete_old_runs(tmp_path)
    assert sorted(run.name for run in tmp_path.iterdir()) == ["run0", "run3", "run4", "run5", "run6"]


def test_a_killed_deletion_is_completed_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        path = tmp_path / f"run{number}" / FILE
        path.parent.mkdir()
        path.write_bytes(b"")
        mark_delivered(path)
        os.utime(path.with_suffix(".delivered"), (number, number))
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint.shutil, "rmtree", lambda *_, **__: None)  # as if killed before it
        delete_old_runs(tmp_path)
    assert not (tmp_path / "run0").exists(), "no run without some of its files"
    assert (tmp_path / checkpoint.TRASH / "run0" / FILE).exists()
    delete_old_runs(tmp_path)
    assert sorted(run.name for run in tmp_path.iterdir()) == ["run1", "run2", "run3"]


def test_a_resumed_run_is_no_longer_marked_as_delivered(tmp_path: Path) -> None:
    run = train_resumable(faces(), CONFIG, tmp_path, print)
    run.mark_delivered()
    assert run.checkpoint.with_suffix(".delivered").exists()
    train_resumable(faces(), replace(CONFIG, kimg=0.08), tmp_path, print)
    assert not run.checkpoint.with_suffix(".delivered").exists()
