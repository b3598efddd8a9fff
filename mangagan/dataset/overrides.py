"""`data/overrides.csv`: what a person decided about single faces."""

from pathlib import Path

import pandas as pd

from mangagan.core.errors import UserError

COLUMNS = ["face_id", "action", "note"]
ACTIONS = ("keep", "drop")


def read_overrides(path: Path) -> dict[str, str]:
    """Reads the decisions: face id → keep or drop.

    Raises:
        UserError: the file is missing or damaged, an action is unknown, or a face is decided twice.
    """
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise UserError(f"{path} not found: make it with the line face_id,action,note") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no CSV file with the columns {','.join(COLUMNS)}: {error}") from None
    if list(rows.columns) != COLUMNS:
        raise UserError(f"{path} must have the columns {','.join(COLUMNS)}, not {','.join(map(str, rows.columns))}")
    for line, row in enumerate(rows.itertuples(), start=2):
        if row.action not in ACTIONS:
            raise UserError(f"{path} line {line}: action must be keep or drop, not {row.action!r}")
    twice = rows["face_id"][rows["face_id"].duplicated()]
    if len(twice):
        raise UserError(f"{path}: face {twice.iloc[0]} stands there twice: leave one line")
    return dict(zip(rows["face_id"], rows["action"], strict=True))
