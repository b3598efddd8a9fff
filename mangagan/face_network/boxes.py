"""From the network's output map to boxes."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from mangagan.face_network.network import STRIDE

MOST = 300  # candidates a page before overlapping ones are removed
FARTHEST = 5.0  # log of the greatest distance to a side, in cells: 148 cells are 1187 px


def distances(output: Tensor) -> Tensor:
    """Cells from a cell's middle to left, top, right and bottom of its face: (N, 4, h, w), from (N, OUTPUTS, h, w)."""
    return output[:, 1:5].clamp(-FARTHEST, FARTHEST).exp()


def decode(output: Tensor, threshold: float) -> np.ndarray:
    """The faces that the network saw in one picture, overlapping ones included.

    Args:
        output: float32 (1, OUTPUTS, h, w).
        threshold: least score, 0 to 1.

    Returns:
        float64 (N, 6): left, top, width, height in px of the network's input, score, usable, the last two 0 to 1.
    """
    heat = torch.sigmoid(output[:, :1])
    peaks = torch.where(heat == max_pool2d(heat, 3, 1, 1), heat, 0)[0, 0]
    scores, cells = torch.topk(peaks.flatten(), min(MOST, peaks.numel()))
    cells = cells[scores >= threshold]
    rows, columns = cells // output.shape[3], cells % output.shape[3]
    left, top, right, bottom = distances(output)[0, :, rows, columns].double()
    x, y = columns + 0.5, rows + 0.5
    box = torch.stack([x - left, y - top, left + right, top + bottom]) * STRIDE
    sure = torch.stack([peaks[rows, columns], torch.sigmoid(output[0, 5, rows, columns])])
    return torch.cat([box, sure]).T.double().cpu().numpy()
