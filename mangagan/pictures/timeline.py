"""The same latents at every snapshot of a training run: what it learned, and whether it went astray."""

import re
from pathlib import Path

import numpy as np
from PIL import Image

from mangagan.pictures.grid import GAP, spread
from mangagan.pictures.rows import labelled_rows, message

SNAPSHOT = re.compile(r"(\d+)kimg\.png")


def timeline(folder: Path, side: int, columns: int = 8, most: int = 12) -> np.ndarray:
    """One row a snapshot, the first latents of each.

    Args:
        folder: holds grids of samples (see `grid.grid`) named by thousands of images, `000020kimg.png`.
        side: height and width of one image in the grids, px.
        columns: images a row, at most.
        most: rows at most, spread over the run; the first and the last snapshot are always there.

    Returns:
        uint8 (height, width, C); a line of text where there is no snapshot.
    """
    snapshots = sorted(
        (int(match[1]), path) for path in folder.glob("*.png") if (match := SNAPSHOT.fullmatch(path.name))
    )
    if not snapshots:
        return message("no snapshot of the training")
    chosen = [snapshots[index] for index in spread(len(snapshots), most)]
    rows = [first_row(read_grid(path), side, columns) for _, path in chosen]
    return labelled_rows(rows, [f"{kimg} kimg" for kimg, _ in chosen])


def read_grid(path: Path) -> np.ndarray:
    """A grid's pixels, uint8 (height, width, C)."""
    pixels = np.asarray(Image.open(path))
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def first_row(sheet: np.ndarray, side: int, columns: int) -> np.ndarray:
    """The first images of a grid: uint8 (height, width, C) to (K, C, side, side)."""
    there = min(columns, (sheet.shape[1] + GAP) // (side + GAP))
    starts = [column * (side + GAP) for column in range(there)]
    return np.stack([sheet[:side, start : start + side].transpose(2, 0, 1) for start in starts])
