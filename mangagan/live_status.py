"""The status of the training that runs now, or ran last: read it, describe it, and check that its process is alive."""

import json
import math
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from mangagan.core import catalog
from mangagan.core.errors import UserError

STATES = ("training", "finished", "stopped")
MAX_TIME = 1e11  # of `updated` [s since 1970]; time.localtime fails far above it
START_TOLERANCE_S = 2.0  # the start time of a process is derived from the boot time, which has whole seconds


@dataclass(frozen=True)
class LiveStatus:
    """Content of the status file. A value is None, and a text empty, if not available.

    Attributes:
        state: "training"; "finished", also if an alarm or `patience` ended it; "stopped" by a signal or an error.
        kimg: Training progress [kimg].
        total_kimg: Length of the training [kimg].
        images_per_second: Speed.
        seconds_left: Estimate of the remaining time [s].
        loss_d: Loss of the discriminator.
        loss_g: Loss of the generator, without its part from the discriminators on features.
        loss_f: Mean loss of the discriminators on features; 0 if there are none.
        kernel_distance: Latest kernel distance.
        usable_share: Latest share of usable faces [0, 1].
        pid: Process id of the training.
        host: Name of its machine.
        run: Folder of the training run, relative to the workspace.
        updated: Time of the last update [s since 1970].
        message: Last alarm, or the reason of the end.
    """

    state: str
    kimg: float
    total_kimg: float
    images_per_second: float | None
    seconds_left: float | None
    loss_d: float | None
    loss_g: float | None
    loss_f: float | None
    kernel_distance: float | None
    usable_share: float | None
    pid: int | None
    host: str
    run: str
    updated: float | None
    message: str

    @property
    def is_training(self) -> bool:
        """True if the training has not ended, as far as the file says."""
        return self.state == "training"


def read_status(path: Path = catalog.LIVE_STATUS) -> LiveStatus | None:
    """Read the status file. Return None if it does not exist.

    Raises:
        UserError: The file is damaged, or cannot be read.
    """
    try:
        return parse_status(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, OverflowError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is damaged ({reason}). The next training replaces it: dvc repro train") from error


def parse_status(content: Any) -> LiveStatus:
    """Return the status from the content of the file.

    Raises:
        ValueError: A value that is always needed is missing, or a value has the wrong type.
    """
    if not isinstance(content, dict):
        raise ValueError("it is not an object")
    if content.get("state") not in STATES:
        raise ValueError(f"state is {content.get('state')!r}, not one of {', '.join(STATES)}")
    pid, updated = content.get("pid"), read_number(content, "updated")
    if pid is not None and (not isinstance(pid, int) or isinstance(pid, bool) or pid < 1):
        raise ValueError(f"pid is {pid!r}")
    return LiveStatus(
        state=content["state"],
        kimg=require_number(content, "kimg"),
        total_kimg=require_number(content, "total_kimg"),
        images_per_second=read_number(content, "images_per_second"),
        seconds_left=read_number(content, "seconds_left"),
        loss_d=read_number(content, "loss_d"),
        loss_g=read_number(content, "loss_g"),
        loss_f=read_number(content, "loss_f"),
        kernel_distance=read_number(content, "kernel_distance"),
        usable_share=read_number(content, "usable_share"),
        pid=pid,
        host=read_text(content, "host"),
        run=read_text(content, "run"),
        updated=updated if updated is not None and 0 <= updated <= MAX_TIME else None,
        message=read_text(content, "message"),
    )


def read_number(content: Mapping[str, Any], name: str) -> float | None:
    """Return a number; None if it is missing, null or not finite."""
    value = content.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{name} is not a number")
    return float(value) if math.isfinite(value) else None


def require_number(content: Mapping[str, Any], name: str) -> float:
    """Return a number that must be available."""
    value = read_number(content, name)
    if value is None:
        raise ValueError(f"{name} is missing")
    return value


def read_text(content: Mapping[str, Any], name: str) -> str:
    """Return a text as one printable line; empty if it is missing."""
    value = content.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{name} is not a text")
    return " ".join("".join(character if character.isprintable() else " " for character in value).split())


def format_values(status: LiveStatus) -> dict[str, str]:
    """Return the values that are available, as texts by name. `progress` comes first and is always there."""
    losses = {"D": status.loss_d, "G": status.loss_g, "F": status.loss_f}
    values: dict[str, str] = {"progress": describe_progress(status)}
    if status.images_per_second is not None:
        values["speed"] = f"{status.images_per_second:.3g} img/s"
    if status.seconds_left is not None and status.is_training:
        values["time left"] = format_duration(status.seconds_left)
    if any(loss is not None for loss in losses.values()):
        values["losses"] = " ".join(f"{name} {loss:.3g}" for name, loss in losses.items() if loss is not None)
    if status.kernel_distance is not None:
        values["kernel distance"] = f"{status.kernel_distance:.3g}"
    if status.usable_share is not None:
        values["usable share"] = f"{100 * status.usable_share:.0f} %"
    return values


def describe_progress(status: LiveStatus) -> str:
    """Return the progress, for example "12.3 of 100 kimg (12 %)"."""
    progress = f"{round(status.kimg, 2):g} of {round(status.total_kimg, 2):g} kimg"
    if status.total_kimg <= 0:
        return progress
    return f"{progress} ({math.floor(100 * status.kimg / status.total_kimg)} %)"


def format_duration(seconds: float) -> str:
    """Return a duration in its two largest units, for example "2 h 10 min"."""
    minutes = max(round(seconds), 0) // 60
    if minutes < 1:
        return f"{max(round(seconds), 0)} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // (24 * 60)} d {minutes // 60 % 24} h"


def has_process_ended(status: LiveStatus) -> bool:
    """Return True if the process that wrote the status has ended. Processes of another machine cannot be checked."""
    if status.pid is None or status.host != platform.node():
        return False
    try:
        process = psutil.Process(status.pid)
        started, is_zombie = process.create_time(), process.status() == psutil.STATUS_ZOMBIE
        if is_zombie or (status.updated is not None and started > status.updated + START_TOLERANCE_S):
            return True
        # The name of a console script is that of the script; then the executable is Python.
        names = (process.name(), Path(process.exe()).name)
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False
    return not any("python" in name.lower() for name in names)
