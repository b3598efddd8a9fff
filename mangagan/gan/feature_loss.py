"""Losses and gradients of the discriminators on features, see `networks.feature_discriminator`."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mangagan.gan.batches import StepInputs
from mangagan.gan.config import Settings
from mangagan.gan.losses import discriminator_loss, generator_loss
from mangagan.gan.penalty import zero_centered_gradient_penalty
from mangagan.gan.precision import use_precision
from mangagan.gan.state import TrainState


@dataclass(frozen=True)
class FeaturePass:
    """Results of the update of the discriminators on features, for a batch or a part of one.

    Attributes:
        loss: Mean loss of the discriminators (), weighted by the part's share of the batch.
        real: Features of the real images, one tensor (N, C, H, W) for each scale. Empty without these discriminators.
    """

    loss: Tensor
    real: list[Tensor]


def accumulate_feature_gradients(
    state: TrainState, views: Tensor, inputs: StepInputs, settings: Settings
) -> FeaturePass:
    """Add the gradients of the discriminators on features.

    Args:
        state: Networks.
        views: Real images, then as many generated ones, as D sees them (2N, C, H, W).
        inputs: Inputs of the step: `penalize` and `scale`.
        settings: Settings of the run.
    """
    networks = state.feature_discriminator
    if networks is None:
        return FeaturePass(state.sums.new_zeros(()), [])
    with torch.no_grad():
        features = encode(state, views, settings)
    pairs = [logits.chunk(2) for logits in discriminate_features(state, features, settings)]
    losses = [discriminator_loss(settings.loss, real, fake) for real, fake in pairs]
    loss = torch.stack(losses).sum() * inputs.scale
    torch.autograd.backward(loss)
    real_features = [maps.chunk(2)[0] for maps in features]
    if inputs.penalize and settings.feature_r1:
        penalties = [
            zero_centered_gradient_penalty(network, maps) for network, maps in zip(networks, real_features, strict=True)
        ]
        weight = settings.feature_r1 * settings.penalty_every * inputs.scale
        torch.autograd.backward(torch.stack(penalties).sum() * weight)
    return FeaturePass(loss.detach() / len(losses), real_features)


def compute_reference_feature_logits(state: TrainState, before: FeaturePass, settings: Settings) -> list[Tensor]:
    """Return the logits (N,) of the real images, after the update, for each scale; see `compute_reference_logits`."""
    if settings.loss != "relativistic":  # the loss does not use them
        return [maps.new_zeros(len(maps)) for maps in before.real]
    with torch.no_grad():
        return discriminate_features(state, before.real, settings)


def compute_generator_feature_loss(
    state: TrainState, view: Tensor, reference_logits: list[Tensor], settings: Settings
) -> Tensor:
    """Return the weighted loss of G () from the discriminators on features.

    Args:
        state: Networks; the discriminators frozen.
        view: Generated images, as D sees them (N, C, H, W), with their graph.
        reference_logits: Result of `compute_reference_feature_logits`.
        settings: Settings of the run.
    """
    logits = discriminate_features(state, encode(state, view, settings), settings)
    losses = [generator_loss(settings.loss, real, fake) for real, fake in zip(reference_logits, logits, strict=True)]
    return settings.feature_weight * torch.stack(losses).sum()


def encode(state: TrainState, images: Tensor, settings: Settings) -> list[Tensor]:
    """Return the features of images for each scale, in float32."""
    with use_precision(images, settings):
        return [maps.float() for maps in state.encode(images)]


def discriminate_features(state: TrainState, features: list[Tensor], settings: Settings) -> list[Tensor]:
    """Return the logits (N,) of features for each scale, in float32; empty without these discriminators."""
    if state.feature_discriminator is None:
        return []
    with use_precision(features[0], settings):
        return [logits.float() for logits in state.feature_discriminator(features)]
