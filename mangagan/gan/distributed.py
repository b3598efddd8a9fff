"""Training on several GPUs or machines: what the processes that torchrun started tell each other.

Each process works through its share of one and the same batch. Gradients are averaged before each step of an optimizer
and BatchNorm takes its statistics of the whole batch, so that all processes hold the same weights, those of one process
with the same batch, up to rounding. In a single process each function here is the identity, or does nothing.

DistributedDataParallel is not used. It counts on one forward and one backward pass a step; here D has up to three (loss
and penalties, part by part), some of them differentiated twice, and it is frozen while G is updated.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from mangagan.core.errors import UserError

TIMEOUT = timedelta(minutes=10)  # the longest that a process waits for another, such as the one that measures

Value = TypeVar("Value")


@contextmanager
def group() -> Iterator[None]:
    """Joins the processes that torchrun started. Without it, or with one process, nothing is done.

    An error that all processes meet is told by one of them: the others end with its exit status and say nothing.

    Raises:
        UserError: the processes did not find each other.
        SystemExit: another process raised the same error.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    try:
        store, own_rank, processes = next(dist.rendezvous("env://", timeout=TIMEOUT))
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, store=store, rank=own_rank, world_size=processes, timeout=TIMEOUT)
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"WORLD_SIZE is set, but the processes do not meet ({reason}): start them by torchrun"
        ) from error
    try:
        yield
    except (UserError, KeyboardInterrupt) as error:
        if told_before(store, f"{type(error).__name__} {error}"):
            sys.exit(2 if isinstance(error, UserError) else 130)
        raise
    finally:
        dist.destroy_process_group()


def told_before(store: "dist.Store", line: str) -> bool:
    """Whether another process was the first to ask this about the line; False where the store has gone."""
    try:
        return bool(store.add(line, 1) > 1)
    except RuntimeError:
        return False


def size() -> int:
    """The number of processes."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """The number of this one; 0 is the first, which alone tells, measures and writes."""
    return dist.get_rank() if size() > 1 else 0


def on_this_machine() -> tuple[int, int]:
    """The number of this process among those of its machine, and how many they are."""
    if size() == 1:
        return 0, 1
    return int(os.environ.get("LOCAL_RANK", rank())), int(os.environ.get("LOCAL_WORLD_SIZE", size()))


def take_gpu() -> None:
    """Gives each process of a machine a GPU of its own.

    Raises:
        UserError: there are fewer GPUs than processes.
    """
    own, processes = on_this_machine()
    if processes > torch.cuda.device_count():
        raise UserError(
            f"{processes} processes on a machine with {torch.cuda.device_count()} GPUs: start at most one for each "
            "(torchrun --nproc-per-node), or set train.device to cpu"
        )
    torch.cuda.set_device(own)


def threads(asked: int) -> int:
    """CPU threads of this process: those asked for, or the machine's cores, shared by the processes on it.

    torchrun sets one thread a process, whatever the machine has.

    Args:
        asked: 0 for what torch, or several processes the machine, has.
    """
    processes = on_this_machine()[1]
    if processes == 1:
        return asked or torch.get_num_threads()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, (asked or cores) // processes)


def check_share(batch: int, group_size: int) -> None:
    """Raises UserError unless the processes can share a batch so that each has whole groups."""
    unit = size() * group_size
    if size() > 1 and batch % unit:
        groups = f" in groups of {group_size} images (train.minibatch_stddev)" if group_size > 1 else ""
        raise UserError(
            f"{size()} processes cannot share a batch of {batch}{groups}: set train.batch_size to a multiple of {unit} "
            "in params.yaml, or start fewer processes"
        )


def check_same(mark: str) -> None:
    """Raises UserError unless all processes have the same mark, of what they are about to train."""
    if largest(int(from_first(mark) != mark)):
        raise UserError(
            "the machines do not have the same faces, params.yaml, code, kind of device or torch: copy the folder of "
            "the first to the others"
        )


def share(whole: Tensor) -> Tensor:
    """This process's rows of what was drawn for the whole batch, neighbours in it."""
    own = len(whole) // size()
    return whole[rank() * own : (rank() + 1) * own]


def gathered(own: Tensor) -> Tensor:
    """The rows of all processes, in order: the opposite of `share`."""
    if size() == 1:
        return own
    parts = [torch.empty_like(own) for _ in range(size())]
    with explained():
        dist.all_gather(parts, own.contiguous())
    return torch.cat(parts)


def average(own: Tensor) -> Tensor:
    """The mean over the processes."""
    return own if size() == 1 else all_sum(own / size())


def average_gradients(network: nn.Module) -> None:
    """Makes the gradients of a mean over the share those of the mean over the batch, in one message."""
    if size() == 1:
        return
    gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
    mean = average(torch.cat([gradient.flatten() for gradient in gradients]))
    parts = torch.split(mean, [gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view(gradient.shape))


def from_first(value: Value) -> Value:
    """The first process's value, in all."""
    if size() == 1:
        return value
    values = [value]
    with explained():
        dist.broadcast_object_list(values, src=0, device=torch.device("cpu"))
    return values[0]


def largest(value: int) -> int:
    """The largest of the processes' values. Goes over the CPU: the GPU is not waited for."""
    if size() == 1:
        return value
    found = torch.tensor(value)
    with explained():
        dist.all_reduce(found, dist.ReduceOp.MAX)
    return int(found)


def wait() -> None:
    """Waits for all processes."""
    largest(0)


def agreed(received: list[int]) -> bool:
    """Whether a process was sent a signal; its number is noted in all, so that all end after the same step."""
    if (number := largest(received[0] if received else 0)) and not received:
        received.append(number)
    return bool(received)


def leave_to_first() -> None:
    """Ends all processes but the first, which has the results to write."""
    if rank() > 0:
        sys.exit(0)


@contextmanager
def explained() -> Iterator[None]:
    """Turns the error of a message that did not get through into a line."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise UserError(
            "another process of this training was killed or failed: start it again to go on from the last checkpoint"
        ) from error


def all_sum(own: Tensor) -> Tensor:
    """The sum over the processes, the same bits in all."""
    total = own.clone(memory_format=torch.contiguous_format)
    with explained():
        dist.all_reduce(total)
    return total


class Sum(torch.autograd.Function):
    """`all_sum`, whose gradient is the sum of the gradients in all processes; differentiable any number of times."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        """Sums."""
        return all_sum(own)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Sums the gradients."""
        return apply_sum(gradients[0])


apply_sum: Callable[[Tensor], Tensor] = Sum.apply


class WholeBatchNorm(nn.BatchNorm2d):
    """BatchNorm whose statistics in training are those of all processes' shares.

    PyTorch's SyncBatchNorm runs on GPUs only and cannot be differentiated twice, as a penalty on a D with BatchNorm is.
    """

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) to the same, N of this process; every process must call it."""
        if not self.training:
            return super().forward(images)
        values = images.float()
        own = torch.zeros(size(), 2, values.shape[1], device=values.device)
        own[rank()] = torch.stack([values.mean((0, 2, 3)), values.var((0, 2, 3), correction=0)])
        means, variances = apply_sum(own).unbind(1)
        mean = means.mean(0)
        variance = (variances + (means - mean).square()).mean(0)
        self.keep(mean.detach(), variance.detach(), size() * values[:, 0].numel())
        scale = self.weight * (variance + self.eps).rsqrt()
        shifted = (values - mean[:, None, None]) * scale[:, None, None] + self.bias[:, None, None]
        return shifted.to(images.dtype)

    def keep(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Moves the running statistics as BatchNorm2d does: with the variance over `count` - 1 values."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / max(count - 1, 1)), self.momentum)


def synchronize(network: nn.Module) -> None:
    """Makes a network's BatchNorms see the whole batch; weights and buffers stay the objects that they are."""
    for module in network.modules():
        if size() > 1 and type(module) is nn.BatchNorm2d:
            module.__class__ = WholeBatchNorm  # the same attributes, another forward pass
