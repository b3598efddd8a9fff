"""Event files for TensorBoard, if the package tensorboard is installed (`pip install 'mangagan[tensorboard]'`)."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mangagan.gan.curves import STATISTICS, CurveRow

METRICS, CURVES = "metrics", "curves"  # groups of figures in TensorBoard


class EventFiles:
    """Event files of one run. The step of an event is the number of images shown.

    A resumed run writes another file with `purge_step`, so TensorBoard shows each step once.

    Args:
        folder: Folder of the run's event files.
        images_seen: Images shown at the start or at the checkpoint from which the run resumes.
    """

    def __init__(self, folder: Path, images_seen: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.has_past = any(folder.glob("events.*"))
        self.writer: Any = SummaryWriter(str(folder), purge_step=images_seen + 1)

    def write_history(self, rows: Sequence[CurveRow], measured: Sequence[dict[str, float]]) -> None:
        """Write the rows and measurements of earlier processes if the folder had no event files."""
        if self.has_past:
            return
        for row in rows:
            self.write_row(row)
        for metrics in measured:
            self.write_metrics(metrics)

    def write_row(self, row: CurveRow) -> None:
        """Write a row of the curves."""
        values = asdict(row)
        for name in STATISTICS:
            self.writer.add_scalar(f"{CURVES}/{name}", values[name], round(1000 * row.kimg))
        self.writer.flush()

    def write_metrics(self, metrics: dict[str, float]) -> None:
        """Write the metrics of a measurement, with their `kimg`."""
        for name, value in metrics.items():
            if name != "kimg":
                self.writer.add_scalar(f"{METRICS}/{name}", value, round(1000 * metrics["kimg"]))
        self.writer.flush()

    def write_grid(self, grid: np.ndarray, images_seen: int) -> None:
        """Write a sample grid, uint8 (H, W, C)."""
        self.writer.add_image("samples", grid, images_seen, dataformats="HWC")
        self.writer.flush()

    def close(self) -> None:
        """Close the file."""
        self.writer.close()


def open_event_files(folder: Path, images_seen: int) -> EventFiles | None:
    """Return the event files of a run; None if tensorboard is not installed, or is too old or too new for torch."""
    try:
        return EventFiles(folder, images_seen)
    except (ImportError, AttributeError, TypeError):
        return None
