"""`python -m benchmarks.validate_metrics`: check that the metrics get worse when the faces do.

Real faces are split at random into a reference and a pool. The pool is damaged in steps (see `benchmarks.damage`) and
measured against the reference, as samples are measured against hold-out faces. Several splits give each metric a mean
and a standard deviation at each step. A Markdown table shows how each metric responds, one JSON line has all values.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.damage import DAMAGES, FACE_SHARES, ImageDamage, SelectionDamage
from benchmarks.faces import SIZE, draw_gray_faces, read_gray_faces
from benchmarks.machine import describe_machine
from benchmarks.metric_instruments import INSTRUMENTS, WORSE_SIGN, Figures, Instrument, build_instruments
from benchmarks.redrawn_faces import FAULTS, draw_faces_with_faults
from mangagan.commands.arguments import positive_int
from mangagan.core.errors import UserError
from mangagan.core.files import write_text
from mangagan.core.progress import track
from mangagan.faces.crop import resize

MIN_DEVIATIONS = 3.0  # standard deviations on undamaged faces; a larger change is a response
MIN_FACES = 200  # with fewer, a quarter of a half is too small


class Faces(NamedTuple):
    """A set of faces.

    Attributes:
        images: uint8 (N, 1, SIZE, SIZE).
        groups: str (N,), the character of each face, or its title if the character is unknown.
    """

    images: np.ndarray
    groups: np.ndarray


Damages = Mapping[str, ImageDamage | SelectionDamage]
Responses = dict[tuple[str, str, str], np.ndarray]  # instrument, metric, damage → values (levels from 0, splits)


def main(argv: list[str] | None = None) -> int:
    """Measure, write the table and print one JSON line; return the exit status."""
    arguments = parse(argv)
    try:
        faces, damages = draw_faulty_faces(arguments) if arguments.redrawn else (gather(arguments), DAMAGES)
    except UserError as error:
        print(f"benchmarks.validate_metrics: {error}", file=sys.stderr)
        return 2
    responses = measure_responses(faces, damages, arguments.splits, arguments.seed, arguments.instruments)
    markdown = format_table(responses, damages)
    if arguments.out:
        write_text(arguments.out, markdown)
    print(markdown, file=sys.stderr)
    report = {"benchmark": "validate_metrics", "faces": len(faces.images), "groups": len(np.unique(faces.groups))}
    print(json.dumps({**report, "responses": list_responses(responses, damages), "machine": describe_machine()}))
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
    parser.add_argument(
        "--redrawn",
        action="store_true",
        help="draw faces without and with known faults, and measure these faults instead of damage",
    )
    parser.add_argument(
        "--instruments", nargs="+", choices=INSTRUMENTS, default=INSTRUMENTS, help="instruments (default: all)"
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


def draw_faulty_faces(arguments: argparse.Namespace) -> tuple[Faces, Damages]:
    """Draw `--count` faces without and with faults. Return the faces, and the faults as kinds of damage.

    Raises:
        UserError: --count or --splits is too small, or --faces is given.
    """
    if arguments.faces or arguments.splits < 2 or arguments.count < MIN_FACES:
        raise UserError(
            f"--redrawn needs other options. Set --splits to 2 or more and --count to {MIN_FACES} or more; omit --faces"
        )
    faces, groups, faulty = draw_faces_with_faults(arguments.count, arguments.seed)

    def replace_faces(fault: str, images: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
        changed = images.copy()
        chosen = rng.permutation(len(images))[: round(level * len(images))]
        changed[chosen] = faulty[fault][chosen]
        return changed

    damages = {fault: ImageDamage("share of faces", FACE_SHARES, partial(replace_faces, fault)) for fault in FAULTS}
    return Faces(faces, groups), damages


# Measurement


def measure_responses(
    faces: Faces, damages: Damages, splits: int, seed: int, instruments: Sequence[str] = INSTRUMENTS
) -> Responses:
    """Measure every metric at every level of every damage, in every split."""
    responses: Responses = {}
    built = build_instruments()
    for name in instruments:
        instrument = built[name]
        clean = instrument.extract(faces.images)
        for kind, damage in track(damages.items(), len(damages), name, "damages"):
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


def format_table(responses: Responses, damages: Damages = DAMAGES) -> str:
    """Return a Markdown table: a row for each metric, a column for each damage."""
    heads = [f"{kind}, {damage.unit}: {', '.join(f'{x:g}' for x in damage.levels)}" for kind, damage in damages.items()]
    lines = ["| " + " | ".join(["figure", "on", *heads]) + " |", "|---" * (len(heads) + 2) + "|"]
    for instrument, metric in dict.fromkeys((instrument, metric) for instrument, metric, _ in responses):
        cells = [
            describe_response(responses[instrument, metric, kind], WORSE_SIGN[metric], damage.levels)
            for kind, damage in damages.items()
        ]
        lines.append("| " + " | ".join([metric, instrument, *cells]) + " |")
    return "\n".join(lines) + "\n"


def list_responses(responses: Responses, damages: Damages = DAMAGES) -> list[dict[str, Any]]:
    """Return the values for the JSON line: means, standard deviations, and rank correlation with the damage."""
    return [
        {
            "on": instrument,
            "figure": metric,
            "damage": kind,
            "levels": [0, *damages[kind].levels],
            "mean": [float(f"{value:.4g}") for value in values.mean(axis=1)],
            "sd": [float(f"{value:.2g}") for value in values.std(axis=1, ddof=1)],
            "spearman": round(WORSE_SIGN[metric] * rank_correlation(values.mean(axis=1)), 3),
            "verdict": describe_response(values, WORSE_SIGN[metric], damages[kind].levels).strip("*"),
        }
        for (instrument, metric, kind), values in responses.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
