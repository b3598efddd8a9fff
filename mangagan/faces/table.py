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

from mangagan.core.files import atomic_path, read_table, write_table

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


def pixels(path: Path) -> int:
    """How many pixels a face of a Parquet file of `write_faces` has; it holds at least one, and all are alike."""
    with pq.ParquetFile(path, pre_buffer=False) as file:
        first = next(file.iter_batches(1, columns=["image"]))
        side = decode_faces([first.column("image")[0].as_py()["bytes"]], 1).shape[2]
    return int(side**2)


def map_faces(path: Path, channels: int, mapped: Path, rows: int = 256) -> np.ndarray:
    """Decodes the faces of a Parquet file into a file that is mapped into memory, a few at a time.

    Args:
        path: of `write_faces`; at least one face.
        channels: 1 gray, 3 RGB.
        mapped: the file to write, in numpy's format.
        rows: faces that are in memory at once.

    Returns:
        uint8 (N, channels, H, W), read from the file as it is used; changes to it are not written.
    """
    with atomic_path(mapped) as temporary, pq.ParquetFile(path, pre_buffer=False) as file:
        target, start = None, 0
        for batch in file.iter_batches(rows, columns=["image"]):
            faces = decode_faces([image["bytes"] for image in batch.column("image").to_pylist()], channels)
            if target is None:
                shape = (file.metadata.num_rows, *faces.shape[1:])
                target = np.lib.format.open_memmap(temporary, "w+", np.uint8, shape)
            target[start : start + len(faces)] = faces
            start += len(faces)
        del target  # closes the file
    return np.load(mapped, mmap_mode="c")


def decode_faces(pngs: Sequence[bytes], channels: int) -> np.ndarray:
    """Decodes PNGs of one size to uint8 (N, channels, H, W); colour is turned to gray, gray repeated, as asked."""
    mode = "L" if channels == 1 else "RGB"
    images = [np.asarray(Image.open(io.BytesIO(png)).convert(mode)) for png in pngs]
    stack = np.stack(images)
    return stack[:, None] if channels == 1 else np.ascontiguousarray(stack.transpose(0, 3, 1, 2))
