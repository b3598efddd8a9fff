"""One training step: an update of the discriminators, then of G on the same latents.

A step is a function of tensors: the state and its inputs. It draws no random numbers and reads nothing from the device,
so that it can be captured in a CUDA graph.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from mangagan.gan import distributed
from mangagan.gan.augment import MAX_STRENGTH
from mangagan.gan.batches import StepInputs
from mangagan.gan.config import Settings
from mangagan.gan.curves import STATISTICS
from mangagan.gan.feature_loss import (
    FeaturePass,
    accumulate_feature_gradients,
    compute_generator_feature_loss,
    compute_reference_feature_logits,
)
from mangagan.gan.losses import discriminator_loss, generator_loss, mean_probabilities, measure_realness
from mangagan.gan.penalty import zero_centered_gradient_penalty
from mangagan.gan.precision import use_precision
from mangagan.gan.state import TrainState
from mangagan.networks.dcgan import MEMORY_FORMAT
from mangagan.networks.layers import STDDEV_GROUP

REALNESS_IMAGES = 500.0  # half-life of the averaged realness [images]


@dataclass(frozen=True)
class DiscriminatorPass:
    """Results of D's forward pass on a batch or a part of one.

    Attributes:
        loss: Loss of D (), weighted by the part's share of the batch.
        real_logits: Logits (N,) of the real images.
        fake_logits: Logits (N,) of the generated images.
        real_view: Real images (N, C, H, W) as D saw them.
        features: Results of the discriminators on features.
        fake: Generated images (N, C, H, W) with their graph; None if the batch is split, to hold one graph at a time.
    """

    loss: Tensor
    real_logits: Tensor
    fake_logits: Tensor
    real_view: Tensor
    features: FeaturePass
    fake: Tensor | None


@dataclass(frozen=True)
class ReferenceLogits:
    """Logits of the real images, for the relativistic loss of G.

    Attributes:
        logits: Logits (N,) of D.
        feature_logits: Logits (N,) of each discriminator on features.
    """

    logits: Tensor
    feature_logits: list[Tensor]


def train_step(state: TrainState, inputs: StepInputs, settings: Settings) -> Tensor:
    """Update the discriminators, then G, then the strength of the augmentation.

    With `accumulate` above 1, gradients are summed over parts of the batch. The step is the same up to rounding, except
    that BatchNorm normalizes each part separately, and so does the minibatch standard deviation if the size of a part
    is not a multiple of its group.

    Args:
        state: Networks, optimizers and strength; updated in place.
        inputs: Images and random numbers of this process.
        settings: Settings of the run.

    Returns:
        `curves.STATISTICS` before the update, (7,) on the device.
    """
    parts = inputs.split(settings.accumulate)
    zero = torch.zeros_like(state.strength)

    discriminators = list_discriminators(state)
    for _, optimizer in discriminators:
        optimizer.zero_grad()
    if state.feature_discriminator is not None:
        state.feature_discriminator.update_spectral_norms()
    passes = [accumulate_discriminator_gradients(state, part, settings) for part in parts]
    for network, optimizer in discriminators:
        distributed.average_gradients(network)
        optimizer.step()

    references = [compute_reference(state, each, settings) for each in passes]
    for repeat in range(settings.generator_steps):
        state.optimizer_g.zero_grad()
        # Without the gradients of D's weights its backward pass takes a third less.
        with freeze([network for network, _ in discriminators]):
            losses_g = [
                accumulate_generator_gradients(state, part, each.fake, reference, repeat, settings)
                for part, each, reference in zip(parts, passes, references, strict=True)
            ]
        distributed.average_gradients(state.generator)
        state.optimizer_g.step()

    real_logits = distributed.gather(torch.cat([each.real_logits for each in passes]))
    fake_logits = distributed.gather(torch.cat([each.fake_logits for each in passes]))
    losses_d, losses_f = [each.loss for each in passes], [each.features.loss for each in passes]
    losses = torch.stack([sum(values, zero) for values in (losses_d, losses_g, losses_f)])
    loss_d, loss_g, loss_f = distributed.average(losses)
    d_real, d_fake = mean_probabilities(settings.loss, real_logits, fake_logits)
    realness = measure_realness(settings.loss, real_logits, fake_logits)
    statistics = {"loss_d": loss_d, "loss_g": loss_g, "loss_f": loss_f, "d_real": d_real, "d_fake": d_fake}
    statistics |= {"realness": realness, "augment_p": state.strength}
    reported = torch.stack([statistics[name] for name in STATISTICS])
    adapt_strength(state, realness, len(real_logits), settings)
    return reported


def accumulate_discriminator_gradients(state: TrainState, inputs: StepInputs, settings: Settings) -> DiscriminatorPass:
    """Add the gradients of D's loss and of its penalties R1 and R2."""
    keep_graph = inputs.scale == 1  # the update of G uses it
    with torch.set_grad_enabled(keep_graph):
        fake = generate(state, inputs.z, settings)
    both = torch.cat([inputs.real, fake.detach()])
    views = augment(state, both, torch.cat([inputs.real_numbers, inputs.fake_numbers]), settings)
    real_view, fake_view = views.chunk(2)
    real_logits, fake_logits = discriminate_both(state, views, settings)
    loss = discriminator_loss(settings.loss, real_logits, fake_logits) * inputs.scale
    torch.autograd.backward(loss)
    for gamma, images in ((settings.r1, real_view), (settings.r2, fake_view)):
        if inputs.penalize and gamma:
            penalty = zero_centered_gradient_penalty(state.discriminator, images)
            torch.autograd.backward(penalty * (gamma * settings.penalty_every * inputs.scale))
    features = accumulate_feature_gradients(state, views, inputs, settings)
    fake_or_none = fake if keep_graph else None
    return DiscriminatorPass(
        loss.detach(), real_logits.detach(), fake_logits.detach(), real_view, features, fake_or_none
    )


def accumulate_generator_gradients(
    state: TrainState,
    inputs: StepInputs,
    fake: Tensor | None,
    reference: ReferenceLogits,
    repeat: int,
    settings: Settings,
) -> Tensor:
    """Add the gradients of G's loss. Return the loss from D (), without that from the discriminators on features.

    Args:
        state: Networks; the discriminators frozen.
        inputs: Latents and random numbers.
        fake: Images that D's update generated, with their graph; used in the first update of G.
        reference: Logits of the real images.
        repeat: Number of this update of G in the step, from 0.
        settings: Settings of the run.
    """
    if fake is None or repeat > 0:
        fake = generate(state, inputs.z, settings)
    view = augment(state, fake, inputs.generator_numbers[repeat], settings)
    loss = generator_loss(settings.loss, reference.logits, discriminate(state, view, settings)) * inputs.scale
    total = loss
    if state.feature_discriminator is not None:
        total = loss + compute_generator_feature_loss(state, view, reference.feature_logits, settings) * inputs.scale
    torch.autograd.backward(total)
    return loss.detach()


def compute_reference(state: TrainState, before: DiscriminatorPass, settings: Settings) -> ReferenceLogits:
    """Return the logits of the real images, for the relativistic loss of G."""
    feature_logits = compute_reference_feature_logits(state, before.features, settings)
    return ReferenceLogits(compute_reference_logits(state, before, settings), feature_logits)


def compute_reference_logits(state: TrainState, before: DiscriminatorPass, settings: Settings) -> Tensor:
    """Return D's logits (N,) of the real images.

    A relativistic loss needs those of the updated D: an update shifts all logits by about as much as real and generated
    ones differ, and pre-update logits would add this shift to the loss of G. Other losses do not use the result.
    """
    if settings.loss != "relativistic":
        return before.real_logits
    with torch.no_grad():
        return discriminate(state, before.real_view, settings)


def adapt_strength(state: TrainState, realness: Tensor, batch_size: int, settings: Settings) -> None:
    """Move the strength of the augmentation: up if the averaged realness exceeds `augment_target`, else down (ADA)."""
    state.realness.lerp_(realness, 1 - 0.5 ** (batch_size / REALNESS_IMAGES))
    if settings.augment_target:
        change = (state.realness - settings.augment_target).sign() * (batch_size / (1000 * settings.augment_kimg))
        state.strength.add_(change).clamp_(0, MAX_STRENGTH)


def augment(state: TrainState, images: Tensor, numbers: Tensor, settings: Settings) -> Tensor:
    """Augment images for D."""
    if settings.augmentations:
        images = state.augment(images, settings.augmentations, state.strength, numbers)
    return images.contiguous(memory_format=MEMORY_FORMAT)


def generate(state: TrainState, z: Tensor, settings: Settings) -> Tensor:
    """Return G(z) in float32."""
    with use_precision(z, settings):
        return state.generate(z).float()


def discriminate(state: TrainState, images: Tensor, settings: Settings) -> Tensor:
    """Return D's logits in float32."""
    with use_precision(images, settings):
        return state.discriminate(images).float()


def discriminate_both(state: TrainState, both: Tensor, settings: Settings) -> tuple[Tensor, Tensor]:
    """Return D's logits of real images and of as many generated ones; in one pass if this does not change them."""
    real, fake = both.chunk(2)
    if settings.norm_d == "batch" or len(real) % STDDEV_GROUP:
        return discriminate(state, real, settings), discriminate(state, fake, settings)
    real_logits, fake_logits = discriminate(state, both, settings).chunk(2)
    return real_logits, fake_logits


def list_discriminators(state: TrainState) -> list[tuple[torch.nn.Module, torch.optim.Adam]]:
    """Return the discriminators with their optimizers."""
    discriminators: list[tuple[torch.nn.Module, torch.optim.Adam]] = [(state.discriminator, state.optimizer_d)]
    if state.feature_discriminator is not None and state.optimizer_f is not None:
        discriminators.append((state.feature_discriminator, state.optimizer_f))
    return discriminators


@contextmanager
def freeze(networks: list[torch.nn.Module]) -> Iterator[None]:
    """Disable the gradients of the networks' weights within the context."""
    for network in networks:
        network.requires_grad_(False)
    try:
        yield
    finally:
        for network in networks:
            network.requires_grad_(True)
