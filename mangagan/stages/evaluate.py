"""evaluate: the generator and the dataset in; figures beside their floors, pictures and the report out."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mangagan.core import catalog, params
from mangagan.core.errors import UserError
from mangagan.core.files import atomic_directory, sha256_file, write_bytes, write_json, write_text
from mangagan.core.images import encode_png
from mangagan.core.progress import track
from mangagan.faces.table import decode_faces, read_faces
from mangagan.features.registry import build_extractors
from mangagan.features.types import Extractor
from mangagan.generation.samples import samples
from mangagan.metrics.comparison import Comparison, as_json, reasons
from mangagan.metrics.comparison_sets import Sets, prepare
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.ranking import ranges, rank
from mangagan.metrics.suite import figures
from mangagan.metrics.verdict import disagreements, judge, positions
from mangagan.networks.dcgan import Generator
from mangagan.networks.sampling import interpolate, latents, sample
from mangagan.networks.weights import load_generator
from mangagan.pictures.grid import grid
from mangagan.pictures.neighbors import closest_first, neighbor_rows, pair_rows
from mangagan.pictures.timeline import timeline
from mangagan.report.inputs import read_report
from mangagan.report.page import render

STAGE = "evaluate"
SHOWN = 8  # samples beside their neighbours
SUSPICIOUS = 16  # pairs of a sample and the training face that it may be copied from
PAIRS = 4  # of these a row
RANGE = 16  # samples shown as the best, the typical and the worst
WALK = 7  # steps of an interpolation: eight images a strip


def run(root: Path = Path()) -> None:
    """Evaluates `models/generator.safetensors` against `data/dataset/`; writes the report last.

    Raises:
        UserError: bad params, or a file of an earlier stage is missing or does not fit the others.
    """
    settings = params.load(STAGE, EvaluateParams, root)
    extractors = build_extractors(settings.extractors, root)
    generator = load_generator(root / catalog.GENERATOR, root / catalog.MODEL_CARD)
    train, titles = read_images(root / catalog.TRAIN_FACES, generator)
    holdout, _ = read_images(root / catalog.HOLDOUT_FACES, generator)
    if not len(train):
        raise UserError(f"{catalog.TRAIN_FACES} holds no face: run `dvc repro dedup`, and add pages if it stays empty")
    drawn = samples(generator, settings.samples, settings.seed)
    fake = np.stack(list(track(drawn, settings.samples, STAGE, "samples")))
    say(f"measuring {len(fake)} samples, {len(holdout)} hold-out faces")
    sets = prepare(fake, train, holdout, titles, extractors, settings.neighbors, settings.seed)
    measured = describe(root, sets, extractors, figures(sets, settings))
    write_outs(root, sets, measured, draw_pictures(root, sets, generator, settings))


def write_outs(root: Path, sets: Sets, measured: dict[str, Any], pictures: dict[str, bytes]) -> None:
    """Writes pictures and plot data, then the metrics, then the report."""
    quantiles = distance_quantiles(sets)
    with atomic_directory(root / catalog.pictures(STAGE)) as folder:
        for name, png in pictures.items():
            write_bytes(folder / f"{name}.png", png)
        write_text(folder / "nearest.csv", quantiles.to_csv(index=False, lineterminator="\n"))
        write_text(folder / "swd.csv", level_table(measured).to_csv(index=False, lineterminator="\n"))
        write_text(folder / "positions.csv", position_table(measured).to_csv(index=False, lineterminator="\n"))
    write_json(root / catalog.metrics(STAGE), measured)
    report = read_report(root, measured, pictures, quantiles.to_dict("list"))
    write_text(root / catalog.REPORT, render(report))
    verdict = measured["verdict"]
    say(f"{verdict['word']}. {verdict['advice']}")
    say(f"the report is {catalog.REPORT}")


def say(line: str) -> None:
    """Tells a person, or whoever reads the stage's output, how it goes."""
    print(f"{STAGE}: {line}", file=sys.stderr, flush=True)


def read_images(path: Path, generator: Generator) -> tuple[np.ndarray, list[str]]:
    """Faces as the generator draws them, uint8 (N, channels, image_size, image_size), N from 0; and their titles.

    Raises:
        UserError: the file is missing, or its faces have another size.
    """
    rows = read_faces(path, ["image", "title"])
    side = generator.image_size
    if rows.empty:
        return np.zeros((0, generator.channels, side, side), np.uint8), []
    faces = decode_faces(rows["png"].tolist(), generator.channels)
    if faces.shape[2:] != (side, side):
        raise UserError(
            f"{path.name} holds faces of {faces.shape[3]} px, the model draws {side} px: run `dvc repro train`"
        )
    return faces, rows["title"].tolist()


def describe(
    root: Path, sets: Sets, extractors: Sequence[Extractor], found: Mapping[str, Comparison | dict[str, Comparison]]
) -> dict[str, Any]:
    """The stage's metrics: what was compared, every figure (see `Comparison`), and the verdict on them."""
    measured = {name: as_json(figure) for name, figure in found.items()}
    for name, figure in found.items():
        for reason in reasons(figure):
            say(f"{name}: {reason}")
    counts = {"samples": len(sets.images.fake), "train": len(sets.images.train), "holdout": len(sets.images.holdout)}
    model = {
        "model_sha256": sha256_file(root / catalog.GENERATOR),
        "train_sha256": sha256_file(root / catalog.TRAIN_FACES),
    }
    named = {each.name: {"sha256": each.sha256, "dimensions": each.dimensions} for each in extractors}
    return {
        **counts,
        **model,
        "extractors": named,
        **measured,
        "agreement": {"flags": disagreements(measured)},
        "verdict": judge({**counts, **measured}),
    }


def draw_pictures(root: Path, sets: Sets, generator: Generator, settings: EvaluateParams) -> dict[str, bytes]:
    """The pictures of the report, by name, as PNGs."""
    columns, images = settings.grid_columns, sets.images
    chosen = np.random.default_rng(settings.seed).permutation(len(images.train))[: columns**2]
    ends = latents(2 * settings.interpolations, generator.z_dim, settings.seed)
    walks = [sample(generator, interpolate(ends[start : start + 2], WALK)) for start in range(0, len(ends), 2)]
    distances = sets.fake_nearest.distances[:, 0]
    drawn = {
        "real_grid": grid(images.train[chosen], columns),
        "fake_grid": grid(images.fake[: columns**2], columns),
        **{name: grid(images.fake[part], columns) for name, part in ranges(ranked(sets), RANGE).items()},
        "timeline": timeline(root / catalog.pictures("train") / "samples", generator.image_size),
        "interpolation": grid(np.concatenate(walks), WALK + 1),
        "suspicious": pairs(sets, closest_first(distances, SUSPICIOUS)),
        "first": neighbors(sets, np.arange(min(SHOWN, len(distances)))),
    }
    return {name: encode_png(image) for name, image in drawn.items()}


def ranked(sets: Sets) -> np.ndarray:
    """The samples in order, the nearest to real faces first, by the extractor that is named last."""
    *_, features = sets.features.values()
    return rank(features.group.fake, np.concatenate([features.group.train, features.group.holdout]))


def neighbors(sets: Sets, chosen: np.ndarray) -> np.ndarray:
    """Some of the samples beside their nearest training faces."""
    found, images = sets.fake_nearest, sets.images
    return neighbor_rows(
        images.fake[chosen], images.train, found.indices[chosen], found.mirrored[chosen], found.distances[chosen]
    )


def pairs(sets: Sets, chosen: np.ndarray) -> np.ndarray:
    """Some of the samples, each beside the training face it is nearest to."""
    found, images = sets.fake_nearest, sets.images
    nearest = (found.indices[chosen, 0], found.mirrored[chosen, 0], found.distances[chosen, 0])
    return pair_rows(images.fake[chosen], images.train, *nearest, PAIRS)


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


def position_table(measured: dict[str, Any]) -> pd.DataFrame:
    """Where each figure lies between its floor, 0, and its nearest ceiling, 1, for a DVC plot."""
    rows = [(key.removesuffix(".position"), value) for key, value in positions(measured) if value is not None]
    return pd.DataFrame(rows, columns=["figure", "position"])
