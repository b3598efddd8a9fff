"""Latents that the user brings, as a NumPy array or as CSV. Nothing in the file is executed."""

import tokenize
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mangagan.core.errors import UserError

LARGEST = 1000.0  # far from any latent that a generator was trained on, and from where float32 overflows
NUMBERS = "fiu"  # dtype kinds: floats, integers


def read_latents(path: Path, z_dim: int) -> Tensor:
    """Reads latents.

    Args:
        path: .npy with an array of real numbers (N, z_dim) or (z_dim,), or .csv with one latent a line, no header.
        z_dim: numbers a latent.

    Returns:
        float32 (N, z_dim), N at least 1.

    Raises:
        UserError: another format, another shape, or a value that is no finite number of moderate size.
    """
    reader = {".npy": read_npy, ".csv": read_csv}.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"{path} must end in .npy or .csv")
    try:
        values = np.atleast_2d(reader(path))
    except OSError as error:
        raise UserError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except ValueError as error:
        reason = " ".join(str(error).partition(";")[0].split())  # what follows are NumPy's options
        raise UserError(f"{path} holds no array of numbers: {reason}") from error
    if values.ndim != 2 or values.shape[1] != z_dim or not len(values):
        raise UserError(
            f"{path} holds an array of shape {values.shape}: the model takes (N, {z_dim}), one latent a row, N from 1"
        )
    if values.dtype.kind not in NUMBERS:
        raise UserError(f"{path} holds {values.dtype} values: real numbers are needed")
    large = ~(np.abs(values.astype(np.float64)) <= LARGEST)  # so for NaN too
    if large.any():
        row, column = (int(place[0]) for place in large.nonzero())
        raise UserError(
            f"{path}: row {row + 1}, number {column + 1} is {values[row, column]}: it must lie within ±{LARGEST:g}"
        )
    return torch.from_numpy(values.astype(np.float32))


def read_npy(path: Path) -> np.ndarray:
    """The array of a .npy file, mapped: a header that promises more than the file holds costs no memory.

    Raises:
        ValueError: no such file, an array of Python objects among them.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes that overflow: the error that follows says it all
            return np.lib.format.open_memmap(path, mode="r")
    except (OverflowError, SyntaxError, TypeError, tokenize.TokenError) as error:
        raise ValueError(f"its header is damaged ({error})") from error


def read_csv(path: Path) -> np.ndarray:
    """The numbers of a CSV file, float64 (N, columns).

    Raises:
        ValueError: something else is in it, or lines differ in length.
    """
    with path.open(encoding="utf-8-sig") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an empty file, whose shape says it all
        return np.loadtxt(file, delimiter=",", ndmin=2)
