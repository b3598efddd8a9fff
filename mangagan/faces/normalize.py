"""Faces of one page as table rows: cropped, resized, measured, rated, and checked by the quality gates."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd

from mangagan.core.catalog import FACE_COLUMNS, arrow_schema
from mangagan.core.image_size import find_nearest_sizes, is_valid_size
from mangagan.core.images import encode_png
from mangagan.faces.crop import crop_square, expand_to_square, measure_padding, resize
from mangagan.faces.quality import Gates, find_drop_reason, measure_contrast, measure_sharpness
from mangagan.faces.rating import FaceRater, rate_detections
from mangagan.pages.decode import is_gray

SCHEMA = arrow_schema(FACE_COLUMNS)
MIN_SIZE, MAX_SIZE = 16, 512  # [px] of a face


@dataclass(frozen=True)
class NormalizeParams(Gates):
    """The section `normalize` of params.yaml.

    Attributes:
        size: Height and width of a face [px]: 4, 5, 6 or 7 times a power of two, because the generator starts at 4 to
            7 px and doubles the size in each block.
        margin: Space added on each side of the box, as a share of its longer side [-0.4, 1]. None: the margin that the
            detector recommends.

    Raises:
        ValueError: A value is out of range.
    """

    size: int = 112
    margin: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not MIN_SIZE <= self.size <= MAX_SIZE:
            raise ValueError(f"size must be from {MIN_SIZE} to {MAX_SIZE} px, not {self.size}")
        if not is_valid_size(self.size):
            nearest = ", ".join(map(str, find_nearest_sizes(self.size, MIN_SIZE, MAX_SIZE)))
            raise ValueError(
                "size must be 4, 5, 6 or 7 times a power of two (the networks double 4 to 7 px up to the face): "
                f"{self.size} is not; nearest: {nearest}"
            )
        if self.margin is not None and not -0.4 <= self.margin <= 1:
            raise ValueError("margin must be from -0.4 to 1, or null for the margin that the detector recommends")


def normalize_page(
    rater: FaceRater, page: dict[str, Any], pixels: np.ndarray, detections: pd.DataFrame, settings: NormalizeParams
) -> list[dict[str, Any]]:
    """Crop, resize, measure, rate and check the faces of one page.

    Args:
        rater: The classifier of detections.
        page: Row of the page in the table of pages.
        pixels: uint8 (H, W) or (H, W, 3).
        detections: Detections on the page, at least one, all by one detector.
        settings: Size, margin and gates.

    Returns:
        One record for each face, with the columns of `SCHEMA` and `png`: the face as PNG, gray or RGB like the page.
    """
    shared = {
        "title": page["title"],
        "page_id": page["page_id"],
        "source": page["source"],
        "page_number": page["page_number"],
        "page_width": page["width"],
        "page_height": page["height"],
    }
    boxes, scores = detections[list("xywh")].to_numpy(np.float64), detections["score"].to_numpy(np.float64)
    detector, margin = detections["detector"].iloc[0], detections["crop_margin"].iloc[0]
    ratings = rate_detections(rater, pixels, boxes, scores, detector, margin)
    faces = []
    for detection, (p_face, p_usable) in zip(detections.to_dict("records"), ratings.tolist(), strict=True):
        face = {**detection, **shared, **normalize_face(pixels, detection, settings)}
        face |= {"p_face": p_face, "p_usable": p_usable}
        faces.append({**face, "drop_reason": check_face(face, settings)})
    return faces


def normalize_face(page: np.ndarray, detection: dict[str, Any], settings: NormalizeParams) -> dict[str, Any]:
    """Crop, resize and measure one face.

    Args:
        page: uint8 (H, W) or (H, W, 3).
        detection: Row of the table of detections.
        settings: Size and margin.

    Returns:
        The columns of `SCHEMA` that are measured on the pixels, and `png`.
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


def check_face(face: dict[str, Any], gates: Gates) -> str:
    """Return the reason of the first gate that a face, a row of `SCHEMA`, fails; "" if it passes all."""
    return find_drop_reason(
        gates,
        size=max(face["w"], face["h"]),
        pad=face["pad_fraction"],
        p_face=face["p_face"],
        p_usable=face["p_usable"],
        contrast=face["contrast"],
        sharpness=face["sharpness"],
    )
