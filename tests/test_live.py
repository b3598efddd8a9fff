"""The live files of a training, and the timelapse: during a run, after a kill, and at the end."""

import csv
import io
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.gan.timelapse import is_frame_due
from mangagan.stages.train import run
from tests.train_workspace import contents, images_in_checkpoint, make_workspace, start, wait_for_checkpoint


def read_status(root: Path) -> dict[str, object]:
    status: dict[str, object] = json.loads((root / catalog.LIVE_STATUS).read_text())
    return status


def read_column(path: Path, name: str) -> list[float]:
    with path.open() as file:
        return [float(row[name]) for row in csv.DictReader(file)]


def test_frames_come_at_each_interval_and_later_at_each_tenth() -> None:
    due = [kimg for kimg in range(1, 101) if is_frame_due(1000 * kimg - 8, 1000 * kimg, "cpu")]
    assert due[:20] == list(range(1, 21))
    assert due[20:] == [22, 24, 26, 28, 30, 33, 36, 39, 42, 46, 50, 55, 60, 66, 72, 79, 86, 94]
    assert [kimg for kimg in range(1, 60) if is_frame_due(1000 * kimg - 1, 1000 * kimg, "cuda")] == [10, 20, 30, 40, 50]
    assert is_frame_due(900, 3100, "cpu"), "one large batch passes several times"


@pytest.fixture(scope="module")
def finished_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace after a run of 2 kimg."""
    root = make_workspace(tmp_path_factory.mktemp("finished_workspace"), kimg=2.0)
    run(root)
    return root


def test_a_finished_run_shows_its_curves_and_samples(finished_workspace: Path) -> None:
    status = read_status(finished_workspace)
    assert (status["state"], status["kimg"], status["total_kimg"], status["seconds_left"]) == (
        "finished",
        2.0,
        2.0,
        None,
    )
    assert status["pid"] == os.getpid()
    assert (finished_workspace / str(status["run"]) / "checkpoint.pt").is_file()
    curves = (finished_workspace / catalog.TRAINING_CURVES).read_text()
    assert (finished_workspace / catalog.LIVE_CURVES).read_text() == curves
    assert not (finished_workspace / catalog.LIVE_METRICS).exists(), "nothing was measured"
    with Image.open(finished_workspace / catalog.LIVE_SAMPLES) as grid:
        assert grid.size == (8 * 30 - 2, 8 * 30 - 2)
    with Image.open(finished_workspace / catalog.LIVE_TIMELAPSE) as live:
        assert live.n_frames == 3, "0, 1 and 2 kimg"


def test_the_timelapse_ends_with_the_delivered_samples(finished_workspace: Path) -> None:
    data = (finished_workspace / "reports/train/timelapse.webp").read_bytes()
    with (
        Image.open(io.BytesIO(data)) as animation,
        Image.open(finished_workspace / "reports/train/samples.png") as grid,
    ):
        assert animation.n_frames == 3
        animation.seek(2)
        last, samples = np.asarray(animation.convert("L"), float), np.asarray(grid.convert("L"), float)
    row = (slice(28), slice(4 * 30 - 2))  # the first four samples
    assert np.corrcoef(last[row].ravel(), samples[row].ravel())[0, 1] > 0.95, "the compression is lossy"


def test_a_killed_run_continues_its_curve_and_its_timelapse(finished_workspace: Path, tmp_path: Path) -> None:
    killed = tmp_path
    process = start(make_workspace(killed, kimg=2.0))
    wait_for_checkpoint(killed, process)
    while not (killed / catalog.LIVE_STATUS).exists() or float(str(read_status(killed)["kimg"])) < 1.1:
        assert process.poll() is None
    rows, kimg = read_column(killed / catalog.LIVE_CURVES, "kimg"), float(str(read_status(killed)["kimg"]))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert rows[-1] > 0.5 * kimg, "the curves are written during the run"
    assert read_status(killed)["state"] == "training"
    assert images_in_checkpoint(killed) < 2000
    run(killed)
    assert contents(killed) == contents(finished_workspace), "curves and timelapse included"
    assert read_column(killed / catalog.LIVE_CURVES, "kimg") == read_column(
        finished_workspace / catalog.LIVE_CURVES, "kimg"
    )
    pytest.importorskip("tensorboard")
    steps = read_events(killed / catalog.LIVE_TENSORBOARD)
    assert steps == [round(1000 * kimg) for kimg in read_column(killed / catalog.LIVE_CURVES, "kimg")]


def read_events(folder: Path) -> list[int]:
    """Return the steps of a curve as TensorBoard shows them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (run_folder,) = folder.iterdir()
    assert len(list(run_folder.iterdir())) == 2, "one file of each process"
    events = EventAccumulator(str(run_folder), size_guidance={"scalars": 0})
    events.Reload()
    assert events.Tags()["images"] == ["samples"]
    return [event.step for event in events.Scalars("curves/loss_d")]


def test_a_signal_marks_the_run_as_stopped(tmp_path: Path) -> None:
    process = start(make_workspace(tmp_path, kimg=50.0))
    wait_for_checkpoint(tmp_path, process)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 143
    assert read_status(tmp_path)["state"] == "stopped"
    assert float(str(read_status(tmp_path)["kimg"])) == images_in_checkpoint(tmp_path) / 1000


def test_live_files_that_cannot_be_written_do_not_end_the_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_workspace(tmp_path, kimg=1.0)
    (tmp_path / catalog.LIVE).parent.mkdir()
    (tmp_path / catalog.LIVE).write_text("a file")
    run(tmp_path)
    said = capsys.readouterr().err
    assert said.count("the live files are not updated any more: ") == 1
    assert (tmp_path / catalog.GENERATOR).is_file()


def test_a_run_that_diverges_says_so_in_its_status(tmp_path: Path) -> None:
    make_workspace(tmp_path, kimg=1.0, learning_rate_g=1e30)
    with pytest.raises(UserError):
        run(tmp_path)
    status = read_status(tmp_path)
    assert status["state"] == "stopped"
    assert "training diverged (NaN)" in str(status["message"])


def test_a_run_that_is_resumed_keeps_its_samples_and_starts_once(tmp_path: Path) -> None:
    run(make_workspace(tmp_path, kimg=1.0))
    grid = (tmp_path / catalog.LIVE_SAMPLES).read_bytes()
    run(make_workspace(tmp_path, kimg=1.2))
    assert (tmp_path / catalog.LIVE_SAMPLES).read_bytes() == grid, "1.2 kimg has no frame"
    (folder,) = (tmp_path / catalog.TRAINING_RUNS).iterdir()
    (folder / "checkpoint.pt").unlink()
    run(make_workspace(tmp_path, kimg=0.2))
    with Image.open(tmp_path / catalog.LIVE_TIMELAPSE) as live:
        assert getattr(live, "n_frames", 1) == 1, "one frame of the untrained generator"


def test_a_new_run_replaces_the_files_of_the_one_before(tmp_path: Path) -> None:
    run(make_workspace(tmp_path, kimg=1.0))
    before = read_status(tmp_path)["run"]
    run(make_workspace(tmp_path, kimg=0.4, seed=1))
    assert read_status(tmp_path)["run"] != before
    assert read_column(tmp_path / catalog.LIVE_CURVES, "kimg")[-1] == 0.4
    with Image.open(tmp_path / catalog.LIVE_TIMELAPSE) as live:
        assert getattr(live, "n_frames", 1) == 1


def test_measurements_are_shown_and_patience_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    distances = iter([3.0, 1.0, 2.0, 1.5, 0.5])
    metrics = {"kernel_distance_sd": 5.0, "usable_share": 0.25, "usable_share_floor": 1.0}
    monkeypatch.setattr(
        "mangagan.training_monitor.Monitor.measure", lambda *_: {"kernel_distance": next(distances), **metrics}
    )
    make_workspace(tmp_path, 24, holdout=24, kimg=2.0, measure_kimg=0.1, patience=0.2)
    run(tmp_path)
    said = capsys.readouterr().err
    assert "ended at 0.4 kimg: no new minimum of the kernel distance since 0.2 kimg (1); train.patience is 0.2" in said
    assert "delivering the weights of 0.2 kimg" in said, "although the difference is within the standard deviation"
    assert read_column(tmp_path / catalog.LIVE_METRICS, "kernel_distance") == [3, 1, 2, 1.5]
    status = read_status(tmp_path)
    assert (status["state"], status["kernel_distance"], status["usable_share"]) == ("finished", 1.5, 0.25)
    assert "train.patience" in str(status["message"])
    run(tmp_path)
    said = capsys.readouterr().err
    assert "ended at 0.4 kimg" in said, "a second run ends at once"
    assert read_column(tmp_path / catalog.TRAINING_METRICS, "kept") == [0, 1, 0, 0]
