"""Boxes that are of one face."""

import numpy as np

ALIKE = 0.45  # intersection over union from which on boxes found at two sizes are of one face


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


def agree(views: list[np.ndarray]) -> np.ndarray:
    """The faces of one picture searched at several sizes, each scored by all of them; the same face may come twice.

    Print and lettering look like faces at one size and seldom at two: a face's score is the mean over the sizes of its
    own score and of the best score that a box like it had elsewhere, 0 where there was none.

    Args:
        views: one a size, (N, 6): x, y, w, h, score, usable, all in px of the same picture.

    Returns:
        (M, 6), all boxes of all views; usable is the mean over the sizes that saw the face.
    """
    faces = []
    for own, view in enumerate(views):
        others = [other for number, other in enumerate(views) if number != own]
        for face in view:
            alike = [other[overlap(face, other) >= ALIKE] for other in others]
            seen = np.array([face[4:], *(boxes[boxes[:, 4].argmax(), 4:] for boxes in alike if len(boxes))])
            faces.append([*face[:4], seen[:, 0].sum() / len(views), seen[:, 1].mean()])
    return np.array(faces).reshape(-1, 6)
