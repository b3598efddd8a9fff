"""Summary, Markdown table and sample sheet of a comparison of recipes."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.variants import BASELINE, CANDIDATE
from mangagan.core.images import write_png
from mangagan.pictures.grid import PAPER, draw_grid

COLUMNS, ROWS = 12, 2  # size of the sample grid of a variant
CAPTION = 20  # height of the caption above it [px]
# Figure: heading of its column
HEADINGS = {
    "kernel_distance.random": "kernel distance, random",
    "kernel_distance.mangaface": "kernel distance, mangaface",
    "swd": "sliced Wasserstein",
    "coverage.random": "coverage, random",
    "coverage.mangaface": "coverage, mangaface",
    "ct.pixels": "C_T",
    "copied.pixels": "copied",
    "images_per_second": "images/s",
}
LOWER_IS_BETTER = ("kernel_distance.random", "kernel_distance.mangaface", "swd")
Record = dict[str, Any]  # content of the JSON file of a run


def summarize(records: Sequence[Record], floors: Sequence[dict[str, float]], names: Iterable[str]) -> Record:
    """Return the mean figures of each variant on one set.

    Args:
        records: Finished runs of the set, each with `figures` or `failed`.
        floors: Figures of real faces, one per fold.
        names: Variants in the order of the table.

    Returns:
        `floor` (mean figures of real faces), `variants` (by name: `runs`, `failed`, `mean` and `sd` by figure), and
        `gain` of the candidate over the baseline (see `compute_gain`) if both have runs.
    """
    variants: dict[str, Record] = {}
    for name in names:
        runs = [record for record in records if record["variant"] == name]
        done = [record["figures"] for record in runs if "figures" in record]
        if runs:
            variants[name] = {"runs": len(runs), "failed": len(runs) - len(done), **average_figures(done)}
    summary: Record = {"floor": average_figures(floors)["mean"], "variants": variants}
    means = [variants.get(name, {}).get("mean") for name in (CANDIDATE, BASELINE)]
    if all(means):
        summary["gain"] = compute_gain(means[0] or {}, means[1] or {})
    return summary


def average_figures(figures: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return `mean` and, for two or more runs, `sd` (n - 1) of the figures that all runs have."""
    common = [name for name in (figures[0] if figures else {}) if all(name in row for row in figures)]
    columns = {name: np.array([row[name] for row in figures], float) for name in common}
    return {
        "mean": {name: round_figure(float(values.mean())) for name, values in columns.items()},
        "sd": {name: round_figure(float(values.std(ddof=1))) for name, values in columns.items() if len(values) > 1},
    }


def round_figure(value: float) -> float:
    """Return the value rounded to 5 significant digits."""
    return float(f"{value:.5g}")


def compute_gain(candidate: Record, baseline: Record) -> dict[str, float]:
    """Return the ratio of distances (baseline / candidate) and the difference of coverages (candidate - baseline)."""
    ratios = {
        name: round_figure(baseline[name] / candidate[name]) for name in LOWER_IS_BETTER if candidate.get(name, 0) > 0
    }
    coverages = [name for name in candidate if name.startswith("coverage.")]
    return ratios | {name: round_figure(candidate[name] - baseline[name]) for name in coverages}


def format_table(summary: Record) -> str:
    """Return a summary as a Markdown table with one row per variant, after a row for real faces."""
    shown = [name for name in HEADINGS if any(name in row["mean"] for row in summary["variants"].values())]
    lines = [
        "| | runs | " + " | ".join(HEADINGS[name] for name in shown) + " |",
        "|---|---|" + "---|" * len(shown),
        format_row("real faces", "", summary["floor"], {}, shown),
    ]
    for name, row in summary["variants"].items():
        runs = f"{row['runs']}" + (f", {row['failed']} diverged" if row["failed"] else "")
        lines.append(format_row(name, runs, row["mean"], row["sd"], shown))
    return "\n".join(lines) + "\n"


def format_row(name: str, runs: str, mean: Record, sd: Record, shown: Sequence[str]) -> str:
    """Return one row of the table."""
    return f"| {name} | {runs} | " + " | ".join(format_cell(key, mean.get(key), sd.get(key)) for key in shown) + " |"


def format_cell(key: str, mean: float | None, sd: float | None) -> str:
    """Return a figure with its standard deviation as text."""
    if mean is None:
        return ""
    if key.startswith("copied"):
        return f"{mean:.1%}" + ("" if sd is None else f" ± {sd:.1%}")
    return f"{mean:.3g}" + ("" if sd is None else f" ± {sd:.2g}")


def make_strip(images: np.ndarray) -> np.ndarray:
    """Return the first COLUMNS * ROWS images as a grid, uint8 (H, W, C)."""
    return draw_grid(images[: COLUMNS * ROWS], COLUMNS)


def write_strips(path: Path, strips: Sequence[tuple[str, np.ndarray]]) -> None:
    """Write strips of `make_strip` into one picture, one below the other, with their names as captions."""
    width = max(image.shape[1] for _, image in strips)
    height = sum(image.shape[0] + CAPTION for _, image in strips)
    sheet = Image.new("RGB", (width, height), (PAPER,) * 3)
    top = 0
    for name, image in strips:
        ImageDraw.Draw(sheet).text((3, top + 3), name, fill=(0, 0, 0), font=ImageFont.load_default(13))
        picture = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
        sheet.paste(Image.fromarray(picture).convert("RGB"), (0, top + CAPTION))
        top += image.shape[0] + CAPTION
    write_png(path, np.asarray(sheet))


def read_strip(path: Path) -> np.ndarray:
    """Return a strip that was written as PNG."""
    return np.asarray(Image.open(path))
