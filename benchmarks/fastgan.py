"""FastGAN at 112 px for the CPU: a generator and a discriminator for few images, and their training loop.

Written from the paper, not the authors' code: Liu, Zhu, Song and Elgammal 2021, "Towards Faster and Stabilized GAN
Training for High-fidelity Few-shot Image Synthesis", arXiv 2101.04775. As in the paper: one convolution per resolution
in G with gated linear units, skip-layer excitation in G, a discriminator of residual blocks with patch logits that also
reconstructs the real images from its features (whole, and one random part), hinge loss, spectral normalization,
DiffAugment with color and translation, a moving average of G (0.999 per step), batch 8, Adam with 2e-4 and betas (0.5,
0.999).

Adapted:
- Size: 7→14→28→56→112 px instead of 4→…→1024. Excitation from 7 to 56 px and from 14 to 112 px, a factor of 8 instead
  of 16. D ends at 7 px and has 4×4 logits. Contiguous tensors: on a CPU, channels-last took 15 % longer.
- Widths: `base_channels` feature maps at 56 px, twice as many at each lower resolution, half as many at 112 px. From 7
  to 56 px they equal those of the recipe `modern`.
- No noise injection in G, no label noise in the hinge loss, no branch of D for a downscaled image: the authors' code
  has them.
- Part: 7×7 of the 14×14 features, a quarter of the image, at a random position; the same position for the whole batch.
  The authors' code chooses one of the four quadrants.
- Reconstruction: three upsampling layers to 56 px instead of four to 128 px. The loss is the L1 distance of the pixels
  plus that of the blurred pixels. The paper uses LPIPS, whose weights are a download.
- Mirroring: real images are mirrored with probability ½, because `modern` uses mirrored faces as well.
- Average: step t keeps at most t / (10 + t) of it; otherwise the average would still contain mostly initial weights
  after 500 steps.
- Samples: BatchNorm statistics of the averaged generator are computed from its own activations, as this project does.
"""

import copy
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, relu
from torch.nn.utils.parametrizations import spectral_norm

from benchmarks.plain_dcgan import SAMPLE_SEED, Observe, check_losses, iterate_batches
from mangagan.gan.augment import augment, draw_numbers
from mangagan.gan.ema import calibrate, update_average
from mangagan.gan.state import CALIBRATION_LATENTS
from mangagan.networks.sampling import draw_latents, generate_images

BASE_SIZE = 7  # side of the first feature maps of G [px]
Z_DIM = 256
BATCH_SIZE = 8
LEARNING_RATE = 2e-4
BETAS = (0.5, 0.999)
EMA_BETA = 0.999  # share of the average that one step keeps, at most
AUGMENTATIONS = ("color", "translation")
LEAKY_SLOPE = 0.2
EXCITATION_SLOPE = 0.1  # slope of the LeakyReLU in the skip-layer excitation
EXCITATION_SIZE = 4  # side to which the excitation pools its input [px]
INIT_STD = 0.02
PART = 7  # side of the reconstructed part in the features of 14 px; a quarter of the image
STRIDE = 8  # image pixels per pixel of these features
BLUR = 8  # side of the box blur of the reconstruction loss [px]


class SkipLayerExcitation(nn.Module):
    """Scale the feature maps of a high resolution by factors in (0, 1) computed from those of a low resolution.

    Args:
        low: Feature maps of the low resolution.
        high: Feature maps of the high resolution.
    """

    def __init__(self, low: int, high: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(EXCITATION_SIZE),
            build_convolution(low, high, EXCITATION_SIZE),
            nn.LeakyReLU(EXCITATION_SLOPE, inplace=True),
            build_convolution(high, high, 1),
            nn.Sigmoid(),
        )

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        """Map (N, low, h, w) and (N, high, H, W) to (N, high, H, W)."""
        return high * self.gate(low)


class Generator(nn.Module):
    """Map latents (N, Z_DIM) to images (N, channels, 112, 112) in [-1, 1].

    Args:
        channels: 1 for gray, 3 for RGB.
        base_channels: Feature maps at 56 px.
    """

    def __init__(self, channels: int, base_channels: int) -> None:
        super().__init__()
        at_7, at_14, at_28, at_56 = (base_channels << level for level in (3, 2, 1, 0))
        at_112 = max(base_channels // 2, 1)
        project = nn.ConvTranspose2d(Z_DIM, 2 * at_7, BASE_SIZE, bias=False)
        self.first = nn.Sequential(normalize_spectrum(project), nn.BatchNorm2d(2 * at_7), nn.GLU(1))
        self.to_14 = build_up_block(at_7, at_14)
        self.to_28 = build_up_block(at_14, at_28)
        self.to_56 = build_up_block(at_28, at_56)
        self.to_112 = build_up_block(at_56, at_112)
        self.excite_56 = SkipLayerExcitation(at_7, at_56)
        self.excite_112 = SkipLayerExcitation(at_14, at_112)
        self.to_image = build_convolution(at_112, channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """Return one image for each latent of N(0, 1)."""
        at_7 = self.first(z[:, :, None, None])
        at_14 = self.to_14(at_7)
        at_56 = self.excite_56(at_7, self.to_56(self.to_28(at_14)))
        at_112 = self.excite_112(at_14, self.to_112(at_56))
        return torch.tanh(self.to_image(at_112))


class DownBlock(nn.Module):
    """Halve the resolution by the mean of two paths: convolutions, and pooling with a 1×1 convolution.

    Args:
        in_channels: Feature maps of the input.
        out_channels: Feature maps of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        first, second, direct = (
            build_normalized(layer, out_channels)
            for layer in (
                build_convolution(in_channels, out_channels, 4, stride=2, padding=1),
                build_convolution(out_channels, out_channels, 3, padding=1),
                build_convolution(in_channels, out_channels, 1),
            )
        )
        self.main = nn.Sequential(first, second)
        self.direct = nn.Sequential(nn.AvgPool2d(2), direct)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H/2, W/2)."""
        return (self.main(x) + self.direct(x)) / 2


class Discriminator(nn.Module):
    """Map images (N, channels, 112, 112) to patch logits and features, and reconstruct images from the features.

    Args:
        channels: 1 for gray, 3 for RGB.
        base_channels: Feature maps at 56 px.
    """

    def __init__(self, channels: int, base_channels: int) -> None:
        super().__init__()
        at_56, at_28, at_14, at_7 = (base_channels << level for level in range(4))
        stem = build_convolution(channels, at_56, 4, stride=2, padding=1)
        self.to_14 = nn.Sequential(
            stem, nn.LeakyReLU(LEAKY_SLOPE, inplace=True), DownBlock(at_56, at_28), DownBlock(at_28, at_14)
        )
        self.to_7 = DownBlock(at_14, at_7)
        self.classify = nn.Sequential(
            build_normalized(build_convolution(at_7, at_7, 1), at_7), build_convolution(at_7, 1, 4)
        )
        self.decode_whole = build_decoder(at_7, channels, base_channels)
        self.decode_part = build_decoder(at_14, channels, base_channels)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits (N, 1, 4, 4), features of 14 px and features of 7 px."""
        at_14 = self.to_14(images)
        at_7 = self.to_7(at_14)
        return self.classify(at_7), at_14, at_7

    def measure_reconstruction(self, images: Tensor, at_14: Tensor, at_7: Tensor) -> Tensor:
        """Return the loss () of the whole images and of a random quarter, both reconstructed at 56 px."""
        row, column = (int(number) for number in torch.randint(at_14.shape[-1] - PART + 1, (2,)))
        cropped = at_14[:, :, row : row + PART, column : column + PART]
        top, left, side = STRIDE * row, STRIDE * column, STRIDE * PART
        part = images[:, :, top : top + side, left : left + side]
        whole = avg_pool2d(images, 2)
        return reconstruction_loss(self.decode_whole(at_7), whole) + reconstruction_loss(
            self.decode_part(cropped), part
        )


def build_convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> nn.Module:
    """Return a convolution with spectral normalization and without bias."""
    return normalize_spectrum(nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False))


def normalize_spectrum(layer: nn.Conv2d | nn.ConvTranspose2d) -> nn.Module:
    """Initialize the weights with N(0, 0.02) and add spectral normalization (Miyato et al. 2018, arXiv 1802.05957)."""
    nn.init.normal_(layer.weight, 0.0, INIT_STD)
    return spectral_norm(layer)


def build_normalized(layer: nn.Module, outputs: int) -> nn.Sequential:
    """Return a layer with BatchNorm and LeakyReLU."""
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.LeakyReLU(LEAKY_SLOPE, inplace=True))


def build_up_block(inputs: int, outputs: int) -> nn.Sequential:
    """Return layers that double the resolution: nearest-neighbour upsampling, convolution, BatchNorm, GLU."""
    convolution = build_convolution(inputs, 2 * outputs, 3, padding=1)
    return nn.Sequential(nn.Upsample(scale_factor=2.0), convolution, nn.BatchNorm2d(2 * outputs), nn.GLU(1))


def build_decoder(inputs: int, channels: int, base_channels: int) -> nn.Sequential:
    """Return a decoder of features (N, inputs, 7, 7) to images (N, channels, 56, 56) in [-1, 1]."""
    widths = [inputs, *(max(base_channels >> level, 1) for level in range(3))]
    blocks = [build_up_block(*pair) for pair in pairwise(widths)]
    return nn.Sequential(*blocks, build_convolution(widths[-1], channels, 3, padding=1), nn.Tanh())


def reconstruction_loss(images: Tensor, targets: Tensor) -> Tensor:
    """Return the mean absolute difference of the pixels plus that of the blurred pixels, ()."""
    difference = images - targets
    return difference.abs().mean() + avg_pool2d(difference, BLUR, BLUR // 2).abs().mean()


def hinge_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return the hinge loss of D, ()."""
    return relu(1 - real_logits).mean() + relu(1 + fake_logits).mean()


def mirror_randomly(images: Tensor, rng: torch.Generator) -> Tensor:
    """Mirror each image (N, C, H, W) horizontally with probability ½."""
    is_mirrored = torch.rand(len(images), 1, 1, 1, generator=rng) < 0.5
    return torch.where(is_mirrored, images.flip(3), images)


class Trainer:
    """The networks and optimizers of a training.

    Args:
        channels: 1 for gray, 3 for RGB.
        base_channels: Feature maps at 56 px.
    """

    def __init__(self, channels: int, base_channels: int) -> None:
        self.generator, self.discriminator = Generator(channels, base_channels), Discriminator(channels, base_channels)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.optimizer_g, self.optimizer_d = (
            torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, betas=BETAS, fused=True)
            for network in (self.generator, self.discriminator)
        )
        self.steps = 0
        self.rng = torch.Generator().manual_seed(torch.initial_seed())

    def step(self, real: Tensor) -> Iterable[Tensor]:
        """Update D and G once; return their losses."""
        real = self.augment(mirror_randomly(real, self.rng))
        fake = self.augment(self.generator(torch.randn(len(real), Z_DIM)))
        self.optimizer_d.zero_grad()
        real_logits, *features = self.discriminator(real)
        fake_logits = self.discriminator(fake.detach())[0]
        loss_d = hinge_loss(real_logits, fake_logits)
        loss_d = loss_d + self.discriminator.measure_reconstruction(real, *features)
        torch.autograd.backward(loss_d)
        self.optimizer_d.step()

        self.optimizer_g.zero_grad()
        self.discriminator.requires_grad_(False)
        loss_g = -self.discriminator(fake)[0].mean()
        torch.autograd.backward(loss_g)
        self.discriminator.requires_grad_(True)
        self.optimizer_g.step()
        self.steps += 1
        beta = min(EMA_BETA, self.steps / (10 + self.steps))
        update_average(self.average, self.generator, beta)  # type: ignore[arg-type]  # works on any module
        return loss_d, loss_g

    def augment(self, images: Tensor) -> Tensor:
        """Augment every image."""
        return augment(images, AUGMENTATIONS, torch.tensor(1.0), draw_numbers(len(images), self.rng))

    def generate_samples(self, count: int) -> np.ndarray:
        """Generate images with the averaged weights from fixed latents, uint8 (count, C, 112, 112)."""
        generator = copy.deepcopy(self.average)
        # Only the weights are averaged. The singular vectors of G are close to those of the average.
        for buffer, latest in zip(generator.buffers(), self.generator.buffers(), strict=True):
            buffer.copy_(latest)
        z = draw_latents(CALIBRATION_LATENTS, Z_DIM, SAMPLE_SEED + 1)
        calibrated = calibrate(generator, z)  # type: ignore[arg-type]
        return generate_images(calibrated, draw_latents(count, Z_DIM, SAMPLE_SEED))


def train(faces: np.ndarray, base_channels: int, observe: Observe) -> None:
    """Train until `observe` returns True. The weights depend on the seed of torch.

    Args:
        faces: uint8 (N, C, 112, 112), N at least 2.
        base_channels: Feature maps at 56 px.
        observe: See `plain_dcgan.Observe`.

    Raises:
        FloatingPointError: The training diverged.
    """
    trainer = Trainer(faces.shape[1], base_channels)
    for step, real in enumerate(iterate_batches(faces, BATCH_SIZE)):
        if observe(step * len(real), trainer.generate_samples):
            return
        check_losses(step * len(real), *trainer.step(real))
