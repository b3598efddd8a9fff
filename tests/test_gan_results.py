"""The results of a run: curves, sample grids and reports, with real training on tiny networks."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mangagan.core.errors import UserError
from mangagan.core.progress import progress_bar
from mangagan.gan import reporting
from mangagan.gan.config import TrainConfig
from mangagan.gan.reporting import format_snapshot_name
from mangagan.gan.run import train_resumable
from mangagan.gan.saved_samples import read_samples
from tests.gan_runs import CONFIG, TINY, faces


def test_a_run_keeps_its_grids_and_its_last_row(tmp_path: Path) -> None:
    said: list[str] = []
    config = replace(CONFIG, kimg=2.5, log_kimg=1, batch_size=100)
    run = train_resumable(faces(12), config, tmp_path, said.append)
    assert said[0] == "train.batch_size 100 is larger than the number of faces: using 12"
    assert list(run.snapshots) == [format_snapshot_name(kimg) for kimg in (0, 1, 2, 2.5)]
    assert list(run.snapshots)[-1] == "000003kimg.png"
    assert all(read_samples(path).shape == (64, 1, 28, 28) for path in run.snapshots.values())
    assert [row.kimg for row in run.rows] == [1.008, 2.004, 2.508]
    assert len(run.state.rows) == 2
    again = train_resumable(faces(12), replace(config, kimg=3.0), tmp_path, said.append)
    assert any(line.startswith("resuming at 2.5 kimg") for line in said)
    assert list(again.snapshots) == [format_snapshot_name(kimg) for kimg in (0, 1, 2, 3)]


def test_batches_that_pass_several_marks_at_once(tmp_path: Path) -> None:
    config = replace(CONFIG, kimg=7, log_kimg=3, batch_size=2500)
    run = train_resumable(faces(2500, size=8), config, tmp_path, print)
    assert run.state.images_seen == 7500
    assert list(run.snapshots) == [format_snapshot_name(kimg) for kimg in (0, 2, 5, 7)]
    assert all(path.exists() for path in run.snapshots.values())


def test_grids_of_another_interval_are_those_of_a_run_with_it(tmp_path: Path) -> None:
    config = replace(CONFIG, kimg=6, log_kimg=3, batch_size=1250, measure_kimg=99)
    images = faces(1250, size=8)
    train_resumable(images, config, tmp_path / "changed", print)
    for every, marks in ((2, (0, 2, 4, 6)), (3, (0, 3, 6)), (4, (0, 4, 6))):
        said: list[str] = []
        changed = train_resumable(images, replace(config, snapshot_kimg=every), tmp_path / "changed", said.append)
        assert said[0].startswith("already trained")
        assert list(changed.snapshots) == [format_snapshot_name(mark) for mark in marks]
    expected = train_resumable(images, replace(config, snapshot_kimg=4), tmp_path / "expected", print)
    assert list(changed.snapshots) == list(expected.snapshots)
    for name, path in expected.snapshots.items():
        assert np.array_equal(read_samples(changed.snapshots[name]), read_samples(path))


def test_another_interval_of_the_curves_is_reported(tmp_path: Path) -> None:
    first = train_resumable(faces(), CONFIG, tmp_path, print)
    for log_kimg, changed in ((0.016, False), (0.008, True), (9.0, True)):
        said: list[str] = []
        run = train_resumable(faces(), replace(CONFIG, log_kimg=log_kimg), tmp_path, said.append)
        line = "train.log_kimg changed: the rows of curves.csv up to 0.0 kimg keep their interval"
        assert (line in said) == changed
        assert run.rows == first.rows


def test_damaged_samples_are_deleted_with_a_line(tmp_path: Path) -> None:
    config = replace(CONFIG, kimg=2, batch_size=100)
    run = train_resumable(faces(100), config, tmp_path, print)
    path = run.snapshots["000001kimg.png"]
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    for content in (bytes(whole), b"", b"hello"):
        path.write_bytes(content)
        said: list[str] = []
        again = train_resumable(faces(100), config, tmp_path, said.append)
        assert any(line.startswith(f"{path} is damaged") and "no sample grid of 1 kimg" in line for line in said)
        assert list(again.snapshots) == ["000000kimg.png", "000002kimg.png"]
        assert not path.exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="auto selects the GPU of this machine")
def test_the_same_values_requested_in_another_way_do_not_train_again(tmp_path: Path) -> None:
    first = train_resumable(faces(), CONFIG, tmp_path, print)
    for change in ({"device": "auto"}, {"threads": 1}, {"channels": "gray"}):
        said: list[str] = []
        again = train_resumable(faces(), replace(CONFIG, **change), tmp_path, said.append)  # type: ignore[arg-type]
        assert said[0].startswith("already trained")
        assert again.checkpoint == first.checkpoint


def test_the_settings_and_the_remaining_time_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(step=0.5)
    monkeypatch.setattr(reporting.time, "monotonic", lambda: next(clock))
    said: list[str] = []
    settings = replace(TINY, kimg=100)
    reporter = reporting.Reporter(settings, progress_bar(100_000, "train", "img"), said.append)
    for step in range(1, 31):
        reporter.step(8 * step)
    assert said == ["45 img/s: about 37 min for 100 kimg"], "112 images in the 2.5 s after the first step"
    chosen = reporting.describe_run(settings, TrainConfig(), 8)
    assert "recipe modern, batch 8, width 4, 100 kimg (chosen for this machine" in chosen
    assert "chosen" not in reporting.describe_run(settings, TrainConfig(base_channels=4, kimg=100.0), 8)
    assert [reporting.format_duration(minutes) for minutes in (12.4, 108)] == ["12 min", "1.8 h"]


def test_the_machine_that_the_weights_depend_on(tmp_path: Path) -> None:
    for threads in (1, 2):
        run = train_resumable(faces(), replace(CONFIG, threads=threads, kimg=0.01), tmp_path, print)
        assert run.machine == {"device": "cpu", "threads": threads}
    assert torch.get_num_threads() == 1


def test_faces_of_a_size_that_cannot_be_drawn(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"not 90\. Change normalize\.size in params\.yaml"):
        train_resumable(faces(8, 90), CONFIG, tmp_path, print)
    with pytest.raises(UserError, match="square"):
        train_resumable(faces(8, 28)[:, :, :20], CONFIG, tmp_path, print)
