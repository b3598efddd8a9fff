"""The face quality network: the encoder of the detector `mangaface`, and a small head on its features.

The input is a crop of one detection. The output is two logits: face, and usable face (both eyes visible, not mostly
covered). The head uses the features of all strides, averaged over the cells of a grid. The grid keeps their position in
the crop, because the position helps to recognise an eye.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from mangagan.face_network.network import WIDTHS, FaceNet

SIDE = 112  # height and width of a crop [px]
CROP_SHARE = 1.4 / 1.7  # side of a crop, as a share of the side of the square that the detector recommends
OUTPUTS = 2  # logits: face, usable
GRIDS = (2, 2, 4, 1)  # cells per side of the pooling grid, for each stride of the encoder
REDUCED_CHANNELS = 32  # channels at stride 32 after reduction, because its grid is the finest
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
        # Coefficients of calibration.py. The initial values leave the logit of a face unchanged.
        self.register_buffer("with_score", torch.eye(OUTPUTS + 2)[0])
        self.register_buffer("without_score", torch.eye(OUTPUTS + 1)[0])

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
