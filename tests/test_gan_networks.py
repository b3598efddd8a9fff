"""The networks and their losses."""

import math
from dataclasses import replace

import pytest
import torch

from mangagan.gan import training
from mangagan.gan.batches import Batches
from mangagan.gan.networks import Discriminator, Generator, count_parameters, factor_size, initialize
from mangagan.gan.sampling import latents
from mangagan.gan.training import Hooks, train, train_step
from tests.gan_runs import TINY, faces, fresh, one_thread

__all__ = ["one_thread"]


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
