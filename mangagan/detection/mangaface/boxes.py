"""From the network's output map to boxes."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from mangagan.detection.mangaface.network import STRIDE

MOST = 300  # candidates a page before overlapping ones are removed
ALIKE = 0.45  # intersection over union from which on boxes found at two sizes are of one face
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


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of one box (4,) with others (N, 4), all x, y, w, h: (N,), 0 to 1."""
    sides = np.minimum(box[:2] + box[2:4], boxes[:, :2] + boxes[:, 2:4]) - np.maximum(box[:2], boxes[:, :2])
    both = sides.clip(0).prod(axis=1)
    return both / (box[2] * box[3] + boxes[:, 2] * boxes[:, 3] - both)


def suppress(faces: np.ndarray, most: float) -> np.ndarray:
    """Removes every face that overlaps a surer one by more than `most` (intersection over union).

    Args:
        faces: (N, 5 or more): x, y, w, h, score and what else belongs to them.
        most: 0 to 1.

    Returns:
        The rows that are left, in order of falling score.
    """
    left = faces[np.lexsort((*faces[:, 3::-1].T, -faces[:, 4]))]
    kept = []
    while len(left):
        kept.append(left[0])
        left = left[1:][overlap(left[0], left[1:]) <= most]
    return np.array(kept).reshape(-1, faces.shape[1])


def agree(views: list[np.ndarray], most: float) -> np.ndarray:
    """The faces of one picture searched at several sizes, each scored by all of them.

    Print and lettering look like faces at one size and seldom at two: a face's score is the mean over the sizes of the
    best score that a box like it had there, 0 where there was none.

    Args:
        views: one a size, (N, 6): x, y, w, h, score, usable, all in px of the same picture.
        most: as for `suppress`.

    Returns:
        The faces, (N, 6), in order of falling score; usable is the mean over the sizes that saw the face.
    """
    faces = suppress(np.concatenate(views), most)
    if len(views) == 1:
        return faces
    for face in faces:
        same = [view[overlap(face, view) >= ALIKE] for view in views]
        best = [boxes[boxes[:, 4].argmax()] for boxes in same if len(boxes)]
        face[4:] = sum(box[4] for box in best) / len(views), np.mean([box[5] for box in best])
    return faces[np.argsort(-faces[:, 4], kind="stable")]
