"""The manifest: a CSV with one row for every detected face, kept or dropped."""

from pathlib import Path

import pandas as pd

from mangagan.core.catalog import MANIFEST_COLUMNS, column_names
from mangagan.core.errors import UserError
from mangagan.core.files import write_text

COLUMNS = column_names(MANIFEST_COLUMNS)


def write_manifest(path: Path, faces: pd.DataFrame) -> None:
    """Write the manifest, sorted by title, page and position on the page."""
    ordered = faces.sort_values(["title", "page_number", "y", "x", "face_id"])
    write_text(path, ordered[COLUMNS].to_csv(index=False, lineterminator="\n"))


def read_manifest(path: Path) -> pd.DataFrame:
    """Read the manifest. Empty texts are "", empty numbers are NaN.

    Raises:
        UserError: The file is missing or damaged, or lacks a column.
    """
    types = {column.name: str for column in MANIFEST_COLUMNS if column.type == "string"}
    numbers = {column.name: [""] for column in MANIFEST_COLUMNS if column.type == "float64"}
    try:
        rows = pd.read_csv(path, dtype=types, keep_default_na=False, na_values=numbers)
    except FileNotFoundError:
        raise UserError(f"{path} not found. Run: dvc repro dedup") from None
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}). Run: dvc repro --force dedup") from None
    if missing := [column for column in COLUMNS if column not in rows]:
        raise UserError(f"{path} has no column {missing[0]}. Run: dvc repro --force dedup")
    return rows


def summarize(manifest: pd.DataFrame) -> pd.DataFrame:
    """Count faces by title.

    Returns:
        One row for each title: pages_with_faces, faces, kept, train, holdout, and a column for each drop reason.
    """
    by_title = manifest.groupby("title")
    summary = pd.DataFrame(
        {
            "pages_with_faces": by_title["page_id"].nunique(),
            "faces": by_title.size(),
            "kept": by_title["kept"].sum(),
            "train": by_title["split"].agg(lambda split: (split == "train").sum()),
            "holdout": by_title["split"].agg(lambda split: (split == "holdout").sum()),
        }
    ).astype(int)
    dropped = manifest[~manifest["kept"]]
    reasons = pd.crosstab(dropped["title"], dropped["drop_reason"])
    return summary.join(reasons).fillna(0).astype(int)
