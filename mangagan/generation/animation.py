"""A walk between latents as an animation that repeats without a seam."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from mangagan.core.errors import UserError
from mangagan.core.files import write_bytes
from mangagan.generation.samples import Source, picture
from mangagan.networks.dcgan import Generator
from mangagan.networks.sampling import sample, slerp
from mangagan.networks.weights import generator_sha256

MOST_PIXELS = 50_000_000  # of all frames: bounds the memory, and the file to about as many bytes
MOST_FPS = 50  # a GIF's pauses are whole hundredths of a second, and viewers slow down those of one
DESCRIPTION = 0x010E  # EXIF's ImageDescription


@dataclass(frozen=True)
class Walk:
    """How far and how fast.

    Args:
        frames: images of one round.
        keyframes: latents that it passes through, at least 2 and at most one a frame.
        fps: frames a second, 1 … 50.

    Raises:
        UserError: one is out of range.
    """

    frames: int = 120
    keyframes: int = 8
    fps: int = 20

    def __post_init__(self) -> None:
        if not 2 <= self.keyframes <= self.frames:
            raise UserError(
                f"a walk passes through at least 2 keyframes, at most one a frame, not {self.keyframes} in "
                f"{self.frames} frames"
            )
        if not 1 <= self.fps <= MOST_FPS:
            raise UserError(f"fps must be between 1 and {MOST_FPS}, not {self.fps}")


def write_animation(path: Path, generator: Generator, source: Source, walk: Walk) -> None:
    """Writes a round trip through the first latents of the source as an animated GIF or WebP.

    The file says which model and latents it comes from, as a GIF's comment or in WebP's EXIF description.

    Args:
        path: ends in .gif or .webp; replaced when it exists.
        generator: on any device.
        source: of the latents; holds no fewer than the walk's keyframes.
        walk: its length and speed.

    Raises:
        UserError: another format, too many frames, or the file cannot be written.
    """
    encode = FORMATS.get(path.suffix.lower())
    if encode is None:
        raise UserError(f"{path} must end in {' or '.join(FORMATS)}")
    most = MOST_PIXELS // generator.image_size**2
    if walk.frames > most:
        raise UserError(f"an animation of {generator.image_size} px holds at most {most} frames, not {walk.frames}")
    keys = torch.cat(list(source.batches(walk.keyframes, generator.z_dim)))
    drawn = sample(generator, closed_walk(keys, walk.frames)).transpose(0, 2, 3, 1)
    about = {"model": generator_sha256(generator), **source.text(), "keyframes": str(walk.keyframes)}
    text = " ".join(f"{key}={value}" for key, value in about.items())
    write_bytes(path, encode([picture(pixels) for pixels in drawn], walk.fps, text))


def closed_walk(z: Tensor, frames: int) -> Tensor:
    """Walks on great circles (see `sampling.interpolate`) through latents and back to the first.

    Args:
        z: float32 (K, z_dim), K at least 2.
        frames: steps of the round, at least K; the frame after the last one is the first.

    Returns:
        float32 (frames, z_dim); every leg takes frames/K steps, be that a whole number or not.
    """
    steps = torch.arange(frames) * len(z)  # in units of a leg's 1/frames
    legs, shares = steps // frames, (steps % frames).to(z.dtype)[:, None] / frames
    ends = z.roll(-1, 0)
    return torch.cat([slerp(z[leg], ends[leg], shares[legs == leg]) for leg in range(len(z))])


def encode_gif(frames: list[Image.Image], fps: int, text: str) -> bytes:
    """An endless GIF; gray frames keep all their levels, RGB ones get a palette of 256 colours each."""
    pause = 10 * round(100 / fps)  # ms, whole hundredths of a second
    buffer = io.BytesIO()
    frames[0].save(
        buffer, "GIF", save_all=True, append_images=frames[1:], duration=pause, loop=0, comment=text.encode()
    )
    return buffer.getvalue()


def encode_webp(frames: list[Image.Image], fps: int, text: str) -> bytes:
    """An endless WebP, lossless."""
    exif = Image.Exif()
    exif[DESCRIPTION] = text
    buffer = io.BytesIO()
    frames[0].save(
        buffer, "WEBP", save_all=True, append_images=frames[1:], duration=round(1000 / fps), loop=0, lossless=True,
        exif=exif,
    )  # fmt: skip
    return buffer.getvalue()


FORMATS: dict[str, Callable[[list[Image.Image], int, str], bytes]] = {".gif": encode_gif, ".webp": encode_webp}
