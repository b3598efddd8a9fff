"""Checkpoints: all that a run needs to go on, and what they may be reused for."""

import hashlib
import json
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mangagan.files import atomic_path, write_text
from mangagan.gan.config import TrainConfig
from mangagan.gan.training import TrainState

FILE = "checkpoint.pt"
# Neither changes a step: a longer budget goes on, and how often one saves is nobody's result.
NOT_IN_KEY = ("kimg", "checkpoint_kimg")

# What reading a truncated or damaged file raises, depending on where the damage is.
DAMAGE = (zipfile.BadZipFile, pickle.UnpicklingError, RuntimeError, ValueError, KeyError, TypeError, EOFError, OSError)


def run_key(faces: np.ndarray, config: TrainConfig, device: torch.device, threads: int) -> str:
    """Names a run by all that its weights depend on, so that no checkpoint serves a run it does not belong to.

    Args:
        faces: uint8 (N, C, H, W).
        config: all but the budget counts.
        device: where it runs; the GPU computes in bfloat16.
        threads: CPU threads; sums are rounded in an order that depends on them.

    Returns:
        SHA-256 in hex, over the faces, the configuration, this package's source, the device and torch's version.
    """
    knobs = {name: value for name, value in asdict(config).items() if name not in NOT_IN_KEY}
    knobs |= {"device": device.type, "threads": threads if device.type == "cpu" else 0}
    digest = hashlib.sha256(np.ascontiguousarray(faces).data)
    digest.update(json.dumps([knobs, faces.shape, torch.__version__], sort_keys=True).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def save_checkpoint(path: Path, state: TrainState) -> None:
    """Writes the state atomically: tensors and plain values only, no code."""
    content = {
        "generator": state.generator.state_dict(),
        "discriminator": state.discriminator.state_dict(),
        "optimizer_g": state.optimizer_g.state_dict(),
        "optimizer_d": state.optimizer_d.state_dict(),
        "images_seen": state.images_seen,
        "sums": state.sums,
        "steps": state.steps,
        "rows": state.rows,
    }
    with atomic_path(path) as temporary:
        torch.save(content, temporary)


def load_checkpoint(path: Path, state: TrainState) -> TrainState:
    """Puts a checkpoint into a fresh state.

    Args:
        path: of `save_checkpoint`.
        state: from `create_state`, with the same configuration; of no use when this fails.

    Raises:
        ValueError: the file is truncated or damaged, or belongs to other networks.
        FileNotFoundError: there is none.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():  # torch.load checks no checksums
                raise ValueError(f"checksum of {damaged}")
        content: dict[str, Any] = torch.load(path, map_location=state.sums.device, weights_only=True)
        for name in ("generator", "discriminator", "optimizer_g", "optimizer_d"):
            getattr(state, name).load_state_dict(content[name])
        state.images_seen, state.steps = int(content["images_seen"]), int(content["steps"])
        state.sums, state.rows = content["sums"], content["rows"]
    except FileNotFoundError:
        raise
    except DAMAGE as error:
        raise ValueError(f"{path} is damaged ({type(error).__name__})") from error
    return state


def resume(path: Path, create: Callable[[], TrainState], images: int, say: Callable[[str], object]) -> TrainState:
    """The state to go on from: the checkpoint's when it is of use, else a fresh one.

    A run that is complete is not reused: whoever runs the stage again wants it trained again. One whose results were
    never delivered, because something failed between the last step and the files, is.

    Args:
        path: the checkpoint, which need not exist.
        create: makes a fresh state.
        images: the length of the run, in images, up to the last whole batch.
        say: told in one line what is resumed, or why not.
    """
    try:
        state = load_checkpoint(path, create())
    except FileNotFoundError:
        return create()
    except ValueError as error:
        say(f"{error}: starting over")
        return create()
    if state.images_seen < images or (state.images_seen == images and not was_delivered(path, images)):
        say(f"resuming at {state.images_seen / 1000:.1f} kimg")
        return state
    return create()


def mark_delivered(path: Path, images: int) -> None:
    """Notes beside the checkpoint that the results of a run of this length were written."""
    write_text(path.with_suffix(".delivered"), f"{images}\n")


def was_delivered(path: Path, images: int) -> bool:
    """Whether `mark_delivered` was called for this length."""
    marker = path.with_suffix(".delivered")
    return marker.exists() and marker.read_text() == f"{images}\n"
