"""Contact sheets of faces kept, and of faces turned away with the reason."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from mangagan.files import atomic_directory
from mangagan.pictures.grid import contact_sheet, spread, write_png

SHEET_FACES = 144  # at most so many on a sheet, spread over all


def faces_sheet(rows: pd.DataFrame, captions: pd.Series) -> np.ndarray:
    """A sheet of faces spread over all rows; `rows["png"]` holds the pictures."""
    chosen = spread(len(rows), SHEET_FACES)
    images = [np.asarray(Image.open(io.BytesIO(png)).convert("RGB")) for png in rows["png"].iloc[chosen]]
    return contact_sheet(images, [str(text) for text in captions.iloc[chosen]])


def write_kept_and_rejected(folder: Path, table: pd.DataFrame) -> None:
    """Writes kept.png, rejected.png and drop_reasons.csv; faces with an empty `drop_reason` are the kept ones."""
    kept, rejected = table[table["drop_reason"] == ""], table[table["drop_reason"] != ""]
    with atomic_directory(folder) as temporary:
        write_png(temporary / "kept.png", faces_sheet(kept, kept["title"]))
        write_png(temporary / "rejected.png", faces_sheet(rejected, rejected["drop_reason"]))
        reasons = table["drop_reason"].replace("", "kept").value_counts().rename_axis("outcome")
        reasons.sort_index().to_csv(temporary / "drop_reasons.csv")
