"""What the network should say about a crop, and how wrong it is.

Heat: the penalty-reduced focal loss of CenterNet (Zhou et al. 2019, https://arxiv.org/abs/1904.07850, eq. 1) on a
Gaussian a face whose spread follows the box (TTFNet, Liu et al. 2020, https://arxiv.org/abs/1909.00700). Box: the
generalized intersection over union (Rezatofighi et al. 2019, https://arxiv.org/abs/1902.09630) wherever the heat is
high. Usable: cross-entropy, where the labels can say.
"""

from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from mangagan.detector_training.crops import IGNORED, USABLE
from mangagan.face_network.boxes import distances
from mangagan.face_network.network import STRIDE

SPREAD, LEAST_SPREAD = 0.11, 0.6  # standard deviation of the heat: share of the box, and at least so many cells
TAUGHT = 0.2  # heat from which on a cell must know the box and whether the face is usable
BOX_WEIGHT, USABLE_WEIGHT = 2.0, 0.5

Array = TypeVar("Array", np.ndarray, Tensor)


class Target(NamedTuple, Generic[Array]):
    """What a crop's cells should say; all float32, with (h, w) cells."""

    heat: Array  # (h, w), 1 in the cell that holds a face's middle
    background: Array  # (h, w), 0 where faces are ignored, else 1
    box: Array  # (4, h, w), cells from the cell's middle to left, top, right, bottom
    weight: Array  # (h, w), of the box; adds up to 1 for a face of its own, to less for one that another overlaps
    usable: Array  # (h, w), 1, 0, or -1 unknown


def make_target(faces: np.ndarray, side: int) -> Target[np.ndarray]:
    """The target of a crop (side, side) px with these faces, float32 (N, 6) as `crops.draw_crop` gives them."""
    cells = side // STRIDE
    rows, columns = np.mgrid[:cells, :cells].astype(np.float32)
    heat, background, weight = np.zeros((3, cells, cells), np.float32)
    background += 1
    box, usable = np.zeros((4, cells, cells), np.float32), np.full((cells, cells), -1, np.float32)
    for face in sorted(faces, key=lambda face: -face[2] * face[3]):  # small faces win where they overlap large ones
        x, y, w, h = face[:4] / STRIDE
        if face[IGNORED]:
            background[((columns + 0.5 - x - w / 2) / w) ** 2 + ((rows + 0.5 - y - h / 2) / h) ** 2 < 0.36] = 0
            continue
        column, row = (int(np.clip(v, 0, cells - 1)) for v in (x + w / 2, y + h / 2))
        spread_x, spread_y = max(SPREAD * w, LEAST_SPREAD), max(SPREAD * h, LEAST_SPREAD)
        near = np.exp(-((columns - column) ** 2) / (2 * spread_x**2) - (rows - row) ** 2 / (2 * spread_y**2))
        here = (near > TAUGHT) & (near >= heat)
        heat = np.maximum(heat, near)
        sides = [columns + 0.5 - x, rows + 0.5 - y, x + w - columns - 0.5, y + h - rows - 0.5]
        box[:, here] = np.array(sides)[:, here]
        weight[here] = near[here] / near[here].sum()
        usable[here] = face[USABLE]
    return Target(heat, background, box, weight, usable)


def loss(output: Tensor, target: Target[Tensor]) -> tuple[Tensor, Tensor]:
    """How wrong the network is.

    Args:
        output: (N, OUTPUTS, h, w), as `FaceNet.forward` gives it.
        target: of tensors with the batch in front.

    Returns:
        The sum to be lowered, and its three parts (3,): heat, box, usable.
    """
    heat, background, box, weight, usable = target
    faces = (heat == 1).sum().clamp(min=1)
    heat_loss = focal(output[:, 0], heat, background).sum() / faces
    box_loss = (weight * (1 - generalized_iou(distances(output), box))).sum() / faces
    known = weight * (usable >= 0)
    answer = binary_cross_entropy_with_logits(output[:, 5], usable.clamp(min=0), weight=known, reduction="sum")
    usable_loss = answer / known.sum().clamp(min=1)
    parts = torch.stack([heat_loss, BOX_WEIGHT * box_loss, USABLE_WEIGHT * usable_loss])
    return parts.sum(), parts.detach()


def focal(logits: Tensor, heat: Tensor, background: Tensor) -> Tensor:
    """CenterNet's eq. 1 for each cell, with α = 2 and β = 4; all (N, h, w)."""
    p = torch.sigmoid(logits)
    there = -((1 - p) ** 2) * logsigmoid(logits)
    absent = -((1 - heat) ** 4) * p**2 * logsigmoid(-logits) * background
    return torch.where(heat == 1, there, absent)


def generalized_iou(found: Tensor, wanted: Tensor) -> Tensor:
    """GIoU, -1 to 1, (N, h, w) of boxes given as distances (N, 4, h, w) from one point to left, top, right, bottom."""
    sides = torch.minimum(found, wanted)
    hull = torch.maximum(found, wanted)
    both = (sides[:, 0] + sides[:, 2]).clamp(min=0) * (sides[:, 1] + sides[:, 3]).clamp(min=0)
    areas = [(d[:, 0] + d[:, 2]) * (d[:, 1] + d[:, 3]) for d in (found, wanted, hull)]
    union = areas[0] + areas[1] - both + 1e-6
    return both / union - (areas[2] - union) / (areas[2] + 1e-6)
