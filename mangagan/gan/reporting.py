"""Reports of a running training: a progress bar on a terminal, otherwise a line for each row of the curves."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mangagan.core.images import write_png
from mangagan.gan.config import Settings, TrainConfig
from mangagan.gan.curves import CurveRow
from mangagan.pictures.grid import draw_grid

GRID_IMAGES = 64  # latents of a sample grid
GRID_COLUMNS = 8
TIMED_STEPS, TIMED_S = 10, 2.0  # steps and seconds before the remaining time is estimated


def format_snapshot_name(kimg: float) -> str:
    """Return the file name of a sample grid: whole kimg, rounded up, so that names sort by time."""
    return f"{math.ceil(kimg):06}kimg.png"


def write_grid(path: Path, images: np.ndarray) -> None:
    """Write a sample grid; `images` is uint8 (N, C, H, W)."""
    write_png(path, draw_grid(images, GRID_COLUMNS))


def describe_run(settings: Settings, config: TrainConfig, batch_size: int) -> str:
    """Return a summary of the settings that also names those chosen for this machine."""
    size = f"width {settings.base_channels}, {settings.kimg:g} kimg"
    if config.preset == "auto" and None in (config.base_channels, config.kimg):
        size += " (chosen for this machine; change train.preset, train.base_channels or train.kimg)"
    return f"recipe {settings.recipe}, batch {batch_size}, {size}"


def format_duration(minutes: float) -> str:
    """Return a duration with its unit."""
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


@dataclass
class Reporter:
    """Reports the progress of a training.

    Attributes:
        settings: Settings of the run.
        progress: Progress bar; disabled if stderr is not a terminal.
        say: Called with one line.
        first: Images shown by earlier processes.
    """

    settings: Settings
    progress: Any
    say: Callable[[str], object]
    first: int = 0
    note: str = ""
    steps: int = 0
    last: int = 0  # images shown
    started: float = field(default_factory=time.monotonic)
    timing: tuple[float, int] | None = None  # start of the estimate: time and images shown

    def step(self, images_seen: int) -> None:
        """Update the bar, and once report the remaining time."""
        self.progress.set_postfix_str(self.note, refresh=False)
        self.progress.update(images_seen - self.progress.n)
        self.last = images_seen
        self.steps += 1
        if self.steps == 1:  # the first step includes warm-up
            self.timing = time.monotonic(), images_seen
        elif self.timing and self.steps > TIMED_STEPS and (passed := time.monotonic() - self.timing[0]) > TIMED_S:
            speed = (images_seen - self.timing[1]) / passed
            minutes = (self.progress.total - images_seen) / speed / 60
            self.say(f"{speed:.0f} img/s: about {format_duration(minutes)} for {self.settings.kimg:g} kimg")
            self.timing = None

    def compute_speed(self) -> float:
        """Return the images per second since the start of this process."""
        return (self.last - self.first) / max(time.monotonic() - self.started, 1e-9)

    def log(self, row: CurveRow) -> None:
        """Report a row of the curves."""
        self.note = f"D {row.loss_d:.2f} G {row.loss_g:.2f}"
        if self.progress.disable:
            self.say(f"{row.kimg:.1f}/{self.settings.kimg:.1f} kimg {self.compute_speed():.0f} img/s {self.note}")
