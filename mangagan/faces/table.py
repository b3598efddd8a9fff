"""Faces in Parquet: PNG bytes in a Hugging Face `Image` column `{bytes, path}`, one row a face."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from mangagan.errors import UserError
from mangagan.files import write_table

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


def read_faces(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Reads faces back; the `image` column comes as `png` (bytes).

    Raises:
        UserError: the file is missing or no Parquet file.
    """
    try:
        table = pq.read_table(path, columns=list(columns) if columns else None)
    except FileNotFoundError:
        raise UserError(f"{path} not found: run the stage that makes it (`dvc repro`)") from None
    except pa.ArrowInvalid as error:
        raise UserError(f"{path} is not a readable Parquet file ({error}): delete it and run `dvc repro`") from None
    rows = table.drop_columns("image").to_pandas() if "image" in table.column_names else table.to_pandas()
    if "image" in table.column_names:
        rows["png"] = [image["bytes"] for image in table.column("image").to_pylist()]
    return rows


def decode_faces(pngs: Sequence[bytes], channels: int) -> np.ndarray:
    """Decodes PNGs of one size to uint8 (N, channels, H, W); colour is turned to gray, gray repeated, as asked."""
    mode = "L" if channels == 1 else "RGB"
    images = [np.asarray(Image.open(io.BytesIO(png)).convert(mode)) for png in pngs]
    stack = np.stack(images)
    return stack[:, None] if channels == 1 else np.ascontiguousarray(stack.transpose(0, 3, 1, 2))
