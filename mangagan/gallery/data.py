"""The faces of the gallery as columns of short values, for the script of the page."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mangagan.dataset.split import find_components
from mangagan.gallery.thumbnails import COLUMNS, Sheet

PAGE_COLUMNS = ["title", "page_id", "page_number", "source", "page_width", "page_height"]
CATEGORIES = ("drop_reason", "split", "detector")  # few distinct values
REFERENCES = ("cluster_id", "duplicate_of", "mirror_of")  # ids of faces
DECIMALS = {"x": 1, "y": 1, "w": 1, "h": 1, "score": 3, "p_face": 3, "p_usable": 3, "similarity": 3}


def make_data(faces: pd.DataFrame, sheets: Sequence[Sheet]) -> dict[str, Any]:
    """Return the data of the page, ready for JSON.

    Args:
        faces: All faces with the columns of the manifest, in the order of the gallery, indexed from 0.
        sheets: The sheet of each range of faces.

    Returns:
        `sheets`: name, first face and rows of each; `columns`: thumbnails in a row; `pages`: the columns
        `PAGE_COLUMNS` of each page; `faces`: the columns of the faces. A category is `{"values": [...], "codes":
        [...]}`. `page` is a row of `pages`. A reference to a face is its index, -1 if there is none. `group` joins the
        faces of a cluster and the clusters of their mirror images: index of a face of it. A missing number is None.
    """
    pages, page_codes = make_pages(faces)
    columns: dict[str, Any] = {"face_id": faces["face_id"].tolist(), "page": page_codes}
    columns |= {name: encode_category(faces[name]) for name in CATEGORIES}
    index = {face: row for row, face in enumerate(faces["face_id"])}
    columns |= {name: [index.get(face, -1) for face in faces[name]] for name in REFERENCES}
    columns["group"] = [index[face] for face in find_groups(faces)]
    columns |= {name: round_numbers(faces[name], decimals) for name, decimals in DECIMALS.items()}
    return {
        "sheets": [[sheet.name, sheet.first, sheet.rows] for sheet in sheets],
        "columns": COLUMNS,
        "pages": pages,
        "faces": columns,
    }


def make_pages(faces: pd.DataFrame) -> tuple[dict[str, list[Any]], list[int]]:
    """Return the pages as columns, and the row of the page of each face."""
    codes = faces.groupby(PAGE_COLUMNS, sort=False, dropna=False).ngroup()
    pages = faces.loc[~codes.duplicated(), PAGE_COLUMNS]
    return {name: pages[name].tolist() for name in PAGE_COLUMNS}, codes.tolist()


def encode_category(values: pd.Series) -> dict[str, list[Any]]:
    """Return the distinct values, sorted, and the code of each value."""
    codes, distinct = pd.factorize(values.astype(str), sort=True)
    return {"values": distinct.tolist(), "codes": codes.tolist()}


def find_groups(faces: pd.DataFrame) -> list[str]:
    """Return for each face the id of a face that stands for its cluster and the clusters of their mirror images."""
    edges = list(zip(faces["face_id"], faces["cluster_id"], strict=True))
    mirrored = faces[faces["mirror_of"] != ""]
    edges += zip(mirrored["face_id"], mirrored["mirror_of"], strict=True)
    components = find_components(edges)
    return [components[face] for face in faces["face_id"]]


def round_numbers(values: pd.Series, decimals: int) -> list[float | None]:
    """Return rounded numbers, None for NaN."""
    rounded = np.round(values.to_numpy(float), decimals)
    return [None if np.isnan(value) else float(value) for value in rounded]


def encode_script(data: dict[str, Any]) -> str:
    """Return a script that defines the data as `GALLERY`.

    A page that was opened as a file may load scripts, but no JSON. The text is ASCII: every other character is escaped.
    """
    return f"const GALLERY = {json.dumps(data, separators=(',', ':'), allow_nan=False)};\n"
