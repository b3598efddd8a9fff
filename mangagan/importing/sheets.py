"""Contact sheets and tables of imported faces."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

import numpy as np
import pandas as pd

from mangagan.core.images import decode_png, to_pillow, write_png
from mangagan.faces.sheets import SHEET_FACES, add_heading
from mangagan.importing.pictures import Outcome
from mangagan.pictures.grid import choose_evenly, draw_contact_sheet

NAME_LENGTH = 20  # characters of the name of a file below its face
REASON_LENGTH = 24  # characters of a line of a reason
BACKGROUND, FRAME = 225, 160  # gray levels around the thumbnail of a rejected file


def write_sheets(folder: Path, faces: pd.DataFrame, rejected: Sequence[Outcome], size: int) -> None:
    """Write kept.png and rejected.png. The second shows the faces that fail a quality gate, then the rejected files.

    Args:
        folder: An existing folder.
        faces: Imported faces, with the columns `png`, `face_id`, `source`, `p_face`, `p_usable` and `drop_reason`.
        rejected: Rejected files.
        size: Height and width of a face [px].
    """
    is_kept = faces["drop_reason"] == ""
    write_png(folder / "kept.png", draw_kept(faces[is_kept]))
    write_png(folder / "rejected.png", draw_rejected(faces[~is_kept], rejected, size))


def draw_kept(kept: pd.DataFrame) -> np.ndarray:
    """Draw a sheet of kept faces, evenly spread over all titles."""
    shown = kept.iloc[choose_evenly(len(kept), SHEET_FACES)]
    images = [decode_png(png, channels=3) for png in shown["png"]]
    captions = [f"{caption_source(row.source)}\n{row.face_id}" for row in shown.itertuples()]
    return add_heading(draw_contact_sheet(images, captions), [f"{len(shown)} of {len(kept)} imported faces"])


def draw_rejected(dropped: pd.DataFrame, rejected: Sequence[Outcome], size: int) -> np.ndarray:
    """Draw a sheet of faces that fail a quality gate, and of rejected files, each with its reason."""
    files = rejected[: SHEET_FACES // 2]
    shown = dropped.iloc[choose_evenly(len(dropped), SHEET_FACES - len(files))]
    images = [decode_png(png, channels=3) for png in shown["png"]]
    captions = [f"{caption_rating(row)}\n{caption_source(row.source)}\n{row.face_id}" for row in shown.itertuples()]
    images += [draw_thumbnail(file.thumbnail, size) for file in files]
    captions += ["\n".join([caption_source(file.source.name), *wrap(file.reason, REASON_LENGTH)]) for file in files]
    counts = f"{len(shown)} of {len(dropped)} dropped faces, {len(files)} of {len(rejected)} rejected files"
    return add_heading(draw_contact_sheet(images, captions), [counts])


def caption_source(source: str) -> str:
    """Return the end of the name of a file, because a caption has little space."""
    return source if len(source) <= NAME_LENGTH else f"…{source[1 - NAME_LENGTH :]}"


def caption_rating(row: pd.Series) -> str:
    """Return the drop reason of a face, with its probabilities if the face was rated."""
    if pd.isna(row.p_face):
        return str(row.drop_reason)
    return f"{row.drop_reason}\nface {100 * row.p_face:.0f} %, usable {100 * row.p_usable:.0f} %"


def draw_thumbnail(picture: np.ndarray | None, size: int) -> np.ndarray:
    """Return a picture of at most `size` px with a frame in the middle of a gray square, uint8 (size, size, 3)."""
    square = np.full((size, size, 3), BACKGROUND, np.uint8)
    if picture is not None:
        height, width = picture.shape[:2]
        top, left = (size - height) // 2, (size - width) // 2
        framed = np.array(to_pillow(picture).convert("RGB"))
        framed[[0, -1]] = framed[:, [0, -1]] = FRAME
        square[top : top + height, left : left + width] = framed
    return square
