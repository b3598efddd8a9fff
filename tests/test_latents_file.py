"""Files of latents: valid ones are read, others are rejected with one line."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from mangagan.core.errors import UserError
from mangagan.generation.latents_file import read_latents


def test_latents_are_read_as_numpy_and_csv_write_them(tmp_path: Path) -> None:
    z = np.random.default_rng(0).normal(size=(5, 4))
    np.save(tmp_path / "z.npy", z)
    np.save(tmp_path / "one.npy", z[0])
    np.save(tmp_path / "columns.npy", np.asfortranarray(z.astype(">f4")))
    np.save(tmp_path / "whole.npy", np.arange(8).reshape(2, 4))
    np.savetxt(tmp_path / "z.CSV", z, delimiter=",")
    expected = torch.from_numpy(z.astype(np.float32))
    for name in ("z.npy", "z.CSV", "columns.npy"):
        assert torch.equal(read_latents(tmp_path / name, 4), expected), name
    assert torch.equal(read_latents(tmp_path / "one.npy", 4), expected[:1])
    assert torch.equal(read_latents(tmp_path / "whole.npy", 4), torch.arange(8.0).view(2, 4))


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("unpickled",)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("z.txt", "1,2,3,4", r"must end in \.npy or \.csv"),
        ("z.csv", "", r"shape \(0, 1\).*\(N, 4\)"),
        ("z.csv", "1,2,3", r"shape \(1, 3\)"),
        ("z.csv", "a,b,c,d\n1,2,3,4", "could not convert string 'a'"),
        ("z.csv", "1,2,3,4\n1,2,3", "number of columns changed"),
        ("z.csv", "1,2,3,4\n1,2,nan,4", "row 2, number 3 is nan"),
        ("z.csv", "1,2,3,-1e300", "row 1, number 4 is -1e"),
        ("z.npy", "", "not an array of numbers"),
        ("z.npy", np.zeros((0, 4)), "not an array of numbers|shape"),
        ("z.npy", np.zeros((2, 2, 4)), r"shape \(2, 2, 4\)"),
        ("z.npy", np.float64(1), r"shape \(1, 1\)"),
        ("z.npy", np.full((1, 4), np.inf), "row 1, number 1 is inf"),
        ("z.npy", np.ones((1, 4), complex), "complex128 values"),
        ("z.npy", np.array([["a"] * 4]), "U1 values"),
        ("z.npy", np.array([[Bomb()] * 4]), "Python objects"),
    ],
)
def test_files_that_are_no_latents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str | np.ndarray, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    if isinstance(content, str):
        path.write_text(content)
    else:
        np.save(path, content, allow_pickle=True)
    with pytest.raises(UserError, match=message) as caught:
        read_latents(path, 4)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [name], "nothing in it was executed"


def test_damaged_arrays_are_one_kind_of_error(tmp_path: Path) -> None:
    path, rng = tmp_path / "z.npy", np.random.default_rng(0)
    np.save(path, np.zeros((3, 4)))
    whole, refused = path.read_bytes(), 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.integers(8, 68)] = rng.integers(32, 127)
        path.write_bytes(damaged[: rng.integers(60, 400)])
        try:
            read_latents(path, 4)
        except UserError:
            refused += 1
    assert refused > 200
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 4)}"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(96))
    with pytest.raises(UserError, match="greater than file size"):
        read_latents(path, 4)
