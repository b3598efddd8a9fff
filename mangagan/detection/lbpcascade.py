"""nagadomi's local-binary-pattern cascade for anime faces, searched by OpenCV."""

import threading
from pathlib import Path

import cv2
import numpy as np

from mangagan.detection.base import CascadeParams, Detections, describe
from mangagan.errors import UserError
from mangagan.files import sha256_file


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
        # One thread a page: pages run side by side, and the order of hits, which grouping depends on, stays the same.
        cv2.setNumThreads(1)

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
