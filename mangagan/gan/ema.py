"""The average of the generator over the last images: smoother than any one step of it, and what is delivered."""

import copy

import torch
from torch import Tensor, nn

from mangagan.networks.dcgan import Generator


def decay(half_life_kimg: float, ramp: float, images_seen: int, batch: int) -> float:
    """How much of the average one step keeps, so that a step's weight halves in `half_life_kimg`.

    As in StyleGAN2: 0.5^(batch / half-life in images), with the half-life at most `ramp` of the images seen, so that
    the random start is soon forgotten.

    Args:
        half_life_kimg: above 0.
        ramp: share of the images seen.
        images_seen: with those of this step.
        batch: images of this step.
    """
    half_life = min(half_life_kimg * 1000, ramp * images_seen)
    return float(0.5 ** (batch / max(half_life, 1e-8)))


@torch.no_grad()
def update(average: Generator, generator: Generator, keep: float) -> None:
    """Moves the average's weights towards the generator's; its BatchNorm statistics are left to `calibrated`."""
    torch._foreach_lerp_(list(average.parameters()), list(generator.parameters()), 1 - keep)


@torch.no_grad()
def calibrated(average: Generator, z: Tensor, batch: int = 64) -> Generator:
    """A copy whose BatchNorm statistics are those of its own activations.

    Neither the generator's statistics nor their average belong to averaged weights.

    Args:
        average: left as it is.
        z: (N, z_dim) on any device, the latents to take statistics of.
        batch: latents at once; what is left over of N is not used.
    """
    result = copy.deepcopy(average)
    norms = [module for module in result.modules() if isinstance(module, nn.BatchNorm2d)]
    if not norms:
        return result
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
    device = next(result.parameters()).device
    result.train()
    for start in range(0, len(z) - batch + 1, batch):
        result(z[start : start + batch].to(device))
    for norm in norms:
        norm.momentum = 0.1
        assert norm.num_batches_tracked is not None
        norm.num_batches_tracked.zero_()
    return result
