"""`data/manifest.csv`: every face ever detected, kept or not, with all that is known of it."""

from pathlib import Path

import pandas as pd

from mangagan.core.catalog import MANIFEST_COLUMNS, names
from mangagan.core.errors import UserError
from mangagan.core.files import write_text

COLUMNS = names(MANIFEST_COLUMNS)


def write_manifest(path: Path, faces: pd.DataFrame) -> None:
    """Writes the manifest, ordered by title, page and place on the page."""
    ordered = faces.sort_values(["title", "page_number", "y", "x", "face_id"])
    write_text(path, ordered[COLUMNS].to_csv(index=False, lineterminator="\n"))


def read_manifest(path: Path) -> pd.DataFrame:
    """Reads the manifest; empty texts come as "", an empty `usable` as NaN.

    Raises:
        UserError: it is missing or lacks columns.
    """
    text = dict.fromkeys(["title", "source", "phash", "cluster_id", "duplicate_of", "drop_reason", "split"], str)
    try:
        types = {"face_id": str, "page_id": str, **text}
        rows = pd.read_csv(path, dtype=types, keep_default_na=False, na_values={"usable": [""]})
    except FileNotFoundError:
        raise UserError(f"{path} not found: run `dvc repro dedup`") from None
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}): run `dvc repro --force dedup`") from None
    missing = [column for column in COLUMNS if column not in rows]
    if missing:
        raise UserError(f"{path} lacks the column {missing[0]}: run `dvc repro --force dedup`")
    return rows


def summarize(manifest: pd.DataFrame) -> pd.DataFrame:
    """One row a title: pages with faces, faces, kept, train, holdout, and a column for each reason of dropping."""
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
