"""Overlapping boxes: IoU, non-maximum suppression, and averaging of scores over scales."""

import numpy as np

MATCH_IOU = 0.45  # minimum IoU of two boxes, found at two scales, that count as the same face


def compute_iou(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the intersection over union of one box (4,) with each of N boxes (N, 4).

    Boxes are x, y, w, h. The result has shape (N,) and values in [0, 1].
    """
    sides = np.minimum(box[:2] + box[2:4], boxes[:, :2] + boxes[:, 2:4]) - np.maximum(box[:2], boxes[:, :2])
    intersection = sides.clip(0).prod(axis=1)
    return intersection / (box[2] * box[3] + boxes[:, 2] * boxes[:, 3] - intersection)


def suppress_overlaps(faces: np.ndarray, max_iou: float) -> np.ndarray:
    """Apply non-maximum suppression.

    Args:
        faces: (N, 5 or more): x, y, w, h, score and any further columns.
        max_iou: A face is removed if its IoU with a face of higher score is above this value [0, 1].

    Returns:
        The remaining rows, by descending score.
    """
    remaining = faces[np.lexsort((*faces[:, 3::-1].T, -faces[:, 4]))]
    kept = []
    while len(remaining):
        kept.append(remaining[0])
        remaining = remaining[1:][compute_iou(remaining[0], remaining[1:]) <= max_iou]
    return np.array(kept).reshape(-1, faces.shape[1])


def average_over_scales(scales: list[np.ndarray]) -> np.ndarray:
    """Return the boxes found at all scales, each with its score averaged over the scales.

    Lettering and hatching look like a face at one scale, but rarely at two. The score of a box is therefore the mean,
    over the scales, of the best matching box (0 at a scale without a match). A face can appear several times in the
    result: apply `suppress_overlaps` to it.

    Args:
        scales: One array for each scale, (N, 6): x, y, w, h, score, usable. All boxes are in px of the same image.

    Returns:
        (M, 6): the boxes of all scales. `usable` is the mean over the scales that have a match.
    """
    faces = []
    for number, found in enumerate(scales):
        others = [other for index, other in enumerate(scales) if index != number]
        for face in found:
            matching = [other[compute_iou(face, other) >= MATCH_IOU] for other in others]
            best = [boxes[boxes[:, 4].argmax(), 4:] for boxes in matching if len(boxes)]
            values = np.array([face[4:], *best])  # (scales with a match, 2): score, usable
            faces.append([*face[:4], values[:, 0].sum() / len(scales), values[:, 1].mean()])
    return np.array(faces).reshape(-1, 6)
