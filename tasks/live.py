"""Prefect artifacts of a running training: its latest sample grid and its progress."""

import contextvars
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.live_status import LiveStatus, describe_progress, format_values, read_status
from tasks.artifacts import encode_data_uri, make_artifact_key

STAGE = "train"
POLL_S = 2.0
INTERVAL_S = 30.0  # minimum time between two publications
JOIN_S = 5.0  # maximum time that a publication may delay the end of the task

Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]


@contextmanager
def publish_during(stage: str, logger: Logger) -> Iterator[None]:
    """Publish the live artifacts in the current task run while the block runs the stage `train`.

    Do nothing for another stage. A failure is logged as one warning.
    """
    if stage != STAGE:
        yield
        return
    publisher = LivePublisher(Path.cwd(), logger)
    # Prefect finds the task run in context variables, which a new thread does not inherit.
    run = contextvars.copy_context().run
    thread = threading.Thread(target=run, args=(publisher.follow,), daemon=True, name="live-artifacts")
    thread.start()
    try:
        yield
        publisher.publishes_last = True
    finally:
        publisher.ended.set()
        thread.join(JOIN_S)


class LivePublisher:
    """Publishes the sample grid of a running training when it has changed.

    Attributes:
        samples: The file of the latest sample grid.
        status: The status file of the training.
        ended: Set when the stage has ended.
        publishes_last: True if the last grid is published after the end of the stage. After an interrupt it is not,
            because that would delay the end of the run.
    """

    def __init__(self, root: Path, logger: Logger) -> None:
        self.samples = root / catalog.LIVE_SAMPLES
        self.status = root / catalog.LIVE_STATUS
        self.ended = threading.Event()
        self.publishes_last = False
        self._logger = logger
        self._started = time.time()
        self._stamp = self._read_stamp()  # of the grid of an earlier run, or of the grid that was published last
        self._attempted: float | None = None  # time of the last attempt to publish, by the monotonic clock
        self._has_warned = False

    def follow(self) -> None:
        """Publish each new grid until the stage ends, at most once per INTERVAL_S."""
        while not self.ended.wait(POLL_S):
            self._publish_if_due()
        if self.publishes_last:  # the stage may have ended before the first poll
            self._publish_if_due()

    def _publish_if_due(self) -> None:
        """Publish the grid if it is new and the last attempt is old enough."""
        if self._attempted is not None and time.monotonic() - self._attempted < INTERVAL_S:
            return
        try:
            stamp = self._read_stamp()
            if stamp is None or stamp == self._stamp or stamp[0] < self._started * 1e9:
                return
            self._attempted = time.monotonic()
            publish(self.samples, self.status)
            self._stamp = stamp
        except Exception as error:  # the training must not fail, and the next attempt may succeed
            if not self._has_warned:
                reason = " ".join(str(error).split())
                self._logger.warning("cannot show the samples of the running training in Prefect: %s", reason)
            self._has_warned = True

    def _read_stamp(self) -> tuple[int, int, int] | None:
        """Return time of change [ns], size and inode of the grid; None if there is none."""
        try:
            status = self.samples.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def publish(samples: Path, status_file: Path) -> None:
    """Create the artifacts `train-live` (the grid) and `train-progress` in the current task run."""
    from prefect.artifacts import create_image_artifact, create_markdown_artifact

    try:
        status = read_status(status_file)
    except UserError:  # the grid is of use without it
        status = None
    description = f"{STAGE}: latest samples"
    if status is not None:
        description += f" at {describe_progress(status)}"
    create_image_artifact(encode_data_uri(samples), key=make_artifact_key(STAGE, "live"), description=description)
    if status is not None:
        key = make_artifact_key(STAGE, "progress")
        create_markdown_artifact(render_progress(status), key=key, description=f"{STAGE}: progress")


def render_progress(status: LiveStatus) -> str:
    """Return Markdown: a table of the progress, and the message of the training if there is one."""
    lines = [f"| {name} | {value} |" for name, value in format_values(status).items()]
    message = ["", status.message, ""] if status.message else [""]
    return "\n".join([f"| {status.state} | |", "|---|---|", *lines, *message])
