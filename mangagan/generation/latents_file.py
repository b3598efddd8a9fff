"""Latents in a NumPy or CSV file of the user. Nothing in the file is executed."""

import tokenize
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mangagan.core.errors import UserError

MAX_ABSOLUTE = 1000.0  # far above the values of N(0, 1), and far below an overflow of float32
REAL_KINDS = "fiu"  # dtype kinds of real numbers: float, int, unsigned int


def read_latents(path: Path, z_dim: int) -> Tensor:
    """Read latents.

    Args:
        path: .npy file with an array of real numbers (N, z_dim) or (z_dim,), or .csv file with one latent per line and
            no header.
        z_dim: Length of a latent.

    Returns:
        float32 (N, z_dim), N at least 1.

    Raises:
        UserError: The file cannot be read, has another format or shape, or holds a number that is not finite or too
            large.
    """
    reader = {".npy": read_npy, ".csv": read_csv}.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"{path} must end in .npy or .csv")
    try:
        values = np.atleast_2d(reader(path))
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {(error.strerror or str(error)).lower()}. Give an existing .npy or .csv file"
        ) from error
    except ValueError as error:
        reason = " ".join(str(error).partition(";")[0].split())  # NumPy lists its options after the semicolon
        raise UserError(f"{path} is not an array of numbers ({reason}). Use real numbers") from error
    if values.ndim != 2 or values.shape[1] != z_dim or not len(values):
        raise UserError(
            f"{path} holds an array of shape {values.shape}. The model needs (N, {z_dim}): one latent per row"
        )
    if values.dtype.kind not in REAL_KINDS:
        raise UserError(f"{path} holds {values.dtype} values. Use real numbers")
    invalid = ~(np.abs(values.astype(np.float64)) <= MAX_ABSOLUTE)  # True for NaN as well
    if invalid.any():
        row, column = (int(indices[0]) for indices in invalid.nonzero())
        raise UserError(
            f"{path}: row {row + 1}, number {column + 1} is {values[row, column]}. Use numbers within ±{MAX_ABSOLUTE:g}"
        )
    return torch.from_numpy(values.astype(np.float32))


def read_npy(path: Path) -> np.ndarray:
    """Map the array of a .npy file into memory, so that a false size in the header allocates nothing.

    Raises:
        ValueError: The file is not a .npy file, or holds Python objects.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a size that overflows warns before it raises
            return np.lib.format.open_memmap(path, mode="r")
    except (OverflowError, SyntaxError, TypeError, tokenize.TokenError) as error:
        raise ValueError(f"the header is damaged ({error})") from error


def read_csv(path: Path) -> np.ndarray:
    """Read the numbers of a CSV file as float64 (N, columns).

    Raises:
        ValueError: The file holds something other than numbers, or lines differ in length.
    """
    with path.open(encoding="utf-8-sig") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an empty file warns; the caller rejects its shape
        return np.loadtxt(file, delimiter=",", ndmin=2)
