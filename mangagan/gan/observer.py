"""Reports, sample grids, measurements and alarms during training.

Nothing here changes the weights. `on_alarm` can end a run early.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mangagan.gan import alarms, distributed
from mangagan.gan.checkpoint import save_checkpoint
from mangagan.gan.config import Settings
from mangagan.gan.loop import Callbacks, ignore
from mangagan.gan.measurements import Measurements
from mangagan.gan.reporting import GRID_IMAGES, Reporter, snapshot_name, write_grid
from mangagan.gan.schedule import is_due
from mangagan.gan.state import TrainState, export_generator
from mangagan.networks.sampling import draw_latents, generate_images

SPREAD_FACES = 256  # faces whose spread is computed, at most


@dataclass
class Observer:
    """Observes a training; in every process but the first it only keeps the alarms.

    Attributes:
        settings: Settings of the run.
        faces: Training faces, uint8 (N, C, H, W).
        checkpoint: File of the checkpoint; sample grids are written to `samples/` in its folder.
        measurements: Measurements of the run.
        reporter: Reports the progress; None: no reports.
        say: Called with one line for each alarm. Default: no lines.
    """

    settings: Settings
    faces: np.ndarray
    checkpoint: Path
    measurements: Measurements
    reporter: Reporter | None = None
    say: Callable[[str], object] = ignore
    is_first: bool = field(default_factory=lambda: distributed.rank() == 0)

    def callbacks(self, should_stop: Callable[[], bool] = lambda: False) -> Callbacks:
        """Return the callbacks for the training loop."""
        return Callbacks(self.start, self.log, self.step, self.save, self.should_end, should_stop)

    def start(self, state: TrainState) -> None:
        """Write the sample grid of the untrained generator."""
        if self.is_first:
            self.write_snapshot(state, 0)

    def log(self, state: TrainState) -> None:
        """Report the last row of the curves and check them."""
        if self.reporter is not None:
            self.reporter.log(state.rows[-1])
        self.note_alarm(state, "saturated", alarms.find_saturation(state.rows))
        self.note_alarm(state, "overfitting", alarms.find_overfitting(state.rows, self.settings))

    def step(self, state: TrainState, before: int) -> None:
        """Report a step; write a sample grid and measure if due since `before` [images]."""
        if self.reporter is not None:
            self.reporter.step(state.images_seen)
        draws = is_due(before, state.images_seen, self.settings.snapshot_kimg)
        measures = is_due(before, state.images_seen, self.settings.measure_kimg)
        if draws and self.is_first:
            kimg = state.images_seen // (1000 * self.settings.snapshot_kimg) * self.settings.snapshot_kimg
            images = self.write_snapshot(state, kimg)
            faces_spread = alarms.compute_spread(self.faces[:SPREAD_FACES])
            self.note_alarm(state, "collapse", alarms.find_collapse(images, faces_spread, kimg))
        if measures and self.is_first and self.measurements.measurer is not None:
            self.measurements.add(state)
            self.note_alarm(state, "worse", alarms.find_deterioration(self.measurements.rows))
        if draws or measures:
            state.alarms = distributed.broadcast(state.alarms)

    def save(self, state: TrainState) -> None:
        """Save a checkpoint."""
        if self.is_first:
            save_checkpoint(self.checkpoint, state)

    def should_end(self, state: TrainState) -> bool:
        """Return True if an alarm ends the run before its budget is used."""
        return self.settings.on_alarm != "warn" and bool(state.alarms)

    def restore(self, state: TrainState, say: Callable[[str], object]) -> None:
        """Read the measurements of a resumed run, and check them again: the metrics may have changed."""
        if self.is_first:
            self.measurements.restore(state, say)
            before = state.alarms.pop("worse", None)
            report = alarms.find_first_deterioration(self.measurements.rows)
            if report and report == before:
                state.alarms["worse"] = report
            else:
                self.note_alarm(state, "worse", report)
        state.alarms = distributed.broadcast(state.alarms)

    def note_alarm(self, state: TrainState, name: str, report: str | None) -> None:
        """Record an alarm, and report it the first time."""
        if report and name not in state.alarms:
            state.alarms[name] = report
            self.say(f"ALARM {report}")

    def write_snapshot(self, state: TrainState, kimg: float) -> np.ndarray:
        """Write a sample grid, always of the same latents; return its images, uint8 (64, C, H, W)."""
        z = draw_latents(GRID_IMAGES, self.settings.z_dim, self.settings.seed)
        images = generate_images(export_generator(state, self.settings), z)
        write_grid(self.checkpoint.parent / "samples" / snapshot_name(kimg), images)
        return images
