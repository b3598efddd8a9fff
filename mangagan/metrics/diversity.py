"""Metric `diversity`: 1 − MS-SSIM of random pairs, the difference between images of a set.

MS-SSIM: Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment" (Asilomar 2003).
Its mean over random pairs as a sign of mode collapse: Odena, Olah and Shlens (ICML 2017, arXiv 1610.09585), section
4.2.
"""

import cv2
import numpy as np

from mangagan.core.images import to_gray
from mangagan.core.parallel import cpu_count
from mangagan.metrics.comparison import Figures, compare_alone, make_missing
from mangagan.metrics.evaluation_data import TOO_FEW_SAMPLES, EvaluationData
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.types import FLOOR_ALONE, Direction, ImageMeasurement, Metric, MetricGroup

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # weights of the five scales, finest first
WINDOW, SIGMA = 11, 1.5  # size and σ of the Gaussian window [px]
C1, C2 = 0.01**2, 0.03**2  # constants of SSIM for values in [0, 1]
BATCH = 128  # pairs in one batch; bounds the memory


def pairwise_diversity(images: np.ndarray, seed: int, pairs: int = 250) -> float:
    """Return the mean of 1 − MS-SSIM over random pairs of different images.

    Noise counts as diversity too: read it with a distance to real images.

    Args:
        images: uint8 (N, C, H, W), N at least 2, H = W at least 11; compared in gray.
        seed: Seed of the choice of pairs.
        pairs: Number of pairs; reduced to all pairs if there are fewer. Default: 250.

    Returns:
        0 if all images are the same, up to 1.

    Raises:
        ValueError: There are fewer than two images, or they are too small.
    """
    if len(images) < 2 or min(images.shape[2:]) < WINDOW:
        raise ValueError(f"need at least two images of {WINDOW} px, not {images.shape}")
    grays = to_gray(images)
    first, second = choose_pairs(len(images), pairs, np.random.default_rng(seed))
    similarity = [
        ms_ssim(grays[first[start : start + BATCH]], grays[second[start : start + BATCH]])
        for start in range(0, len(first), BATCH)
    ]
    # Rounding can give an MS-SSIM slightly above 1 for equal images.
    return float(np.clip(1 - np.concatenate(similarity).mean(dtype=np.float64), 0, 1))


def choose_pairs(count: int, pairs: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices i < j of at most `pairs` different pairs of `count` items, in random order."""
    total = count * (count - 1) // 2
    chosen = rng.choice(total, min(pairs, total), replace=False)
    # Pair number n = j(j−1)/2 + i.
    second = ((1 + np.sqrt(1 + 8 * chosen.astype(np.float64))) // 2).astype(np.int64)
    return chosen - second * (second - 1) // 2, second


def ms_ssim(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the MS-SSIM of image pairs, on as many of the five scales as the window fits (four at 112 px).

    Args:
        first: float32 (N, S, S) in [0, 1].
        second: The same shape.

    Returns:
        float32 (N,) in [0, 1]; 1 for equal images. Negative terms (opposite contrast) count as 0.
    """
    scales = [scale for scale in range(len(WEIGHTS)) if first.shape[1] >> scale >= WINDOW]
    weights = np.array(WEIGHTS[: len(scales)]) / sum(WEIGHTS[: len(scales)])
    product = np.ones(len(first))
    for scale in scales:
        luminance, structure = ssim_terms(first, second)
        term = luminance * structure if scale == scales[-1] else structure
        product *= np.maximum(term.mean(axis=(1, 2)), 0) ** weights[scale]
        first, second = halve(first), halve(second)
    return product.astype(np.float32)


def ssim_terms(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the luminance term and the contrast-structure term of SSIM wherever the window fits."""
    mean1, mean2 = compute_window_means(first), compute_window_means(second)
    variances = compute_window_means(first**2 + second**2) - mean1**2 - mean2**2
    covariance = compute_window_means(first * second) - mean1 * mean2
    luminance = (2 * mean1 * mean2 + C1) / (mean1**2 + mean2**2 + C1)
    return luminance, (2 * covariance + C2) / (variances + C2)


def compute_window_means(images: np.ndarray) -> np.ndarray:
    """Return the Gaussian means of float32 (N, S, S): (N, S − 10, S − 10)."""
    edge = WINDOW // 2
    means = [cv2.GaussianBlur(image, (WINDOW, WINDOW), SIGMA)[edge:-edge, edge:-edge] for image in images]
    return np.stack(means)


def halve(images: np.ndarray) -> np.ndarray:
    """Return the means over 2×2 px; an odd last row and column are left out."""
    even = images[:, : images.shape[1] // 2 * 2, : images.shape[2] // 2 * 2]
    return (even[:, ::2, ::2] + even[:, 1::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, 1::2]) / 4


def measure_diversity(data: EvaluationData, settings: EvaluateParams) -> Figures:
    """Measure the mean difference between pairs of samples."""
    if data.count_alone < 2:
        return {"diversity": make_missing(TOO_FEW_SAMPLES, data.count_alone)}

    def measure(chosen: np.ndarray, seed: int) -> dict[str, float]:
        return {"diversity": pairwise_diversity(chosen, seed, settings.diversity_pairs)}

    return compare_alone(measure, data.images, data.count_alone, settings.repeats, settings.seed, cpu_count())


MEASUREMENT = ImageMeasurement(
    measure_diversity,
    (
        Metric(
            key="diversity",
            title="Difference between pairs",
            question="How different are two samples?",
            unit="1 − MS-SSIM, 0 to 1",
            direction=Direction.NEAREST,
            group=MetricGroup.VARIETY,
            floor=FLOOR_ALONE,
            same="Pairs differ as much as pairs of real faces.",
            below="Pairs are more similar than pairs of real faces: look for repeated faces.",
            above="Pairs differ more than pairs of real faces: noise and broken shapes count as variety too.",
            about="The mean over random pairs. It is 0 if all samples show the same face.",
            bounds=(0.0, 1.0),
        ),
    ),
)
