"""`python -m benchmarks.validate_metrics`: check that the metrics get worse when the faces do.

Real faces are split at random into a reference and a pool. The pool is damaged in steps (see `benchmarks.damage`) and
measured against the reference, as samples are measured against hold-out faces. Several splits give each metric a mean
and a standard deviation at each step. A Markdown table shows how each metric responds, one JSON line has all values.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.damage import DAMAGES, ImageDamage, SelectionDamage
from benchmarks.faces import SIZE, draw_gray_faces, read_gray_faces
from benchmarks.machine import describe_machine
from mangagan.commands.arguments import positive_int
from mangagan.core.errors import UserError
from mangagan.core.files import write_text
from mangagan.core.progress import track
from mangagan.distances.kernel_distance import kernel_distance
from mangagan.distances.manifold import manifold_metrics
from mangagan.faces.crop import resize
from mangagan.features.registry import ExtractorParams, build_extractors
from mangagan.features.usable_faces import USABLE_THRESHOLD, UsableFaceRater
from mangagan.metrics.distinguishability import EXAMPLES, SPLITS, measure_classifier_auc
from mangagan.metrics.face_search import SCORE_THRESHOLD, FaceSearch
from mangagan.metrics.frechet import MAX_DIMENSIONS, find_principal_axes, frechet_distance, project
from mangagan.metrics.precision_recall import NEIGHBORS
from mangagan.metrics.ranking import compute_auc
from mangagan.metrics.symmetry import mirror_symmetry
from mangagan.metrics.vendi import vendi_score

MIN_DEVIATIONS = 3.0  # standard deviations on undamaged faces; a larger change is a response
MIN_FACES = 200  # with fewer, a quarter of a half is too small
# Direction of each metric when the faces get worse: it rises (1) or falls (-1).
WORSE_SIGN = {
    "kernel distance": 1,
    "Fréchet": 1,
    "precision": -1,
    "density": -1,
    "recall": -1,
    "coverage": -1,
    "Vendi": -1,
    "distinguishability": 1,
    "faces found": -1,
    "usable faces": -1,
    "real rated higher": 1,
    "symmetry": 1,
}
Figures = dict[str, float]


class Faces(NamedTuple):
    """A set of faces.

    Attributes:
        images: uint8 (N, 1, SIZE, SIZE).
        groups: str (N,), the character of each face, or its title if the character is unknown.
    """

    images: np.ndarray
    groups: np.ndarray


class Instrument(NamedTuple):
    """A function on single images, and the metrics that follow from its values.

    Attributes:
        extract: Maps images (N, C, S, S) to values (N, …).
        compare: Maps the values of reference and pool to metrics.
    """

    extract: Callable[[np.ndarray], np.ndarray]
    compare: Callable[[np.ndarray, np.ndarray], Figures]


Responses = dict[tuple[str, str, str], np.ndarray]  # instrument, metric, damage → values (levels from 0, splits)


def main(argv: list[str] | None = None) -> int:
    """Measure, write the table and print one JSON line; return the exit status."""
    arguments = parse(argv)
    try:
        faces = gather(arguments)
    except UserError as error:
        print(f"benchmarks.validate_metrics: {error}", file=sys.stderr)
        return 2
    responses = measure_responses(faces, arguments.splits, arguments.seed)
    markdown = format_table(responses)
    if arguments.out:
        write_text(arguments.out, markdown)
    print(markdown, file=sys.stderr)
    report = {"benchmark": "validate_metrics", "faces": len(faces.images), "groups": len(np.unique(faces.groups))}
    print(json.dumps({**report, "responses": list_responses(responses), "machine": describe_machine()}))
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.validate_metrics",
        description="Measure how the metrics of an evaluation respond to damaged faces.",
        epilog="example: python -m benchmarks.validate_metrics --faces data/dataset/train.parquet --out table.md",
    )
    parser.add_argument(
        "--faces",
        nargs="+",
        type=Path,
        default=[],
        metavar="PATH",
        help="Parquet files of faces, or folders with faces.json and pages/ (default: the sample manga, drawn now)",
    )
    parser.add_argument(
        "--count", type=positive_int, default=600, help="maximum number of faces (default: %(default)s)"
    )
    parser.add_argument(
        "--splits", type=positive_int, default=10, help="random splits into reference and pool (default: %(default)s)"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="seed of the choice of faces, of splits and of damage (default: %(default)s)",
    )
    parser.add_argument("--out", type=Path, help="Markdown file for the table")
    return parser.parse_args(argv)


def gather(arguments: argparse.Namespace) -> Faces:
    """Return at most `--count` faces in random order.

    Raises:
        UserError: A file is missing or damaged, or there are too few faces or splits.
    """
    if arguments.splits < 2:
        raise UserError("--splits must be at least 2, because their standard deviation is needed")
    faces = [face for path in arguments.faces for face in read_gray_faces(path)]
    faces = faces or list(draw_gray_faces(arguments.seed, arguments.count))
    if min(len(faces), arguments.count) < MIN_FACES:
        raise UserError(f"{min(len(faces), arguments.count)} faces, at least {MIN_FACES} needed. Give more --faces")
    chosen = np.random.default_rng(arguments.seed).permutation(len(faces))[: arguments.count]
    images = np.stack([resize(faces[index][0], SIZE) for index in chosen])
    return Faces(images[:, None], np.array([faces[index][1] for index in chosen]))


# Metrics


def build_instruments() -> dict[str, Instrument]:
    """Return all instruments by name."""
    found = {each.name: Instrument(each, compare_features) for each in build_extractors(ExtractorParams(), Path())}
    found["detector"] = Instrument(
        FaceSearch(), lambda _, pool: {"faces found": float((pool >= SCORE_THRESHOLD).mean())}
    )
    found["rating"] = Instrument(UsableFaceRater(), compare_ratings)
    found["mirror"] = Instrument(
        mirror_symmetry, lambda reference, pool: {"symmetry": abs(float(pool.mean() - reference.mean()))}
    )
    return found


def compare_ratings(reference: np.ndarray, pool: np.ndarray) -> Figures:
    """Return the metrics on ratings of usable faces."""
    return {
        "usable faces": float((pool > USABLE_THRESHOLD).mean()),
        "real rated higher": compute_auc(reference, pool),
    }


def compare_features(reference: np.ndarray, pool: np.ndarray) -> Figures:
    """Return all metrics on the features of one extractor; both sets have equal counts."""
    mean, axes = find_principal_axes(reference, min(MAX_DIMENSIONS, len(reference) // 4))
    manifold = manifold_metrics(reference, pool, NEIGHBORS)
    examples = min(EXAMPLES, len(pool) // 2)  # the mode drop leaves few faces
    aucs = [measure_classifier_auc(pool, reference, split, examples) for split in range(SPLITS)]
    return {
        "kernel distance": kernel_distance(pool, reference),
        "Fréchet": frechet_distance(project(pool, mean, axes), project(reference, mean, axes)),
        "precision": manifold.precision,
        "density": manifold.density,
        "recall": manifold.recall,
        "coverage": manifold.coverage,
        "Vendi": vendi_score(pool - reference.mean(axis=0)),
        "distinguishability": float(np.mean(aucs)),
    }


def measure_responses(faces: Faces, splits: int, seed: int) -> Responses:
    """Measure every metric at every level of every damage, in every split."""
    responses: Responses = {}
    for name, instrument in build_instruments().items():
        clean = instrument.extract(faces.images)
        for kind, damage in track(DAMAGES.items(), len(DAMAGES), name, "damages"):
            seeds = [(seed, number) for number in range(splits)]
            if isinstance(damage, ImageDamage):
                measured = measure_image_damage(damage, faces, instrument, clean, seeds)
            else:
                measured = measure_selection_damage(damage, faces, instrument, clean, seeds)
            for metric in measured[0][0]:
                values = np.array([[figures[metric] for figures in level] for level in measured])
                responses[name, metric, kind] = values
    return responses


def measure_image_damage(
    damage: ImageDamage, faces: Faces, instrument: Instrument, clean: np.ndarray, seeds: list[tuple[int, int]]
) -> list[list[Figures]]:
    """Return the metrics of one instrument at each level from 0, in each split; `clean` are its undamaged values."""
    damaged = (damage.apply(faces.images, level, np.random.default_rng(seeds[0])) for level in damage.levels)
    levels = [clean, *map(instrument.extract, damaged)]
    halves = [split_faces(len(clean), seed) for seed in seeds]
    return [[instrument.compare(clean[reference], values[pool]) for reference, pool in halves] for values in levels]


def measure_selection_damage(
    damage: SelectionDamage, faces: Faces, instrument: Instrument, clean: np.ndarray, seeds: list[tuple[int, int]]
) -> list[list[Figures]]:
    """Return the same as `measure_image_damage`; counts and reference are the same at every level."""

    def measure(level: float, seed: tuple[int, int]) -> Figures:
        reference, pool = split_faces(len(clean), seed)
        groups = faces.groups[pool]
        count = damage.count(groups, np.random.default_rng(seed))
        chosen = damage.choose(groups, count, level, np.random.default_rng(seed))
        return instrument.compare(clean[reference[:count]], clean[pool[chosen]])

    return [[measure(level, seed) for seed in seeds] for level in (0, *damage.levels)]


def split_faces(count: int, seed: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of reference and pool: two random halves of `count` items, of equal size."""
    order = np.random.default_rng((*seed, count)).permutation(count)
    return order[: count // 2], order[count // 2 : count // 2 * 2]


# Results


def describe_response(values: np.ndarray, sign: int, levels: tuple[float, ...]) -> str:
    """Return how a metric responds: the first level at which it changed, or what is wrong.

    Args:
        values: (levels from 0, splits).
        sign: Expected direction, 1 or -1.
        levels: Levels above 0.
    """
    deviations = values.std(axis=1, ddof=1)
    change = sign * (values.mean(axis=1) - values[0].mean())
    if (change < -MIN_DEVIATIONS * deviations[0]).any():
        return "**wrong way**"
    responses = np.flatnonzero(change > MIN_DEVIATIONS * deviations[0])
    if not len(responses):
        return "no response"
    if (np.diff(change) < -np.maximum(deviations[:-1], deviations[1:])).any():
        return "**not monotone**"
    return f"from {levels[responses[0] - 1]:g}"


def rank_correlation(values: np.ndarray) -> float:
    """Return Spearman's correlation of values with their positions; 0 if all are equal."""
    ranks = [(values < value).sum() + ((values == value).sum() - 1) / 2 for value in values]
    return float(np.corrcoef(ranks, np.arange(len(values)))[0, 1]) if len(set(ranks)) > 1 else 0.0


def format_table(responses: Responses) -> str:
    """Return a Markdown table: a row for each metric, a column for each damage."""
    heads = [f"{kind}, {damage.unit}: {', '.join(f'{x:g}' for x in damage.levels)}" for kind, damage in DAMAGES.items()]
    lines = ["| " + " | ".join(["figure", "on", *heads]) + " |", "|---" * (len(heads) + 2) + "|"]
    for instrument, metric in dict.fromkeys((instrument, metric) for instrument, metric, _ in responses):
        cells = [
            describe_response(responses[instrument, metric, kind], WORSE_SIGN[metric], damage.levels)
            for kind, damage in DAMAGES.items()
        ]
        lines.append("| " + " | ".join([metric, instrument, *cells]) + " |")
    return "\n".join(lines) + "\n"


def list_responses(responses: Responses) -> list[dict[str, Any]]:
    """Return the values for the JSON line: means, standard deviations, and rank correlation with the damage."""
    return [
        {
            "on": instrument,
            "figure": metric,
            "damage": kind,
            "levels": [0, *DAMAGES[kind].levels],
            "mean": [float(f"{value:.4g}") for value in values.mean(axis=1)],
            "sd": [float(f"{value:.2g}") for value in values.std(axis=1, ddof=1)],
            "spearman": round(WORSE_SIGN[metric] * rank_correlation(values.mean(axis=1)), 3),
            "verdict": describe_response(values, WORSE_SIGN[metric], DAMAGES[kind].levels).strip("*"),
        }
        for (instrument, metric, kind), values in responses.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
