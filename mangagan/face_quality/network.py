"""The network: the encoder of the detector `mangaface`, and a small head on its features.

The input is a crop of one detection. The output is two logits: of a face, and of a usable face (both eyes visible, not
mostly covered). The head gets the features of all strides. Their position in the crop is kept, because an eye is
recognised by its position.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from mangagan.face_network.network import WIDTHS, FaceNet

SIDE = 112  # height and width of a crop [px]
CROP_SHARE = 1.4 / 1.7  # side of a crop, as a share of the square that the detector recommends for a face
OUTPUTS = 2  # logits: face, usable
GRIDS = (2, 2, 4, 1)  # for each stride of the encoder: its features are averaged over grid x grid cells
REDUCED_CHANNELS = 32  # of the features at stride 32, which have the finest grid
HIDDEN, DROPOUT = 96, 0.3


class FaceQualityNet(nn.Module):
    """Rates crops of detections."""

    with_score: Tensor
    without_score: Tensor

    def __init__(self) -> None:
        super().__init__()
        encoder = FaceNet(folded=True)
        self.stem, self.stages = encoder.stem, encoder.stages
        self.reduce = nn.Conv2d(WIDTHS[2], REDUCED_CHANNELS, 1)
        channels = (WIDTHS[0], WIDTHS[1], REDUCED_CHANNELS, WIDTHS[3])
        features = sum(count * grid**2 for count, grid in zip(channels, GRIDS, strict=True))
        self.norm = nn.LayerNorm(features)
        self.drop = nn.Dropout(DROPOUT)
        self.hidden = nn.Linear(features, HIDDEN)
        self.output = nn.Linear(HIDDEN, OUTPUTS)
        # Calibration, see calibration.py. The initial values change nothing.
        self.register_buffer("with_score", torch.eye(OUTPUTS, OUTPUTS + 2))
        self.register_buffer("without_score", torch.eye(OUTPUTS, OUTPUTS + 1))

    def forward(self, ink: Tensor) -> Tensor:
        """Return the logits of crops.

        Args:
            ink: float32 (N, 1, SIDE, SIDE), 0 is white and 1 is black.

        Returns:
            float32 (N, 2): face, usable.
        """
        features, blocks = self.stem(ink), []
        for number, (stage, grid) in enumerate(zip(self.stages, GRIDS, strict=True)):
            features = stage(features)
            block = torch.relu(self.reduce(features)) if number == 2 else features
            blocks.append(adaptive_avg_pool2d(block, grid).flatten(1))
        hidden = torch.relu(self.hidden(self.drop(self.norm(torch.cat(blocks, 1)))))
        output: Tensor = self.output(hidden)
        return output
