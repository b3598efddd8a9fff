"""Faces whose file was deleted from a folder of `mangagan export`."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mangagan.core.errors import UserError
from mangagan.dataset.overrides import Anchor, FaceFinder

METADATA = "metadata.csv"
COLUMNS = ["face_id", "page_id", "x", "y", "w", "h"]


@dataclass(frozen=True)
class Deletions:
    """The result of the comparison of a folder with the manifest.

    Attributes:
        exported: Number of faces in the folder's `metadata.csv` files.
        known: Number of them that are in the manifest.
        deleted: Manifest rows of the kept faces whose file was deleted.
    """

    exported: int
    known: int
    deleted: pd.DataFrame


def find_deleted(directory: Path, manifest: pd.DataFrame) -> Deletions:
    """Find the kept faces that were exported and whose file is not in the folder any more.

    Files may have been moved within the folder, or have another suffix. A face that has another id now, because it was
    detected again, is found by its page and box.

    Args:
        directory: Folder that `mangagan export` wrote.
        manifest: Result of `read_manifest`.

    Raises:
        UserError: The folder is no export, or none of its faces is in the manifest, or all its files are gone.
    """
    exported = read_metadata(directory)
    finder = FaceFinder(manifest, {})
    current = [finder.find(row.face_id, make_anchor(row._asdict())) for row in exported.itertuples(index=False)]
    known = sum(map(bool, current))
    if not known:
        raise UserError(f"none of the {len(exported)} faces of {directory} is in the manifest. Export the faces again")
    files = {path.stem for path in directory.rglob("*") if path.is_file()}
    present = exported["face_id"].isin(files)
    if not present.any():
        raise UserError(f"{directory} has none of the {len(exported)} files of its {METADATA}. Export the faces again")
    deleted = {face_id for face_id, there in zip(current, present, strict=True) if face_id and not there}
    deleted -= {face_id for face_id, there in zip(current, present, strict=True) if there}
    rows = manifest[manifest["face_id"].isin(deleted) & manifest["kept"]]
    return Deletions(len(exported), known, rows)


def read_metadata(directory: Path) -> pd.DataFrame:
    """Read all `metadata.csv` files in a folder of an export: `COLUMNS` as texts, one row for each face.

    Raises:
        UserError: There is none, or one is not from an export.
    """
    paths = sorted(directory.rglob(METADATA))
    if not paths:
        raise UserError(f"{directory} is no export: there is no {METADATA} in it. Give the folder of mangagan export")
    tables = []
    for path in paths:
        try:
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
        except (OSError, ValueError) as error:
            raise UserError(f"cannot read {path}: {' '.join(str(error).split())}") from None
        if "face_id" not in table:
            raise UserError(
                f"{path} is not from an export: it has no column face_id. Give the folder of mangagan export"
            )
        tables.append(table.reindex(columns=COLUMNS, fill_value=""))
    return pd.concat(tables, ignore_index=True).drop_duplicates("face_id")


def make_anchor(row: dict[str, object]) -> Anchor | None:
    """Return the anchor of a face with the columns page_id, x, y, w and h. None if one has no valid value."""
    try:
        x, y, w, h = (float(str(row[column])) for column in "xywh")
        return Anchor(str(row["page_id"]), x, y, w, h)
    except ValueError:
        return None
