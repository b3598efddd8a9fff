"""The live files of a run: they show its progress, and remain after it.

They are rewritten atomically in one folder: `status.json`, `curves.csv`, `metrics.csv`, `samples.png` (the latest
sample grid), `timelapse.webp`, and `tensorboard/<run>/` if tensorboard is installed. Training does not read them.
"""

import json
import math
import os
import platform
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mangagan.core import catalog
from mangagan.core.files import write_bytes, write_json, write_text
from mangagan.core.images import write_png
from mangagan.gan.curves import COLUMNS, format_csv
from mangagan.gan.event_files import EventFiles, open_event_files
from mangagan.gan.reporting import GRID_COLUMNS
from mangagan.gan.state import TrainState
from mangagan.gan.timelapse import draw_frame, encode_timelapse
from mangagan.pictures.grid import draw_grid

STATUS, CURVES, METRICS = catalog.LIVE_STATUS.name, catalog.LIVE_CURVES.name, catalog.LIVE_METRICS.name
SAMPLES, TIMELAPSE = catalog.LIVE_SAMPLES.name, catalog.LIVE_TIMELAPSE.name
TENSORBOARD = catalog.LIVE_TENSORBOARD.name
INTERVAL_S = 1.0  # minimum time between two updates of the status and of the curves
ROWS_PAUSE_FACTOR = 20  # minimum pause between writes of the curves, in durations of one write
KEY_LENGTH, SHORT_KEY_LENGTH = 64, 8  # characters of the key of a run; in the name of the folder of its event files

Metrics = dict[str, float]


@dataclass
class LiveFiles:
    """Writes the live files of one run.

    Args:
        folder: Folder of the live files.
        run: Folder of the run.
        total_kimg: Length of the run [kimg].
    """

    folder: Path
    run: Path
    total_kimg: float
    message: str = ""
    resumed_images: int = 0  # images shown by earlier processes
    started: float = field(default_factory=time.monotonic)
    status_time: float = 0.0  # time of the last status
    rows_due: float = 0.0  # earliest time of the next update of the curves
    metrics: Metrics = field(default_factory=dict)  # the last measurement
    frames: dict[int, Image.Image] = field(default_factory=dict)  # by number of images
    events: EventFiles | None = None

    def open(self, state: TrainState, measured: list[Metrics], frames: dict[int, np.ndarray]) -> None:
        """Write everything that is known at the start of this process.

        Args:
            state: New or resumed state.
            measured: Measurements of earlier processes.
            frames: Frames of the timelapse of earlier processes: samples by number of images.
        """
        if self.read_run() != self.run.as_posix():
            for name in (SAMPLES, TIMELAPSE):
                (self.folder / name).unlink(missing_ok=True)
        self.resumed_images = state.images_seen
        self.message = next(reversed(state.alarms.values()), "")
        # The name of a run is its key, with a suffix if a longer run has the same key.
        name = self.run.name[:SHORT_KEY_LENGTH] + self.run.name[KEY_LENGTH:]
        self.events = open_event_files(self.folder / TENSORBOARD / name, self.resumed_images)
        if self.events is not None:
            self.events.write_history(state.rows, measured)
        self.frames = {seen: draw_frame(images, seen / 1000) for seen, images in frames.items()}
        self.write_timelapse()
        self.write_measured(measured)
        self.write_rows(state)

    def read_run(self) -> str | None:
        """Return the folder of the run that wrote the live files; None if unknown."""
        try:
            run: str | None = json.loads((self.folder / STATUS).read_bytes())["run"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return run

    def update(self, state: TrainState) -> None:
        """Update the status, at most once per INTERVAL_S."""
        if time.monotonic() - self.status_time >= INTERVAL_S:
            self.write_status(state, "training")

    def add_row(self, state: TrainState) -> None:
        """Add the last row of the curves."""
        if self.events is not None:
            self.events.write_row(state.rows[-1])
        if time.monotonic() >= self.rows_due:
            self.write_rows(state)

    def add_metrics(self, state: TrainState, measured: list[Metrics]) -> None:
        """Add the last measurement."""
        if self.events is not None:
            self.events.write_metrics(measured[-1])
        self.write_measured(measured)
        self.write_status(state, "training")

    def add_samples(self, state: TrainState, images: np.ndarray) -> None:
        """Replace the sample grid and add a frame to the timelapse; `images` is uint8 (N, C, H, W)."""
        grid = draw_grid(images, GRID_COLUMNS)
        write_png(self.folder / SAMPLES, grid)
        self.frames[state.images_seen] = draw_frame(images, state.images_seen / 1000)
        self.write_timelapse()
        if self.events is not None:
            self.events.write_grid(grid, state.images_seen)

    def add_message(self, state: TrainState, message: str) -> None:
        """Show a message, such as an alarm."""
        self.message = message
        self.write_status(state, "training")

    def close(self, state: TrainState, finished: bool, reason: str) -> None:
        """Write the last rows and the final status; `reason` says why a run ended early, or is empty."""
        self.message = reason or self.message
        self.write_rows(state)
        self.write_status(state, "finished" if finished else "stopped")
        if self.events is not None:
            self.events.close()

    def write_rows(self, state: TrainState) -> None:
        """Write the curves and the status."""
        started = time.monotonic()
        rows = [list(asdict(row).values()) for row in state.rows]
        write_text(self.folder / CURVES, format_csv(list(COLUMNS), rows))
        self.write_status(state, "training")
        self.rows_due = time.monotonic() + max(INTERVAL_S, ROWS_PAUSE_FACTOR * (time.monotonic() - started))

    def write_measured(self, measured: list[Metrics]) -> None:
        """Write the measurements; remove the file of an earlier run if there are none."""
        path = self.folder / METRICS
        if not measured:
            path.unlink(missing_ok=True)
            return
        self.metrics = measured[-1]
        names = list(self.metrics)
        write_text(path, format_csv(names, [[row[name] for name in names] for row in measured]))

    def write_timelapse(self) -> None:
        """Write the animation of all frames so far."""
        if self.frames:
            write_bytes(self.folder / TIMELAPSE, encode_timelapse(list(self.frames.values())))

    def write_status(self, state: TrainState, name: str) -> None:
        """Write the status: `training`, `finished` or `stopped`."""
        self.status_time = time.monotonic()
        speed = (state.images_seen - self.resumed_images) / max(self.status_time - self.started, 1e-9)
        left = max(self.total_kimg * 1000 - state.images_seen, 0)
        row: dict[str, Any] = asdict(state.rows[-1]) if state.rows else {}
        status: dict[str, Any] = {
            "state": name,
            "kimg": state.images_seen / 1000,
            "total_kimg": self.total_kimg,
            "images_per_second": speed or None,
            "seconds_left": left / speed if speed and name == "training" else None,
            **{loss: row.get(loss) for loss in ("loss_d", "loss_g", "loss_f")},
            **{metric: self.metrics.get(metric) for metric in ("kernel_distance", "usable_share")},
            "pid": os.getpid(),
            "host": platform.node(),
            "run": self.run.as_posix(),
            "updated": time.time(),
            "message": self.message,
        }
        unknown = {key for key, value in status.items() if isinstance(value, float) and not math.isfinite(value)}
        write_json(self.folder / STATUS, {**status, **dict.fromkeys(unknown)})
