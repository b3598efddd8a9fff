"""Rate images of single faces with the face quality network."""

import numpy as np
import torch

from mangagan.core.parallel import cpu_count, map_ordered
from mangagan.face_quality.classifier import MAX_BATCH, FaceQuality, cut_ink
from mangagan.features.types import fingerprint

USABLE_THRESHOLD = 0.0  # a face is usable above this logit (probability 0.5); independent of normalize.min_usable


class UsableFaceRater:
    """Rater of usable faces: applies the face quality network to faces of the dataset and to samples.

    The network sees the same part of the image as in the stage `normalize` with the default margin. It was trained on
    labelled faces of manga pages and of drawn pages, never on images of a generator.

    Attributes:
        sha256: Hash of code and weights. Ratings of equal `sha256` are comparable.
    """

    def __init__(self) -> None:
        """Load the weights that are part of the package.

        Raises:
            UserError: The weights are missing or damaged.
        """
        self.quality = FaceQuality()
        self.sha256 = fingerprint("usable_faces", __name__)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the logit of the probability that each image shows a usable face; above 0: more likely than not.

        Args:
            images: uint8 (N, C, S, S), C 1 or 3.

        Returns:
            float64 (N,).
        """
        workers = max(1, cpu_count() // torch.get_num_threads())
        starts = range(0, len(images), MAX_BATCH)
        blocks = map_ordered(lambda start: self.rate_batch(images[start : start + MAX_BATCH]), starts, workers)
        return np.concatenate([np.empty(0), *blocks])

    def rate_batch(self, images: np.ndarray) -> np.ndarray:
        """Return the logits of at most `MAX_BATCH` images, float64 (N,); the result does not depend on their number."""
        ink = [cut_ink(arrange_pixels(image), np.array([0, 0, *image.shape[1:]]), margin=0) for image in images]
        padding = [np.zeros_like(ink[0])] * (MAX_BATCH - len(ink))
        logits = self.quality.run_network(np.stack(ink + padding))[: len(images)]
        return np.minimum(self.quality.calibrate(logits, np.full(len(images), np.nan)), logits[:, 1])


def arrange_pixels(image: np.ndarray) -> np.ndarray:
    """Return an image (C, S, S) as (S, S) if it is gray, else as (S, S, 3)."""
    return np.ascontiguousarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))
