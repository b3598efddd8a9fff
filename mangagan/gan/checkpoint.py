"""Checkpoints: all that a run needs to go on, and what they may be reused for."""

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

from mangagan.core.files import atomic_path, write_bytes
from mangagan.gan import distributed
from mangagan.gan.config import Settings
from mangagan.gan.state import TrainState
from mangagan.networks.dcgan import Discriminator, Generator

FILE = "checkpoint.pt"
DELIVERED = ".delivered"  # suffix of the empty file beside the checkpoint of a run whose results were written
KEPT_RUNS = 3  # delivered ones; a full-width checkpoint takes about 100 MB
# None of them changes a step: a longer budget goes on, how often one saves is nobody's result, and which of the
# measured weights are delivered is decided at the end.
NOT_IN_KEY = ("kimg", "checkpoint_kimg", "select", "on_alarm", "memory_mb")
NETWORKS = ("generator", "discriminator", "average")
OPTIMIZERS = ("optimizer_g", "optimizer_d")
SCALARS = ("strength", "realness", "sums")  # tensors on the device
PLAIN = ("images_seen", "steps", "rows", "measured", "best", "alarms")

# What reading a truncated or damaged file raises, depending on where the damage is. A disk that does not answer or a
# machine without room is no damage: OSError, MemoryError and PyTorch's errors of the device are not among these.
DAMAGED_ARCHIVE = (zipfile.BadZipFile, zlib.error, struct.error, RuntimeError, ValueError, EOFError)
DAMAGED_CONTENT = (pickle.UnpicklingError, ValueError, KeyError, TypeError, EOFError)


def run_key(faces: np.ndarray, settings: Settings, device: torch.device, threads: int, measured_by: str = "") -> str:
    """Names a run by all that its weights depend on, so that no checkpoint serves a run it does not belong to.

    Args:
        faces: uint8 (N, C, H, W).
        settings: all but NOT_IN_KEY count.
        device: where it runs; the GPU computes in bfloat16.
        threads: CPU threads; sums are rounded in an order that depends on them.
        measured_by: names what the samples are measured with and against: the best weights depend on it.

    Returns:
        SHA-256 in hex, over the faces, the settings, this package's source, the device and torch's version.
    """
    knobs = {name: value for name, value in asdict(settings).items() if name not in NOT_IN_KEY}
    knobs |= {"device": device.type, "threads": threads if device.type == "cpu" else 0, "measured_by": measured_by}
    digest = hashlib.sha256(np.ascontiguousarray(faces).data)
    digest.update(json.dumps([knobs, faces.shape, torch.__version__], sort_keys=True).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def save_checkpoint(path: Path, state: TrainState) -> None:
    """Writes the state atomically."""
    with atomic_path(path) as temporary:
        torch.save(content_of(state), temporary)


def content_of(state: TrainState) -> dict[str, Any]:
    """All of the state that is saved: tensors and plain values only, no code."""
    content: dict[str, Any] = {name: network.state_dict() for name, network in networks(state).items()}
    content |= {name: getattr(state, name).state_dict() for name in OPTIMIZERS}
    return content | {name: getattr(state, name) for name in (*SCALARS, *PLAIN)}


def networks(state: TrainState) -> dict[str, Generator | Discriminator]:
    """The networks that the state has, by name."""
    return {name: getattr(state, name) for name in NETWORKS if getattr(state, name) is not None}


def load_checkpoint(path: Path, state: TrainState) -> TrainState:
    """Puts a checkpoint into a fresh state.

    Args:
        path: of `save_checkpoint`.
        state: from `create_state`, with the same settings; of no use when this fails.

    Raises:
        ValueError: the file is truncated or damaged, or belongs to other networks.
        OSError: it is not there or cannot be read.
        torch.OutOfMemoryError: the device has no room for it.
    """
    check_archive(path)
    try:
        content = read_content(path)
        for name, network in networks(state).items():
            check_shapes(content[name], network)
        restore(state, content)
    except DAMAGED_CONTENT as error:
        raise ValueError(f"{path} is damaged ({type(error).__name__})") from error
    return state


def restore(state: TrainState, content: dict[str, Any]) -> None:
    """Puts what `content_of` returned into a fresh state."""
    for name in (*networks(state), *OPTIMIZERS):
        getattr(state, name).load_state_dict(content[name])
    for name in SCALARS:
        setattr(state, name, content[name].to(state.sums.device))
    for name in PLAIN:
        setattr(state, name, content[name])


def check_archive(path: Path) -> None:
    """Raises ValueError unless all of the file is as it was written: torch.load checks no checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise ValueError(f"checksum of {damaged}")
    except DAMAGED_ARCHIVE as error:
        raise ValueError(f"{path} is damaged ({type(error).__name__})") from error


def read_content(path: Path) -> dict[str, Any]:
    """What `save_checkpoint` wrote, on the CPU; ValueError where PyTorch's reader finds the archive damaged."""
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except RuntimeError as error:  # also what PyTorch raises when memory runs out
        if "PytorchStreamReader" not in str(error):
            raise
        raise ValueError("archive") from error
    return content


def check_shapes(content: dict[str, torch.Tensor], network: torch.nn.Module) -> None:
    """Raises ValueError unless the tensors are those of the network."""
    if {k: v.shape for k, v in content.items()} != {k: v.shape for k, v in network.state_dict().items()}:
        raise ValueError("other networks")


def resume(
    folder: Path, key: str, images: int, create: Callable[[], TrainState], say: Callable[[str], object]
) -> tuple[Path, TrainState]:
    """Where a run is kept, and the state to go on from: the checkpoint's when it is of use, else a fresh one.

    One checkpoint serves every length of a run, as long as the lengths grow. A run that has come further than is asked
    for is left alone, and the shorter one trained in a folder of its own beside it. A complete run is returned as it
    is: it would end the same again.

    Args:
        folder: holds the runs; need not exist.
        key: of `run_key`.
        images: the length of the run, in images, up to the last whole batch.
        create: makes a fresh state.
        say: told in one line what is resumed, or why not.

    Returns:
        The checkpoint's path, where the run is to be saved from now on, and the state.
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
            say(f"already trained: delivering the checkpoint of {kimg}; remove {path.parent} to train anew")
        else:
            say(f"the checkpoint of {kimg} is longer than asked for: kept, training {images / 1000:.1f} kimg beside it")
            return own, create()
        return path, state
    return shared, create()


def resume_together(
    folder: Path, key: str, images: int, create: Callable[[], TrainState], say: Callable[[str], object]
) -> tuple[Path, TrainState]:
    """`resume` of the first process, whose state all others take over: only its machine needs the checkpoint."""
    if distributed.size() == 1:
        return resume(folder, key, images, create, say)
    if distributed.rank() > 0:
        state = create()
        restore(state, torch.load(io.BytesIO(distributed.from_first(b"")), map_location="cpu", weights_only=True))
        return folder / key / FILE, state
    path, state = resume(folder, key, images, create, say)
    buffer = io.BytesIO()
    torch.save(content_of(state), buffer)
    distributed.from_first(buffer.getvalue())
    return path, state


def load_or_set_aside(path: Path, create: Callable[[], TrainState], say: Callable[[str], object]) -> TrainState | None:
    """The checkpoint's state; None when there is no checkpoint, or a damaged one, which is renamed."""
    if not path.exists():
        return None
    try:
        return load_checkpoint(path, create())
    except ValueError as error:
        aside = path.with_suffix(".damaged")
        os.replace(path, aside)
        say(f"{error}: moved to {aside.name}, starting over")
        return None


def mark_delivered(path: Path, done: bool = True) -> None:
    """Notes beside the checkpoint that its run's results were written, or that they are yet to be."""
    marker = path.with_suffix(DELIVERED)
    if done:
        write_bytes(marker, b"")
    else:
        marker.unlink(missing_ok=True)


def forget_old_runs(folder: Path) -> None:
    """Deletes the folders of all but the latest delivered runs; one that was not delivered is never deleted."""
    markers = sorted(folder.glob(f"*/*{DELIVERED}"), key=lambda marker: marker.stat().st_mtime, reverse=True)
    for marker in markers[KEPT_RUNS:]:
        shutil.rmtree(marker.parent, ignore_errors=True)
