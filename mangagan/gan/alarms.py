"""What goes wrong in training, told from its figures: functions that return a line of what to change, or None."""

import math

import numpy as np

from mangagan.gan.augment import STRONGEST
from mangagan.gan.config import Settings

SURE = 0.98  # D is this sure of real and of generated images: G's gradients are small and uninformative
SURE_ROWS = 5  # rows of the curves in which that holds without a break
AUGMENT = "set train.augment to translation+cutout+color and train.augment_target to 0.6"
ROUNDING = 1e-3  # of a mean of float32 strengths
OVERFIT = 0.95  # realness from which D knows the faces by heart
ALIKE = 0.5  # samples that differ less than this share of what faces differ
WORSE_ROWS = 3  # measurements in a row that are clearly worse than the best


def not_finite(row: list[float]) -> str | None:
    """The curves of a row (see CURVES) or a measurement hold NaN or infinity."""
    if all(math.isfinite(value) for value in row):
        return None
    return (
        f"training diverged (NaN) before {row[0]:.1f} kimg: "
        "halve train.learning_rate_g and train.learning_rate_d in params.yaml or raise train.batch_size"
    )


def saturated(rows: list[list[float]]) -> str | None:
    """D has been sure of nearly every image for the last SURE_ROWS rows: G no longer learns from it."""
    last = rows[-SURE_ROWS:]
    if len(last) < SURE_ROWS or any(row[3] < SURE or row[4] > 1 - SURE for row in last):
        return None
    return (
        f"D tells every image since {last[0][0]:.1f} kimg (D(x) {last[-1][3]:.3f}, D(G(z)) {last[-1][4]:.3f}): "
        f"raise train.r1, lower train.learning_rate_d, or {AUGMENT}"
    )


def overfitting(rows: list[list[float]], settings: Settings) -> str | None:
    """D knows the faces by heart, as augmented as they are: realness stays at OVERFIT or above."""
    last = rows[-SURE_ROWS:]
    if len(last) < SURE_ROWS or any(row[5] < OVERFIT for row in last):
        return None
    if settings.augmentations and settings.augment_target and last[-1][6] < STRONGEST - ROUNDING:
        return None  # the strength is still on its way up
    change = "add faces" if settings.augmentations else AUGMENT
    return f"D knows the faces by heart (realness {last[-1][5]:.2f} at {last[-1][0]:.1f} kimg): {change}, or stop here"


def worse(measured: list[dict[str, float]]) -> str | None:
    """The kernel distance has been worse than the best by more than two deviations WORSE_ROWS times in a row."""
    rows = [row for row in measured if "kernel_distance" in row]
    if len(rows) <= WORSE_ROWS:
        return None
    best = min(rows, key=lambda row: row["kernel_distance"])
    limit = best["kernel_distance"] + 2 * best.get("kernel_distance_sd", 0.0)
    if any(row["kernel_distance"] <= limit for row in rows[-WORSE_ROWS:]):
        return None
    return (
        f"samples get worse: kernel distance {rows[-1]['kernel_distance']:.4g} at {rows[-1]['kimg']:.0f} kimg, "
        f"{best['kernel_distance']:.4g} at {best['kimg']:.0f}: end there (train.kimg), add faces, or raise train.r1"
    )


def spread(images: np.ndarray) -> float:
    """How much images differ: the root mean square distance of two of them, in gray levels of a pixel.

    Args:
        images: uint8 (N, C, H, W), N at least 2.
    """
    return float(np.sqrt(2 * images.astype(np.float64).var(axis=0, ddof=1).mean()))


def alike(samples: np.ndarray, faces_spread: float, kimg: float) -> str | None:
    """The samples differ far less than the faces do: G has collapsed.

    Args:
        samples: uint8 (N, C, H, W), N at least 2.
        faces_spread: `spread` of the faces.
        kimg: when they were drawn.
    """
    share = spread(samples) / max(faces_spread, 1e-9)
    if share >= ALIKE:
        return None
    return (
        f"samples are alike at {kimg:.0f} kimg: they differ {share:.0%} as much as faces do: set "
        "train.minibatch_stddev to true, lower train.learning_rate_g, or take another train.seed"
    )
