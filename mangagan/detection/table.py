"""`data/detections.parquet`: one row for each face."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from mangagan.core.catalog import DETECTION_COLUMNS, arrow_schema
from mangagan.core.files import read_table, write_table

SCHEMA = arrow_schema(DETECTION_COLUMNS)


def write_detections(path: Path, rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Write rows with the columns of `SCHEMA` and return them as a table."""
    table = pa.Table.from_pylist(list(rows), schema=SCHEMA)
    write_table(path, table)
    return table.to_pandas()


def read_detections(path: Path) -> pd.DataFrame:
    """Read the table.

    Raises:
        UserError: The file is missing or damaged, or lacks a column.
    """
    return read_table(path, "detect", SCHEMA.names).to_pandas()
