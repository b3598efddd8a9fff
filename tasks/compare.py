"""`mangagan compare`: two recorded runs side by side, as text, a page and a picture."""

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
from mangagan.pictures.grid import grid
from mangagan.pictures.side_by_side import side_by_side
from mangagan.runs.differences import Run, cautions, param_rows, verdict
from mangagan.runs.page import figure_cells, render_runs
from tasks import graph
from tasks.revisions import Recorded, read

if TYPE_CHECKING:
    from mangagan.networks.dcgan import Generator

FACES = 64  # of each generator
COLUMNS = 8


def compare(names: tuple[str, str], folder: Path, seed: int) -> None:
    """Compares two revisions: prints the figures, writes compare.html and compare.png into `folder`.

    Args:
        names: two revisions, see `tasks.revisions.read`; the second is judged by the first.
        folder: new or empty.
        seed: of the latents, at least 0.

    Raises:
        UserError: no DVC repository, or a revision or its model cannot be had.
    """
    if not Path("dvc.yaml").is_file():
        raise UserError("no dvc.yaml here: go to the folder that holds it")
    with graph.repository() as repo:
        recorded = [read(repo, name) for name in names]
    first, second = (record.run for record in recorded)
    generators = [load(record) for record in recorded]
    grids = [grid(faces, COLUMNS) for faces in draw(generators, seed)]
    warnings = [text for record in recorded for text in measured_on_another(record)]
    caption = describe_latents(generators, seed)
    write_bytes(folder / "compare.png", encode_png(side_by_side(grids, names)))
    page = render_runs(first, second, warnings, [encode_png(sheet) for sheet in grids], caption)
    write_text(folder / "compare.html", page)
    print("\n".join(summary(first, second)))
    for sentence in [*cautions(first, second), *warnings]:
        print(f"! {sentence}")
    print(f"\n{caption}\n{folder / 'compare.html'}, {folder / 'compare.png'}")


def default_folder(names: tuple[str, str]) -> Path:
    """Where a comparison goes that was not told where; a branch's slashes make no folders."""
    return Path("out") / "-".join(["compare", *(re.sub(r"[^\w.~^@-]+", "_", name) for name in names)])


def load(record: Recorded) -> "Generator":
    """The generator of a run, by the code of this workspace.

    Raises:
        UserError: its files are damaged, or of a model that this version cannot read.
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


def draw(generators: Sequence["Generator"], seed: int) -> Iterator[np.ndarray]:
    """The same number of faces of each, uint8 (N, C, S, S), from the latents of one seed."""
    from mangagan.networks.sampling import latents, sample

    for generator in generators:
        yield sample(generator, latents(FACES, generator.z_dim, seed))


def describe_latents(generators: Sequence["Generator"], seed: int) -> str:
    """What faces in the same place of both grids have in common."""
    first, second = (generator.z_dim for generator in generators)
    if first != second:
        return (
            f"The latents of seed {seed} have lengths {first} and {second}: faces in the same place have nothing in"
            " common."
        )
    return f"Both drawn from the same {FACES} latents (seed {seed}); only networks of one origin draw alike from them."


def measured_on_another(record: Recorded) -> Iterator[str]:
    """A warning where the figures are those of another model than the one whose faces are shown."""
    if record.run.evaluation.get("model_sha256") != sha256_bytes(record.weights):
        yield (f"The metrics of {record.run.name} belong to another {catalog.GENERATOR}. Run: dvc repro evaluate")


def summary(first: Run, second: Run) -> Iterator[str]:
    """Verdicts, figures and parameters as lines of text."""
    for run in (first, second):
        yield f"{run.name}: {verdict(run)}"
    yield from ["", *aligned(figure_cells(first, second))]
    rows = param_rows(first, second)
    yield from ["", *(aligned([["", first.name, second.name], *rows]) if rows else ["parameters: the same"])]


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows of text in columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
