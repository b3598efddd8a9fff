"""Features of a convolutional network whose weights were drawn once and never trained.

Random weights keep what tells images apart and owe nothing to a data set; distances on them rank generators much as
those on trained networks do, and complement them (Lee, Kim and Lee, "Demystifying randomly initialized networks for
evaluating generative models", AAAI 2023, arXiv 2208.09218). This one takes the mean of every channel at four scales,
which sees edges and textures; mean logarithms, which see what goes on in flat areas, where noise shows first; and a
coarse map of where on the picture something goes on. Colour is seen apart from that, as the two differences that gray
lacks: of a gray face these features are 0.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, conv2d, leaky_relu_, pad

from mangagan.features.batches import extract, gray, resized, scaled
from mangagan.features.types import fingerprint

VERSION = 2  # of the code below: raise it when the features change
SEED = 0
SIDE = 112  # px
WIDTHS = (16, 24, 32, 48)  # channels of the layers, each 3×3, then a mean over 2×2: strides would mistake 1 px for much
SLOPE = 0.2  # of the leaky ReLU
LOGARITHMS = 2  # first layers whose mean logarithms count
FLOOR = 0.01  # added before the logarithm: a flat area is no -∞
MAPPED, CHANNELS, GRID = 1, 16, 4  # layer, channels and cells a side of the map
HUES = 16  # random filters on the two differences of colour
# Centre and deviation of each block over the drawn faces of the sample manga: blocks weigh alike, whatever the data.
SCALES = (
    (0.121, 0.1),
    (-1.81, 0.904),
    (0.11, 0.116),
    (-1.328, 0.39),
    (0.329, 0.156),
    (0.141, 0.145),
    (0.086, 0.163),
    (0.0, 0.09),
    (0.0, 0.14),
    (0.0, 0.11),
)


class RandomNetwork:
    """Four random convolutions; the same on every machine."""

    name = "random"
    dimensions = sum(WIDTHS) + sum(WIDTHS[:LOGARITHMS]) + CHANNELS * GRID**2 + 2 * HUES + 2 * GRID**2

    def __init__(self) -> None:
        """Draws the weights."""
        kernels, hues = draw_kernels(), draw_hues()
        weights = b"".join(kernel.tobytes() for kernel in [*kernels, hues])
        self.hues = torch.from_numpy(hues)
        # Channels last: half the time.
        self.kernels = [torch.from_numpy(kernel).contiguous(memory_format=torch.channels_last) for kernel in kernels]
        self.sha256 = fingerprint(self.name, VERSION, SIDE, SLOPE, FLOOR, SCALES, weights)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Features as `Extractor.__call__` says."""
        return extract(lambda batch: scaled(self.blocks(batch), SCALES), self.dimensions, images)

    def blocks(self, images: Tensor) -> list[Tensor]:
        """Features of images, uint8 (N, C, S, S), before scaling: (N, D_i) for each layer's statistics."""
        activations = 1 - resized(gray(images.float()), SIDE) * (2 / 255)  # ink 1, paper -1
        blocks = []
        for layer, kernel in enumerate(self.kernels):
            responses = conv2d(pad(activations, (1, 1, 1, 1), mode="reflect"), kernel)
            strengths = avg_pool2d(responses.abs(), 2)
            activations = avg_pool2d(leaky_relu_(responses, SLOPE), 2)
            blocks.append(activations.mean(dim=(2, 3)))
            if layer < LOGARITHMS:
                blocks.append((strengths + FLOOR).log().mean(dim=(2, 3)))
            if layer == MAPPED:
                blocks.append(adaptive_avg_pool2d(strengths[:, :CHANNELS], GRID).flatten(1))
        return blocks + self.colour(images)

    def colour(self, images: Tensor) -> list[Tensor]:
        """What gray does not tell of images, uint8 (N, C, S, S): (N, D_i), 0 where they are gray."""
        if images.shape[1] == 1:
            return [torch.zeros(len(images), size) for size in (HUES, HUES, 2 * GRID**2)]
        red, green, blue = (resized(images.float(), SIDE) / 255).unbind(1)
        differences = avg_pool2d(torch.stack([red - green, blue - (red + green) / 2], dim=1), 2)
        responses = conv2d(pad(differences, (1, 1, 1, 1), mode="reflect"), self.hues)
        areas = adaptive_avg_pool2d(differences, GRID).flatten(1)
        return [responses.mean(dim=(2, 3)), responses.abs().mean(dim=(2, 3)), areas]


def draw_kernels() -> list[np.ndarray]:
    """The layers' weights, float32 (outputs, inputs, 3, 3), of norm √2 as for a ReLU (He et al. 2015, eq. 10).

    In the first layer three of four sum to 0: they see edges and no gray level.
    """
    rng = np.random.default_rng(SEED)
    kernels = []
    inputs = 1
    for outputs in WIDTHS:
        kernel = rng.standard_normal((outputs, inputs, 3, 3))
        if inputs == 1:
            kernel -= kernel.mean(axis=(2, 3), keepdims=True) * (np.arange(outputs) % 4 > 0)[:, None, None, None]
        kernel *= np.sqrt(2 / (kernel**2).sum(axis=(1, 2, 3), keepdims=True))
        kernels.append(kernel.astype(np.float32))
        inputs = outputs
    return kernels


def draw_hues() -> np.ndarray:
    """The filters on differences of colour, float32 (HUES, 2, 3, 3), of norm √2 like the others."""
    kernel = np.random.default_rng(SEED + 1).standard_normal((HUES, 2, 3, 3))
    kernel *= np.sqrt(2 / (kernel**2).sum(axis=(1, 2, 3), keepdims=True))
    return kernel.astype(np.float32)
