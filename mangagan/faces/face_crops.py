"""Crops of the faces of one page: resized, measured and rated."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import cv2
import numpy as np

from mangagan.core.images import encode_png
from mangagan.faces.crop import crop_square, expand_to_square, measure_padding, resize
from mangagan.faces.quality import measure_contrast, measure_sharpness
from mangagan.faces.rating import FaceRater, rate_detections
from mangagan.pages.decode import is_gray


class CropSettings(Protocol):
    """Settings of a crop; see `mangagan.faces.normalize.NormalizeParams`."""

    @property
    def size(self) -> int:
        """Return the height and width of a face [px]."""
        ...

    @property
    def margin(self) -> float | None:
        """Return the margin, as a share of the longer side of the box. None: as the detector recommends."""
        ...


@dataclass(frozen=True)
class FaceCrop:
    """A face as it enters the dataset. The fields except `png` are columns of `catalog.FACE_COLUMNS`.

    Attributes:
        png: The face as PNG, gray or RGB like the page.
    """

    crop_margin: float
    pad_fraction: float
    upscale: float
    sharpness: float
    contrast: float
    is_gray: bool
    p_face: float
    p_usable: float
    png: bytes = field(repr=False)


def crop_faces(
    rater: FaceRater, pixels: np.ndarray, detections: Sequence[dict[str, Any]], settings: CropSettings
) -> list[FaceCrop]:
    """Crop, resize, measure and rate the faces of one page.

    Args:
        rater: The classifier of detections.
        pixels: The page, uint8 (H, W) or (H, W, 3).
        detections: Rows of the table of detections, at least one, all by one detector.
        settings: Size and margin.
    """
    boxes = np.array([[row[key] for key in "xywh"] for row in detections], np.float64)
    scores = np.array([row["score"] for row in detections], np.float64)
    detector, margin = detections[0]["detector"], detections[0]["crop_margin"]
    ratings = rate_detections(rater, pixels, boxes, scores, detector, margin)
    return [
        FaceCrop(**normalize_face(pixels, row, settings), p_face=p_face, p_usable=p_usable)
        for row, (p_face, p_usable) in zip(detections, ratings.tolist(), strict=True)
    ]


def normalize_face(page: np.ndarray, detection: dict[str, Any], settings: CropSettings) -> dict[str, Any]:
    """Crop, resize and measure one face.

    Args:
        page: uint8 (H, W) or (H, W, 3).
        detection: Row of the table of detections.
        settings: Size and margin.

    Returns:
        The fields of `FaceCrop` that are measured on the pixels.
    """
    margin = detection["crop_margin"] if settings.margin is None else settings.margin
    square = expand_to_square(np.array([detection[key] for key in "xywh"]), margin)
    face = resize(crop_square(page, square), settings.size)
    gray = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY) if face.ndim == 3 else face
    return {
        "crop_margin": margin,
        "pad_fraction": round(measure_padding(square, *page.shape[:2]), 4),
        "upscale": round(settings.size / square.side, 4),
        "sharpness": round(measure_sharpness(gray), 4),
        "contrast": round(measure_contrast(gray), 4),
        "is_gray": is_gray(face),
        "png": encode_png(face),
    }
