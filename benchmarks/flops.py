"""The least work that a training step is, and the most that a machine does in a second."""

import copy
import time
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mangagan.gan.config import Settings
from mangagan.gan.state import create_state

MATRIX = {"cpu": 1024, "cuda": 8192}  # side of the matrices whose product sets the peak


def step_flops(settings: Settings, shape: tuple[int, ...]) -> float:
    """The floating-point operations of a step, in convolutions and matrix products.

    A backward pass takes twice the forward's: once for the layer's weights, once for its input. D judges real and fake
    images for its own update, and the fakes again for G's, which needs no gradient of D's weights: 3·2 + 2 = 8 forward
    passes of D and 3 of G. Every further update of G takes 3 of G and 2 of D. A relativistic loss judges the real
    images again after the update of D, 1 of D. A gradient penalty adds the pass to the images and its own backward
    pass, 3 of D, once in its period.
    """
    state = create_state(replace(settings, ema_kimg=0.0, compile=False), shape[1], shape[0], torch.device("cpu"))
    of_g = forward_flops(state.generator, torch.zeros(4, settings.z_dim)) / 4
    of_d = forward_flops(state.discriminator, torch.zeros(4, *shape)) / 4
    again = settings.generator_steps - 1
    penalties = 3 * (bool(settings.r1) + bool(settings.r2)) / settings.penalty_every
    anew = settings.loss == "relativistic"
    passes_of_g = 3 + 3 * again
    passes_of_d = 8 + 2 * again + anew + penalties
    return settings.batch_size * (passes_of_g * of_g + passes_of_d * of_d)


def forward_flops(network: nn.Module, x: Tensor) -> float:
    """The operations of a forward pass in convolutions and matrix products.

    2 for each multiplication with its addition. A transposed convolution multiplies at its inputs, all the others at
    their outputs.
    """
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        copy.deepcopy(network).eval()(x)
    return counter.get_total_flops()


def peak_flops(device: torch.device, precision: str) -> dict[str, float]:
    """Operations a second of a large matrix product: in float32, and in the networks' precision where that is another.

    On a GPU, float32 is computed as PyTorch computes float32 convolutions there: in TF32.

    Args:
        device: which.
        precision: `float32` or `bfloat16`.
    """
    side, before = MATRIX[device.type], torch.get_float32_matmul_precision()
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    result = {}
    for name in dict.fromkeys(("float32", precision)):
        matrix = torch.randn(side, side, device=device).to(getattr(torch, name))
        result[name] = 2 * side**3 / min(product_seconds(matrix) for _ in range(6))
    torch.set_float32_matmul_precision(before)
    return result


def product_seconds(matrix: Tensor, repeats: int = 4) -> float:
    """Seconds for the product of a square matrix with itself."""
    product = torch.mm(matrix, matrix)
    synchronize(matrix.device)
    started = time.perf_counter()
    for _ in range(repeats):
        torch.mm(matrix, matrix, out=product)
    synchronize(matrix.device)
    return (time.perf_counter() - started) / repeats


def synchronize(device: torch.device) -> None:
    """Waits for what the GPU was asked to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
