"""Samples in the folder of a run: `samples/<images>.npz` has the samples after <images> images.

The sample grids are drawn from these files when the results are collected. So a change of the drawing code does not
require training again.
"""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from mangagan.core.files import atomic_path
from mangagan.gan.schedule import is_due

FOLDER = "samples"
DAMAGED = (zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError, NotImplementedError)


def format_path(folder: Path, images_seen: int) -> Path:
    """Return the file of the samples after `images_seen` images; `folder` is that of the run."""
    return folder / FOLDER / f"{images_seen:010}.npz"


def save_samples(path: Path, images: np.ndarray) -> None:
    """Write samples, uint8 (N, C, H, W), atomically."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, images=images)


def read_samples(path: Path) -> np.ndarray:
    """Return the samples in a file, uint8 (N, C, H, W).

    Raises:
        ValueError: The file is damaged.
        OSError: The file is missing or cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            images: np.ndarray = archive["images"]
    except DAMAGED as error:
        raise ValueError(f"{path} is damaged ({type(error).__name__})") from error
    return images


def find_samples(folder: Path, batch_size: int, images_seen: int, every_kimg: int) -> dict[int, Path]:
    """Return the files of the initial samples and of those at multiples of an interval, by kimg.

    Files of another interval are skipped, and files after `images_seen`: they belong to steps that are repeated.

    Args:
        folder: Folder of the run.
        batch_size: Images of a step.
        images_seen: Images shown.
        every_kimg: Interval [kimg].
    """
    paths = {int(path.stem): path for path in sorted((folder / FOLDER).glob("*.npz"))}
    return {
        floor_kimg(images, every_kimg): path
        for images, path in paths.items()
        if images <= images_seen and (images == 0 or is_due(images - batch_size, images, every_kimg))
    }


def floor_kimg(images_seen: int, every_kimg: int) -> int:
    """Return the last multiple of an interval [kimg]. One batch may pass several multiples."""
    return images_seen // (1000 * every_kimg) * every_kimg
