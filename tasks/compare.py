"""`mangagan compare`: two recorded runs as text, an HTML page and a picture."""

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.core.files import sha256_bytes, write_bytes, write_text
from mangagan.core.images import encode_png
from mangagan.pictures.grid import draw_grid
from mangagan.pictures.side_by_side import draw_side_by_side
from mangagan.runs.differences import Run, compare_params, list_cautions, summarize_verdict
from mangagan.runs.page import list_metric_cells, render_comparison
from tasks.graph import open_repository
from tasks.revisions import RecordedRun, read_run

if TYPE_CHECKING:
    from mangagan.networks.dcgan import Generator

SAMPLES = 64  # of each generator
COLUMNS = 8  # of the grid of samples


def compare_runs(names: tuple[str, str], folder: Path, seed: int) -> None:
    """Print the differences between two revisions, and write compare.html and compare.png.

    Args:
        names: Two revisions, see `tasks.revisions.read_run`. The second is compared with the first.
        folder: Output folder, new or empty.
        seed: Seed of the latents, at least 0.

    Raises:
        UserError: There is no DVC repository, or a revision or its model is not available.
    """
    if not Path("dvc.yaml").is_file():
        raise UserError("dvc.yaml not found. Change to the folder that contains it")
    with open_repository() as repo:
        records = [read_run(repo, name) for name in names]
    first, second = (record.run for record in records)
    generators = [load_model(record) for record in records]
    grids = [draw_grid(images, COLUMNS) for images in generate_samples(generators, seed)]
    warnings = [warning for record in records for warning in check_model(record)]
    caption = describe_latents(generators, seed)
    write_bytes(folder / "compare.png", encode_png(draw_side_by_side(grids, names)))
    page = render_comparison(first, second, warnings, [encode_png(grid) for grid in grids], caption)
    write_text(folder / "compare.html", page)
    print("\n".join(summarize(first, second)))
    for sentence in [*list_cautions(first, second), *warnings]:
        print(f"! {sentence}")
    print(f"\n{caption}\n{folder / 'compare.html'}, {folder / 'compare.png'}")


def choose_folder(names: tuple[str, str]) -> Path:
    """Return the default output folder of a comparison. Slashes of branch names are replaced."""
    return Path("out") / "-".join(["compare", *(re.sub(r"[^\w.~^@-]+", "_", name) for name in names)])


def load_model(record: RecordedRun) -> "Generator":
    """Return the generator of a run. The code is that of the workspace.

    Raises:
        UserError: The files are damaged, or this version cannot read the model.
    """
    from mangagan.networks.weights import load_generator

    with tempfile.TemporaryDirectory() as folder:
        weights, card = (Path(folder) / path.name for path in (catalog.GENERATOR, catalog.MODEL_CARD))
        weights.write_bytes(record.weights)
        card.write_bytes(record.card)
        try:
            return load_generator(weights, card)
        except UserError as error:
            reason = str(error).replace(folder + os.sep, f"{catalog.GENERATOR.parent}{os.sep}")
            raise UserError(f"{record.run.name}: {reason}") from error


def generate_samples(generators: Sequence["Generator"], seed: int) -> Iterator[np.ndarray]:
    """Yield `SAMPLES` images of each generator, uint8 (N, C, S, S), from latents with the same seed."""
    from mangagan.networks.sampling import draw_latents, generate_images

    for generator in generators:
        yield generate_images(generator, draw_latents(SAMPLES, generator.z_dim, seed))


def describe_latents(generators: Sequence["Generator"], seed: int) -> str:
    """Return the caption of the grids: whether samples at the same position share their latent."""
    first, second = (generator.z_dim for generator in generators)
    if first != second:
        return (
            f"The latents (seed {seed}) have lengths {first} and {second}: samples at the same position are unrelated."
        )
    return (
        f"Both grids are from the same {SAMPLES} latents (seed {seed}). Samples at the same position are similar only"
        " if the models have the same initial weights."
    )


def check_model(record: RecordedRun) -> Iterator[str]:
    """Yield a warning if the metrics of a run were measured with another model."""
    if record.run.evaluation.get("model_sha256") != sha256_bytes(record.weights):
        yield f"The metrics of {record.run.name} belong to another {catalog.GENERATOR}. Run: dvc repro evaluate"


def summarize(first: Run, second: Run) -> Iterator[str]:
    """Yield verdicts, metrics and parameters as lines of text."""
    for run in (first, second):
        yield f"{run.name}: {summarize_verdict(run)}"
    yield from ["", *align_columns(list_metric_cells(first, second))]
    params = [[row.name, row.first, row.second] for row in compare_params(first, second)]
    yield ""
    yield from align_columns([["", first.name, second.name], *params]) if params else ["The parameters are the same."]


def align_columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows of cells as lines of text with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
