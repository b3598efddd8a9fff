"""evaluate: the generator and the dataset in; figures beside their floors, pictures and the report out."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mangagan import params, paths
from mangagan.errors import UserError
from mangagan.faces.table import decode_faces, read_faces
from mangagan.files import atomic_directory, sha256_file, write_bytes, write_json, write_text
from mangagan.gan.generate import samples
from mangagan.gan.networks import Generator
from mangagan.gan.sampling import interpolate, latents, sample
from mangagan.gan.weights import load_generator
from mangagan.metrics.config import EvaluateParams
from mangagan.metrics.suite import Sets, compare, figures
from mangagan.pictures.grid import encode_png, grid
from mangagan.pictures.neighbors import closest_first, neighbor_rows
from mangagan.pictures.timeline import timeline
from mangagan.progress import track
from mangagan.report.inputs import read_report
from mangagan.report.page import render

STAGE = "evaluate"
SHOWN = 8  # samples beside their neighbours, of the closest and of the first
WALK = 7  # steps of an interpolation: eight images a strip


def run(root: Path = Path()) -> None:
    """Evaluates `models/generator.safetensors` against `data/dataset/`; writes the report last.

    Raises:
        UserError: bad params, or a file of an earlier stage is missing or does not fit the others.
    """
    settings = params.load(STAGE, EvaluateParams, root)
    generator = load_generator(root / paths.GENERATOR, root / paths.MODEL_CARD)
    train, holdout = (read_images(root / path, generator) for path in (paths.TRAIN_FACES, paths.HOLDOUT_FACES))
    if not len(train):
        raise UserError(f"{paths.TRAIN_FACES} holds no face: run `dvc repro dedup`, and add pages if it stays empty")
    drawn = samples(generator, settings.samples, settings.seed)
    fake = np.stack(list(track(drawn, settings.samples, STAGE, "samples")))
    sets = compare(fake, train, holdout, settings.neighbors)
    measured = describe(root, sets, settings)

    pictures = draw_pictures(root, sets, generator, settings)
    quantiles = distance_quantiles(sets)
    with atomic_directory(root / paths.pictures(STAGE)) as folder:
        for name, png in pictures.items():
            write_bytes(folder / f"{name}.png", png)
        write_text(folder / "nearest.csv", quantiles.to_csv(index=False, lineterminator="\n"))
        write_text(folder / "swd.csv", level_table(measured).to_csv(index=False, lineterminator="\n"))
    write_json(root / paths.metrics(STAGE), measured)
    report = read_report(root, measured, pictures, quantiles.to_dict("list"))
    write_text(root / paths.REPORT, render(report))
    print(f"{STAGE}: the report is {paths.REPORT}", file=sys.stderr)


def read_images(path: Path, generator: Generator) -> np.ndarray:
    """Faces as the generator draws them: uint8 (N, channels, image_size, image_size), N from 0.

    Raises:
        UserError: the file is missing, or its faces have another size.
    """
    pngs = read_faces(path, ["image"])["png"].tolist()
    side = generator.image_size
    if not pngs:
        return np.zeros((0, generator.channels, side, side), np.uint8)
    faces = decode_faces(pngs, generator.channels)
    if faces.shape[2:] != (side, side):
        raise UserError(
            f"{path.name} holds faces of {faces.shape[3]} px, the model draws {side} px: run `dvc repro train`"
        )
    return faces


def describe(root: Path, sets: Sets, settings: EvaluateParams) -> dict[str, Any]:
    """The stage's metrics: a mapping for every figure (see `Comparison`), and what was compared."""
    print(f"{STAGE}: measuring {len(sets.fake)} samples, {len(sets.holdout)} hold-out faces", file=sys.stderr)
    measured = {name: comparison.as_json() for name, comparison in figures(sets, settings).items()}
    for name, values in measured.items():
        if values["reason"]:
            print(f"{STAGE}: {name}: {values['reason']}", file=sys.stderr)
    counts = {"samples": len(sets.fake), "train": len(sets.train), "holdout": len(sets.holdout)}
    model = {"model_sha256": sha256_file(root / paths.GENERATOR), "train_sha256": sha256_file(root / paths.TRAIN_FACES)}
    return {**counts, **model, **measured}


def draw_pictures(root: Path, sets: Sets, generator: Generator, settings: EvaluateParams) -> dict[str, bytes]:
    """The pictures of the report, by name, as PNGs."""
    columns = settings.grid_columns
    chosen = np.random.default_rng(settings.seed).permutation(len(sets.train))[: columns**2]
    ends = latents(2 * settings.interpolations, generator.z_dim, settings.seed)
    walks = [sample(generator, interpolate(ends[start : start + 2], WALK)) for start in range(0, len(ends), 2)]
    distances = sets.fake_nearest.distances[:, 0]
    drawn = {
        "real_grid": grid(sets.train[chosen], columns),
        "fake_grid": grid(sets.fake[: columns**2], columns),
        "timeline": timeline(root / paths.pictures("train") / "samples", generator.image_size),
        "interpolation": grid(np.concatenate(walks), WALK + 1),
        "nearest": neighbors(sets, closest_first(distances, SHOWN)),
        "first": neighbors(sets, np.arange(min(SHOWN, len(distances)))),
    }
    return {name: encode_png(image) for name, image in drawn.items()}


def neighbors(sets: Sets, chosen: np.ndarray) -> np.ndarray:
    """Some of the samples beside their nearest training faces."""
    found = sets.fake_nearest
    return neighbor_rows(
        sets.fake[chosen], sets.train, found.indices[chosen], found.mirrored[chosen], found.distances[chosen]
    )


def distance_quantiles(sets: Sets) -> pd.DataFrame:
    """Within which distance of their nearest training face how many of the faces lie; `share` is in percent."""
    shares = np.arange(0, 101, 2)
    columns: dict[str, list[float]] = {"share": [float(share) for share in shares]}
    for name, found in (("samples", sets.fake_nearest), ("hold-out faces", sets.holdout_nearest)):
        # Without a hold-out the column stays, empty: a plot of DVC names it.
        values = np.percentile(found.distances[:, 0], shares) if len(found.distances) else np.full(len(shares), np.nan)
        columns[name] = [float(f"{value:.5g}") for value in values]
    return pd.DataFrame(columns)


def level_table(measured: dict[str, Any]) -> pd.DataFrame:
    """The sliced Wasserstein distance by scale, for a DVC plot: one row a scale and set."""
    levels = measured["swd"].get("levels", {})
    rows = [
        (name, side, values[key])
        for side, values in levels.items()
        for key, name in (("value", "samples"), ("floor", "training faces"))
    ]
    return pd.DataFrame(rows, columns=["set", "scale", "distance"])
