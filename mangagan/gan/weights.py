"""The trained generator on disk: weights in safetensors, which holds no code, and a card that vouches for them."""

import json
import math
import struct
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mangagan.errors import UserError
from mangagan.files import sha256_bytes, write_bytes, write_json
from mangagan.gan.networks import Generator

NAME = "dcgan"
# The format is written and read here, in few lines: a GPU machine need not have the safetensors package.
# https://github.com/huggingface/safetensors#format: 8 bytes with the header's length, the header in JSON, the tensors.
DTYPES = {"I64": torch.int64, "F32": torch.float32}  # in the order in which the package writes them
ALIGNMENT = 8  # bytes; the header is padded with spaces


def serialize(generator: Generator) -> bytes:
    """The weights as the bytes of a safetensors file: float32, the same bytes for the same weights."""
    return pack(generator.state_dict())


def pack(tensors: dict[str, Tensor]) -> bytes:
    """Tensors, float32 or int64, as the bytes of a safetensors file: those that the safetensors package writes."""
    header, parts, end = {}, [], 0
    for code, dtype in DTYPES.items():
        for name in sorted(name for name in tensors if tensors[name].dtype == dtype):
            parts.append(tensors[name].detach().cpu().contiguous().numpy().tobytes())
            start, end = end, end + len(parts[-1])
            header[name] = {"dtype": code, "shape": list(tensors[name].shape), "data_offsets": [start, end]}
    if missing := tensors.keys() - header.keys():
        raise ValueError(f"neither float32 nor int64: {sorted(missing)}")
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return b"".join([struct.pack("<Q", len(text)), text, *parts])


def unpack(data: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file's bytes.

    Raises:
        ValueError: it is none, or holds other tensors than float32 and int64.
    """
    try:
        start = 8 + int.from_bytes(data[:8], "little")
        header = json.loads(data[8:start])
        header.pop("__metadata__", None)
        tensors = memoryview(data)[start:]
        return {name: unpack_tensor(tensors, **entry) for name, entry in header.items()}
    except (AttributeError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"no safetensors file ({type(error).__name__})") from error


def unpack_tensor(data: memoryview, dtype: str, shape: list[int], data_offsets: list[int]) -> Tensor:
    """One tensor, a copy of a part of `data`; ValueError unless its place is within and of the right length."""
    first, last = data_offsets
    if min([0, *shape]) < 0 or not 0 <= first <= last <= len(data):
        raise ValueError("a tensor lies outside of the file")
    if last - first != math.prod(shape) * DTYPES[dtype].itemsize:
        raise ValueError("a tensor's length is not that of its shape")
    values = torch.frombuffer(bytearray(data[first:last]), dtype=DTYPES[dtype]) if first < last else torch.empty(0)
    return values.to(DTYPES[dtype]).view(shape)


def generator_sha256(generator: Generator) -> str:
    """The SHA-256 of the generator's weights file, which names the model."""
    return sha256_bytes(serialize(generator))


def save_generator(generator: Generator, weights_path: Path, card_path: Path, about: dict[str, Any]) -> None:
    """Writes the weights, then the card.

    Args:
        generator: on any device.
        weights_path: the safetensors file.
        card_path: the JSON file; gets `architecture`, `weights_sha256` and all of `about`.
        about: what else the card says; plain values.
    """
    weights = serialize(generator)
    architecture = {
        "name": NAME,
        "image_size": generator.image_size,
        "channels": generator.channels,
        "z_dim": generator.z_dim,
        "base_channels": generator.base_channels,
    }
    write_bytes(weights_path, weights)
    write_json(card_path, {**about, "architecture": architecture, "weights_sha256": sha256_bytes(weights)})


def load_generator(weights_path: Path, card_path: Path) -> Generator:
    """Reads a generator, on the CPU and in evaluation mode.

    Args:
        weights_path: the safetensors file; nothing in it is executed.
        card_path: its card.

    Raises:
        UserError: a file is missing or damaged, is a pickle, or the two do not belong together.
    """
    card = read_card(card_path)
    weights = read(weights_path)
    if weights[:2] in (b"PK", b"\x80\x02", b"\x80\x04"):
        raise UserError(f"{weights_path} is a pickle, which can run code: only safetensors files are read")
    if sha256_bytes(weights) != card.get("weights_sha256"):
        raise UserError(f"{weights_path} is not the file that {card_path} describes: run `dvc checkout` or train again")
    try:
        architecture = dict(card["architecture"])
        if architecture.pop("name") != NAME:
            raise UserError(f"{card_path} describes another kind of model than {NAME}: train again")
        generator = Generator(**architecture)
        generator.load_state_dict(unpack(weights))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{weights_path} and {card_path} do not fit together ({reason}): train again") from error
    return generator.eval()


def read_card(path: Path) -> dict[str, Any]:
    """Reads a model card.

    Raises:
        UserError: it is missing or no JSON object.
    """
    try:
        card = json.loads(read(path))
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}): run `dvc checkout` or train again") from error
    if not isinstance(card, dict):
        raise UserError(f"{path} is no model card: run `dvc checkout` or train again")
    return card


def read(path: Path) -> bytes:
    """A file's bytes.

    Raises:
        UserError: there is no such file.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(
            f"{path} not found: run `dvc repro train`, or `dvc checkout` for the one trained before"
        ) from None
