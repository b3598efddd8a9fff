"""Nearest training faces of images: used to show and to measure memorisation."""

import math
from dataclasses import dataclass
from functools import cache
from itertools import product

import cv2
import numpy as np

from mangagan.core.images import to_gray
from mangagan.core.parallel import cpu_count, map_ordered
from mangagan.distances.pairwise import mean_squared_differences, row_blocks

SIDE = 28  # size of a descriptor [px]; coarse, so that lines need not coincide
SIGMA = 1.0  # σ of the blur at `SIDE` [px]
# A copy may be cropped differently from its training face. Comparing every image with every face at all shifts and
# zooms would take minutes, so only the faces that are nearest without a shift are compared that way. In tests the
# copied face was always the first of them.
CANDIDATES = 32
SHIFTS = tuple(range(-4, 5))  # [112ths of the side], along x and y
ZOOMS = (1 / 1.04, 1.0, 1.04)
MARGIN = 2  # border of a descriptor that is ignored for shifted images [px]: a shift fills it with repeated pixels


@dataclass(frozen=True)
class NearestFaces:
    """The k nearest training faces of N images, nearest first; see `find_nearest_faces`.

    Attributes:
        indices: int64 (N, k), rows of the training set.
        mirrored: bool (N, k), True if the mirrored training face is the nearer one.
        distances: float64 (N, k) [0, 2], ascending.
    """

    indices: np.ndarray
    mirrored: np.ndarray
    distances: np.ndarray


def find_nearest_faces(images: np.ndarray, train: np.ndarray, neighbors: int) -> NearestFaces:
    """Find the nearest training faces of each image, also mirrored, shifted and zoomed ones.

    The distance is the root mean square difference of the descriptors (see `make_descriptors`). It equals √(2 − 2r),
    with r the correlation of both: 0 for the same picture, √2 ≈ 1.41 for unrelated pictures, 2 for a negative.

    The image is shifted and zoomed (all `SHIFTS` and `ZOOMS`) for its `CANDIDATES` nearest faces, and the smallest
    distance counts. This also lowers the distance of unrelated images, to about 1.2. So compare only distances from
    this function with each other.

    Args:
        images: uint8 (N, C, S, S).
        train: uint8 (M, C, S, S), M at least 1.
        neighbors: k, at most `CANDIDATES`; reduced to M if M is smaller.
    """
    faces = make_descriptors(train)
    candidates = find_candidates(make_descriptors(images), faces, max(neighbors, CANDIDATES))
    face_centres = crop_centre(faces)
    count = min(neighbors, len(train))

    def compare(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the nearest faces of one image: indices, mirrored, squared distances."""
        rows = candidates.indices[number]
        shifted, centres = crop_centre(shift_and_zoom(images[number : number + 1])), face_centres[rows]
        straight = mean_squared_differences(shifted, centres).min(axis=0)
        flipped = mean_squared_differences(shifted, mirror(centres)).min(axis=0)
        closest, unshifted = np.minimum(straight, flipped), candidates.distances[number] ** 2
        least = np.minimum(closest, unshifted)  # an exact copy is not resampled and keeps distance 0
        is_mirrored = np.where(unshifted <= closest, candidates.mirrored[number], flipped < straight)
        order = np.argsort(least, kind="stable")[:count]
        return rows[order], is_mirrored[order], least[order]

    best = np.empty((len(images), count))
    indices, mirrored = np.empty((len(images), count), np.int64), np.empty((len(images), count), bool)
    for number, found in enumerate(map_ordered(compare, range(len(images)), cpu_count())):
        indices[number], mirrored[number], best[number] = found
    return NearestFaces(indices, mirrored, np.sqrt(best))


def find_candidates(descriptors: np.ndarray, faces: np.ndarray, max_count: int) -> NearestFaces:
    """Return the nearest faces (M, D), straight or mirrored, of each descriptor (N, D), without shifts."""
    count = min(max_count, len(faces))
    best = np.empty((len(descriptors), count))
    indices, mirrored = np.empty((len(descriptors), count), np.int64), np.empty((len(descriptors), count), bool)
    for rows in row_blocks(len(descriptors), len(faces)):
        straight = mean_squared_differences(descriptors[rows], faces)
        flipped = mean_squared_differences(mirror(descriptors[rows]), faces)
        least = np.minimum(straight, flipped)
        chosen = np.argpartition(least, count - 1, axis=1)[:, :count]
        order = np.lexsort((chosen, np.take_along_axis(least, chosen, axis=1)), axis=1)
        chosen = np.take_along_axis(chosen, order, axis=1)
        indices[rows], best[rows] = chosen, np.take_along_axis(least, chosen, axis=1)
        mirrored[rows] = np.take_along_axis(flipped < straight, chosen, axis=1)
    return NearestFaces(indices, mirrored, np.sqrt(best))


def make_descriptors(images: np.ndarray) -> np.ndarray:
    """Return images in gray at 28 px, slightly blurred, each at mean 0 and standard deviation 1.

    Args:
        images: uint8 (N, C, S, S).

    Returns:
        float64 (N, 784); all 0 for a blank image.
    """
    small = np.empty((len(images), SIDE, SIDE), np.float64)
    for number, target in enumerate(small):  # one by one: all images as gray floats would need 16 times the memory
        (gray,) = to_gray(images[number : number + 1])
        resized = cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        target[:] = cv2.GaussianBlur(resized, (0, 0), SIGMA, borderType=cv2.BORDER_REFLECT)
    return standardise(small.reshape(len(images), SIDE**2))


def shift_and_zoom(image: np.ndarray) -> np.ndarray:
    """Return one image, uint8 (1, C, S, S), under all `SHIFTS` and `ZOOMS`: blurred, 28 px, float32 (243, 784).

    The image is blurred once, before it is moved. Pixels from outside the image repeat its edge.
    """
    (gray,) = to_gray(image)
    resized = cv2.resize(gray, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(resized, (0, 0), 2 * SIGMA, borderType=cv2.BORDER_REFLECT)
    moved = cv2.remap(blurred, *make_sampling_maps(), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return moved.reshape(-1, SIDE**2)


@cache
def make_sampling_maps() -> tuple[np.ndarray, np.ndarray]:
    """Return the x and y maps of `cv2.remap` from 2·SIDE px to all moved images: float32 (243·SIDE, SIDE) each."""
    grid = 2 * np.arange(SIDE) + 0.5  # between two pixels: the mean of four, as in `make_descriptors`
    centre = SIDE - 0.5
    maps = [
        np.meshgrid((grid - centre) / zoom + centre + right / 2, (grid - centre) / zoom + centre + down / 2)
        for zoom, down, right in product(ZOOMS, SHIFTS, SHIFTS)
    ]
    x_map, y_map = (np.concatenate(axis).astype(np.float32) for axis in zip(*maps, strict=True))
    return x_map, y_map


def mirror(descriptors: np.ndarray) -> np.ndarray:
    """Return the descriptors (N, D) of the mirrored images; D is a square number."""
    side = math.isqrt(descriptors.shape[1])
    return descriptors.reshape(-1, side, side)[..., ::-1].reshape(descriptors.shape)


def crop_centre(descriptors: np.ndarray) -> np.ndarray:
    """Return descriptors (N, 784) without their `MARGIN`, standardised again: float32 (N, 576)."""
    inside = slice(MARGIN, SIDE - MARGIN)
    centres = descriptors.reshape(-1, SIDE, SIDE)[:, inside, inside].astype(np.float32)
    return standardise(centres.reshape(len(descriptors), -1))


def standardise(rows: np.ndarray) -> np.ndarray:
    """Return rows (N, D) at mean 0 and standard deviation 1; all 0 for a constant row."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    return np.where(deviation > 1e-4, centred / np.maximum(deviation, 1e-4), 0.0)
