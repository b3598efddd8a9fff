"""Process-wide settings of PyTorch that change how numbers are rounded."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from mangagan.gan import distributed


@contextlib.contextmanager
def use_repeatable_numerics(device: torch.device, threads: int) -> Iterator[None]:
    """Make a CPU run use_repeatable_numerics and a GPU run fast within the context; restore the previous settings."""
    filling: Any = torch.utils.deterministic
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    benchmark, fill = torch.backends.cudnn.benchmark, filling.fill_uninitialized_memory
    torch.set_num_threads(distributed.count_threads(threads))
    torch.use_deterministic_algorithms(device.type == "cpu")
    filling.fill_uninitialized_memory = False  # saves 2 % of a step; all memory is initialized
    torch.backends.cudnn.benchmark = True  # all steps have the same shapes
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        torch.backends.cudnn.benchmark, filling.fill_uninitialized_memory = benchmark, fill
