"""The detector `lbpcascade`: nagadomi's cascade of local binary patterns for anime faces, run by OpenCV."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from mangagan.core.errors import UserError
from mangagan.core.files import sha256_file
from mangagan.core.model_files import resolve_model
from mangagan.detection.types import Detections, describe_settings


@dataclass(frozen=True)
class CascadeParams:
    """Settings of OpenCV's cascade classifier.

    Attributes:
        model: Path (relative to the workspace) or https URL of lbpcascade_animeface.xml.
        model_sha256: SHA-256 of that file, hex.
        scale_factor: Ratio between neighbouring search scales (> 1). Smaller: higher recall, slower.
        min_neighbors: Minimum number of overlapping hits that form a face. Smaller: higher recall, more false
            positives.
        min_size: Minimum size of a face [px].
    """

    model: str = ""
    model_sha256: str = ""
    scale_factor: float = 1.1
    min_neighbors: int = 5
    min_size: int = 24

    def __post_init__(self) -> None:
        if not self.scale_factor > 1:
            raise ValueError("scale_factor must be above 1")
        if self.min_neighbors < 1 or self.min_size < 8:
            raise ValueError("min_neighbors must be at least 1 and min_size at least 8")


class LbpCascade:
    """Detector: `cv2.CascadeClassifier` on the gray page after histogram equalization."""

    name = "lbpcascade"
    crop_margin = 0.05  # the boxes contain the face and the fringe; the margin adds most of the hair

    def __init__(self, model: Path, settings: CascadeParams) -> None:
        """Load the cascade.

        Raises:
            UserError: The file is not an OpenCV cascade.
        """
        self.model, self.settings = str(model), settings
        self.version = f"{sha256_file(model)[:12]} {describe_settings(settings)} opencv={cv2.__version__}"
        self.per_thread = threading.local()  # a CascadeClassifier stores the current page, so threads cannot share one
        try:
            valid = not cv2.CascadeClassifier(self.model).empty()
        except (cv2.error, SystemError):  # an exception of OpenCV in the constructor arrives as SystemError
            valid = False
        if not valid:
            raise UserError(
                f"{model} is not an OpenCV cascade. Set detect.lbpcascade.model to lbpcascade_animeface.xml"
            )

    @classmethod
    def build(cls, settings: CascadeParams, root: Path) -> Self:
        """Build the detector with the cascade file of the settings."""
        return cls(resolve_model("detect.lbpcascade.model", settings.model, settings.model_sha256, root), settings)

    def detect(self, page: np.ndarray) -> Detections:
        """Return faces as described in `Detector.detect`. The score is the number of hits grouped into the box."""
        gray = cv2.cvtColor(page, cv2.COLOR_RGB2GRAY) if page.ndim == 3 else page
        if not hasattr(self.per_thread, "cascade"):
            self.per_thread.cascade = cv2.CascadeClassifier(self.model)
        boxes, hits = self.per_thread.cascade.detectMultiScale2(
            cv2.equalizeHist(gray),
            scaleFactor=self.settings.scale_factor,
            minNeighbors=self.settings.min_neighbors,
            minSize=(self.settings.min_size, self.settings.min_size),
        )
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        scores = np.asarray(hits, np.float64).reshape(-1)
        order = np.lexsort((*boxes.T[::-1], -scores))
        return Detections(boxes[order], scores[order], np.full(len(boxes), np.nan))
