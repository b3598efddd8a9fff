"""The detector interface: the input and output of a detector, and helpers for its settings."""

from dataclasses import asdict
from typing import Any, NamedTuple, Protocol

import numpy as np

# Settings that are not part of a detector's version. The version contains the SHA-256 of the model file instead of its
# path. The device does not change the boxes.
UNVERSIONED_SETTINGS = ("model", "model_sha256", "device")


class Detections(NamedTuple):
    """The faces of a page, by descending score.

    Attributes:
        boxes: float64 (N, 4): left, top, width, height [px of the page].
        scores: float64 (N,): higher is more certain. Scores of different detectors are not comparable.
        usable: float64 (N,): how certain it is that both eyes are visible, as a training set needs [0, 1]. NaN if the
            detector does not provide it.
    """

    boxes: np.ndarray
    scores: np.ndarray
    usable: np.ndarray


class Detector(Protocol):
    """A face detector. Threads may share it.

    Attributes:
        name: Its name in params.yaml.
        version: Changes whenever the same page may get other boxes. Recorded with every detection.
        crop_margin: Recommended margin of a crop on each side of a box, as a share of the longer side of the box. With
            this margin, the crop contains the whole head.
    """

    name: str
    version: str
    crop_margin: float

    def detect(self, page: np.ndarray) -> Detections:
        """Return the faces of a page, uint8 (H, W) or (H, W, 3) RGB."""
        ...


def check_network_settings(threshold: float, max_overlap: float, long_side: int, device: str) -> None:
    """Raise ValueError if a setting that all network detectors have is out of range.

    Args:
        threshold: Minimum score, in (0, 1).
        max_overlap: IoU above which two boxes are the same face, in (0, 1).
        long_side: Long side of the image that the network gets [px].
        device: auto, cpu or cuda.
    """
    if not 0 < threshold < 1 or not 0 < max_overlap < 1:
        raise ValueError("threshold and max_overlap must be between 0 and 1")
    if not 64 <= long_side <= 4096:
        raise ValueError("long_side must be from 64 to 4096")
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu or cuda, not {device}")


def describe_settings(settings: Any) -> str:
    """Return the settings of a detector, a dataclass, as text for its version."""
    return " ".join(f"{key}={value}" for key, value in asdict(settings).items() if key not in UNVERSIONED_SETTINGS)
