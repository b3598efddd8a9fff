"""Conditions under which training goes wrong. Each function returns a message that says what to change, or None."""

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from mangagan.gan.augment import MAX_STRENGTH
from mangagan.gan.config import Settings
from mangagan.gan.curves import CurveRow

SATURATED = 0.98  # mean probability above which D is right about nearly every image, so that G's gradients are small
SATURATED_ROWS = 5  # consecutive rows of the curves
AUGMENT_ADVICE = "set train.augment to translation+cutout+color and train.augment_target to 0.6"
ROUNDING = 1e-3  # rounding error of a mean of float32 strengths
OVERFITTING = 0.95  # realness from which D has memorised the faces
COLLAPSED = 0.5  # minimum spread of the samples, as a share of the spread of the faces
EXPLODED = 1000.0  # mean loss of a row; the loss of a training that works stays below 20
WORSE_ROWS = 3  # consecutive measurements that are clearly worse than the best

Entry = TypeVar("Entry")


def find_saturation(rows: list[CurveRow]) -> str | None:
    """Report that D has been right about nearly every image in the last SATURATED_ROWS rows: G stops learning."""
    last = rows[-SATURATED_ROWS:]
    if len(last) < SATURATED_ROWS or any(row.d_real < SATURATED or row.d_fake > 1 - SATURATED for row in last):
        return None
    return (
        f"D classifies nearly every image correctly since {last[0].kimg:.1f} kimg (D(x) {last[-1].d_real:.3f}, "
        f"D(G(z)) {last[-1].d_fake:.3f}). Increase train.r1, lower train.learning_rate_d, or {AUGMENT_ADVICE}"
    )


def find_explosion(rows: list[CurveRow]) -> str | None:
    """Report that a loss is at least EXPLODED; the samples then become noise."""
    if not rows or max(rows[-1].loss_d, rows[-1].loss_g, rows[-1].loss_f) < EXPLODED:
        return None
    return (
        f"the losses explode (D {rows[-1].loss_d:.3g}, G {rows[-1].loss_g:.3g}, on features {rows[-1].loss_f:.3g} at "
        f"{rows[-1].kimg:.1f} kimg). Halve train.learning_rate_g, train.learning_rate_d and train.learning_rate_f, or "
        "increase train.r1"
    )


def find_overfitting(rows: list[CurveRow], settings: Settings) -> str | None:
    """Report that D has memorised the faces, although they are augmented: realness stays at OVERFITTING or above."""
    last = rows[-SATURATED_ROWS:]
    if len(last) < SATURATED_ROWS or any(row.realness < OVERFITTING for row in last):
        return None
    if settings.augmentations and settings.augment_target and last[-1].augment_p < MAX_STRENGTH - ROUNDING:
        return None  # the strength is still increasing
    change = "Add faces" if settings.augmentations else f"S{AUGMENT_ADVICE[1:]}"
    return (
        f"D has memorised the faces (realness {last[-1].realness:.2f} at {last[-1].kimg:.1f} kimg). {change}, or stop "
        "the training here"
    )


def find_first(find: Callable[[list[Entry]], str | None], rows: list[Entry]) -> str | None:
    """Return the first report of a condition that is checked after each row; None if there is none."""
    reports = (find(rows[:count]) for count in range(1, len(rows) + 1))
    return next((report for report in reports if report), None)


def find_deterioration(measured: list[dict[str, float]]) -> str | None:
    """Report that the last WORSE_ROWS kernel distances exceed the best one by more than two standard deviations."""
    rows = [row for row in measured if math.isfinite(row.get("kernel_distance", math.nan))]
    if len(rows) <= WORSE_ROWS:
        return None
    best = min(rows, key=lambda row: row["kernel_distance"])
    limit = best["kernel_distance"] + 2 * best.get("kernel_distance_sd", 0.0)
    if any(row["kernel_distance"] <= limit for row in rows[-WORSE_ROWS:]):
        return None
    return (
        f"samples get worse: kernel distance {rows[-1]['kernel_distance']:.4g} at {rows[-1]['kimg']:.0f} kimg, "
        f"{best['kernel_distance']:.4g} at {best['kimg']:.0f} kimg. End the training there (train.kimg), add faces, or "
        "increase train.r1"
    )


def compute_spread(images: np.ndarray) -> float:
    """Return the root mean square difference of two images [gray levels per pixel].

    Args:
        images: uint8 (N, C, H, W), N at least 2.
    """
    return float(np.sqrt(2 * images.astype(np.float64).var(axis=0, ddof=1).mean()))


def find_collapse(samples: np.ndarray, faces_spread: float, kimg: float) -> str | None:
    """Report mode collapse: the samples differ far less than the faces do.

    Args:
        samples: uint8 (N, C, H, W), N at least 2.
        faces_spread: `compute_spread` of the faces.
        kimg: Images shown when they were generated [kimg].
    """
    share = compute_spread(samples) / max(faces_spread, 1e-9)
    if share >= COLLAPSED:
        return None
    return (
        f"mode collapse at {kimg:.0f} kimg: samples differ {share:.0%} as much as faces do. Set train.minibatch_stddev "
        "to true, lower train.learning_rate_g, or change train.seed"
    )
