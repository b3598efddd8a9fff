"""The moving average of the generator's weights: its images are smoother than those of any single step."""

import copy

import torch
from torch import Tensor, nn

from mangagan.networks.dcgan import Generator


def ema_beta(half_life_kimg: float, ramp: float, images_seen: int, batch_size: int) -> float:
    """Return the share of the average that one step keeps.

    As in StyleGAN2: β = 0.5^(batch size / half-life). The half-life is at most `ramp` of the images shown, so that the
    average soon forgets the random initial weights.

    Args:
        half_life_kimg: Half-life of the weight of a step, above 0 [kimg].
        ramp: Maximum half-life as a share of the images shown.
        images_seen: Images shown, including those of this step.
        batch_size: Images of this step.
    """
    half_life = min(half_life_kimg * 1000, ramp * images_seen)
    return float(0.5 ** (batch_size / max(half_life, 1e-8)))


@torch.no_grad()
def update_average(average: Generator, generator: Generator, beta: float) -> None:
    """Move the averaged weights towards the generator's. BatchNorm statistics do not change: see `calibrate`."""
    torch._foreach_lerp_(list(average.parameters()), list(generator.parameters()), 1 - beta)


@torch.no_grad()
def calibrate(average: Generator, z: Tensor, batch_size: int = 64) -> Generator:
    """Return a copy whose BatchNorm statistics are those of its own activations.

    Averaged weights need their own statistics: those of the generator, or their average, do not match the weights.

    Args:
        average: Generator; not changed.
        z: Latents (N, z_dim) on any device, from which the statistics are computed.
        batch_size: Latents per batch. An incomplete last batch is not used. Default: 64.
    """
    result = copy.deepcopy(average)
    norms = [module for module in result.modules() if isinstance(module, nn.BatchNorm2d)]
    if not norms:
        return result
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # mean over all batches
    device = next(result.parameters()).device
    result.train()
    for start in range(0, len(z) - batch_size + 1, batch_size):
        result(z[start : start + batch_size].to(device))
    for norm in norms:
        norm.momentum = 0.1
        assert norm.num_batches_tracked is not None
        norm.num_batches_tracked.zero_()
    return result
