"""Number of operations of a training step and peak throughput of a device, for a lower bound of the step time."""

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mangagan.gan.config import Settings
from mangagan.gan.state import create_state

MATRIX_SIDE = {"cpu": 1024, "cuda": 8192}  # side of the matrices that measure the peak


def count_step_flops(settings: Settings, shape: tuple[int, ...]) -> float:
    """Return the floating-point operations of a training step in convolutions and matrix products.

    A backward pass costs two forward passes: one for the gradient of the weights, one for that of the input. D
    processes real and generated images for its own update, and the generated images again for the update of G, which
    needs no gradient of D's weights: 3·2 + 2 = 8 forward passes of D and 3 of G. Each further update of G costs 3
    passes of G and 2 of D. A relativistic loss processes the real images again after the update of D: 1 pass of D. A
    gradient penalty costs 3 passes of D once per period: the pass for the gradient and its own backward pass.

    The discriminators on features cost as many passes as D. Their frozen encoder processes real and generated images
    for their update, and generated images for the update of G, with a gradient of the images only: 4 passes, and 2 for
    each further update of G.
    """
    state = create_state(replace(settings, ema_kimg=0.0, compile=False), shape[1], shape[0], torch.device("cpu"))
    generator_flops = count_forward_flops(state.generator, torch.zeros(4, settings.z_dim)) / 4
    discriminator_flops = count_forward_flops(state.discriminator, torch.zeros(4, *shape)) / 4
    extra_updates = settings.generator_steps - 1
    penalties = 3 * (bool(settings.r1) + bool(settings.r2)) / settings.penalty_every
    relativistic = settings.loss == "relativistic"
    generator_passes = 3 + 3 * extra_updates
    discriminator_passes = 8 + 2 * extra_updates + relativistic + penalties
    flops = generator_passes * generator_flops + discriminator_passes * discriminator_flops
    if state.feature_discriminator is not None:
        encoder_flops = count_forward_flops(state.encode, torch.zeros(4, *shape)) / 4
        head_flops = count_forward_flops(state.feature_discriminator, state.encode(torch.zeros(4, *shape))) / 4
        head_passes = 8 + 2 * extra_updates + relativistic + 3 * bool(settings.feature_r1) / settings.penalty_every
        flops += (4 + 2 * extra_updates) * encoder_flops + head_passes * head_flops
    return settings.batch_size * flops


def count_forward_flops(network: Callable[..., Any], x: Tensor | list[Tensor]) -> float:
    """Return the operations of a forward pass in convolutions and matrix products.

    A multiply-add counts as 2. A transposed convolution multiplies once per input pixel, all others once per output
    pixel.
    """
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        evaluated = copy.deepcopy(network).eval() if isinstance(network, nn.Module) else network
        evaluated(x)
    return counter.get_total_flops()


def measure_peak_flops(device: torch.device, precision: str) -> dict[str, float]:
    """Return the operations per second of a large matrix product, by precision.

    The result has float32 and, if different, `precision`, in this order. On a GPU, float32 uses TF32, as PyTorch does
    for float32 convolutions.

    Args:
        device: The device.
        precision: Precision of the networks: `float32` or `bfloat16`.
    """
    side, before = MATRIX_SIDE[device.type], torch.get_float32_matmul_precision()
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    result = {}
    for name in dict.fromkeys(("float32", precision)):
        matrix = torch.randn(side, side, device=device).to(getattr(torch, name))
        result[name] = 2 * side**3 / min(time_matrix_product(matrix) for _ in range(6))
    torch.set_float32_matmul_precision(before)
    return result


def time_matrix_product(matrix: Tensor, repeats: int = 4) -> float:
    """Return the seconds of the product of a square matrix with itself, mean over `repeats`."""
    product = torch.mm(matrix, matrix)
    synchronize(matrix.device)
    started = time.perf_counter()
    for _ in range(repeats):
        torch.mm(matrix, matrix, out=product)
    synchronize(matrix.device)
    return (time.perf_counter() - started) / repeats


def synchronize(device: torch.device) -> None:
    """Wait until all work of a GPU has finished; return at once on a CPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
