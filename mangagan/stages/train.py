"""The stage `train`: training faces → generator, model card, curves and sample grids."""

import dataclasses
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mangagan.core import catalog, params
from mangagan.core.errors import UserError
from mangagan.core.files import atomic_directory, sha256_file, write_bytes, write_json, write_text
from mangagan.core.model_files import resolve_model
from mangagan.faces.table import count_pixels, decode_faces, map_faces, read_faces
from mangagan.features.registry import check_extractors
from mangagan.gan import distributed
from mangagan.gan.config import TrainConfig
from mangagan.gan.curves import COLUMNS, STATISTICS, format_csv
from mangagan.gan.machine import explain_cpu_shortage
from mangagan.gan.measurements import Measurer
from mangagan.gan.reporting import write_grid
from mangagan.gan.run import Run, check_size, train_resumable
from mangagan.gan.saved_samples import read_samples
from mangagan.gan.schedule import clip_batch_size, fits_in_memory
from mangagan.gan.start import serialize_networks
from mangagan.gan.state import Sampler
from mangagan.gan.timelapse import encode_timelapse
from mangagan.metrics.params import EvaluateParams
from mangagan.networks.dcgan import count_parameters
from mangagan.networks.weights import save_generator
from mangagan.training_monitor import identify_monitor, load_monitor

STAGE = "train"
MIN_GRAY_SHARE = 0.98  # minimum share of gray faces for which `channels: auto` selects gray; a few covers have colour
# Columns of metrics.csv if nothing was measured, see `Monitor.measure`; the plots in dvc.yaml require them.
UNMEASURED = (
    "kimg",
    "kernel_distance",
    "kernel_distance_floor",
    "usable_share",
    "usable_share_floor",
    "coverage",
    "nearest_train",
    "kept",
)
SMOOTHED_SHARE = 0.1  # the metrics of the stage are means over this last share of the curves


@distributed.process_group()
def run(root: Path = Path()) -> None:
    """Train on `data/dataset/train.parquet` and write all outs at the end.

    Of several processes that torchrun started, the first one writes.

    Raises:
        UserError: Invalid params, missing inputs, too few faces, no GPU, too little memory, or a diverged training.
    """
    config = params.load(STAGE, TrainConfig, root)
    check_inputs(root)
    find_start = None if config.start == "none" else partial(locate_start, config, root)
    with explain_cpu_shortage(f"Lower train.memory_mb (now {config.memory_mb}) in params.yaml"):
        images = load_images(config, root)
        check_size(images)
        measurer = build_measurer(root, images) if distributed.rank() == 0 else None
    trained = train_resumable(
        images, config, root / catalog.TRAINING_RUNS, say, measurer, root / catalog.LIVE, find_start
    )
    write_pictures(root / catalog.pictures_dir(STAGE), trained)
    write_json(root / catalog.metrics_file(STAGE), summarize(trained, len(images)))
    about = describe(root, trained, *images.shape[:2])
    save_generator(trained.generator, root / catalog.GENERATOR, root / catalog.MODEL_CARD, about)
    write_bytes(root / catalog.NETWORKS, serialize_networks(trained.state, trained.generator))
    trained.mark_delivered()
    outs = (
        catalog.GENERATOR,
        catalog.MODEL_CARD,
        catalog.NETWORKS,
        catalog.pictures_dir(STAGE),
        catalog.metrics_file(STAGE),
    )
    say(f"wrote {', '.join(str(out) for out in outs)}")


def check_inputs(root: Path) -> None:
    """Check the inputs of the stage and of the evaluation before the long training.

    Raises:
        UserError: A file of the dataset is missing or damaged, or `evaluate.extractors` cannot be used.
    """
    for path in (catalog.TRAIN_FACES, catalog.HOLDOUT_FACES):
        read_faces(root / path, ["is_gray"])
    check_extractors(params.load("evaluate", EvaluateParams, root).extractors, root)


def locate_start(config: TrainConfig, root: Path) -> Path:
    """Return the file of networks from which the run starts; a URL is downloaded.

    Raises:
        UserError: The file is an out of this stage, or it is missing, or its SHA-256 differs.
    """
    outs = (catalog.NETWORKS, catalog.GENERATOR)
    if (root / config.start).resolve() in [(root / out).resolve() for out in outs]:
        raise UserError(
            f"params.yaml: train.start is {config.start}, which DVC deletes before it trains. Run: dvc checkout."
            f" Then copy {catalog.NETWORKS} to another folder and set train.start to the copy"
        )
    if distributed.local_rank_and_size()[0] > 0:
        distributed.wait_for_all()
    path = resolve_model("train.start", config.start, config.start_sha256, root)
    if distributed.local_rank_and_size()[0] == 0:
        distributed.wait_for_all()
    return path


def load_images(config: TrainConfig, root: Path) -> np.ndarray:
    """Return the faces, uint8 (N, C, H, W), in memory or mapped from a file under .mangagan/.

    Raises:
        UserError: There are fewer than two faces.
    """
    path = root / catalog.TRAIN_FACES
    is_gray = read_faces(path, ["is_gray"])["is_gray"]
    clip_batch_size(len(is_gray), len(is_gray))  # raises UserError for too few faces
    channels = choose_channels(config.channels, int((~is_gray).sum()), len(is_gray))
    mapped = root / catalog.TRAINING_RUNS / "faces.npy"
    if fits_in_memory(len(is_gray) * channels * count_pixels(path), config.memory_mb):
        mapped.unlink(missing_ok=True)
        return decode_faces(read_faces(path, ["image"])["png"].tolist(), channels)
    say(f"{len(is_gray)} faces need more than train.memory_mb: reading them from {mapped}")
    if distributed.local_rank_and_size()[0] == 0:
        map_faces(path, channels, mapped)
    distributed.wait_for_all()
    return np.load(mapped, mmap_mode="c")


def build_measurer(root: Path, train: np.ndarray) -> Measurer | None:
    """Return the measurer that compares samples with the hold-out set; None if there are too few faces.

    Raises:
        UserError: The hold-out file is missing or damaged.
    """
    path = root / catalog.HOLDOUT_FACES
    monitor = load_monitor(train, path)
    if monitor is None:
        say(
            f"{len(read_faces(path, ['is_gray']))} hold-out faces: too few to measure samples during training and to "
            "select the best weights. Add pages or increase dedup.holdout_share"
        )
        return None

    def measure(kimg: float, sampler: Sampler) -> dict[str, float]:
        metrics = monitor.measure_sampler(sampler)
        say(
            f"{kimg:.1f} kimg: kernel distance {metrics['kernel_distance']:.3f} (0: real faces, 1: ruined faces), "
            f"{metrics['usable_share']:.0%} usable faces (real: {metrics['usable_share_floor']:.0%})"
        )
        return metrics

    return Measurer(measure, identify_monitor(path))  # the training faces are part of the key of the run


def choose_channels(requested: Literal["auto", "gray", "rgb"], coloured: int, faces: int) -> int:
    """Return 1 for gray or 3 for RGB; for `auto`, gray if nearly all faces are. Report faces that lose their colour."""
    if requested != "auto":
        return {"gray": 1, "rgb": 3}[requested]
    if faces - coloured < MIN_GRAY_SHARE * faces:
        return 3
    if coloured:
        say(f"{coloured} of {faces} faces are coloured and lose their colour. To keep it, set train.channels to rgb")
    return 1


def say(line: str) -> None:
    """Print a line to stderr, in the first process only."""
    if distributed.rank() == 0:
        print(f"{STAGE}: {line}", file=sys.stderr, flush=True)


def write_pictures(directory: Path, trained: Run) -> None:
    """Write curves, metrics (only a header if nothing was measured), sample grids and the timelapse."""
    with atomic_directory(directory) as temporary:
        curves = [list(dataclasses.asdict(row).values()) for row in trained.rows]
        write_text(temporary / catalog.TRAINING_CURVES.name, format_csv(list(COLUMNS), curves))
        names = list(trained.measured[-1]) if trained.measured else list(UNMEASURED)
        rows = [[row[name] for name in names] for row in trained.measured]
        write_text(temporary / catalog.TRAINING_METRICS.name, format_csv(names, rows))
        samples = temporary / catalog.TRAINING_SAMPLES.name
        samples.mkdir()
        for name, path in trained.snapshots.items():
            write_grid(samples / name, read_samples(path))
        *_, last = trained.snapshots
        shutil.copyfile(samples / last, temporary / "samples.png")
        write_bytes(temporary / catalog.LIVE_TIMELAPSE.name, encode_timelapse(trained.frames))


def summarize(trained: Run, faces: int) -> dict[str, Any]:
    """Return the metrics of the stage: sizes, and means of the curves over the last tenth of the run.

    Without rows (a run that diverged before the first one) there are no means.
    """
    last = trained.rows[-max(1, round(SMOOTHED_SHARE * len(trained.rows))) :]
    means = {name: sum(getattr(row, name) for row in last) / len(last) for name in STATISTICS if last}
    return {
        **{name: float(f"{mean:.6g}") for name, mean in means.items()},
        "kimg": trained.state.images_seen / 1000,
        "kimg_delivered": trained.kimg,
        "faces": faces,
        "parameters_generator": count_parameters(trained.generator),
        "parameters_discriminator": count_parameters(trained.state.discriminator),
    }


def describe(root: Path, trained: Run, faces: int, channels: int) -> dict[str, Any]:
    """Return the entries of the model card about the run."""
    import torch

    return {
        # `start` is a path of this machine; `start_sha256` identifies the file.
        "params": {name: value for name, value in dataclasses.asdict(trained.settings).items() if name != "start"},
        "data": {
            "train_sha256": sha256_file(root / catalog.TRAIN_FACES),
            "faces": faces,
            "channels": channels,
        },
        "machine": trained.machine,
        "images_seen": round(trained.kimg * 1000),
        "git_revision": read_git_revision(root),
        "torch_version": torch.__version__,
    }


def read_git_revision(root: Path) -> str:
    """Return the commit of the code: `unknown` outside git, with `+dirty` if tracked Python files were changed."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "*.py")
        return git("rev-parse", "HEAD") + ("+dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
