"""Checkpoints: everything that a run needs to resume, and the key of the runs that may use it."""

import contextlib
import hashlib
import io
import json
import os
import pickle
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mangagan.core.code import code_hash
from mangagan.core.files import atomic_path, sha256_bytes, write_bytes, write_json
from mangagan.gan import distributed
from mangagan.gan.config import Settings
from mangagan.gan.curves import COLUMNS, CurveRow
from mangagan.gan.state import TrainState

FILE = "checkpoint.pt"
IDENTITY = "run.json"
TRASH = ".deleted"  # folder of the runs that are being deleted
DELIVERED_SUFFIX = ".delivered"  # suffix of the empty file next to the checkpoint of a run whose results were written
KEPT_RUNS = 3  # delivered runs to keep; a full-width checkpoint takes about 100 MB
# The import closure of these modules determines the weights.
TRAINING_CODE = ("mangagan.gan.loop", "mangagan.gan.numerics")
# These settings do not affect the weights after a number of steps, so a run may resume with other values.
# `measure_kimg` is not one of them: it decides which weights can be selected.
NOT_IN_KEY = (
    "kimg",
    "checkpoint_kimg",
    "log_kimg",
    "snapshot_kimg",
    "select",
    "start",
    "patience",
    "on_alarm",
    "memory_mb",
)
# The identity has the resolved values of these settings: all settings of the recipe, and the others by name or shape.
RESOLVED = ("recipe", "channels", "device", "threads")
NETWORKS = ("generator", "discriminator", "feature_discriminator", "average")
OPTIMIZERS = ("optimizer_g", "optimizer_d", "optimizer_f")
SCALARS = ("strength", "realness", "sums")  # tensors on the device
PLAIN = ("images_seen", "steps")

# Errors of reading a truncated or damaged file. Not among them: a disk that does not answer (OSError), too little
# memory (MemoryError), and PyTorch's errors of the device.
DAMAGED_ARCHIVE = (zipfile.BadZipFile, zlib.error, struct.error, RuntimeError, ValueError, EOFError)
DAMAGED_CONTENT = (pickle.UnpicklingError, ValueError, KeyError, TypeError, EOFError)


class OtherVersionError(ValueError):
    """A checkpoint has other fields than this version writes."""


def identify_run(faces: np.ndarray, settings: Settings, device: torch.device, threads: int) -> dict[str, Any]:
    """Return everything that determines the weights after a number of steps, by name.

    Args:
        faces: uint8 (N, C, H, W).
        settings: Settings of the run; those in NOT_IN_KEY and RESOLVED do not count.
        device: Training device.
        threads: CPU threads; they change the order of sums and so their rounding.
    """
    ignored = (*NOT_IN_KEY, *RESOLVED)
    return {
        "faces": hashlib.sha256(np.ascontiguousarray(faces).data).hexdigest(),
        "shape": list(faces.shape),
        "settings": {name: value for name, value in asdict(settings).items() if name not in ignored},
        "code": code_hash(*TRAINING_CODE),
        "torch": torch.__version__,
        "device": device.type,
        "threads": threads if device.type == "cpu" else 0,
    }


def run_key(identity: dict[str, Any]) -> str:
    """Return the SHA-256 (hex) of the result of `identify_run`; it names the folder of the run."""
    return sha256_bytes(json.dumps(identity, sort_keys=True).encode())


def explain_new_run(folder: Path, identity: dict[str, Any]) -> str | None:
    """Return why the latest run on the same faces is not resumed; None if there is no such run.

    Args:
        folder: Folder of all runs.
        identity: Result of `identify_run` for the new run.
    """
    for path in sorted(folder.glob(f"*/{IDENTITY}"), key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            other = json.loads(path.read_bytes())
            settings, others = identity["settings"], other["settings"]
            if other == identity:
                return None
            if other["faces"] != identity["faces"]:
                continue
        except (ValueError, KeyError, TypeError):
            continue
        changed = [f"train.{name}" for name in settings if settings[name] != others.get(name, settings[name])]
        texts = {"code": "the training code", "torch": "the version of torch", "device": "the device"}
        texts["threads"] = "the number of CPU threads"
        changed += [text for name, text in texts.items() if identity[name] != other.get(name)]
        return f"training from the start: {', '.join(changed) or 'the faces'} changed since the last run on these faces"
    return None


def save_identity(path: Path, identity: dict[str, Any]) -> None:
    """Write the result of `identify_run` next to the checkpoint."""
    write_json(path.with_name(IDENTITY), identity)


def save_checkpoint(path: Path, state: TrainState) -> None:
    """Write the state atomically."""
    with atomic_path(path) as temporary:
        torch.save(collect_content(state), temporary)


def collect_content(state: TrainState) -> dict[str, Any]:
    """Return everything of the state that is saved: tensors and plain values, no code."""
    content: dict[str, Any] = {name: network.state_dict() for name, network in list_networks(state).items()}
    content |= {name: optimizer.state_dict() for name, optimizer in list_optimizers(state).items()}
    content["rows"] = [asdict(row) for row in state.rows]
    return content | {name: getattr(state, name) for name in (*SCALARS, *PLAIN)}


def list_networks(state: TrainState) -> dict[str, torch.nn.Module]:
    """Return the networks of the state by name."""
    return {name: getattr(state, name) for name in NETWORKS if getattr(state, name) is not None}


def list_optimizers(state: TrainState) -> dict[str, torch.optim.Adam]:
    """Return the optimizers of the state by name."""
    return {name: getattr(state, name) for name in OPTIMIZERS if getattr(state, name) is not None}


def load_checkpoint(path: Path, state: TrainState) -> TrainState:
    """Load a checkpoint into a new state.

    Args:
        path: File of `save_checkpoint`.
        state: State from `create_state` with the same settings; unusable if loading fails.

    Raises:
        ValueError: The file is truncated or damaged, belongs to other networks, or was written by another version.
        OSError: The file is missing or cannot be read.
        torch.OutOfMemoryError: The device has too little memory.
    """
    check_archive(path)
    try:
        content = read_content(path)
        if not has_fields(content, state):
            raise OtherVersionError(f"{path} was written by another version of mangagan")
        for name, network in list_networks(state).items():
            check_shapes(content[name], network)
        restore_content(state, content)
    except OtherVersionError:
        raise
    except DAMAGED_CONTENT as error:
        raise ValueError(f"{path} is damaged ({type(error).__name__})") from error
    return state


def has_fields(content: Any, state: TrainState) -> bool:
    """Return True if the content of a checkpoint has the same fields as `collect_content` returns."""
    if not isinstance(content, dict) or content.keys() != collect_content(state).keys():
        return False
    rows = content["rows"]
    return isinstance(rows, list) and all(isinstance(row, dict) and row.keys() == set(COLUMNS) for row in rows)


def restore_content(state: TrainState, content: dict[str, Any]) -> None:
    """Load the result of `collect_content` into a new state."""
    device = state.sums.device
    for name, network in list_networks(state).items():
        network.load_state_dict(content[name])
    for name, optimizer in list_optimizers(state).items():
        optimizer.load_state_dict(content[name])
        for group in optimizer.param_groups:
            group["lr"] = group["lr"].to(device)  # load_state_dict moves only the moments
    for name in SCALARS:
        setattr(state, name, content[name].to(device))
    for name in PLAIN:
        setattr(state, name, content[name])
    state.rows = [CurveRow(**row) for row in content["rows"]]


def check_archive(path: Path) -> None:
    """Raise ValueError unless the checksums of the file are right: torch.load does not check them."""
    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise ValueError(f"checksum of {damaged}")
    except DAMAGED_ARCHIVE as error:
        raise ValueError(f"{path} is damaged ({type(error).__name__})") from error


def read_content(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint on the CPU; raise ValueError if PyTorch finds the archive damaged."""
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except RuntimeError as error:  # PyTorch raises this also if memory runs out
        if "PytorchStreamReader" not in str(error):
            raise
        raise ValueError("archive") from error
    return content


def check_shapes(content: dict[str, torch.Tensor], network: torch.nn.Module) -> None:
    """Raise ValueError unless the tensors have the names and shapes of the network's."""
    if {k: v.shape for k, v in content.items()} != {k: v.shape for k, v in network.state_dict().items()}:
        raise ValueError("other networks")


def resume(
    folder: Path, key: str, images: int, create: Callable[[], TrainState], say: Callable[[str], object]
) -> tuple[Path, TrainState]:
    """Return the file for the checkpoints of a run, and its state: from the checkpoint if usable, else new.

    One checkpoint serves runs of any length, as long as the length increases. If it is longer than requested, it is
    kept and the shorter run is trained in a folder of its own. A complete run is returned unchanged.

    Args:
        folder: Folder of all runs; need not exist.
        key: Result of `run_key`.
        images: Length of the run, rounded up to whole batches [images].
        create: Function that returns a new state.
        say: Called with one line about the checkpoint.
    """
    shared, own = folder / key / FILE, folder / f"{key}-{images}" / FILE
    for path in (own, shared):
        state = load_or_set_aside(path, create, say)
        if state is None:
            continue
        kimg = f"{state.images_seen / 1000:.1f} kimg"
        if state.images_seen < images:
            say(f"resuming at {kimg}")
        elif state.images_seen == images:
            say(f"already trained: delivering the checkpoint of {kimg}. To train again, remove {path.parent}")
        else:
            say(
                f"the checkpoint of {kimg} is longer than requested and is kept. Training {images / 1000:.1f} kimg in"
                f" {own.parent}"
            )
            return own, create()
        return path, state
    return shared, create()


def resume_together(
    folder: Path, key: str, images: int, create: Callable[[], TrainState], say: Callable[[str], object]
) -> tuple[Path, TrainState]:
    """Call `resume` in the first process and send its state to the others: only its machine needs the checkpoint."""
    if distributed.size() == 1:
        return resume(folder, key, images, create, say)
    if distributed.rank() > 0:
        state = create()
        content = torch.load(io.BytesIO(distributed.broadcast(b"")), map_location="cpu", weights_only=True)
        restore_content(state, content)
        return folder / key / FILE, state
    path, state = resume(folder, key, images, create, say)
    buffer = io.BytesIO()
    torch.save(collect_content(state), buffer)
    distributed.broadcast(buffer.getvalue())
    return path, state


def load_or_set_aside(path: Path, create: Callable[[], TrainState], say: Callable[[str], object]) -> TrainState | None:
    """Return the state of a checkpoint; None if there is none. Rename a checkpoint that cannot be used."""
    if not path.exists():
        return None
    try:
        return load_checkpoint(path, create())
    except ValueError as error:
        aside = path.with_suffix(".damaged")
        os.replace(path, aside)
        say(f"{error} and was renamed to {aside.name}: training from the start")
        return None


def mark_delivered(path: Path, delivered: bool = True) -> None:
    """Record next to the checkpoint whether the results of its run were written."""
    marker = path.with_suffix(DELIVERED_SUFFIX)
    if delivered:
        write_bytes(marker, b"")
    else:
        marker.unlink(missing_ok=True)


def delete_old_runs(folder: Path) -> None:
    """Delete the folders of delivered runs, except the latest ones. Undelivered runs are kept.

    Each folder is moved first, so that a killed process never leaves a run without some of its files.
    """
    trash = folder / TRASH
    shutil.rmtree(trash, ignore_errors=True)
    markers = sorted(folder.glob(f"*/*{DELIVERED_SUFFIX}"), key=lambda marker: marker.stat().st_mtime, reverse=True)
    for marker in markers[KEPT_RUNS:]:
        trash.mkdir(exist_ok=True)
        with contextlib.suppress(OSError):
            os.replace(marker.parent, trash / marker.parent.name)
    shutil.rmtree(trash, ignore_errors=True)
