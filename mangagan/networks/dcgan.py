"""The DCGAN of Radford, Metz and Chintala (2016, arXiv 1511.06434), for images of base·2ⁿ pixels."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from mangagan.core.image_size import factor_size
from mangagan.networks.layers import (
    Kernel,
    NormD,
    NormG,
    SmearedConv2d,
    append_stddev,
    build_downsampling,
    build_norm,
    build_upsampling,
    count_inputs,
)

Latent = Literal["uniform", "normal"]

LEAKY_SLOPE = 0.2
INIT_STD = 0.02
MEMORY_FORMAT = torch.channels_last  # measured: 1.15 to 2.4 times as fast as contiguous on a CPU, for every width


class Generator(nn.Module):
    """Map latents (N, z_dim) to images (N, channels, image_size, image_size) in [-1, 1].

    A linear projection, then stride-2 transposed convolutions: 7 → 14 → 28 → 56 → 112 px for the default size.

    Args:
        image_size: Height and width [px]: 4, 5, 6 or 7 times a power of two.
        channels: 1 for gray, 3 for RGB.
        z_dim: Length of a latent.
        base_channels: Feature maps before the last layer. Each earlier layer has twice as many: 64 gives
            512-256-128-64.
        kernel: Kernel size of the convolutions [px]: 4 is a multiple of the stride, 5 is the value of DCGAN-tensorflow.
            "smeared": `SmearedConv2d`.
        norm: Normalization after each layer except the last.
        latent: Distribution of the latents that the network is trained with. `forward` always takes latents from
            N(0, 1) and converts them to uniform ones if needed. Sampling, interpolation and truncation are therefore
            the same for both.
        skips: Sum up images of all levels, from 7 px to the full size, as StyleGAN2 does (Karras et al. 2020,
            arXiv 1912.04958, figure 7b).
    """

    def __init__(
        self,
        image_size: int = 112,
        channels: int = 1,
        z_dim: int = 100,
        base_channels: int = 64,
        kernel: Kernel = 4,
        norm: NormG = "batch",
        latent: Latent = "normal",
        skips: bool = False,
    ) -> None:
        super().__init__()
        self.image_size, self.channels, self.z_dim, self.base_channels = image_size, channels, z_dim, base_channels
        self.kernel, self.norm, self.latent, self.skips = kernel, norm, latent, skips
        self.base, doublings = factor_size(image_size)
        widths = [base_channels << level for level in reversed(range(doublings))]
        # The attribute names are the keys of the weights file.
        self.project = nn.Linear(z_dim, widths[0] * self.base**2, bias=norm == "none")
        self.first = build_norm(norm, widths[0])
        self.upsample = nn.Sequential(*build_up_blocks(widths, kernel, norm))
        self.draw = build_upsampling(widths[-1], channels, kernel)
        self.sketch = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in widths if skips)

    def forward(self, z: Tensor) -> Tensor:
        """Return one image for each latent of N(0, 1)."""
        if self.latent == "uniform":
            z = torch.erf(z / 2**0.5)  # 2Φ(z) - 1: uniform in [-1, 1]
        x = self.project(z).view(z.shape[0], -1, self.base, self.base)  # ONNX export would make len(z) a constant
        x = torch.relu(self.first(x))
        if not self.skips:
            return torch.tanh(self.draw(self.upsample(x)))
        image = self.sketch[0](x)
        for block, sketch in zip(self.upsample, self.sketch[1:], strict=True):
            x = block(x)
            image = interpolate(image, scale_factor=2.0, mode="bilinear") + sketch(x)
        return torch.tanh(interpolate(image, scale_factor=2.0, mode="bilinear") + self.draw(x))


class Discriminator(nn.Module):
    """Map images (N, channels, image_size, image_size) in [-1, 1] to logits (N,); a logit above 0 means "real".

    The architecture mirrors the generator. With BatchNorm a logit depends on the other images of its batch. With the
    minibatch standard deviation it depends on the other images of its group of four.

    Args:
        image_size: Height and width [px]: 4, 5, 6 or 7 times a power of two.
        channels: 1 for gray, 3 for RGB.
        base_channels: Feature maps after the first layer. Each later layer has twice as many.
        kernel: Kernel size of the convolutions [px], or "smeared", see `SmearedConv2d`.
        norm: Normalization after each layer except the first. The paper omits the first as well: with it, the samples
            oscillated.
        minibatch_stddev: Append a feature map with the standard deviation within a group of images.
        bias: Add a bias to the logits. Losses that use only differences of logits give it no gradient, and Adam would
            turn rounding errors into a random walk. Use False for them.
    """

    def __init__(
        self,
        image_size: int = 112,
        channels: int = 1,
        base_channels: int = 64,
        kernel: Kernel = 4,
        norm: NormD = "batch",
        minibatch_stddev: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.norm, self.minibatch_stddev = norm, minibatch_stddev
        base, doublings = factor_size(image_size)
        widths = [base_channels << level for level in range(doublings)]
        first = [build_downsampling(channels, widths[0], kernel), nn.LeakyReLU(LEAKY_SLOPE, inplace=True)]
        self.downsample = nn.Sequential(*first, *build_down_blocks(widths, kernel, norm))
        self.classify = nn.Linear((widths[-1] + minibatch_stddev) * base**2, 1, bias)

    def forward(self, images: Tensor) -> Tensor:
        """Return one logit for each image."""
        features = self.downsample(images)
        if self.minibatch_stddev:
            features = append_stddev(features)
        logits: Tensor = self.classify(features.flatten(1))
        return logits.squeeze(1)


def build_up_blocks(widths: list[int], kernel: Kernel, norm: NormG) -> Iterator[nn.Module]:
    """Yield the hidden layers of the generator; each doubles the size."""
    for wide, narrow in pairwise(widths):
        layer = build_upsampling(wide, narrow, kernel, bias=norm != "batch")
        yield nn.Sequential(layer, build_norm(norm, narrow), nn.ReLU(inplace=True))


def build_down_blocks(widths: list[int], kernel: Kernel, norm: NormD) -> Iterator[nn.Module]:
    """Yield the hidden layers of the discriminator after the first; each convolution halves the size."""
    for narrow, wide in pairwise(widths):
        yield build_downsampling(narrow, wide, kernel, bias=norm != "batch")
        yield build_norm(norm, wide)
        yield nn.LeakyReLU(LEAKY_SLOPE, inplace=True)


def initialize(network: Generator | Discriminator, generator: torch.Generator) -> None:
    """Initialize the weights.

    With BatchNorm as in the DCGAN paper: N(0, 0.02), and N(1, 0.02) for the scales of BatchNorm. Without it
    N(0, 2 / fan-in), which keeps the variance from layer to layer (He et al. 2015, arXiv 1502.01852). Biases are 0.

    Args:
        network: Network on the CPU, so that the weights are the same for every device.
        generator: Random number generator on the CPU.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | SmearedConv2d):
            std = INIT_STD if network.norm == "batch" else (2 / count_inputs(module)) ** 0.5
            nn.init.normal_(module.weight, 0.0, std, generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, INIT_STD, generator=generator)
        bias = getattr(module, "bias", None)
        if isinstance(bias, Tensor):
            nn.init.zeros_(bias)


def count_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters())
