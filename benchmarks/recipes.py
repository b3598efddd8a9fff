"""`python -m benchmarks.recipes`: train recipes on the same faces, seeds and number of images; compare their samples.

Each run writes one file into DIR/runs, next to a strip of its samples. Finished runs are not repeated; a killed run
resumes from its checkpoint. DIR/recipes.json has the summary, DIR/recipes.md the table, and DIR/<set>.png real faces
and samples of all variants; variants with equal z_dim share the latents. The final weights are evaluated, not the best
snapshot, so that the hold-out set does not affect the selection.

The sets come from `python -m benchmarks.face_sets`. Several processes may share DIR if their seeds or sets differ.
Prints one JSON line: the summary.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import face_sets, recipe_tables, variants
from benchmarks.face_sets import FaceSet
from benchmarks.judging import PROJECT_EXTRACTORS, Figures, Judge
from benchmarks.machine import describe_machine
from benchmarks.variants import Variant
from mangagan.commands.arguments import positive_int
from mangagan.core.errors import UserError
from mangagan.core.files import sha256_bytes, write_json, write_text
from mangagan.core.images import write_png
from mangagan.features.registry import ExtractorParams, build_extractors
from mangagan.gan.config import Settings, TrainConfig, resolve
from mangagan.gan.loop import DivergedError
from mangagan.gan.machine import pick_device
from mangagan.gan.run import Run, train_resumable
from mangagan.networks.sampling import draw_latents, generate_images

SEED = 0  # seed of the latents of the samples
# Settings that do not affect the figures of a run
UNRELATED_SETTINGS = (
    "threads",
    "device",
    "compile",
    "log_kimg",
    "snapshot_kimg",
    "measure_kimg",
    "checkpoint_kimg",
    "memory_mb",
    "on_alarm",
    "channels",
)


def main(argv: list[str] | None = None) -> int:
    """Train, evaluate, write the report and print one JSON line; return the exit status."""
    arguments = parse(argv)
    try:
        print(json.dumps(run(arguments)))
    except UserError as error:
        print(f"benchmarks.recipes: {error}", file=sys.stderr)
        return 2
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.recipes",
        description="Train recipes on the same faces and compare their samples with hold-out faces.",
        epilog="example: python -m benchmarks.recipes --sets out/sets --out out/recipes --kimg 100 --leave-one-out",
    )
    parser.add_argument(
        "--sets", type=Path, default=Path("out/sets"), help="folder written by benchmarks.face_sets (%(default)s)"
    )
    parser.add_argument("--out", type=Path, required=True, help="output folder of runs and reports")
    parser.add_argument(
        "--names", nargs="+", choices=face_sets.SET_NAMES, default=list(face_sets.SET_NAMES), help="face sets"
    )
    parser.add_argument(
        "--folds", nargs="+", type=int, default=[0], help="folds; a set ignores those it lacks (default: 0)"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1], help="training seeds (default: 0 1)")
    parser.add_argument(
        "--recipes",
        nargs="*",
        choices=sorted(variants.RECIPES),
        default=["classic", "modern"],
        help="(default: classic modern)",
    )
    parser.add_argument("--leave-one-out", action="store_true", help="add one ablation of modern per setting group")
    parser.add_argument(
        "--try", nargs="+", default=[], metavar="KEY=VALUE,…", dest="tries", help="add modern with these settings"
    )
    parser.add_argument(
        "--kimg", type=float, help="training length in thousands of images (default: preset of the device)"
    )
    parser.add_argument("--width", type=positive_int, help="train.base_channels (default: preset of the device)")
    parser.add_argument(
        "--samples", type=positive_int, default=1000, help="number of evaluated samples (default: %(default)s)"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(default: auto)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: default of torch")
    parser.add_argument("--compile", action="store_true", help="use torch.compile, for long runs on a GPU")
    parser.add_argument("--only-report", action="store_true", help="report finished runs without training")
    return parser.parse_args(argv)


@dataclass(frozen=True)
class Job:
    """One run of a variant.

    Attributes:
        faces: The face set.
        fold: Fold of the set.
        variant: The variant.
        config: Its training configuration, including the seed.
        path: JSON file of the result; the strip of samples has the same name with the suffix .png.
    """

    faces: FaceSet
    fold: int
    variant: Variant
    config: TrainConfig
    path: Path

    def say(self, line: str) -> None:
        """Print a progress line on stderr."""
        print(f"{self.path.stem}: {line}", file=sys.stderr, flush=True)


def run(arguments: argparse.Namespace) -> dict[str, object]:
    """Run the comparison and return the report that is printed."""
    selected = variants.list_variants(arguments.recipes, arguments.leave_one_out, arguments.tries)
    summaries = {}
    for name in arguments.names:
        faces = face_sets.load(arguments.sets, name)
        jobs = list(list_jobs(arguments, faces, selected))
        if not jobs:
            raise UserError(f"{name} has none of the folds. Choose --folds from folds 0 … {faces.folds - 1}")
        if not arguments.only_report:
            run_jobs(jobs, arguments.samples)
        summaries[name] = write_report(arguments.out, faces, jobs)
    result: dict[str, object] = {"benchmark": "recipes", "sets": summaries, "machine": describe_machine()}
    write_json(arguments.out / "recipes.json", result)
    sections = [f"### {name}\n\n{recipe_tables.format_table(summary)}" for name, summary in summaries.items()]
    write_text(arguments.out / "recipes.md", "\n".join(sections))
    return result


def list_jobs(arguments: argparse.Namespace, faces: FaceSet, selected: list[Variant]) -> Iterator[Job]:
    """Yield the runs on one set, grouped by seed, so that all variants of a seed finish first."""
    device = pick_device(arguments.device)
    size = {"kimg": arguments.kimg, "base_channels": arguments.width}
    rest = {"device": arguments.device, "threads": arguments.threads, "compile": arguments.compile, "select": "last"}
    for fold in (fold for fold in arguments.folds if 0 <= fold < faces.folds):
        data = hash_fold(faces, fold)
        for seed in arguments.seeds:
            for variant in selected:
                config = variants.make_config(variant, seed=seed, **size, **rest)
                key = compute_run_key(resolve(config, device.type), data, arguments.samples)
                name = f"{faces.name}-{fold}-{make_file_name(variant.name)}-{seed}-{key}"
                yield Job(faces, fold, variant, config, arguments.out / "runs" / f"{name}.json")


def hash_fold(faces: FaceSet, fold: int) -> str:
    """Return the SHA-256 of the faces and their split."""
    digest = hashlib.sha256(faces.faces.data)
    digest.update((faces.part == fold).tobytes())
    return digest.hexdigest()


def compute_run_key(settings: Settings, data: str, samples: int) -> str:
    """Return a short hash of the settings, faces and sample count that determine the figures of a run."""
    relevant = {name: value for name, value in asdict(settings).items() if name not in UNRELATED_SETTINGS}
    return sha256_bytes(json.dumps([relevant, data, samples], sort_keys=True).encode())[:10]


def make_file_name(name: str) -> str:
    """Return the name with characters that file names cannot contain replaced by "_"."""
    return "".join(letter if letter.isalnum() or letter in "-_.=,+" else "_" for letter in name)


def run_jobs(jobs: list[Job], samples: int) -> None:
    """Train and evaluate all runs that have no result yet."""
    judge: Judge | None = None
    fold = None
    for number, job in enumerate(jobs):
        if job.path.exists():
            continue
        if judge is None or job.fold != fold:
            judge, fold = make_judge(job, samples), job.fold
        job.say(f"run {number + 1} of {len(jobs)}")
        train_and_judge(job, judge)


def make_judge(job: Job, samples: int) -> Judge:
    """Return the evaluation of samples on the fold of a run."""
    return Judge(
        *job.faces.split_fold(job.fold), build_extractors(ExtractorParams(PROJECT_EXTRACTORS), Path()), samples
    )


def train_and_judge(job: Job, judge: Judge) -> None:
    """Train, evaluate and write one run; a diverged run is recorded as failed and not repeated."""
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        job.say(text)

    train, _ = job.faces.split_fold(job.fold)
    started = time.perf_counter()
    try:
        trained = train_resumable(train, job.config, job.path.parents[1] / "state", say)
    except DivergedError as error:
        write_json(job.path, {**describe_job(job), "failed": str(error)})
        return
    seconds = time.perf_counter() - started
    resumed = any(text.startswith(("resuming", "already")) for text in said)
    figures = judge_samples(trained, judge, job.path.with_suffix(".png"))
    if not resumed:  # the time of a resumed run covers only its last part
        figures["images_per_second"] = trained.state.images_seen / seconds
    found = {"settings": asdict(trained.settings), "alarms": trained.state.alarms}
    write_json(job.path, {**describe_job(job), **found, "figures": figures, "floor": judge.floor})
    trained.mark_delivered()


def describe_job(job: Job) -> dict[str, Any]:
    """Return the facts that identify a run in its file."""
    return {
        "set": job.faces.name,
        "fold": job.fold,
        "variant": job.variant.name,
        "changes": job.variant.changes,
        "seed": job.config.seed,
        "machine": describe_machine(),
    }


def judge_samples(trained: Run, judge: Judge, path: Path) -> Figures:
    """Return the figures of the samples of a run and write a strip of them to `path`."""
    z = draw_latents(judge.samples, trained.settings.z_dim, SEED)
    fake = generate_images(trained.generator, z)
    write_png(path, recipe_tables.make_strip(fake))
    return judge.measure(fake)


def write_report(out: Path, faces: FaceSet, jobs: list[Job]) -> recipe_tables.Record:
    """Write the sample sheet of a set and return the summary of its finished runs."""
    done = [job for job in jobs if job.path.exists()]
    records = [json.loads(job.path.read_text(encoding="utf-8")) for job in done]
    floors = {record["fold"]: record["floor"] for record in records if "floor" in record}
    names = list(dict.fromkeys(job.variant.name for job in jobs))
    strips = dict[str, Path]()
    for job in done:
        if (picture := job.path.with_suffix(".png")).exists():
            strips.setdefault(job.variant.name, picture)
    train, holdout = faces.split_fold(jobs[0].fold)
    real = [("training faces", make_random_strip(train)), ("hold-out faces", make_random_strip(holdout))]
    drawn = [(name, recipe_tables.read_strip(path)) for name, path in strips.items()]
    recipe_tables.write_strips(out / f"{faces.name}.png", [*real, *drawn])
    return recipe_tables.summarize(records, list(floors.values()), names)


def make_random_strip(faces: np.ndarray) -> np.ndarray:
    """Return a strip of randomly chosen faces."""
    rows = np.random.default_rng(SEED).permutation(len(faces))
    return recipe_tables.make_strip(faces[rows])


if __name__ == "__main__":
    sys.exit(main())
