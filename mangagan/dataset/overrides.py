"""Decisions of the user on single faces: a CSV with the columns face_id, action and note."""

from pathlib import Path

import pandas as pd

from mangagan.core.errors import UserError

COLUMNS = ["face_id", "action", "note"]
ACTIONS = ("keep", "drop")


def read_overrides(path: Path) -> dict[str, str]:
    """Read the decisions: face id → keep or drop.

    Raises:
        UserError: The file is missing or damaged, an action is unknown, or a face occurs twice.
    """
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise UserError(f"{path} not found. Create it with the line {','.join(COLUMNS)}") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a CSV file with the columns {','.join(COLUMNS)}: {error}") from None
    if list(rows.columns) != COLUMNS:
        raise UserError(f"{path} must have the columns {','.join(COLUMNS)}, not {','.join(map(str, rows.columns))}")
    for line, row in enumerate(rows.itertuples(), start=2):
        if row.action not in ACTIONS:
            raise UserError(f"{path} line {line}: action must be keep or drop, not {row.action!r}")
    repeated = rows["face_id"][rows["face_id"].duplicated()]
    if len(repeated):
        raise UserError(f"{path}: face {repeated.iloc[0]} occurs more than once. Keep one line")
    return dict(zip(rows["face_id"], rows["action"], strict=True))
