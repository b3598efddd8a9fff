"""Generator and discriminator: shapes, initialization, layers."""

import copy
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import avg_pool2d, conv2d, interpolate

from mangagan.core.image_size import factor_size
from mangagan.face_network.weights import WEIGHTS, load_face_network
from mangagan.gan.loop import Callbacks, train
from mangagan.gan.recipes import Kernel, NormG
from mangagan.networks.dcgan import Discriminator, Generator, count_parameters, initialize
from mangagan.networks.feature_discriminator import FeatureDiscriminator, FrozenEncoder
from mangagan.networks.layers import PixelNorm, SmearedConv2d, append_stddev
from tests.gan_runs import CLASSIC, faces, fresh


@pytest.mark.parametrize(("size", "expected"), [(8, (4, 1)), (28, (7, 2)), (64, (4, 4)), (96, (6, 4)), (112, (7, 4))])
def test_a_size_is_a_small_base_times_a_power_of_two(size: int, expected: tuple[int, int]) -> None:
    assert factor_size(size) == expected


@pytest.mark.parametrize("size", [7, 90, 100, 113])
def test_other_sizes_are_rejected(size: int) -> None:
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
    maps = [layer.in_channels for layer in generator.modules() if isinstance(layer, torch.nn.ConvTranspose2d)]
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


@pytest.mark.parametrize("kernel", [4, 5, "smeared"])
@pytest.mark.parametrize("norm_g", ["batch", "pixel", "none"])
def test_every_network_draws_and_judges_every_size(kernel: Kernel, norm_g: NormG) -> None:
    for size in (28, 40, 48, 64):
        for skips in (True, False):
            images = Generator(size, 3, 10, 4, kernel, norm_g, skips=skips)(torch.randn(4, 10))
            assert images.shape == (4, 3, size, size)
        assert Discriminator(size, 3, 4, kernel, "none", True)(images).shape == (4,)


def test_smeared_layers_are_a_convolution_between_nearest_neighbours_or_before_mean_pooling() -> None:
    x = torch.randn(2, 3, 8, 8)
    for up in (True, False):
        layer = SmearedConv2d(3, 5, up, bias=True)
        for parameter in layer.parameters():
            torch.nn.init.normal_(parameter)
        if up:
            weight = layer.weight.transpose(0, 1).flip(2, 3)  # a transposed convolution mirrors its kernel
            expected = conv2d(interpolate(x, scale_factor=2), weight, layer.bias, padding=1)
        else:
            expected = avg_pool2d(conv2d(x, layer.weight, layer.bias, padding=1), 2)
        assert torch.allclose(layer(x), expected, atol=1e-5)


def test_without_batchnorm_the_first_weights_keep_the_scale_of_their_input() -> None:
    network = Discriminator(112, 1, 16, norm="none")
    initialize(network, torch.Generator().manual_seed(0))
    features = network.downsample(torch.randn(8, 1, 112, 112, generator=torch.Generator().manual_seed(1)))
    assert features.square().mean().item() == pytest.approx(1, rel=0.5)


def test_uniform_latents_are_uniform() -> None:
    inputs_of_project: list[torch.Tensor] = []
    network = Generator(28, 1, 10, 4, latent="uniform")
    network.project.register_forward_pre_hook(lambda _, inputs: inputs_of_project.append(inputs[0]))
    network(torch.randn(2000, 10, generator=torch.Generator().manual_seed(0)))
    values = inputs_of_project[0].flatten().sort().values
    assert torch.allclose(values, torch.linspace(-1, 1, len(values)), atol=0.02)


def test_pixel_norm_makes_every_mean_square_one() -> None:
    normed = PixelNorm()(torch.randn(2, 7, 3, 3) * 5)
    assert torch.allclose(normed.square().mean(dim=1), torch.ones(2, 3, 3), atol=1e-4)


def test_minibatch_standard_deviation_is_that_of_neighbours_in_fours() -> None:
    features = torch.randn(8, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    found = append_stddev(features)
    assert torch.equal(found[:, :3], features)
    for start in (0, 4):
        expected = features[start : start + 4].std(dim=0, correction=0).mean()
        assert torch.allclose(found[start : start + 4, 3], expected, atol=1e-5)
    assert torch.allclose(append_stddev(features[:3])[:, 3], features[:3].std(dim=0, correction=0).mean(), atol=1e-5)
    assert append_stddev(torch.ones(4, 3, 2, 2))[:, 3].max() < 1e-3, "images that are alike"


def test_a_logit_without_batchnorm_does_not_depend_on_other_images() -> None:
    network = Discriminator(28, 1, 4, norm="none")
    images = torch.randn(6, 1, 28, 28)
    assert torch.allclose(network(images)[:2], network(images[:2]), atol=1e-6)


def test_the_discriminator_learns_to_separate_faces_from_fakes() -> None:
    state = fresh(CLASSIC, faces())
    train(state, faces(), replace(CLASSIC, kimg=0.8, log_kimg=0.1), Callbacks())
    assert len(state.rows) == 8
    assert state.rows[-1].d_real > 0.65 > 0.35 > state.rows[-1].d_fake


def test_the_frozen_encoder_treats_all_colours_alike() -> None:
    encoder = FrozenEncoder(load_face_network(WEIGHTS))
    gray = torch.rand(2, 1, 112, 112) * 2 - 1
    colour = gray.repeat(1, 3, 1, 1).requires_grad_(True)
    features = encoder(colour)
    assert [tuple(maps.shape) for maps in features] == [(2, 64, 14, 14), (2, 96, 7, 7), (2, 128, 4, 4)]
    for one, other in zip(features, encoder(gray), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    torch.stack([maps.square().mean() for maps in features]).sum().backward()
    assert colour.grad is not None
    red, green, blue = colour.grad.unbind(1)
    assert red.abs().max() > 0
    assert torch.equal(red, green)
    assert torch.equal(red, blue)
    assert not any(weight.requires_grad for weight in encoder.parameters())


@pytest.mark.parametrize("size", [28, 64, 80, 96, 112, 128, 224])
def test_discriminators_on_features_take_the_maps_of_every_image_size(size: int) -> None:
    encoder, networks = FrozenEncoder(load_face_network(WEIGHTS)), FeatureDiscriminator(size)
    with torch.no_grad():
        logits = networks(encoder(torch.zeros(3, 1, size, size)))
    assert [tuple(each.shape) for each in logits] == [(3,)] * 3


def test_spectral_norms_are_updated_once_a_step_and_not_by_a_forward_pass() -> None:
    torch.manual_seed(0)
    networks = FeatureDiscriminator(28, bias=False)
    features = [torch.rand(2, channels, side, side) for channels, side in ((64, 4), (96, 2), (128, 1))]
    before = copy.deepcopy(networks.state_dict())
    networks(features)
    assert all(torch.equal(value, before[name]) for name, value in networks.state_dict().items())
    for _ in range(50):
        networks.update_spectral_norms()
    assert not any(module.training for module in networks.modules())
    for head in networks:
        for layer in head:
            if isinstance(layer, torch.nn.Conv2d):
                norm = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
                assert norm.item() == pytest.approx(1, abs=0.02)
    assert not any(name.endswith("bias") for name in networks.state_dict())
