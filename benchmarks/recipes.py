"""`python -m benchmarks.recipes`: recipes trained on the same faces, seeds and number of images, and judged alike.

Every run gets a file of its own in DIR/runs, beside a strip of its samples; what is there is not run again, and a run
that was killed goes on from its checkpoint. Then DIR/recipes.json sums up, DIR/recipes.md is a table, and
DIR/<set>.png shows real faces and the samples of all variants, those of one z_dim drawn from the same latents. The
weights at the end are judged, not the best ones on the way: the hold-out chooses nothing.

The sets are those of `python -m benchmarks.face_sets`. Several processes may share DIR, each with other seeds or sets.
One JSON line on stdout: the summary.
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
from benchmarks.judging import Figures, Judge
from benchmarks.machine import facts
from benchmarks.variants import Variant
from mangagan.cli import positive
from mangagan.core.errors import UserError
from mangagan.core.files import sha256_bytes, write_json, write_text
from mangagan.core.images import write_png
from mangagan.features.registry import ExtractorParams, build_extractors
from mangagan.gan.config import Settings, TrainConfig, resolve
from mangagan.gan.loop import Diverged
from mangagan.gan.machine import pick_device
from mangagan.gan.run import Run, train_resumable
from mangagan.networks.sampling import latents, sample

SEED = 0  # of the latents that samples are drawn from
# Settings that are no part of what a run finds.
INCIDENTAL = (
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
    """Trains, judges, writes and prints one JSON line; returns the exit status."""
    arguments = parse(argv)
    try:
        print(json.dumps(run(arguments)))
    except UserError as error:
        print(f"benchmarks.recipes: {error}", file=sys.stderr)
        return 2
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.recipes",
        description="Trains recipes on the same faces and compares what they draw with faces held out.",
        epilog="example: python -m benchmarks.recipes --sets out/sets --out out/recipes --kimg 100 --leave-one-out",
    )
    parser.add_argument("--sets", type=Path, default=Path("out/sets"), help="of benchmarks.face_sets (%(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs and of what they sum up to")
    parser.add_argument("--names", nargs="+", choices=face_sets.NAMES, default=list(face_sets.NAMES), help="of sets")
    parser.add_argument("--folds", nargs="+", type=int, default=[0], help="those that a set has are run (default: 0)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1], help="of the training (default: 0 1)")
    parser.add_argument("--recipes", nargs="*", choices=sorted(variants.RECIPES), default=["classic", "modern"])
    parser.add_argument("--leave-one-out", action="store_true", help="modern without each of its tricks as well")
    parser.add_argument("--try", nargs="+", default=[], metavar="KEY=VALUE,…", dest="tries", help="modern changed so")
    parser.add_argument("--kimg", type=float, help="thousand images shown (default: what the device's preset says)")
    parser.add_argument("--width", type=positive, help="train.base_channels (default: as above)")
    parser.add_argument("--samples", type=positive, default=1000, help="that are judged (default: %(default)s)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: what torch takes (default)")
    parser.add_argument("--compile", action="store_true", help="torch.compile, for long runs on a GPU")
    parser.add_argument("--only-report", action="store_true", help="sum up what there is, train nothing")
    return parser.parse_args(argv)


@dataclass(frozen=True)
class Job:
    """One run to be: what is trained on which faces, and where its result goes.

    Attributes:
        faces: the set.
        fold: of the set.
        variant: what is trained.
        config: its configuration, seed and all.
        path: of the result; the samples' strip lies beside it.
    """

    faces: FaceSet
    fold: int
    variant: Variant
    config: TrainConfig
    path: Path

    def say(self, line: str) -> None:
        """Tells how it goes."""
        print(f"{self.path.stem}: {line}", file=sys.stderr, flush=True)


def run(arguments: argparse.Namespace) -> dict[str, object]:
    """Everything; what is printed."""
    wanted = variants.chosen(arguments.recipes, arguments.leave_one_out, arguments.tries)
    summaries = {}
    for name in arguments.names:
        faces = face_sets.load(arguments.sets, name)
        jobs = list(plan(arguments, faces, wanted))
        if not jobs:
            raise UserError(f"nothing to run: {name} has folds 0 … {faces.folds - 1}")
        if not arguments.only_report:
            sweep(jobs, arguments.samples)
        summaries[name] = report(arguments.out, faces, jobs)
    result: dict[str, object] = {"benchmark": "recipes", "sets": summaries, "machine": facts()}
    write_json(arguments.out / "recipes.json", result)
    sections = [f"### {name}\n\n{recipe_tables.table(summary)}" for name, summary in summaries.items()]
    write_text(arguments.out / "recipes.md", "\n".join(sections))
    return result


def plan(arguments: argparse.Namespace, faces: FaceSet, wanted: list[Variant]) -> Iterator[Job]:
    """The runs on one set, all variants of a seed together: what is compared is done first."""
    device = pick_device(arguments.device)
    size = {"kimg": arguments.kimg, "base_channels": arguments.width}
    rest = {"device": arguments.device, "threads": arguments.threads, "compile": arguments.compile, "select": "last"}
    for fold in (fold for fold in arguments.folds if 0 <= fold < faces.folds):
        data = fingerprint(faces, fold)
        for seed in arguments.seeds:
            for variant in wanted:
                config = variants.config(variant, seed=seed, **size, **rest)
                key = identity(resolve(config, device.type), data, arguments.samples)
                name = f"{faces.name}-{fold}-{file_name(variant.name)}-{seed}-{key}"
                yield Job(faces, fold, variant, config, arguments.out / "runs" / f"{name}.json")


def fingerprint(faces: FaceSet, fold: int) -> str:
    """SHA-256 of the faces and of which of them are held out."""
    digest = hashlib.sha256(faces.faces.data)
    digest.update((faces.part == fold).tobytes())
    return digest.hexdigest()


def identity(settings: Settings, data: str, samples: int) -> str:
    """Names a run by all that its figures depend on but the code; so that another budget is another run."""
    knobs = {name: value for name, value in asdict(settings).items() if name not in INCIDENTAL}
    return sha256_bytes(json.dumps([knobs, data, samples], sort_keys=True).encode())[:10]


def file_name(name: str) -> str:
    """A variant's name with what file names can hold."""
    return "".join(letter if letter.isalnum() or letter in "-_.=,+" else "_" for letter in name)


def sweep(jobs: list[Job], samples: int) -> None:
    """Trains and judges what has no result yet."""
    judge: Judge | None = None
    fold = None
    for number, job in enumerate(jobs):
        if job.path.exists():
            continue
        if judge is None or job.fold != fold:
            judge, fold = judge_of(job, samples), job.fold
        job.say(f"run {number + 1} of {len(jobs)}")
        train_and_judge(job, judge)


def judge_of(job: Job, samples: int) -> Judge:
    """What judges the runs on a fold."""
    return Judge(*job.faces.fold(job.fold), build_extractors(ExtractorParams(), Path()), samples)


def train_and_judge(job: Job, judge: Judge) -> None:
    """One run, to its file; one that diverged leaves a file too, and is not tried again."""
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        job.say(text)

    train, _ = job.faces.fold(job.fold)
    started = time.perf_counter()
    try:
        trained = train_resumable(train, job.config, job.path.parents[1] / "state", say)
    except Diverged as error:
        write_json(job.path, {**about(job), "failed": str(error)})
        return
    seconds = time.perf_counter() - started
    resumed = any(text.startswith(("resuming", "already")) for text in said)
    figures = judged(trained, judge, job.path.with_suffix(".png"))
    if not resumed:  # else the time is only that of a part
        figures["images_per_second"] = trained.state.images_seen / seconds
    found = {"settings": asdict(trained.settings), "alarms": trained.state.alarms}
    write_json(job.path, {**about(job), **found, "figures": figures, "floor": judge.floor})
    trained.delivered()


def about(job: Job) -> dict[str, Any]:
    """What a run's file says about it."""
    return {
        "set": job.faces.name,
        "fold": job.fold,
        "variant": job.variant.name,
        "changes": job.variant.changes,
        "seed": job.config.seed,
        "machine": facts(),
    }


def judged(trained: Run, judge: Judge, path: Path) -> Figures:
    """The figures of a run's samples; a strip of them goes to `path`."""
    z = latents(judge.samples, trained.settings.z_dim, SEED)
    fake = sample(trained.generator, z)
    write_png(path, recipe_tables.strip(fake))
    return judge.figures(fake)


def report(out: Path, faces: FaceSet, jobs: list[Job]) -> recipe_tables.Record:
    """Sums up the runs that are done, and shows their samples: of every variant those of its first run."""
    done = [job for job in jobs if job.path.exists()]
    records = [json.loads(job.path.read_text(encoding="utf-8")) for job in done]
    floors = {record["fold"]: record["floor"] for record in records if "floor" in record}
    names = list(dict.fromkeys(job.variant.name for job in jobs))
    strips = dict[str, Path]()
    for job in done:
        if (picture := job.path.with_suffix(".png")).exists():
            strips.setdefault(job.variant.name, picture)
    train, holdout = faces.fold(jobs[0].fold)
    real = [("training faces", spread_out(train)), ("held-out faces", spread_out(holdout))]
    drawn = [(name, recipe_tables.read_strip(path)) for name, path in strips.items()]
    recipe_tables.side_by_side(out / f"{faces.name}.png", [*real, *drawn])
    return recipe_tables.summarize(records, list(floors.values()), names)


def spread_out(faces: np.ndarray) -> np.ndarray:
    """A strip of faces from the whole of a set."""
    rows = np.random.default_rng(SEED).permutation(len(faces))
    return recipe_tables.strip(faces[rows])


if __name__ == "__main__":
    sys.exit(main())
