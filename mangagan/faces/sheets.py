"""Contact sheets of faces: kept, dropped with the reason, and duplicates with the face that was kept instead."""

from pathlib import Path

import numpy as np
import pandas as pd

from mangagan.core.files import atomic_directory
from mangagan.core.images import decode_png, write_png
from mangagan.pictures.grid import choose_evenly, draw_contact_sheet

SHEET_FACES = 144  # maximum on a sheet, spread over all faces
SHEET_PAIRS = 72


def draw_faces(rows: pd.DataFrame, captions: pd.Series) -> np.ndarray:
    """Draw a sheet of faces spread over all rows, each with its caption and its id (for data/overrides.csv).

    Args:
        rows: Faces, with the columns `png` and `face_id`.
        captions: Text for each row.
    """
    chosen = choose_evenly(len(rows), SHEET_FACES)
    shown, texts = rows.iloc[chosen], captions.iloc[chosen]
    return draw_contact_sheet(
        [decode_png(png, channels=3) for png in shown["png"]],
        [f"{text}\n{face_id}" for text, face_id in zip(texts, shown["face_id"], strict=True)],
    )


def draw_duplicates(table: pd.DataFrame) -> np.ndarray:
    """Draw a sheet of duplicates, each to the left of the face that was kept instead.

    Args:
        table: All faces, with the columns `png`, `face_id` and `duplicate_of`.
    """
    pngs = dict(zip(table["face_id"], table["png"], strict=True))
    duplicates = table[table["duplicate_of"] != ""]
    shown = duplicates.iloc[choose_evenly(len(duplicates), SHEET_PAIRS)]
    pairs = [
        np.hstack([decode_png(png, channels=3) for png in (row.png, pngs[row.duplicate_of])])
        for row in shown.itertuples()
    ]
    return draw_contact_sheet(
        pairs, [f"{row.face_id} like {row.duplicate_of}" for row in shown.itertuples()], columns=6
    )


def write_sheets(folder: Path, table: pd.DataFrame) -> None:
    """Write kept.png, rejected.png and drop_reasons.csv; duplicates.png if the table has the column `duplicate_of`.

    Args:
        folder: Replaced if it exists.
        table: All faces, with the columns `face_id`, `title`, `png` and `drop_reason` ("" for a kept face).
    """
    kept = table[table["drop_reason"] == ""]
    rejected = table[~table["drop_reason"].isin(["", "duplicate"])]
    with atomic_directory(folder) as temporary:
        write_png(temporary / "kept.png", draw_faces(kept, kept["title"]))
        write_png(temporary / "rejected.png", draw_faces(rejected, rejected["drop_reason"]))
        if "duplicate_of" in table:
            write_png(temporary / "duplicates.png", draw_duplicates(table))
        reasons = table["drop_reason"].replace("", "kept").value_counts().rename_axis("outcome")
        reasons.sort_index().to_csv(temporary / "drop_reasons.csv")
