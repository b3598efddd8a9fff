"""The gradient penalty of the discriminator, and a convolution with a fast second derivative."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d
from torch.nn.modules.utils import _pair
from torch.overrides import TorchFunctionMode

PLAIN = [((1, 1), 1), (1, 1), ()]  # dilation and groups of a convolution that has neither
NAMED_PADDINGS = ("same", "valid")


def zero_centered_gradient_penalty(discriminator: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Return half of the mean of ‖∇D(x)‖² over the images: R1 for real images, R2 for generated ones.

    Mescheder, Geiger and Nowozin (2018, arXiv 1801.04406), equation 9, without γ. For D(x) = w·x it is |w|²/2.

    Args:
        discriminator: Images to logits. It is differentiated twice, which compiled networks do not support.
        images: float32 (N, C, H, W), outside autocast.
    """
    images = images.detach().requires_grad_(True)
    with DoubleBackwardConvolutions():
        logits = discriminator(images)
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean() / 2


class DoubleBackwardConvolutions(TorchFunctionMode):
    """Replaces plain `conv2d` calls by `Convolution`."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call the function, or `Convolution` instead of a plain conv2d."""
        if func is conv2d and not kwargs and len(args) >= 5 and args[5:] in PLAIN and args[4] not in NAMED_PADDINGS:
            return Convolution.apply(*args[:5])  # type: ignore[no-untyped-call]  # torch's stub lacks the types
        return func(*args, **(kwargs or {}))


class Convolution(torch.autograd.Function):
    """conv2d whose gradient by its input is an explicit transposed convolution, which autograd then differentiates.

    PyTorch's own second derivative by the weights is a convolution with the batch as channels and feature maps as
    kernel, for which GPUs have no fast kernel. StyleGAN2-ADA avoids it too (Karras et al. 2020, `conv2d_gradfix`). On a
    CPU the penalty takes 1.2 times as long without it at width 32 (docs/decisions.md).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any) -> Tensor:
        """Convolve (N, C, H, W)."""
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding, ctx.has_bias = _pair(stride), _pair(padding), bias is not None
        return conv2d(x, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients by input, weights and bias; the last two only in a pass that makes no graph.

        A Function does not know which gradients are requested. The first pass of the penalty makes a graph and requests
        only the gradient by the images.
        """
        x, weight = ctx.saved_tensors
        by_input = by_weight = by_bias = None
        if ctx.needs_input_grad[0]:
            sizes = zip(x.shape[2:], gradient.shape[2:], weight.shape[2:], ctx.stride, ctx.padding, strict=True)
            missing = [side - ((out - 1) * step + kernel - 2 * pad) for side, out, kernel, step, pad in sizes]
            by_input = conv_transpose2d(gradient, weight, None, ctx.stride, ctx.padding, missing)
        if not torch.is_grad_enabled():
            requested = [False, ctx.needs_input_grad[1], ctx.has_bias and ctx.needs_input_grad[2]]
            _, by_weight, by_bias = torch.ops.aten.convolution_backward(
                gradient, x, weight, [len(weight)], ctx.stride, ctx.padding, (1, 1), False, (0, 0), 1, requested
            )
        return by_input, by_weight, by_bias, None, None
