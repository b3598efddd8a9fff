"""Crops for the tests of imported faces, and a workspace for them."""

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from mangagan.core import catalog
from mangagan.faces.table import read_faces
from tests.paths import PROJECT


def make_workspace(root: Path, **changes: object) -> Path:
    """Write the params.yaml of the project, with changed values of its section `import_faces` or of any key."""
    root.mkdir(parents=True, exist_ok=True)
    shutil.copy(PROJECT / catalog.PARAMS, root / catalog.PARAMS)
    set_params(root, **changes)
    return root


def set_params(root: Path, **changes: object) -> None:
    """Change values in params.yaml. The keys must occur once in the file."""
    path = root / catalog.PARAMS
    lines = path.read_text().splitlines()
    for key, value in changes.items():
        (number,) = (n for n, line in enumerate(lines) if line.startswith(f"  {key}:"))
        lines[number] = f"  {key}: {value}"
    path.write_text("\n".join(lines) + "\n")


def draw_crop(seed: int, width: int = 80, height: int = 80) -> np.ndarray:
    """Return a picture with a smooth drawing that differs for each seed, uint8 (height, width)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def encode(pixels: "np.ndarray | Image.Image", format: str = "PNG", **options: Any) -> bytes:
    """Encode a picture."""
    buffer = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(buffer, format, **options)
    return buffer.getvalue()


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files below a folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def write_crops(folder: Path, *names: str) -> Path:
    """Write a different crop for each name."""
    return write_files(folder, {name: encode(draw_crop(number)) for number, name in enumerate(names)})


def read_imported(root: Path, title: str) -> pd.DataFrame:
    """Return the imported faces of a title."""
    return read_faces(root / catalog.IMPORTED_DIR / f"{title}.parquet")


def read_tree(folder: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
