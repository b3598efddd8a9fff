"""A training run with a folder of its own: it resumes, keeps its sample grids, and saves when it is told to end."""

import math
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mangagan.core.errors import UserError
from mangagan.core.images import write_png
from mangagan.core.progress import progress_bar
from mangagan.gan import distributed
from mangagan.gan.checkpoint import forget_old_runs, mark_delivered, resume_together, run_key, save_checkpoint
from mangagan.gan.config import Settings, TrainConfig, resolve
from mangagan.gan.loop import (
    GRID,
    Diverged,
    Hooks,
    Measure,
    clip_batch,
    current_row,
    ended,
    final_images,
    fits,
    train,
)
from mangagan.gan.machine import describe, explained_memory, pick_device, repeatable, stop_signal
from mangagan.gan.selection import Delivery, deliver
from mangagan.gan.state import TrainState, create_state
from mangagan.gan.step import train_step
from mangagan.networks.dcgan import GROUP, Generator, factor_size
from mangagan.networks.sampling import latents, sample
from mangagan.pictures.grid import grid

COLUMNS = 8  # of a sample grid
TIMED_STEPS, TIMED_S = 10, 2.0  # after so many steps and seconds the time that is left is told


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        settings: that it was trained with, the recipe's and preset's among them.
        state: the trained networks.
        generator: the one that is delivered, by `select` and `on_alarm`.
        kimg: when its weights were those of the run, in thousand images.
        measured: figures by name, with `kimg` and `kept`; the last row is of the end of the run.
        rows: the curves, rows of `state.CURVES`; the last may be the mean of a shorter interval.
        snapshots: file name and path of every sample grid, in order; the last is of the delivered generator.
        checkpoint: where the run may be continued from.
        machine: what of the machine the weights depend on: `device`, "cpu" or "cuda", and the CPU's `threads`, None on
            a GPU; of several processes also `processes`, each of which has those threads.
    """

    settings: Settings
    state: TrainState
    generator: Generator
    kimg: float
    measured: list[dict[str, float]]
    rows: list[list[float]]
    snapshots: dict[str, Path]
    checkpoint: Path
    machine: dict[str, str | int | None]

    def delivered(self) -> None:
        """To be called when the results are on disk: from now on the checkpoint may be deleted for later runs'."""
        mark_delivered(self.checkpoint)
        forget_old_runs(self.checkpoint.parent.parent)


def train_resumable(
    faces: np.ndarray,
    config: TrainConfig,
    folder: Path,
    say: Callable[[str], object],
    measure: Measure | None = None,
    measured_by: str = "",
) -> Run:
    """Trains on faces, from the last checkpoint of the same run if there is one.

    Args:
        faces: uint8 (N, C, H, W), N at least 2, H = W = 4 … 7 times a power of two.
        config: how; `channels` is no concern of this function.
        folder: holds the runs, a folder each, named by `run_key`.
        say: told what a person should know, a line at a time.
        measure: measures samples along the way, see `Hooks.measure`.
        measured_by: names what `measure` depends on, such as the hash of its reference.

    Raises:
        UserError: too few faces, no GPU, out of GPU memory, the training diverged, or a process was lost.
        OSError: the checkpoint is there and cannot be read.
        SystemExit: 143, after SIGTERM; a checkpoint was saved. 0, at the end of every process but the first.
        KeyboardInterrupt: after SIGINT; a checkpoint was saved.
    """
    device = pick_device(config.device)
    settings = resolve(config, device.type)
    batch = clip_batch(settings.batch_size, len(faces))
    if settings.batch_size > batch:
        say(f"batch_size {settings.batch_size} is more than there are faces: using {batch}")
    check_size(faces)
    distributed.check_share(batch, GROUP if settings.minibatch_stddev else 1)
    end = final_images(settings, len(faces))
    attempt = partial(one_step, faces.shape, settings, device)
    with (
        repeatable(device, settings.threads),
        explained_memory(replace(settings, batch_size=batch), -(-batch // settings.accumulate), attempt),
    ):
        machine_threads = torch.get_num_threads() * distributed.on_this_machine()[1]
        key = run_key(faces, settings, device, distributed.from_first(machine_threads), measured_by)
        distributed.check_same(f"{key} {settings}")
        path, state = resume_together(
            folder, key, end, lambda: create_state(settings, faces.shape[2], faces.shape[1], device), say
        )
        whole = True
        if state.images_seen < end:
            mark_delivered(path, False)
            say(f"{len(faces)} faces, {described(settings, config, batch)}, on {describe(device)}")
            whole = train_on(state, faces, settings, path, say, measure)
        distributed.leave_to_first()
        return finish(state, settings, path, deliver(state, settings, whole, measure, say))


def one_step(shape: tuple[int, ...], settings: Settings, device: torch.device, images: int) -> None:
    """Takes a step with so many images at once, on networks of its own: to see whether there is memory for it."""
    room = shape[0] * shape[1] * shape[2] * shape[3]
    faces = torch.empty(room if fits(room, settings.memory_mb) else 0, dtype=torch.uint8, device=device)
    state = create_state(replace(settings, compile=False), shape[2], shape[1], device)
    real, z = torch.zeros(images, *shape[1:], device=device), torch.zeros(images, settings.z_dim, device=device)
    train_step(state, real, z, replace(settings, accumulate=1))
    del faces  # held until here, as a run would


def described(settings: Settings, config: TrainConfig, batch: int) -> str:
    """What is trained, in a few words, with what was chosen for the user."""
    size = f"width {settings.base_channels}, {settings.kimg:g} kimg"
    if config.preset == "auto" and None in (config.base_channels, config.kimg):
        size += " (chosen for this machine: set train.preset, train.base_channels or train.kimg for others)"
    return f"recipe {settings.recipe}, batch {batch}, {size}"


def train_on(
    state: TrainState,
    faces: np.ndarray,
    settings: Settings,
    path: Path,
    say: Callable[[str], object],
    measure: Measure | None,
) -> bool:
    """Trains to the end, and tells how it goes; a signal ends the process with a checkpoint at `path`.

    Returns:
        False when the training diverged and the best measured weights are to be delivered.
    """
    end = final_images(settings, len(faces))
    with progress_bar(end, "train", "img", done=state.images_seen) as progress:
        with stop_signal() as received:
            reporter = Reporter(settings, path.parent, progress, say, first=state.images_seen)
            hooks = reporter.hooks(path, lambda: distributed.agreed(received), measure)
            if distributed.rank() > 0:
                hooks = Hooks(stop=hooks.stop)
            try:
                finished = train(state, faces, settings, hooks)
            except Diverged as error:
                if settings.on_alarm != "rollback" or distributed.from_first(state.best is None):
                    raise
                say(str(error))
                return False
        if not finished:
            end_by_signal(received[0], state, say)
    if ended(state, settings):
        say(f"ended at {state.images_seen / 1000:.1f} kimg for the alarm above (train.on_alarm)")
    return True


def finish(state: TrainState, settings: Settings, path: Path, delivery: Delivery) -> Run:
    """Collects the results; what only this length of run has goes beside the checkpoint, not into it."""
    kimg = min(settings.kimg, state.images_seen / 1000)
    drawn = sorted((path.parent / "samples").glob("*kimg.png"))  # a batch may pass several marks, and draw one
    snapshots = {file.name: file for file in drawn if file.name <= snapshot_name(kimg)}
    last = path.parent / "last.png"
    draw(last, sample(delivery.generator, latents(GRID, settings.z_dim, settings.seed)))
    snapshots[snapshot_name(kimg)] = last
    rows = state.rows + ([current_row(state)] if state.steps and delivery.whole else [])
    device = state.sums.device.type
    machine: dict[str, str | int | None] = {"device": device, "threads": None}
    if device == "cpu":
        machine["threads"] = torch.get_num_threads()
    if distributed.size() > 1:
        machine["processes"] = distributed.size()
    return Run(settings, state, delivery.generator, delivery.kimg, delivery.measured, rows, snapshots, path, machine)


def snapshot_name(kimg: float) -> str:
    """The file of a sample grid, by whole kimg (rounded up), so that names sort in time."""
    return f"{math.ceil(kimg):06}kimg.png"


def draw(path: Path, images: np.ndarray) -> None:
    """Writes a sample grid."""
    write_png(path, grid(images, COLUMNS))


@dataclass
class Reporter:
    """Tells a person how the training goes: a bar on a terminal, else a line for every row of the curves."""

    settings: Settings
    folder: Path
    progress: Any
    say: Callable[[str], object]
    note: str = ""
    first: int = 0  # images that earlier processes have seen
    steps: int = 0
    seen: int = 0
    started: float = field(default_factory=time.monotonic)
    timed: tuple[float, int] | None = None  # when the time that is left began to be taken, and the images seen then

    def hooks(self, checkpoint: Path, stop: Callable[[], bool], measure: Measure | None) -> Hooks:
        """What the loop calls."""

        def snapshot(kimg: float, images: np.ndarray) -> None:
            draw(self.folder / "samples" / snapshot_name(kimg), images)

        return Hooks(
            step=self.step,
            log=self.log,
            snapshot=snapshot,
            checkpoint=lambda state: save_checkpoint(checkpoint, state),
            alarm=lambda line: self.say(f"ALARM {line}"),
            measure=measure,
            stop=stop,
        )

    def step(self, images_seen: int) -> None:
        """Moves the bar; tells once how long the rest will take."""
        self.progress.set_postfix_str(self.note, refresh=False)
        self.progress.update(images_seen - self.progress.n)
        self.seen = images_seen
        self.steps += 1
        if self.steps == 1:  # it warms up
            self.timed = time.monotonic(), images_seen
        elif self.timed and self.steps > TIMED_STEPS and (passed := time.monotonic() - self.timed[0]) > TIMED_S:
            speed = (images_seen - self.timed[1]) / passed
            minutes = (self.progress.total - images_seen) / speed / 60
            self.say(f"{speed:.0f} img/s: about {duration(minutes)} for {self.settings.kimg:g} kimg")
            self.timed = None

    def speed(self) -> float:
        """Return the images per second since the start of this process."""
        return (self.seen - self.first) / max(time.monotonic() - self.started, 1e-9)

    def log(self, row: list[float]) -> None:
        """Shows a row of the curves."""
        kimg, loss_d, loss_g = row[:3]
        self.note = f"D {loss_d:.2f} G {loss_g:.2f}"
        if self.progress.disable:
            self.say(f"{kimg:.1f}/{self.settings.kimg:.1f} kimg {self.speed():.0f} img/s {self.note}")


def duration(minutes: float) -> str:
    """Minutes in words."""
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def check_size(faces: np.ndarray) -> None:
    """Raises UserError unless the networks can draw images of the faces' size."""
    if faces.shape[2] != faces.shape[3]:
        raise UserError(f"faces must be square, not {faces.shape[3]}×{faces.shape[2]}: run `dvc repro normalize`")
    try:
        factor_size(faces.shape[2])
    except ValueError as error:
        raise UserError(str(error)) from None


def end_by_signal(number: int, state: TrainState, say: Callable[[str], object]) -> None:
    """Ends the process the way the signal would have."""
    say(f"stopped at {state.images_seen / 1000:.1f} kimg, checkpoint saved: run it again to go on from there")
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)
