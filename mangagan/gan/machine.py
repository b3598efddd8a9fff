"""What a run needs of the machine: its device, its memory, repeatable sums, and the signals that end it."""

import contextlib
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import torch

from mangagan.core.errors import UserError
from mangagan.gan import distributed
from mangagan.gan.config import Settings


def pick_device(name: str) -> torch.device:
    """The device for `auto`, `cpu` or `cuda`.

    Raises:
        UserError: a GPU is asked for and there is none, or none for each process.
    """
    present = torch.cuda.is_available()
    if name == "cuda" and not present:
        raise UserError(
            "train.device is cuda but PyTorch sees no GPU: set it to auto or cpu in params.yaml, "
            "or install the GPU driver and a CUDA build of torch"
        )
    if name == "cpu" or not present:
        return torch.device("cpu")
    distributed.take_gpu()
    return torch.device("cuda")


def describe(device: torch.device) -> str:
    """The device in words."""
    cpu = f"the CPU ({torch.get_num_threads()} threads)"
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu
    return f"{name} in each of {distributed.size()} processes" if distributed.size() > 1 else name


@contextlib.contextmanager
def repeatable(device: torch.device, threads: int) -> Iterator[None]:
    """Sets what makes a CPU run repeatable and a GPU run fast, and takes it back afterwards."""
    filling: Any = torch.utils.deterministic
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    search, fill = torch.backends.cudnn.benchmark, filling.fill_uninitialized_memory
    torch.set_num_threads(distributed.threads(threads))
    torch.use_deterministic_algorithms(device.type == "cpu")
    filling.fill_uninitialized_memory = False  # nothing reads what it has not written; filling takes 2 % of a step
    torch.backends.cudnn.benchmark = True  # all steps have the same shapes
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        torch.backends.cudnn.benchmark, filling.fill_uninitialized_memory = search, fill


@contextlib.contextmanager
def explained_memory(settings: Settings, batch: int, attempt: Callable[[int], object]) -> Iterator[None]:
    """Turns the GPU's out-of-memory error into a line that names the batch that fits.

    Args:
        settings: of the run.
        batch: images that a step works through at once.
        attempt: takes one step with so many images at once, on networks of its own.
    """
    try:
        yield
        return
    except torch.OutOfMemoryError as error:
        traceback.clear_frames(error.__traceback__)  # they hold what filled the memory, as long as the error lives
    if distributed.size() > 1:  # the others wait for this one: there is no time to try smaller batches
        raise UserError(
            f"out of GPU memory with {batch} images at once in each of {distributed.size()} processes: raise "
            f"train.accumulate (now {settings.accumulate}) in params.yaml, or start more processes"
        )
    fits = largest_fitting(batch, attempt)
    if not fits:
        raise UserError(
            f"out of GPU memory, with a batch of 2 as well: lower train.base_channels (now {settings.base_channels}) "
            "in params.yaml"
        )
    parts = -(-settings.batch_size // fits)
    raise UserError(
        f"out of GPU memory: {fits} images at once fit: set train.batch_size to {fits} in params.yaml, or "
        f"train.accumulate to {parts}, which takes steps of {settings.batch_size} in {parts} parts"
    )


def largest_fitting(batch: int, attempt: Callable[[int], object]) -> int:
    """The largest of batch/2, batch/4, … 2 for which `attempt` does not run out of GPU memory; 0 for none."""
    while (batch := batch // 2) >= 2:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        try:
            attempt(batch)
        except torch.OutOfMemoryError:
            continue
        return batch
    return 0


@contextlib.contextmanager
def stop_signal() -> Iterator[list[int]]:
    """Notes SIGTERM and SIGINT in the list that it yields, instead of ending the process in the midst of a step."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    if threading.current_thread() is not threading.main_thread():  # Python lets no other thread set handlers
        yield received
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
