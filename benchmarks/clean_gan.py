"""`python -m benchmarks.clean_gan`: train the same recipe on two datasets, and compare the samples with usable faces.

By default, the datasets are the faces that the baseline `detector` and the level `balanced` keep (`python -m
benchmarks.clean_faces --out CLEAN`). Both are compared with one hold-out set: the labelled usable faces of a fifth of
the pages, selected by a hash of the page name. No face of these pages is used for training. All faces are gray. Recipe,
seeds, width and number of images are equal. The last weights are measured.

Finished runs are not repeated, and a killed run resumes. The output folder contains `clean_gan.json`, `clean_gan.md`,
and `samples.png` with training faces and samples. The command prints one JSON line: for each dataset, the metrics of
the samples (mean and standard deviation over seeds) and of the training faces.
"""

import argparse
import json
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import clean_faces, face_sets, purity, recipe_tables, recipes
from benchmarks.face_sets import FOLDS, FaceSet
from benchmarks.judging import NEIGHBORS, PROJECT_EXTRACTORS, Figures, Judge
from benchmarks.machine import describe_machine
from benchmarks.recipe_tables import Record
from benchmarks.recipes import Job
from benchmarks.variants import Variant
from mangagan.commands.arguments import positive_int
from mangagan.core.errors import UserError
from mangagan.core.files import write_json, write_text
from mangagan.core.images import encode_png
from mangagan.faces.table import decode_faces, read_faces
from mangagan.features.registry import ExtractorParams, build_extractors
from mangagan.metrics.face_search import FaceSearch, find_faces

MIN_FACES = NEIGHBORS + 1  # minimum size of a training or hold-out set; required by the metric coverage
HOLDOUT, TRAIN = 0, 1  # parts of a `FaceSet` with one fold
SETTINGS = ("recipe", "seeds", "kimg", "width", "samples", "part")  # options in the report
FACE_SHARE = "face_share"  # share of images in which the detector finds a face


class FaceJudge(Judge):
    """Compares samples with hold-out faces, and measures the share of samples with a face."""

    @cached_property
    def search(self) -> FaceSearch:
        """Return the search for a face."""
        return FaceSearch()

    def measure(self, fake: np.ndarray) -> Figures:
        """Return the figures of `Judge` and `FACE_SHARE`."""
        return super().measure(fake) | {FACE_SHARE: self.measure_face_share(fake)}

    def measure_face_share(self, images: np.ndarray) -> float:
        """Return the share of images in which the detector finds a face [0, 1]."""
        return float(find_faces(images, self.search).mean())


def main(argv: list[str] | None = None) -> int:
    """Train, evaluate, write the report and print one JSON line; return the exit status."""
    arguments = parse_arguments(argv)
    try:
        print(json.dumps(run(arguments)))
    except UserError as error:
        print(f"benchmarks.clean_gan: {error}", file=sys.stderr)
        return 2
    return 0


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.clean_gan",
        description="Train the same recipe on two datasets, and compare the samples with hold-out usable faces.",
        epilog="example: python -m benchmarks.clean_gan --data labelled --clean out/clean --out out/clean-gan",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with faces.json and pages/")
    parser.add_argument("--clean", type=Path, required=True, help="folder that benchmarks.clean_faces wrote")
    parser.add_argument("--out", type=Path, required=True, help="output folder of runs and reports")
    parser.add_argument(
        "--datasets",
        nargs="+",
        default=["detector", "balanced"],
        help="manifests in CLEAN (default: detector balanced)",
    )
    parser.add_argument("--part", type=int, choices=range(FOLDS), default=0, help="part of the pages to hold out (0)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="training seeds (default: 0)")
    parser.add_argument("--recipe", choices=sorted(recipes.variants.RECIPES), default="modern", help="(modern)")
    parser.add_argument("--kimg", type=float, default=40, help="training length [1000 images] (default: %(default)s)")
    parser.add_argument("--width", type=positive_int, default=16, help="train.base_channels (default: %(default)s)")
    parser.add_argument("--samples", type=positive_int, default=1000, help="samples to measure (default: %(default)s)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(default: auto)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: default of torch")
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace) -> Record:
    """Run the comparison, write and print the tables, and return the report that is printed."""
    holdout = read_holdout(arguments.data, arguments.part)
    sets = [build_set(arguments.clean, name, holdout, arguments.part) for name in arguments.datasets]
    extractors = build_extractors(ExtractorParams(PROJECT_EXTRACTORS), Path())
    datasets = dict[str, Record]()
    strips = [("hold-out faces", recipes.make_random_strip(holdout))]
    for faces in sets:
        judge = FaceJudge(*faces.split_fold(0), extractors, arguments.samples)
        jobs = list_jobs(arguments, faces)
        for job in jobs:
            if not job.path.exists():
                recipes.train_and_judge(job, judge)
        datasets[faces.name] = summarize_dataset(jobs, judge)
        strips.append((f"{faces.name}: training faces", recipes.make_random_strip(judge.train)))
        pictures = [job.path.with_suffix(".png") for job in jobs]
        strips += [(f"{faces.name}: samples", recipe_tables.read_strip(path)) for path in pictures if path.exists()]
    recipe_tables.write_strips(arguments.out / "samples.png", strips)
    table = format_table(datasets)
    write_text(arguments.out / "clean_gan.md", table)
    print(table, file=sys.stderr, end="")
    report = {
        "benchmark": "clean_gan",
        "holdout_faces": len(holdout),
        "datasets": datasets,
        "settings": {key: getattr(arguments, key) for key in SETTINGS},
        "machine": describe_machine(),
    }
    write_json(arguments.out / "clean_gan.json", report)
    return report


def summarize_dataset(jobs: list[Job], judge: FaceJudge) -> Record:
    """Return the figures of the finished runs on a dataset, and of its training faces.

    Returns:
        `training_faces` (number of faces), `training` (figures of the training faces), `holdout_face_share`, `runs`,
        `failed`, and `mean` and `sd` of the figures of the samples.
    """
    records = [json.loads(job.path.read_text(encoding="utf-8")) for job in jobs]
    done = [record["figures"] for record in records if "figures" in record]
    training = judge.floor | {FACE_SHARE: judge.measure_face_share(judge.train)}
    return {
        "training_faces": len(judge.train),
        "training": {name: recipe_tables.round_figure(value) for name, value in training.items()},
        "holdout_face_share": recipe_tables.round_figure(judge.measure_face_share(judge.holdout)),
        "runs": len(done),
        "failed": len(records) - len(done),
        **recipe_tables.average_figures(done),
    }


def read_holdout(data: Path, part: int) -> np.ndarray:
    """Return the labelled usable faces of the pages of a part, uint8 (N, 1, SIZE, SIZE)."""
    faces = [face for face in face_sets.read_labelled_faces(data) if face_sets.assign_part(face.page) == part]
    if not faces:
        raise UserError(f"the pages of part {part} have no usable face. Choose another --part")
    return decode_faces([encode_png(face.pixels) for face in faces], channels=1)


def build_set(clean: Path, name: str, holdout: np.ndarray, part: int) -> FaceSet:
    """Return the hold-out faces, and the faces that a manifest keeps on the pages of all other parts.

    Raises:
        UserError: A file of benchmarks.clean_faces is missing or damaged, or there are too few faces.
    """
    path = clean / f"manifest-{name}.csv"
    if not path.is_file():
        raise UserError(f"{path} not found. Run: python -m benchmarks.clean_faces --out {clean}")
    kept = {make_key(row) for row in purity.read_manifest(path) if row["kept"]}
    faces = read_faces(clean / clean_faces.FACES_FILE, ["source", *"xywh", "image"])
    rows = [row for row in faces.to_dict("records") if make_key(row) in kept]
    rows = [row for row in rows if face_sets.assign_part(row["source"]) != part]
    if min(len(rows), len(holdout)) < MIN_FACES:
        counts = f"{name} has {len(rows)} training faces and {len(holdout)} hold-out faces"
        raise UserError(f"{counts}; {MIN_FACES} of each are needed. Label more pages")
    train = decode_faces([row["png"] for row in rows], channels=1)
    pages = np.array([""] * len(holdout) + [row["source"] for row in rows])
    parts = np.repeat([HOLDOUT, TRAIN], [len(holdout), len(train)])
    return FaceSet(name, np.concatenate([holdout, train]), pages, np.ones(len(parts), bool), parts, 1)


def make_key(row: dict[str, Any]) -> tuple[object, ...]:
    """Return page and box of a detection."""
    return row["source"], *(float(str(row[key])) for key in "xywh")


def list_jobs(arguments: argparse.Namespace, faces: FaceSet) -> list[Job]:
    """Return the runs on one dataset, one for each seed."""
    options = argparse.Namespace(**vars(arguments), folds=[0], compile=False)
    return list(recipes.list_jobs(options, faces, [Variant(arguments.recipe, arguments.recipe)]))


def format_table(datasets: dict[str, Record]) -> str:
    """Return the report as a Markdown table: the training faces and the samples of each dataset."""
    headings = recipe_tables.HEADINGS | {FACE_SHARE: "share with a face"}
    shown = [name for name in headings if any(name in row["mean"] for row in datasets.values())]
    lines = ["| | images | " + " | ".join(headings[name] for name in shown) + " |", "|---|---|" + "---|" * len(shown)]
    for name, row in datasets.items():
        faces, runs = str(row["training_faces"]), f"{row['runs']} runs"
        lines.append(recipe_tables.format_row(f"{name}: training faces", faces, row["training"], {}, shown))
        lines.append(recipe_tables.format_row(f"{name}: samples", runs, row["mean"], row["sd"], shown))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
