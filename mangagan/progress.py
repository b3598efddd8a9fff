"""A progress bar for work that takes longer than two seconds: to stderr, and only when it is a terminal."""

import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self, TextIO, TypeVar

Item = TypeVar("Item")

DELAY_S = 2.0
INTERVAL_S = 0.2
BAR_WIDTH = 24


class Progress:
    """Counts work done and draws `label [####----] 12/90 pages 3.4 pages/s ETA 0:23 note`.

    Args:
        total: how much there is to do, in units.
        label: what is being done, for example "detect".
        unit: plural name of what is counted, for example "pages".
        done: how much was already done, for example by the run that this one resumes; it does not count for the speed.
        stream: where the bar is drawn.
    """

    def __init__(self, total: int, label: str, unit: str, done: int = 0, stream: TextIO | None = None) -> None:
        self.total, self.label, self.unit = total, label, unit
        self.done = self.start_done = done
        self.stream = stream or sys.stderr
        self.started = self.drawn = time.monotonic()
        self.visible = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self.visible:
            self.stream.write("\n")
            self.stream.flush()

    @property
    def speed(self) -> float:
        """Units a second since the start of this run."""
        return (self.done - self.start_done) / max(time.monotonic() - self.started, 1e-9)

    def update(self, count: int = 1, note: str = "") -> None:
        """Records `count` more units as done and redraws the bar if it is time to."""
        self.done += count
        now = time.monotonic()
        if not self.stream.isatty() or now - self.started < DELAY_S:
            return
        if now - self.drawn < INTERVAL_S and self.done < self.total:
            return
        self.drawn, self.visible = now, True
        self.stream.write("\r\x1b[2K" + self.line(note))
        self.stream.flush()

    def line(self, note: str = "") -> str:
        """The bar as text."""
        share = min(self.done / self.total, 1.0) if self.total else 1.0
        bar = "#" * round(share * BAR_WIDTH)
        seconds = round((self.total - self.done) / self.speed) if self.speed > 0 else 0
        eta = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        text = f"{self.label} [{bar:-<{BAR_WIDTH}}] {self.done}/{self.total} {self.unit} {self.speed:.1f}/s ETA {eta}"
        return f"{text} {note}" if note else text


def track(items: Iterable[Item], total: int, label: str, unit: str) -> Iterator[Item]:
    """Yields `items` and draws a bar that counts them."""
    with Progress(total, label, unit) as progress:
        for item in items:
            yield item
            progress.update()
