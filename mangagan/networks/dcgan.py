"""The DCGAN of Radford, Metz and Chintala (2016, arXiv 1511.06434), for images of base·2ⁿ pixels."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, conv_transpose2d, interpolate

Latent = Literal["uniform", "normal"]
NormG = Literal["batch", "pixel", "none"]
NormD = Literal["batch", "none"]
Kernel = Literal[4, 5, "smeared"]

# Feature maps shrink to between 4 and 7 pixels: 112 = 7·2⁴, 96 = 6·2⁴, 64 = 4·2⁴.
SMALLEST, LARGEST = 4, 7
STRIDE = 2
LEAK = 0.2
INIT_STD = 0.02
GROUP = 4  # images that are compared by the minibatch standard deviation
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
        kernel: of the convolutions: 4 px divide evenly by the stride, 5 are DCGAN-tensorflow's; see `Smeared`.
        norm: what follows each layer but the last.
        latent: the distribution that the network is trained on. It is always given latents from N(0, 1), and turns them
            into uniform ones itself: what draws, walks and truncates latents need not know.
        skips: every level adds its share to the image, from a sketch of 7 px to the full size, as in StyleGAN2 (Karras
            et al. 2020, arXiv 1912.04958, figure 7b).
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
        self.project = nn.Linear(z_dim, widths[0] * self.base**2, bias=norm == "none")
        self.first = norm_layer(norm, widths[0])
        self.upsample = nn.Sequential(*up_blocks(widths, kernel, norm))
        self.draw = upsampling(widths[-1], channels, kernel)
        self.sketch = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in widths if skips)

    def forward(self, z: Tensor) -> Tensor:
        """Draws one image for each latent of N(0, 1)."""
        if self.latent == "uniform":
            z = torch.erf(z / 2**0.5)  # 2Φ(z) - 1: uniform in [-1, 1]
        x = self.project(z).view(z.shape[0], -1, self.base, self.base)  # len(z) would be a constant in ONNX
        x = torch.relu(self.first(x))
        if not self.skips:
            return torch.tanh(self.draw(self.upsample(x)))
        image = self.sketch[0](x)
        for block, sketch in zip(self.upsample, self.sketch[1:], strict=True):
            x = block(x)
            image = interpolate(image, scale_factor=2.0, mode="bilinear") + sketch(x)
        return torch.tanh(interpolate(image, scale_factor=2.0, mode="bilinear") + self.draw(x))


class Discriminator(nn.Module):
    """Images (N, channels, image_size, image_size) in [-1, 1] to logits (N,): above 0 means "real".

    The generator mirrored. BatchNorm makes a logit depend on the other images of its batch, the minibatch standard
    deviation on those of its group of four.

    Args:
        image_size: pixels; 4, 5, 6 or 7 times a power of two.
        channels: 1 gray, 3 RGB.
        base_channels: feature maps after the first layer, doubled by every layer after it.
        kernel: of the convolutions.
        norm: what follows each layer but the first: none on it, as in the paper, where it made the samples oscillate.
        minibatch_stddev: adds a feature map that says how much the images of a group differ.
        bias: of the logits. A loss that looks at differences of logits has no gradient for it, and Adam would make a
            random walk of rounding errors.
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
        first = [downsampling(channels, widths[0], kernel), nn.LeakyReLU(LEAK, inplace=True)]
        self.downsample = nn.Sequential(*first, *down_blocks(widths, kernel, norm))
        self.classify = nn.Linear((widths[-1] + minibatch_stddev) * base**2, 1, bias)

    def forward(self, images: Tensor) -> Tensor:
        """Judges each image."""
        features = self.downsample(images)
        if self.minibatch_stddev:
            features = append_stddev(features)
        logits: Tensor = self.classify(features.flatten(1))
        return logits.squeeze(1)


def append_stddev(features: Tensor) -> Tensor:
    """Adds one map: the features' standard deviation over the images of a group, averaged over features and places.

    Karras et al. (2018, arXiv 1710.10196), section 3. Neighbours make a group, of GROUP images where the batch divides
    by it, else of the whole batch.

    Args:
        features: (N, C, H, W).

    Returns:
        (N, C + 1, H, W).
    """
    count, _, height, width = features.shape
    group = GROUP if count % GROUP == 0 else count
    grouped = features.float().reshape(count // group, group, -1)
    centered = grouped - grouped.mean(dim=1, keepdim=True)
    variance = centered.square().mean(dim=1)  # measured 40 times as fast as Tensor.var on a CPU
    deviation = (variance + 1e-8).sqrt().mean(dim=1).to(features.dtype)
    maps = deviation.repeat_interleave(group).view(count, 1, 1, 1).expand(count, 1, height, width)
    return torch.cat([features, maps], dim=1)


class PixelNorm(nn.Module):
    """Scales each pixel's features to a mean square of 1: a norm that does not look at other images (ProGAN)."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


def norm_layer(norm: NormG | NormD, channels: int) -> nn.Module:
    """The layer of that name."""
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    return PixelNorm() if norm == "pixel" else nn.Identity()


class Smeared(nn.Module):
    """A stride-2 layer whose kernel is a 3x3 one, smeared over 2x2 pixels: no phase of the grid is treated otherwise.

    Up: what nearest-neighbour upsampling and a 3x3 convolution compute, the cure for checkerboards (Odena et al. 2016,
    "Deconvolution and checkerboard artifacts"). Down: a 3x3 convolution and 2x2 mean pooling. Both at the price of one
    4x4 convolution at the lower resolution, since all three maps are linear.

    Args:
        inputs: feature maps.
        outputs: feature maps.
        up: doubles the size, else halves it.
        bias: adds a value to every map.
    """

    def __init__(self, inputs: int, outputs: int, up: bool, bias: bool) -> None:
        super().__init__()
        self.up, self.in_channels = up, inputs
        shape = (inputs, outputs) if up else (outputs, inputs)
        self.weight = nn.Parameter(torch.zeros(*shape, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, 2H, 2W) or (N, outputs, H/2, W/2)."""
        kernel = avg_pool2d(self.weight, 2, stride=1, padding=1)  # 4x4
        if self.up:
            return conv_transpose2d(x, kernel * 4, self.bias, STRIDE, 1)
        return conv2d(x, kernel, self.bias, STRIDE, 1)


def upsampling(inputs: int, outputs: int, kernel: Kernel, bias: bool = True) -> nn.Module:
    """A layer that doubles the size."""
    if kernel == "smeared":
        return Smeared(inputs, outputs, True, bias)
    return nn.ConvTranspose2d(inputs, outputs, kernel, STRIDE, (kernel - 1) // 2, output_padding=kernel % 2, bias=bias)


def downsampling(inputs: int, outputs: int, kernel: Kernel, bias: bool = True) -> nn.Module:
    """A layer that halves the size."""
    if kernel == "smeared":
        return Smeared(inputs, outputs, False, bias)
    return nn.Conv2d(inputs, outputs, kernel, STRIDE, (kernel - 1) // 2, bias=bias)


def up_blocks(widths: list[int], kernel: Kernel, norm: NormG) -> Iterator[nn.Module]:
    """The generator's hidden layers, each of which doubles the size."""
    for wide, narrow in pairwise(widths):
        layer = upsampling(wide, narrow, kernel, bias=norm != "batch")
        yield nn.Sequential(layer, norm_layer(norm, narrow), nn.ReLU(inplace=True))


def down_blocks(widths: list[int], kernel: Kernel, norm: NormD) -> Iterator[nn.Module]:
    """The discriminator's hidden layers after the first, each of which halves the size."""
    for narrow, wide in pairwise(widths):
        yield downsampling(narrow, wide, kernel, bias=norm != "batch")
        yield norm_layer(norm, wide)
        yield nn.LeakyReLU(LEAK, inplace=True)


def initialize(network: Generator | Discriminator, generator: torch.Generator) -> None:
    """Draws the weights.

    Where BatchNorm sets the scales, as the DCGAN paper does: N(0, 0.02), BatchNorm's own N(1, 0.02). Elsewhere so that
    each layer keeps its input's: N(0, 2 / fan-in) (He et al. 2015, arXiv 1502.01852). Biases start at 0.

    Args:
        network: on the CPU, so that the weights are the same for every device.
        generator: the source of randomness, on the CPU.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | Smeared):
            std = INIT_STD if network.norm == "batch" else (2 / fan_in(module)) ** 0.5
            nn.init.normal_(module.weight, 0.0, std, generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, INIT_STD, generator=generator)
        bias = getattr(module, "bias", None)
        if isinstance(bias, Tensor):
            nn.init.zeros_(bias)


def fan_in(layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d | Smeared) -> float:
    """How many inputs make one output; a transposed convolution's kernel meets only every STRIDE-th row and column."""
    if isinstance(layer, nn.Linear):
        return layer.in_features
    if isinstance(layer, Smeared):
        return layer.in_channels * 9
    places = layer.kernel_size[0] * layer.kernel_size[1]
    return layer.in_channels * places / (STRIDE**2 if isinstance(layer, nn.ConvTranspose2d) else 1)


def count_parameters(network: nn.Module) -> int:
    """The number of trained values."""
    return sum(parameter.numel() for parameter in network.parameters())
