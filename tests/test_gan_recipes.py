"""Recipes, presets, alarms and memory errors."""

import weakref
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mangagan.core import params
from mangagan.core.errors import UserError
from mangagan.gan import alarms
from mangagan.gan.augment import MAX_STRENGTH
from mangagan.gan.config import Settings, TrainConfig, resolve
from mangagan.gan.curves import CurveRow
from mangagan.gan.loop import DivergedError
from mangagan.gan.machine import explain_cpu_shortage, explain_memory_errors, find_largest_fitting
from mangagan.gan.recipes import RECIPES, SIZES, Recipe
from mangagan.gan.selection import find_stall
from tests.gan_runs import TINY

# Recipes


@pytest.mark.parametrize("name", ["classic", "modern"])
def test_a_recipe_is_its_row_of_the_table(name: str) -> None:
    settings = asdict(resolve(TrainConfig(recipe=name)))  # type: ignore[arg-type]
    assert {field.name: settings[field.name] for field in fields(Recipe)} == asdict(RECIPES[name])


def test_classic_is_the_dcgan_of_the_paper() -> None:
    settings = resolve(TrainConfig(recipe="classic"))
    assert (settings.z_dim, settings.latent) == (100, "uniform")
    assert (settings.norm_g, settings.norm_d) == ("batch", "batch")
    assert (settings.learning_rate_g, settings.learning_rate_d, settings.beta1) == (2e-4, 2e-4, 0.5)
    assert (settings.batch_size, settings.loss, settings.generator_steps) == (64, "nonsaturating", 1)
    assert (settings.flip, settings.augment, settings.ema_kimg, settings.r1, settings.r2) == ("none", "none", 0, 0, 0)


def test_each_setting_can_be_set_alone() -> None:
    modern = resolve(TrainConfig())
    other = {"str": "none", "bool": False, "int": 4, "float": 0.25}
    for name, value in asdict(RECIPES["modern"]).items():
        changed = {"flip": "none", "latent": "uniform", "norm_g": "none", "norm_d": "batch", "loss": "nonsaturating"}
        new = {**changed, "kernel": 5}.get(name, other[type(value).__name__])
        assert resolve(TrainConfig(**{name: new})) == replace(modern, **{name: new}) != modern, name


def test_presets_by_device_and_values_that_override_them() -> None:
    assert resolve(TrainConfig(), "cpu").base_channels == SIZES["half"].base_channels
    assert resolve(TrainConfig(), "cuda").base_channels == SIZES["full"].base_channels == 64
    small = resolve(TrainConfig(preset="small", kimg=7.0), "cuda")
    assert (small.base_channels, small.kimg) == (SIZES["small"].base_channels, 7.0)
    assert [resolve(TrainConfig(preset=name)).batch_size for name in ("small", "full")] == [8, 32], (
        "it keeps a GPU busy"
    )
    assert resolve(TrainConfig(preset="full", batch_size=16)).batch_size == 16
    assert [resolve(TrainConfig(), device).checkpoint_kimg for device in ("cpu", "cuda")] == [5, 50]
    assert resolve(TrainConfig(checkpoint_kimg=2.0), "cuda").checkpoint_kimg == 2
    assert resolve(TrainConfig(preset="full", recipe="classic")).batch_size == 64


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recipe: modem", r"train\.recipe: must be 'classic' or 'modern'"),
        ("augment: blur", "augment must be none, or some of color, translation, cutout joined by \\+"),
        ("augment: translation+none", "augment must be"),
        ("augmnet: none", "did you mean augment"),
        ("r1: -1", "r1 must be at least 0"),
        ("augment_p: 2", "augment_p must be in 0 … 1"),
        ("accumulate: 0", "accumulate must be at least 1"),
        ("kernel: 3", r"train\.kernel"),
        ("on_alarm: ignore", r"train\.on_alarm"),
    ],
)
def test_invalid_values_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "params.yaml").write_text(f"train: {{{text}}}")
    with pytest.raises(UserError, match=message):
        params.load("train", TrainConfig, tmp_path)


# Alarms


def rows(
    count: int, d_real: float = 0.6, d_fake: float = 0.4, realness: float = 0.5, augment_p: float = 1.0
) -> list[CurveRow]:
    return [CurveRow(float(kimg), 0.7, 0.7, 0.7, d_real, d_fake, realness, augment_p) for kimg in range(1, count + 1)]


def test_a_diverged_run_says_when_and_what_to_change() -> None:
    assert "before 3.0 kimg" in str(DivergedError(3.0))
    assert "learning_rate_g" in str(DivergedError(3.0))


def test_a_discriminator_that_is_always_right_raises_an_alarm_after_a_while() -> None:
    sure = rows(5, d_real=0.99, d_fake=0.01)
    assert alarms.find_saturation(rows(9)) is None
    assert alarms.find_saturation(sure[:4]) is None
    assert alarms.find_saturation(rows(1) + sure[1:]) is None
    line = alarms.find_saturation(sure)
    assert line is not None
    assert "since 1.0 kimg" in line
    assert "train.r1" in line


def test_overfitting_raises_an_alarm_if_augmentation_cannot_increase() -> None:
    adaptive = replace(TINY, augment_target=0.6)
    sure = rows(5, realness=0.97)
    assert alarms.find_overfitting(rows(9), TINY) is None
    assert "Add faces" in (alarms.find_overfitting(sure, TINY) or "")
    assert "translation+cutout+color" in (alarms.find_overfitting(sure, replace(TINY, augment="none")) or "")
    assert alarms.find_overfitting(rows(5, realness=0.97, augment_p=0.5), adaptive) is None
    strongest = float(np.float32(MAX_STRENGTH))
    assert "Add faces" in (alarms.find_overfitting(rows(5, realness=0.97, augment_p=strongest), adaptive) or "")


def test_samples_that_get_worse_raise_an_alarm() -> None:
    def measured(*values: float) -> list[dict[str, float]]:
        sd = 0.1
        return [{"kimg": 20.0 * n, "kernel_distance": v, "kernel_distance_sd": sd} for n, v in enumerate(values)]

    assert alarms.find_deterioration([]) is None
    assert alarms.find_deterioration(measured(5, 4, 3, 2)) is None
    assert alarms.find_deterioration(measured(5, 1, 1.3, 1.3)) is None, "two in a row"
    assert alarms.find_deterioration(measured(5, 1, 1.3, 1.1, 1.3, 1.3)) is None
    assert alarms.find_deterioration(measured(*[float("nan")] * 6)) is None, "nothing could be measured"
    line = alarms.find_deterioration(measured(5, 1, 1.3, 1.3, 1.3))
    assert line is not None
    assert "kernel distance 1.3 at 80 kimg, 1 at 20 kimg" in line


def test_losses_that_explode_raise_an_alarm() -> None:
    assert alarms.find_explosion([]) is None
    assert alarms.find_explosion(rows(3)) is None
    line = alarms.find_explosion([*rows(3), replace(rows(1)[0], loss_g=1e15)])
    assert line is not None
    assert "G 1e+15, on features 0.7 at 1.0 kimg" in line


def test_patience_counts_from_the_best_measurement() -> None:
    def measured(*values: float) -> list[dict[str, float]]:
        return [{"kimg": 10.0 * (n + 1), "kernel_distance": value} for n, value in enumerate(values)]

    assert find_stall([], 10) == ""
    assert find_stall(measured(3, 2, 2.5), 0) == "", "off"
    assert find_stall(measured(3, 2, 2.5), 20) == ""
    assert find_stall(measured(3, 2, 2.5, 1.9), 20) == ""
    assert find_stall(measured(3, float("nan"), float("nan")), 20) != ""
    assert "since 20.0 kimg (2); train.patience is 20 kimg" in find_stall(measured(3, 2, 2.5, 2.1), 20)


def test_mode_collapse_raises_an_alarm() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 1, 8, 8)).astype(np.uint8)
    spread = alarms.compute_spread(noise)
    assert spread == pytest.approx(256 / np.sqrt(6), rel=0.02), "two uniform values differ by 256/√6, root mean square"
    assert alarms.find_collapse(noise, spread, 20) is None
    line = alarms.find_collapse(noise // 4, spread, 20)
    assert line is not None
    assert "25%" in line
    assert alarms.find_collapse(np.zeros_like(noise), spread, 20) is not None


# Memory


def test_the_batch_that_fits_is_named() -> None:
    tried: list[int] = []

    def attempt(images: int) -> None:
        tried.append(images)
        if images > 20:
            raise torch.OutOfMemoryError("no room")

    assert find_largest_fitting(128, attempt) == 16
    assert tried == [64, 32, 16]
    settings: Settings = replace(TINY, batch_size=128)
    advice = r"16 images at once fit\. Set train\.batch_size to 16 .* train\.accumulate to 8"
    with pytest.raises(UserError, match=advice), explain_memory_errors(settings, 128, attempt):
        attempt(128)
    advice = r"Lower train\.base_channels"
    with pytest.raises(UserError, match=advice), explain_memory_errors(settings, 16, lambda _: attempt(99)):
        attempt(99)


def test_memory_is_freed_before_smaller_batches_are_tried() -> None:
    filled: list[weakref.ref[torch.Tensor]] = []

    def fill() -> None:
        tensor = torch.zeros(1)
        filled.append(weakref.ref(tensor))
        raise torch.OutOfMemoryError("no room")

    def attempt(_: int) -> None:
        assert filled[0]() is None

    with pytest.raises(UserError, match="8 images at once fit"), explain_memory_errors(TINY, 16, attempt):
        fill()


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")]
)
def test_too_little_main_memory_is_one_line(error: Exception) -> None:
    advice = r"out of memory\. .*train\.accumulate \(now 1\).*train\.batch_size \(now 4\).*train\.memory_mb"
    with pytest.raises(UserError, match=advice), explain_memory_errors(TINY, 4, print):
        raise error
    with pytest.raises(UserError, match=r"out of memory\. Lower it"), explain_cpu_shortage("Lower it"):
        raise error
    with pytest.raises(RuntimeError, match="other"), explain_memory_errors(TINY, 4, print):
        raise RuntimeError("other")
