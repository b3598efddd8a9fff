"""Reports, samples, measurements and alarms during training.

Nothing here changes the weights. `on_alarm` can end a run early.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from mangagan.core.errors import UserError
from mangagan.gan import alarms, distributed
from mangagan.gan.batches import derive_seed
from mangagan.gan.checkpoint import save_checkpoint
from mangagan.gan.config import Settings
from mangagan.gan.live import LiveFiles
from mangagan.gan.loop import Callbacks, ignore
from mangagan.gan.measurements import Measurements
from mangagan.gan.reporting import GRID_IMAGES, Reporter
from mangagan.gan.saved_samples import find_samples, floor_kimg, format_path, read_samples, save_samples
from mangagan.gan.schedule import clip_batch_size, is_due
from mangagan.gan.selection import find_stall
from mangagan.gan.state import TrainState, export_generator
from mangagan.gan.timelapse import IMAGES as FRAME_IMAGES
from mangagan.gan.timelapse import find_frames, format_frame_path, is_frame_due
from mangagan.networks.sampling import draw_latents, generate_images

SPREAD_FACES = 256  # faces whose spread is computed, at most


@dataclass
class Observer:
    """Observes a training; in every process but the first it only keeps the alarms.

    Attributes:
        settings: Settings of the run.
        faces: Training faces, uint8 (N, C, H, W).
        checkpoint: File of the checkpoint; samples are written to `samples/` in its folder.
        measurements: Measurements of the run.
        reporter: Reports the progress; None: no reports.
        live: Writes the live files; None: there are none.
        say: Called with one line for each alarm. Default: no lines.
    """

    settings: Settings
    faces: np.ndarray
    checkpoint: Path
    measurements: Measurements
    reporter: Reporter | None = None
    live: LiveFiles | None = None
    say: Callable[[str], object] = ignore
    is_first: bool = field(default_factory=lambda: distributed.rank() == 0)

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self.checkpoint.parent

    @property
    def batch_size(self) -> int:
        """The number of images of a step."""
        return clip_batch_size(self.settings.batch_size, len(self.faces))

    @cached_property
    def faces_spread(self) -> float:
        """The spread of a random subset of the faces: their order follows the titles."""
        rng = np.random.default_rng(derive_seed(self.settings.seed, "spread", 0))
        subset = np.sort(rng.permutation(len(self.faces))[:SPREAD_FACES])
        return alarms.compute_spread(self.faces[subset])

    def callbacks(self, should_stop: Callable[[], bool] = lambda: False) -> Callbacks:
        """Return the callbacks for the training loop."""
        return Callbacks(self.start, self.log, self.step, self.save, self.should_end, should_stop)

    def start(self, state: TrainState) -> None:
        """Save samples of the untrained generator."""
        if self.is_first:
            images = self.generate_samples(state)
            save_samples(format_path(self.folder, state.images_seen), images)
            self.add_frame(state, images)

    def log(self, state: TrainState) -> None:
        """Report the last row of the curves and check them."""
        if self.reporter is not None:
            self.reporter.log(state.rows[-1])
        self.update_live(lambda live: live.add_row(state))
        self.note_alarm(state, "exploded", alarms.find_explosion(state.rows))
        self.note_alarm(state, "saturated", alarms.find_saturation(state.rows))
        self.note_alarm(state, "overfitting", alarms.find_overfitting(state.rows, self.settings))

    def step(self, state: TrainState, before: int) -> None:
        """Report a step; save samples and measure if due since `before` [images]."""
        if self.reporter is not None:
            self.reporter.step(state.images_seen)
        self.update_live(lambda live: live.update(state))
        needs_grid = is_due(before, state.images_seen, self.settings.snapshot_kimg)
        needs_metrics = is_due(before, state.images_seen, self.settings.measure_kimg)
        needs_frame = is_frame_due(before, state.images_seen, state.sums.device.type)
        if (needs_grid or needs_frame) and self.is_first:
            self.draw(state, needs_grid, needs_frame)
        if needs_metrics and self.is_first and self.measurements.measurer is not None:
            self.measure(state)
        if needs_grid or needs_metrics:
            state.alarms, state.stall = distributed.broadcast((state.alarms, state.stall))

    def draw(self, state: TrainState, needs_grid: bool, needs_frame: bool) -> None:
        """Generate samples; save and check them as a grid, or add them to the timelapse, or both."""
        images = self.generate_samples(state)
        if needs_grid:
            save_samples(format_path(self.folder, state.images_seen), images)
            kimg = floor_kimg(state.images_seen, self.settings.snapshot_kimg)
            self.note_alarm(state, "collapse", alarms.find_collapse(images, self.faces_spread, kimg))
        if needs_frame:
            self.add_frame(state, images)

    def measure(self, state: TrainState) -> None:
        """Measure samples, and check if they get worse or no better."""
        self.measurements.add(state)
        rows = self.measurements.rows
        self.update_live(lambda live: live.add_metrics(state, rows))
        self.note_alarm(state, "worse", alarms.find_deterioration(rows))
        state.stall = find_stall(rows, self.settings.patience)

    def save(self, state: TrainState) -> None:
        """Save a checkpoint."""
        if self.is_first:
            save_checkpoint(self.checkpoint, state)

    def should_end(self, state: TrainState) -> bool:
        """Return True if an alarm or `patience` ends the run before its budget is used."""
        return bool(state.stall) or (self.settings.on_alarm != "warn" and bool(state.alarms))

    def restore(self, state: TrainState, say: Callable[[str], object]) -> None:
        """Read the measurements of a resumed run, and find its alarms again: metrics and conditions may have changed.

        Args:
            state: Resumed state; its alarms are set.
            say: Called with one line for each problem.
        """
        if self.is_first:
            self.measurements.restore(state, say)
            self.check_row_interval(state, say)
            self.find_past_alarms(state, say)
            state.stall = find_stall(self.measurements.rows, self.settings.patience)
        state.alarms, state.stall = distributed.broadcast((state.alarms, state.stall))

    def check_row_interval(self, state: TrainState, say: Callable[[str], object]) -> None:
        """Report that the rows of the curves have another interval than `log_kimg`."""
        size = self.batch_size
        ends = range(size, state.images_seen + 1, size)
        due = [images for images in ends if is_due(images - size, images, self.settings.log_kimg)]
        if due != [round(1000 * row.kimg) for row in state.rows]:
            say(
                f"train.log_kimg changed: the rows of curves.csv up to {state.images_seen / 1000:.1f} kimg keep their "
                "interval"
            )

    def find_past_alarms(self, state: TrainState, say: Callable[[str], object]) -> None:
        """Set the alarms of a resumed run, from its rows, its measurements and its samples."""
        settings = self.settings
        self.note_alarm(state, "exploded", alarms.find_first(alarms.find_explosion, state.rows))
        self.note_alarm(state, "saturated", alarms.find_first(alarms.find_saturation, state.rows))
        overfitting = alarms.find_first(lambda rows: alarms.find_overfitting(rows, settings), state.rows)
        self.note_alarm(state, "overfitting", overfitting)
        for kimg, path in self.find_samples(state).items():
            try:
                images = read_samples(path)
            except ValueError as error:
                say(f"{error}: deleted it. There is no sample grid of {kimg} kimg")
                path.unlink()
                continue
            if kimg > 0:
                self.note_alarm(state, "collapse", alarms.find_collapse(images, self.faces_spread, kimg))
        worse = alarms.find_first(alarms.find_deterioration, self.measurements.rows)
        self.note_alarm(state, "worse", worse)

    def note_alarm(self, state: TrainState, name: str, report: str | None) -> None:
        """Record an alarm, and report it the first time."""
        if report and name not in state.alarms:
            state.alarms[name] = report
            self.say(f"ALARM {report}")
            self.update_live(lambda live: live.add_message(state, report))

    def generate_samples(self, state: TrainState) -> np.ndarray:
        """Return samples, always of the same latents, uint8 (64, C, H, W)."""
        z = draw_latents(GRID_IMAGES, self.settings.z_dim, self.settings.seed)
        return generate_images(export_generator(state, self.settings), z)

    def add_frame(self, state: TrainState, images: np.ndarray) -> None:
        """Add a frame to the timelapse."""
        save_samples(format_frame_path(self.folder, state.images_seen), images[:FRAME_IMAGES])
        self.update_live(lambda live: live.add_samples(state, images))

    @contextmanager
    def show_live(self, state: TrainState, folder: Path | None) -> Iterator[None]:
        """Write the live files into the folder within the context; write none if the folder is None."""
        if folder is None:
            yield
            return
        self.live = LiveFiles(folder, self.folder, self.settings.kimg)
        frames = self.read_frames(state)
        self.update_live(lambda live: live.open(state, self.measurements.rows, frames))
        try:
            yield
        except BaseException as error:
            reason = str(error) if isinstance(error, UserError) else ""
            self.update_live(lambda live: live.close(state, False, reason))
            raise
        self.update_live(lambda live: live.close(state, True, state.stall))

    def update_live(self, write: Callable[[LiveFiles], object]) -> None:
        """Update the live files. After an error, report it and stop writing them: training does not need them."""
        if self.live is None:
            return
        try:
            write(self.live)
        except (OSError, UserError) as error:
            self.live = None
            self.say(f"the live files are not updated any more: {error}")

    def read_frames(self, state: TrainState) -> dict[int, np.ndarray]:
        """Return the samples of the frames so far by number of images; delete damaged files."""
        frames = {}
        for images_seen, path in find_frames(self.folder, state.images_seen).items():
            try:
                frames[images_seen] = read_samples(path)
            except ValueError as error:
                self.say(f"{error}: deleted it. The timelapse lacks the frame of {images_seen / 1000:g} kimg")
                path.unlink()
        return frames

    def find_samples(self, state: TrainState) -> dict[int, Path]:
        """Return the files of the samples at the start and at multiples of `snapshot_kimg`, by kimg."""
        return find_samples(self.folder, self.batch_size, state.images_seen, self.settings.snapshot_kimg)
