"""Metric `swd`: sliced Wasserstein distance between two sets of images at several scales.

Karras, Aila, Laine and Lehtinen, "Progressive Growing of GANs" (ICLR 2018, arXiv 1710.10196), section 5. Patches from
each level of a Laplacian pyramid (Burt and Adelson 1983) form two clouds of points. Projected on random lines, their
Wasserstein distances are differences of sorted numbers (Rabin et al. 2011).

There are two differences from the published code, because the sets are small. Patches are cut at the same places in
both sets, so a set against itself gives exactly 0. Both sets are normalised by mean and deviation of the reference
instead of by their own, so a loss of contrast counts.
"""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from mangagan.core.parallel import cpu_count, map_ordered
from mangagan.metrics.comparison import Figures, compare_with_holdout, make_missing
from mangagan.metrics.evaluation_data import EvaluationData
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.types import FLOOR_WITH_HOLDOUT, Direction, ImageMeasurement, Metric, MetricGroup

PATCH = 7  # side of a patch [px]
SMALLEST_LEVEL = 14  # side [px]: two patches. The paper ends at 16 px = 4·2²; our sizes are 4 … 7·2ⁿ
SCALE = 1000.0  # the paper prints 10³ times the distance


def sliced_wasserstein(
    images: np.ndarray, reference: np.ndarray, seed: int, patches: int = 32, directions: int = 128
) -> dict[int, float]:
    """Return the distance on each level of the pyramid.

    It decreases with the number of images: compare values at equal counts only, and compare each with the value of
    two sets of real images. The finest levels respond to lines and screentone, the coarsest to the layout of the face.

    Args:
        images: uint8 (N, C, H, W), N at least 1, H = W at least 14.
        reference: Real images, uint8 of the same shape.
        seed: Seed of the places of the patches and of the directions.
        patches: Patches of each image and level. Default: 32.
        directions: Number of projection lines. Default: 128.

    Returns:
        Side of the level [px] → 10³ × distance, in standard deviations of the level of the reference; 0 or above.

    Raises:
        ValueError: The shapes differ, or the images are too small.
    """
    if images.shape != reference.shape or len(images) == 0 or min(images.shape[2:]) < SMALLEST_LEVEL:
        raise ValueError(f"need images of one shape, {SMALLEST_LEVEL} px or more: {images.shape}, {reference.shape}")
    levels, targets = laplacian_pyramid(images), laplacian_pyramid(reference)

    def measure(number: int) -> float:
        rng = np.random.default_rng([seed, number])
        return measure_level_distance(levels[number], targets[number], rng, patches, directions)

    distances = map_ordered(measure, range(len(levels)), cpu_count())
    return {level.shape[1]: distance for level, distance in zip(levels, distances, strict=True)}


def laplacian_pyramid(images: np.ndarray) -> list[np.ndarray]:
    """Return the Laplacian pyramid of images, finest level first: the details lost by each halving, then the rest.

    Args:
        images: uint8 (N, C, H, W).

    Returns:
        float32 (N, side, side, C) for side = H, H/2 … down to `SMALLEST_LEVEL` or the last side above it.
    """
    current = np.ascontiguousarray(images.transpose(0, 2, 3, 1), np.float32)
    levels = []
    while current.shape[1] % 2 == 0 and current.shape[1] // 2 >= SMALLEST_LEVEL:
        smaller = resample(cv2.pyrDown, current, current.shape[1] // 2)
        levels.append(current - resample(cv2.pyrUp, smaller, current.shape[1]))
        current = smaller
    return [*levels, current]


def resample(resize: Callable[..., np.ndarray], images: np.ndarray, side: int) -> np.ndarray:
    """Halve or double every image with the 5-tap binomial filter; `resize` is cv2.pyrDown or cv2.pyrUp."""
    result = np.empty((len(images), side, side, images.shape[3]), np.float32)
    for target, image in zip(result, images, strict=True):
        target[:] = resize(image, dstsize=(side, side)).reshape(target.shape)
    return result


def measure_level_distance(
    images: np.ndarray, reference: np.ndarray, rng: np.random.Generator, patches: int, directions: int
) -> float:
    """Return the distance on one level; both sets are float32 (N, side, side, C)."""
    corners = rng.integers(0, images.shape[1] - PATCH + 1, (2, patches))
    clouds = [cut_patches(level, corners) for level in (images, reference)]
    mean, deviation = (function(clouds[1], axis=(0, 1), dtype=np.float64) for function in (np.mean, np.std))
    lines = rng.standard_normal((directions, clouds[0][0].size))
    lines = (lines / np.linalg.norm(lines, axis=1, keepdims=True)).astype(np.float32)
    # A level without content (blank images) has deviation 0; there the unit is one gray level.
    scale = np.where(deviation > 1e-6, deviation, 1.0)
    points = [((cloud - mean) / scale).astype(np.float32).reshape(len(cloud), -1) for cloud in clouds]
    projected = [np.sort(lines @ cloud.T, axis=1) for cloud in points]
    return SCALE * float(np.mean(np.abs(projected[0] - projected[1]), dtype=np.float64))


def cut_patches(images: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Cut patches at the same places of every image: float32 (N·patches, PATCH², C)."""
    windows = np.lib.stride_tricks.sliding_window_view(images, (PATCH, PATCH), axis=(1, 2))
    cut = windows[:, corners[0], corners[1]]  # (N, patches, C, PATCH, PATCH)
    return cut.reshape(-1, images.shape[3], PATCH**2).transpose(0, 2, 1)


def measure_swd(data: EvaluationData, settings: EvaluateParams) -> Figures:
    """Measure the distance to the hold-out set: the mean over the levels, and each level as a detail."""
    if reason := data.explain_shortage():
        return {"swd": make_missing(reason, data.count)}

    def measure(chosen: np.ndarray, reference: np.ndarray, seed: int) -> dict[str, float]:
        levels = sliced_wasserstein(chosen, reference, seed, settings.swd_patches, settings.swd_directions)
        return {"swd": float(np.mean(list(levels.values()))), **{f"{side}px": level for side, level in levels.items()}}

    found = compare_with_holdout(measure, data.images, data.count, settings.repeats, settings.seed)
    mean = found.pop("swd")
    levels = {name: {"value": level.value, "floor": level.floor} for name, level in found.items()}
    return {"swd": replace(mean, details={"levels": levels})}


MEASUREMENT = ImageMeasurement(
    measure_swd,
    (
        Metric(
            key="swd",
            title="Sliced Wasserstein distance",
            question="Are lines, screentone and the layout of the face like those of real faces?",
            unit="× 10³, from 0",
            direction=Direction.LOWER,
            group=MetricGroup.DISTANCE,
            floor=FLOOR_WITH_HOLDOUT,
            same="Lines and tones as in real faces.",
            below="Closer to unseen faces than training faces are.",
            above="Lines and tones differ from those of real faces.",
            about="Compares patches of 7 px at several scales with those of hold-out faces (Karras and others 2018)."
            " Needs no network.",
            details={"levels": "By scale: from lines and screentone to the layout of the face"},
        ),
    ),
)
