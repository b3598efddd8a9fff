"""`python -m benchmarks.peers`: train several GANs on the same faces for the same time on the CPU, and compare them.

- modern, classic: the recipes of this project, see docs/training.md.
- plain: a DCGAN in the manner of pytorch/examples, see `plain_dcgan`.
- fastgan: FastGAN (Liu et al. 2021, arXiv 2101.04775), see `fastgan`.

All peers train in float32, also on a CPU with bfloat16 instructions. Each has its own process with one thread and
trains until it has used --minutes of CPU time, so other load hardly changes the number of steps. Samples are saved
after a quarter, a half and all of this time. Imports, the construction of networks and the sampling do not count.

OUT/<peer>/ has training.json (the snapshots), samples-*.npy, and metrics.json (the metrics of the stage evaluate).
OUT/table.md and OUT/grids.png compare the peers. The output is one JSON line. A killed run can be started again with
the same options: it skips the peers with a training.json. It measures again if an extractor has changed; if other code
of the metrics has changed, delete metrics.json.

The extractors `random` and `efficientnet` are not used in training. `mangaface` is, and the verdict also uses it.
"""

import argparse
import json
import multiprocessing
import sys
import time
import zipfile
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import face_sets, fastgan, plain_dcgan, recipe_tables, recipes, variants
from benchmarks.machine import describe_machine
from mangagan.commands.arguments import non_negative_int, positive_int
from mangagan.core.errors import UserError
from mangagan.core.files import atomic_path, sha256_bytes, sha256_file, write_json, write_text
from mangagan.core.libraries import configure_libraries, limit_to_one_thread
from mangagan.features.registry import build_extractors
from mangagan.features.types import Extractor
from mangagan.gan import loop
from mangagan.gan.config import resolve
from mangagan.gan.numerics import use_repeatable_numerics
from mangagan.gan.state import Sampler, TrainState, create_state, export_generator, make_sampler
from mangagan.metrics import frechet
from mangagan.metrics.comparison import as_json
from mangagan.metrics.evaluation_data import MIN_COUNT, prepare_data
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.registry import MEASUREMENTS
from mangagan.metrics.suite import measure_all
from mangagan.metrics.verdict import find_values, judge
from mangagan.process import die_with_parent

OTHER_LOOPS = {"plain": plain_dcgan.train, "fastgan": fastgan.train}
PEERS = ("modern", "classic", *OTHER_LOOPS)
FRACTIONS = (0.25, 0.5, 1.0)  # shares of the CPU time after which samples are saved
MIN_IMAGES = 2 * MIN_COUNT  # samples, training and hold-out faces that the metrics need
# Key in metrics.json: heading of the column
COLUMNS = {
    "kernel_distance.random.position": "kernel distance, random: position",
    "kernel_distance.efficientnet.position": "kernel distance, efficientnet: position",
    "kernel_distance.efficientnet.broken_share": "equivalent share of broken faces",
    "coverage.random.value": "coverage, random",
    "coverage.efficientnet.value": "coverage, efficientnet",
    "swd.value": "sliced Wasserstein",
    "usable_share.value": "share of usable faces",
    "nearest_train.copied": "copied share",
}
Record = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """Options that must not change between runs with the same output folder."""

    minutes: float  # CPU time of each peer [min]
    base_channels: int  # width of the networks
    seed: int  # of weights, batches and latents of the training
    samples: int  # images of a snapshot
    faces_sha256: str  # hash of type, shape and content of training and hold-out faces


def main(argv: list[str] | None = None) -> int:
    """Train, evaluate, write the report and print one JSON line; return the exit status."""
    arguments = parse(argv)
    configure_libraries()
    limit_to_one_thread()
    try:
        print(json.dumps(run(arguments)))
    except UserError as error:
        print(f"benchmarks.peers: {error}", file=sys.stderr)
        return 2
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description="Train several GANs on the same faces for the same time, and compare them with hold-out faces.",
        epilog="example: python -m benchmarks.peers --sets out/sets --set labelled --minutes 60 --out out/peers",
    )
    add = parser.add_argument
    add("--sets", type=Path, default=Path("out/sets"), help="folder or file of benchmarks.face_sets (%(default)s)")
    add("--set", choices=face_sets.SET_NAMES, default="labelled", help="face set, fold 0 (%(default)s)")
    add("--faces", type=Path, help=".npz file with the arrays train and holdout, instead of a face set")
    add("--minutes", type=float, default=15.0, help="CPU time of each peer [min] (%(default)s)")
    add("--out", type=Path, required=True, help="output folder")
    add("--peers", default=",".join(PEERS), help="peers, separated by commas (%(default)s)")
    add("--base-channels", type=positive_int, default=32, help="width of the networks (%(default)s)")
    add("--seed", type=non_negative_int, default=0, help="seed of the training (%(default)s)")
    add("--samples", type=positive_int, default=600, help="samples of each snapshot (%(default)s)")
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace) -> Record:
    """Train and evaluate the peers, and return the report that is printed."""
    names = list(dict.fromkeys(arguments.peers.split(",")))
    if not {*names} <= {*PEERS}:
        raise UserError(f"--peers is {arguments.peers}. Choose from {', '.join(PEERS)}, separated by commas")
    if not 0 < arguments.minutes < float("inf"):
        raise UserError(f"--minutes is {arguments.minutes:g}. Choose a number above 0")
    train, holdout = load_faces(arguments)
    counts = len(train), len(holdout), arguments.samples
    if min(counts) < MIN_IMAGES:
        raise UserError(f"at least {MIN_IMAGES} training faces, hold-out faces and samples are needed, not {counts}")
    given = {field.name: getattr(arguments, field.name) for field in fields(Options)[:-1]}
    hashes = [[images.dtype.str, images.shape, sha256_bytes(images.tobytes())] for images in (train, holdout)]
    options = Options(**given, faces_sha256=sha256_bytes(json.dumps(hashes).encode()))
    extractors = build_extractors(EvaluateParams().extractors, Path())  # before the training: a package may be missing
    for name in names:
        train_once(name, train, options, arguments.out / name)
    peers = {name: summarize_peer(arguments.out / name, train, holdout, extractors) for name in names}
    write_text(arguments.out / "table.md", format_table(peers))
    write_grids(arguments.out, peers, holdout)
    report = {"options": asdict(options), "train": len(train), "holdout": len(holdout), "peers": peers}
    return {"benchmark": "peers", **report, "machine": describe_machine()}


def load_faces(arguments: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Return training and hold-out faces, uint8 (N, C, 112, 112), or raise UserError."""
    folder, name, path = arguments.sets, arguments.set, arguments.faces
    if path is None:
        if folder.suffix == ".npz":
            folder, name = folder.parent, folder.stem
        path, faces = folder / f"{name}.npz", face_sets.load(folder, name).split_fold(0)
    else:
        try:
            with np.load(path) as file:
                faces = file["train"], file["holdout"]
        except (OSError, ValueError, KeyError, IndexError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise UserError(f"{path}: {error}. Write a .npz file with the arrays train and holdout") from None
    shapes, side = {(images.dtype, *images.shape[1:]) for images in faces}, face_sets.SIZE
    if shapes not in [{(np.dtype(np.uint8), channels, side, side)} for channels in (1, 3)]:
        raise UserError(f"{path}: train and holdout must be uint8 (N, C, {side}, {side}) with equal C, 1 or 3")
    return faces


def train_once(name: str, train: np.ndarray, options: Options, folder: Path) -> None:
    """Train a peer in its own process unless it was trained already; raise UserError if this is not possible."""
    path = folder / "training.json"
    if path.exists():
        earlier = json.loads(path.read_text(encoding="utf-8"))["options"]
        if changed := [key for key, value in asdict(options).items() if earlier.get(key) != value]:
            raise UserError(f"{path} was written with another value of {', '.join(changed)}. Choose another --out")
        return
    try:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            pool.submit(train_in_child, name, train, options, folder).result()
    except BrokenExecutor:
        raise UserError(f"the process that trained {name} was killed. Check the free memory and run again") from None
    except UserError as error:
        raise UserError(f"{name}: {error}") from None


def train_in_child(name: str, faces: np.ndarray, options: Options, folder: Path) -> None:
    """Train a peer until its CPU time is used up, and write `training.json`; the entry point of a process."""
    die_with_parent()
    configure_libraries()
    limit_to_one_thread()
    torch.manual_seed(options.seed)
    recorder, failed = Recorder(name, options, folder), ""
    try:
        if name in OTHER_LOOPS:
            OTHER_LOOPS[name](faces, options.base_channels, recorder.observe)
        else:
            train_recipe(name, faces, options, recorder.observe)
    except (loop.DivergedError, FloatingPointError) as error:
        if len(recorder.snapshots) < len(FRACTIONS):  # the loop checks the weights again after the last snapshot
            failed = str(error)
    write_json(
        folder / "training.json", {"failed": failed, "snapshots": recorder.snapshots, "options": asdict(options)}
    )


def train_recipe(name: str, faces: np.ndarray, options: Options, observe: plain_dcgan.Observe) -> None:
    """Train a recipe of this project until `observe` returns True; the samples are those of the delivered generator."""
    chosen = {"seed": options.seed, "base_channels": options.base_channels, "kimg": 1e9, "threads": 1, "device": "cpu"}
    settings = resolve(variants.make_config(variants.Variant(name, name, {"precision": "float32"}), **chosen))
    device = torch.device(settings.device)

    def should_end(state: TrainState) -> bool:
        loop.compute_row(state)  # raises DivergedError; the loop checks the losses only once per kimg
        return observe(state.images_seen, lambda n: make_sampler(export_generator(state, settings), settings)(n))

    with use_repeatable_numerics(device, settings.threads):
        state = create_state(settings, faces.shape[2], faces.shape[1], device)
        loop.train(state, faces, settings, loop.Callbacks(should_end=should_end))


class Recorder:
    """Saves samples of a peer at FRACTIONS of its CPU time, and lists them in `snapshots`."""

    def __init__(self, name: str, options: Options, folder: Path) -> None:
        self.name, self.options, self.folder = name, options, folder
        self.snapshots: list[Record] = []  # `minutes` is planned; `cpu_minutes` and `wall_minutes` are used
        self.started: np.ndarray | None = None

    def observe(self, images_seen: int, sampler: Sampler) -> bool:
        """Save the snapshots that are due; return True if the CPU time is used up. The first call starts the clock."""
        called = read_clocks()
        self.started = called if self.started is None else self.started
        cpu, wall = (round(float(minutes), 4) for minutes in called - self.started)
        due = [minutes for fraction in FRACTIONS if cpu >= (minutes := fraction * self.options.minutes)]
        for minutes in due[len(self.snapshots) :]:
            file, kimg = f"samples-{minutes:g}min.npy", images_seen / 1000
            with atomic_path(self.folder / file) as temporary, temporary.open("wb") as target:
                np.save(target, sampler(self.options.samples))
            facts = {"file": file, "minutes": minutes, "kimg": kimg, "cpu_minutes": cpu, "wall_minutes": wall}
            self.snapshots.append(facts)
            print(f"{self.name}: {minutes:g} min, {kimg:.1f} kimg", file=sys.stderr, flush=True)
        self.started = self.started + (read_clocks() - called)  # saving does not count
        return len(self.snapshots) == len(FRACTIONS)


def read_clocks() -> np.ndarray:
    """Return the CPU time of this process and the wall time [min], each since a fixed moment."""
    return np.array([time.process_time(), time.perf_counter()]) / 60


def summarize_peer(folder: Path, train: np.ndarray, holdout: np.ndarray, extractors: Sequence[Extractor]) -> Record:
    """Return `failed` and the snapshots of a peer with their figures; measure unless metrics.json is up to date."""
    training, path = folder / "training.json", folder / "metrics.json"
    trained = json.loads(training.read_text(encoding="utf-8"))
    inputs = {"training": sha256_file(training), "extractors": {each.name: each.sha256 for each in extractors}}
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if stored.get("inputs") != inputs:
        files = [snapshot["file"] for snapshot in trained["snapshots"]]
        metrics = {file: measure(np.load(folder / file), train, holdout, extractors) for file in files}
        stored = {"inputs": inputs, "metrics": metrics}
        write_json(path, stored)
    snapshots = [snapshot | select_figures(stored["metrics"][snapshot["file"]]) for snapshot in trained["snapshots"]]
    return {"failed": trained["failed"], "snapshots": snapshots}


def measure(samples: np.ndarray, train: np.ndarray, holdout: np.ndarray, extractors: Sequence[Extractor]) -> Record:
    """Return the metrics of the stage evaluate, except the slow Fréchet distance, which the verdict does not use."""
    settings, titles = EvaluateParams(samples=len(samples), repeats=5), ["faces"] * len(train)
    data = prepare_data(samples, train, holdout, titles, extractors, settings.neighbors, settings.seed)
    selected = [measurement for measurement in MEASUREMENTS if measurement is not frechet.MEASUREMENT]
    return {key: as_json(figure) for key, figure in measure_all(data, settings, selected).items()}


def select_figures(metrics: Record) -> Record:
    """Return `verdict`, and by key of COLUMNS the `figures` of the samples and their `floor`, those of real faces."""
    figures = {key: value for column in COLUMNS for key, value in find_values(metrics, column)}
    floor_keys = {key: f"{key.removesuffix('value')}floor" for key in figures if key.endswith(".value")}
    floors = {key: floor for key, name in floor_keys.items() for _, floor in find_values(metrics, name)}
    return {"verdict": judge(metrics)["word"], "figures": figures, "floor": floors}


def format_table(peers: Record) -> str:
    """Return a Markdown table of all snapshots, after a row for real faces."""
    lines = ["| | kimg | " + " | ".join(COLUMNS.values()) + " | verdict |", "|---" * (len(COLUMNS) + 3) + "|"]
    floors = next((each["floor"] for peer in peers.values() for each in peer["snapshots"]), Record())
    lines.append(recipe_tables.format_row("real faces", "", floors, {}, list(COLUMNS)) + " |")
    for name, peer in peers.items():
        for each in peer["snapshots"]:
            label, kimg = f"{name}, {each['minutes']:g} min", f"{each['kimg']:.1f}"
            lines.append(recipe_tables.format_row(label, kimg, each["figures"], {}, list(COLUMNS)))
            lines[-1] += f" *{each['verdict']}* |"
        if peer["failed"]:
            lines.append(f"| {name}: {peer['failed']} |" + " |" * (len(COLUMNS) + 2))
    return "\n".join(lines) + "\n"


def write_grids(out: Path, peers: Record, holdout: np.ndarray) -> None:
    """Write a picture with samples of the last snapshot of each peer, and hold-out faces."""
    strips = [("hold-out faces", recipes.make_random_strip(holdout))]
    for name, last in ((name, each) for name, peer in peers.items() for each in peer["snapshots"][-1:]):
        title = f"{name}, {last['minutes']:g} min, {last['kimg']:.1f} kimg"
        strips.append((title, recipe_tables.make_strip(np.load(out / name / last["file"]))))
    recipe_tables.write_strips(out / "grids.png", strips)


if __name__ == "__main__":
    sys.exit(main())
