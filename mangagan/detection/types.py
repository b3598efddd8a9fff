"""The detector interface: what a detector takes and returns, and the settings that detectors share."""

from dataclasses import asdict
from typing import Any, NamedTuple, Protocol

import numpy as np


class Detections(NamedTuple):
    """The faces of a page, in order of falling score.

    Attributes:
        boxes: float64 (N, 4): left, top, width, height in px of the page.
        scores: float64 (N,): higher is surer, comparable within one detector.
        usable: float64 (N,), 0 to 1: how sure it is that both eyes are in sight, which a training set wants; NaN from
            a detector that cannot say.
    """

    boxes: np.ndarray
    scores: np.ndarray
    usable: np.ndarray


class Detector(Protocol):
    """Finds faces in one page. Threads may share it.

    Attributes:
        name: as in params.yaml.
        version: changes whenever the same page may get other boxes; part of every detection's record.
        crop_margin: how much to add on each side of a box, as a share of its longer side, so that the crop holds the
            whole head.
    """

    name: str
    version: str
    crop_margin: float

    def detect(self, page: np.ndarray) -> Detections:
        """Finds the faces of a page, uint8 (H, W) or (H, W, 3) RGB."""
        ...


class SearchSettings(Protocol):
    """Settings that every network detector has."""

    @property
    def threshold(self) -> float:
        """Minimum score [0, 1]."""
        ...

    @property
    def max_overlap(self) -> float:
        """IoU above which two boxes are the same face [0, 1]."""
        ...

    @property
    def long_side(self) -> int:
        """Long side of the searched image [px]."""
        ...

    @property
    def device(self) -> str:
        """`auto`, `cpu` or `cuda`."""
        ...


def check_search(settings: SearchSettings) -> None:
    """Raises ValueError for a setting, of those that both networks have, that makes no sense."""
    if not 0 < settings.threshold < 1 or not 0 < settings.max_overlap < 1:
        raise ValueError("threshold and max_overlap must be between 0 and 1")
    if not 64 <= settings.long_side <= 4096:
        raise ValueError("long_side must be from 64 to 4096")
    if settings.device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu or cuda, not {settings.device}")


def describe(settings: Any) -> str:
    """A detector's settings, a dataclass, as its version names them.

    Without the model's place and the device: the file's hash stands beside them, and neither changes the boxes.
    """
    apart = ("model", "model_sha256", "device")
    return " ".join(f"{key}={value}" for key, value in asdict(settings).items() if key not in apart)
