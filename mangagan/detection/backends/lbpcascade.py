"""nagadomi's local-binary-pattern cascade for anime faces, searched by OpenCV."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from mangagan.core.errors import UserError
from mangagan.core.files import sha256_file
from mangagan.core.model_files import resolve_model
from mangagan.detection.types import Detections, describe


@dataclass(frozen=True)
class CascadeParams:
    """Settings of OpenCV's cascade search.

    Attributes:
        model: lbpcascade_animeface.xml, a path (relative to the workspace) or an https URL.
        model_sha256: what the file must hash to, in hex.
        scale_factor: ratio of one search scale to the next, above 1; nearer to 1 finds more and takes longer.
        min_neighbors: how many overlapping hits make a face; lower finds more, and more that is none.
        min_size: px, the smallest face looked for.
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
    """The backend `lbpcascade`: `cv2.CascadeClassifier` on the equalized gray page."""

    name = "lbpcascade"
    crop_margin = 0.05  # its boxes hold the face and the fringe; this adds most of the hair

    def __init__(self, model: Path, settings: CascadeParams) -> None:
        """Loads the cascade.

        Raises:
            UserError: the file is no cascade.
        """
        self.model, self.settings = str(model), settings
        self.version = f"{sha256_file(model)[:12]} {describe(settings)} opencv={cv2.__version__}"
        self.per_thread = threading.local()  # a CascadeClassifier keeps the page it works on in itself
        try:
            usable = not cv2.CascadeClassifier(self.model).empty()
        except (cv2.error, SystemError):  # SystemError is how its constructor passes on what OpenCV threw
            usable = False
        if not usable:
            raise UserError(f"{model} is no OpenCV cascade: detect.lbpcascade.model must name lbpcascade_animeface.xml")

    @classmethod
    def build(cls, settings: CascadeParams, root: Path) -> Self:
        """Build the detector with the cascade file that the settings name."""
        return cls(resolve_model("detect.lbpcascade", settings.model, settings.model_sha256, root), settings)

    def detect(self, page: np.ndarray) -> Detections:
        """Finds faces as `Detector.detect` says; the score is how many overlapping hits were grouped into the box."""
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
