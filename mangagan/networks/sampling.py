"""From a generator to pictures: latents, images, walks between latents."""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from mangagan.networks.dcgan import Generator

BATCH = 64  # images drawn at once: bounds the memory


def latents(count: int, z_dim: int, seed: int | np.random.Generator) -> Tensor:
    """Draws latents from N(0, 1).

    Latent i depends on the seed and i alone: the first ten of a hundred are the ten. A generator in the seed's place
    goes on where it was: ten and then ninety are the hundred.

    Returns:
        float32 (count, z_dim), on the CPU.
    """
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((count, z_dim), dtype=np.float32))


@torch.no_grad()
def sample(generator: Generator, z: Tensor) -> np.ndarray:
    """Draws one image for each latent, in evaluation mode: no image depends on the others.

    Args:
        generator: on any device; its mode is left as it was.
        z: (N, z_dim), N at least 1.

    Returns:
        uint8 (N, channels, image_size, image_size).
    """
    device = next(generator.parameters()).device
    training = generator.training
    generator.eval()
    # Every batch has the same size: kernels round differently for different ones.
    padded = torch.cat([z, z.new_zeros(-len(z) % BATCH, z.shape[1])])
    images = [to_uint8(generator(part.to(device))).cpu() for part in torch.split(padded, BATCH)]
    generator.train(training)
    return torch.cat(images)[: len(z)].numpy()


def to_uint8(images: Tensor) -> Tensor:
    """Maps [-1, 1] to 0 … 255."""
    return ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).contiguous()


def interpolate(z: Tensor, steps: int) -> Tensor:
    """Walks through latents on great circles (slerp: White 2016, arXiv 1609.04468), where N(0, 1) has its mass.

    Args:
        z: (K, z_dim), the latents to pass through, K at least 2.
        steps: steps from one latent to the next, at least 1.

    Returns:
        float32 ((K-1)·steps + 1, z_dim); row k·steps is z[k].
    """
    shares = torch.arange(steps, dtype=z.dtype)[:, None] / steps
    legs = [slerp(start, end, shares) for start, end in pairwise(z)]
    return torch.cat([*legs, z[-1:]])


def slerp(start: Tensor, end: Tensor, shares: Tensor) -> Tensor:
    """Spherical interpolation of (z_dim,) and (z_dim,) at shares (S, 1) in [0, 1]: (S, z_dim)."""
    cosine = torch.dot(start / start.norm(), end / end.norm()).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if not torch.sin(angle) > 1e-4:  # parallel, or 0 (an angle of NaN): the circle is a line, or is not defined
        return torch.lerp(start, end, shares)
    return (torch.sin((1 - shares) * angle) * start + torch.sin(shares * angle) * end) / torch.sin(angle)
