"""Helpers for tests of the detector: labelled pictures, random weights, and a network that detects black blocks."""

import json
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import save as pack
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from mangagan.detector_training.labels import Picture
from mangagan.face_network.network import OUTPUTS, STRIDE, FaceNet, fold_batch_norm
from mangagan.sample.character import STYLES
from mangagan.sample.page import draw_page
from mangagan.sample.screenshot import encode

BLOCK_DISTANCE = 2.5  # cells from the centre of a block to each side of its box


def build_random_network(seed: int = 0) -> FaceNet:
    """Return a network in evaluation mode with random weights and random statistics of batch normalization."""
    torch.manual_seed(seed)
    network = FaceNet()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.6, 1.4)
            nn.init.normal_(module.bias, std=0.3)
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(std=0.2)
            module.running_var.uniform_(0.5, 2)
    nn.init.normal_(network.output.weight, std=0.15)
    nn.init.zeros_(network.output.bias)
    return network.eval()


def write_random_weights(path: Path) -> Path:
    path.write_bytes(
        pack({name: value.half() for name, value in fold_batch_norm(build_random_network()).state_dict().items()})
    )
    return path


class BlockDetector(nn.Module):
    """A replacement for the network: it finds a usable face of 40 px around the centre of each black cell of 8x8 px."""

    def forward(self, ink: Tensor) -> Tensor:
        black = avg_pool2d(ink, STRIDE)
        output = torch.empty(len(ink), OUTPUTS, *black.shape[2:])
        output[:, :1] = 20 * black - 10
        output[:, 1:5] = torch.tensor(BLOCK_DISTANCE).log()
        output[:, 5] = 4
        return output


def draw_ellipse(height: int = 400, width: int = 300) -> Picture:
    """Return a black ellipse on white, labelled as a face, so that pixels and box of any crop can be compared."""
    pixels = np.full((height, width), 255, np.uint8)
    cv2.ellipse(pixels, (150 * 16 - 8, 200 * 16 - 8), (40 * 16, 60 * 16), 0, 0, 360, 0, -1, cv2.LINE_AA, 4)
    return Picture(pixels, np.array([[110, 140, 80, 120, 1]], np.float32))


def write_labelled_folder(folder: Path) -> Path:
    """Write two drawn pages of two titles, `one` and `two`, and faces.json; return the folder."""
    labels = {}
    for number, title in enumerate(("one", "two")):
        pixels, faces = draw_page(np.random.default_rng(number + 1), STYLES[0], 360, 500)
        path = folder / "pages" / title / "001.png"
        path.parent.mkdir(parents=True)
        path.write_bytes(encode(pixels, "png"))
        labels[f"{title}/001.png"] = {"width": 360, "height": 500, "faces": faces}
    (folder / "faces.json").write_text(json.dumps(labels))
    return folder
