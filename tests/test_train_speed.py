"""The measurement of training speed counts the right work; how fast anything is is asserted nowhere."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks import flops, train_speed
from mangagan.gan.config import Settings, TrainConfig, resolve
from tests.gan_runs import CPU, faces

TINY = ["--size", "28", "--width", "4", "--batch", "8", "--rounds", "2", "--device", "cpu"]


def settings(**changes: Any) -> Settings:
    return resolve(TrainConfig(**changes))


# Work


@pytest.mark.parametrize(
    ("layer", "x", "expected"),
    [
        (nn.Linear(5, 7), torch.zeros(2, 5), 2 * 2 * 5 * 7),
        (nn.Conv2d(3, 4, 4, 2, 1), torch.zeros(2, 3, 8, 8), 2 * 2 * (4 * 4) * 3 * 4 * 16),
        # Each of the 2·4·4 input pixels meets the whole kernel, for each of 6 outputs.
        (nn.ConvTranspose2d(3, 6, 4, 2, 1), torch.zeros(2, 3, 4, 4), 2 * (2 * 4 * 4) * 3 * 6 * 16),
        (nn.BatchNorm2d(3), torch.zeros(2, 3, 4, 4), 0),
    ],
)
def test_operations_of_a_layer(layer: nn.Module, x: torch.Tensor, expected: float) -> None:
    assert flops.forward_flops(layer, x) == expected


def test_operations_leave_the_network_as_it_is() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    flops.forward_flops(network, torch.rand(4, 1, 8, 8))
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_operations_of_a_step() -> None:
    classic = settings(recipe="classic", base_channels=64, batch_size=64)
    an_image = flops.step_flops(classic, (1, 112, 112)) / 64
    assert an_image == pytest.approx(7.0e9, rel=0.03)  # of the paper's width
    twice = flops.step_flops(
        settings(recipe="classic", base_channels=64, batch_size=64, generator_steps=2), (1, 112, 112)
    )
    assert twice / 64 / an_image == pytest.approx((6 + 10) / (3 + 8), rel=0.02)  # G and D take about as much
    penalized = settings(recipe="classic", base_channels=64, batch_size=64, r1=1.0, penalty_every=1)
    assert flops.step_flops(penalized, (1, 112, 112)) / 64 / an_image == pytest.approx(14 / 11, rel=0.02)
    pairs = settings(recipe="classic", base_channels=64, batch_size=64, loss="relativistic")
    assert flops.step_flops(pairs, (1, 112, 112)) / 64 / an_image == pytest.approx(12 / 11, rel=0.02)


def test_a_matrix_product_sets_the_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(flops.MATRIX, "cpu", 64)
    assert list(flops.peak_flops(CPU, "float32")) == ["float32"]
    assert list(flops.peak_flops(CPU, "bfloat16")) == ["float32", "bfloat16"]
    monkeypatch.setattr(flops, "product_seconds", lambda _: 0.5)
    assert flops.peak_flops(CPU, "float32")["float32"] == 2 * 64**3 / 0.5


# Loops


@pytest.mark.parametrize("recipe", ["classic", "modern"])
def test_both_loops_train(recipe: str) -> None:
    tiny = settings(recipe=recipe, base_channels=4, batch_size=8, z_dim=8)
    reference = train_speed.reference_loop(tiny, faces(16), CPU)
    first = reference()
    for _ in range(30):
        last = reference()
    assert isinstance(first, list)
    assert isinstance(last, list)
    assert np.isfinite([first, last]).all()
    assert first != last
    assert last[2] > last[3] + 0.05  # D tells the discs from the fakes
    train_speed.own_loop(tiny, faces(16), CPU)()


def test_a_turn_holds_whole_periods_of_the_penalty() -> None:
    lazy = settings(r1=1.0, penalty_every=6)
    assert [train_speed.turn_steps(asked, lazy, CPU) for asked in (None, 1, 6, 7)] == [6, 6, 6, 12]
    assert train_speed.turn_steps(None, settings(recipe="classic"), CPU) == 1
    assert train_speed.turn_steps(None, lazy, torch.device("cuda")) == 66


def test_pace_is_the_median_over_the_rounds() -> None:
    seconds = {"reference": np.array([4.0, 8.0, 6.0]), "eager": np.array([2.0, 2.0, 9.0])}
    found = train_speed.pace(seconds, "eager", batch=10, flops=100.0, peak={"float32": 200.0, "bfloat16": 400.0})
    assert found == {
        "images_per_second": 5.0,
        "ms_per_step": 2000.0,
        "share_of_floor": 0.125,
        "ratio_to_reference": 3.0,
        "ratio_range": [0.667, 4.0],
    }
    reference = train_speed.pace(
        seconds, "reference", batch=10, flops=100.0, peak={"float32": 200.0, "bfloat16": 400.0}
    )
    assert reference["share_of_floor"] == pytest.approx(0.5 / 6, abs=1e-4)  # in float32


def test_one_json_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(flops.MATRIX, "cpu", 64)
    searches: list[bool] = []
    loop = train_speed.reference_loop

    def noting(*arguments: Any) -> train_speed.Step:
        searches.append(torch.backends.cudnn.benchmark)
        return loop(*arguments)

    monkeypatch.setattr(train_speed, "reference_loop", noting)
    options = ["--recipe", "modern", "--channels", "3", "--threads", "1", "--precision", "float32"]
    assert train_speed.main([*TINY, *options]) == 0
    assert searches == [True], "the fastest convolutions are searched for, as in training"
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1
    report = json.loads(printed.out)
    expected = {
        "recipe": "modern", "width": 4, "size": 28, "channels": 3, "batch": 8, "device": "cpu", "threads": 1,
        "precision": "float32",
    }  # fmt: skip
    assert {name: report[name] for name in expected} == expected
    own, reference = report["loops"]["eager"], report["loops"]["reference"]
    assert own["images_per_second"] * own["ms_per_step"] == pytest.approx(8000, rel=0.02)
    assert own["ratio_to_reference"] == pytest.approx(reference["ms_per_step"] / own["ms_per_step"], rel=0.02)
    assert reference["ratio_to_reference"] == 1
    assert report["machine"]["cpu"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--size", "50"], "image size"),
        (["--batch", "1"], "batch_size must be at least 2"),
        (["--width", "9999"], "base_channels must be"),
    ],
)
def test_mistakes_are_told_in_one_line(options: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_speed.main([*TINY, *options]) == 2
    printed = capsys.readouterr()
    assert reason in printed.err
    assert printed.err.count("\n") == 1
