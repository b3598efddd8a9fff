"""Faces in Parquet: PNG bytes in a Hugging Face `Image` column `{bytes, path}`, one row a face."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from PIL import Image

from mangagan.files import read_table, write_table

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
# `datasets` reads this to know that the column holds pictures.
HF_METADATA = {b"huggingface": json.dumps({"info": {"features": {"image": {"_type": "Image"}}}}).encode()}


def write_faces(path: Path, rows: pd.DataFrame, schema: pa.Schema) -> None:
    """Writes faces; `rows["png"]` (PNG bytes) becomes the `image` column, the schema names the others."""
    images = [{"bytes": png, "path": f"{face}.png"} for face, png in zip(rows["face_id"], rows["png"], strict=True)]
    table = rows.assign(image=pd.Series(images, index=rows.index, dtype=object))
    schema = schema.append(pa.field("image", IMAGE))
    arrow = pa.Table.from_pandas(table[schema.names], schema=schema, preserve_index=False)
    write_table(path, arrow.replace_schema_metadata(HF_METADATA))


def read_faces(path: Path, columns: Sequence[str] | None = None, stage: str = "dedup") -> pd.DataFrame:
    """Reads faces back; the `image` column comes as `png` (bytes).

    Args:
        path: the Parquet file.
        columns: those wanted; all by default.
        stage: which one writes the file.

    Raises:
        UserError: the file is missing or damaged, or lacks a column.
    """
    table = read_table(path, stage, columns)
    if "image" not in table.column_names:
        return table.to_pandas()
    images = table.column("image").to_pylist()
    return table.drop_columns("image").to_pandas().assign(png=[image["bytes"] for image in images])


def decode_faces(pngs: Sequence[bytes], channels: int) -> np.ndarray:
    """Decodes PNGs of one size to uint8 (N, channels, H, W); colour is turned to gray, gray repeated, as asked."""
    mode = "L" if channels == 1 else "RGB"
    images = [np.asarray(Image.open(io.BytesIO(png)).convert(mode)) for png in pngs]
    stack = np.stack(images)
    return stack[:, None] if channels == 1 else np.ascontiguousarray(stack.transpose(0, 3, 1, 2))
