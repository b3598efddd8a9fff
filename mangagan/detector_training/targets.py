"""Training targets and losses.

Heat: the penalty-reduced focal loss of CenterNet (Zhou et al. 2019, https://arxiv.org/abs/1904.07850, eq. 1). Each face
is a Gaussian with a standard deviation in proportion to its box (TTFNet, Liu et al. 2020,
https://arxiv.org/abs/1909.00700). Box: the generalized IoU loss (Rezatofighi et al. 2019,
https://arxiv.org/abs/1902.09630) in the cells with high heat. Usable: binary cross-entropy in the same cells, if the
label is known.
"""

from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from mangagan.detector_training.crops import IGNORED, USABLE
from mangagan.face_network.boxes import decode_distances
from mangagan.face_network.network import STRIDE

SIGMA_SHARE = 0.11  # standard deviation of the heat, as a share of the box
MIN_SIGMA = 0.6  # cells
MIN_HEAT = 0.2  # cells with more heat are trained to predict the box and the label `usable`
BOX_WEIGHT, USABLE_WEIGHT = 2.0, 0.5

Array = TypeVar("Array", np.ndarray, Tensor)


class Target(NamedTuple, Generic[Array]):
    """The target output for a crop. All arrays are float32 with (h, w) cells."""

    heat: Array  # (h, w), 1 in the cell with the centre of a face
    background: Array  # (h, w), 0 in the cells of ignored faces, else 1
    box: Array  # (4, h, w), distances from the centre of the cell to left, top, right, bottom [cells]
    weight: Array  # (h, w), weight of the box loss; its sum is 1 for each face, less if another face overlaps it
    usable: Array  # (h, w), 1 yes, 0 no, -1 unknown


def make_target(faces: np.ndarray, side: int) -> Target[np.ndarray]:
    """Return the target of a crop.

    Args:
        faces: float32 (N, 6), as `crops.draw_crop` returns them.
        side: Height and width of the crop [px].
    """
    cells = side // STRIDE
    rows, columns = np.mgrid[:cells, :cells].astype(np.float32)
    heat, background, weight = np.zeros((3, cells, cells), np.float32)
    background += 1
    box, usable = np.zeros((4, cells, cells), np.float32), np.full((cells, cells), -1, np.float32)
    for face in sorted(faces, key=lambda face: -face[2] * face[3]):  # a small face overwrites a large one
        x, y, w, h = face[:4] / STRIDE
        if face[IGNORED]:
            background[((columns + 0.5 - x - w / 2) / w) ** 2 + ((rows + 0.5 - y - h / 2) / h) ** 2 < 0.36] = 0
            continue
        column, row = (int(np.clip(v, 0, cells - 1)) for v in (x + w / 2, y + h / 2))
        sigma_x, sigma_y = max(SIGMA_SHARE * w, MIN_SIGMA), max(SIGMA_SHARE * h, MIN_SIGMA)
        gaussian = np.exp(-((columns - column) ** 2) / (2 * sigma_x**2) - (rows - row) ** 2 / (2 * sigma_y**2))
        cells_of_face = (gaussian > MIN_HEAT) & (gaussian >= heat)
        heat = np.maximum(heat, gaussian)
        sides = [columns + 0.5 - x, rows + 0.5 - y, x + w - columns - 0.5, y + h - rows - 0.5]
        box[:, cells_of_face] = np.array(sides)[:, cells_of_face]
        weight[cells_of_face] = gaussian[cells_of_face] / gaussian[cells_of_face].sum()
        usable[cells_of_face] = face[USABLE]
    return Target(heat, background, box, weight, usable)


def compute_loss(output: Tensor, target: Target[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the loss of a batch.

    Args:
        output: (N, OUTPUTS, h, w), as `FaceNet.forward` returns it.
        target: The targets, with a batch dimension (N, …).

    Returns:
        The total loss, and its three terms (3,), detached: heat, box, usable.
    """
    heat, background, box, weight, usable = target
    faces = (heat == 1).sum().clamp(min=1)
    heat_loss = focal_loss(output[:, 0], heat, background).sum() / faces
    box_loss = (weight * (1 - generalized_iou(decode_distances(output), box))).sum() / faces
    known = weight * (usable >= 0)
    cross_entropy = binary_cross_entropy_with_logits(output[:, 5], usable.clamp(min=0), weight=known, reduction="sum")
    usable_loss = cross_entropy / known.sum().clamp(min=1)
    terms = torch.stack([heat_loss, BOX_WEIGHT * box_loss, USABLE_WEIGHT * usable_loss])
    return terms.sum(), terms.detach()


def focal_loss(logits: Tensor, heat: Tensor, background: Tensor) -> Tensor:
    """Return the loss of each cell (N, h, w): CenterNet's eq. 1 with α = 2 and β = 4."""
    p = torch.sigmoid(logits)
    positive = -((1 - p) ** 2) * logsigmoid(logits)
    negative = -((1 - heat) ** 4) * p**2 * logsigmoid(-logits) * background
    return torch.where(heat == 1, positive, negative)


def generalized_iou(predicted: Tensor, expected: Tensor) -> Tensor:
    """Return the generalized IoU [-1, 1] of each cell (N, h, w).

    Args:
        predicted: (N, 4, h, w): distances from the centre of a cell to left, top, right, bottom.
        expected: (N, 4, h, w).
    """
    sides = torch.minimum(predicted, expected)
    hull = torch.maximum(predicted, expected)
    intersection = (sides[:, 0] + sides[:, 2]).clamp(min=0) * (sides[:, 1] + sides[:, 3]).clamp(min=0)
    areas = [(d[:, 0] + d[:, 2]) * (d[:, 1] + d[:, 3]) for d in (predicted, expected, hull)]
    union = areas[0] + areas[1] - intersection + 1e-6
    return intersection / union - (areas[2] - union) / (areas[2] + 1e-6)
