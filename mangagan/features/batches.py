"""Images in batches of one size through a network, and features side by side."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

BATCH = 32  # images; every batch is filled up to it, because libraries take other paths for other sizes
LUMA = (0.299, 0.587, 0.114)  # Rec. 601


def extract(network: Callable[[Tensor], Tensor], dimensions: int, images: np.ndarray) -> np.ndarray:
    """Runs a network without gradients over images.

    Args:
        network: uint8 (BATCH, C, S, S) to float (BATCH, D).
        dimensions: D.
        images: uint8 (N, C, S, S), C 1 or 3.

    Returns:
        float32 (N, D).

    Raises:
        ValueError: images of another type or shape.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"need images uint8 (N, 1 or 3, S, S), not {images.dtype} {images.shape}")
    features = np.empty((len(images), dimensions), np.float32)
    for start in range(0, len(images), BATCH):
        part = images[start : start + BATCH]
        filled = np.zeros((BATCH, *images.shape[1:]), np.uint8)
        filled[: len(part)] = part
        with torch.inference_mode():
            features[start : start + len(part)] = network(torch.from_numpy(filled))[: len(part)].numpy()
    return features


def resized(images: Tensor, side: int) -> Tensor:
    """Images at (side, side) px as float32, 0 to 255, without aliasing.

    Bicubic, the filter widened where the image shrinks, without rounding: Pillow's resize of floats, as
    Parmar, Zhang and Zhu ask for, "On aliased resizing and surprising subtleties in GAN evaluation" (CVPR 2022).

    Args:
        images: (N, C, S, S), 0 to 255.
        side: px.
    """
    values = images.float()
    if tuple(images.shape[2:]) == (side, side):
        return values
    return interpolate(values, size=(side, side), mode="bicubic", align_corners=False, antialias=True).clamp(0, 255)


def gray(images: Tensor) -> Tensor:
    """(N, 1 or 3, H, W) as (N, 1, H, W), RGB by the luma weights of Rec. 601."""
    if images.shape[1] == 1:
        return images
    return (images * torch.tensor(LUMA)[:, None, None]).sum(dim=1, keepdim=True)


def scaled(blocks: list[Tensor], scales: tuple[tuple[float, float], ...]) -> Tensor:
    """Puts blocks (N, D_i) of features side by side, each minus its centre and divided by its deviation: (N, ΣD_i)."""
    parts = [(block - centre) / deviation for block, (centre, deviation) in zip(blocks, scales, strict=True)]
    return torch.cat(parts, dim=1)
