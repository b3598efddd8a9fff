"""How much the images of a set differ from each other: 1 − MS-SSIM over pairs.

MS-SSIM: Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment" (Asilomar 2003).
Its mean over random pairs as a sign of collapse: Odena, Olah and Shlens (ICML 2017, arXiv 1610.09585), section 4.2.
"""

import cv2
import numpy as np

from mangagan.core.images import to_gray

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the five scales, finest first
WINDOW, SIGMA = 11, 1.5  # px, of the Gaussian window
C1, C2 = 0.01**2, 0.03**2  # for a data range of 1
BATCH = 128  # pairs at once; bounds the memory


def pairwise_diversity(images: np.ndarray, seed: int, pairs: int = 250) -> float:
    """The mean of 1 − MS-SSIM over random pairs of different images.

    Noise counts as diversity too: read it together with a distance to real images.

    Args:
        images: uint8 (N, C, H, W), N at least 2, H = W at least 11; compared in gray.
        seed: of the choice of pairs.
        pairs: how many; all there are, where that is fewer.

    Returns:
        0 where all images are the same, up to 1.

    Raises:
        ValueError: fewer than two images, or too small.
    """
    if len(images) < 2 or min(images.shape[2:]) < WINDOW:
        raise ValueError(f"need at least two images of {WINDOW} px, not {images.shape}")
    grays = to_gray(images)
    first, second = choose_pairs(len(images), pairs, np.random.default_rng(seed))
    similarity = [
        ms_ssim(grays[first[start : start + BATCH]], grays[second[start : start + BATCH]])
        for start in range(0, len(first), BATCH)
    ]
    # Rounding may leave a hair above 1 for equal images.
    return float(np.clip(1 - np.concatenate(similarity).mean(dtype=np.float64), 0, 1))


def choose_pairs(count: int, pairs: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Indices of different pairs i < j of `count` items, at most `pairs` of them, in random order."""
    total = count * (count - 1) // 2
    chosen = rng.choice(total, min(pairs, total), replace=False)
    # Pair number n = j(j−1)/2 + i.
    second = ((1 + np.sqrt(1 + 8 * chosen.astype(np.float64))) // 2).astype(np.int64)
    return chosen - second * (second - 1) // 2, second


def ms_ssim(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """MS-SSIM of image pairs, on as many of the five scales as the window fits in (four at 112 px).

    Args:
        first: float32 (N, S, S) in [0, 1].
        second: the same shape.

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
        first, second = halved(first), halved(second)
    return product.astype(np.float32)


def ssim_terms(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Luminance term and contrast-structure term of SSIM at every place where the window fits."""
    mean1, mean2 = windowed(first), windowed(second)
    variances = windowed(first**2 + second**2) - mean1**2 - mean2**2
    covariance = windowed(first * second) - mean1 * mean2
    luminance = (2 * mean1 * mean2 + C1) / (mean1**2 + mean2**2 + C1)
    return luminance, (2 * covariance + C2) / (variances + C2)


def windowed(images: np.ndarray) -> np.ndarray:
    """Gaussian means of float32 (N, S, S): (N, S − 10, S − 10)."""
    edge = WINDOW // 2
    means = [cv2.GaussianBlur(image, (WINDOW, WINDOW), SIGMA)[edge:-edge, edge:-edge] for image in images]
    return np.stack(means)


def halved(images: np.ndarray) -> np.ndarray:
    """Means over 2×2 px; an odd last row and column are left out."""
    even = images[:, : images.shape[1] // 2 * 2, : images.shape[2] // 2 * 2]
    return (even[:, ::2, ::2] + even[:, 1::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, 1::2]) / 4
