"""Differentiable augmentation: D sees real and generated images only augmented, so G learns to generate clean ones.

DiffAugment (Zhao, Liu, Lin, Zhu and Han, NeurIPS 2020, arXiv 2006.10738) with the probability of ADA for each image and
augmentation (Karras et al. 2020, arXiv 2006.06676).
"""

import torch
from torch import Tensor

from mangagan.gan.recipes import AUGMENTATIONS

MAX_SHIFT = 1 / 8  # share of the side, as in the paper
CUTOUT_SIZE = 1 / 2  # share of the side, as in the paper
MAX_STRENGTH = 0.8  # maximum of the adaptive probability; above it, augmentations appear in generated images (ADA)


def draw_numbers(count: int, rng: torch.Generator) -> Tensor:
    """Draw all random numbers for augmenting images once: float32 (count, augmentations, 4) in [0, 1)."""
    return torch.rand(count, len(AUGMENTATIONS), 4, generator=rng, device=rng.device)


def augment(images: Tensor, names: tuple[str, ...], strength: Tensor, numbers: Tensor) -> Tensor:
    """Augment images; the result depends only on the arguments and is differentiable in `images`.

    Args:
        images: (N, C, H, W) in [-1, 1].
        names: Names from `AUGMENTATIONS`.
        strength: Probability of each augmentation for each image, () in [0, 1], on the device of the images.
        numbers: Random numbers of `draw_numbers` for N images.

    Returns:
        (N, C, H, W); values may leave [-1, 1].
    """
    for function, own_numbers in zip((color, translation, cutout), numbers.unbind(1), strict=True):
        if function.__name__ in names:
            draw, *rest = own_numbers[:, :, None, None, None].unbind(1)
            images = function(images, (draw < strength).to(images.dtype), *rest)
    return images


def color(images: Tensor, applied: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor) -> Tensor:
    """Add up to ±0.5 to all pixels, scale the contrast by [0.5, 1.5] and the saturation of RGB by [0, 2].

    Args:
        images: (N, C, H, W).
        applied: (N, 1, 1, 1), 1 for images to change, 0 for others.
        brightness: (N, 1, 1, 1) in [0, 1).
        contrast: (N, 1, 1, 1) in [0, 1).
        saturation: (N, 1, 1, 1) in [0, 1).
    """
    images = images + applied * (brightness - 0.5)
    if images.shape[1] > 1:
        gray = images.mean(dim=1, keepdim=True)
        images = gray + (images - gray) * (1 + applied * (2 * saturation - 1))
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (images - mean) * (1 + applied * (contrast - 0.5))


def translation(images: Tensor, applied: Tensor, down: Tensor, right: Tensor, _: Tensor) -> Tensor:
    """Shift by whole pixels, at most MAX_SHIFT of the side in each direction; fill with 0."""
    height, width = images.shape[2:]
    rows = make_shift_matrices(height, applied, down).to(images.dtype)
    columns = make_shift_matrices(width, applied, right).to(images.dtype)
    return rows @ images @ columns.transpose(2, 3)


def make_shift_matrices(side: int, applied: Tensor, number: Tensor) -> Tensor:
    """Return matrices (N, 1, side, side) that shift along one axis: faster to differentiate than indexing."""
    maximum = round(side * MAX_SHIFT)
    offset = applied * (torch.floor(number * (2 * maximum + 1)) - maximum)
    index = torch.arange(side, device=number.device)
    return index[:, None] - offset == index


def cutout(images: Tensor, applied: Tensor, row: Tensor, column: Tensor, _: Tensor) -> Tensor:
    """Set a square with CUTOUT_SIZE of the side to 0; it may extend past the edge."""
    height, width = images.shape[2:]
    inside = mask_interval(height, row)[:, :, :, None] & mask_interval(width, column)[:, :, None, :]
    return images * (1 - applied * inside.to(images.dtype))


def mask_interval(side: int, number: Tensor) -> Tensor:
    """Return bool (N, 1, side): the pixels of one axis in an interval whose centre may be anywhere on it."""
    half = side * CUTOUT_SIZE / 2
    index = torch.arange(side, device=number.device) + 0.5
    return (index - number.flatten(2) * side).abs() < half
