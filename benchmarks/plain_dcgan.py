"""A plain DCGAN of 112 px and its training loop, in the manner of the DCGAN example of PyTorch (pytorch/examples).

Transposed convolutions, BatchNorm in both networks, binary cross-entropy, Adam, two backward passes for D, no mirroring
and no moving average. The networks and the loop share no code with the recipes of this project.

Differences from the example, which trains at 64 px: the first feature maps have 7×7 pixels instead of 4×4, and the
batches are read from memory instead of by a DataLoader, which is faster. Samples are generated in training mode, in
batches of 64, as in the example.
"""

import copy
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from mangagan.gan.state import Sampler
from mangagan.networks.sampling import draw_latents, to_uint8

BASE_SIZE = 7  # side of the first feature maps of G and the last of D [px]; four layers double it to 112
Z_DIM = 100
BATCH_SIZE = 64
LEARNING_RATE = 2e-4
BETAS = (0.5, 0.999)
LEAKY_SLOPE = 0.2
INIT_STD = 0.02
SAMPLE_SEED = 0  # seed of the latents of the samples

# Called before every step with the number of images shown and a sampler; True ends the training.
Observe = Callable[[int, Sampler], bool]


def train(faces: np.ndarray, base_channels: int, observe: Observe) -> None:
    """Train until `observe` returns True. The weights depend on the seed of torch.

    Args:
        faces: uint8 (N, C, 112, 112), N at least 2.
        base_channels: Feature maps next to the image; each further layer has twice as many.
        observe: See `Observe`.

    Raises:
        FloatingPointError: The training diverged.
    """
    generator = build_generator(faces.shape[1], base_channels)
    discriminator = build_discriminator(faces.shape[1], base_channels)
    optimizer_g, optimizer_d = (
        torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, betas=BETAS) for network in (generator, discriminator)
    )
    criterion = nn.BCELoss()

    def backward(images: Tensor, target: float) -> Tensor:
        probabilities = discriminator(images).flatten()
        loss: Tensor = criterion(probabilities, torch.full_like(probabilities, target))
        torch.autograd.backward(loss)
        return loss

    for step, real in enumerate(iterate_batches(faces, BATCH_SIZE)):
        if observe(step * len(real), lambda count: generate_samples(generator, count)):
            return
        discriminator.zero_grad()
        fake = generator(torch.randn(len(real), Z_DIM, 1, 1))
        loss_d = backward(real, 1.0) + backward(fake.detach(), 0.0)
        optimizer_d.step()
        generator.zero_grad()
        loss_g = backward(fake, 1.0)
        optimizer_g.step()
        check_losses(step * len(real), loss_d, loss_g)


def build_generator(channels: int, base_channels: int) -> nn.Sequential:
    """Return G: latents (N, Z_DIM, 1, 1) to images (N, channels, 112, 112) in [-1, 1]."""
    widths = [base_channels << level for level in (3, 2, 1, 0)]
    layers: list[nn.Module] = [nn.ConvTranspose2d(Z_DIM, widths[0], BASE_SIZE, bias=False)]
    layers += [nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True)]
    for in_channels, out_channels in pairwise(widths):
        layers.append(nn.ConvTranspose2d(in_channels, out_channels, 4, 2, 1, bias=False))
        layers += [nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)]
    layers += [nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1, bias=False), nn.Tanh()]
    return initialize(nn.Sequential(*layers))


def build_discriminator(channels: int, base_channels: int) -> nn.Sequential:
    """Return D: images (N, channels, 112, 112) in [-1, 1] to the probabilities (N, 1, 1, 1) of being real."""
    widths = [base_channels << level for level in (0, 1, 2, 3)]
    layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 4, 2, 1, bias=False)]
    layers.append(nn.LeakyReLU(LEAKY_SLOPE, inplace=True))
    for in_channels, out_channels in pairwise(widths):
        layers += [nn.Conv2d(in_channels, out_channels, 4, 2, 1, bias=False), nn.BatchNorm2d(out_channels)]
        layers.append(nn.LeakyReLU(LEAKY_SLOPE, inplace=True))
    layers += [nn.Conv2d(widths[-1], 1, BASE_SIZE, bias=False), nn.Sigmoid()]
    return initialize(nn.Sequential(*layers))


def initialize(network: nn.Sequential) -> nn.Sequential:
    """Initialize the weights as in the DCGAN paper, N(0, 0.02), and return the network."""
    for module in network:
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, INIT_STD)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, INIT_STD)
    return network


def iterate_batches(faces: np.ndarray, batch_size: int) -> Iterator[Tensor]:
    """Yield shuffled batches without end, float32 (B, C, H, W) in [-1, 1]; drop the incomplete last batch."""
    images = torch.from_numpy(faces)
    size = min(batch_size, len(images))
    while True:
        for indices in torch.split(torch.randperm(len(images)), size):
            if len(indices) == size:
                yield images[indices].float() / 127.5 - 1


@torch.no_grad()
def generate_samples(generator: nn.Sequential, count: int) -> np.ndarray:
    """Generate images in training mode from fixed latents, uint8 (count, C, 112, 112); do not change the generator."""
    generator = copy.deepcopy(generator)  # a pass in training mode changes the BatchNorm statistics
    z = draw_latents(-(-count // BATCH_SIZE) * BATCH_SIZE, Z_DIM, SAMPLE_SEED)[:, :, None, None]
    return torch.cat([to_uint8(generator(batch)) for batch in torch.split(z, BATCH_SIZE)])[:count].numpy()


def check_losses(images_seen: int, *losses: Tensor) -> None:
    """Raise FloatingPointError if a loss is NaN or infinite."""
    if not all(loss.isfinite() for loss in losses):
        raise FloatingPointError(f"training diverged (NaN) after {images_seen / 1000:.1f} kimg")
