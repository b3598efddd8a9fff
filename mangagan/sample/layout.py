"""Division of a page into panels: rows, columns, slanted gutters and bleeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mangagan.sample.character import Rng
from mangagan.sample.strokes import Points, points


@dataclass(frozen=True)
class Panel:
    """One panel of a page."""

    corners: Points  # (4, 2) in page pixels, clockwise from the top left
    has_border: bool = True

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Bounding box: x, y, width, height [px]."""
        x0, y0 = np.floor(self.corners.min(0)).astype(int)
        x1, y1 = np.ceil(self.corners.max(0)).astype(int)
        return int(x0), int(y0), int(x1 - x0), int(y1 - y0)


def sample_layout(rng: Rng, width: int, height: int, gutter: float) -> list[Panel]:
    """Return the panels of a random page layout in reading order (from the top right).

    Args:
        rng: Source of the layout.
        width: Page width [px].
        height: Page height [px].
        gutter: Distance between panels [px].
    """
    margin_x, margin_y = 0.055 * width, 0.05 * height
    rows = int(rng.choice([2, 3, 4], p=[0.15, 0.6, 0.25]))
    shares = rng.uniform(0.75, 1.35, rows)
    edges = margin_y + np.concatenate([[0], np.cumsum(shares / shares.sum())]) * (height - 2 * margin_y)
    slants = np.zeros(rows + 1)
    slants[1:-1] = np.where(rng.random(rows - 1) < 0.3, rng.uniform(-28, 28, rows - 1), 0)
    columns = [_sample_column_count(rng, rows) for _ in range(rows)]
    if rows == 2 and max(columns) == 1:
        columns[1] = 2
    panels: list[Panel] = []
    for row in range(rows):
        above, below = edges[row], edges[row + 1]
        top = (above - slants[row], above + slants[row])
        bottom = (below - slants[row + 1], below + slants[row + 1])
        panels += _split_row(rng, columns[row], (margin_x, width - margin_x), top, bottom, gutter)
    return [_apply_bleed(rng, panel, width, height) for panel in panels]


def _sample_column_count(rng: Rng, rows: int) -> int:
    return int(rng.choice([1, 2, 3], p=[0.2, 0.55, 0.25] if rows < 4 else [0.25, 0.6, 0.15]))


def _split_row(
    rng: Rng,
    count: int,
    sides: tuple[float, float],
    top: tuple[float, float],
    bottom: tuple[float, float],
    gutter: float,
) -> list[Panel]:
    """Split one row into `count` panels, from right to left.

    Args:
        rng: Source of the widths and slants.
        count: Number of panels.
        sides: Left and right end of the row [px].
        top: Height of the upper edge at the left and the right end [px].
        bottom: The same of the lower edge [px].
        gutter: Distance between panels [px].
    """
    left, right = sides
    shares = rng.uniform(0.7, 1.3, count)
    cuts = left + np.concatenate([[0], np.cumsum(shares / shares.sum())]) * (right - left)
    lean = np.zeros(count + 1)
    lean[1:-1] = np.where(rng.random(count - 1) < 0.35, rng.uniform(-35, 35, count - 1), 0)
    borderless = int(rng.integers(count)) if rng.random() < 0.12 else -1

    def edge(line: tuple[float, float], x: float, shift: float) -> float:
        return line[0] + (line[1] - line[0]) * (x - left) / (right - left) + shift

    panels = []
    for index in range(count):
        half = gutter / 2
        x0, x1 = cuts[index] + (half if index else 0), cuts[index + 1] - (half if index < count - 1 else 0)
        tl, tr, bl, br = x0 + lean[index], x1 + lean[index + 1], x0 - lean[index], x1 - lean[index + 1]
        corners = points((tl, edge(top, tl, gutter)), (tr, edge(top, tr, gutter)),
                         (br, edge(bottom, br, -gutter)), (bl, edge(bottom, bl, -gutter)))  # fmt: skip
        panels.append(Panel(corners, index != borderless))
    return panels[::-1]


def _apply_bleed(rng: Rng, panel: Panel, width: int, height: int) -> Panel:
    """Return the panel; with probability 0.16, extend its outer sides beyond the page (bleed)."""
    if rng.random() > 0.16:
        return panel
    corners = panel.corners.copy()
    corners[:, 0] = np.where(corners[:, 0] < 0.07 * width, -8, corners[:, 0])
    corners[:, 0] = np.where(corners[:, 0] > 0.93 * width, width + 8, corners[:, 0])
    corners[:, 1] = np.where(corners[:, 1] < 0.09 * height, -8, corners[:, 1])
    corners[:, 1] = np.where(corners[:, 1] > 0.92 * height, height + 8, corners[:, 1])
    return Panel(corners, panel.has_border)
