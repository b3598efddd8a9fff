"""Latents, images of a generator, and interpolation between latents."""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from mangagan.networks.dcgan import Generator

BATCH_SIZE = 64  # images generated at once; bounds the memory


def draw_latents(count: int, z_dim: int, seed: int | np.random.Generator) -> Tensor:
    """Draw latents from N(0, 1).

    Latent i depends only on the seed and i: the first ten of a hundred latents equal ten latents of the same seed.
    A NumPy generator continues its stream: ten latents followed by ninety equal a hundred.

    Args:
        count: Number of latents.
        z_dim: Length of a latent.
        seed: Seed, or a NumPy generator.

    Returns:
        float32 (count, z_dim) on the CPU.
    """
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((count, z_dim), dtype=np.float32))


@torch.no_grad()
def generate_images(generator: Generator, z: Tensor) -> np.ndarray:
    """Generate one image for each latent, in evaluation mode: no image depends on the others.

    Args:
        generator: Generator on any device. Its mode (training or evaluation) is restored.
        z: Latents (N, z_dim), N at least 1.

    Returns:
        uint8 (N, channels, image_size, image_size).
    """
    device = next(generator.parameters()).device
    training = generator.training
    generator.eval()
    # All batches have the same size, because kernels round differently for different batch sizes.
    padded = torch.cat([z, z.new_zeros(-len(z) % BATCH_SIZE, z.shape[1])])
    images = [to_uint8(generator(batch.to(device))).cpu() for batch in torch.split(padded, BATCH_SIZE)]
    generator.train(training)
    return torch.cat(images)[: len(z)].numpy()


def to_uint8(images: Tensor) -> Tensor:
    """Map [-1, 1] to uint8 [0, 255]."""
    return ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).contiguous()


def interpolate_latents(z: Tensor, steps: int) -> Tensor:
    """Interpolate between consecutive latents on great circles.

    Spherical interpolation keeps to the radius where N(0, 1) has its mass (White 2016, arXiv 1609.04468).

    Args:
        z: Latents (K, z_dim), K at least 2.
        steps: Steps from one latent to the next, at least 1.

    Returns:
        float32 ((K-1)·steps + 1, z_dim); row k·steps is z[k].
    """
    fractions = torch.arange(steps, dtype=z.dtype)[:, None] / steps
    segments = [slerp(start, end, fractions) for start, end in pairwise(z)]
    return torch.cat([*segments, z[-1:]])


def slerp(start: Tensor, end: Tensor, fractions: Tensor) -> Tensor:
    """Interpolate spherically between two latents.

    Args:
        start: Latent (z_dim,) at fraction 0.
        end: Latent (z_dim,) at fraction 1.
        fractions: Positions (S, 1) in [0, 1].

    Returns:
        float32 (S, z_dim).
    """
    cosine = torch.dot(start / start.norm(), end / end.norm()).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if not torch.sin(angle) > 1e-4:  # parallel latents, or a latent of zeros (the angle is NaN): interpolate linearly
        return torch.lerp(start, end, fractions)
    return (torch.sin((1 - fractions) * angle) * start + torch.sin(fractions * angle) * end) / torch.sin(angle)
