"""The machine in training: device, memory, and the signals that end a run."""

import contextlib
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from types import FrameType

import torch

from mangagan.core.errors import UserError
from mangagan.gan import distributed
from mangagan.gan.config import Settings

# Messages of RuntimeErrors when the memory of the CPU runs out: torch has no class for it. The first is that of its
# allocator on Linux, the second on Windows, the others come from oneDNN and from C++.
CPU_SHORTAGES = ("can't allocate memory", "not enough memory", "could not create a memory", "std::bad_alloc")


def pick_device(name: str) -> torch.device:
    """Return the device for `auto`, `cpu` or `cuda`.

    Raises:
        UserError: A GPU is requested and there is none, or fewer than processes.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UserError(
            "train.device is cuda but PyTorch finds no GPU. Set it to auto or cpu in params.yaml, or install the GPU "
            "driver and a CUDA build of torch"
        )
    if name == "cpu" or not available:
        return torch.device("cpu")
    distributed.select_gpu()
    return torch.device("cuda")


def describe_device(device: torch.device) -> str:
    """Return the device in words."""
    cpu = f"the CPU ({torch.get_num_threads()} threads)"
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu
    return f"{name} in each of {distributed.size()} processes" if distributed.size() > 1 else name


@contextlib.contextmanager
def explain_memory_errors(settings: Settings, batch_size: int, attempt: Callable[[int], object]) -> Iterator[None]:
    """Turn out-of-memory errors of GPU or CPU into a UserError that says what to change.

    Args:
        settings: Settings of the run.
        batch_size: Images that a step computes at once.
        attempt: Function that takes one step with the given number of images, on separate networks.
    """
    try:
        yield
        return
    except (MemoryError, RuntimeError) as error:
        on_gpu = isinstance(error, torch.OutOfMemoryError)
        if not on_gpu and not is_cpu_shortage(error):
            raise
        traceback.clear_frames(error.__traceback__)  # the frames would keep the memory in use
    if not on_gpu:  # no attempts: the kernel may kill a process that fills the memory
        raise UserError(
            f"out of memory. In params.yaml, increase train.accumulate (now {settings.accumulate}), lower "
            f"train.batch_size (now {settings.batch_size}) or train.base_channels (now {settings.base_channels}), or "
            f"lower train.memory_mb (now {settings.memory_mb}) to read the faces from a file"
        )
    if distributed.size() > 1:  # no attempts: the other processes are waiting
        raise UserError(
            f"out of GPU memory with {batch_size} images at once in each of {distributed.size()} processes. Increase "
            f"train.accumulate (now {settings.accumulate}) in params.yaml, or start more processes"
        )
    fitting = find_largest_fitting(batch_size, attempt)
    if not fitting:
        raise UserError(
            f"out of GPU memory even with a batch of 2. Lower train.base_channels (now {settings.base_channels}) in "
            "params.yaml"
        )
    parts = -(-settings.batch_size // fitting)
    raise UserError(
        f"out of GPU memory. Up to {fitting} images at once fit. Set train.batch_size to {fitting} in params.yaml, or "
        f"train.accumulate to {parts}, which computes a batch of {settings.batch_size} in {parts} parts"
    )


@contextlib.contextmanager
def explain_cpu_shortage(advice: str) -> Iterator[None]:
    """Turn out-of-memory errors of the CPU into a UserError that ends with the advice."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_cpu_shortage(error):
            raise
        raise UserError(f"out of memory. {advice}") from error


def is_cpu_shortage(error: BaseException) -> bool:
    """Return True if the error is an out-of-memory error of the CPU."""
    return isinstance(error, MemoryError) or any(text in str(error) for text in CPU_SHORTAGES)


def find_largest_fitting(batch_size: int, attempt: Callable[[int], object]) -> int:
    """Return the largest of batch_size/2, /4, … 2 for which `attempt` does not exhaust the GPU memory; 0 if none."""
    while (batch_size := batch_size // 2) >= 2:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        try:
            attempt(batch_size)
        except torch.OutOfMemoryError:
            continue
        return batch_size
    return 0


@contextlib.contextmanager
def record_stop_signals() -> Iterator[list[int]]:
    """Yield a list to which SIGTERM and SIGINT are added, instead of ending the process in the middle of a step."""
    received: list[int] = []

    def record(number: int, frame: FrameType | None) -> None:
        received.append(number)

    if threading.current_thread() is not threading.main_thread():  # Python lets no other thread set handlers
        yield received
        return
    before = {number: signal.signal(number, record) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
