"""Features of a convolutional network with fixed random weights that was never trained.

Random features separate images without depending on a data set. Distances on them rank generators much like distances
on trained networks, and complement them (Lee, Kim and Lee, "Demystifying randomly initialized networks for evaluating
generative models", AAAI 2023, arXiv 2208.09218). The features are:
- the mean of every channel at four scales, for edges and textures;
- mean logarithms of the first layers, which respond to noise in flat areas;
- a coarse spatial map of the activations;
- the same for two colour differences, which are 0 for gray faces.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, conv2d, leaky_relu_, pad

from mangagan.features.batches import concatenate_blocks, convert_to_gray, extract_in_batches, resize_images
from mangagan.features.types import fingerprint

SEED = 0
SIDE = 112  # [px]
# Channels of the layers. Each is a 3×3 convolution and a mean over 2×2; a stride would react too much to a 1 px shift.
WIDTHS = (16, 24, 32, 48)
SLOPE = 0.2  # slope of the leaky ReLU
LOG_LAYERS = 2  # first layers that also give mean logarithms
LOG_OFFSET = 0.01  # added before the logarithm, so that flat areas stay finite
MAP_LAYER, MAP_CHANNELS, GRID = 1, 16, 4  # layer, channels and cells per side of the map
COLOUR_FILTERS = 16  # random filters on the two colour differences
# Mean and deviation of each block on the drawn faces of the sample manga. They give the blocks equal weight and do not
# depend on the user's data.
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
    """The extractor `random`: four random convolutions, the same on every machine."""

    name = "random"
    dimensions = sum(WIDTHS) + sum(WIDTHS[:LOG_LAYERS]) + MAP_CHANNELS * GRID**2 + 2 * COLOUR_FILTERS + 2 * GRID**2

    def __init__(self) -> None:
        """Draw the weights."""
        kernels, colour_kernel = draw_kernels(), draw_colour_kernel()
        weights = b"".join(kernel.tobytes() for kernel in [*kernels, colour_kernel])
        self.colour_kernel = torch.from_numpy(colour_kernel)
        # channels_last takes half the time.
        self.kernels = [torch.from_numpy(kernel).contiguous(memory_format=torch.channels_last) for kernel in kernels]
        self.sha256 = fingerprint(self.name, __name__, weights)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the features of images; see `Extractor`."""

        def compute(batch: Tensor) -> Tensor:
            return concatenate_blocks(self.compute_blocks(batch), SCALES)

        return extract_in_batches(compute, self.dimensions, images)

    def compute_blocks(self, images: Tensor) -> list[Tensor]:
        """Return the features of images, uint8 (N, C, S, S), before normalisation: (N, D_i) for each statistic."""
        activations = 1 - resize_images(convert_to_gray(images.float()), SIDE) * (2 / 255)  # ink 1, paper -1
        blocks = []
        for layer, kernel in enumerate(self.kernels):
            responses = conv2d(pad(activations, (1, 1, 1, 1), mode="reflect"), kernel)
            strengths = avg_pool2d(responses.abs(), 2)
            activations = avg_pool2d(leaky_relu_(responses, SLOPE), 2)
            blocks.append(activations.mean(dim=(2, 3)))
            if layer < LOG_LAYERS:
                blocks.append((strengths + LOG_OFFSET).log().mean(dim=(2, 3)))
            if layer == MAP_LAYER:
                blocks.append(adaptive_avg_pool2d(strengths[:, :MAP_CHANNELS], GRID).flatten(1))
        return blocks + self.compute_colour_blocks(images)

    def compute_colour_blocks(self, images: Tensor) -> list[Tensor]:
        """Return the features of the colours of images, uint8 (N, C, S, S): (N, D_i), 0 for gray images."""
        if images.shape[1] == 1:
            return [torch.zeros(len(images), size) for size in (COLOUR_FILTERS, COLOUR_FILTERS, 2 * GRID**2)]
        red, green, blue = (resize_images(images.float(), SIDE) / 255).unbind(1)
        differences = avg_pool2d(torch.stack([red - green, blue - (red + green) / 2], dim=1), 2)
        responses = conv2d(pad(differences, (1, 1, 1, 1), mode="reflect"), self.colour_kernel)
        areas = adaptive_avg_pool2d(differences, GRID).flatten(1)
        return [responses.mean(dim=(2, 3)), responses.abs().mean(dim=(2, 3)), areas]


def draw_kernels() -> list[np.ndarray]:
    """Return the weights of each layer, float32 (outputs, inputs, 3, 3), of norm √2 (He et al. 2015, eq. 10).

    In the first layer three of four kernels sum to 0: they respond to edges and not to the gray level.
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


def draw_colour_kernel() -> np.ndarray:
    """Return the filters on colour differences, float32 (COLOUR_FILTERS, 2, 3, 3), of norm √2."""
    kernel = np.random.default_rng(SEED + 1).standard_normal((COLOUR_FILTERS, 2, 3, 3))
    kernel *= np.sqrt(2 / (kernel**2).sum(axis=(1, 2, 3), keepdims=True))
    return kernel.astype(np.float32)
