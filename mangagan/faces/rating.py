"""Rating of detections: the probability of a face, and the probability of a usable face."""

from typing import Protocol

import numpy as np

# The calibration was fitted on the scores of this detector. For another detector, the rater gets NaN.
SCORED_DETECTOR = "mangaface"


class FaceRater(Protocol):
    """A classifier of detections, such as `mangagan.face_quality.classifier.FaceQuality`. Threads may share it."""

    def rate(self, page: np.ndarray, boxes: np.ndarray, scores: np.ndarray, margin: float) -> np.ndarray:
        """Rate the detections on a page.

        Args:
            page: uint8 (H, W) or (H, W, 3) RGB.
            boxes: float64 (N, 4): left, top, width, height [px].
            scores: float64 (N,): scores of the detector `mangaface`. NaN for another detector.
            margin: Crop margin that the detector recommends, as a share of the longer side of the box.

        Returns:
            float64 (N, 2): probability of a face, probability of a usable face [0, 1].
        """
        ...


def rate_detections(
    rater: FaceRater, page: np.ndarray, boxes: np.ndarray, scores: np.ndarray, detector: str, margin: float
) -> np.ndarray:
    """Return the probabilities of a face and of a usable face for each detection on a page, float64 (N, 2) [0, 1].

    Args:
        rater: The classifier.
        page: uint8 (H, W) or (H, W, 3) RGB.
        boxes: float64 (N, 4): left, top, width, height [px].
        scores: float64 (N,): scores of the detector.
        detector: Name of the detector.
        margin: Crop margin that the detector recommends, as a share of the longer side of the box.
    """
    if not len(boxes):
        return np.zeros((0, 2))
    known = scores if detector == SCORED_DETECTOR else np.full(len(boxes), np.nan)
    return rater.rate(page, boxes, known, margin)
