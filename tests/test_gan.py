"""The networks, the loop, checkpoints, weights and samples, with real training on tiny networks."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mangagan.errors import UserError
from mangagan.gan import training
from mangagan.gan.batches import Batches, derive_seed
from mangagan.gan.checkpoint import load_checkpoint, mark_delivered, resume, run_key, save_checkpoint
from mangagan.gan.config import TrainConfig
from mangagan.gan.generate import write_samples
from mangagan.gan.networks import Discriminator, Generator, count_parameters, factor_size, initialize
from mangagan.gan.resumable import pick_device, snapshot_name, train_resumable
from mangagan.gan.sampling import interpolate, latents, sample
from mangagan.gan.training import Hooks, TrainState, create_state, final_images, train, train_step
from mangagan.gan.weights import load_generator, save_generator

CPU = torch.device("cpu")
TINY = TrainConfig(kimg=0.04, log_kimg=0.016, snapshot_kimg=1, base_channels=4, z_dim=8, batch_size=4, device="cpu")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny networks gain nothing from more, and lose much when the machine is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def faces(count: int = 8, size: int = 28, channels: int = 1) -> np.ndarray:
    """Discs of different sizes and tones on white."""
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:size, :size]
    distance = np.hypot(rows - size / 2, columns - size / 2)
    images = np.full((count, channels, size, size), 255, np.uint8)
    for image in images:
        image[:, distance < rng.uniform(0.2, 0.45) * size] = rng.integers(0, 128)
    return images


def fresh(config: TrainConfig, images: np.ndarray) -> TrainState:
    return create_state(config, images.shape[2], images.shape[1], CPU)


def assert_same(one: TrainState, other: TrainState) -> None:
    assert one.images_seen == other.images_seen
    assert one.rows == other.rows
    for name in ("generator", "discriminator"):
        expected = getattr(other, name).state_dict()
        for key, value in getattr(one, name).state_dict().items():
            assert torch.equal(value, expected[key]), f"{name}.{key} differs"
    for name in ("optimizer_g", "optimizer_d"):
        expected = getattr(other, name).state_dict()["state"]
        for number, moments in getattr(one, name).state_dict()["state"].items():
            assert all(torch.equal(value, expected[number][key]) for key, value in moments.items()), name


# Networks


@pytest.mark.parametrize(("size", "expected"), [(8, (4, 1)), (28, (7, 2)), (64, (4, 4)), (96, (6, 4)), (112, (7, 4))])
def test_a_size_is_a_small_base_times_a_power_of_two(size: int, expected: tuple[int, int]) -> None:
    assert factor_size(size) == expected


@pytest.mark.parametrize("size", [7, 90, 100, 113])
def test_a_size_of_no_such_form_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"not {size}"):
        factor_size(size)


@pytest.mark.parametrize(("size", "channels"), [(28, 1), (64, 3), (96, 1), (112, 3), (128, 1)])
def test_shapes_and_ranges(size: int, channels: int) -> None:
    images = Generator(size, channels, z_dim=10, base_channels=4)(torch.randn(3, 10))
    assert images.shape == (3, channels, size, size)
    assert images.abs().max() <= 1
    assert Discriminator(size, channels, base_channels=4)(images).shape == (3,)


def test_full_width_has_the_papers_feature_maps_and_size() -> None:
    generator, discriminator = Generator(), Discriminator()
    maps = [layer.in_channels for layer in generator.upsample if isinstance(layer, torch.nn.ConvTranspose2d)]
    assert maps == [512, 256, 128, 64]
    assert count_parameters(generator) == 100 * 512 * 49 + 16 * (512 * 256 + 256 * 128 + 128 * 64 + 64) + 1 + 2 * 960
    first = list(discriminator.downsample)[:3]
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in first)
    assert sum(isinstance(layer, torch.nn.BatchNorm2d) for layer in discriminator.downsample) == 3


def test_weights_start_as_in_the_paper() -> None:
    generator = Generator()
    initialize(generator, torch.Generator().manual_seed(0))
    for name, value in generator.named_parameters():
        if name.endswith("bias"):
            assert not value.any()
        elif value.numel() > 1000:
            assert value.mean().item() == pytest.approx(0, abs=0.001), name
            assert value.std().item() == pytest.approx(0.02, rel=0.05), name
        else:
            assert value.mean().item() == pytest.approx(1, abs=0.05) or value.dim() > 1, name


# Losses


def test_losses_of_a_discriminator_that_cannot_tell() -> None:
    zero = torch.zeros(5)
    assert training.discriminator_loss(zero, zero).item() == pytest.approx(2 * math.log(2))
    assert training.generator_loss(zero).item() == pytest.approx(math.log(2))


def test_losses_stay_finite_and_keep_their_gradient_when_the_discriminator_is_sure() -> None:
    sure = torch.full((4,), -200.0, requires_grad=True)
    loss = training.generator_loss(sure)
    loss.backward()
    assert loss.item() == pytest.approx(200)
    assert sure.grad is not None
    assert sure.grad.sum().item() == pytest.approx(-1)
    assert training.discriminator_loss(-sure, sure).item() == pytest.approx(0, abs=1e-6)


def test_a_step_changes_both_networks_and_reports_what_the_losses_were() -> None:
    images = faces()
    state = fresh(TINY, images)
    before = [parameter.clone() for parameter in (*state.generator.parameters(), *state.discriminator.parameters())]
    batch = Batches(torch.from_numpy(images), 4, TINY).read(0)
    loss_d, loss_g, d_real, d_fake = train_step(state, batch, latents(4, 8, 0)).tolist()
    after = [*state.generator.parameters(), *state.discriminator.parameters()]
    assert all(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert 1 < loss_d < 2
    assert 0.3 < loss_g < 1.5
    assert 0.3 < d_real < 0.8
    assert 0.2 < d_fake < 0.7
    assert all(parameter.requires_grad for parameter in state.discriminator.parameters())


def test_the_discriminator_learns_to_tell_faces_from_fakes() -> None:
    state = fresh(TINY, faces())
    train(state, faces(), replace(TINY, kimg=0.8, log_kimg=0.1), Hooks())
    assert len(state.rows) == 8
    assert state.rows[-1][3] > 0.65 > 0.35 > state.rows[-1][4]


# Batches


def test_an_epoch_shows_every_face_once_in_an_order_of_its_own() -> None:
    batches = Batches(torch.from_numpy(faces(10)), 4, TINY)
    seen = torch.cat([batches.indices(images) for images in range(0, 40, 4)]).view(4, 10)
    assert all(sorted(epoch) == list(range(10)) for epoch in seen.tolist())
    assert len({tuple(epoch) for epoch in seen.tolist()}) == 4


def test_batches_do_not_depend_on_what_was_read_before() -> None:
    images = torch.from_numpy(faces(10))
    walked = Batches(images, 4, TINY)
    for seen in range(0, 36, 4):
        walked.read(seen)
    assert torch.equal(walked.read(36), Batches(images, 4, TINY).read(36))


def test_flips_mirror_about_half_of_the_images_and_can_be_switched_off() -> None:
    ramp = np.tile(np.arange(28, dtype=np.uint8) * 9, (100, 1, 28, 1))
    read = Batches(torch.from_numpy(ramp), 100, TINY).read(0)
    assert 30 < int((read[:, 0, 0, 0] > 0).sum()) < 70
    assert read.min() == -1
    straight = Batches(torch.from_numpy(ramp), 100, replace(TINY, flip=False)).read(0)
    assert (straight[:, 0, 0, 0] == -1).all()


def test_seeds_differ_by_seed_purpose_and_number() -> None:
    seeds = {derive_seed(seed, purpose, number) for seed in (0, 1) for purpose in ("z", "flip") for number in (0, 64)}
    assert len(seeds) == 8
    assert derive_seed(0, "z", 0) == derive_seed(0, "z", 0)


# The loop


@pytest.mark.parametrize(("count", "size", "channels", "batch"), [(8, 112, 1, 8), (8, 28, 3, 3), (2, 28, 1, 64)])
def test_smoke(count: int, size: int, channels: int, batch: int) -> None:
    images = faces(count, size, channels)
    config = replace(TINY, kimg=0.03, batch_size=batch)
    state = fresh(config, images)
    kimgs, grids = [], []
    hooks = Hooks(snapshot=lambda kimg, drawn: (kimgs.append(kimg), grids.append(drawn)))
    assert train(state, images, config, hooks)
    assert state.images_seen == final_images(config, count) >= 30
    assert kimgs == [0]
    assert grids[0].shape == (64, channels, size, size)
    assert all(math.isfinite(value) for row in state.rows for value in row)


def test_resumed_runs_end_bit_identical_to_an_unbroken_one(tmp_path: Path) -> None:
    images = faces(10)
    unbroken = fresh(TINY, images)
    train(unbroken, images, TINY, Hooks())
    assert unbroken.images_seen == 40
    for stop in (4, 20, 36):
        first = fresh(TINY, images)
        path = tmp_path / f"{stop}.pt"
        hooks = Hooks(
            checkpoint=lambda state, path=path: save_checkpoint(path, state),
            stop=lambda state=first, stop=stop: state.images_seen >= stop,
        )
        assert not train(first, images, TINY, hooks)
        assert first.images_seen == stop
        second = load_checkpoint(path, fresh(TINY, images))
        train(second, images, TINY, Hooks())
        assert_same(second, unbroken)


def test_a_larger_budget_goes_on_where_a_smaller_one_ended(tmp_path: Path) -> None:
    images = faces(10)
    at_once, path = fresh(TINY, images), tmp_path / "checkpoint.pt"
    train(at_once, images, TINY, Hooks())
    train(
        fresh(TINY, images),
        images,
        replace(TINY, kimg=0.02),
        Hooks(checkpoint=lambda state: save_checkpoint(path, state)),
    )
    longer = load_checkpoint(path, fresh(TINY, images))
    assert longer.images_seen == 20
    train(longer, images, TINY, Hooks())
    assert_same(longer, at_once)


def test_other_seeds_train_other_networks() -> None:
    one, other = (fresh(replace(TINY, seed=seed), faces()) for seed in (0, 1))
    assert not torch.equal(one.generator.project.weight, other.generator.project.weight)


def test_rows_snapshots_and_checkpoints_come_when_they_are_due() -> None:
    config = replace(TINY, kimg=2.5, log_kimg=1, checkpoint_kimg=2, batch_size=300)
    images, kimgs, saved = faces(400), [], []
    state = fresh(config, images)
    hooks = Hooks(snapshot=lambda kimg, _: kimgs.append(kimg), checkpoint=lambda state: saved.append(state.images_seen))
    train(state, images, config, hooks)
    assert [row[0] for row in state.rows] == [1.2, 2.1]
    assert kimgs == [0, 1, 2]
    assert saved == [2100, 2700]
    assert state.steps == 2


def test_rows_are_means_of_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter(range(1, 100))
    monkeypatch.setattr(training, "train_step", lambda *_: torch.full((4,), float(next(losses))))
    state = fresh(TINY, faces())
    train(state, faces(), TINY, Hooks())
    assert [row[:2] for row in state.rows] == [[0.016, 2.5], [0.032, 6.5]]


def test_nan_ends_the_run_with_advice_and_without_a_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[TrainState] = []
    state = fresh(TINY, faces())
    torch.nn.init.constant_(state.generator.project.weight, math.nan)
    with pytest.raises(UserError, match="learning_rate"):
        train(state, faces(), TINY, Hooks(checkpoint=saved.append))
    assert not saved


def test_too_few_faces() -> None:
    with pytest.raises(UserError, match="at least 2 faces, found 1"):
        train(fresh(TINY, faces()), faces(1), TINY, Hooks())


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
        ({"learning_rate": math.nan}, "learning_rate"),
    ],
)
def test_values_out_of_range_are_named(change: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(TINY, **change)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_missing() -> None:
    assert pick_device("auto") == CPU
    with pytest.raises(UserError, match=r"no GPU: set it to auto or cpu"):
        pick_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")
def test_training_on_a_gpu_resumes_too(tmp_path: Path) -> None:
    said: list[str] = []
    config = replace(TINY, device="cuda")
    train_resumable(faces(), replace(config, kimg=0.02), tmp_path, said.append)
    run = train_resumable(faces(), config, tmp_path, said.append)
    assert run.state.images_seen == 40
    assert "resuming at 0.0 kimg" in said


# Checkpoints


def test_keys_name_everything_the_weights_depend_on() -> None:
    key = run_key(faces(), TINY, CPU, 2)
    assert key == run_key(faces(), replace(TINY, kimg=9, checkpoint_kimg=9), CPU, 2)
    others = [
        run_key(faces()[::-1], TINY, CPU, 2),
        run_key(faces(7), TINY, CPU, 2),
        run_key(faces(), replace(TINY, learning_rate=1e-4), CPU, 2),
        run_key(faces(), replace(TINY, seed=1), CPU, 2),
        run_key(faces(), TINY, CPU, 1),
        run_key(faces(), TINY, torch.device("cuda"), 2),
    ]
    assert len({key, *others}) == len(others) + 1


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "flipped", "other networks"])
def test_damaged_checkpoints_are_told_and_ignored(tmp_path: Path, damage: str) -> None:
    images, path, said = faces(), tmp_path / "checkpoint.pt", []
    state = fresh(TINY, images)
    train(state, images, replace(TINY, kimg=0.02), Hooks(checkpoint=lambda state: save_checkpoint(path, state)))
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[whole.index(state.generator.project.weight.detach().numpy().tobytes()) + 1] ^= 0x01
    content = {"truncated": whole[: len(whole) // 2], "empty": b"", "text": b"hello", "flipped": bytes(damaged)}
    if damage == "other networks":
        save_checkpoint(path, fresh(replace(TINY, base_channels=8), images))
    else:
        path.write_bytes(content[damage])
    resumed = resume(path, lambda: fresh(TINY, images), 40, said.append)
    assert resumed.images_seen == 0
    assert_same(resumed, fresh(TINY, images))
    assert len(said) == 1
    assert "starting over" in said[0]


def test_a_complete_run_is_trained_again_unless_its_results_were_lost(tmp_path: Path) -> None:
    images, path, said = faces(), tmp_path / "checkpoint.pt", []
    state = fresh(TINY, images)
    train(state, images, TINY, Hooks(checkpoint=lambda state: save_checkpoint(path, state)))

    def seen(end: int) -> int:
        return resume(path, lambda: fresh(TINY, images), end, said.append).images_seen

    assert seen(40) == 40, "never delivered: nothing to train"
    mark_delivered(path, 40)
    assert seen(40) == 0
    assert seen(20) == 0, "no model of a longer run for a shorter one"
    assert seen(80) == 40


# A run


def test_a_run_keeps_its_grids_and_its_last_row(tmp_path: Path) -> None:
    said: list[str] = []
    config = replace(TINY, kimg=2.5, log_kimg=1, batch_size=100)
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


def test_faces_of_a_size_that_cannot_be_drawn(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not 90"):
        train_resumable(faces(8, 90), TINY, tmp_path, print)
    with pytest.raises(UserError, match="square"):
        train_resumable(faces(8, 28)[:, :, :20], TINY, tmp_path, print)


# Samples and weights


@pytest.fixture(scope="module")
def generator() -> Generator:
    config = replace(TINY, kimg=0.2)
    state = fresh(config, faces())
    train(state, faces(), config, Hooks())
    return state.generator


def test_latents_depend_on_seed_and_index_alone() -> None:
    assert torch.equal(latents(100, 8, 1)[:10], latents(10, 8, 1))
    assert not torch.equal(latents(10, 8, 1), latents(10, 8, 2))
    many = latents(5000, 8, 0)
    assert many.dtype == torch.float32
    assert many.mean().item() == pytest.approx(0, abs=0.02)
    assert many.std().item() == pytest.approx(1, abs=0.02)


def test_an_image_does_not_depend_on_the_others(generator: Generator) -> None:
    z = latents(70, 8, 5)
    generator.train()
    images = sample(generator, z)
    assert generator.training, "the mode is left as it was"
    assert images.dtype == np.uint8
    assert images.shape == (70, 1, 28, 28)
    assert np.array_equal(sample(generator, z[66:67]), images[66:67])
    assert np.array_equal(sample(generator, z.flip(0)), images[::-1])


def test_walks_pass_through_their_latents_at_constant_speed_and_length() -> None:
    z = torch.nn.functional.normalize(latents(3, 50, 0)) * 7
    walk = interpolate(z, 8)
    assert walk.shape == (17, 50)
    assert torch.allclose(walk[[0, 8, 16]], z, atol=1e-5)
    assert torch.allclose(walk.norm(dim=1), torch.tensor(7.0), atol=1e-4)
    steps = (walk[1:] - walk[:-1]).norm(dim=1)
    assert torch.allclose(steps[:8], steps[0], rtol=1e-4)
    assert torch.isfinite(interpolate(torch.ones(2, 5), 3)).all(), "a walk from a point to itself"


def test_weights_survive_the_disk_and_are_the_same_bytes_each_time(tmp_path: Path, generator: Generator) -> None:
    for name in ("a", "b"):
        save_generator(generator, tmp_path / name, tmp_path / f"{name}.json", {"data": {"faces": 8}})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    loaded = load_generator(tmp_path / "a", tmp_path / "a.json")
    assert not loaded.training
    z = latents(4, 8, 0)
    assert np.array_equal(sample(loaded, z), sample(generator, z))


def test_weights_that_cannot_be_trusted_are_refused(tmp_path: Path, generator: Generator) -> None:
    weights, card = tmp_path / "g.safetensors", tmp_path / "model.json"
    with pytest.raises(UserError, match=r"not found.*dvc repro train"):
        load_generator(weights, card)
    save_generator(generator, weights, card, {})
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + b"x")
    with pytest.raises(UserError, match="not the file that"):
        load_generator(weights, card)
    for protocol in (True, False):
        torch.save(generator.state_dict(), weights, _use_new_zipfile_serialization=protocol)
        with pytest.raises(UserError, match="pickle"):
            load_generator(weights, card)
    weights.write_bytes(whole)
    card.write_text(card.read_text().replace('"base_channels": 4', '"base_channels": 8'))
    with pytest.raises(UserError, match="do not fit together"):
        load_generator(weights, card)
    card.write_text("{")
    with pytest.raises(UserError, match="not valid JSON"):
        load_generator(weights, card)


def test_generated_files_are_traceable_and_stable(tmp_path: Path, generator: Generator) -> None:
    save_generator(generator, tmp_path / "g.safetensors", tmp_path / "model.json", {})
    loaded = load_generator(tmp_path / "g.safetensors", tmp_path / "model.json")
    write_samples(tmp_path / "many", loaded, 70, seed=4)
    write_samples(tmp_path / "few", loaded, 3, seed=4)
    names = sorted(path.name for path in (tmp_path / "many").iterdir())
    assert names == [f"{index:06}.png" for index in range(70)]
    for path in (tmp_path / "few").iterdir():
        assert path.read_bytes() == (tmp_path / "many" / path.name).read_bytes()
    image = Image.open(tmp_path / "many" / "000069.png")
    assert (image.mode, image.size) == ("L", (28, 28))
    assert image.info["seed"] == "4"
    assert image.info["index"] == "69"
    assert image.info["model"] in (tmp_path / "model.json").read_text()
    with pytest.raises(UserError, match="count must be at least 1"):
        write_samples(tmp_path / "none", loaded, 0, seed=4)
