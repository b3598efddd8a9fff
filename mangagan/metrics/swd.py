"""Sliced Wasserstein distance between two sets of images, scale by scale.

Karras, Aila, Laine and Lehtinen, "Progressive Growing of GANs" (ICLR 2018, arXiv 1710.10196), section 5: patches of
each level of a Laplacian pyramid (Burt and Adelson 1983) are two clouds of points; projected on random lines, their
Wasserstein distances are differences of sorted numbers (Rabin et al. 2011).

Two departures from the published code, both so that the figure says more about few images. Patches lie at the same
places in both sets: a set against itself is exactly 0. And both sets are normalised by the reference's mean and
deviation instead of each by its own: a loss of contrast counts.
"""

from collections.abc import Callable

import cv2
import numpy as np

PATCH = 7  # px
SMALLEST_LEVEL = 14  # px; two patches wide. The paper ends at 16 = 4·2², our sizes are 4 … 7·2ⁿ
SCALE = 1000.0  # the paper prints 10³ times the distance


def sliced_wasserstein(
    images: np.ndarray, reference: np.ndarray, seed: int, patches: int = 32, directions: int = 128
) -> dict[int, float]:
    """The distance on every level of the pyramid.

    It falls with the number of images, so compare only figures of equal counts, and read each against that of two
    sets of real images. The finest levels see lines and screentone, the coarsest where a face's parts lie.

    Args:
        images: uint8 (N, C, H, W), N at least 1, H = W at least 14.
        reference: uint8 (N, C, H, W), the same shape; real images.
        seed: of places and directions.
        patches: per image and level.
        directions: lines to project on.

    Returns:
        Side of the level in px → 10³ × distance, in standard deviations of the reference's level; 0 or above.

    Raises:
        ValueError: the shapes differ, or the images are too small.
    """
    if images.shape != reference.shape or len(images) == 0 or min(images.shape[2:]) < SMALLEST_LEVEL:
        raise ValueError(f"need images of one shape, {SMALLEST_LEVEL} px or more: {images.shape}, {reference.shape}")
    return {
        ours.shape[1]: level_distance(ours, theirs, np.random.default_rng([seed, level]), patches, directions)
        for level, (ours, theirs) in enumerate(
            zip(laplacian_pyramid(images), laplacian_pyramid(reference), strict=True)
        )
    }


def laplacian_pyramid(images: np.ndarray) -> list[np.ndarray]:
    """Splits images by scale: what each halving loses, finest first, then the rest.

    Args:
        images: uint8 (N, C, H, W).

    Returns:
        float32 (N, side, side, C) for side = H, H/2 … down to `SMALLEST_LEVEL` or the last above it.
    """
    current = np.ascontiguousarray(images.transpose(0, 2, 3, 1), np.float32)
    levels = []
    while current.shape[1] % 2 == 0 and current.shape[1] // 2 >= SMALLEST_LEVEL:
        smaller = resampled(cv2.pyrDown, current, current.shape[1] // 2)
        levels.append(current - resampled(cv2.pyrUp, smaller, current.shape[1]))
        current = smaller
    return [*levels, current]


def resampled(resize: Callable[..., np.ndarray], images: np.ndarray, side: int) -> np.ndarray:
    """Every image halved or doubled with the 5-tap binomial filter."""
    result = np.empty((len(images), side, side, images.shape[3]), np.float32)
    for target, image in zip(result, images, strict=True):
        target[:] = resize(image, dstsize=(side, side)).reshape(target.shape)
    return result


def level_distance(
    images: np.ndarray, reference: np.ndarray, rng: np.random.Generator, patches: int, directions: int
) -> float:
    """The distance on one level, float32 (N, side, side, C) both."""
    corners = rng.integers(0, images.shape[1] - PATCH + 1, (2, patches))
    ours, theirs = descriptors(images, corners), descriptors(reference, corners)
    mean, deviation = theirs.mean(axis=(0, 1), dtype=np.float64), theirs.std(axis=(0, 1), dtype=np.float64)
    lines = rng.standard_normal((directions, ours[0].size))
    lines = (lines / np.linalg.norm(lines, axis=1, keepdims=True)).astype(np.float32)
    # A level without any content (all images blank) has no deviation to measure in: gray levels it is.
    scale = np.where(deviation > 1e-6, deviation, 1.0)
    clouds = [((cloud - mean) / scale).astype(np.float32).reshape(len(cloud), -1) for cloud in (ours, theirs)]
    projected = [np.sort(lines @ cloud.T, axis=1) for cloud in clouds]
    return SCALE * float(np.mean(np.abs(projected[0] - projected[1]), dtype=np.float64))


def descriptors(images: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Cuts patches, at the same places in every image: float32 (N·patches, PATCH², C)."""
    windows = np.lib.stride_tricks.sliding_window_view(images, (PATCH, PATCH), axis=(1, 2))
    cut = windows[:, corners[0], corners[1]]  # (N, patches, C, PATCH, PATCH)
    return cut.reshape(-1, images.shape[3], PATCH**2).transpose(0, 2, 1)
