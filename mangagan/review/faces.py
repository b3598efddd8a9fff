"""The faces of the manifest in the form that the page reads: columns of short values."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from mangagan.core import catalog
from mangagan.core.files import sha256_bytes
from mangagan.dataset.manifest import read_manifest
from mangagan.dataset.overrides import IMPORTED

CATEGORIES = ("title", "drop_reason", "split", "detector")  # few distinct values
TEXTS = ("face_id", "page_id", "source")
REFERENCES = ("cluster_id", "duplicate_of", "mirror_of")  # face ids
NUMBERS = {"x": 1, "y": 1, "w": 1, "h": 1, "p_face": 3, "p_usable": 3, "score": 3, "sharpness": 3, "similarity": 3}


@dataclass(frozen=True)
class FaceList:
    """The rows of a manifest.

    Attributes:
        rows: The manifest, indexed from 0.
        signature: Inode, size and time of the file.
    """

    rows: pd.DataFrame
    signature: tuple[int, ...]

    @cached_property
    def version(self) -> str:
        """Return a text that changes with the content of the manifest file."""
        return sha256_bytes(repr(self.signature).encode())[:16]

    @cached_property
    def index(self) -> dict[str, int]:
        """Return face_id → row number."""
        return {face_id: row for row, face_id in enumerate(self.rows["face_id"])}

    @cached_property
    def boxes(self) -> dict[str, tuple[str, tuple[float, ...]]]:
        """Return face_id → page_id, and x, y, w, h on the page [px]."""
        boxes = self.rows[[*"xywh"]].to_numpy(float).tolist()
        columns = zip(self.rows["face_id"], self.rows["page_id"], map(tuple, boxes), strict=True)
        return {face_id: (page_id, box) for face_id, page_id, box in columns}

    def find(self, face_id: str) -> dict[str, Any] | None:
        """Return the row of a face; None if the manifest lacks it."""
        row = self.index.get(face_id)
        return None if row is None else self.rows.iloc[row].to_dict()


def sign_file(path: Path) -> tuple[int, ...]:
    """Return inode, size and time of a file; empty if it does not exist."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns


def read_face_list(root: Path) -> FaceList:
    """Read the manifest of the workspace `root`.

    Raises:
        UserError: The manifest is missing or damaged.
    """
    path = root / catalog.MANIFEST
    signature = sign_file(path)  # before reading: a file that changes meanwhile is read again later
    return FaceList(read_manifest(path).reset_index(drop=True), signature)


def make_columns(faces: FaceList, min_similarity: float) -> dict[str, Any]:
    """Return the columns for the page, ready for JSON.

    A category is `{"values": [...], "codes": [...]}`. A reference to a face is its row number, -1 if there is none. A
    missing number is None.

    Args:
        faces: The manifest.
        min_similarity: Minimum similarity of duplicates [0, 1], to rank faces by their distance from it.
    """
    rows = faces.rows
    columns: dict[str, Any] = {"version": faces.version, "count": len(rows), "min_similarity": min_similarity}
    for name in TEXTS:
        columns[name] = rows[name].tolist()
    for name in CATEGORIES:
        codes, values = pd.factorize(rows[name])
        columns[name] = {"values": list(values), "codes": codes.tolist()}
    for name in REFERENCES:
        columns[name] = rows[name].map(faces.index).fillna(-1).astype(int).tolist()
    for name, digits in NUMBERS.items():
        numbers = rows[name].to_numpy(float).round(digits).tolist()
        columns[name] = [None if math.isnan(number) else number for number in numbers]
    columns["page_number"] = rows["page_number"].tolist()
    columns["kept"] = rows["kept"].astype(int).tolist()
    columns["imported"] = (rows["detector"] == IMPORTED).astype(int).tolist()
    return columns


def find_image_file(root: Path, face: dict[str, Any]) -> Path:
    """Return the Parquet file with the image of a face, a row of the manifest."""
    folder = catalog.IMPORTED_DIR if face["detector"] == IMPORTED else catalog.FACES_DIR
    return root / folder / f"{face['title']}.parquet"
