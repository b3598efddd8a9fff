"""Rating of imported crops: the probability of a face, and of a usable face, with an unknown margin around the face."""

import numpy as np

from mangagan.faces.rating import FaceRater

# Sides of the squares that are rated, as shares of the side of the crop. The network sees 82 % of each, that is 82 %,
# 100 % and 140 % of the crop: one of them fits a crop with a wide margin, with a narrow margin, or without a margin.
VIEW_SCALES = (1.0, 1.214, 1.7)


def rate_crop(rater: FaceRater, pixels: np.ndarray, box: np.ndarray) -> tuple[float, float]:
    """Return the probability of a face and of a usable face [0, 1]: the maximum of each over three views.

    Args:
        rater: The classifier of detections.
        pixels: The picture, uint8 (H, W) or (H, W, 3).
        box: The used part of the picture: left, top, width and height [px].
    """
    left, top, width, height = (float(value) for value in box)
    scales = np.array(VIEW_SCALES)[:, None]
    sizes = scales * [width, height]
    boxes = np.hstack([[left + width / 2, top + height / 2] - sizes / 2, sizes])
    p_face, p_usable = rater.rate(pixels, boxes, np.full(len(boxes), np.nan), 0.0).max(axis=0).tolist()
    return p_face, p_usable
