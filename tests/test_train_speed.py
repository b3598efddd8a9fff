"""The training speed benchmark: operation counts, loops and report. No test asserts a speed."""

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
        # each of the 2·4·4 input pixels is multiplied with the complete kernel of 6 outputs
        (nn.ConvTranspose2d(3, 6, 4, 2, 1), torch.zeros(2, 3, 4, 4), 2 * (2 * 4 * 4) * 3 * 6 * 16),
        (nn.BatchNorm2d(3), torch.zeros(2, 3, 4, 4), 0),
    ],
)
def test_operations_of_a_layer(layer: nn.Module, x: torch.Tensor, expected: float) -> None:
    assert flops.count_forward_flops(layer, x) == expected


def test_counting_operations_does_not_change_the_network() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    flops.count_forward_flops(network, torch.rand(4, 1, 8, 8))
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_operations_of_a_step() -> None:
    classic = settings(recipe="classic", base_channels=64, batch_size=64)
    per_image = flops.count_step_flops(classic, (1, 112, 112)) / 64
    assert per_image == pytest.approx(7.0e9, rel=0.03)  # at the width of the DCGAN paper
    two_updates = flops.count_step_flops(
        settings(recipe="classic", base_channels=64, batch_size=64, generator_steps=2), (1, 112, 112)
    )
    assert two_updates / 64 / per_image == pytest.approx((6 + 10) / (3 + 8), rel=0.02)  # G and D cost about the same
    penalized = settings(recipe="classic", base_channels=64, batch_size=64, r1=1.0, penalty_every=1)
    assert flops.count_step_flops(penalized, (1, 112, 112)) / 64 / per_image == pytest.approx(14 / 11, rel=0.02)
    relativistic = settings(recipe="classic", base_channels=64, batch_size=64, loss="relativistic")
    assert flops.count_step_flops(relativistic, (1, 112, 112)) / 64 / per_image == pytest.approx(12 / 11, rel=0.02)
    features = settings(recipe="classic", base_channels=64, batch_size=64, feature_weight=0.3, feature_r1=0.0)
    added = flops.count_step_flops(features, (1, 112, 112)) / 64 - per_image
    assert added == pytest.approx(4 * 0.1046e9 + 8 * 0.0113e9, rel=0.01), "the encoder, and the discriminators on top"


def test_peak_is_the_speed_of_a_matrix_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(flops.MATRIX_SIDE, "cpu", 64)
    assert list(flops.measure_peak_flops(CPU, "float32")) == ["float32"]
    assert list(flops.measure_peak_flops(CPU, "bfloat16")) == ["float32", "bfloat16"]
    monkeypatch.setattr(flops, "time_matrix_product", lambda _: 0.5)
    assert flops.measure_peak_flops(CPU, "float32")["float32"] == 2 * 64**3 / 0.5


# Loops


@pytest.mark.parametrize("recipe", ["classic", "modern"])
def test_both_loops_train(recipe: str) -> None:
    tiny = settings(recipe=recipe, base_channels=4, batch_size=8, z_dim=8)
    reference = train_speed.make_reference_loop(tiny, faces(16), CPU)
    first = reference()
    for _ in range(30):
        last = reference()
    assert isinstance(first, list)
    assert isinstance(last, list)
    assert np.isfinite([first, last]).all()
    assert first != last
    assert last[2] > last[3] + 0.05  # D separates real from generated images
    train_speed.make_own_loop(tiny, faces(16), CPU)()


def test_a_turn_has_whole_penalty_periods() -> None:
    lazy = settings(r1=1.0, penalty_every=6)
    assert [train_speed.count_turn_steps(minimum, lazy, CPU) for minimum in (None, 1, 6, 7)] == [6, 6, 6, 12]
    assert train_speed.count_turn_steps(None, settings(recipe="classic"), CPU) == 1
    assert train_speed.count_turn_steps(None, lazy, torch.device("cuda")) == 66


def test_summary_is_the_median_over_the_rounds() -> None:
    seconds = {"reference": np.array([4.0, 8.0, 6.0]), "eager": np.array([2.0, 2.0, 9.0])}
    found = train_speed.summarize_loop(
        seconds, "eager", batch=10, flops=100.0, peak={"float32": 200.0, "bfloat16": 400.0}
    )
    assert found == {
        "images_per_second": 5.0,
        "ms_per_step": 2000.0,
        "share_of_floor": 0.125,
        "ratio_to_reference": 3.0,
        "ratio_range": [0.667, 4.0],
    }
    reference = train_speed.summarize_loop(
        seconds, "reference", batch=10, flops=100.0, peak={"float32": 200.0, "bfloat16": 400.0}
    )
    assert reference["share_of_floor"] == pytest.approx(0.5 / 6, abs=1e-4)  # in float32


def test_the_benchmark_prints_one_json_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(flops.MATRIX_SIDE, "cpu", 64)
    searches: list[bool] = []
    loop = train_speed.make_reference_loop

    def record_search(*arguments: Any) -> train_speed.Step:
        searches.append(torch.backends.cudnn.benchmark)
        return loop(*arguments)

    monkeypatch.setattr(train_speed, "make_reference_loop", record_search)
    options = ["--recipe", "modern", "--channels", "3", "--threads", "1", "--precision", "float32"]
    assert train_speed.main([*TINY, *options]) == 0
    assert searches == [True], "cuDNN searches for the fastest convolutions, as in training"
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
def test_invalid_options_print_one_line(options: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_speed.main([*TINY, *options]) == 2
    printed = capsys.readouterr()
    assert reason in printed.err
    assert printed.err.count("\n") == 1
