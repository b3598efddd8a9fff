"""The DCGAN of Radford, Metz and Chintala (2016, arXiv 1511.06434), for images of base·2ⁿ pixels."""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

# Feature maps shrink to between 4 and 7 pixels: 112 = 7·2⁴, 96 = 6·2⁴, 64 = 4·2⁴.
SMALLEST, LARGEST = 4, 7
KERNEL, STRIDE, PADDING = 4, 2, 1  # 4x4 divides evenly by the stride: no checkerboard, less work than the paper's 5x5
LEAK = 0.2
INIT_STD = 0.02
LAYOUT = torch.channels_last  # measured 1.15 to 2.4 times as fast as contiguous on a CPU, for every width


def factor_size(image_size: int) -> tuple[int, int]:
    """Writes the image size as base·2ⁿ.

    Args:
        image_size: height and width in pixels.

    Returns:
        base in 4 … 7 and the number of doublings, at least 1; (7, 4) for 112.

    Raises:
        ValueError: the size has no such form.
    """
    base, doublings = image_size, 0
    while base > LARGEST and base % 2 == 0:
        base, doublings = base // 2, doublings + 1
    if doublings == 0 or not SMALLEST <= base <= LARGEST:
        raise ValueError(f"image size must be 4, 5, 6 or 7 times a power of two (64, 96, 112, 128 …), not {image_size}")
    return base, doublings


class Generator(nn.Module):
    """Latents (N, z_dim) to images (N, channels, image_size, image_size) in [-1, 1].

    Project, reshape, then stride-2 transposed convolutions: 7 → 14 → 28 → 56 → 112 px for the default size.

    Args:
        image_size: pixels; 4, 5, 6 or 7 times a power of two.
        channels: 1 gray, 3 RGB.
        z_dim: length of a latent.
        base_channels: feature maps before the last layer, doubled by every layer before it; 64 gives 512-256-128-64.
    """

    def __init__(self, image_size: int = 112, channels: int = 1, z_dim: int = 100, base_channels: int = 64) -> None:
        super().__init__()
        self.image_size, self.channels, self.z_dim, self.base_channels = image_size, channels, z_dim, base_channels
        self.base, doublings = factor_size(image_size)
        widths = [base_channels << level for level in reversed(range(doublings))]
        self.project = nn.Linear(z_dim, widths[0] * self.base**2, bias=False)
        self.norm = nn.BatchNorm2d(widths[0])
        self.upsample = nn.Sequential(
            *up_blocks(widths), nn.ConvTranspose2d(widths[-1], channels, KERNEL, STRIDE, PADDING)
        )

    def forward(self, z: Tensor) -> Tensor:
        """Draws one image for each latent."""
        x = self.project(z).view(-1, self.norm.num_features, self.base, self.base)  # len(z) is a constant in an ONNX file
        return torch.tanh(self.upsample(torch.relu(self.norm(x))))


class Discriminator(nn.Module):
    """Images (N, channels, image_size, image_size) in [-1, 1] to logits (N,): above 0 means "real".

    The generator mirrored. BatchNorm makes a logit depend on the other images of its batch.

    Args:
        image_size: pixels; 4, 5, 6 or 7 times a power of two.
        channels: 1 gray, 3 RGB.
        base_channels: feature maps after the first layer, doubled by every layer after it.
    """

    def __init__(self, image_size: int = 112, channels: int = 1, base_channels: int = 64) -> None:
        super().__init__()
        base, doublings = factor_size(image_size)
        widths = [base_channels << level for level in range(doublings)]
        # No BatchNorm on the first layer, as in the paper: it made the samples oscillate.
        first = [nn.Conv2d(channels, widths[0], KERNEL, STRIDE, PADDING), nn.LeakyReLU(LEAK)]
        self.downsample = nn.Sequential(*first, *down_blocks(widths))
        self.classify = nn.Linear(widths[-1] * base**2, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Judges each image."""
        logits: Tensor = self.classify(self.downsample(images).flatten(1))
        return logits.squeeze(1)


def up_blocks(widths: list[int]) -> Iterator[nn.Module]:
    """The generator's hidden layers, each of which doubles the size."""
    for wide, narrow in pairwise(widths):
        yield nn.ConvTranspose2d(wide, narrow, KERNEL, STRIDE, PADDING, bias=False)
        yield nn.BatchNorm2d(narrow)
        yield nn.ReLU()


def down_blocks(widths: list[int]) -> Iterator[nn.Module]:
    """The discriminator's hidden layers after the first, each of which halves the size."""
    for narrow, wide in pairwise(widths):
        yield nn.Conv2d(narrow, wide, KERNEL, STRIDE, PADDING, bias=False)
        yield nn.BatchNorm2d(wide)
        yield nn.LeakyReLU(LEAK)


def initialize(network: nn.Module, generator: torch.Generator) -> None:
    """Draws the weights as the paper does: N(0, 0.02), BatchNorm's scales N(1, 0.02), biases 0.

    Args:
        network: on the CPU, so that the weights are the same for every device.
        generator: the source of randomness, on the CPU.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, INIT_STD, generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, INIT_STD, generator=generator)
        bias = getattr(module, "bias", None)
        if isinstance(bias, Tensor):
            nn.init.zeros_(bias)


def count_parameters(network: nn.Module) -> int:
    """The number of trained values."""
    return sum(parameter.numel() for parameter in network.parameters())
