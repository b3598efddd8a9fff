"""`python -m benchmarks.validate_metrics`: do the figures get worse when the faces do?

Real faces are split at random into a reference and a pool; the pool is made worse step by step (see
`benchmarks.damage`) and measured against the reference, as samples are measured against hold-out faces. Over several
splits every figure has a mean and a deviation at each step. A Markdown table says how each responds, one JSON line has
all the values.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.damage import DAMAGES, Choosing, Spoiling
from benchmarks.faces import SIZE, drawn, read
from benchmarks.machine import facts
from mangagan.cli import positive
from mangagan.core.errors import UserError
from mangagan.core.files import write_text
from mangagan.core.progress import track
from mangagan.faces.crop import resize
from mangagan.features.registry import ExtractorParams, build_extractors
from mangagan.metrics.face_checks import SURE, FaceSearch, mirror_symmetry
from mangagan.metrics.frechet import principal_axes
from mangagan.metrics.suite import DIMENSIONS, distances_of
from mangagan.metrics.vendi import vendi_score

SEEN = 3.0  # deviations of a figure on unspoilt faces, beyond which it has moved
FEWEST = 200  # faces: fewer leave too few in a quarter of a half
# Figures as an evaluation names them → headings.
HEADINGS = {
    "kernel_distance": "kernel distance",
    "frechet": "Fréchet",
    "precision": "precision",
    "density": "density",
    "recall": "recall",
    "coverage": "coverage",
}
# Whether a figure rises (1) or falls (-1) when the faces get worse.
WORSE = {
    "kernel distance": 1,
    "Fréchet": 1,
    "precision": -1,
    "density": -1,
    "recall": -1,
    "coverage": -1,
    "Vendi": -1,
    "faces found": -1,
    "symmetry": 1,
}
Figures = dict[str, float]


class Faces(NamedTuple):
    """N faces.

    Attributes:
        images: uint8 (N, 1, SIZE, SIZE).
        groups: str (N,), whom each shows, or else the title.
    """

    images: np.ndarray
    groups: np.ndarray


class Looker(NamedTuple):
    """What looks at single images, (N, C, S, S) to (N, …), and the figures of what it saw in reference and pool."""

    look: Callable[[np.ndarray], np.ndarray]
    figures: Callable[[np.ndarray, np.ndarray], Figures]


Responses = dict[tuple[str, str, str], np.ndarray]  # looker, metric, damage → values (levels from 0, splits)


def main(argv: list[str] | None = None) -> int:
    """Measures, writes the table and prints one JSON line; returns the exit status."""
    arguments = parse(argv)
    try:
        faces = gather(arguments)
    except UserError as error:
        print(f"benchmarks.validate_metrics: {error}", file=sys.stderr)
        return 2
    responses = respond(faces, arguments.splits, arguments.seed)
    markdown = table(responses)
    if arguments.out:
        write_text(arguments.out, markdown)
    print(markdown, file=sys.stderr)
    report = {"benchmark": "validate_metrics", "faces": len(faces.images), "groups": len(np.unique(faces.groups))}
    print(json.dumps({**report, "responses": listed(responses), "machine": facts()}))
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.validate_metrics",
        description="How the figures of an evaluation respond to faces that are made worse step by step.",
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
    parser.add_argument("--count", type=positive, default=600, help="most faces (default: %(default)s)")
    parser.add_argument("--splits", type=positive, default=10, help="into reference and pool (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of faces, splits and damage")
    parser.add_argument("--out", type=Path, help="Markdown file for the table")
    return parser.parse_args(argv)


def gather(arguments: argparse.Namespace) -> Faces:
    """At most as many faces as are asked for, in random order.

    Raises:
        UserError: a file is missing or damaged, or there are too few faces or splits.
    """
    if arguments.splits < 2:
        raise UserError("--splits must be at least 2: the deviation between them says what has moved")
    faces = [face for path in arguments.faces for face in read(path)] or list(drawn(arguments.seed, arguments.count))
    if min(len(faces), arguments.count) < FEWEST:
        raise UserError(f"{min(len(faces), arguments.count)} faces, at least {FEWEST} needed: give more --faces")
    chosen = np.random.default_rng(arguments.seed).permutation(len(faces))[: arguments.count]
    images = np.stack([resize(faces[index][0], SIZE) for index in chosen])
    return Faces(images[:, None], np.array([faces[index][1] for index in chosen]))


# Figures


def lookers() -> dict[str, Looker]:
    """All there are, by name."""
    found = {each.name: Looker(each, feature_figures) for each in build_extractors(ExtractorParams(), Path())}
    found["detector"] = Looker(FaceSearch(), lambda _, pool: {"faces found": float((pool >= SURE).mean())})
    found["mirror"] = Looker(
        mirror_symmetry, lambda reference, pool: {"symmetry": abs(float(pool.mean() - reference.mean()))}
    )
    return found


def feature_figures(reference: np.ndarray, pool: np.ndarray) -> Figures:
    """All figures of one extractor's features, equal counts of both."""
    mean, axes = principal_axes(reference, min(DIMENSIONS, len(reference) // 4))
    found = distances_of(pool, reference, mean, axes)
    named = {heading: found[name] for name, heading in HEADINGS.items()}
    return {**named, "Vendi": vendi_score(pool - reference.mean(axis=0))}


def respond(faces: Faces, splits: int, seed: int) -> Responses:
    """Every figure at every level of every damage, in every split."""
    responses: Responses = {}
    for name, looker in lookers().items():
        clean = looker.look(faces.images)
        for kind, damage in track(DAMAGES.items(), len(DAMAGES), name, "damages"):
            seeds = [(seed, number) for number in range(splits)]
            if isinstance(damage, Spoiling):
                measured = spoil(damage, faces, looker, clean, seeds)
            else:
                measured = choose(damage, faces, looker, clean, seeds)
            for metric in measured[0][0]:
                values = np.array([[figures[metric] for figures in level] for level in measured])
                responses[name, metric, kind] = values
    return responses


def spoil(
    damage: Spoiling, faces: Faces, looker: Looker, clean: np.ndarray, seeds: list[tuple[int, int]]
) -> list[list[Figures]]:
    """The figures of one looker at each level from 0, in each split; `clean` is what it saw in the faces."""
    rng = np.random.default_rng(seeds[0])
    levels = [clean, *(looker.look(damage.apply(faces.images, level, rng)) for level in damage.levels)]
    halves = [split(len(clean), seed) for seed in seeds]
    return [[looker.figures(clean[reference], seen[pool]) for reference, pool in halves] for seen in levels]


def choose(
    damage: Choosing, faces: Faces, looker: Looker, clean: np.ndarray, seeds: list[tuple[int, int]]
) -> list[list[Figures]]:
    """As `spoil`; at every level as many faces, with the same ones as reference."""

    def measure(level: float, seed: tuple[int, int]) -> Figures:
        reference, pool = split(len(clean), seed)
        groups = faces.groups[pool]
        count = damage.count(groups, np.random.default_rng(seed))
        chosen = damage.choose(groups, count, level, np.random.default_rng(seed))
        return looker.figures(clean[reference[:count]], clean[pool[chosen]])

    return [[measure(level, seed) for seed in seeds] for level in (0, *damage.levels)]


def split(count: int, seed: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Two random halves of `count` items, of one size: indices of reference and pool."""
    order = np.random.default_rng((*seed, count)).permutation(count)
    return order[: count // 2], order[count // 2 : count // 2 * 2]


# What they say


def verdict(values: np.ndarray, worse: int, levels: tuple[float, ...]) -> str:
    """How a figure responds: the first level at which it has moved, or what is amiss.

    Args:
        values: (levels from 0, splits).
        worse: 1 or -1, where it should move.
        levels: those above 0.
    """
    deviations = values.std(axis=1, ddof=1)
    moved = worse * (values.mean(axis=1) - values[0].mean())
    if (moved < -SEEN * deviations[0]).any():
        return "**wrong way**"
    seen = np.flatnonzero(moved > SEEN * deviations[0])
    if not len(seen):
        return "does not see it"
    if (np.diff(moved) < -np.maximum(deviations[:-1], deviations[1:])).any():
        return "**not monotone**"
    return f"from {levels[seen[0] - 1]:g}"


def rank_correlation(values: np.ndarray) -> float:
    """Spearman's correlation of a row of values with their places; 0 where all are equal."""
    ranks = [(values < value).sum() + ((values == value).sum() - 1) / 2 for value in values]
    return float(np.corrcoef(ranks, np.arange(len(values)))[0, 1]) if len(set(ranks)) > 1 else 0.0


def table(responses: Responses) -> str:
    """Markdown: a row for every figure, a column for every damage."""
    heads = [f"{kind}, {damage.unit}: {', '.join(f'{x:g}' for x in damage.levels)}" for kind, damage in DAMAGES.items()]
    lines = ["| " + " | ".join(["figure", "on", *heads]) + " |", "|---" * (len(heads) + 2) + "|"]
    for looker, metric in dict.fromkeys((looker, metric) for looker, metric, _ in responses):
        cells = [
            verdict(responses[looker, metric, kind], WORSE[metric], damage.levels) for kind, damage in DAMAGES.items()
        ]
        lines.append("| " + " | ".join([metric, looker, *cells]) + " |")
    return "\n".join(lines) + "\n"


def listed(responses: Responses) -> list[dict[str, Any]]:
    """The values for the JSON line: means and deviations over the splits, rank correlation with the damage."""
    return [
        {
            "on": looker,
            "figure": metric,
            "damage": kind,
            "levels": [0, *DAMAGES[kind].levels],
            "mean": [float(f"{value:.4g}") for value in values.mean(axis=1)],
            "sd": [float(f"{value:.2g}") for value in values.std(axis=1, ddof=1)],
            "spearman": round(WORSE[metric] * rank_correlation(values.mean(axis=1)), 3),
            "verdict": verdict(values, WORSE[metric], DAMAGES[kind].levels).strip("*"),
        }
        for (looker, metric, kind), values in responses.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
