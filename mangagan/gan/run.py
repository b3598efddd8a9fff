"""A training run in a folder of its own: it resumes, observes the training, and selects the weights to deliver."""

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mangagan.core.errors import UserError
from mangagan.core.image_size import factor_size
from mangagan.core.progress import progress_bar
from mangagan.gan import distributed
from mangagan.gan.batches import Batches, feed
from mangagan.gan.checkpoint import (
    delete_old_runs,
    explain_new_run,
    identify_run,
    mark_delivered,
    resume_together,
    run_key,
    save_identity,
)
from mangagan.gan.config import Settings, TrainConfig, resolve
from mangagan.gan.curves import CurveRow
from mangagan.gan.loop import DivergedError, compute_row, ignore, train
from mangagan.gan.machine import describe_device, explain_memory_errors, pick_device, record_stop_signals
from mangagan.gan.measurements import Measurements, Measurer, Row
from mangagan.gan.numerics import use_repeatable_numerics
from mangagan.gan.observer import Observer
from mangagan.gan.reporting import GRID_IMAGES, Reporter, describe_run, format_snapshot_name
from mangagan.gan.saved_samples import save_samples
from mangagan.gan.schedule import clip_batch_size, count_final_images, fits_in_memory
from mangagan.gan.selection import Delivery, find_best, select_generator
from mangagan.gan.start import load_start
from mangagan.gan.state import TrainState, create_state
from mangagan.gan.step import train_step
from mangagan.gan.timelapse import draw_frame
from mangagan.networks.dcgan import Generator
from mangagan.networks.layers import STDDEV_GROUP
from mangagan.networks.sampling import draw_latents, generate_images


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        settings: Settings of the run, with the values of recipe and preset.
        state: Trained networks.
        generator: Delivered generator, see `select` and `on_alarm`.
        kimg: Images shown up to the delivered weights [kimg].
        measured: Measurements with the columns `kimg` and `kept`; the last row belongs to the end of the run.
        rows: Training curves; the last row may be the mean of a shorter interval.
        frames: Frames of the timelapse; the last one is of the delivered generator.
        snapshots: File name of every sample grid and the file of its samples (see `saved_samples`), in order; the last
            one is of the delivered generator.
        checkpoint: File from which the run can be continued.
        machine: What the weights depend on: `device` ("cpu" or "cuda"), the CPU's `threads` (None on a GPU), and with
            several processes their number `processes`; `threads` is that of each process.
    """

    settings: Settings
    state: TrainState
    generator: Generator
    kimg: float
    measured: list[Row]
    rows: list[CurveRow]
    snapshots: dict[str, Path]
    frames: list[Image.Image]
    checkpoint: Path
    machine: dict[str, str | int | None]

    def mark_delivered(self) -> None:
        """Record that the results were written: from now on, later runs may delete the checkpoint."""
        mark_delivered(self.checkpoint)
        delete_old_runs(self.checkpoint.parent.parent)


def train_resumable(
    faces: np.ndarray,
    config: TrainConfig,
    folder: Path,
    say: Callable[[str], object],
    measurer: Measurer | None = None,
    live_folder: Path | None = None,
    find_start: Callable[[], Path] | None = None,
) -> Run:
    """Train on faces, from the last checkpoint of the same run if there is one.

    Args:
        faces: uint8 (N, C, H, W), N at least 2, H = W valid for `core.image_size`.
        config: Configuration; `channels` is not used here.
        folder: Folder of all runs; each run has a folder named by `run_key`.
        say: Called with one line for the user.
        measurer: Measures samples during training. Default: nothing is measured.
        live_folder: Folder of the live files, see `gan.live`. Default: none are written.
        find_start: Returns the file of networks from which a new run starts; `config.start_sha256` is its hash. It is
            not called for a run that resumes. Default: random weights.

    Raises:
        UserError: Too few faces, a wrong image size, no GPU, too little memory, a diverged training, or a lost process.
        OSError: The checkpoint exists and cannot be read.
        SystemExit: 143 after SIGTERM, with a checkpoint saved; 0 at the end of every process but the first.
        KeyboardInterrupt: SIGINT was received; a checkpoint was saved.
    """
    device = pick_device(config.device)
    settings = resolve(config, device.type)
    batch_size = clip_batch_size(settings.batch_size, len(faces))
    if settings.batch_size > batch_size:
        say(f"train.batch_size {settings.batch_size} is larger than the number of faces: using {batch_size}")
    check_size(faces)
    distributed.check_divisible(batch_size, STDDEV_GROUP if settings.minibatch_stddev else 1)
    final_images = count_final_images(settings, len(faces))
    attempt = partial(attempt_step, faces.shape, settings, device)
    at_once = -(-batch_size // settings.accumulate)
    with (
        use_repeatable_numerics(device, settings.threads),
        explain_memory_errors(replace(settings, batch_size=batch_size), at_once, attempt),
    ):
        machine_threads = torch.get_num_threads() * distributed.local_rank_and_size()[1]
        identity = identify_run(faces, settings, device, distributed.broadcast(machine_threads))
        distributed.check_same(f"{identity} {settings}")
        create = partial(create_state, settings, faces.shape[2], faces.shape[1], device)
        path, state = resume_together(folder, run_key(identity), final_images, create, say)
        if find_start is not None and state.images_seen == 0:
            load_start(state, settings, find_start())
        if measurer is None and settings.patience and distributed.rank() == 0:
            say("train.patience has no effect: the samples are not measured")
        if distributed.rank() > 0:
            say, measurer, live_folder = ignore, None, None
        observer = Observer(settings, faces, path, Measurements(path.parent, settings, measurer), say=say)
        observer.restore(state, say)
        complete = True
        if state.images_seen < final_images:
            if distributed.rank() == 0:
                if state.images_seen == 0 and (reason := explain_new_run(folder, identity)):
                    say(reason)
                mark_delivered(path, False)
                save_identity(path, identity)
            say(f"{len(faces)} faces, {describe_run(settings, config, batch_size)}, on {describe_device(device)}")
            with observer.show_live(state, live_folder):
                complete = continue_training(state, faces, observer, say)
        distributed.exit_other_processes()
        delivery = select_generator(state, settings, complete, observer.measurements, say)
        return collect_results(state, observer, delivery)


def attempt_step(shape: tuple[int, ...], settings: Settings, device: torch.device, images: int) -> None:
    """Take a step with `batch_size` images, on separate networks, to test if the memory is sufficient."""
    size = shape[0] * shape[1] * shape[2] * shape[3]
    faces = torch.empty(size if fits_in_memory(size, settings.memory_mb) else 0, dtype=torch.uint8, device=device)
    settings = replace(settings, compile=False, accumulate=1)
    state = create_state(settings, shape[2], shape[1], device)
    batch = torch.zeros(images, *shape[1:], dtype=torch.uint8, device=device)
    train_step(state, feed(Batches(batch, images, settings), 0, settings), settings)
    del faces  # a run would hold them until here


def continue_training(state: TrainState, faces: np.ndarray, observer: Observer, say: Callable[[str], object]) -> bool:
    """Train to the end with reports; a signal saves a checkpoint and ends the process.

    Returns:
        False if the training diverged and the best measured weights are to be delivered.
    """
    settings = observer.settings
    final_images = count_final_images(settings, len(faces))
    with progress_bar(final_images, "train", "img", done=state.images_seen) as progress:
        if observer.is_first:
            observer.reporter = Reporter(settings, progress, say, first=state.images_seen)
        with record_stop_signals() as received:
            try:
                finished = train(state, faces, settings, observer.callbacks(lambda: distributed.share_signal(received)))
            except DivergedError as error:
                has_best = find_best(observer.measurements.rows) is not None
                if settings.on_alarm != "rollback" or not distributed.broadcast(has_best):
                    raise
                say(str(error))
                return False
        if not finished:
            exit_by_signal(received[0], state, say)
    if observer.should_end(state):
        reason = state.stall or "the alarm above (train.on_alarm)"
        say(f"ended at {state.images_seen / 1000:.1f} kimg: {reason}")
    return True


def collect_results(state: TrainState, observer: Observer, delivery: Delivery) -> Run:
    """Return the results. Those that depend on the length of the run are not added to the checkpoint."""
    settings, path = observer.settings, observer.checkpoint
    last_name = format_snapshot_name(min(settings.kimg, state.images_seen / 1000))
    grids = {format_snapshot_name(kimg): file for kimg, file in observer.find_samples(state).items()}
    snapshots = {name: file for name, file in grids.items() if name <= last_name}
    last = path.with_name("last.npz")
    delivered = generate_images(delivery.generator, draw_latents(GRID_IMAGES, settings.z_dim, settings.seed))
    save_samples(last, delivered)
    frame_samples = observer.read_frames(state)
    frames = [draw_frame(images, seen / 1000) for seen, images in frame_samples.items()]
    if not frame_samples or max(frame_samples) != round(1000 * delivery.kimg):
        frames.append(draw_frame(delivered, delivery.kimg))
    snapshots[last_name] = last
    rows = state.rows + ([compute_row(state)] if state.steps and delivery.complete else [])
    device = state.sums.device.type
    machine: dict[str, str | int | None] = {"device": device, "threads": None}
    if device == "cpu":
        machine["threads"] = torch.get_num_threads()
    if distributed.size() > 1:
        machine["processes"] = distributed.size()
    kimg, measured = delivery.kimg, delivery.measured
    return Run(settings, state, delivery.generator, kimg, measured, rows, snapshots, frames, path, machine)


def check_size(faces: np.ndarray) -> None:
    """Raise UserError unless the networks can generate images of the size of the faces."""
    height, width = faces.shape[2:]
    if height != width:
        raise UserError(f"the faces are {width}×{height} px, not square. Run: dvc repro --force normalize")
    try:
        factor_size(height)
    except ValueError as error:
        raise UserError(f"{error}. Change normalize.size in params.yaml, then run: dvc repro") from None


def exit_by_signal(number: int, state: TrainState, say: Callable[[str], object]) -> None:
    """End the process as the signal does by default."""
    say(f"stopped at {state.images_seen / 1000:.1f} kimg, checkpoint saved. Run again to resume")
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)
