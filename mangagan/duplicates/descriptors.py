"""Descriptors of faces: histograms of gradient directions, by which faces that may show the same drawing are found.

Each cell of a grid over the face has a histogram of the directions of its outlines (HOG: Dalal and Triggs, "Histograms
of Oriented Gradients for Human Detection", CVPR 2005). Light, contrast and compression hardly change it. A face is
described at several sizes and shifts of the grid, because the boxes of one drawing differ.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from mangagan.core.cached_map import compute_missing
from mangagan.core.code import code_hash
from mangagan.core.keys import describe_libraries, make_key
from mangagan.core.progress import track
from mangagan.duplicates.array_file import ArrayFile
from mangagan.duplicates.face_context import FaceContext, Faces

SMALL = 56  # [px] of the faces that are described
CELLS = 7  # of the grid in each direction
BINS = 8  # directions; an outline counts for each with the fourth power of the cosine of the angle between them
ANGLES = np.arange(BINS) * 2 * np.pi / BINS
COSINES, SINES = np.cos(ANGLES).astype(np.float32), np.sin(ANGLES).astype(np.float32)
LENGTH = CELLS**2 * BINS  # of a descriptor
INSET = 0.09  # distance of the grid from each edge, share of the side
BLUR, VOTE_BLUR = 1.25, 2.8  # standard deviation of the blur of the face, and of the histograms [px]
SCALES = (1.0, 0.88, 1.13)  # sizes of the grid
SHIFTS = ((0.0, 0.0), (0.045, 0.0), (-0.045, 0.0), (0.0, 0.045), (0.0, -0.045))  # of the grid, share of the side
VARIANTS = tuple((scale, *shift) for shift in SHIFTS for scale in SCALES)  # the first ones are not shifted
MIRRORED_VARIANTS = [VARIANTS.index((scale, -x if x else x, y)) for scale, x, y in VARIANTS]  # of the mirror image
CHUNK = 128  # faces


def describe_faces(faces: Faces, context: FaceContext) -> ArrayFile:
    """Return the descriptors of each face at each of `VARIANTS`, float16 (N, variants, LENGTH), not negative.

    Args:
        faces: N faces.
        context: Descriptors of earlier runs.
    """
    code = code_hash(__name__), describe_libraries("numpy", "opencv-python-headless")
    keys = [make_key("descriptors", *code, digest) for digest in context.digests]
    found = compute_missing(describe_chunk, keys, context.cache, np.ndarray, faces.__getitem__, CHUNK, context.machine)
    result = ArrayFile(len(faces), (len(VARIANTS), LENGTH), np.float16, context.cache.temporary_folder)
    for index, descriptors in track(found, len(faces), "duplicates: descriptors", "faces"):
        result.write(index, descriptors)
    return result


def describe_chunk(faces: np.ndarray) -> list[np.ndarray]:
    """Return the descriptors of each face, float16 (variants, LENGTH), for uint8 (N, S, S)."""
    grids = make_grids(VARIANTS)
    return [describe(count_votes(face), grids).astype(np.float16) for face in faces]


def count_votes(face: np.ndarray) -> np.ndarray:
    """Return how strongly the outlines at each pixel have each direction, float32 (SMALL, SMALL, BINS).

    Args:
        face: uint8 (S, S).
    """
    small = cv2.resize(face, (SMALL, SMALL), interpolation=cv2.INTER_AREA).astype(np.float32)
    small = cv2.GaussianBlur(small, (0, 0), BLUR)
    across, down = cv2.Sobel(small, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(small, cv2.CV_32F, 0, 1, ksize=3)
    strength = np.sqrt(across**2 + down**2) + 1e-6
    votes = np.maximum(0, across[..., None] * COSINES + down[..., None] * SINES) / strength[..., None]
    votes *= votes
    votes *= votes * (strength / (np.sqrt(np.mean(strength**2)) + 1e-3))[..., None]
    return np.asarray(cv2.GaussianBlur(votes, (0, 0), VOTE_BLUR), np.float32)


def describe(votes: np.ndarray, grids: np.ndarray) -> np.ndarray:
    """Return the descriptors of a face, float32 (V, LENGTH), not negative.

    Args:
        votes: Result of `count_votes`.
        grids: Result of `make_grids`; outside of the face, mirrored pixels count.
    """
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101
    cells = cv2.remap(
        votes, grids[..., 0].reshape(-1, CELLS), grids[..., 1].reshape(-1, CELLS), flags, borderMode=border
    )
    return np.sqrt(cells.clip(0)).reshape(len(grids), LENGTH)


def make_grids(variants: Sequence[tuple[float, float, float]]) -> np.ndarray:
    """Return the centres of the cells of a grid for each variant, float32 (V, CELLS, CELLS, 2): x and y [px].

    Args:
        variants: Scale, shift to the right and shift downwards, as in `VARIANTS`.
    """
    offsets = (np.arange(CELLS) - (CELLS - 1) / 2) * (1 - 2 * INSET) / CELLS
    grids = []
    for scale, across, down in variants:
        x, y = ((0.5 + shift + offsets * scale) * SMALL - 0.5 for shift in (across, down))
        grids.append(np.stack(np.meshgrid(x, y), axis=-1))
    return np.array(grids, np.float32)


def mirror(descriptors: np.ndarray) -> np.ndarray:
    """Return the descriptors of the mirror images of faces, of the same shape.

    Args:
        descriptors: (…, LENGTH).
    """
    grid = descriptors.reshape(*descriptors.shape[:-1], CELLS, CELLS, BINS)[..., ::-1, :]
    directions = (BINS // 2 - np.arange(BINS)) % BINS  # an angle a becomes 180° − a
    return np.ascontiguousarray(grid[..., directions]).reshape(descriptors.shape)
