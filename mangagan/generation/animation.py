"""Interpolation between latents as an animation that loops without a jump."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from mangagan.core.errors import UserError
from mangagan.core.files import write_bytes
from mangagan.core.images import to_pillow
from mangagan.generation.samples import LatentSource
from mangagan.networks.dcgan import Generator
from mangagan.networks.sampling import generate_images, slerp
from mangagan.networks.weights import generator_sha256

MAX_PIXELS = 50_000_000  # pixels of all frames; limits the memory, and the file to about as many bytes
MAX_FPS = 50  # GIF counts durations in 1/100 s, and viewers slow down frames of 1/100 s
IMAGE_DESCRIPTION = 0x010E  # EXIF tag


@dataclass(frozen=True)
class LatentWalk:
    """Length and speed of an animation.

    Args:
        frames: Number of frames of one loop.
        keyframes: Number of latents to interpolate between, at least 2 and at most `frames`.
        fps: Frames per second [1, 50].

    Raises:
        UserError: A value is out of range.
    """

    frames: int = 120
    keyframes: int = 8
    fps: int = 20

    def __post_init__(self) -> None:
        if not 2 <= self.keyframes <= self.frames:
            raise UserError(
                f"an animation needs at least 2 keyframes and at most one keyframe per frame, not {self.keyframes}"
                f" keyframes in {self.frames} frames"
            )
        if not 1 <= self.fps <= MAX_FPS:
            raise UserError(f"fps must be between 1 and {MAX_FPS}, not {self.fps}")


def write_animation(path: Path, generator: Generator, source: LatentSource, walk: LatentWalk) -> None:
    """Write a loop through the first latents of the source as an animated GIF or WebP.

    The comment of a GIF, or the EXIF description of a WebP, names the model and the latents.

    Args:
        path: File that ends in .gif or .webp; an existing file is replaced.
        generator: Generator on any device.
        source: Source of at least `walk.keyframes` latents.
        walk: Length and speed.

    Raises:
        UserError: The format is unknown, there are too many frames, or the file cannot be written.
    """
    encode = ENCODERS.get(path.suffix.lower())
    if encode is None:
        raise UserError(f"{path} must end in {' or '.join(ENCODERS)}")
    max_frames = MAX_PIXELS // generator.image_size**2
    if walk.frames > max_frames:
        raise UserError(
            f"an animation of {generator.image_size} px holds at most {max_frames} frames, not {walk.frames}."
            " Use fewer frames"
        )
    keyframes = torch.cat(list(source.iterate_batches(walk.keyframes, generator.z_dim)))
    images = generate_images(generator, interpolate_loop(keyframes, walk.frames)).transpose(0, 2, 3, 1)
    metadata = {"model": generator_sha256(generator), **source.describe(), "keyframes": str(walk.keyframes)}
    text = " ".join(f"{key}={value}" for key, value in metadata.items())
    write_bytes(path, encode([to_pillow(image) for image in images], walk.fps, text))


def interpolate_loop(z: Tensor, frames: int) -> Tensor:
    """Interpolate on great circles (see `sampling.slerp`) through all latents and back to the first.

    Args:
        z: float32 (K, z_dim), K at least 2.
        frames: Number of steps of the loop, at least K. The frame after the last one is the first.

    Returns:
        float32 (frames, z_dim). Each segment takes frames/K steps, which need not be an integer.
    """
    positions = torch.arange(frames) * len(z)  # unit: 1/frames of a segment
    segments, fractions = positions // frames, (positions % frames).to(z.dtype)[:, None] / frames
    ends = z.roll(-1, 0)
    return torch.cat([slerp(z[index], ends[index], fractions[segments == index]) for index in range(len(z))])


def encode_gif(frames: list[Image.Image], fps: int, text: str) -> bytes:
    """Encode an endless GIF: gray frames keep all levels, RGB frames get a palette of 256 colours each."""
    duration = 10 * round(100 / fps)  # [ms], a multiple of 1/100 s
    buffer = io.BytesIO()
    frames[0].save(
        buffer, "GIF", save_all=True, append_images=frames[1:], duration=duration, loop=0, comment=text.encode()
    )
    return buffer.getvalue()


def encode_webp(frames: list[Image.Image], fps: int, text: str) -> bytes:
    """Encode an endless lossless WebP."""
    exif = Image.Exif()
    exif[IMAGE_DESCRIPTION] = text
    buffer = io.BytesIO()
    frames[0].save(
        buffer, "WEBP", save_all=True, append_images=frames[1:], duration=round(1000 / fps), loop=0, lossless=True,
        exif=exif,
    )  # fmt: skip
    return buffer.getvalue()


ENCODERS: dict[str, Callable[[list[Image.Image], int, str], bytes]] = {".gif": encode_gif, ".webp": encode_webp}
