"""Contact sheets: faces kept, faces turned away with the reason, and duplicates beside the face kept for them."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from mangagan.core.files import atomic_directory
from mangagan.core.images import write_png
from mangagan.pictures.grid import contact_sheet, spread

SHEET_FACES = 144  # at most so many on a sheet, spread over all
SHEET_PAIRS = 72


def faces_sheet(rows: pd.DataFrame, captions: pd.Series) -> np.ndarray:
    """A sheet of faces spread over all rows, each with its id for `data/overrides.csv`.

    Args:
        rows: `png` holds the pictures, `face_id` the ids.
        captions: a line above the id.
    """
    chosen = spread(len(rows), SHEET_FACES)
    shown, texts = rows.iloc[chosen], captions.iloc[chosen]
    return contact_sheet(
        [decode(png) for png in shown["png"]],
        [f"{text}\n{face_id}" for text, face_id in zip(texts, shown["face_id"], strict=True)],
    )


def pairs_sheet(table: pd.DataFrame) -> np.ndarray:
    """A sheet of duplicates, each to the left of the face that was kept for it."""
    pictures = dict(zip(table["face_id"], table["png"], strict=True))
    duplicates = table[table["duplicate_of"] != ""]
    shown = duplicates.iloc[spread(len(duplicates), SHEET_PAIRS)]
    pairs = [np.hstack([decode(row.png), decode(pictures[row.duplicate_of])]) for row in shown.itertuples()]
    return contact_sheet(pairs, [f"{row.face_id} like {row.duplicate_of}" for row in shown.itertuples()], columns=6)


def decode(png: bytes) -> np.ndarray:
    """A PNG as uint8 (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def write_sheets(folder: Path, table: pd.DataFrame) -> None:
    """Writes kept.png, rejected.png, drop_reasons.csv and, where duplicates were looked for, duplicates.png.

    Args:
        folder: is replaced.
        table: every face with `face_id`, `title`, `png`, `drop_reason` (empty for one kept), maybe `duplicate_of`.
    """
    kept = table[table["drop_reason"] == ""]
    rejected = table[~table["drop_reason"].isin(["", "duplicate"])]
    with atomic_directory(folder) as temporary:
        write_png(temporary / "kept.png", faces_sheet(kept, kept["title"]))
        write_png(temporary / "rejected.png", faces_sheet(rejected, rejected["drop_reason"]))
        if "duplicate_of" in table:
            write_png(temporary / "duplicates.png", pairs_sheet(table))
        reasons = table["drop_reason"].replace("", "kept").value_counts().rename_axis("outcome")
        reasons.sort_index().to_csv(temporary / "drop_reasons.csv")
