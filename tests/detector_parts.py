"""What the tests of the detector share: labelled pictures, random weights, a network that sees black blocks alone."""

import json
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import save as pack
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from mangagan.detector_training.labels import Picture
from mangagan.face_network.network import OUTPUTS, STRIDE, FaceNet, fold
from mangagan.sample import STYLES, draw_page
from mangagan.sample.screenshot import encode

SPOT = 2.5  # cells from the middle of a black block to each side of the box that `Spots` draws around it


def random_network(seed: int = 0) -> FaceNet:
    """A network that gives other answers everywhere, in evaluation mode, with batch normalization of any statistics."""
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
    path.write_bytes(pack({name: value.half() for name, value in fold(random_network()).state_dict().items()}))
    return path


class Spots(nn.Module):
    """Stands in for the network: a face of 40 px around the middle of every black 8x8 cell, its eyes in sight."""

    def forward(self, ink: Tensor) -> Tensor:
        black = avg_pool2d(ink, STRIDE)
        output = torch.empty(len(ink), OUTPUTS, *black.shape[2:])
        output[:, :1] = 20 * black - 10
        output[:, 1:5] = torch.tensor(SPOT).log()
        output[:, 5] = 4
        return output


def picture_of_one_oval(height: int = 400, width: int = 300) -> Picture:
    """A black ellipse on white whose box is the face: however the picture is cut, pixels and box must agree."""
    pixels = np.full((height, width), 255, np.uint8)
    cv2.ellipse(pixels, (150 * 16 - 8, 200 * 16 - 8), (40 * 16, 60 * 16), 0, 0, 360, 0, -1, cv2.LINE_AA, 4)
    return Picture(pixels, np.array([[110, 140, 80, 120, 1]], np.float32))


def labelled_folder(folder: Path) -> Path:
    """Two drawn pages of two titles, `one` and `two`, with their faces.json."""
    labels = {}
    for number, title in enumerate(("one", "two")):
        pixels, faces = draw_page(np.random.default_rng(number + 1), STYLES[0], 360, 500)
        path = folder / "pages" / title / "001.png"
        path.parent.mkdir(parents=True)
        path.write_bytes(encode(pixels, "png"))
        labels[f"{title}/001.png"] = {"width": 360, "height": 500, "faces": faces}
    (folder / "faces.json").write_text(json.dumps(labels))
    return folder
