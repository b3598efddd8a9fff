"""The peak memory of a decode is that of one decoded image and of the result."""

import json
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from mangagan.decoding.decode import estimate_memory
from mangagan.decoding.limits import DEFAULT_BYTES_PER_PIXEL, MAX_DECODE_BYTES
from tests.decoding_images import draw_colour_page, encode, make_chunk
from tests.paths import PROJECT

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")

MEASURE = """
import json, sys
from pathlib import Path
from mangagan.decoding.decode import open_picture, estimate_memory

def read_peak():
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024

data = Path(sys.argv[1]).read_bytes()
before = read_peak()
with open_picture(data, 100, 150) as picture:
    if sys.argv[2] == "whole":
        shape = picture.pixels().shape
    else:
        shape = [sum(len(picture.read_rows(top, top + 500)) for top in range(0, picture.height, 10_000)), 0, 3]
print(json.dumps([read_peak() - before, list(shape), estimate_memory(data)]))
"""


def write_png(path: Path, width: int, height: int, colour_type: int) -> None:
    """Write a coloured PNG of any size with little memory."""
    channels = {2: 3, 6: 4}[colour_type]
    row = b"\0" + bytes(range(0, 250, 5)) * (width * channels // 50) + bytes(width * channels % 50)
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(row * 100) for _ in range(height // 100)) + packer.flush()
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, colour_type, 0, 0, 0])
    chunks = make_chunk(b"IHDR", header) + make_chunk(b"IDAT", packed) + make_chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


@pytest.mark.parametrize(
    ("size", "colour_type", "way", "bytes_per_pixel"),
    [
        ((4000, 4000), 6, "whole", 8.8),  # 4 of the decoded image, 3 of the result, and the bands
        ((1000, 24_000), 2, "rows", 5.5),
    ],
    ids=["transparent-page", "strip-in-bands"],
)
def test_no_second_whole_copy_exists(
    size: tuple[int, int], colour_type: int, way: str, bytes_per_pixel: float, tmp_path: Path
) -> None:
    width, height = size
    write_png(tmp_path / "page.png", width, height, colour_type)
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "page.png"), way]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    peak, shape, estimate = json.loads(done.stdout)
    assert shape[2] == 3 and shape[0] == (height if way == "whole" else 1500)
    assert peak < bytes_per_pixel * width * height
    assert estimate == DEFAULT_BYTES_PER_PIXEL * width * height


def test_largest_page_and_strip_fit_the_bound() -> None:
    assert 100e6 * DEFAULT_BYTES_PER_PIXEL <= MAX_DECODE_BYTES
    assert MAX_DECODE_BYTES >= 150e6 * 4.6


def test_coefficients_of_a_progressive_jpeg_count() -> None:
    pixels = draw_colour_page()
    count = pixels.shape[0] * pixels.shape[1]
    for subsampling, expected in ((0, 10), (2, 7)):
        data = encode(pixels, "JPEG", progressive=True, subsampling=subsampling)
        assert estimate_memory(data) == expected * count
    assert estimate_memory(encode(pixels, "JPEG")) == 7 * count
    assert estimate_memory(encode(pixels, "WEBP")) == 16 * count
    assert estimate_memory(b"no picture") is None
