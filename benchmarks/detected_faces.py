"""Detections on labelled pages of unseen titles: cut and measured as the stage normalize does, and rated.

A folder of weights holds for each title two files that were trained without it: `<title>.safetensors`, the detector,
and `<title>.quality.safetensors`, the network of the face quality.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.leave_one_out import read_pages
from mangagan.core.progress import track
from mangagan.detection.backends.mangaface import MangaFace, MangaFaceParams
from mangagan.detection.run import make_face_id
from mangagan.face_network.weights import load_face_network
from mangagan.faces.face_crops import normalize_face
from mangagan.faces.normalize import NormalizeParams, check_face
from mangagan.faces.rating import FaceRater
from mangagan.faces.table import decode_faces
from mangagan.features.mangaface_encoder import MangaFaceEncoder

MIN_SCORE = 0.05  # of a detection; low enough for curves over thresholds
SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("face_id", "title", "source", "gate")]
    + [(name, pa.float64()) for name in ("x", "y", "w", "h", "score", "usable", "p_face", "p_usable")]
    + [(name, pa.float64()) for name in ("linear", "measures")]
    + [(name, pa.float64()) for name in ("pad_fraction", "sharpness", "contrast")]
    + [("is_gray", pa.bool_()), ("kind", pa.int64())]
)
LATER_COLUMNS = ("kind", "linear", "measures")  # of `SCHEMA`, not of `make_rows`
ROW_COLUMNS = [*(name for name in SCHEMA.names if name not in LATER_COLUMNS), "png"]


def build_detector(weights: Path) -> MangaFace:
    """Return the detector with these weights and a low threshold."""
    return MangaFace(MangaFaceParams(threshold=MIN_SCORE), weights)


def detect_faces(data: Path, pages: list[str], detector: MangaFace, rater: FaceRater | None) -> pd.DataFrame:
    """Detect faces on labelled pages, cut, measure and rate them.

    Args:
        data: Folder of labelled pages.
        pages: Names of the pages, `<title>/<file>`.
        detector: Detector trained without these pages.
        rater: Face quality trained without these pages. None: `p_face` and `p_usable` are NaN.

    Returns:
        A row for each detection, see `make_rows`.

    Raises:
        UserError: A page is missing or damaged.
    """
    rows = []
    for page, pixels in track(read_pages(data, pages), len(pages), "detect", "pages"):
        rows += make_rows(page, pixels, detector, rater)
    return pd.DataFrame(rows, columns=ROW_COLUMNS)


def make_rows(page: str, pixels: np.ndarray, detector: MangaFace, rater: FaceRater | None) -> list[dict[str, Any]]:
    """Return the detections of one page by descending score.

    Returns:
        `ROW_COLUMNS`, among them `png`, the face as `normalize` cuts it, and `gate`, the drop reason of the measured
        gates, "" if the face passes them.
    """
    found = detector.detect(pixels)
    ratings = np.full((len(found.boxes), 2), np.nan)
    if rater is not None and len(found.boxes):
        ratings = rater.rate(pixels, found.boxes, found.scores, detector.crop_margin)
    settings = NormalizeParams(min_face=0, min_usable=0)  # only the measured gates
    rows = []
    for box, score, usable, (p_face, p_usable) in zip(*found, ratings, strict=True):
        row = {
            "face_id": make_face_id(page, box),
            "title": page.split("/")[0],
            "source": page,
            **dict(zip("xywh", box.tolist(), strict=True)),
            "score": float(score),
            "usable": float(usable),
            "p_face": float(p_face),
            "p_usable": float(p_usable),
            "crop_margin": detector.crop_margin,
        }
        face = {**row, **normalize_face(pixels, row, settings)}
        rows.append({**face, "gate": check_face(face, settings)})
    return rows


def encode_faces(weights: Path, pngs: list[bytes]) -> np.ndarray:
    """Return the features of faces by the encoder of a detector, float32 (N, 480).

    Args:
        weights: Weights of the detector.
        pngs: Faces of one size.
    """
    encoder = MangaFaceEncoder()
    encoder.network = load_face_network(weights)
    return encoder(decode_faces(pngs, channels=1))
