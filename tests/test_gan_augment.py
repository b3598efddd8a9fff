"""Augmentation and averaging."""

import math

import pytest
import torch

from mangagan.gan import ema
from mangagan.gan.augment import augment, draw_numbers
from mangagan.gan.recipes import AUGMENTATIONS
from mangagan.networks.dcgan import Generator, initialize

ONE, ZERO = torch.tensor(1.0), torch.tensor(0.0)


def numbers(count: int, seed: int = 0) -> torch.Tensor:
    return draw_numbers(count, torch.Generator().manual_seed(seed))


def images(count: int = 6, channels: int = 3, size: int = 28) -> torch.Tensor:
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_augmentation_is_a_function_of_its_numbers() -> None:
    one, same, other = (augment(images(), AUGMENTATIONS, ONE, numbers(6, seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    part = augment(images()[2:4], AUGMENTATIONS, ONE, numbers(6)[2:4])
    assert torch.allclose(part, one[2:4], atol=1e-6), "no image depends on the others"


def test_nothing_changes_at_strength_zero_or_without_names() -> None:
    assert torch.allclose(augment(images(), AUGMENTATIONS, ZERO, numbers(6)), images(), atol=1e-6)
    assert torch.equal(augment(images(), (), ONE, numbers(6)), images())


def test_the_strength_is_the_share_of_images_that_change() -> None:
    clean = images(400, 1, 8)
    for name in AUGMENTATIONS:
        augmented = augment(clean, (name,), torch.tensor(0.25), numbers(400))
        changed = (augmented - clean).abs().amax(dim=(1, 2, 3)) > 1e-5
        assert 0.1 < changed.float().mean().item() < 0.35, name


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_gradients_pass_through(name: str) -> None:
    clean = images(3, 3, 8).double().requires_grad_(True)
    draws = numbers(3).double()
    assert torch.autograd.gradcheck(lambda x: augment(x, (name,), ONE, draws), clean)


def test_translation_moves_whole_pixels_by_at_most_an_eighth() -> None:
    clean = torch.zeros(200, 1, 32, 32)
    clean[:, 0, 16, 16] = 1
    augmented = augment(clean, ("translation",), ONE, numbers(200))
    assert torch.equal(augmented.sum(dim=(1, 2, 3)), torch.ones(200))
    _, _, rows, columns = augmented.nonzero(as_tuple=True)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (12, 20, 12, 20)
    edge = augment(torch.ones(50, 1, 32, 32), ("translation",), ONE, numbers(50))
    assert set(edge.unique().tolist()) == {0.0, 1.0}
    assert edge.mean() < 1


def test_cutout_takes_at_most_half_of_each_side() -> None:
    taken = (augment(torch.ones(200, 1, 32, 32), ("cutout",), ONE, numbers(200)) == 0).sum(dim=(1, 2, 3))
    assert taken.max() == 16 * 16
    assert taken.float().mean().item() == pytest.approx(16 * 16 * 49 / 64, rel=0.05), "it may reach past the edge"


def test_color_changes_brightness_contrast_and_saturation() -> None:
    clean = images(500)
    augmented = augment(clean, ("color",), ONE, numbers(500))
    shift = augmented.mean(dim=(1, 2, 3)) - clean.mean(dim=(1, 2, 3))
    assert shift.abs().max() <= 0.5
    assert shift.std().item() == pytest.approx(1 / math.sqrt(12), rel=0.1)
    gray = images(500, 1)
    spread = augment(gray, ("color",), ONE, numbers(500)).std(dim=(1, 2, 3)) / gray.std(dim=(1, 2, 3))
    assert 0.5 <= spread.min() < 0.55
    assert 1.45 < spread.max() <= 1.5


# The average


def test_the_weight_of_a_step_halves_in_the_half_life() -> None:
    keep = ema.ema_beta(5.0, 0.05, 10**6, 50)
    assert keep ** (5000 / 50) == pytest.approx(0.5)
    assert ema.ema_beta(5.0, 0.05, 20_000, 50) ** (1000 / 50) == pytest.approx(0.5), (
        "the ramp: a twentieth of the images"
    )
    assert ema.ema_beta(5.0, 0.05, 0, 50) == 0


def test_the_average_moves_towards_the_generator() -> None:
    generator, average = (Generator(28, 1, 8, 4) for _ in range(2))
    for network, seed in ((generator, 0), (average, 1)):
        initialize(network, torch.Generator().manual_seed(seed))
    before = [parameter.clone() for parameter in average.parameters()]
    ema.update_average(average, generator, 0.75)
    for old, new, target in zip(before, average.parameters(), generator.parameters(), strict=True):
        assert torch.allclose(new, 0.75 * old + 0.25 * target, atol=1e-6)


def test_a_calibrated_average_draws_as_in_training() -> None:
    """The statistics are those of the latents that it was calibrated with."""
    average = Generator(28, 1, 8, 4)
    initialize(average, torch.Generator().manual_seed(0))
    z = torch.randn(64, 8, generator=torch.Generator().manual_seed(2))
    result = ema.calibrate(average, z).eval()
    average.train()
    assert torch.allclose(result(z), average(z), atol=0.02)
    assert all(torch.equal(a, b) for a, b in zip(average.parameters(), result.parameters(), strict=True))
    ema.calibrate(average, z)
    plain = Generator(28, 1, 8, 4, norm="pixel")
    assert ema.calibrate(plain, z).state_dict().keys() == plain.state_dict().keys()
