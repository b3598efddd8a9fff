"""Is a face good enough to train on? Figures of one face, and the gates that they must pass."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Gates:
    """What turns a face away; 0 (1 for `max_pad`) switches a gate off.

    Attributes:
        min_size: px, the longer side of the box on the page.
        min_contrast: standard deviation of gray levels, 0 to 127.
        min_sharpness: see `sharpness`.
        max_pad: share of the crop that lies outside the page, 0 to 1.
        min_usable: how sure the detector is that both eyes are in sight, 0 to 1.
    """

    min_size: float
    min_contrast: float
    min_sharpness: float
    max_pad: float
    min_usable: float


def contrast(gray: np.ndarray) -> float:
    """The standard deviation of gray levels (uint8 (H, W)), 0 to 127.5."""
    return float(gray.std())


def sharpness(gray: np.ndarray) -> float:
    """The share of a crop's contrast that lies in fine detail, 0 to about 1.

    The standard deviation of what a Gaussian blur of σ = 2 px takes away, over that of the crop: unlike the variance of
    the Laplacian it does not grow with contrast, so that pale and dark faces are judged alike.
    """
    values = gray.astype(np.float32)
    detail = values - cv2.GaussianBlur(values, (0, 0), 2)
    return float(detail.std() / max(float(values.std()), 1e-6))


def first_failure(size: float, contrast: float, sharpness: float, pad: float, usable: float, gates: Gates) -> str:
    """The reason why a face is turned away, empty when it passes every gate.

    What is measured comes before `usable`, which is a guess. NaN, from a detector that cannot say, passes.
    """
    if size < gates.min_size:
        return "too small"
    if pad > gates.max_pad:
        return "cut off by the page edge"
    if contrast < gates.min_contrast:
        return "low contrast"
    if sharpness < gates.min_sharpness:
        return "blurred"
    if usable < gates.min_usable:  # NaN is below nothing
        return "eyes not in sight"
    return ""
