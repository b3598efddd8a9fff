"""Which training faces a sample is closest to: the eye's check for memorising, and a figure for it."""

from dataclasses import dataclass

import cv2
import numpy as np

from mangagan.metrics.diversity import to_gray

SIDE = 28  # px; coarse enough that a shift of a pixel at 112 px does not hide a copy; one of 4 does
SIGMA = 1.0  # px at SIDE, of the blur
BLOCK = 4096  # training faces at once; bounds the memory


@dataclass(frozen=True)
class Nearest:
    """The nearest training faces of N images, nearest first.

    Attributes:
        indices: int64 (N, k), rows of the training set.
        mirrored: bool (N, k), whether the training face is that close only when mirrored.
        distances: float64 (N, k), in 0 … 2; rising.
    """

    indices: np.ndarray
    mirrored: np.ndarray
    distances: np.ndarray


def nearest_faces(images: np.ndarray, train: np.ndarray, neighbors: int) -> Nearest:
    """Finds each image's nearest training faces, mirrored ones included.

    The distance is the root mean square difference of the `descriptors`: 0 for the same picture, √2 ≈ 1.41 for
    unrelated ones, 2 for a negative. It is √(2 − 2r) with r the correlation of the two.

    Args:
        images: uint8 (N, C, S, S).
        train: uint8 (M, C, S, S), M at least 1.
        neighbors: k; M where that is fewer.
    """
    ours = descriptors(images)
    count = min(neighbors, len(train))
    best = np.full((len(images), count), np.inf)
    where = np.zeros((len(images), count), np.int64)
    flipped = np.zeros((len(images), count), bool)
    for start in range(0, len(train), BLOCK):
        block = train[start : start + BLOCK]
        straight, mirror = squared(ours, descriptors(block)), squared(ours, descriptors(block[..., ::-1]))
        candidates = np.concatenate([best, np.minimum(straight, mirror)], axis=1)
        indices = np.concatenate([where, np.broadcast_to(start + np.arange(len(block)), straight.shape)], axis=1)
        mirrors = np.concatenate([flipped, mirror < straight], axis=1)
        order = np.argsort(candidates, axis=1, kind="stable")[:, :count]
        best, where, flipped = (np.take_along_axis(table, order, axis=1) for table in (candidates, indices, mirrors))
    return Nearest(where, flipped, np.sqrt(best))


def descriptors(images: np.ndarray) -> np.ndarray:
    """Images in gray at 28 px, slightly blurred, each at mean 0 and standard deviation 1.

    Args:
        images: uint8 (N, C, S, S).

    Returns:
        float64 (N, 784); all 0 for a blank image.
    """
    small = np.empty((len(images), SIDE, SIDE), np.float64)
    for number, target in enumerate(small):  # one by one: gray floats of all would take 16 times their memory
        (gray,) = to_gray(images[number : number + 1])
        resized = cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        target[:] = cv2.GaussianBlur(resized, (0, 0), SIGMA, borderType=cv2.BORDER_REFLECT)
    flat = small.reshape(len(images), SIDE**2)
    centred = flat - flat.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    return np.where(deviation > 1e-4, centred / np.maximum(deviation, 1e-4), 0.0)


def squared(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Mean squared differences of all pairs: (N, D) and (M, D) to (N, M)."""
    norms = (first**2).mean(axis=1)[:, None] + (second**2).mean(axis=1)[None]
    return np.maximum(norms - 2 * (first @ second.T) / first.shape[1], 0.0)


def least_distances(points: np.ndarray, others: np.ndarray, skip_self: bool = False) -> np.ndarray:
    """The root mean square difference of each point to the nearest of the others, block by block.

    Args:
        points: (N, D).
        others: (M, D), M at least 1.
        skip_self: whether `others` are the points themselves, each of which is passed over; M at least 2.

    Returns:
        float64 (N,).
    """
    ours, theirs = np.asarray(points, np.float64), np.asarray(others, np.float64)
    best = np.full(len(ours), np.inf)
    for start in range(0, len(theirs), BLOCK):
        found = squared(ours, theirs[start : start + BLOCK])
        if skip_self:
            same = np.arange(found.shape[1])
            found[start + same, same] = np.inf
        np.minimum(best, found.min(axis=1), out=best)
    return np.sqrt(best)
