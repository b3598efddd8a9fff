"""Pictures of a dataset: sheets of faces with their kind and ratings, and curves as PNG."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from benchmarks.purity import KINDS, NO_FACE, NOT_USABLE, USABLE
from mangagan.core.images import decode_png
from mangagan.pictures.grid import choose_evenly, draw_contact_sheet
from mangagan.pictures.text import load_font
from mangagan.report.line_plot import BOX, LinePlot, Series, lay_out_lines

MAX_FACES = 180  # on a sheet
PLOT_SCALE = 2  # pixels of the PNG for each unit of the plot
COLOURS = ("#0b62b0", "#b34f09", "#2e7d4f", "#7a4bb0", "#777777")
INK, GRID = "#282828", "#dddddd"
RATINGS = {"p_face": "face", "p_usable": "usable", "usable": "detector", "linear": "linear"}  # column: name in captions


def draw_kept(detections: pd.DataFrame) -> np.ndarray:
    """Draw kept faces, wrong ones first: no face, not usable, then usable.

    Args:
        detections: With the columns png, kind, source, score and those of `RATINGS` that are available.
    """
    return draw_by_kind(detections, (NO_FACE, NOT_USABLE, USABLE))


def draw_dropped(detections: pd.DataFrame) -> np.ndarray:
    """Draw dropped faces (columns as in `draw_kept`, and drop_reason), wrong ones first: usable, then the others."""
    return draw_by_kind(detections, (USABLE, NOT_USABLE, NO_FACE))


def draw_by_kind(detections: pd.DataFrame, order: Sequence[int]) -> np.ndarray:
    """Draw detections by kind; of the last kind, only as many as fit, spread evenly over its detections."""
    parts = [detections[detections["kind"] == kind] for kind in order]
    wrong = pd.concat(parts[:-1]).head(MAX_FACES)
    rest = parts[-1].iloc[choose_evenly(len(parts[-1]), max(MAX_FACES - len(wrong), 0))]
    return draw_detections(pd.concat([wrong, rest]))


def draw_doubtful(detections: pd.DataFrame, rating: str) -> np.ndarray:
    """Draw the detections whose rating disagrees most with their label, strongest disagreement first.

    Args:
        detections: Columns as in `draw_kept`.
        rating: Column with the probability of a usable face.
    """
    disagreement = ((detections["kind"] == USABLE) - detections[rating]).abs()
    return draw_detections(detections.loc[disagreement.sort_values(ascending=False, kind="stable").index[:MAX_FACES]])


def draw_detections(detections: pd.DataFrame) -> np.ndarray:
    """Draw detections with captions, uint8 (H, W, 3)."""
    rows = detections.to_dict("records")
    return draw_contact_sheet([decode_png(row["png"], 3) for row in rows], [make_caption(row) for row in rows])


def make_caption(row: dict[str, object]) -> str:
    """Return kind, drop reason, ratings, page and score of a detection, on four lines."""
    reason = row.get("drop_reason")
    ratings = [
        f"{name} {value:.2f}"
        for key, name in RATINGS.items()
        if isinstance(value := row.get(key), float) and not np.isnan(value)
    ]
    title, page = str(row["source"]).split("/", 1)
    return "\n".join(
        [
            KINDS[int(str(row["kind"]))] + (f": {reason}" if reason else ""),
            " ".join(ratings[:2]),
            " ".join(ratings[2:]),
            f"{title[:9]} {page[:7]} {row['score']:.2f}",
        ]
    )


def draw_curves(lines: dict[str, tuple[np.ndarray, np.ndarray]], x_label: str, y_label: str) -> np.ndarray:
    """Draw up to five curves with a legend, uint8 (H, W, 3).

    Args:
        lines: Name to x and y, each float64 (N,).
        x_label: Quantity on the x axis.
        y_label: Quantity on the y axis.
    """
    series = [Series(name, x.tolist(), y.tolist(), number) for number, (name, (x, y)) in enumerate(lines.items())]
    plot = lay_out_lines(series, y_label, x_label, y_label)
    picture = Image.new("RGB", (BOX.width * PLOT_SCALE, (BOX.height + 14 * len(series)) * PLOT_SCALE), "white")
    draw, font = ImageDraw.Draw(picture), load_font(10 * PLOT_SCALE)
    draw_axes(draw, plot)
    for number, (line, points) in enumerate(plot.lines):
        if plot.scale:
            corners = [(plot.scale.x(x) * PLOT_SCALE, plot.scale.y(y) * PLOT_SCALE) for x, y in points]
            draw.line(corners, COLOURS[line.colour], 2 * PLOT_SCALE)
        left, middle = BOX.left * PLOT_SCALE, (BOX.height + 14 * number + 6) * PLOT_SCALE
        draw.line([(left, middle), (left + 30, middle)], COLOURS[line.colour], 2 * PLOT_SCALE)
        draw.text((left + 40, middle), line.name, COLOURS[line.colour], font, anchor="lm")
    return np.asarray(picture)


def draw_axes(draw: ImageDraw.ImageDraw, plot: LinePlot) -> None:
    """Draw the grid, the ticks and the labels of a plot."""
    if not plot.scale:
        return
    font = load_font(9 * PLOT_SCALE)
    left, right, top, bottom = (value * PLOT_SCALE for value in (BOX.left, BOX.right, BOX.top, BOX.bottom))
    for tick in plot.y_ticks:
        y = plot.scale.y(tick) * PLOT_SCALE
        draw.line([(left, y), (right, y)], GRID)
        draw.text((left - 8, y), f"{tick:g}", INK, font, anchor="rm")
    for tick in plot.x_ticks:
        x = plot.scale.x(tick) * PLOT_SCALE
        draw.line([(x, top), (x, bottom)], GRID)
        draw.text((x, bottom + 6), f"{tick:g}", INK, font, anchor="mt")
    draw.text(((left + right) / 2, bottom + 34), plot.x_label, INK, font, anchor="mt")
    draw.text((left, 0), plot.y_label, INK, font)
