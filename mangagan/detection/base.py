"""What a face detector is, and which ones there are."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np


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

    def detect(self, page: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Finds the faces of a page.

        Args:
            page: uint8 (H, W) or (H, W, 3) RGB.

        Returns:
            boxes, float64 (N, 4): left, top, width, height in px of the page; scores, float64 (N,): higher is surer,
            comparable within one detector. In order of falling score.
        """
        ...


@dataclass(frozen=True)
class CascadeParams:
    """Settings of OpenCV's cascade search.

    Attributes:
        scale_factor: ratio of one search scale to the next, above 1; nearer to 1 finds more and takes longer.
        min_neighbors: how many overlapping hits make a face; lower finds more, and more that is none.
        min_size: px, the smallest face looked for.
    """

    scale_factor: float = 1.1
    min_neighbors: int = 5
    min_size: int = 24

    def __post_init__(self) -> None:
        if not self.scale_factor > 1:
            raise ValueError("scale_factor must be above 1")
        if self.min_neighbors < 1 or self.min_size < 8:
            raise ValueError("min_neighbors must be at least 1 and min_size at least 8")


@dataclass(frozen=True)
class DetectParams:
    """The section `detect` of params.yaml.

    Attributes:
        detector: which backend: one of `DETECTORS`.
        model: the backend's model file, a path (relative to the workspace) or an https URL.
        model_sha256: what the file must hash to, in hex.
        lbpcascade: settings of that backend.
    """

    detector: str = "lbpcascade"
    model: str = ""
    model_sha256: str = ""
    lbpcascade: CascadeParams = CascadeParams()

    def __post_init__(self) -> None:
        if self.detector not in DETECTORS:
            raise ValueError(f"detector must be one of {', '.join(DETECTORS)}, not {self.detector}")


def build_detector(settings: DetectParams, model: Path) -> Detector:
    """Makes the detector that the settings name, from its verified model file.

    Raises:
        UserError: the file is no model of this kind.
    """
    return DETECTORS[settings.detector](settings, model)


def _lbpcascade(settings: DetectParams, model: Path) -> Detector:
    from mangagan.detection.lbpcascade import LbpCascade

    return LbpCascade(model, settings.lbpcascade)


DETECTORS = {"lbpcascade": _lbpcascade}
