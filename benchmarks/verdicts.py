"""`python -m benchmarks.verdicts --sets DIR`: print the verdict of `evaluate` on sample sets with known faults.

Half of the hold-out faces of the set `drawn` (see `python -m benchmarks.face_sets`) take the place of the samples:
unchanged, blurred, or a share of them with a broken structure. Other sets are copies of training faces. Prints a
Markdown table, then one JSON line.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import face_sets
from benchmarks.machine import describe_machine
from benchmarks.structural_damage import erase_eye, exchange_patches, join_halves, warp
from mangagan.core.libraries import configure_libraries, limit_to_one_thread
from mangagan.distances.reference_sets import blur_faces, copy_with_noise, repeat_image
from mangagan.features.registry import build_extractors
from mangagan.metrics.comparison import as_json
from mangagan.metrics.evaluation_data import prepare_data
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.suite import measure_all
from mangagan.metrics.verdict import judge

SEED = 0
TRAIN = 700  # training faces, at most
NOISE = 6.0  # of copies [gray levels]
# Each damages a quarter of the broken faces: the function and its level.
DAMAGES: tuple[tuple[Callable[..., np.ndarray], float], ...] = (
    (erase_eye, 1.0),
    (join_halves, 1.0),
    (warp, 4.0),
    (exchange_patches, 4.0),
)


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdicts", description=__doc__)
    parser.add_argument("--sets", type=Path, default=Path("out/sets"), help="folder of face sets (%(default)s)")
    arguments = parser.parse_args(argv)
    configure_libraries()
    limit_to_one_thread()
    train, holdout = face_sets.load(arguments.sets, "drawn").split_fold(0)
    rng = np.random.default_rng(SEED)
    train = train[rng.permutation(len(train))[:TRAIN]]
    reference, faces = np.array_split(holdout[rng.permutation(len(holdout))], 2)
    rows = {name: measure(samples, train, reference) for name, samples in make_samples(faces, train).items()}
    print("| samples | kernel distance, position | coverage, ratio | verdict |\n|---|---|---|---|")
    for name, row in rows.items():
        columns = [
            " / ".join(f"{value:.{digits}f}" for value in row[key])
            for key, digits in (("position", 3), ("coverage", 2))
        ]
        print(f"| {name} | {columns[0]} | {columns[1]} | *{row['word']}* |")
    print(json.dumps({"benchmark": "verdicts", "machine": describe_machine(), "sets": rows}))
    return 0


def make_samples(faces: np.ndarray, train: np.ndarray) -> dict[str, np.ndarray]:
    """Return sample sets with known faults, each uint8 (N, C, S, S), by name."""
    copies = train[: len(faces)]
    return {
        "other faces": faces,
        **{f"{share:.0%} broken": break_faces(faces, share) for share in (0.05, 0.3, 0.5, 1.0)},
        "1 px blur": blur_faces(faces, 1.0),
        "4 px blur": blur_faces(faces, 4.0),
        "copies": copy_with_noise(copies, SEED, NOISE),
        "mirrored copies": copy_with_noise(copies[..., ::-1], SEED, NOISE),
        "one face, repeated": repeat_image(train[0], len(faces)),
    }


def break_faces(faces: np.ndarray, share: float) -> np.ndarray:
    """Return faces of which a share has a broken structure: each kind of `DAMAGES` equally often."""
    rng = np.random.default_rng(SEED)
    chosen = rng.permutation(len(faces))[: round(share * len(faces))]
    result = faces.copy()
    for (damage, level), part in zip(DAMAGES, np.array_split(chosen, len(DAMAGES)), strict=True):
        if len(part):
            result[part] = damage(faces[part], level, rng)
    return result


def measure(samples: np.ndarray, train: np.ndarray, holdout: np.ndarray) -> dict[str, Any]:
    """Return the verdict, and by extractor the position of the kernel distance and the ratio of the coverage."""
    settings = EvaluateParams(samples=len(samples), repeats=5)
    extractors = build_extractors(settings.extractors, Path())
    titles = ["drawn"] * len(train)
    data = prepare_data(samples, train, holdout, titles, extractors, settings.neighbors, settings.seed)
    metrics: dict[str, Any] = {key: as_json(figure) for key, figure in measure_all(data, settings).items()}
    return {
        "word": judge(metrics)["word"],
        "position": [figure["position"] for figure in metrics["kernel_distance"].values()],
        "coverage": [figure["ratio"] for figure in metrics["coverage"].values()],
    }


if __name__ == "__main__":
    sys.exit(main())
