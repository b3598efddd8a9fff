"""Tensors in safetensors files, which hold no code.

The format is written and read here, in few lines: a GPU machine need not have the safetensors package.
https://github.com/huggingface/safetensors#format: 8 bytes with the header's length, the header in JSON, the tensors.
"""

import json
import math
import struct

import torch
from torch import Tensor

# In the order in which the package writes them.
DTYPES = {"I64": torch.int64, "F32": torch.float32, "F16": torch.float16}
ALIGNMENT = 8  # bytes; the header is padded with spaces


def pack(tensors: dict[str, Tensor]) -> bytes:
    """Tensors of the types in `DTYPES` as the bytes that the safetensors package writes for them."""
    header, parts, end = {}, [], 0
    for code, dtype in DTYPES.items():
        for name in sorted(name for name in tensors if tensors[name].dtype == dtype):
            parts.append(tensors[name].detach().cpu().contiguous().numpy().tobytes())
            start, end = end, end + len(parts[-1])
            header[name] = {"dtype": code, "shape": list(tensors[name].shape), "data_offsets": [start, end]}
    if missing := tensors.keys() - header.keys():
        raise ValueError(f"neither float32, float16 nor int64: {sorted(missing)}")
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return b"".join([struct.pack("<Q", len(text)), text, *parts])


def unpack(data: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file's bytes.

    Raises:
        ValueError: it is none, or holds tensors of other types than those in `DTYPES`.
    """
    try:
        start = 8 + int.from_bytes(data[:8], "little")
        header = json.loads(data[8:start])
        header.pop("__metadata__", None)
        tensors = memoryview(data)[start:]
        check_places([entry["data_offsets"] for entry in header.values()], len(tensors))
        return {name: unpack_tensor(tensors, **entry) for name, entry in header.items()}
    except (AttributeError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"no safetensors file ({type(error).__name__})") from error


def check_places(places: list[list[int]], size: int) -> None:
    """Raises ValueError unless the tensors lie side by side and fill the file, so that none can make it seem larger."""
    end = 0
    for first, last in sorted(places):
        if first != end or last < first:
            raise ValueError("tensors overlap or leave gaps")
        end = last
    if end != size:
        raise ValueError("tensors do not fill the file")


def unpack_tensor(data: memoryview, dtype: str, shape: list[int], data_offsets: list[int]) -> Tensor:
    """One tensor, a copy of a part of `data`; ValueError unless its place is within and of the right length."""
    first, last = data_offsets
    if min([0, *shape]) < 0 or not 0 <= first <= last <= len(data):
        raise ValueError("a tensor lies outside of the file")
    if last - first != math.prod(shape) * DTYPES[dtype].itemsize:
        raise ValueError("a tensor's length is not that of its shape")
    values = torch.frombuffer(bytearray(data[first:last]), dtype=DTYPES[dtype]) if first < last else torch.empty(0)
    return values.to(DTYPES[dtype]).view(shape)
