"""Decoding of the network's output to boxes."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from mangagan.face_network.network import STRIDE

CROP_MARGIN = 0.35  # recommended margin of a crop on each side, share of the longer side of the box: adds hair and chin
MAX_CANDIDATES = 300  # for each image, before non-maximum suppression
MAX_LOG_DISTANCE = 5.0  # log of the maximum distance to a side of the box: exp(5) = 148 cells = 1187 px


def decode_distances(output: Tensor) -> Tensor:
    """Return the distances of each cell's centre to left, top, right and bottom of its face.

    Args:
        output: (N, OUTPUTS, h, w).

    Returns:
        (N, 4, h, w), in cells.
    """
    return output[:, 1:5].clamp(-MAX_LOG_DISTANCE, MAX_LOG_DISTANCE).exp()


def decode_boxes(output: Tensor, threshold: float) -> np.ndarray:
    """Return the faces of one image, before non-maximum suppression.

    Args:
        output: float32 (1, OUTPUTS, h, w).
        threshold: Minimum score [0, 1].

    Returns:
        float64 (N, 6): left, top, width, height [px of the network's input], score [0, 1], usable [0, 1].
    """
    heat = torch.sigmoid(output[:, :1])
    peaks = torch.where(heat == max_pool2d(heat, 3, 1, 1), heat, 0)[0, 0]
    scores, cells = torch.topk(peaks.flatten(), min(MAX_CANDIDATES, peaks.numel()))
    cells = cells[scores >= threshold]
    rows, columns = cells // output.shape[3], cells % output.shape[3]
    left, top, right, bottom = decode_distances(output)[0, :, rows, columns].double()
    x, y = columns + 0.5, rows + 0.5
    box = torch.stack([x - left, y - top, left + right, top + bottom]) * STRIDE
    confidence = torch.stack([peaks[rows, columns], torch.sigmoid(output[0, 5, rows, columns])])
    return torch.cat([box, confidence]).T.double().cpu().numpy()
