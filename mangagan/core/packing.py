"""Encode values of dataclasses, arrays and bytes for the cache, without pickle, so that decoding never runs code.

The format is its version (1 byte), the length of a JSON header (4 bytes), the header, and the bytes of all arrays. The
type of the value is not stored; the reader names it.
"""

import json
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

VERSION = b"\x01"  # increase it if the encoding changes
LENGTH_BYTES = 4


def pack(value: Any) -> bytes:
    """Encode a value.

    Args:
        value: None, bool, int, float, str, bytes, numpy array, or a dataclass, named tuple, tuple, list or dict of
            these. Keys of a dict must be str. NumPy scalars are decoded as Python scalars.

    Raises:
        TypeError: The value holds another type.
    """
    blobs: list[bytes] = []
    tree = _to_tree(value, blobs)
    header = json.dumps([tree, [len(blob) for blob in blobs]], separators=(",", ":")).encode()
    return b"".join([VERSION, len(header).to_bytes(LENGTH_BYTES), header, *blobs])


def unpack(data: bytes, kind: Any) -> Any:
    """Decode a value.

    Args:
        data: Result of `pack`.
        kind: Type of the value, for example a dataclass or `list[bytes]`.

    Raises:
        ValueError: The data is not a value of this type.
    """
    if not data.startswith(VERSION):
        raise ValueError("encoded by another version")
    try:
        start = len(VERSION) + LENGTH_BYTES
        end = start + int.from_bytes(data[len(VERSION) : start])
        tree, sizes = json.loads(data[start:end])
        blobs = []
        for size in sizes:
            blobs.append(data[end : end + size])
            end += size
        return _from_tree(tree, kind, blobs)
    except (TypeError, KeyError, IndexError, AttributeError) as error:
        raise ValueError(f"no {kind}: {error}") from error


def _to_tree(value: Any, blobs: list[bytes]) -> Any:
    """Return a value as lists and dicts for JSON; bytes go to the list of blobs."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, bytes):
        blobs.append(value)
        return len(blobs) - 1
    if isinstance(value, np.ndarray):
        blobs.append(np.ascontiguousarray(value).tobytes())
        return [value.dtype.str, value.shape, len(blobs) - 1]
    if is_dataclass(value):
        return [_to_tree(getattr(value, field.name), blobs) for field in fields(value)]
    if isinstance(value, dict):
        return {key: _to_tree(each, blobs) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_to_tree(each, blobs) for each in value]
    raise TypeError(f"cannot encode {type(value).__name__}")


def _from_tree(tree: Any, kind: Any, blobs: list[bytes]) -> Any:
    """Return the value of a type from its lists and dicts."""
    if kind in (bool, int, float, str, NoneType, Any):
        return tree
    if kind is bytes:
        return blobs[tree]
    if kind is np.ndarray:
        dtype, shape, index = tree
        return np.frombuffer(blobs[index], dtype).reshape(shape)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        (inner,) = (each for each in arguments if each is not NoneType)
        return None if tree is None else _from_tree(tree, inner, blobs)
    if origin is dict:
        return {key: _from_tree(each, arguments[1], blobs) for key, each in tree.items()}
    if origin in (list, tuple):
        kinds = [arguments[0]] * len(tree) if origin is list or arguments[-1] is Ellipsis else arguments
        return origin(_from_tree(each, part, blobs) for each, part in zip(tree, kinds, strict=True))
    values = (_from_tree(each, part, blobs) for each, part in zip(tree, _field_types(kind), strict=True))
    return kind(*values)


@cache
def _field_types(kind: type) -> tuple[Any, ...]:
    """Return the types of the fields of a dataclass or named tuple, in order."""
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)] if is_dataclass(kind) else kind._fields  # type: ignore[attr-defined]
    return tuple(hints[name] for name in names)
