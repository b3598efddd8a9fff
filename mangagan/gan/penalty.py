"""The penalty on the slope of the discriminator, and a convolution that is fast to differentiate twice."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d
from torch.nn.modules.utils import _pair
from torch.overrides import TorchFunctionMode

PLAIN = [((1, 1), 1), (1, 1), ()]  # dilation and groups of a convolution with neither
NAMED = ("same", "valid")  # paddings that are no numbers


def gradient_penalty(discriminator: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """‖∇D(x)‖² of the logits, half of its mean over the batch: R1 at real images, R2 at generated ones.

    Mescheder, Geiger and Nowozin (2018, arXiv 1801.04406), equation 9, without its γ. Half of |w|² for D(x) = w·x.

    Args:
        discriminator: images to logits; differentiated twice, so not compiled.
        images: (N, C, H, W), float32, outside autocast.
    """
    images = images.detach().requires_grad_(True)
    with Twice():
        logits = discriminator(images)
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean() / 2


class Twice(TorchFunctionMode):
    """Takes `Convolution` for the plain convolutions computed meanwhile."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Calls the function, or `Convolution` in its place."""
        if func is conv2d and not kwargs and len(args) >= 5 and args[5:] in PLAIN and args[4] not in NAMED:
            return Convolution.apply(*args[:5])  # type: ignore[no-untyped-call]  # torch's stub lacks the types
        return func(*args, **(kwargs or {}))


class Convolution(torch.autograd.Function):
    """conv2d whose gradient for its input is a transposed convolution, written out: that is what is differentiated.

    PyTorch's own formula for the second derivative by the weights is a convolution with the batch for its channels and
    feature maps for its kernel, for which a GPU has no fast routine. StyleGAN2-ADA goes around it as well (Karras et
    al. 2020, `conv2d_gradfix`). On a CPU both take as long (measured).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any) -> Tensor:
        """Convolves (N, C, H, W)."""
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding, ctx.biased = _pair(stride), _pair(padding), bias is not None
        return conv2d(x, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of input, weights and bias; the latter two only where nobody differentiates again.

        A Function is not told which gradients are asked for: the first pass of the penalty, which makes a graph, asks
        for the images' alone.
        """
        x, weight = ctx.saved_tensors
        of_input = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            sizes = zip(x.shape[2:], gradient.shape[2:], weight.shape[2:], ctx.stride, ctx.padding, strict=True)
            missing = [side - ((out - 1) * step + kernel - 2 * pad) for side, out, kernel, step, pad in sizes]
            of_input = conv_transpose2d(gradient, weight, None, ctx.stride, ctx.padding, missing)
        if not torch.is_grad_enabled():
            wanted = [False, ctx.needs_input_grad[1], ctx.biased and ctx.needs_input_grad[2]]
            _, of_weight, of_bias = torch.ops.aten.convolution_backward(
                gradient, x, weight, [len(weight)], ctx.stride, ctx.padding, (1, 1), False, (0, 0), 1, wanted
            )
        return of_input, of_weight, of_bias, None, None
