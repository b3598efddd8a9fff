"""train: the clean faces in; a generator with its card, curves and sample grids out."""

import dataclasses
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mangagan.core import catalog, params
from mangagan.core.files import atomic_directory, sha256_file, write_json, write_text
from mangagan.faces.table import decode_faces, map_faces, pixels, read_faces
from mangagan.features.registry import ExtractorParams, build_extractors, check_extractors
from mangagan.gan import distributed
from mangagan.gan.config import TrainConfig
from mangagan.gan.loop import Measure, clip_batch, fits
from mangagan.gan.run import Run, train_resumable
from mangagan.gan.state import CURVES
from mangagan.metrics.params import EvaluateParams
from mangagan.networks.dcgan import count_parameters
from mangagan.networks.weights import save_generator
from mangagan.training_monitor import SAMPLES, watch

STAGE = "train"
GRAY_SHARE = 0.98  # of the faces: from here on `channels: auto` is gray; a coloured cover does not decide for a book
UNMEASURED = ["kimg", "kernel_distance", "kernel_distance_floor", "coverage", "nearest_train", "kept"]  # see `Watch`
SMOOTHED = 0.1  # share of the curves' rows, the last ones, that the metrics are the mean of


@distributed.group()
def run(root: Path = Path()) -> None:
    """Trains on `data/dataset/train.parquet`; all outs are written at the end, in one go.

    Of several processes that torchrun started, the first writes them.

    Raises:
        UserError: bad params, no or too few faces, no GPU where one is asked for, or the training diverged.
    """
    config = params.load(STAGE, TrainConfig, root)
    images = load_images(config, root)
    measure, measured_by = watcher(root, images)
    trained = train_resumable(images, config, root / catalog.STATE / STAGE, say, measure, measured_by)
    write_pictures(root / catalog.pictures(STAGE), trained)
    write_json(root / catalog.metrics(STAGE), summarize(trained, len(images)))
    about = describe(root, trained, *images.shape[:2])
    save_generator(trained.generator, root / catalog.GENERATOR, root / catalog.MODEL_CARD, about)
    trained.delivered()


def load_images(config: TrainConfig, root: Path) -> np.ndarray:
    """The faces, uint8 (N, C, H, W): in memory, or in a file under .mangagan/ that is mapped into it.

    Raises:
        UserError: there are fewer than two.
    """
    path = root / catalog.TRAIN_FACES
    is_gray = read_faces(path, ["is_gray"])["is_gray"]
    clip_batch(len(is_gray), len(is_gray))  # says in one line that there are too few
    channels = choose_channels(config.channels, int((~is_gray).sum()), len(is_gray))
    mapped = root / catalog.STATE / STAGE / "faces.npy"
    if fits(len(is_gray) * channels * pixels(path), config.memory_mb):
        mapped.unlink(missing_ok=True)
        return decode_faces(read_faces(path, ["image"])["png"].tolist(), channels)
    say(f"{len(is_gray)} faces take more than train.memory_mb: reading them from {mapped}")
    if distributed.on_this_machine()[0] == 0:
        map_faces(path, channels, mapped)
    distributed.wait()
    return np.load(mapped, mmap_mode="c")


def watcher(root: Path, train: np.ndarray) -> tuple[Measure | None, str]:
    """What measures samples along the training against the hold-out, and a name for all that it depends on.

    It looks with the two extractors of the package, whatever the evaluation will use; but what that will use is checked
    now: an error there should not wait for the end of the training.

    Raises:
        UserError: an extractor's model file is missing or is another one, or the hold-out is.
    """
    check_extractors(params.load("evaluate", EvaluateParams, root).extractors, root)
    path = root / catalog.HOLDOUT_FACES
    pngs = read_faces(path, ["image"])["png"].tolist()
    extractors = build_extractors(ExtractorParams(), root)
    seen = watch(train, decode_faces(pngs, train.shape[1]), extractors, seed=0) if pngs else None
    if seen is None:
        say(
            f"{len(pngs)} hold-out faces: too few to measure along the training by and to choose the best weights: "
            "add pages or raise dedup.holdout_share"
        )
        return None, ""

    def measure(kimg: float, draw: Callable[[int], np.ndarray]) -> dict[str, float]:
        found = seen.measure(draw(SAMPLES))
        say(f"{kimg:.1f} kimg: {found['kernel_distance']:.3f} of the way from real faces to spoilt ones")
        return found

    return measure, " ".join([sha256_file(path), *(extractor.sha256 for extractor in extractors)])


def choose_channels(asked: Literal["auto", "gray", "rgb"], coloured: int, faces: int) -> int:
    """1 for gray, 3 for RGB; `auto` is gray when nearly all faces are, and says so when that costs any its colour."""
    if asked != "auto":
        return {"gray": 1, "rgb": 3}[asked]
    if faces - coloured < GRAY_SHARE * faces:
        return 3
    if coloured:
        say(f"{coloured} of {faces} faces are coloured and lose their colour: set train.channels to rgb to keep it")
    return 1


def say(line: str) -> None:
    """Tells a person, or whoever reads the stage's output, how it goes."""
    if distributed.rank() == 0:
        print(f"{STAGE}: {line}", file=sys.stderr, flush=True)


def write_pictures(directory: Path, trained: Run) -> None:
    """Writes the curves and the sample grids: `curves.csv`, `samples/`, and the last grid as `samples.png`.

    `metrics.csv` has what was measured along the way; a head alone where nothing was.
    """
    with atomic_directory(directory) as temporary:
        write_text(temporary / "curves.csv", table(list(CURVES), trained.rows))
        names = list(trained.measured[-1]) if trained.measured else UNMEASURED
        rows = [[row[name] for name in names] for row in trained.measured]
        write_text(temporary / "metrics.csv", table(names, rows))
        (temporary / "samples").mkdir()
        for name, path in trained.snapshots.items():
            shutil.copyfile(path, temporary / "samples" / name)
        *_, last = trained.snapshots.values()
        shutil.copyfile(last, temporary / "samples.png")


def table(names: list[str], rows: list[list[float]]) -> str:
    """A CSV."""
    return "".join(f"{','.join(line)}\n" for line in [names, *([f"{value:.6g}" for value in row] for row in rows)])


def summarize(trained: Run, faces: int) -> dict[str, Any]:
    """The stage's metrics: sizes, and the curves' means over the last tenth of the run."""
    last = trained.rows[-max(1, round(SMOOTHED * len(trained.rows))) :]
    means = [sum(column) / len(last) for column in zip(*last, strict=True)]
    return {
        **{name: float(f"{mean:.6g}") for name, mean in zip(CURVES[1:], means[1:], strict=True)},
        "kimg": trained.state.images_seen / 1000,
        "kimg_delivered": trained.kimg,
        "faces": faces,
        "parameters_generator": count_parameters(trained.generator),
        "parameters_discriminator": count_parameters(trained.state.discriminator),
    }


def describe(root: Path, trained: Run, faces: int, channels: int) -> dict[str, Any]:
    """What the model card says about the run."""
    import torch

    return {
        "params": dataclasses.asdict(trained.settings),
        "data": {
            "train_sha256": sha256_file(root / catalog.TRAIN_FACES),
            "faces": faces,
            "channels": channels,
        },
        "machine": trained.machine,
        "images_seen": round(trained.kimg * 1000),
        "git_revision": git_revision(root),
        "torch_version": torch.__version__,
    }


def git_revision(root: Path) -> str:
    """The commit the code comes from: `unknown` outside git, with `+dirty` when tracked Python files were changed."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "*.py")
        return git("rev-parse", "HEAD") + ("+dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
