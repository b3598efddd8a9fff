"""Which training faces a sample is closest to: the eye's check for memorising, and a figure for it."""

import math
from dataclasses import dataclass
from functools import cache
from itertools import product

import cv2
import numpy as np

from mangagan.core.images import to_gray

SIDE = 28  # px; coarse, so that lines need not lie on each other
SIGMA = 1.0  # px at SIDE, of the blur
BLOCK = 4096  # training faces at once; bounds the memory
# A copy may be cut differently from its face. To move every image over every face would take minutes, so the faces that
# it is moved over are chosen by how near they are to it as it is: a copy's own was always first of these.
SHORT_LIST = 32
SHIFTS = tuple(range(-4, 5))  # 112ths of the side, each way
ZOOMS = (1 / 1.04, 1.0, 1.04)
MARGIN = 2  # px at SIDE left out all round where images are moved: of what comes in there the image knows nothing


@dataclass(frozen=True)
class Nearest:
    """The nearest training faces of N images, nearest first; see `nearest_faces`.

    Attributes:
        indices: int64 (N, k), rows of the training set.
        mirrored: bool (N, k), whether the training face is that close only when mirrored.
        distances: float64 (N, k), in 0 … 2; rising.
    """

    indices: np.ndarray
    mirrored: np.ndarray
    distances: np.ndarray


def nearest_faces(images: np.ndarray, train: np.ndarray, neighbors: int) -> Nearest:
    """Finds each image's nearest training faces, mirrored, shifted and zoomed ones included.

    The distance is the root mean square difference of the `descriptors`: 0 for the same picture, √2 ≈ 1.41 for
    unrelated ones, 2 for a negative. It is √(2 − 2r) with r the correlation of the two. For the `SHORT_LIST` faces that
    are nearest by it, the image is shifted and zoomed (all `SHIFTS` and `ZOOMS`), and the least distance of the `inner`
    parts counts where it is less. That brings unrelated images nearer too, to about 1.2: compare only with distances
    that were taken in the same way.

    Args:
        images: uint8 (N, C, S, S).
        train: uint8 (M, C, S, S), M at least 1.
        neighbors: k, at most `SHORT_LIST`; M where that is fewer.
    """
    faces = descriptors(train)
    listed = short_list(descriptors(images), faces, max(neighbors, SHORT_LIST))
    middles = inner(faces)
    count = min(neighbors, len(train))
    best = np.empty((len(images), count))
    where, flipped = np.empty((len(images), count), np.int64), np.empty((len(images), count), bool)
    for number, rows in enumerate(listed.indices):
        moved, there = inner(moved_images(images[number : number + 1])), middles[rows]
        straight, mirror = squared(moved, there).min(axis=0), squared(moved, mirrored(there)).min(axis=0)
        closest, unmoved = np.minimum(straight, mirror), listed.distances[number] ** 2
        least = np.minimum(closest, unmoved)  # the same picture, not resampled, stays at 0
        turned = np.where(unmoved <= closest, listed.mirrored[number], mirror < straight)
        order = np.argsort(least, kind="stable")[:count]
        best[number], where[number], flipped[number] = least[order], rows[order], turned[order]
    return Nearest(where, flipped, np.sqrt(best))


def short_list(ours: np.ndarray, faces: np.ndarray, most: int) -> Nearest:
    """The nearest of descriptors (M, D), straight or mirrored, to each of (N, D), none of them moved."""
    count = min(most, len(faces))
    best = np.full((len(ours), count), np.inf)
    where = np.zeros((len(ours), count), np.int64)
    flipped = np.zeros((len(ours), count), bool)
    for start in range(0, len(faces), BLOCK):
        block = faces[start : start + BLOCK]
        straight, mirror = squared(ours, block), squared(ours, mirrored(block))
        candidates = np.concatenate([best, np.minimum(straight, mirror)], axis=1)
        indices = np.concatenate([where, np.broadcast_to(start + np.arange(len(block)), straight.shape)], axis=1)
        mirrors = np.concatenate([flipped, mirror < straight], axis=1)
        order = np.argpartition(candidates, count - 1, axis=1)[:, :count]
        best, where, flipped = (np.take_along_axis(table, order, axis=1) for table in (candidates, indices, mirrors))
    order = np.lexsort((where, best), axis=1)
    best, where, flipped = (np.take_along_axis(table, order, axis=1) for table in (best, where, flipped))
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
    return standardised(small.reshape(len(images), SIDE**2))


def moved_images(image: np.ndarray) -> np.ndarray:
    """One image, uint8 (1, C, S, S), under all `SHIFTS` and `ZOOMS`: at 28 px, blurred, float32 (243, 784).

    The blur comes first, so that it is one for all. What moves in from outside repeats the edge.
    """
    (gray,) = to_gray(image)
    resized = cv2.resize(gray, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(resized, (0, 0), 2 * SIGMA, borderType=cv2.BORDER_REFLECT)
    moved = cv2.remap(blurred, *moves(), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return moved.reshape(-1, SIDE**2)


@cache
def moves() -> tuple[np.ndarray, np.ndarray]:
    """Where in an image of 2·SIDE px the pixels of all its moves to SIDE px lie: x and y, float32 (243·SIDE, SIDE)."""
    grid = 2 * np.arange(SIDE) + 0.5  # the middle of two pixels: a mean of four, as descriptors take it
    centre = SIDE - 0.5
    places = [
        np.meshgrid((grid - centre) / zoom + centre + right / 2, (grid - centre) / zoom + centre + down / 2)
        for zoom, down, right in product(ZOOMS, SHIFTS, SHIFTS)
    ]
    across, along = (np.concatenate(axis).astype(np.float32) for axis in zip(*places, strict=True))
    return across, along


def mirrored(points: np.ndarray) -> np.ndarray:
    """The descriptors (N, D) of the mirrored images; D is a square."""
    side = math.isqrt(points.shape[1])
    return points.reshape(-1, side, side)[..., ::-1].reshape(points.shape)


def inner(points: np.ndarray) -> np.ndarray:
    """Images at 28 px, (N, 784), without their `MARGIN` and standardised again: float32 (N, 576)."""
    within = slice(MARGIN, SIDE - MARGIN)
    middles = points.reshape(-1, SIDE, SIDE)[:, within, within].astype(np.float32)
    return standardised(middles.reshape(len(points), -1))


def standardised(points: np.ndarray) -> np.ndarray:
    """Rows (N, D) at mean 0 and standard deviation 1; all 0 where a row is blank."""
    centred = points - points.mean(axis=1, keepdims=True)
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
