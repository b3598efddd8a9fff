"""Run a network over images in batches of one size; operations that several extractors use."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from mangagan.core.gray import LUMA
from mangagan.core.parallel import cpu_count, map_ordered

BATCH = 32  # images; every batch is padded to this size, because libraries round differently for other sizes


def extract_in_batches(
    network: Callable[[Tensor], Tensor], dimensions: int, images: np.ndarray, workers: int | None = None
) -> np.ndarray:
    """Run a network over images without gradients.

    Several batches run in parallel if torch uses fewer threads than there are cores.

    Args:
        network: Maps uint8 (BATCH, C, S, S) to float (BATCH, D).
        dimensions: D.
        images: uint8 (N, C, S, S), C 1 or 3.
        workers: Batches in parallel. Default: the number of cores, divided by the threads of torch.

    Returns:
        float32 (N, D).

    Raises:
        ValueError: The images have another type or shape.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"need images uint8 (N, 1 or 3, S, S), not {images.dtype} {images.shape}")

    def run(start: int) -> np.ndarray:
        part = images[start : start + BATCH]
        batch = np.zeros((BATCH, *images.shape[1:]), np.uint8)
        batch[: len(part)] = part
        with torch.inference_mode():
            return network(torch.from_numpy(batch))[: len(part)].float().numpy()

    workers = workers or max(1, cpu_count() // torch.get_num_threads())
    blocks = map_ordered(run, range(0, len(images), BATCH), workers)
    return np.concatenate([np.empty((0, dimensions), np.float32), *blocks])


def resize_images(images: Tensor, side: int) -> Tensor:
    """Resize images to (side, side) px without aliasing.

    Bicubic, with a wider filter where the image shrinks, without rounding: like Pillow's resize of floats, as
    recommended by Parmar, Zhang and Zhu, "On aliased resizing and surprising subtleties in GAN evaluation" (CVPR 2022).

    Args:
        images: (N, C, S, S) [0, 255].
        side: New height and width [px].

    Returns:
        float32 (N, C, side, side) [0, 255].
    """
    values = images.float()
    if tuple(images.shape[2:]) == (side, side):
        return values
    return interpolate(values, size=(side, side), mode="bicubic", align_corners=False, antialias=True).clamp(0, 255)


def convert_to_gray(images: Tensor) -> Tensor:
    """Convert (N, 1 or 3, H, W) to (N, 1, H, W); RGB by the luma weights of Rec. 601."""
    if images.shape[1] == 1:
        return images
    return (images * torch.tensor(LUMA)[:, None, None]).sum(dim=1, keepdim=True)


def concatenate_blocks(blocks: list[Tensor], scales: tuple[tuple[float, float], ...]) -> Tensor:
    """Concatenate blocks (N, D_i) of features, each normalised with its (mean, deviation): (N, ΣD_i)."""
    parts = [(block - mean) / deviation for block, (mean, deviation) in zip(blocks, scales, strict=True)]
    return torch.cat(parts, dim=1)
