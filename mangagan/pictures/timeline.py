"""Samples of the same latents at every snapshot of training."""

import re
from pathlib import Path

import numpy as np
from PIL import Image

from mangagan.pictures.grid import GAP, choose_evenly
from mangagan.pictures.rows import draw_rows
from mangagan.pictures.text import draw_message

SNAPSHOT_NAME = re.compile(r"(\d+)kimg\.png")


def draw_timeline(folder: Path, side: int, max_columns: int = 8, max_rows: int = 12) -> np.ndarray:
    """Draw one row for each snapshot, with the first samples of its grid.

    Args:
        folder: Grids of samples (see `draw_grid`), named by the number of faces shown, for example `000020kimg.png`.
        side: Height and width of a sample [px].
        max_columns: Maximum number of samples per row. Default: 8.
        max_rows: Maximum number of rows, evenly spaced, including the first and the last snapshot. Default: 12.

    Returns:
        uint8 (height, width, C); a line of text if there are no snapshots.
    """
    snapshots = sorted(
        (int(match[1]), path) for path in folder.glob("*.png") if (match := SNAPSHOT_NAME.fullmatch(path.name))
    )
    if not snapshots:
        return draw_message("no snapshots of the training")
    chosen = [snapshots[index] for index in choose_evenly(len(snapshots), max_rows)]
    rows = [cut_first_row(np.atleast_3d(np.asarray(Image.open(path))), side, max_columns) for _, path in chosen]
    return draw_rows(rows, [f"{kimg} kimg" for kimg, _ in chosen])


def cut_first_row(grid: np.ndarray, side: int, max_columns: int) -> np.ndarray:
    """Cut the first row of a grid into images: uint8 (height, width, C) to (K, C, side, side)."""
    columns = min(max_columns, (grid.shape[1] + GAP) // (side + GAP))
    starts = [column * (side + GAP) for column in range(columns)]
    return np.stack([grid[:side, start : start + side].transpose(2, 0, 1) for start in starts])
