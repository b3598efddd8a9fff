"""Runs that are interrupted, resumed, delivered and forgotten, with real training on tiny networks."""

import itertools
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from mangagan.core.errors import UserError
from mangagan.core.progress import Progress
from mangagan.gan import run as resumable
from mangagan.gan.checkpoint import FILE, forget_old_runs, mark_delivered, resume, run_key, save_checkpoint
from mangagan.gan.config import TrainConfig
from mangagan.gan.loop import Hooks, train
from mangagan.gan.machine import pick_device
from mangagan.gan.run import snapshot_name, train_resumable
from tests.gan_runs import CONFIG, CPU, TINY, assert_same, faces, fresh


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_missing() -> None:
    assert pick_device("auto") == CPU
    with pytest.raises(UserError, match=r"no GPU: set it to auto or cpu"):
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


def test_keys_name_everything_the_weights_depend_on() -> None:
    key = run_key(faces(), TINY, CPU, 2)
    assert key == run_key(faces(), replace(TINY, kimg=9, checkpoint_kimg=9, select="last", on_alarm="stop"), CPU, 2)
    others = [
        run_key(faces()[::-1], TINY, CPU, 2),
        run_key(faces(7), TINY, CPU, 2),
        run_key(faces(), replace(TINY, learning_rate_g=1e-4), CPU, 2),
        run_key(faces(), replace(TINY, seed=1), CPU, 2),
        run_key(faces(), TINY, CPU, 1),
        run_key(faces(), TINY, torch.device("cuda"), 2),
        run_key(faces(), TINY, CPU, 2, "hold-out"),
    ]
    assert len({key, *others}) == len(others) + 1


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "flipped", "header", "other networks"])
def test_damaged_checkpoints_are_told_and_set_aside(tmp_path: Path, damage: str) -> None:
    images, path, said = faces(), tmp_path / "key" / FILE, []
    state = fresh(TINY, images)
    train(state, images, replace(TINY, kimg=0.02), Hooks(checkpoint=lambda state: save_checkpoint(path, state)))
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
    assert "moved to checkpoint.damaged, starting over" in said[0]
    assert_same(resume(tmp_path, "key", 40, lambda: fresh(TINY, images), said.append)[1], fresh(TINY, images))


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), torch.OutOfMemoryError("no room"), MemoryError()])
def test_a_machine_in_trouble_is_no_damage(
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
    for deliver in (first.delivered, lambda: None):
        deliver()
        said.clear()
        again = train_resumable(faces(), CONFIG, tmp_path, said.append)
        assert said == [f"already trained: delivering the checkpoint of 0.0 kimg; remove {run} to train anew"]
        assert_same(again.state, first.state)
        assert again.rows == first.rows
        assert list(again.snapshots) == list(first.snapshots)
    assert first.checkpoint.stat().st_mtime_ns == changed


def test_a_smaller_budget_leaves_the_larger_runs_checkpoint(tmp_path: Path) -> None:
    images, said = faces(), []
    expected = fresh(TINY, images)
    train(expected, images, TINY, Hooks())
    interrupted = replace(CONFIG, kimg=0.4)
    path = train_resumable(images, replace(CONFIG, kimg=0.2), tmp_path, said.append).checkpoint
    assert checkpoints(tmp_path) == {"": 200}
    shorter = train_resumable(images, CONFIG, tmp_path, said.append)
    assert_same(shorter.state, expected)
    assert checkpoints(tmp_path) == {"": 200, "-40": 40}
    shorter.delivered()
    said.clear()
    assert_same(train_resumable(images, CONFIG, tmp_path, said.append).state, expected)
    assert "already trained" in said[0]
    longer = train_resumable(images, interrupted, tmp_path, said.append)
    assert "resuming at 0.2 kimg" in said
    assert longer.checkpoint == path
    assert checkpoints(tmp_path) == {"": 400, "-40": 40}


def test_only_delivered_runs_are_forgotten(tmp_path: Path) -> None:
    for number in range(7):
        path = tmp_path / f"run{number}" / FILE
        path.parent.mkdir()
        path.write_bytes(b"")
        if number:
            mark_delivered(path)
            os.utime(path.with_suffix(".delivered"), (number, number))
    mark_delivered(tmp_path / "run5" / FILE, False)
    forget_old_runs(tmp_path)
    assert sorted(run.name for run in tmp_path.iterdir()) == ["run0", "run3", "run4", "run5", "run6"]


def test_a_delivered_run_that_goes_on_is_no_longer_delivered(tmp_path: Path) -> None:
    run = train_resumable(faces(), CONFIG, tmp_path, print)
    run.delivered()
    assert run.checkpoint.with_suffix(".delivered").exists()
    train_resumable(faces(), replace(CONFIG, kimg=0.08), tmp_path, print)
    assert not run.checkpoint.with_suffix(".delivered").exists()


# A run


def test_a_run_keeps_its_grids_and_its_last_row(tmp_path: Path) -> None:
    said: list[str] = []
    config = replace(CONFIG, kimg=2.5, log_kimg=1, batch_size=100)
    run = train_resumable(faces(12), config, tmp_path, said.append)
    assert said[0] == "batch_size 100 is more than there are faces: using 12"
    assert list(run.snapshots) == [snapshot_name(kimg) for kimg in (0, 1, 2, 2.5)]
    assert list(run.snapshots)[-1] == "000003kimg.png"
    assert all(Image.open(path).size == (8 * 30 - 2, 8 * 30 - 2) for path in run.snapshots.values())
    assert [row[0] for row in run.rows] == [1.008, 2.004, 2.508]
    assert len(run.state.rows) == 2
    again = train_resumable(faces(12), replace(config, kimg=3.0), tmp_path, said.append)
    assert any(line.startswith("resuming at 2.5 kimg") for line in said)
    assert list(again.snapshots) == [snapshot_name(kimg) for kimg in (0, 1, 2, 3)]


def test_batches_that_pass_several_marks_at_once(tmp_path: Path) -> None:
    config = replace(CONFIG, kimg=7, log_kimg=3, batch_size=2500)
    run = train_resumable(faces(2500, size=8), config, tmp_path, print)
    assert run.state.images_seen == 7500
    assert list(run.snapshots) == [snapshot_name(kimg) for kimg in (0, 2, 5, 7)]
    assert all(path.exists() for path in run.snapshots.values())


def test_what_was_chosen_and_how_long_it_will_take_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(step=0.5)
    monkeypatch.setattr(resumable.time, "monotonic", lambda: next(clock))
    said: list[str] = []
    settings = replace(TINY, kimg=100)
    reporter = resumable.Reporter(settings, tmp_path, Progress(100_000, "train", "img"), said.append)
    for step in range(1, 31):
        reporter.step(8 * step)
    assert len(said) == 1
    assert re.fullmatch(r"1[56] img/s: about 1\.[789] h for 100 kimg", said[0])
    chosen = resumable.described(settings, TrainConfig(), 8)
    assert "recipe modern, batch 8, width 4, 100 kimg (chosen for this machine" in chosen
    assert "chosen" not in resumable.described(settings, TrainConfig(base_channels=4, kimg=100.0), 8)
    assert resumable.duration(12.4) == "12 min"


def test_the_machine_that_the_weights_depend_on(tmp_path: Path) -> None:
    for threads in (1, 2):
        run = train_resumable(faces(), replace(CONFIG, threads=threads, kimg=0.01), tmp_path, print)
        assert run.machine == {"device": "cpu", "threads": threads}
    assert torch.get_num_threads() == 1


def test_faces_of_a_size_that_cannot_be_drawn(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not 90"):
        train_resumable(faces(8, 90), CONFIG, tmp_path, print)
    with pytest.raises(UserError, match="square"):
        train_resumable(faces(8, 28)[:, :, :20], CONFIG, tmp_path, print)
