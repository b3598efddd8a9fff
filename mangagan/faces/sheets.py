"""Contact sheets of faces: kept, dropped with the reason, and duplicates with the face that was kept instead."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mangagan.core.images import decode_png, write_png
from mangagan.faces.table import LoadPngs
from mangagan.pictures.grid import choose_evenly, draw_contact_sheet
from mangagan.pictures.text import draw_message

SHEET_FACES = 144  # maximum number of faces on a sheet
SHEET_PAIRS = 72  # maximum number of duplicates on a sheet, sampled evenly
PROBABILITIES = {"p_face": "a face", "p_usable": "a usable face"}
LEGEND = "Usable: both eyes visible, not mostly covered"


def take_pngs(rows: pd.DataFrame) -> Sequence[bytes]:
    """Return the column `png` of a table that is in memory with its images."""
    return list(rows["png"])


def draw_kept(kept: pd.DataFrame, order: str, gallery: str = "", load: LoadPngs = take_pngs) -> np.ndarray:
    """Draw a sheet of kept faces, lowest probability first. If there are too many, see `choose_doubtful`.

    Args:
        kept: Faces, with the columns `face_id`, `title`, `p_face` and `p_usable`.
        order: Column of the probability to sort by, in ascending order.
        gallery: Path of the page that shows all faces, for the heading. Default: none.
        load: Return the images of the faces that are shown. Default: the column `png`.
    """
    shown = choose_doubtful(kept.sort_values([order, "face_id"]), SHEET_FACES)
    counts = describe_part(len(shown), len(kept), "kept faces", gallery)
    heading = [counts, f"Lowest probability of {PROBABILITIES[order]} first. {LEGEND}"]
    return draw_faces(shown, shown["title"], heading, load)


def describe_part(shown: int, total: int, items: str, gallery: str) -> str:
    """Return how many items a sheet shows, and the page that shows all of them if the sheet does not.

    Args:
        shown: Number of items on the sheet.
        total: Number of all items.
        items: Name of the items, plural.
        gallery: Path of the page; empty if there is none.
    """
    where = f"; all of them: {gallery}" if gallery and shown < total else ""
    return f"{shown} of {total} {items}{where}"


def draw_rejected(rejected: pd.DataFrame, gallery: str = "", load: LoadPngs = take_pngs) -> np.ndarray:
    """Draw a sheet of dropped faces by reason, for each reason the highest probability first.

    Each reason gets an equal share of the sheet. Places that a rare reason does not fill go to the others.

    Args:
        rejected: Faces, with the columns `face_id`, `drop_reason`, `p_face` and `p_usable`.
        gallery: Path of the page that shows all faces, for the heading. Default: none.
        load: Return the images of the faces that are shown. Default: the column `png`.
    """
    counts = rejected["drop_reason"].value_counts().sort_values(kind="stable")
    groups, places = [], SHEET_FACES
    for number, (reason, count) in enumerate(counts.items()):
        limit = min(int(count), places // (len(counts) - number))
        order = "p_face" if reason == "no face" else "p_usable"
        group = rejected[rejected["drop_reason"] == reason].sort_values([order, "face_id"], ascending=False)
        groups.append(choose_doubtful(group, limit))
        places -= limit
    shown = pd.concat(groups[::-1]) if groups else rejected
    part = describe_part(len(shown), len(rejected), "dropped faces", gallery)
    return draw_faces(shown, shown["drop_reason"], [part, f"By reason, highest probability first. {LEGEND}"], load)


def choose_doubtful(rows: pd.DataFrame, limit: int) -> pd.DataFrame:
    """Return at most `limit` rows: `limit // 2` from the start, the others evenly spaced over the rest."""
    if len(rows) <= limit:
        return rows
    first = limit // 2
    spread = choose_evenly(len(rows) - first, limit - first)
    return rows.iloc[[*range(first), *(first + index for index in spread)]]


def draw_faces(
    rows: pd.DataFrame, captions: pd.Series, heading: Sequence[str], load: LoadPngs = take_pngs
) -> np.ndarray:
    """Draw faces, each with its caption, its probabilities and its id (for data/overrides.csv).

    Args:
        rows: Faces, with the columns `face_id`, `p_face` and `p_usable`.
        captions: Text for each row.
        heading: Lines above the faces.
        load: Return the images. Default: the column `png`.
    """
    texts = [
        f"{caption}\nface {format_share(row.p_face)}, usable {format_share(row.p_usable)}\n{row.face_id}"
        for caption, row in zip(captions, rows.itertuples(), strict=True)
    ]
    return add_heading(draw_contact_sheet([decode_png(png, channels=3) for png in load(rows)], texts), heading)


def format_share(share: float) -> str:
    """Return a share in percent, or a dash for NaN: imported faces may have no probabilities."""
    return "–" if np.isnan(share) else f"{100 * share:.0f} %"


def add_heading(sheet: np.ndarray, heading: Sequence[str]) -> np.ndarray:
    """Return a sheet, uint8 (H, W, 3), with lines of text above it."""
    parts = [*(draw_message(line).repeat(3, axis=2) for line in heading), sheet]
    width = max(part.shape[1] for part in parts)
    return np.concatenate([pad_right(part, width) for part in parts])


def pad_right(image: np.ndarray, width: int) -> np.ndarray:
    """Return an image, uint8 (H, W, 3), with white added on the right up to the width [px]."""
    return np.pad(image, ((0, 0), (0, width - image.shape[1]), (0, 0)), constant_values=255)


def draw_duplicates(table: pd.DataFrame, gallery: str = "", load: LoadPngs = take_pngs) -> np.ndarray:
    """Draw a sheet of duplicates, each to the left of the face that was kept instead.

    Args:
        table: All faces, with the columns `face_id` and `duplicate_of`.
        gallery: Path of the page that shows all faces, for the heading. Default: none.
        load: Return the images of the faces that are shown. Default: the column `png`.
    """
    duplicates = table[table["duplicate_of"] != ""]
    shown = duplicates.iloc[choose_evenly(len(duplicates), SHEET_PAIRS)]
    originals = table.loc[pd.Series(table.index, index=table["face_id"])[shown["duplicate_of"]]]
    pairs = [
        np.hstack([decode_png(png, channels=3) for png in pair])
        for pair in zip(load(shown), load(originals), strict=True)
    ]
    captions = [f"{row.face_id} like {row.duplicate_of}" for row in shown.itertuples()]
    heading = describe_part(len(shown), len(duplicates), "duplicates", gallery)
    return add_heading(draw_contact_sheet(pairs, captions, columns=6), [heading])


def write_sheets(
    folder: Path, table: pd.DataFrame, order: str = "p_usable", gallery: str = "", load: LoadPngs = take_pngs
) -> None:
    """Write kept.png, rejected.png and drop_reasons.csv; duplicates.png if the table has the column `duplicate_of`.

    Args:
        folder: An existing folder.
        table: All faces, with the columns `face_id`, `title`, `p_face`, `p_usable` and `drop_reason` ("" for a kept
            face).
        order: Column of the probability by which kept faces are sorted. Default: p_usable.
        gallery: Path of the page that shows all faces, for the headings. Default: none.
        load: Return the images of the faces that are shown. Default: the column `png`.
    """
    kept = table[table["drop_reason"] == ""]
    rejected = table[~table["drop_reason"].isin(["", "duplicate"])]
    write_png(folder / "kept.png", draw_kept(kept, order, gallery, load))
    write_png(folder / "rejected.png", draw_rejected(rejected, gallery, load))
    if "duplicate_of" in table:
        write_png(folder / "duplicates.png", draw_duplicates(table, gallery, load))
    reasons = table["drop_reason"].replace("", "kept").value_counts().rename_axis("outcome")
    reasons.sort_index().to_csv(folder / "drop_reasons.csv")
