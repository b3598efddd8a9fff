"""Batches, the training loop and its settings, with real training on tiny networks."""

import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mangagan.core.errors import UserError
from mangagan.gan import batches as feeding
from mangagan.gan import loop as training
from mangagan.gan.batches import Batches, derive_seed
from mangagan.gan.checkpoint import load_checkpoint, save_checkpoint
from mangagan.gan.loop import Callbacks, DivergedError, train
from mangagan.gan.schedule import count_final_images
from mangagan.gan.state import TrainState
from tests.gan_runs import TINY, assert_same, faces, fresh, observe

# Batches


def test_an_epoch_shows_every_face_once_in_an_order_of_its_own() -> None:
    batches = Batches(torch.from_numpy(faces(10)), 4, TINY)
    seen = torch.cat([batches.select(images) for images in range(0, 40, 4)]).view(4, 10)
    assert all(sorted(epoch) == list(range(10)) for epoch in seen.tolist())
    assert len({tuple(epoch) for epoch in seen.tolist()}) == 4


def test_batches_do_not_depend_on_earlier_batches() -> None:
    images = torch.from_numpy(faces(10))
    walked = Batches(images, 4, TINY)
    for seen in range(0, 36, 4):
        walked.read(seen)
    assert torch.equal(walked.read(36), Batches(images, 4, TINY).read(36))


def test_random_flips_are_drawn_on_the_training_device_wherever_the_faces_are_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    devices: list[str] = []

    def create_rng(seed: int, purpose: str, number: int, device: torch.device) -> torch.Generator:
        devices.append(device.type)
        return torch.Generator()

    monkeypatch.setattr(feeding, "create_rng", create_rng)
    batches = Batches(torch.from_numpy(faces()), 4, replace(TINY, flip="random"), torch.device("meta"))
    with pytest.raises(NotImplementedError, match="meta"):  # this device has no data to move to the faces
        batches.choose_mirrored(0, torch.arange(4))
    assert devices == ["meta"]


def test_random_flips_mirror_about_half_of_the_images_and_can_be_switched_off() -> None:
    images = ramps(100)
    read = Batches(images, 100, replace(TINY, flip="random")).read(0)
    assert 30 < int((read[:, 0, 0, 0] > 0).sum()) < 70
    assert read.min() == -1
    straight = Batches(images, 100, replace(TINY, flip="none")).read(0)
    assert (straight[:, 0, 0, 0] == -1).all()


def test_alternating_flips_show_every_face_both_ways_in_two_epochs() -> None:
    batches = Batches(ramps(10), 4, replace(TINY, flip="alternate"))
    shown = [(torch.cat([batches.select(seen), (batches.read(seen)[:, 0, 0, 0] > 0)])) for seen in range(0, 40, 4)]
    pairs = [(int(face), bool(mirrored)) for part in shown for face, mirrored in part.view(2, 4).T]
    for epochs in (pairs[:20], pairs[20:]):
        assert set(epochs) == {(face, mirrored) for face in range(10) for mirrored in (False, True)}
    assert sum(mirrored for _, mirrored in pairs[:10]) == 5


def ramps(count: int) -> torch.Tensor:
    """Return images that are dark on their left."""
    return torch.from_numpy(np.tile(np.arange(28, dtype=np.uint8) * 9, (count, 1, 28, 1)))


def test_seeds_differ_by_seed_purpose_and_number() -> None:
    seeds = {derive_seed(seed, purpose, number) for seed in (0, 1) for purpose in ("z", "flip") for number in (0, 64)}
    assert len(seeds) == 8
    assert derive_seed(0, "z", 0) == derive_seed(0, "z", 0)


# The loop


@pytest.mark.parametrize(("count", "size", "channels", "batch"), [(8, 112, 1, 8), (8, 28, 3, 3), (2, 28, 1, 64)])
def test_smoke(tmp_path: Path, count: int, size: int, channels: int, batch: int) -> None:
    images = faces(count, size, channels)
    config = replace(TINY, kimg=0.03, batch_size=batch)
    state = fresh(config, images)
    assert train(state, images, config, observe(config, images, tmp_path).callbacks())
    assert state.images_seen == count_final_images(config, count) >= 30
    assert [path.name for path in (tmp_path / "samples").iterdir()] == ["0000000000.npz"]
    assert np.isfinite([list(asdict(row).values()) for row in state.rows]).all()


def test_resumed_runs_end_bit_identical_to_an_unbroken_one(tmp_path: Path) -> None:
    images = faces(10)
    unbroken = fresh(TINY, images)
    train(unbroken, images, TINY, Callbacks())
    assert unbroken.images_seen == 40
    for stop in (4, 20, 36):
        first = fresh(TINY, images)
        path = tmp_path / f"{stop}.pt"
        callbacks = Callbacks(
            save=lambda state, path=path: save_checkpoint(path, state),
            should_stop=lambda state=first, stop=stop: state.images_seen >= stop,
        )
        assert not train(first, images, TINY, callbacks)
        assert first.images_seen == stop
        second = load_checkpoint(path, fresh(TINY, images))
        train(second, images, TINY, Callbacks())
        assert_same(second, unbroken)


def test_a_larger_budget_continues_a_smaller_one(tmp_path: Path) -> None:
    images = faces(10)
    at_once, path = fresh(TINY, images), tmp_path / "checkpoint.pt"
    train(at_once, images, TINY, Callbacks())
    train(
        fresh(TINY, images),
        images,
        replace(TINY, kimg=0.02),
        Callbacks(save=lambda state: save_checkpoint(path, state)),
    )
    longer = load_checkpoint(path, fresh(TINY, images))
    assert longer.images_seen == 20
    train(longer, images, TINY, Callbacks())
    assert_same(longer, at_once)


def test_other_seeds_train_other_networks() -> None:
    one, other = (fresh(replace(TINY, seed=seed), faces()) for seed in (0, 1))
    assert not torch.equal(one.generator.project.weight, other.generator.project.weight)


def test_rows_snapshots_and_checkpoints_come_when_they_are_due(tmp_path: Path) -> None:
    config = replace(TINY, kimg=2.5, log_kimg=1, checkpoint_kimg=2, batch_size=300)
    images, saved = faces(400), []
    state = fresh(config, images)
    callbacks = observe(config, images, tmp_path).callbacks()
    train(state, images, config, replace(callbacks, save=lambda state: saved.append(state.images_seen)))
    assert [row.kimg for row in state.rows] == [1.2, 2.1]
    names = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert names == ["0000000000.npz", "0000001200.npz", "0000002100.npz"]
    assert saved == [2100, 2700]
    assert state.steps == 2


def test_rows_are_means_of_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter(range(1, 100))

    def step(*_: object) -> torch.Tensor:
        return torch.full((7,), float(next(losses)))

    monkeypatch.setattr(training, "train_step", step)
    state = fresh(TINY, faces())
    train(state, faces(), TINY, Callbacks())
    assert [(row.kimg, row.loss_d) for row in state.rows] == [(0.016, 2.5), (0.032, 6.5)]


def test_nan_ends_the_run_with_advice_and_without_a_checkpoint() -> None:
    saved: list[TrainState] = []
    state = fresh(TINY, faces())
    torch.nn.init.constant_(state.generator.project.weight, math.nan)
    with pytest.raises(DivergedError, match="learning_rate_g"):
        train(state, faces(), TINY, Callbacks(save=saved.append))
    assert not saved


def test_too_few_faces() -> None:
    with pytest.raises(UserError, match="at least 2 faces, found 1"):
        train(fresh(TINY, faces()), faces(1), TINY, Callbacks())


# Configuration


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kimg": 0}, "kimg must be above 0"),
        ({"snapshot_kimg": -1}, "snapshot_kimg"),
        ({"batch_size": 1}, "batch_size must be at least 2"),
        ({"base_channels": 0}, "base_channels"),
        ({"beta1": 1.0}, "beta1"),
        ({"seed": -1}, "seed"),
        ({"threads": -1}, "threads"),
        ({"learning_rate_g": math.nan}, "learning_rate_g"),
        ({"augment_target": 0.0}, "augment needs a strength"),
        ({"accumulate": 5}, "accumulate must be at most batch_size \\(4\\)"),
    ],
)
def test_values_out_of_range_are_named(change: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(TINY, **change)
