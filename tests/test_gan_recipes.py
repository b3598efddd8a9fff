"""Recipes, presets, alarms and what is delivered."""

import weakref
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mangagan.core import params
from mangagan.core.errors import UserError
from mangagan.gan import alarms
from mangagan.gan.augment import STRONGEST
from mangagan.gan.checkpoint import load_checkpoint, save_checkpoint
from mangagan.gan.config import Settings, TrainConfig, resolve
from mangagan.gan.loop import Draw, Hooks, train
from mangagan.gan.machine import explained_memory, largest_fitting
from mangagan.gan.recipes import RECIPES, SIZES, Recipe
from mangagan.gan.run import train_resumable
from mangagan.networks.sampling import latents, sample
from tests.gan_runs import CONFIG, TINY, assert_same, faces, fresh

# Recipes


@pytest.mark.parametrize("name", ["classic", "modern"])
def test_a_recipe_is_its_row_of_the_table(name: str) -> None:
    settings = asdict(resolve(TrainConfig(recipe=name)))  # type: ignore[arg-type]
    assert {field.name: settings[field.name] for field in fields(Recipe)} == asdict(RECIPES[name])


def test_classic_is_the_dcgan_that_everybody_knows() -> None:
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


def test_presets_by_device_and_values_that_win() -> None:
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
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "params.yaml").write_text(f"train: {{{text}}}")
    with pytest.raises(UserError, match=message):
        params.load("train", TrainConfig, tmp_path)


# Alarms


def rows(
    count: int, d_real: float = 0.6, d_fake: float = 0.4, sure: float = 0.5, strength: float = 1.0
) -> list[list[float]]:
    return [[float(kimg), 0.7, 0.7, d_real, d_fake, sure, strength] for kimg in range(1, count + 1)]


def test_nan_is_told() -> None:
    assert alarms.not_finite([3.0, 0.5]) is None
    assert "learning_rate_g" in (alarms.not_finite([3.0, float("nan")]) or "")
    assert "3.0 kimg" in (alarms.not_finite([3.0, float("inf")]) or "")


def test_a_discriminator_that_tells_every_image_is_told_after_a_while() -> None:
    sure = rows(5, d_real=0.99, d_fake=0.01)
    assert alarms.saturated(rows(9)) is None
    assert alarms.saturated(sure[:4]) is None
    assert alarms.saturated(rows(1) + sure[1:]) is None
    line = alarms.saturated(sure)
    assert line is not None
    assert "since 1.0 kimg" in line
    assert "train.r1" in line


def test_overfitting_is_told_when_no_augmentation_is_left_to_add() -> None:
    adaptive = replace(TINY, augment_target=0.6)
    sure = rows(5, sure=0.97)
    assert alarms.overfitting(rows(9), TINY) is None
    assert "add faces" in (alarms.overfitting(sure, TINY) or "")
    assert "translation+cutout+color" in (alarms.overfitting(sure, replace(TINY, augment="none")) or "")
    assert alarms.overfitting(rows(5, sure=0.97, strength=0.5), adaptive) is None
    strongest = float(np.float32(STRONGEST))
    assert "add faces" in (alarms.overfitting(rows(5, sure=0.97, strength=strongest), adaptive) or "")


def test_samples_that_get_worse_are_told() -> None:
    def measured(*values: float) -> list[dict[str, float]]:
        sd = 0.1
        return [{"kimg": 20.0 * n, "kernel_distance": v, "kernel_distance_sd": sd} for n, v in enumerate(values)]

    assert alarms.worse([]) is None
    assert alarms.worse(measured(5, 4, 3, 2)) is None
    assert alarms.worse(measured(5, 1, 1.3, 1.3)) is None, "two in a row"
    assert alarms.worse(measured(5, 1, 1.3, 1.1, 1.3, 1.3)) is None
    line = alarms.worse(measured(5, 1, 1.3, 1.3, 1.3))
    assert line is not None
    assert "kernel distance 1.3 at 80 kimg, 1 at 20" in line


def test_samples_that_are_alike_are_told() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 1, 8, 8)).astype(np.uint8)
    spread = alarms.spread(noise)
    assert spread == pytest.approx(256 / np.sqrt(6), rel=0.02), "two uniform values differ by 256/√6, root mean square"
    assert alarms.alike(noise, spread, 20) is None
    line = alarms.alike(noise // 4, spread, 20)
    assert line is not None
    assert "25%" in line
    assert alarms.alike(np.zeros_like(noise), spread, 20) is not None


# What is delivered


class Measured:
    """Gives figures out one by one, and notes what it was asked."""

    def __init__(self, values: list[float], asked: list[float]) -> None:
        self.values, self.asked = iter(values), asked

    def __call__(self, kimg: float, draw: Draw) -> dict[str, float]:
        assert draw(5).shape == (5, 1, 28, 28)
        assert np.array_equal(draw(3), draw(5)[:3])
        self.asked.append(kimg)
        return {"kernel_distance": next(self.values), "kernel_distance_sd": 0.1}


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
    run = train_resumable(faces(), config, tmp_path, said.append, Measured(values, asked), "test")
    assert asked == [0.016, 0.032, 0.04]
    assert run.kimg == kept
    assert [row["kept"] for row in run.measured] == [float(kimg == kept) for kimg in asked]
    assert [row["kernel_distance"] for row in run.measured] == values
    assert len(run.state.measured) == 2, "what only this length of run has is not in the checkpoint"
    settings = resolve(config)
    at = fresh(settings, faces())
    train(at, faces(), replace(settings, kimg=kept), Hooks())
    expected = train_resumable(faces(), replace(config, kimg=kept), tmp_path / "short", print).generator
    z = latents(4, 8, 0)
    assert np.array_equal(sample(run.generator, z), sample(expected, z))
    assert any("delivering the weights of 0.0 kimg" in line for line in said) == (kept == 0.016)


def test_measured_runs_resume_bit_identical(tmp_path: Path) -> None:
    settings = replace(TINY, measure_kimg=0.008, augment_p=0.2, augment_target=0.6, augment_kimg=0.1)
    values = [5.0, 4.0, 3.0, 6.0, 7.0]
    unbroken = fresh(settings, faces(10))
    train(unbroken, faces(10), settings, Hooks(measure=Measured(values, [])))
    assert unbroken.strength.item() != pytest.approx(0.2)
    for stop, measured in ((12, 1), (28, 3)):
        path, first = tmp_path / f"{stop}.pt", fresh(settings, faces(10))
        hooks = Hooks(
            measure=Measured(values, []),
            checkpoint=lambda state, path=path: save_checkpoint(path, state),  # type: ignore[misc]
            stop=lambda state=first, stop=stop: state.images_seen >= stop,  # type: ignore[misc]
        )
        assert not train(first, faces(10), settings, hooks)
        second = load_checkpoint(path, fresh(settings, faces(10)))
        train(second, faces(10), settings, Hooks(measure=Measured(values[measured:], [])))
        assert_same(second, unbroken)


@pytest.mark.parametrize("action", ["warn", "stop", "rollback"])
def test_what_an_alarm_does(tmp_path: Path, action: str) -> None:
    config = replace(CONFIG, kimg=0.1, measure_kimg=0.008, on_alarm=action)  # type: ignore[arg-type]
    said: list[str] = []
    values = [2.0, 1.0, 5.0, 5.0, 5.0, *[5.0] * 9]
    run = train_resumable(faces(), config, tmp_path, said.append, Measured(values, []), "test")
    told = [line for line in said if "samples get worse" in line]
    assert len(told) == 1, "once"
    assert run.state.images_seen == (100 if action == "warn" else 40)
    assert run.kimg == 0.016, "clearly better, so that `select` takes it too"
    assert any("ended at 0.0 kimg" in line for line in said) == (action != "warn")
    plain = train_resumable(
        faces(), replace(config, select="last"), tmp_path, said.append, Measured(values, []), "test"
    )
    assert plain.kimg == {"warn": 0.1, "stop": 0.04, "rollback": 0.016}[action]


def test_a_run_that_diverges_rolls_back(tmp_path: Path) -> None:
    config = replace(CONFIG, measure_kimg=0.016, learning_rate_g=1e30, on_alarm="rollback")
    said: list[str] = []
    with pytest.raises(UserError, match="diverged"):
        train_resumable(faces(), replace(config, measure_kimg=1.0), tmp_path, said.append, Measured([], []), "test")
    config = replace(CONFIG, kimg=0.2, measure_kimg=0.004, log_kimg=0.004, learning_rate_g=1e30, on_alarm="rollback")
    run = train_resumable(faces(), config, tmp_path, said.append, Measured([1.0] * 99, []), "test")
    assert any("diverged" in line for line in said)
    assert run.kimg < 0.2
    assert all(torch.isfinite(parameter).all() for parameter in run.generator.parameters())


# Memory


def test_the_batch_that_fits_is_named() -> None:
    tried: list[int] = []

    def attempt(images: int) -> None:
        tried.append(images)
        if images > 20:
            raise torch.OutOfMemoryError("no room")

    assert largest_fitting(128, attempt) == 16
    assert tried == [64, 32, 16]
    settings: Settings = replace(TINY, batch_size=128)
    advice = r"16 images at once fit: set train\.batch_size to 16 .* train\.accumulate to 8"
    with pytest.raises(UserError, match=advice), explained_memory(settings, 128, attempt):
        attempt(128)
    advice = r"lower train\.base_channels"
    with pytest.raises(UserError, match=advice), explained_memory(settings, 16, lambda _: attempt(99)):
        attempt(99)


def test_what_filled_the_memory_is_gone_before_less_is_tried() -> None:
    filled: list[weakref.ref[torch.Tensor]] = []

    def fill() -> None:
        tensor = torch.zeros(1)
        filled.append(weakref.ref(tensor))
        raise torch.OutOfMemoryError("no room")

    def attempt(_: int) -> None:
        assert filled[0]() is None

    with pytest.raises(UserError, match="8 images at once fit"), explained_memory(TINY, 16, attempt):
        fill()
