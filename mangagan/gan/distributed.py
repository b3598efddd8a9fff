"""Training in several processes that torchrun started, on one or more machines.

Each process computes its share of the same batch. Gradients are averaged before each optimizer step, and BatchNorm uses
the statistics of the whole batch. So all processes hold the same weights: up to rounding, those of one process with the
same batch. In a single process every function here is the identity or does nothing.

DistributedDataParallel is not used: it expects one forward and one backward pass per step. Here D has up to three (loss
and penalties, for each part of the batch), some are differentiated twice, and D is frozen while G is updated.
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

TIMEOUT = timedelta(minutes=10)  # maximum wait for another process, for example while the first process measures

Value = TypeVar("Value")


@contextmanager
def process_group() -> Iterator[None]:
    """Join the processes that torchrun started; do nothing for a single process.

    If all processes raise the same error, one reports it. The others end silently with the same exit status.

    Raises:
        UserError: The processes cannot connect.
        SystemExit: Another process has reported the same error.
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
            f"WORLD_SIZE is set, but the processes cannot connect ({reason}). Start them with torchrun"
        ) from error
    try:
        yield
    except (UserError, KeyboardInterrupt) as error:
        if is_reported(store, f"{type(error).__name__} {error}"):
            sys.exit(2 if isinstance(error, UserError) else 130)
        raise
    finally:
        dist.destroy_process_group()


def is_reported(store: "dist.Store", line: str) -> bool:
    """Return True if another process called this first with the line; False if the store is gone."""
    try:
        return bool(store.add(line, 1) > 1)
    except RuntimeError:
        return False


def size() -> int:
    """Return the number of processes."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the number of this process. Process 0, the first, alone reports, measures and writes."""
    return dist.get_rank() if size() > 1 else 0


def local_rank_and_size() -> tuple[int, int]:
    """Return the number of this process on its machine, and the number of processes there."""
    if size() == 1:
        return 0, 1
    return int(os.environ.get("LOCAL_RANK", rank())), int(os.environ.get("LOCAL_WORLD_SIZE", size()))


def select_gpu() -> None:
    """Select a different GPU in each process of a machine.

    Raises:
        UserError: There are fewer GPUs than processes.
    """
    own, processes = local_rank_and_size()
    if processes > torch.cuda.device_count():
        raise UserError(
            f"{processes} processes on a machine with {torch.cuda.device_count()} GPUs. Start at most one per GPU "
            "(torchrun --nproc-per-node), or set train.device to cpu in params.yaml"
        )
    torch.cuda.set_device(own)


def count_threads(requested: int) -> int:
    """Return the CPU threads of this process: its share of the threads of the machine, at least 1.

    torchrun sets one thread per process, regardless of the number of cores.

    Args:
        requested: Threads on the machine. 0: half of its cores; on a busy machine, more threads would wait for each
            other.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, (requested or cores // 2) // local_rank_and_size()[1])


def check_divisible(batch_size: int, group_size: int) -> None:
    """Raise UserError unless each process can get the same number of whole groups of the batch."""
    unit = size() * group_size
    if size() > 1 and batch_size % unit:
        groups = f" in groups of {group_size} images (train.minibatch_stddev)" if group_size > 1 else ""
        raise UserError(
            f"{size()} processes cannot share a batch of {batch_size}{groups}. Set train.batch_size to a multiple of "
            f"{unit} in params.yaml, or start fewer processes"
        )


def check_same(description: str) -> None:
    """Raise UserError unless all processes have the same description of their run."""
    if maximum(int(broadcast(description) != description)):
        raise UserError(
            "the machines do not have the same faces, params.yaml, code, kind of device or torch. Copy the folder of "
            "the first machine to the others"
        )


def take_share(batch: Tensor) -> Tensor:
    """Return this process's rows of a tensor for the whole batch: consecutive rows."""
    own = len(batch) // size()
    return batch[rank() * own : (rank() + 1) * own]


def gather(own: Tensor) -> Tensor:
    """Return the rows of all processes in order: the inverse of `take_share`."""
    if size() == 1:
        return own
    parts = [torch.empty_like(own) for _ in range(size())]
    with explain_lost_process():
        dist.all_gather(parts, own.contiguous())
    return torch.cat(parts)


def average(own: Tensor) -> Tensor:
    """Return the mean over the processes."""
    return own if size() == 1 else sum_over_processes(own / size())


def average_gradients(network: nn.Module) -> None:
    """Average the gradients over the processes, in one message: gradients of a mean over the whole batch."""
    if size() == 1:
        return
    gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
    mean = average(torch.cat([gradient.flatten() for gradient in gradients]))
    parts = torch.split(mean, [gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view(gradient.shape))


def broadcast(value: Value) -> Value:
    """Return the first process's value in all processes."""
    if size() == 1:
        return value
    values = [value]
    with explain_lost_process():
        dist.broadcast_object_list(values, src=0, device=torch.device("cpu"))
    return values[0]


def maximum(value: int) -> int:
    """Return the largest of the processes' values. Uses the CPU, so that it does not wait for the GPU."""
    if size() == 1:
        return value
    result = torch.tensor(value)
    with explain_lost_process():
        dist.all_reduce(result, dist.ReduceOp.MAX)
    return int(result)


def wait_for_all() -> None:
    """Wait until all processes have called this."""
    maximum(0)


def share_signal(received: list[int]) -> bool:
    """Return True if any process received a signal; pass it to all, so that all stop after the same step.

    A signal that arrives during the exchange counts from the next call on: the other processes have not received it.
    """
    number = maximum(received[0] if received else 0)
    if number and not received:
        received.append(number)
    return number > 0


def exit_other_processes() -> None:
    """End all processes but the first, which writes the results."""
    if rank() > 0:
        sys.exit(0)


@contextmanager
def explain_lost_process() -> Iterator[None]:
    """Turn an error in the communication between processes into a UserError of one line."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise UserError(
            "another process of this training was killed or failed. Start the training again to resume from the last "
            "checkpoint"
        ) from error


def sum_over_processes(own: Tensor) -> Tensor:
    """Return the sum over the processes; it is bit-identical in all processes."""
    total = own.clone(memory_format=torch.contiguous_format)
    with explain_lost_process():
        dist.all_reduce(total)
    return total


class SumOverProcesses(torch.autograd.Function):
    """`sum_over_processes` with a gradient (the sum over the processes); differentiable any number of times."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        """Sum the values."""
        return sum_over_processes(own)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Sum the gradients."""
        return apply_sum(gradients[0])


apply_sum: Callable[[Tensor], Tensor] = SumOverProcesses.apply


class SharedBatchNorm(nn.BatchNorm2d):
    """BatchNorm that uses the statistics of all processes in training.

    PyTorch's SyncBatchNorm runs only on GPUs and cannot be differentiated twice, which a penalty on D with BatchNorm
    requires.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Normalize (N, C, H, W), N of this process; every process must call it."""
        if not self.training:
            return super().forward(images)
        values = images.float()
        own = torch.zeros(size(), 2, values.shape[1], device=values.device)
        own[rank()] = torch.stack([values.mean((0, 2, 3)), values.var((0, 2, 3), correction=0)])
        means, variances = apply_sum(own).unbind(1)
        mean = means.mean(0)
        variance = (variances + (means - mean).square()).mean(0)
        self.update_statistics(mean.detach(), variance.detach(), size() * values[:, 0].numel())
        scale = self.weight * (variance + self.eps).rsqrt()
        shifted = (values - mean[:, None, None]) * scale[:, None, None] + self.bias[:, None, None]
        return shifted.to(images.dtype)

    def update_statistics(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Update the running statistics as BatchNorm2d does: with the variance over `count` - 1 values."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / max(count - 1, 1)), self.momentum)


def synchronize_batchnorm(network: nn.Module) -> None:
    """Make the BatchNorm layers of a network use the whole batch; parameters and buffers stay the same objects."""
    for module in network.modules():
        if size() > 1 and type(module) is nn.BatchNorm2d:
            module.__class__ = SharedBatchNorm  # same attributes, another forward pass
