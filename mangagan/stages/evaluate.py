"""The stage `evaluate`: generator and dataset → metrics with floors and ceilings, pictures and the report."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mangagan.core import catalog, params
from mangagan.core.errors import UserError
from mangagan.core.files import atomic_directory, sha256_file, write_bytes, write_json, write_text
from mangagan.core.images import encode_png
from mangagan.core.libraries import limit_to_one_thread
from mangagan.core.progress import progress_bar, track
from mangagan.faces.crop import find_insides
from mangagan.faces.table import decode_faces, read_faces
from mangagan.features.registry import build_extractors
from mangagan.features.types import Extractor
from mangagan.generation.samples import LatentSource, iterate_images
from mangagan.metrics.comparison import Comparison, Figures, as_json, list_reasons
from mangagan.metrics.evaluation_data import EvaluationData, prepare_data
from mangagan.metrics.leaked_faces import find_leaked
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.ranking import rank_samples, select_ranges
from mangagan.metrics.registry import MEASUREMENTS
from mangagan.metrics.suite import measure_all
from mangagan.metrics.training_trend import is_still_falling
from mangagan.metrics.verdict import find_disagreements, find_positions, judge
from mangagan.networks.dcgan import Generator
from mangagan.networks.sampling import draw_latents, generate_images, interpolate_latents
from mangagan.networks.weights import load_generator
from mangagan.pictures.grid import draw_grid
from mangagan.pictures.neighbors import draw_neighbors, draw_pairs, find_smallest
from mangagan.pictures.timeline import draw_timeline
from mangagan.report.inputs import read_report
from mangagan.report.page import Report, render_report

STAGE = "evaluate"
NEIGHBOR_ROWS = 8  # samples shown with their nearest training faces
PAIRS = 16  # samples shown with their nearest training face: those with the smallest distance
PAIR_COLUMNS = 4
RANGE_SIZE = 16  # samples shown as the best, the typical and the worst
INTERPOLATION_STEPS = 7  # steps of an interpolation, so a strip has eight images
FACE_COLUMNS = ["image", "title", *"xywh", "crop_margin", "page_width", "page_height"]


@dataclass(frozen=True)
class FaceSet:
    """Faces of the dataset.

    Attributes:
        images: As the generator draws them, uint8 (N, channels, image_size, image_size).
        titles: Title of each.
        insides: Part of each crop on its page, see `find_insides`, float32 (N, 4).
    """

    images: np.ndarray
    titles: list[str]
    insides: np.ndarray


@dataclass(frozen=True)
class Inputs:
    """Everything that earlier stages wrote, read and checked.

    Attributes:
        generator: The generator.
        train: Training faces, at least 1.
        holdout: Hold-out faces; may be empty.
        hashes: SHA-256 of the weights and of the training faces, by key in the metrics file.
        report: Content of the report, without the evaluation.
        timeline: Picture of the samples during training.
    """

    generator: Generator
    train: FaceSet
    holdout: FaceSet
    hashes: dict[str, str]
    report: Report
    timeline: np.ndarray


def run(root: Path = Path()) -> None:
    """Run the stage in the workspace `root`. Read all inputs before measuring; write the report last.

    Raises:
        UserError: params.yaml is invalid, or an input is missing, damaged or does not match the others.
    """
    settings = params.load(STAGE, EvaluateParams, root)
    limit_to_one_thread()
    extractors = build_extractors(settings.extractors, root)
    inputs = read_inputs(root)
    images = iterate_images(inputs.generator, LatentSource(settings.seed), settings.samples)
    samples = np.stack(list(track(images, settings.samples, STAGE, "samples")))
    train, holdout = inputs.train, inputs.holdout
    print_line(f"measuring {len(samples)} samples, {len(holdout.images)} hold-out faces")
    leaked = find_leaked(holdout.images, holdout.insides, train.images, train.insides)
    sets = (samples, train.images, holdout.images)
    with named_steps(len(extractors) + 1 + len(MEASUREMENTS)) as show:
        data = prepare_data(*sets, train.titles, extractors, settings.neighbors, settings.seed, leaked, show)
        figures = measure_all(data, settings, show=show)
    evaluation = summarize(data, extractors, figures, inputs)
    write_outs(root, inputs.report, data, evaluation, draw_pictures(data, inputs, settings))


@contextmanager
def named_steps(total: int) -> Iterator[Callable[[str], None]]:
    """Show a progress bar with the name of the current step; call the function with the name before each step."""
    with progress_bar(total, STAGE, "steps") as bar:
        names: list[str] = []

        def show(name: str) -> None:
            bar.set_postfix_str(name.replace("_", " "), refresh=False)
            bar.update(len(names) - bar.n)
            bar.refresh()
            names.append(name)

        yield show
        bar.update(total - bar.n)


def read_inputs(root: Path) -> Inputs:
    """Read all inputs.

    Raises:
        UserError: An input is missing, damaged or does not match the others.
    """
    generator = load_generator(root / catalog.GENERATOR, root / catalog.MODEL_CARD)
    train, holdout = (read_images(root / path, generator) for path in (catalog.TRAIN_FACES, catalog.HOLDOUT_FACES))
    if not len(train.images):
        raise UserError(f"{catalog.TRAIN_FACES} holds no face. Add pages and run: dvc repro dedup")
    hashes = {
        "model_sha256": sha256_file(root / catalog.GENERATOR),
        "train_sha256": sha256_file(root / catalog.TRAIN_FACES),
    }
    report = read_report(root, hashes["train_sha256"])
    timeline = draw_timeline(root / catalog.TRAINING_SAMPLES, generator.image_size)
    return Inputs(generator, train, holdout, hashes, report, timeline)


def read_images(path: Path, generator: Generator) -> FaceSet:
    """Return faces of the dataset, as the generator draws them.

    Raises:
        UserError: The file is missing or damaged, or its faces have another size.
    """
    rows = read_faces(path, FACE_COLUMNS)
    side = generator.image_size
    if rows.empty:
        return FaceSet(np.zeros((0, generator.channels, side, side), np.uint8), [], np.zeros((0, 4), np.float32))
    faces = decode_faces(rows["png"].tolist(), generator.channels)
    if faces.shape[2:] != (side, side):
        raise UserError(
            f"{path.name} holds faces of {faces.shape[3]} px, the model draws {side} px. Run: dvc repro train"
        )
    return FaceSet(faces, rows["title"].tolist(), find_insides(rows))


def summarize(
    data: EvaluationData,
    extractors: Sequence[Extractor],
    found: Mapping[str, Comparison | Figures],
    inputs: Inputs,
) -> dict[str, Any]:
    """Return the content of metrics/evaluate.json: counts, hashes, networks, metrics, trend and verdict."""
    images, leaked = data.images, int(data.leaked.sum())
    if leaked:
        print_line(f"{leaked} of {len(data.leaked)} hold-out faces have a near-duplicate among the training faces")
    metrics = {key: as_json(figure) for key, figure in found.items()}
    for key, figure in found.items():
        for reason in list_reasons(figure):
            print_line(f"{key}: {reason}")
    counts = {
        "samples": len(images.samples),
        "train": len(images.train),
        "holdout": len(images.holdout),
        "holdout_leaked": leaked,
    }
    training = {"kernel_distance_falling": is_still_falling(inputs.report.progress)}
    identities = {each.name: {"sha256": each.sha256, "dimensions": each.dimensions} for each in extractors}
    return {
        **counts,
        **inputs.hashes,
        "extractors": identities,
        "rating_networks": {"usable_faces": {"sha256": data.rater.sha256}},
        **metrics,
        "agreement": {"flags": find_disagreements(metrics)},
        "training": training,
        "verdict": judge({**counts, **metrics, "training": training}),
    }


def write_outs(
    root: Path, report: Report, data: EvaluationData, evaluation: dict[str, Any], pictures: dict[str, bytes]
) -> None:
    """Write pictures and plot data, then the metrics, then the report."""
    quantiles = tabulate_quantiles(data)
    tables = {
        "nearest.csv": quantiles,
        "swd.csv": tabulate_levels(evaluation),
        "positions.csv": tabulate_positions(evaluation),
    }
    with atomic_directory(root / catalog.pictures_dir(STAGE)) as folder:
        for name, png in pictures.items():
            write_bytes(folder / f"{name}.png", png)
        for name, table in tables.items():
            write_text(folder / name, table.to_csv(index=False, lineterminator="\n"))
    write_json(root / catalog.metrics_file(STAGE), evaluation)
    metrics = {**report.metrics, STAGE: evaluation}
    complete = replace(report, metrics=metrics, pictures=pictures, quantiles=quantiles.to_dict("list"))
    write_text(root / catalog.REPORT, render_report(complete))
    verdict = evaluation["verdict"]
    print_line(f"{verdict['word']}. {verdict['advice']}")
    print_line(f"the report is {catalog.REPORT}")


def print_line(line: str) -> None:
    """Print a line of progress to stderr."""
    print(f"{STAGE}: {line}", file=sys.stderr, flush=True)


def draw_pictures(data: EvaluationData, inputs: Inputs, settings: EvaluateParams) -> dict[str, bytes]:
    """Return the pictures of the report, by name, as PNG."""
    columns, images, generator = settings.grid_columns, data.images, inputs.generator
    chosen = np.random.default_rng(settings.seed).permutation(len(images.train))[: columns**2]
    ends = draw_latents(2 * settings.interpolations, generator.z_dim, settings.seed)
    strips = [
        generate_images(generator, interpolate_latents(ends[start : start + 2], INTERPOLATION_STEPS))
        for start in range(0, len(ends), 2)
    ]
    distances = data.nearest_to_samples.distances[:, 0]
    ranges = select_ranges(rank_samples(data.usable_logits), RANGE_SIZE)
    pictures = {
        "real_grid": draw_grid(images.train[chosen], columns),
        "fake_grid": draw_grid(images.samples[: columns**2], columns),
        **{name: draw_grid(images.samples[part], columns) for name, part in ranges.items()},
        "timeline": inputs.timeline,
        "interpolation": draw_grid(np.concatenate(strips), INTERPOLATION_STEPS + 1),
        "suspicious": draw_copies(data, find_smallest(distances, PAIRS)),
        "first": draw_nearest(data, np.arange(min(NEIGHBOR_ROWS, len(distances)))),
    }
    return {name: encode_png(image) for name, image in pictures.items()}


def draw_nearest(data: EvaluationData, chosen: np.ndarray) -> np.ndarray:
    """Draw the chosen samples, each with its nearest training faces."""
    found, images = data.nearest_to_samples, data.images
    nearest = (found.indices[chosen], found.mirrored[chosen], found.distances[chosen])
    return draw_neighbors(images.samples[chosen], images.train, *nearest)


def draw_copies(data: EvaluationData, chosen: np.ndarray) -> np.ndarray:
    """Draw the chosen samples, each with its nearest training face."""
    found, images = data.nearest_to_samples, data.images
    nearest = (found.indices[chosen, 0], found.mirrored[chosen, 0], found.distances[chosen, 0])
    return draw_pairs(images.samples[chosen], images.train, *nearest, PAIR_COLUMNS)


def tabulate_quantiles(data: EvaluationData) -> pd.DataFrame:
    """Return quantiles of the distance to the nearest training face; the column `share` is in percent.

    Hold-out faces with a near-duplicate among the training faces are left out.
    """
    shares = np.arange(0, 101, 2)
    columns: dict[str, list[float]] = {"share": [float(share) for share in shares]}
    for name, found in (("samples", data.nearest_to_samples), ("hold-out faces", data.nearest_to_holdout)):
        # Without such faces the column is empty; a plot in dvc.yaml requires it.
        values = np.percentile(found.distances[:, 0], shares) if len(found.distances) else np.full(len(shares), np.nan)
        columns[name] = [float(f"{value:.5g}") for value in values]
    return pd.DataFrame(columns)


def tabulate_levels(evaluation: dict[str, Any]) -> pd.DataFrame:
    """Return the sliced Wasserstein distance by scale, one row for each scale and set."""
    levels = evaluation["swd"].get("levels", {})
    rows = [
        (name, side, values[key])
        for side, values in levels.items()
        for key, name in (("value", "samples"), ("floor", "training faces"))
    ]
    return pd.DataFrame(rows, columns=["set", "scale", "distance"])


def tabulate_positions(evaluation: dict[str, Any]) -> pd.DataFrame:
    """Return the position of each metric between its floor (0) and its nearest ceiling (1)."""
    rows = [(key.removesuffix(".position"), value) for key, value in find_positions(evaluation) if value is not None]
    return pd.DataFrame(rows, columns=["figure", "position"])
