"""Losses, penalties and one step of training, against closed forms."""

import copy
import functools
import math
from collections.abc import Iterable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.nn.functional import conv2d

from mangagan.gan import losses
from mangagan.gan.augment import augment
from mangagan.gan.batches import Batches, StepInputs, feed
from mangagan.gan.checkpoint import list_networks, list_optimizers
from mangagan.gan.config import Settings
from mangagan.gan.penalty import Convolution, DoubleBackwardConvolutions, zero_centered_gradient_penalty
from mangagan.gan.recipes import Kernel, Loss
from mangagan.gan.state import TrainState, compute_learning_rate_factor, set_learning_rates
from mangagan.gan.step import adapt_strength, train_step
from mangagan.networks.dcgan import Discriminator, initialize
from tests.gan_runs import CLASSIC, TINY, assert_same, faces, fresh


@pytest.mark.parametrize(("loss", "expected"), [("nonsaturating", 2 * math.log(2)), ("relativistic", math.log(2))])
def test_losses_of_a_discriminator_that_cannot_discriminate(loss: Loss, expected: float) -> None:
    zero = torch.zeros(5)
    assert losses.discriminator_loss(loss, zero, zero).item() == pytest.approx(expected)
    assert losses.generator_loss(loss, zero, zero).item() == pytest.approx(math.log(2))
    assert [chance.item() for chance in losses.mean_probabilities(loss, zero, zero)] == [0.5, 0.5]


@pytest.mark.parametrize("loss", ["nonsaturating", "relativistic"])
def test_losses_are_finite_and_have_a_gradient_if_the_discriminator_is_always_right(loss: Loss) -> None:
    sure = torch.full((4,), -200.0, requires_grad=True)
    found = losses.generator_loss(loss, torch.zeros(4), sure)
    found.backward()
    assert found.item() == pytest.approx(200)
    assert sure.grad is not None
    assert sure.grad.sum().item() == pytest.approx(-1)
    assert losses.discriminator_loss(loss, -sure, sure).item() == pytest.approx(0, abs=1e-6)
    assert losses.measure_realness(loss, -sure, sure).item() == 1


def test_a_relativistic_loss_depends_only_on_differences() -> None:
    real, fake = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 3.0])
    moved = losses.discriminator_loss("relativistic", real + 7, fake + 7)
    assert moved.item() == pytest.approx(losses.discriminator_loss("relativistic", real, fake).item())
    assert moved.item() == pytest.approx((math.log1p(math.exp(-1)) + math.log1p(math.exp(1))) / 2, rel=1e-5)
    assert losses.measure_realness("relativistic", real, fake).item() == 0


def test_the_gradient_penalty_of_known_functions() -> None:
    images = torch.randn(6, 2, 3, 3)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(18, 1))
    weight = linear[1].weight
    penalty = zero_centered_gradient_penalty(lambda x: linear(x).squeeze(1), images)
    assert penalty.item() == pytest.approx(weight.square().sum().item() / 2, rel=1e-5)
    penalty.backward()  # of |w|²/2: w itself
    assert weight.grad is not None
    assert torch.allclose(weight.grad, weight, atol=1e-6)
    squared = zero_centered_gradient_penalty(lambda x: x.square().sum(dim=(1, 2, 3)) / 2, images)
    assert squared.item() == pytest.approx(images.square().sum(dim=(1, 2, 3)).mean().item() / 2, rel=1e-5)


@pytest.mark.parametrize("kernel", [4, 5, "smeared"])
def test_the_penalty_has_the_gradients_of_plain_convolutions(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.rand(4, 2, 28, 28)
    network = Discriminator(28, 2, 4, kernel, "none", minibatch_stddev=True)
    initialize(network, torch.Generator().manual_seed(0))

    def gradients() -> list[Tensor]:
        network.zero_grad()
        zero_centered_gradient_penalty(network, images).backward()
        return [weight.grad.clone() for weight in network.parameters() if weight.grad is not None]

    plain = network(images)
    with DoubleBackwardConvolutions():
        twice = network(images)
    assert torch.equal(twice, plain)
    assert {node.name() for node in convolutions(twice)} == {"ConvolutionBackward"}
    assert {node.name() for node in convolutions(plain)} == {"ConvolutionBackward0"}
    penalty = zero_centered_gradient_penalty(network, images)
    assert "ConvolutionBackward" in {node.name() for node in convolutions(penalty)}
    found = gradients()
    monkeypatch.setattr(
        DoubleBackwardConvolutions,
        "__torch_function__",
        lambda _, func, __, args=(), kwargs=None: func(*args, **kwargs or {}),
    )
    expected = gradients()
    assert len(found) == len(expected) == 5
    for one, other in zip(found, expected, strict=True):
        assert other.abs().max() > 1e-6
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-5 * other.abs().max().item())


def convolutions(result: Tensor) -> list[Node]:
    """Return the convolutions in the graph that computed the tensor."""
    found, open_nodes = [], [result.grad_fn]
    while open_nodes:
        node = open_nodes.pop()
        if node is not None:
            found.append(node)
            open_nodes += [before for before, _ in node.next_functions]
    return [node for node in found if node.name().startswith("Convolution")]


def test_the_convolution_has_the_derivatives_of_the_plain_one() -> None:
    """All first and second derivatives but those of the weights' own gradient, for sizes that do not divide evenly."""
    weight, bias = torch.randn(3, 2, 4, 5, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    for size, stride, padding in (((9, 10), 2, 1), ((8, 7), (2, 3), (1, 0))):
        x = torch.randn(2, 2, *size, dtype=torch.float64, requires_grad=True)
        ours, plain = Convolution.apply(x, weight, bias, stride, padding), conv2d(x, weight, bias, stride, padding)
        assert torch.equal(ours, plain)
        one, other = (torch.autograd.grad(y.square().sum(), x, create_graph=True)[0] for y in (ours, plain))
        assert torch.allclose(one, other)
        again = [torch.autograd.grad(gradient.square().sum(), x)[0] for gradient in (one, other)]
        assert torch.allclose(*again)


# One step

FAST = replace(TINY, learning_rate_g=0.01, learning_rate_d=0.01)


def prepare(settings: Settings, count: int = 8, images_seen: int = 0) -> tuple[TrainState, StepInputs]:
    """Return a new state and the inputs of a step with `count` images."""
    images = faces(count)
    inputs = feed(Batches(torch.from_numpy(images), count, settings), images_seen, settings)
    return fresh(settings, images), inputs


def sgd(parameters: Iterable[nn.Parameter], rate: float = 1e-3) -> torch.optim.Optimizer:
    """Return plain gradient descent."""
    return torch.optim.SGD(parameters, lr=torch.tensor(rate, dtype=torch.float64))


def use_plain_descent(state: TrainState) -> list[nn.Module]:
    """Replace Adam, which divides tiny gradients by themselves, and return the networks."""
    networks = list(list_networks(state).values())[: len(list_optimizers(state))]
    for name, network in zip(("optimizer_g", "optimizer_d", "optimizer_f"), networks, strict=True):
        setattr(state, name, sgd(network.parameters()))
    return networks


@pytest.mark.parametrize("settings", [TINY, CLASSIC], ids=lambda settings: settings.recipe)
def test_a_step_changes_the_networks_and_reports_what_the_losses_were(settings: Settings) -> None:
    state, inputs = prepare(settings)
    # A relativistic loss does not know of D's last bias.
    trained = [*state.generator.parameters(), *state.discriminator.downsample.parameters()]
    if state.feature_discriminator is not None:
        trained += [weight for name, weight in state.feature_discriminator.named_parameters() if "weight" in name]
    before = [parameter.clone() for parameter in trained]
    loss_d, loss_g, loss_f, d_real, d_fake, realness, strength = train_step(state, inputs, settings).tolist()
    assert all(not torch.equal(old, new) for old, new in zip(before, trained, strict=True))
    assert 0.1 < loss_d < 2
    assert 0.1 < loss_g < 3
    assert 0.6 < loss_f < 0.8 if settings.feature_weight else loss_f == 0
    assert 0.2 < d_real < 0.9
    assert 0.1 < d_fake < 0.8
    assert -1 <= realness <= 1
    assert strength == settings.augment_p
    assert all(parameter.requires_grad for parameter in state.discriminator.parameters())


def test_penalties_come_every_so_many_steps_and_weigh_as_much_more() -> None:
    """D(x) = w·x with all else switched off moves by SGD along the penalty alone: the step is γ·k·w."""
    for every, expected in ((1, [1, 1, 1]), (2, [2, 0, 2])):
        settings = replace(TINY, r1=0.25, penalty_every=every, augment="none")
        linear = Linear()
        for step, share in enumerate(expected):
            state, inputs = prepare(settings, images_seen=8 * step)
            state.discriminator = state.discriminate = linear  # type: ignore[assignment]
            state.optimizer_d = sgd(linear.parameters(), 1.0)  # type: ignore[assignment]
            linear.weight.data.fill_(0.5)
            real = inputs.real
            state.generate = lambda _, real=real: real.clone().requires_grad_(True)  # no difference, so no loss
            state.optimizer_g = sgd([nn.Parameter(torch.zeros(1))])  # type: ignore[assignment]
            train_step(state, inputs, settings)
            assert torch.allclose(linear.weight, torch.tensor(0.5 * (1 - 0.25 * share)), atol=1e-5)


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(28 * 28))

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1) @ self.weight


def test_fakes_are_compared_with_faces_as_the_updated_discriminator_sees_them() -> None:
    """D(x) = w·x moves far in its update: faces judged before it would be compared on another level."""
    settings = replace(TINY, r1=0.0)
    state, inputs = prepare(settings)
    linear, fake = Linear(), torch.full_like(inputs.real, 0.1)
    used: list[Tensor] = []

    def brighten(images: Tensor, names: tuple[str, ...], strength: Tensor, numbers: Tensor) -> Tensor:
        used.append(numbers)
        return images + 1

    state.augment = brighten
    state.discriminator = state.discriminate = linear  # type: ignore[assignment]
    state.optimizer_d = sgd(linear.parameters(), 1.0)  # type: ignore[assignment]
    state.generate = lambda _: fake.clone().requires_grad_(True)
    state.optimizer_g = sgd([nn.Parameter(torch.zeros(1))])  # type: ignore[assignment]
    _, loss_g, *_ = train_step(state, inputs, settings).tolist()
    expected = losses.generator_loss("relativistic", linear(inputs.real + 1), linear(fake + 1))
    assert loss_g == pytest.approx(expected.item(), rel=1e-4)
    assert loss_g > 10
    real_numbers, fake_numbers = used[0].chunk(2)
    assert not (real_numbers == fake_numbers).any(), "each image has its own augmentation"
    assert not (used[1] == fake_numbers).any()


@pytest.mark.parametrize("parts", [2, 4])
def test_accumulated_gradients_are_those_of_the_whole_batch(parts: int) -> None:
    whole = replace(FAST, augment_p=1.0, norm_g="pixel", r1=1.0, r2=0.5, feature_r1=0.5, penalty_every=1)
    weights = []
    for settings in (whole, replace(whole, accumulate=parts)):
        state, inputs = prepare(settings, 16)
        networks = use_plain_descent(state)
        for _ in range(2):
            statistics = train_step(state, inputs, settings)
        weights.append([statistics, *(weight for network in networks for weight in network.parameters())])
    assert all(torch.allclose(one, other, atol=1e-5) for one, other in zip(*weights, strict=True))


def test_learning_rates_stay_and_then_fall_with_the_square_root_of_the_images() -> None:
    found = [compute_learning_rate_factor(images, 20.0) for images in (0, 20_000, 80_000, 2_000_000)]
    assert found == pytest.approx([1, 1, 0.5, 0.1])
    assert compute_learning_rate_factor(10**9, 0.0) == 1
    settings = replace(TINY, learning_rate_g=3e-4, learning_rate_d=1e-4, learning_rate_f=2e-4, decay_kimg=1.0)
    state, _ = prepare(settings)
    rates = [optimizer.param_groups[0]["lr"] for optimizer in list_optimizers(state).values()]
    state.images_seen = 4000
    set_learning_rates(state, settings)
    assert [rate.item() for rate in rates] == [1.5e-4, 0.5e-4, 1e-4], "the tensors are changed in place"


def test_two_updates_of_the_generator_for_one_of_the_discriminator() -> None:
    """As in DCGAN-tensorflow."""
    states = []
    for steps in (1, 2):
        settings = replace(CLASSIC, generator_steps=steps)
        state, inputs = prepare(settings)
        train_step(state, inputs, settings)
        states.append(state)
    once, twice = states
    assert torch.equal(once.discriminator.classify.weight, twice.discriminator.classify.weight)
    assert not torch.equal(once.generator.project.weight, twice.generator.project.weight)


def test_the_strength_of_augmentation_follows_the_realness() -> None:
    settings = replace(TINY, augment_p=0.5, augment_target=0.6, augment_kimg=1.0)
    state = fresh(settings, faces())
    for realness, expected in ((1.0, 0.6), (1.0, 0.7), (-1.0, 0.6)):
        state.realness.fill_(realness)
        adapt_strength(state, torch.tensor(realness), 100, settings)
        assert state.strength.item() == pytest.approx(expected)
    state.strength.fill_(0.75)
    state.realness.fill_(1.0)
    adapt_strength(state, torch.tensor(1.0), 100, settings)
    assert state.strength.item() == pytest.approx(0.8), "stronger ones leak into the samples"
    fixed = replace(settings, augment_target=0.0)
    state = fresh(fixed, faces())
    adapt_strength(state, torch.tensor(1.0), 500, fixed)
    assert state.strength.item() == 0.5
    assert state.realness.item() == pytest.approx(0.5), "the half-life is 500 images"


def test_compiled_steps_are_the_plain_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the compiler's tracing and autograd, without its code generation, which takes a minute and needs C++."""
    traced = functools.partial(torch.compile, backend="aot_eager")
    monkeypatch.setattr(torch, "compile", traced)
    weights = []
    augmented = replace(FAST, augment_p=1.0)
    for settings in (augmented, replace(augmented, compile=True)):
        state, inputs = prepare(settings)
        networks = use_plain_descent(state)
        for _ in range(2):
            statistics = train_step(state, inputs, settings)
        assert not any(name.startswith("_orig_mod") for name in state.discriminator.state_dict())
        assert (state.augment is not augment) == settings.compile
        weights.append([statistics, *(weight for network in networks for weight in network.parameters())])
    assert all(torch.allclose(one, other, atol=1e-5) for one, other in zip(*weights, strict=True))


@pytest.mark.parametrize(
    "settings", [TINY, CLASSIC, replace(FAST, accumulate=2, r2=1.0)], ids=("modern", "classic", "parts")
)
def test_a_step_is_a_function_of_its_state_and_inputs(settings: Settings) -> None:
    """The state of global random number generators and the counters of the state have no effect."""
    state, inputs = prepare(settings)
    other = copy.deepcopy(state)
    other.images_seen, other.steps = 10**6, 7
    before = copy.deepcopy(inputs)
    statistics = train_step(state, inputs, settings)
    torch.manual_seed(99)
    repeated = train_step(other, inputs, settings)
    assert torch.equal(statistics, repeated)
    other.images_seen, other.steps = state.images_seen, state.steps
    assert_same(state, other)
    tensors = ("real", "z", "real_numbers", "fake_numbers", "generator_numbers")
    assert all(torch.equal(getattr(inputs, name), getattr(before, name)) for name in tensors)


def test_parts_of_inputs_are_the_whole() -> None:
    settings = replace(TINY, generator_steps=2)
    _, inputs = prepare(settings, 7)
    parts = inputs.split(3)
    assert [part.scale for part in parts] == [3 / 7, 3 / 7, 1 / 7]
    for name, axis in (("real", 0), ("z", 0), ("real_numbers", 0), ("fake_numbers", 0), ("generator_numbers", 1)):
        assert torch.equal(torch.cat([getattr(part, name) for part in parts], axis), getattr(inputs, name))
