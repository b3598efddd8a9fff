"""Mutated files of every format: the decoder raises nothing but UnreadableError, and decodes within its bounds."""

import importlib.util
import io
import warnings
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from PIL import Image

from mangagan.decoding.decode import count_frames, measure_image, open_picture
from mangagan.decoding.errors import UnreadableError
from mangagan.decoding.formats import identify_format
from tests.decoding_images import draw_page, encode, insert_chunks, make_chunk, make_gray_profile

ROUNDS = 60
PIXELS = draw_page(72, 90)
RGB = Image.fromarray(np.stack([PIXELS, PIXELS // 2, 255 - PIXELS], axis=2))
RGBA = Image.fromarray(np.dstack([np.asarray(RGB), PIXELS]))
PROFILE = make_gray_profile(np.linspace(0, 1, 256) ** 1.4)


def make_animation(name: str) -> bytes:
    buffer = io.BytesIO()
    RGB.save(buffer, name, save_all=True, append_images=[RGB.rotate(180), RGBA])
    return buffer.getvalue()


def make_seeds() -> dict[str, bytes]:
    """Return a small valid file of each kind."""
    exif = Image.Exif()
    exif[0x0112] = 6
    seeds = {
        "png": encode(PIXELS, "PNG", icc_profile=PROFILE, exif=exif),
        "png-rgba": insert_chunks(encode(RGBA), make_chunk(b"gAMA", b"\0\1\x86\xa0")),
        "png-palette": encode(RGB.quantize(16), "PNG", transparency=3),
        "png-16": encode(PIXELS.astype(np.uint16) * 257),
        "apng": make_animation("PNG"),
        "jpeg": encode(RGB, "JPEG", exif=exif, quality=80),
        "jpeg-progressive": encode(PIXELS, "JPEG", progressive=True, icc_profile=PROFILE),
        "jpeg-cmyk": encode(RGB.convert("CMYK"), "JPEG"),
        "webp": encode(RGB, "WEBP", quality=70, exif=exif),
        "webp-lossless": encode(RGBA, "WEBP", lossless=True),
        "webp-animation": make_animation("WEBP"),
        "gif": make_animation("GIF"),
        "tiff": make_animation("TIFF"),
        "tiff-lzw": encode(RGB, "TIFF", compression="tiff_lzw"),
        "tiff-g4": encode(Image.fromarray(PIXELS).convert("1"), "TIFF", compression="group4"),
        "bmp": encode(RGB, "BMP"),
        "jp2": encode(RGB, "JPEG2000"),
        "avif": encode(RGB, "AVIF", quality=50, speed=10),
    }
    if importlib.util.find_spec("pillow_heif"):
        import pillow_heif

        buffer = io.BytesIO()
        pillow_heif.from_pillow(RGB).save(buffer)
        seeds["heic"] = buffer.getvalue()
    if importlib.util.find_spec("pillow_jxl"):
        import pillow_jxl  # noqa: F401  (it registers the encoder)

        seeds["jxl"] = encode(RGB, "JXL")
    return seeds


SEEDS = make_seeds()


def cut(data: bytearray, random: Random) -> None:
    del data[random.randrange(len(data)) :]


def flip(data: bytearray, random: Random) -> None:
    for _ in range(random.choice((1, 1, 4, 30))):
        data[random.randrange(len(data))] = random.randrange(256)


def flip_header(data: bytearray, random: Random) -> None:
    for _ in range(random.choice((1, 3))):
        data[random.randrange(min(200, len(data)))] = random.choice((0, 1, 127, 128, 255, random.randrange(256)))


def drop(data: bytearray, random: Random) -> None:
    start = random.randrange(len(data))
    del data[start : start + random.choice((1, 2, 16, 300))]


def insert(data: bytearray, random: Random) -> None:
    start = random.randrange(len(data))
    data[start:start] = random.randbytes(random.choice((1, 4, 200)))


def zero(data: bytearray, random: Random) -> None:
    start = random.randrange(len(data))
    stop = min(len(data), start + random.choice((8, 100, 10_000)))
    data[start:stop] = bytes(stop - start)


def copy(data: bytearray, random: Random) -> None:
    start, target = random.randrange(len(data)), random.randrange(len(data))
    data[target:target] = data[start : start + random.choice((4, 64, 1000))]


MUTATIONS: list[Callable[[bytearray, Random], None]] = [cut, flip, flip_header, drop, insert, zero, copy]


def decode_all(data: bytes) -> None:
    """Decode a file in every way, as the stages do."""
    measure_image(data)
    assert count_frames(data) >= 1
    with open_picture(data, 4, 4) as picture:
        pixels = picture.pixels()
        assert pixels.dtype == np.uint8 and pixels.shape[:2] == (picture.height, picture.width)
        picture.read_rows(0, picture.height)


@pytest.mark.parametrize("name", SEEDS)
def test_mutated_file_is_decoded_or_refused(name: str) -> None:
    decode_all(SEEDS[name])
    random = Random(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(ROUNDS):
            data = bytearray(SEEDS[name])
            for _ in range(random.choice((1, 1, 2))):
                if data:
                    random.choice(MUTATIONS)(data, random)
            try:
                decode_all(bytes(data))
            except UnreadableError as error:
                reason = str(error)
                assert reason and "\n" not in reason and len(reason) < 120
                assert identify_format(bytes(data)) is not None or reason.startswith("no picture")


def test_random_bytes_after_each_signature_are_refused() -> None:
    random = Random(0)
    for seed in SEEDS.values():
        for size in (4, 12, 20, 40):
            with pytest.raises(UnreadableError):
                open_picture(seed[:size] + random.randbytes(200), 4, 4)
