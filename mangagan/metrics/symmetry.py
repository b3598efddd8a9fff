"""Metric `symmetry`: correlation of each image with its mirror image."""

import cv2
import numpy as np

from mangagan.core.images import to_gray
from mangagan.metrics.comparison import Figures
from mangagan.metrics.evaluation_data import EvaluationData, compare_image_means
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.types import Direction, ImageMeasurement, Metric, MetricGroup

SIDE = 32  # size at which halves are compared [px]; coarse, so that lines need not coincide
MAX_SHIFT = 4  # [px] at `SIDE`, an eighth of the image: twice the distance of the axis from the middle


def mirror_symmetry(images: np.ndarray) -> np.ndarray:
    """Return the correlation of each image with its mirror image, at the horizontal shift where it is highest.

    A front view is near 1. A side view is lower, and so is a face whose eyes do not match. It compares sets and is no
    measure of quality: real faces are turned, have parted hair and tones on one side, and a smear or a blank image is
    more symmetric than any drawing. A mean far from that of the hold-out faces, on either side, says only that the
    samples are drawn differently.

    Args:
        images: uint8 (N, C, S, S); compared in gray at 32 px.

    Returns:
        float64 (N,) [-1, 1]; 0 for a blank image.
    """
    small = [cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for face in to_gray(images)]
    return np.array([find_best_correlation(face) for face in small], np.float64)


def find_best_correlation(face: np.ndarray) -> float:
    """Return the highest correlation of a face (S, S) with its mirror image over shifts of up to `MAX_SHIFT` px."""
    mirrored = face[:, ::-1]
    found = []
    for shift in range(-MAX_SHIFT, MAX_SHIFT + 1):
        # Only columns inside both images are compared; at shift s the axis is s/2 px from the middle.
        right, left = max(shift, 0), max(-shift, 0)
        found.append(correlate(face[:, right : SIDE - left], mirrored[:, left : SIDE - right]))
    return max(found)


def correlate(first: np.ndarray, second: np.ndarray) -> float:
    """Return Pearson's correlation of two arrays; 0 if one is constant."""
    a, b = (values.astype(np.float64) - values.mean(dtype=np.float64) for values in (first, second))
    norm = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / norm) if norm > 1e-6 else 0.0


def measure_symmetry(data: EvaluationData, settings: EvaluateParams) -> Figures:
    """Measure the mean mirror symmetry of the images."""
    return {"symmetry": compare_image_means(mirror_symmetry, data, settings.face_samples, settings.seed)}


MEASUREMENT = ImageMeasurement(
    measure_symmetry,
    (
        Metric(
            key="symmetry",
            title="Mirror symmetry",
            question="Are left and right as similar as in real faces?",
            unit="correlation of a face with its mirror image, −1 to 1",
            direction=Direction.NEAREST,
            group=MetricGroup.FACES,
            floor="hold-out faces",
            same="Left and right are as similar as in real faces.",
            below="Less symmetric than real faces: the halves do not match.",
            above="More symmetric than real faces: fewer turned heads, or smooth shapes without detail.",
            about="Faces turned to the side are not symmetric. So the best value is that of real faces, not 1.",
            bounds=(-1.0, 1.0),
        ),
    ),
)
