"""Faces in Parquet files: one row for each face, the PNG in a Hugging Face `Image` column `{bytes, path}`."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mangagan.core.files import PARQUET_OPTIONS, atomic_path, read_table
from mangagan.core.images import decode_png

LoadPngs = Callable[[pd.DataFrame], Sequence[bytes]]  # rows of a table of faces → their PNGs
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
ROW_GROUP = 128  # faces that are read together if only some faces of a file are needed
# Hugging Face `datasets` decodes the column because of this entry.
HF_METADATA = {b"huggingface": json.dumps({"info": {"features": {"image": {"_type": "Image"}}}}).encode()}


def write_faces(path: Path, rows: pd.DataFrame, schema: pa.Schema) -> None:
    """Write faces.

    Args:
        path: The Parquet file.
        rows: Faces; `png` (bytes) becomes the column `image`.
        schema: The other columns.
    """
    write_selected(path, rows, schema, lambda part: list(part["png"]))


def make_table(rows: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Return faces as an Arrow table of a schema; `png` (bytes) becomes the column `image`."""
    paths = pa.array([f"{face}.png" for face in rows["face_id"]], pa.string())
    image = pa.StructArray.from_arrays([pa.array(list(rows["png"]), pa.binary()), paths], fields=list(IMAGE))
    columns = [pa.array(rows[name], schema.field(name).type, from_pandas=True) for name in schema.names[:-1]]
    return pa.Table.from_arrays([*columns, image], schema=schema)


def read_faces(path: Path, columns: Sequence[str] | None = None, stage: str = "dedup") -> pd.DataFrame:
    """Read faces; the column `image` becomes `png` (bytes).

    Args:
        path: The Parquet file.
        columns: Names of the columns. Default: all.
        stage: Stage that writes the file, for messages. Default: dedup.

    Raises:
        UserError: The file is missing or damaged, or lacks a column.
    """
    table = read_table(path, stage, columns)
    if "image" not in table.column_names:
        return table.to_pandas()
    pngs = table.column("image").combine_chunks().field("bytes").to_pylist()
    return table.drop_columns("image").to_pandas().assign(png=pngs)


def read_rows(path: Path, schema: pa.Schema, stage: str) -> pd.DataFrame:
    """Read the columns of a schema, without the images.

    Args:
        path: The Parquet file.
        schema: The columns that the file must have.
        stage: Stage that writes the file, for messages.

    Raises:
        UserError: The file is missing or damaged, or lacks a column.
    """
    names = [name for name in schema.names if name != "image"]
    return read_table(path, stage, names, schema.names).to_pandas()


def write_selected(path: Path, rows: pd.DataFrame, schema: pa.Schema, load: LoadPngs) -> None:
    """Write faces as `write_faces` does, with the images of `ROW_GROUP` faces in memory at a time.

    Args:
        path: The Parquet file.
        rows: Faces without images.
        schema: The columns besides `image`.
        load: Return the PNGs of some of the rows.
    """
    schema = schema.append(pa.field("image", IMAGE)).with_metadata(HF_METADATA)
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, schema, **PARQUET_OPTIONS) as writer:
        for start in range(0, max(1, len(rows)), ROW_GROUP):
            part = rows.iloc[start : start + ROW_GROUP]
            writer.write_table(make_table(part.assign(png=load(part)), schema))


def count_pixels(path: Path) -> int:
    """Return the number of pixels of the first face in a file of `write_faces` with at least one face."""
    with pq.ParquetFile(path, pre_buffer=False) as file:
        first = next(file.iter_batches(1, columns=["image"]))
        return int(decode_png(first.column("image")[0].as_py()["bytes"], channels=1).size)


def map_faces(path: Path, channels: int, mapped: Path, rows: int = 256) -> np.ndarray:
    """Decode the faces of a Parquet file into a memory-mapped file.

    Args:
        path: File of `write_faces` with at least one face.
        channels: 1 for gray, 3 for RGB.
        mapped: File to write, in the format of `numpy.save`.
        rows: Number of faces that are in memory at a time.

    Returns:
        uint8 (N, channels, H, W), read from the file on access; changes to it are not written.
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
    """Decode PNGs of one size, converted to gray or RGB.

    Args:
        pngs: At least one PNG.
        channels: 1 for gray, 3 for RGB.

    Returns:
        uint8 (N, channels, H, W).
    """
    stack = np.stack([decode_png(png, channels) for png in pngs])
    return stack[:, None] if channels == 1 else np.ascontiguousarray(stack.transpose(0, 3, 1, 2))
