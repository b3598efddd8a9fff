"""`python -m benchmarks.verdicts --sets DIR`: print the verdict of `evaluate` on sample sets with known faults.

The sample sets are real faces: unchanged, blurred, partly broken, or copied from the training set. They are half of the
hold-out faces of the set `drawn`, or half of the training faces of the set `labelled` (see
`python -m benchmarks.face_sets`). `--samples` adds samples of generators. The script prints a Markdown table and one
JSON line.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import face_sets
from benchmarks.machine import describe_machine
from mangagan.core.libraries import configure_libraries, limit_to_one_thread
from mangagan.distances.reference_sets import blur_faces, copy_with_noise, repeat_image
from mangagan.distances.structural_damage import break_faces
from mangagan.features.registry import build_extractors
from mangagan.metrics.comparison import as_json
from mangagan.metrics.evaluation_data import prepare_data
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.suite import measure_all
from mangagan.metrics.verdict import find_values, judge

SEED = 0
TRAIN = 700  # training faces, at most
NOISE = 6.0  # of copies [gray levels]
# Columns of the table: heading, pattern of the keys in metrics/evaluate.json, digits
COLUMNS = (
    ("kernel distance, position", "kernel_distance.*.position", 3),
    ("equivalent share of broken faces", "kernel_distance.efficientnet.broken_share", 2),
    ("usable faces, ratio", "usable_share.ratio", 2),
    ("real rated higher", "usable_share.real_rated_higher", 2),
    ("distinguishability", "distinguishability.*.value", 2),
    ("coverage, ratio", "coverage.*.ratio", 2),
    ("variety, ratio", "vendi.*.ratio", 2),
)


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdicts", description=__doc__)
    parser.add_argument("--sets", type=Path, default=Path("out/sets"), help="folder of face sets (%(default)s)")
    parser.add_argument("--set", choices=face_sets.SET_NAMES, default="drawn", help="face set (%(default)s)")
    parser.add_argument(
        "--samples", nargs="*", default=[], metavar="NAME=FILE", help="samples of generators, uint8 (N, C, S, S), .npy"
    )
    arguments = parser.parse_args(argv)
    configure_libraries()
    limit_to_one_thread()
    train, holdout, faces = split_faces(*face_sets.load(arguments.sets, arguments.set).split_fold(0), arguments.set)
    samples = make_samples(faces, train)
    samples |= {name: np.load(file) for name, _, file in (text.partition("=") for text in arguments.samples)}
    print(f"{len(train)} training faces, {len(holdout)} hold-out faces", file=sys.stderr)
    print("| samples | " + " | ".join(heading for heading, *_ in COLUMNS) + " | verdict |")
    print("|---" * (len(COLUMNS) + 2) + "|")
    rows = {}
    for name, images in samples.items():
        rows[name] = measure(images, train, holdout)
        print(format_row(name, rows[name]), flush=True)
    print(json.dumps({"benchmark": "verdicts", "machine": describe_machine(), "sets": rows}))
    return 0


def split_faces(train: np.ndarray, holdout: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return training faces, hold-out faces, and faces that take the place of the samples."""
    rng = np.random.default_rng(SEED)
    train, holdout = (faces[rng.permutation(len(faces))] for faces in (train, holdout))
    if name == "drawn":
        reference, faces = np.array_split(holdout, 2)
        return train[:TRAIN], reference, faces
    first, second = np.array_split(train, 2)
    return first, holdout, second


def make_samples(faces: np.ndarray, train: np.ndarray) -> dict[str, np.ndarray]:
    """Return sample sets with known faults, each uint8 (N, C, S, S), by name."""
    copies = train[: len(faces)]
    return {
        "other faces": faces,
        **{f"{share:.0%} broken": break_faces(faces, share, SEED) for share in (0.05, 0.1, 0.3, 0.5, 0.6, 1.0)},
        "1 px blur": blur_faces(faces, 1.0),
        "4 px blur": blur_faces(faces, 4.0),
        "copies": copy_with_noise(copies, SEED, NOISE),
        "mirrored copies": copy_with_noise(copies[..., ::-1], SEED, NOISE),
        "one face, repeated": repeat_image(train[0], len(faces)),
    }


def measure(samples: np.ndarray, train: np.ndarray, holdout: np.ndarray) -> dict[str, Any]:
    """Return the verdict, the keys of the rules that fired, and the values of each column by key."""
    settings = EvaluateParams(samples=len(samples), repeats=5)
    extractors = build_extractors(settings.extractors, Path())
    titles = ["faces"] * len(train)
    data = prepare_data(samples, train, holdout, titles, extractors, settings.neighbors, settings.seed)
    metrics: dict[str, Any] = {key: as_json(figure) for key, figure in measure_all(data, settings).items()}
    values = {key: value for _, pattern, _ in COLUMNS for key, value in find_values(metrics, pattern)}
    verdict = judge(metrics)
    return {"word": verdict["word"], "fired": [rule["key"] for rule in verdict["because"] if rule["fired"]], **values}


def format_row(name: str, row: dict[str, Any]) -> str:
    """Return a row of the Markdown table."""
    cells = []
    for _, pattern, digits in COLUMNS:
        head, tail = pattern.partition("*")[::2]
        values = [value for key, value in row.items() if key.startswith(head) and key.endswith(tail)]
        cells.append(" / ".join("none" if value is None else f"{value:.{digits}f}" for value in values))
    return f"| {name} | {' | '.join(cells)} | *{row['word']}* |"


if __name__ == "__main__":
    sys.exit(main())
