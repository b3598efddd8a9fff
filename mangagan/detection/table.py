"""`data/detections.parquet`: one row a face."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from mangagan.files import read_table, write_table

SCHEMA = pa.schema(
    [
        ("face_id", pa.string()),
        ("page_id", pa.string()),
        ("x", pa.float64()),  # px of the upright page, left edge
        ("y", pa.float64()),
        ("w", pa.float64()),
        ("h", pa.float64()),
        ("score", pa.float64()),
        ("usable", pa.float64()),  # 0 to 1: both eyes in sight; null where the detector cannot say
        ("detector", pa.string()),
        ("detector_version", pa.string()),
        ("crop_margin", pa.float64()),  # the detector's own advice, as a share of the box's longer side
    ]
)


def write_detections(path: Path, rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Writes the rows, which have the columns of `SCHEMA`, and returns them as a table."""
    table = pa.Table.from_pylist(list(rows), schema=SCHEMA)
    write_table(path, table)
    return table.to_pandas()


def read_detections(path: Path) -> pd.DataFrame:
    """Reads the table.

    Raises:
        UserError: it is missing or damaged, or lacks a column.
    """
    return read_table(path, "detect", SCHEMA.names).to_pandas()
