"""Classifier of detections: the probability of a face, and the probability of a usable face."""

from pathlib import Path

import cv2
import numpy as np
import torch

from mangagan.face_quality.calibration import calibrate_face
from mangagan.face_quality.network import CROP_SHARE, OUTPUTS, SIDE
from mangagan.face_quality.weights import WEIGHTS, load_quality_network
from mangagan.faces.crop import crop_square, expand_to_square, resize

MAX_LOGIT = 50.0  # logits are clipped to ±MAX_LOGIT, so that exp does not overflow
MAX_BATCH = 64  # maximum number of crops in a batch; larger: more memory


class FaceQuality:
    """Rates detections with the face quality network. Threads may share it."""

    def __init__(self, weights: Path = WEIGHTS) -> None:
        """Load the weights.

        Raises:
            UserError: The file is missing or damaged.
        """
        self.network = load_quality_network(weights).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
        self.with_score, self.without_score = (
            np.asarray(table.double().numpy()) for table in (self.network.with_score, self.network.without_score)
        )

    def rate(self, page: np.ndarray, boxes: np.ndarray, scores: np.ndarray, margin: float) -> np.ndarray:
        """Rate the detections on a page.

        Args:
            page: uint8 (H, W) or (H, W, 3) RGB.
            boxes: float (N, 4): left, top, width, height [px].
            scores: float (N,): scores of the detector `mangaface`. NaN for another detector.
            margin: Crop margin that the detector recommends, as a share of the longer side of the box.

        Returns:
            float64 (N, 2): probability of a face, probability of a usable face [0, 1]. The second is at most the first.
            Both are rounded to 4 digits.
        """
        logits = self.compute_logits(page, boxes, margin)
        face = self.calibrate(logits, scores)
        face, usable = (1 / (1 + np.exp(-values.clip(-MAX_LOGIT, MAX_LOGIT))) for values in (face, logits[:, 1]))
        # Processors differ in the last bits. Rounding removes these differences.
        return np.stack([face, np.minimum(face, usable)], axis=1).round(4)

    def compute_logits(self, page: np.ndarray, boxes: np.ndarray, margin: float) -> np.ndarray:
        """Return the logits before calibration, float64 (N, 2): face, usable. The arguments are those of `rate`."""
        if not len(boxes):
            return np.zeros((0, OUTPUTS))
        crops = np.stack([cut_ink(page, box, margin) for box in boxes])
        parts = np.split(crops, range(MAX_BATCH, len(crops), MAX_BATCH))
        return np.concatenate([self.run_network(part) for part in parts])

    def calibrate(self, logits: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Return the calibrated logits of a face, float64 (N,). Scores as in `rate`."""
        return calibrate_face(logits, scores, self.with_score, self.without_score)

    @torch.inference_mode()
    def run_network(self, ink: np.ndarray) -> np.ndarray:
        """Return the logits of crops, float64 (N, 2), for float32 (N, 1, SIDE, SIDE)."""
        batch = torch.from_numpy(ink).to(memory_format=torch.channels_last)
        return np.asarray(self.network(batch).double().numpy())


def cut_ink(page: np.ndarray, box: np.ndarray, margin: float) -> np.ndarray:
    """Return the input of the network for a detection: float32 (1, SIDE, SIDE), 0 is white and 1 is black.

    The crop is tighter than the face in the dataset, so that the eyes are larger.
    """
    smaller = ((1 + 2 * margin) * CROP_SHARE - 1) / 2
    face = resize(crop_square(page, expand_to_square(box, smaller)), SIDE)
    gray = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY) if face.ndim == 3 else face
    return np.asarray(1 - gray[None].astype(np.float32) / 255)
