"""The stage train as a process: its outs, resumption after a kill, and error messages."""

import csv
import json
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from mangagan.core import catalog, params
from mangagan.core.errors import UserError
from mangagan.core.files import sha256_file
from mangagan.gan.config import TrainConfig
from mangagan.networks.sampling import draw_latents, generate_images
from mangagan.networks.weights import load_generator
from mangagan.stages.train import choose_channels, load_images, read_git_revision, run
from tests.train_workspace import (
    CHECKPOINTS,
    OUTS,
    TINY,
    contents,
    images_in_checkpoint,
    make_long,
    make_workspace,
    start,
    wait_for_checkpoint,
)


def test_outs(tmp_path: Path) -> None:
    run(make_workspace(tmp_path, kimg=2.0))
    assert sorted(contents(tmp_path)) == [
        "metrics/train.json",
        "models/generator.safetensors",
        "models/model.json",
        "models/networks.safetensors",
        "reports/train/curves.csv",
        "reports/train/metrics.csv",
        "reports/train/samples.png",
        "reports/train/samples/000000kimg.png",
        "reports/train/samples/000001kimg.png",
        "reports/train/samples/000002kimg.png",
        "reports/train/timelapse.webp",
    ]
    rows = list(csv.DictReader((tmp_path / "reports/train/curves.csv").open()))
    assert list(rows[0]) == ["kimg", "loss_d", "loss_g", "loss_f", "d_real", "d_fake", "realness", "augment_p"]
    assert [float(row["kimg"]) for row in rows] == pytest.approx([0.04 * number for number in range(1, 51)])
    assert all(0 <= float(row["d_real"]) <= 1 and 0 <= float(row["d_fake"]) <= 1 for row in rows)
    metrics = json.loads((tmp_path / "metrics/train.json").read_text())
    assert metrics["kimg"] == 2.0
    assert metrics["faces"] == 12
    assert metrics["loss_g"] == pytest.approx(np.mean([float(row["loss_g"]) for row in rows[-5:]]), rel=1e-4)


def test_samples_are_measured_against_the_holdout_and_the_best_are_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mangagan.training_monitor.SAMPLE_COUNT", 40)
    run(make_workspace(tmp_path, count=24, holdout=24, kimg=0.4, measure_kimg=0.1))
    rows = list(csv.DictReader((tmp_path / "reports/train/metrics.csv").open()))
    assert [float(row["kimg"]) for row in rows] == pytest.approx([0.104, 0.2, 0.304, 0.4])
    assert all(0 < float(row["kernel_distance"]) < 20 for row in rows)
    assert {"usable_share", "usable_share_floor", "coverage", "nearest_train"} <= set(rows[0])
    (kept,) = [float(row["kimg"]) for row in rows if float(row["kept"])]
    card = json.loads((tmp_path / catalog.MODEL_CARD).read_text())
    assert card["images_seen"] == round(1000 * kept)
    outs = f"{catalog.GENERATOR}, {catalog.MODEL_CARD}, {catalog.NETWORKS}, reports/train, metrics/train.json"
    assert capsys.readouterr().err.endswith(f"train: wrote {outs}\n")
    before = contents(tmp_path)
    monkeypatch.setattr("mangagan.training_monitor.code_hash", lambda *_: "other code")
    run(tmp_path)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("train: already trained")
    assert lines[1].startswith("train: measuring 4 snapshots again")
    assert len([line for line in lines if "usable faces" in line]) == 4
    assert contents(tmp_path) == before


def test_a_run_that_diverges_before_its_first_row_delivers_the_best_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mangagan.training_monitor.SAMPLE_COUNT", 40)
    intervals = {"log_kimg": 0.1, "checkpoint_kimg": 0.1, "measure_kimg": 0.048}
    make_workspace(tmp_path, 24, holdout=24, learning_rate_g=1e30, on_alarm="rollback", **intervals)
    run(tmp_path)
    assert "training diverged (NaN) before 0.1 kimg" in capsys.readouterr().err
    assert (tmp_path / "reports/train/curves.csv").read_text().count("\n") == 1
    metrics = json.loads((tmp_path / "metrics/train.json").read_text())
    assert "loss_g" not in metrics
    assert metrics["kimg_delivered"] < 0.104
    assert (tmp_path / catalog.GENERATOR).exists()


def test_a_holdout_set_that_is_too_small_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(make_workspace(tmp_path, kimg=0.02, holdout=0))
    assert "0 hold-out faces: too few to measure" in capsys.readouterr().err
    assert (tmp_path / "reports/train/metrics.csv").read_text().startswith("kimg,kernel_distance,")


def test_an_extractor_that_the_evaluation_lacks_stops_the_training_before_it_starts(tmp_path: Path) -> None:
    make_workspace(tmp_path)
    settings = {"extractors": {"use": ["torchscript"], "model": "nowhere.pt", "model_sha256": "0" * 64}}
    (tmp_path / "params.yaml").write_text(json.dumps({"train": TINY, "evaluate": settings}))
    with pytest.raises(UserError, match=r"nowhere\.pt"):
        run(tmp_path)
    assert not (tmp_path / CHECKPOINTS).exists()


def test_the_card_describes_the_weights_and_the_last_grid_shows_them(tmp_path: Path) -> None:
    run(make_workspace(tmp_path))
    card = json.loads((tmp_path / catalog.MODEL_CARD).read_text())
    assert card["weights_sha256"] == sha256_file(tmp_path / catalog.GENERATOR)
    assert card["data"] == {"channels": 1, "faces": 12, "train_sha256": sha256_file(tmp_path / catalog.TRAIN_FACES)}
    assert card["images_seen"] == 200
    assert card["params"]["kimg"] == 0.2
    assert card["machine"] == {"device": "cpu", "threads": 1}
    assert card["torch_version"] == torch.__version__
    assert str(tmp_path) not in json.dumps(card)
    generator = load_generator(tmp_path / catalog.GENERATOR, tmp_path / catalog.MODEL_CARD)
    sheet = np.asarray(Image.open(tmp_path / "reports/train/samples.png"))
    assert sheet.shape == (238, 238)
    assert np.array_equal(sheet[30:58, 30:58], generate_images(generator, draw_latents(64, 8, 0))[9, 0])


@pytest.mark.parametrize(("gray", "asked", "expected"), [(True, "auto", 1), (False, "auto", 3), (False, "gray", 1)])
def test_channels(tmp_path: Path, gray: bool, asked: str, expected: int) -> None:
    run(make_workspace(tmp_path, gray=gray, channels=asked, kimg=0.02))
    assert load_generator(tmp_path / catalog.GENERATOR, tmp_path / catalog.MODEL_CARD).channels == expected


@pytest.mark.parametrize("gray", [True, False])
def test_faces_that_take_too_much_memory_are_read_from_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], gray: bool
) -> None:
    in_memory, mapped = (make_workspace(tmp_path / name, gray=gray, kimg=0.05) for name in ("memory", "mapped"))
    run(in_memory)
    assert "memory_mb" not in capsys.readouterr().err
    (mapped / "params.yaml").write_text(json.dumps({"train": {**TINY, "kimg": 0.05, "memory_mb": 0}}))
    run(mapped)
    assert "12 faces need more than train.memory_mb: reading them from" in capsys.readouterr().err
    assert isinstance(load_images(params.load("train", TrainConfig, mapped), mapped), np.memmap)
    one, other = ((root / catalog.GENERATOR).read_bytes() for root in (in_memory, mapped))
    assert one == other


def test_one_colour_cover_does_not_make_a_book_rgb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [choose_channels(asked, 1, 50) for asked in ("auto", "gray", "rgb")] == [1, 1, 3]
    assert (
        "train: 1 of 50 faces are coloured and lose their colour. To keep it, set train.channels to rgb"
        in capsys.readouterr().err
    )
    assert [choose_channels("auto", coloured, 100) for coloured in (0, 3, 100)] == [1, 3, 3]
    assert capsys.readouterr().err == ""
    table = pq.read_table(make_workspace(tmp_path, count=50, kimg=0.01) / catalog.TRAIN_FACES)
    gray = pa.array([False] + [True] * 49)
    pq.write_table(
        table.set_column(table.column_names.index("is_gray"), "is_gray", gray), tmp_path / catalog.TRAIN_FACES
    )
    run(tmp_path)
    assert "1 of 50 faces are coloured" in capsys.readouterr().err
    assert load_generator(tmp_path / catalog.GENERATOR, tmp_path / catalog.MODEL_CARD).channels == 1


def test_two_runs_write_the_same_bytes_and_a_complete_one_is_delivered_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = make_workspace(tmp_path / "one"), make_workspace(tmp_path / "other")
    run(one)
    run(other)
    assert contents(one) == contents(other)
    before = contents(one)
    for out in OUTS:  # as DVC does before it runs a stage
        shutil.rmtree(one / out) if (one / out).is_dir() else (one / out).unlink()
    capsys.readouterr()
    run(one)
    where = next((one / CHECKPOINTS).iterdir())
    assert (
        f"train: already trained: delivering the checkpoint of 0.2 kimg. To train again, remove {where}\n"
        in capsys.readouterr().err
    )
    assert contents(one) == before
    shutil.rmtree(where)
    run(one)
    assert "0.0/0.2 kimg" in capsys.readouterr().err
    assert contents(one) == before


def test_a_larger_budget_continues_the_smaller_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, grown = make_workspace(tmp_path / "whole", kimg=0.3), make_workspace(tmp_path / "grown")
    run(whole)
    run(grown)
    capsys.readouterr()
    run(make_long(grown, 0.3))
    assert "train: resuming at 0.2 kimg" in capsys.readouterr().err
    assert contents(grown) == contents(whole)


def test_a_killed_stage_leaves_no_outs_and_the_next_run_equals_an_unbroken_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = make_workspace(tmp_path / "broken", kimg=2000)
    process = start(broken)
    wait_for_checkpoint(broken, process)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert contents(broken) == {}
    seen = images_in_checkpoint(broken)
    kimg = seen / 1000 + 0.2
    run(make_long(broken, kimg))
    assert f"resuming at {seen / 1000:.1f} kimg" in capsys.readouterr().err
    unbroken = make_workspace(tmp_path / "unbroken", kimg=kimg)
    run(unbroken)
    assert "resuming" not in capsys.readouterr().err
    assert contents(broken) == contents(unbroken)


def test_a_shorter_run_leaves_the_paused_longer_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    process = start(make_workspace(tmp_path, kimg=2000))
    path = wait_for_checkpoint(tmp_path, process)
    process.terminate()
    assert process.wait(timeout=30) == 143
    paused = path.read_bytes()
    run(make_long(tmp_path, 0.02))
    assert "is longer than requested and is kept" in capsys.readouterr().err
    for seed in range(1, 5):
        (tmp_path / "params.yaml").write_text(json.dumps({"train": {**TINY, "kimg": 0.02, "seed": seed}}))
        run(tmp_path)
    assert path.read_bytes() == paused


@pytest.mark.parametrize(("number", "statuses"), [(signal.SIGTERM, {143}), (signal.SIGINT, {1, -signal.SIGINT})])
def test_signals_save_a_checkpoint_and_end_the_stage(tmp_path: Path, number: int, statuses: set[int]) -> None:
    process = start(make_workspace(tmp_path, kimg=2000, checkpoint_kimg=1000))
    assert process.stderr is not None
    for line in process.stderr:
        if "img/s" in line:
            break
    process.send_signal(number)
    said = process.stderr.read()
    assert process.wait(timeout=30) in statuses, "1: the interpreter's own end of a KeyboardInterrupt under -c"
    assert "checkpoint saved" in said
    assert ("KeyboardInterrupt" in said) == (number == signal.SIGINT)
    assert images_in_checkpoint(tmp_path) > 0
    assert contents(tmp_path) == {}
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_damaged_checkpoint_costs_only_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(make_workspace(tmp_path))
    before = contents(tmp_path)
    checkpoint = next((tmp_path / CHECKPOINTS).glob("*/checkpoint.pt"))
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    run(tmp_path)
    assert "is damaged" in capsys.readouterr().err
    assert checkpoint.with_suffix(".damaged").stat().st_size == 1000
    assert contents(tmp_path) == before


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_faces(tmp_path: Path, count: int) -> None:
    table = pq.read_table(make_workspace(tmp_path, count=1) / catalog.TRAIN_FACES)
    pq.write_table(table.slice(0, count), tmp_path / catalog.TRAIN_FACES)
    with pytest.raises(UserError, match=f"at least 2 faces, found {count}"):
        run(tmp_path)


def test_errors_say_what_to_do(tmp_path: Path) -> None:
    make_workspace(tmp_path, learning_rate=1e-4)
    with pytest.raises(UserError, match="did you mean learning_rate_g"):
        run(tmp_path)
    (make_workspace(tmp_path) / catalog.HOLDOUT_FACES).unlink()
    with pytest.raises(UserError, match=r"holdout\.parquet not found\. Run: dvc repro dedup"):
        run(tmp_path)
    assert not (tmp_path / CHECKPOINTS).exists(), "inputs are checked before the training"
    (make_workspace(tmp_path) / catalog.TRAIN_FACES).unlink()
    with pytest.raises(UserError, match=r"train\.parquet not found\. Run: dvc repro dedup"):
        run(tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train\.device is cuda but PyTorch finds no GPU") as raised:
        run(make_workspace(tmp_path, device="cuda"))
    assert "\n" not in str(raised.value)


def test_old_runs_are_deleted(tmp_path: Path) -> None:
    for seed in range(5):
        run(make_workspace(tmp_path, seed=seed, kimg=0.01))
    assert len(list((tmp_path / CHECKPOINTS).iterdir())) == 3


def test_git_revision(tmp_path: Path) -> None:
    assert read_git_revision(tmp_path) == "unknown"

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        return subprocess.run(
            ["git", *identity, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    (tmp_path / "code.py").write_text("1\n")
    (tmp_path / "params.yaml").write_text("train:\n")
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    (tmp_path / "params.yaml").write_text("train: {}\n")
    assert read_git_revision(tmp_path) == git("rev-parse", "HEAD")
    (tmp_path / "code.py").write_text("2\n")
    assert read_git_revision(tmp_path) == git("rev-parse", "HEAD") + "+dirty"
