"""Measurements during training, and the generator that they select."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mangagan.core.errors import UserError
from mangagan.gan import alarms
from mangagan.gan.alarms import compute_spread
from mangagan.gan.checkpoint import FILE, load_checkpoint, save_checkpoint
from mangagan.gan.config import resolve
from mangagan.gan.loop import Callbacks, train
from mangagan.gan.measurements import Measurer
from mangagan.gan.run import train_resumable
from mangagan.gan.state import Sampler, TrainState
from mangagan.networks.sampling import draw_latents, generate_images
from mangagan.networks.weights import generator_sha256
from tests.gan_runs import CONFIG, TINY, assert_same, faces, fresh, observe


class Prepared:
    """Returns prepared figures one after the other, and records when it was called."""

    def __init__(self, values: list[float], asked: list[float]) -> None:
        self.values, self.asked = iter(values), asked

    def __call__(self, kimg: float, sampler: Sampler) -> dict[str, float]:
        assert sampler(5).shape == (5, 1, 28, 28)
        assert np.array_equal(sampler(3), sampler(5)[:3])
        self.asked.append(kimg)
        return {"kernel_distance": next(self.values), "kernel_distance_sd": 0.1}


def measurer(values: list[float], asked: list[float] | None = None, identity: str = "test") -> Measurer:
    return Measurer(Prepared(values, [] if asked is None else asked), identity)


@pytest.mark.parametrize(
    ("change", "values", "kept"),
    [
        ({}, [1.0, 3.0, 2.0], 0.016),
        ({}, [1.0, 3.0, 1.05], 0.04),
        ({"select": "last"}, [1.0, 3.0, 2.0], 0.04),
        ({}, [3.0, 2.0, 1.0], 0.04),
    ],
)
def test_the_best_measured_weights_are_delivered_when_clearly_better(
    tmp_path: Path, change: dict[str, str], values: list[float], kept: float
) -> None:
    config = replace(CONFIG, measure_kimg=0.016, **change)
    said: list[str] = []
    asked: list[float] = []
    run = train_resumable(faces(), config, tmp_path, said.append, measurer(values, asked))
    assert asked == [0.016, 0.032, 0.04]
    assert run.kimg == kept
    assert [row["kept"] for row in run.measured] == [float(kimg == kept) for kimg in asked]
    assert [row["kernel_distance"] for row in run.measured] == values
    saved = json.loads((run.checkpoint.parent / "measured.json").read_text())
    assert len(saved["rows"]) == 2, "the last row belongs only to this length of the run"
    settings = resolve(config)
    at = fresh(settings, faces())
    train(at, faces(), replace(settings, kimg=kept), Callbacks())
    expected = train_resumable(faces(), replace(config, kimg=kept), tmp_path / "short", print).generator
    z = draw_latents(4, 8, 0)
    assert np.array_equal(generate_images(run.generator, z), generate_images(expected, z))
    assert any("delivering the weights of 0.0 kimg" in line for line in said) == (kept == 0.016)


def test_measured_runs_resume_bit_identical(tmp_path: Path) -> None:
    settings = replace(TINY, measure_kimg=0.008, augment_p=0.2, augment_target=0.6, augment_kimg=0.1)
    values, images = [5.0, 4.0, 3.0, 6.0, 7.0], faces(10)
    unbroken = fresh(settings, images)
    train(unbroken, images, settings, observe(settings, images, tmp_path / "unbroken", measurer(values)).callbacks())
    assert unbroken.strength.item() != pytest.approx(0.2)
    for stop, checkpoint, measured in ((12, 12, 1), (28, 28, 3), (28, 12, 1)):
        folder = tmp_path / f"{stop} {checkpoint}"
        first = fresh(settings, images)

        def save(state: TrainState, folder: Path = folder, checkpoint: int = checkpoint) -> None:
            if state.images_seen <= checkpoint:  # as if the process were killed later
                save_checkpoint(folder / FILE, state)

        observer = observe(replace(settings, checkpoint_kimg=0.004), images, folder, measurer(values))
        callbacks = observer.callbacks(lambda first=first, stop=stop: first.images_seen >= stop)  # type: ignore[misc]
        assert not train(first, images, observer.settings, replace(callbacks, save=save))
        second = load_checkpoint(folder / FILE, fresh(settings, images))
        assert second.images_seen == checkpoint
        observer = observe(settings, images, folder, measurer(values[measured:]))
        observer.restore(second, print)
        train(second, images, settings, observer.callbacks())
        assert_same(second, unbroken)
        assert read_measurements(folder) == read_measurements(tmp_path / "unbroken")


def read_measurements(folder: Path) -> dict[str, bytes]:
    """Return the bytes of `measured.json` and of the measured weights by name."""
    paths = [folder / "measured.json", *sorted((folder / "measured").iterdir())]
    return {path.name: path.read_bytes() for path in paths}


def test_other_measuring_code_measures_the_saved_snapshots_again_and_trains_nothing(tmp_path: Path) -> None:
    config = replace(CONFIG, measure_kimg=0.008)
    said: list[str] = []
    first = train_resumable(faces(), config, tmp_path, said.append, measurer([1.0, 5.0, 5.0, 5.0, 5.0]))
    assert first.kimg == 0.008
    assert "worse" in first.state.alarms
    weights = first.checkpoint.read_bytes()
    said.clear()
    asked: list[float] = []
    values = [4.0, 3.0, 1.0, 3.0, 3.0]
    again = train_resumable(faces(), config, tmp_path, said.append, measurer(values, asked, "other code"))
    assert first.checkpoint.read_bytes() == weights
    assert said[0].startswith("already trained")
    assert said[1] == ("measuring 5 snapshots again: the metrics, the extractors or the hold-out set changed")
    assert asked == [0.008, 0.016, 0.024, 0.032, 0.04]
    assert [row["kernel_distance"] for row in again.measured] == values
    assert again.kimg == 0.024
    assert "worse" not in again.state.alarms
    expected = train_resumable(faces(), replace(config, kimg=0.024), tmp_path / "short", print).generator
    assert generator_sha256(again.generator) == generator_sha256(expected)
    said.clear()
    third = train_resumable(faces(), config, tmp_path, said.append, measurer([], asked, "other code"))
    assert third.measured == again.measured
    assert len(asked) == 5
    assert not any("again:" in line for line in said)


def test_an_interrupted_run_is_measured_again_up_to_its_checkpoint(tmp_path: Path) -> None:
    config = replace(CONFIG, measure_kimg=0.008)
    train_resumable(faces(), replace(config, kimg=0.02), tmp_path, print, measurer([2.0, 2.0, 9.0]))
    said: list[str] = []
    asked: list[float] = []
    run = train_resumable(faces(), config, tmp_path, said.append, measurer([1.0] * 5, asked, "other hold-out"))
    assert "resuming at 0.0 kimg" in said
    assert asked == [0.008, 0.016, 0.024, 0.032, 0.04]
    assert [row["kimg"] for row in run.measured] == asked


def test_an_interrupted_measuring_resumes(tmp_path: Path) -> None:
    config = replace(CONFIG, measure_kimg=0.008)
    train_resumable(faces(), config, tmp_path, print, measurer([2.0] * 5))
    asked: list[float] = []
    with pytest.raises(StopIteration):  # the third value is missing
        train_resumable(faces(), config, tmp_path, print, measurer([5.0, 4.0], asked, "other"))
    assert asked == [0.008, 0.016, 0.024]
    asked.clear()
    said: list[str] = []
    run = train_resumable(faces(), config, tmp_path, said.append, measurer([3.0, 1.0, 3.0], asked, "other"))
    assert asked == [0.024, 0.032, 0.04]
    assert said[1] == "measuring 3 snapshots that an interrupted run did not measure"
    assert [row["kernel_distance"] for row in run.measured] == [5.0, 4.0, 3.0, 1.0, 3.0]
    assert run.kimg == 0.032
    path = run.checkpoint.parent / "measured" / "0000000040.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    again = train_resumable(faces(), config, tmp_path, said.append, measurer([2.0], asked, "other"))
    assert any("0000000040.safetensors is damaged" in line for line in said), "hashes are kept while measuring"
    assert again.kimg == 0.032


@pytest.mark.parametrize("content", [b"", b"hello" * 9, None])
def test_damaged_weights_without_a_measurement_are_deleted(tmp_path: Path, content: bytes | None) -> None:
    config = replace(CONFIG, measure_kimg=0.016)
    run = train_resumable(faces(), config, tmp_path, print, measurer([1.0, 3.0, 2.0]))
    path = run.checkpoint.parent / "measured" / "0000000016.safetensors"
    path.write_bytes(path.read_bytes()[:-100] if content is None else content)
    saved = run.checkpoint.parent / "measured.json"
    rows = json.loads(saved.read_text())
    rows["rows"] = rows["rows"][1:]
    saved.write_text(json.dumps(rows))
    said: list[str] = []
    again = train_resumable(faces(), config, tmp_path, said.append, measurer([2.0]))
    assert len([line for line in said if "0000000016.safetensors is damaged" in line]) == 1
    assert not path.exists()
    assert [row["kimg"] for row in again.measured] == [0.032, 0.04]


def test_alarms_are_found_again_by_the_present_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(CONFIG, kimg=2.0, log_kimg=0.4, batch_size=40, measure_kimg=9)
    said: list[str] = []
    first = train_resumable(faces(40), config, tmp_path, said.append)
    expected = dict(first.state.alarms)
    assert train_resumable(faces(40), config, tmp_path, print).state.alarms == expected
    changes = {"SATURATED": 0.0, "SATURATED_ROWS": 2, "OVERFITTING": -1.0, "COLLAPSED": 99.0, "MAX_STRENGTH": 0.0}
    with monkeypatch.context() as patched:
        for name, value in changes.items():
            patched.setattr(alarms, name, value)
        patched.setattr(alarms, "find_saturation", lambda rows: f"saturated {len(rows)}" if len(rows) > 2 else None)
        said.clear()
        changed = train_resumable(faces(40), config, tmp_path, said.append)
        assert set(changed.state.alarms) == {"saturated", "overfitting", "collapse"}
        assert changed.state.alarms["saturated"] == "saturated 3", "as when the row was added"
        assert changed.state.alarms["collapse"].startswith("mode collapse at 1 kimg")
        assert [line.partition(" ")[0] for line in said[1:4]] == ["ALARM"] * 3
        longer = replace(config, kimg=4.0, on_alarm="stop")
        stopped = train_resumable(faces(40), longer, tmp_path, said.append)
        assert stopped.state.images_seen == 2000, "on_alarm applies from the checkpoint on"
    for name in ("find_saturation", "find_overfitting", "find_collapse"):
        monkeypatch.setattr(alarms, name, lambda *_: None)
    assert train_resumable(faces(40), config, tmp_path, print).state.alarms == {}


def test_the_spread_of_the_faces_is_that_of_all_titles(tmp_path: Path) -> None:
    images = np.concatenate([np.full((300, 1, 8, 8), value, np.uint8) for value in (0, 255)])
    spread = observe(TINY, images, tmp_path).faces_spread
    assert spread == pytest.approx(compute_spread(images), rel=0.05)
    assert spread == observe(TINY, images, tmp_path).faces_spread
    assert compute_spread(images[:256]) == 0


def test_damaged_measured_weights_are_not_delivered(tmp_path: Path) -> None:
    config = replace(CONFIG, measure_kimg=0.016)
    run = train_resumable(faces(), config, tmp_path, print, measurer([1.0, 3.0, 2.0]))
    assert run.kimg == 0.016
    path = run.checkpoint.parent / "measured" / "0000000016.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    said: list[str] = []
    again = train_resumable(faces(), config, tmp_path, said.append, measurer([2.0]))
    assert any("0000000016.safetensors is damaged" in line for line in said)
    assert [row["kimg"] for row in again.measured] == [0.032, 0.04]
    assert not path.exists()


@pytest.mark.parametrize("change", [{"log_kimg": 0.008}, {"snapshot_kimg": 2}])
def test_other_intervals_resume_the_same_run(tmp_path: Path, change: dict[str, float]) -> None:
    config = replace(CONFIG, measure_kimg=0.016)
    train_resumable(faces(), replace(config, kimg=0.02), tmp_path, print, measurer([1.0] * 2))
    said: list[str] = []
    run = train_resumable(faces(), replace(config, **change), tmp_path, said.append, measurer([1.0] * 9))  # type: ignore[arg-type]
    assert "resuming at 0.0 kimg" in said
    expected = fresh(TINY, faces())
    train(expected, faces(), TINY, Callbacks())
    assert generator_sha256(run.state.generator) == generator_sha256(expected.generator)


@pytest.mark.parametrize("action", ["warn", "stop", "rollback"])
def test_what_an_alarm_does(tmp_path: Path, action: str) -> None:
    config = replace(CONFIG, kimg=0.1, measure_kimg=0.008, on_alarm=action)  # type: ignore[arg-type]
    said: list[str] = []
    values = [2.0, 1.0, 5.0, 5.0, 5.0, *[5.0] * 9]
    run = train_resumable(faces(), config, tmp_path, said.append, measurer(values))
    reports = [line for line in said if "samples get worse" in line]
    assert len(reports) == 1
    assert run.state.images_seen == (100 if action == "warn" else 40)
    assert run.kimg == 0.016, "clearly better, so that `select` takes it too"
    assert any("ended at 0.0 kimg" in line for line in said) == (action != "warn")
    plain = train_resumable(faces(), replace(config, select="last"), tmp_path, said.append, measurer(values))
    assert plain.kimg == {"warn": 0.1, "stop": 0.04, "rollback": 0.016}[action]


def test_a_diverged_run_rolls_back(tmp_path: Path) -> None:
    config = replace(CONFIG, measure_kimg=0.016, learning_rate_g=1e30, on_alarm="rollback")
    said: list[str] = []
    with pytest.raises(UserError, match="diverged"):
        train_resumable(faces(), replace(config, measure_kimg=1.0), tmp_path, said.append, measurer([]))
    config = replace(CONFIG, kimg=0.2, measure_kimg=0.004, log_kimg=0.004, learning_rate_g=1e30, on_alarm="rollback")
    run = train_resumable(faces(), config, tmp_path, said.append, measurer([1.0] * 99))
    assert any("diverged" in line for line in said)
    assert run.kimg < 0.2
    assert all(torch.isfinite(parameter).all() for parameter in run.generator.parameters())
