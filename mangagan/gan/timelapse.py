"""Timelapse of a training: samples of the same latents, at intervals that grow with the training.

`timelapse/<images>.npz` in the folder of a run has the samples of one frame (see `saved_samples`).
"""

import io
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from mangagan.core.images import to_pillow
from mangagan.pictures.grid import PAPER, draw_grid
from mangagan.pictures.text import load_font

FOLDER = "timelapse"
IMAGES, COLUMNS = 16, 4  # the first latents of the sample grids
INTERVAL_KIMG = {"cpu": 1, "cuda": 10}  # interval of the first 20 frames
GROWTH_DIVISOR = 10  # later frames follow when the training is a tenth longer
MAX_INTERVALS = 10**6
FRAME_MS, LAST_MS = 250, 2000  # duration of a frame, and of the last one
MAX_SIDE = 520  # of the samples of a frame [px]; bounds the memory and the time of encoding for large images
CAPTION_HEIGHT, CAPTION_SIZE = 22, 13  # [px]
QUALITY = 80  # of the WebP


def list_times() -> tuple[int, ...]:
    """Return the times of all frames, in intervals: 1, 2, …, 20, 22, 24 and so on."""
    times = [1]
    while times[-1] < MAX_INTERVALS:
        times.append(times[-1] + max(1, times[-1] // GROWTH_DIVISOR))
    return tuple(times)


TIMES = list_times()


def is_frame_due(before: int, after: int, device: str) -> bool:
    """Return True if (before, after] [images] contains the time of a frame; `device` is cpu or cuda."""
    unit = 1000 * INTERVAL_KIMG[device]
    return bisect_right(TIMES, after / unit) > bisect_right(TIMES, before / unit)


def format_frame_path(folder: Path, images_seen: int) -> Path:
    """Return the file of the frame after `images_seen` images; `folder` is that of the run."""
    return folder / FOLDER / f"{images_seen:010}.npz"


def find_frames(folder: Path, images_seen: int) -> dict[int, Path]:
    """Return the files of the frames up to `images_seen`, by number of images. A resumed run writes later ones."""
    paths = {int(path.stem): path for path in sorted((folder / FOLDER).glob("*.npz"))}
    return {images: path for images, path in paths.items() if images <= images_seen}


def draw_frame(images: np.ndarray, kimg: float) -> Image.Image:
    """Draw one frame.

    Args:
        images: Samples, uint8 (N, C, H, W); the first IMAGES are shown.
        kimg: Images shown so far [kimg], for the caption.
    """
    grid = to_pillow(draw_grid(images[:IMAGES], COLUMNS)).convert("RGB")
    grid.thumbnail((MAX_SIDE, MAX_SIDE))
    frame = Image.new("RGB", (grid.width, grid.height + CAPTION_HEIGHT), (PAPER,) * 3)
    frame.paste(grid)
    position = (4, grid.height + (CAPTION_HEIGHT - CAPTION_SIZE) // 2)
    ImageDraw.Draw(frame).text(position, f"{kimg:g} kimg", fill=(60, 60, 60), font=load_font(CAPTION_SIZE))
    return frame


def encode_timelapse(frames: Sequence[Image.Image]) -> bytes:
    """Encode frames as an endless WebP animation; the last frame stays longer."""
    durations = [FRAME_MS] * (len(frames) - 1) + [LAST_MS]
    first, *others = frames
    buffer = io.BytesIO()
    first.save(
        buffer, "WEBP", save_all=True, append_images=others, duration=durations, loop=0, quality=QUALITY, method=0
    )
    return buffer.getvalue()
