"""Faces of one page as rows: cropped, resized, measured and judged."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd

from mangagan.core.catalog import FACE_COLUMNS, arrow_schema
from mangagan.core.images import encode_png
from mangagan.faces.crop import crop_square, pad_fraction, resize, square_around
from mangagan.faces.quality import Gates, contrast, first_failure, sharpness
from mangagan.pages.decode import is_gray

SCHEMA = arrow_schema(FACE_COLUMNS)


@dataclass(frozen=True)
class FaceSettings:
    """How faces are cut out and judged.

    Attributes:
        size: px, height and width of the face.
        margin: as for `square_around`; None takes what the detector advises.
        gates: what turns a face away.
    """

    size: int
    margin: float | None
    gates: Gates


def normalize_page(
    page: pd.Series, pixels: np.ndarray, detections: pd.DataFrame, settings: FaceSettings
) -> list[dict[str, Any]]:
    """Cuts out, resizes, measures and judges the faces of one page.

    Args:
        page: the page's row.
        pixels: uint8 (H, W) or (H, W, 3).
        detections: the page's detections.
        settings: see `FaceSettings`.

    Returns:
        A record a face with the columns of `SCHEMA` and `png`, the face as PNG bytes (gray or RGB as the page is).
    """
    shared = {
        "title": page["title"],
        "page_id": page["page_id"],
        "source": page["source"],
        "page_number": page["page_number"],
        "page_width": page["width"],
        "page_height": page["height"],
    }
    return [
        {**detection, **shared, **normalize_face(pixels, detection, settings)}
        for detection in detections.to_dict("records")
    ]


def normalize_face(pixels: np.ndarray, detection: dict[str, Any], settings: FaceSettings) -> dict[str, Any]:
    """Cuts out, resizes, measures and judges one face of a page."""
    margin = detection["crop_margin"] if settings.margin is None else settings.margin
    square = square_around(np.array([detection[key] for key in "xywh"]), margin)
    face = resize(crop_square(pixels, square), settings.size)
    gray = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY) if face.ndim == 3 else face
    pad = pad_fraction(square, *pixels.shape[:2])
    figures = {"contrast": round(contrast(gray), 4), "sharpness": round(sharpness(gray), 4), "pad": round(pad, 4)}
    return {
        "crop_margin": margin,
        "pad_fraction": figures["pad"],
        "upscale": round(settings.size / square.side, 4),
        "sharpness": figures["sharpness"],
        "contrast": figures["contrast"],
        "is_gray": is_gray(face),
        "drop_reason": first_failure(
            max(detection["w"], detection["h"]), **figures, usable=detection["usable"], gates=settings.gates
        ),
        "png": encode_png(face),
    }
