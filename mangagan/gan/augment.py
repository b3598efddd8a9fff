"""Augmentations that gradients pass through: D sees real and generated images only augmented, G draws clean ones.

DiffAugment (Zhao, Liu, Lin, Zhu and Han, NeurIPS 2020, arXiv 2006.10738) with, for each image and augmentation, the
probability of ADA (Karras et al. 2020, arXiv 2006.06676).
"""

import torch
from torch import Tensor

from mangagan.gan.recipes import AUGMENTATIONS

SHIFT = 1 / 8  # of the side, at most; the paper's
CUT = 1 / 2  # of the side; the paper's
STRONGEST = 0.8  # that the adaptive strength gets: above it G begins to draw what the augmentation does (ADA's paper)


def draw_numbers(count: int, randomness: torch.Generator) -> Tensor:
    """All randomness of one augmentation: float32 (count, augmentations, 4) in [0, 1), on the source's device."""
    return torch.rand(count, len(AUGMENTATIONS), 4, generator=randomness, device=randomness.device)


def augment(images: Tensor, names: tuple[str, ...], strength: Tensor, numbers: Tensor) -> Tensor:
    """Augments each image at random.

    Args:
        images: (N, C, H, W) in [-1, 1].
        names: some of `AUGMENTATIONS`.
        strength: () in [0, 1], the probability of each augmentation for each image; on the images' device.
        numbers: of `draw_numbers`, for N images.

    Returns:
        (N, C, H, W), a function of the arguments, differentiable in `images`; may leave [-1, 1].
    """
    for function, own in zip((color, translation, cutout), numbers.unbind(1), strict=True):
        if function.__name__ in names:
            chance, *rest = own[:, :, None, None, None].unbind(1)
            images = function(images, (chance < strength).to(images.dtype), *rest)
    return images


def color(images: Tensor, applied: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor) -> Tensor:
    """Adds up to ±0.5 to all pixels; scales the contrast by 0.5 … 1.5 and, of RGB, the saturation by 0 … 2.

    Args:
        images: (N, C, H, W).
        applied: (N, 1, 1, 1), 1 for images to change, 0 for others.
        brightness: (N, 1, 1, 1) in [0, 1).
        contrast: the same.
        saturation: the same.
    """
    images = images + applied * (brightness - 0.5)
    if images.shape[1] > 1:
        gray = images.mean(dim=1, keepdim=True)
        images = gray + (images - gray) * (1 + applied * (2 * saturation - 1))
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (images - mean) * (1 + applied * (contrast - 0.5))


def translation(images: Tensor, applied: Tensor, down: Tensor, right: Tensor, _: Tensor) -> Tensor:
    """Shifts by whole pixels, up to SHIFT of the side each way; 0 comes in at the edge."""
    height, width = images.shape[2:]
    rows = shift(height, applied, down).to(images.dtype)
    columns = shift(width, applied, right).to(images.dtype)
    return rows @ images @ columns.transpose(2, 3)


def shift(side: int, applied: Tensor, number: Tensor) -> Tensor:
    """Matrices (N, 1, side, side) that shift along one axis: a product is faster to differentiate than indexing."""
    most = round(side * SHIFT)
    offset = applied * (torch.floor(number * (2 * most + 1)) - most)
    index = torch.arange(side, device=number.device)
    return index[:, None] - offset == index


def cutout(images: Tensor, applied: Tensor, row: Tensor, column: Tensor, _: Tensor) -> Tensor:
    """Sets a square of CUT of the side to 0; it may reach past the edge."""
    height, width = images.shape[2:]
    inside = cut(height, row)[:, :, :, None] & cut(width, column)[:, :, None, :]
    return images * (1 - applied * inside.to(images.dtype))


def cut(side: int, number: Tensor) -> Tensor:
    """Which of `side` pixels along an axis lie in a cut with its middle anywhere on it: bool (N, 1, side)."""
    half = side * CUT / 2
    index = torch.arange(side, device=number.device) + 0.5
    return (index - number.flatten(2) * side).abs() < half
