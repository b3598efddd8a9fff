"""A training run with a folder of its own: it resumes, keeps its sample grids, and saves when it is told to end."""

import contextlib
import math
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import numpy as np
import torch

from mangagan.errors import UserError
from mangagan.gan.checkpoint import forget_old_runs, mark_delivered, resume, run_key, save_checkpoint
from mangagan.gan.config import TrainConfig
from mangagan.gan.networks import factor_size
from mangagan.gan.sampling import latents, sample
from mangagan.gan.training import GRID, Hooks, TrainState, create_state, current_row, final_images, train
from mangagan.pictures.grid import grid, write_png
from mangagan.progress import Progress

COLUMNS = 8  # of a sample grid


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        state: the trained networks.
        rows: the curves, rows of `training.CURVES`; the last may be the mean of a shorter interval.
        snapshots: file name and path of every sample grid, in order; the last is of the finished generator.
        checkpoint: where the run may be continued from.
        machine: what of the machine the weights depend on: `device`, "cpu" or "cuda", and the CPU's `threads`, None on
            a GPU.
    """

    state: TrainState
    rows: list[list[float]]
    snapshots: dict[str, Path]
    checkpoint: Path
    machine: dict[str, str | int | None]

    def delivered(self) -> None:
        """To be called when the results are on disk: from now on the checkpoint may be deleted for later runs'."""
        mark_delivered(self.checkpoint)
        forget_old_runs(self.checkpoint.parent.parent)


def train_resumable(faces: np.ndarray, config: TrainConfig, folder: Path, say: Callable[[str], object]) -> Run:
    """Trains on faces, from the last checkpoint of the same run if there is one.

    Args:
        faces: uint8 (N, C, H, W), N at least 2, H = W = 4 … 7 times a power of two.
        config: how; `channels` is no concern of this function.
        folder: holds the runs, a folder each, named by `run_key`.
        say: told what a person should know, a line at a time.

    Raises:
        UserError: too few faces, no GPU, out of GPU memory, or the training diverged.
        OSError: the checkpoint is there and cannot be read.
        SystemExit: 143, after SIGTERM; a checkpoint was saved.
        KeyboardInterrupt: after SIGINT; a checkpoint was saved.
    """
    device = pick_device(config.device)
    end = final_images(config, len(faces))
    if config.batch_size > len(faces):
        say(f"batch_size {config.batch_size} is more than there are faces: using {len(faces)}")
    check_size(faces)
    with settings(device, config.threads), explained_memory(config):
        key = run_key(faces, config, device, torch.get_num_threads())

        def create() -> TrainState:
            return create_state(config, faces.shape[2], faces.shape[1], device)

        path, state = resume(folder, key, end, create, say)
        if state.images_seen < end:
            mark_delivered(path, False)
            say(f"{len(faces)} faces, batch {min(config.batch_size, len(faces))}, on {describe(device)}")
            train_on(state, faces, config, path, say)
        return finish(state, config, path)


def train_on(
    state: TrainState, faces: np.ndarray, config: TrainConfig, path: Path, say: Callable[[str], object]
) -> None:
    """Trains to the end, and tells how it goes; a signal ends the process with a checkpoint at `path`."""
    end = final_images(config, len(faces))
    with Progress(end, "train", "img", done=state.images_seen) as progress:
        with stop_signal() as received:
            reporter = Reporter(config, path.parent, progress, say)
            finished = train(state, faces, config, reporter.hooks(path, lambda: bool(received)))
        if not finished:
            end_by_signal(received[0], state, say)


def finish(state: TrainState, config: TrainConfig, path: Path) -> Run:
    """Collects the results; what only this length of run has goes beside the checkpoint, not into it."""
    drawn = sorted((path.parent / "samples").glob("*kimg.png"))  # a batch may pass several marks, and draw one
    snapshots = {file.name: file for file in drawn if file.name <= snapshot_name(config.kimg)}
    last = path.parent / "last.png"
    draw(last, sample(state.generator, latents(GRID, config.z_dim, config.seed)))
    snapshots[snapshot_name(config.kimg)] = last
    rows = state.rows + ([current_row(state)] if state.steps else [])
    device = state.sums.device.type
    threads = torch.get_num_threads() if device == "cpu" else None
    return Run(state, rows, snapshots, path, {"device": device, "threads": threads})


def snapshot_name(kimg: float) -> str:
    """The file of a sample grid, by whole kimg (rounded up), so that names sort in time."""
    return f"{math.ceil(kimg):06}kimg.png"


def draw(path: Path, images: np.ndarray) -> None:
    """Writes a sample grid."""
    write_png(path, grid(images, COLUMNS))


@dataclass
class Reporter:
    """Tells a person how the training goes: a bar on a terminal, else a line for every row of the curves."""

    config: TrainConfig
    folder: Path
    progress: Progress
    say: Callable[[str], object]
    note: str = ""

    def hooks(self, checkpoint: Path, stop: Callable[[], bool]) -> Hooks:
        """What the loop calls."""

        def snapshot(kimg: float, images: np.ndarray) -> None:
            draw(self.folder / "samples" / snapshot_name(kimg), images)

        return Hooks(self.step, self.log, snapshot, lambda state: save_checkpoint(checkpoint, state), stop)

    def step(self, images_seen: int) -> None:
        """Moves the bar."""
        self.progress.update(images_seen - self.progress.done, self.note)

    def log(self, row: list[float]) -> None:
        """Shows a row of the curves."""
        kimg, loss_d, loss_g, _, _ = row
        self.note = f"D {loss_d:.2f} G {loss_g:.2f}"
        if not self.progress.stream.isatty():
            self.say(f"{kimg:.1f}/{self.config.kimg:.1f} kimg {self.progress.speed:.0f} img/s {self.note}")


def pick_device(name: str) -> torch.device:
    """The device for `auto`, `cpu` or `cuda`.

    Raises:
        UserError: a GPU is asked for and there is none.
    """
    present = torch.cuda.is_available()
    if name == "cuda" and not present:
        raise UserError(
            "train.device is cuda but PyTorch sees no GPU: set it to auto or cpu in params.yaml, "
            "or install the GPU driver and a CUDA build of torch"
        )
    return torch.device("cuda" if name == "cuda" or (name == "auto" and present) else "cpu")


def describe(device: torch.device) -> str:
    """The device in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"the CPU ({torch.get_num_threads()} threads)"


def check_size(faces: np.ndarray) -> None:
    """Raises UserError unless the networks can draw images of the faces' size."""
    if faces.shape[2] != faces.shape[3]:
        raise UserError(f"faces must be square, not {faces.shape[3]}×{faces.shape[2]}: run `dvc repro normalize`")
    try:
        factor_size(faces.shape[2])
    except ValueError as error:
        raise UserError(str(error)) from None


@contextlib.contextmanager
def settings(device: torch.device, threads: int) -> Iterator[None]:
    """Sets what makes a CPU run repeatable, and takes it back afterwards."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads or before[0])
    torch.use_deterministic_algorithms(device.type == "cpu")
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])


@contextlib.contextmanager
def explained_memory(config: TrainConfig) -> Iterator[None]:
    """Turns the GPU's out-of-memory error into a line that says what to do."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise UserError(
            f"out of GPU memory: lower train.batch_size (now {config.batch_size}) or train.base_channels "
            f"(now {config.base_channels}) in params.yaml"
        ) from None


@contextlib.contextmanager
def stop_signal() -> Iterator[list[int]]:
    """Notes SIGTERM and SIGINT in the list that it yields, instead of ending the process in the midst of a step."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    if threading.current_thread() is not threading.main_thread():  # Python lets no other thread set handlers
        yield received
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_by_signal(number: int, state: TrainState, say: Callable[[str], object]) -> None:
    """Ends the process the way the signal would have."""
    say(f"stopped at {state.images_seen / 1000:.1f} kimg, checkpoint saved: run it again to go on from there")
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)
