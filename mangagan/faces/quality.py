"""Quality of a face: measures, and the gates that drop a face."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Gates:
    """Thresholds that drop a face. 0 disables a gate; `max_pad` is disabled by 1.

    Attributes:
        min_size: Minimum longer side of the box on the page [px].
        min_contrast: Minimum standard deviation of gray levels [0, 127.5].
        min_sharpness: Minimum of `measure_sharpness`, about [0, 1].
        max_pad: Maximum share of the crop outside the page [0, 1].
        min_usable: Minimum probability that both eyes are visible [0, 1].

    Raises:
        ValueError: A value is out of range.
    """

    min_size: float = 32
    min_contrast: float = 20
    min_sharpness: float = 0.2
    max_pad: float = 0.25
    min_usable: float = 0.1

    def __post_init__(self) -> None:
        for name in ("min_size", "min_contrast", "min_sharpness"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")
        for name in ("max_pad", "min_usable"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1")


def measure_contrast(gray: np.ndarray) -> float:
    """Return the standard deviation of the gray levels of uint8 (H, W), in [0, 127.5]."""
    return float(gray.std())


def measure_sharpness(gray: np.ndarray) -> float:
    """Return the share of the contrast that is in fine detail, about [0, 1].

    This is the standard deviation of the image minus its Gaussian blur (σ = 2 px), divided by that of the image. Unlike
    the variance of the Laplacian it does not grow with contrast, so pale and dark faces get the same value.

    Args:
        gray: uint8 (H, W).
    """
    values = gray.astype(np.float32)
    detail = values - cv2.GaussianBlur(values, (0, 0), 2)
    return float(detail.std() / max(float(values.std()), 1e-6))


def find_drop_reason(gates: Gates, size: float, contrast: float, sharpness: float, pad: float, usable: float) -> str:
    """Return the reason of the first gate that drops a face, "" if it passes all.

    Measured values are checked before `usable`, which is an estimate.

    Args:
        gates: The thresholds.
        size: Longer side of the box on the page [px].
        contrast: See `measure_contrast`.
        sharpness: See `measure_sharpness`.
        pad: Share of the crop outside the page [0, 1].
        usable: Probability that both eyes are visible [0, 1]. NaN (not provided by the detector) passes.
    """
    if size < gates.min_size:
        return "too small"
    if pad > gates.max_pad:
        return "cut off by the page edge"
    if contrast < gates.min_contrast:
        return "low contrast"
    if sharpness < gates.min_sharpness:
        return "blurred"
    if usable < gates.min_usable:  # False for NaN
        return "eyes not in sight"
    return ""
