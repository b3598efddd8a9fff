"""Quality measures of a face, and the gates that drop faces."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np


class KeepLevel(NamedTuple):
    """Thresholds that a value of `keep` sets.

    Attributes:
        min_face: Minimum probability of a face [0, 1].
        min_usable: Minimum probability of a usable face: both eyes visible, not mostly covered [0, 1].
    """

    min_face: float
    min_usable: float


KEEP_LEVELS = {
    "strict": KeepLevel(0.8, 0.6),
    "balanced": KeepLevel(0.75, 0.05),
    "all": KeepLevel(0.5, 0.0),
}


@dataclass(frozen=True)
class Gates:
    """Thresholds that drop a face. 0 disables a gate; `max_pad` is disabled by 1.

    Attributes:
        min_size: Minimum longer side of the box on the page [px].
        min_contrast: Minimum standard deviation of gray levels [0, 127.5].
        min_sharpness: Minimum of `measure_sharpness`, about [0, 1].
        max_pad: Maximum share of the crop outside the page [0, 1].
        keep: strict, balanced or all. Sets `min_face` and `min_usable` if they are None.
        min_face: Minimum probability of a face [0, 1]. None: the value of `keep`.
        min_usable: Minimum probability of a usable face [0, 1]. None: the value of `keep`.

    Raises:
        ValueError: A value is out of range.
    """

    min_size: float = 40
    min_contrast: float = 20
    min_sharpness: float = 0.2
    max_pad: float = 0.25
    keep: str = "balanced"
    min_face: float | None = None
    min_usable: float | None = None

    def __post_init__(self) -> None:
        for name in ("min_size", "min_contrast", "min_sharpness"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")
        if self.keep not in KEEP_LEVELS:
            raise ValueError(f"keep must be one of {', '.join(KEEP_LEVELS)}, not {self.keep}")
        for name in ("max_pad", "min_face", "min_usable"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} must be from 0 to 1")

    @property
    def face_threshold(self) -> float:
        """Minimum probability of a face [0, 1]: `min_face`, or the value of `keep`."""
        return KEEP_LEVELS[self.keep].min_face if self.min_face is None else self.min_face

    @property
    def usable_threshold(self) -> float:
        """Minimum probability of a usable face [0, 1]: `min_usable`, or the value of `keep`."""
        return KEEP_LEVELS[self.keep].min_usable if self.min_usable is None else self.min_usable


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


def find_drop_reason(
    gates: Gates, *, size: float, pad: float, p_face: float, p_usable: float, contrast: float, sharpness: float
) -> str:
    """Return the reason of the first gate that a face fails, "" if it passes all.

    Size and padding are checked first, because the probabilities of tiny faces and of mirrored pixels are less
    reliable. Contrast and sharpness are checked last. So "low contrast" and "blurred" count only detections that are
    probably usable faces.

    Args:
        gates: The thresholds.
        size: Longer side of the box on the page [px].
        pad: Share of the crop outside the page [0, 1].
        p_face: Probability of a face [0, 1].
        p_usable: Probability of a usable face [0, 1].
        contrast: See `measure_contrast`.
        sharpness: See `measure_sharpness`.
    """
    failed = {
        "too small": size < gates.min_size,
        "cut off by the page edge": pad > gates.max_pad,
        "no face": p_face < gates.face_threshold,
        "eyes not visible": p_usable < gates.usable_threshold,
        "low contrast": contrast < gates.min_contrast,
        "blurred": sharpness < gates.min_sharpness,
    }
    return next((reason for reason, fails in failed.items() if fails), "")
