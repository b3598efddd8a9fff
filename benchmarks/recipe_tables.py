"""What a sweep found: a summary, a table for people, and samples of all variants side by side."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.variants import BASELINE, OURS
from mangagan.core.images import write_png
from mangagan.pictures.grid import PAPER, grid

COLUMNS, ROWS = 12, 2  # of each variant's samples
CAPTION = 20  # px, the line above them
# Figure → heading of its column.
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
LESS_IS_BETTER = ("kernel_distance.random", "kernel_distance.mangaface", "swd")
Record = dict[str, Any]  # a run's file


def summarize(records: Sequence[Record], floors: Sequence[dict[str, float]], names: Iterable[str]) -> Record:
    """Means over the runs of one set.

    Args:
        records: finished runs of the set, `figures` or `failed` in each.
        floors: the real faces' figures, of each fold that has a run.
        names: of the variants, in the order of the table.

    Returns:
        `floor`, and by variant `runs`, `failed`, `mean` and `sd` by figure; `gain` of ours over the baseline where both
        have run: how many times less a distance is, how much more is covered.
    """
    variants: dict[str, Record] = {}
    for name in names:
        own = [record for record in records if record["variant"] == name]
        done = [record["figures"] for record in own if "figures" in record]
        if own:
            variants[name] = {"runs": len(own), "failed": len(own) - len(done), **spread(done)}
    summary: Record = {"floor": spread(floors)["mean"], "variants": variants}
    means = [variants.get(name, {}).get("mean") for name in (OURS, BASELINE)]
    if all(means):
        summary["gain"] = gain(means[0] or {}, means[1] or {})
    return summary


def spread(figures: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Mean of each figure, and its standard deviation (n - 1) where there is more than one run; `mean` and `sd`."""
    common = [name for name in (figures[0] if figures else {}) if all(name in row for row in figures)]
    columns = {name: np.array([row[name] for row in figures], float) for name in common}
    return {
        "mean": {name: rounded(float(values.mean())) for name, values in columns.items()},
        "sd": {name: rounded(float(values.std(ddof=1))) for name, values in columns.items() if len(values) > 1},
    }


def rounded(value: float) -> float:
    """To 5 significant digits."""
    return float(f"{value:.5g}")


def gain(ours: Record, theirs: Record) -> dict[str, float]:
    """The baseline's distances over ours; our coverages less the baseline's."""
    ratios = {name: rounded(theirs[name] / ours[name]) for name in LESS_IS_BETTER if ours.get(name, 0) > 0}
    covered = [name for name in ours if name.startswith("coverage.")]
    return ratios | {name: rounded(ours[name] - theirs[name]) for name in covered}


def table(summary: Record) -> str:
    """A summary as a Markdown table: a line a variant, real faces first."""
    shown = [name for name in HEADINGS if any(name in row["mean"] for row in summary["variants"].values())]
    lines = [
        "| | runs | " + " | ".join(HEADINGS[name] for name in shown) + " |",
        "|---|---|" + "---|" * len(shown),
        line("real faces", "", summary["floor"], {}, shown),
    ]
    for name, row in summary["variants"].items():
        runs = f"{row['runs']}" + (f", {row['failed']} diverged" if row["failed"] else "")
        lines.append(line(name, runs, row["mean"], row["sd"], shown))
    return "\n".join(lines) + "\n"


def line(name: str, runs: str, mean: Record, sd: Record, shown: Sequence[str]) -> str:
    """One line of the table."""
    return f"| {name} | {runs} | " + " | ".join(cell(key, mean.get(key), sd.get(key)) for key in shown) + " |"


def cell(key: str, mean: float | None, sd: float | None) -> str:
    """A figure with its spread, as people read it."""
    if mean is None:
        return ""
    if key.startswith("copied"):
        return f"{mean:.1%}" + ("" if sd is None else f" ± {sd:.1%}")
    return f"{mean:.3g}" + ("" if sd is None else f" ± {sd:.2g}")


def strip(images: np.ndarray) -> np.ndarray:
    """The first images in ROWS lines, uint8 (H, W, C)."""
    return grid(images[: COLUMNS * ROWS], COLUMNS)


def side_by_side(path: Path, strips: Sequence[tuple[str, np.ndarray]]) -> None:
    """Writes strips (as of `strip`) one below the other, each under its name."""
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
    """A strip that was written as PNG."""
    return np.asarray(Image.open(path))
