"""Whole pixels are never refused; missing pixels are, with the share that is missing."""

import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mangagan.decoding.errors import UnreadableError
from tests.decoding_images import (
    HEIGHT,
    WIDTH,
    decode_plainly,
    draw_colour_page,
    draw_page,
    encode,
    insert_chunks,
    insert_segments,
    make_chunk,
    make_segment,
    open_it,
    show,
)

GRAY, COLOUR = draw_page(), draw_colour_page()
PNG, JPEG = encode(GRAY), encode(GRAY, "JPEG", quality=85)
PROGRESSIVE = encode(GRAY, "JPEG", quality=85, progressive=True)
OPTIMISED = encode(GRAY, "JPEG", quality=85, optimize=True)
# A page that is blank but for its first rows: with its own Huffman tables, blank blocks are stored as zeros.
BLANK_END = np.where(np.arange(1600)[:, None] < 60, draw_page(800, 1600), 255).astype(np.uint8)


def find_reason(data: bytes) -> tuple[str, np.ndarray | None]:
    with pytest.raises(UnreadableError) as caught:
        show(data)
    return str(caught.value), caught.value.preview


def find_share(reason: str) -> int:
    found = re.fullmatch(r"(?:cut off|damaged): (\d+) % of the picture is missing", reason)
    assert found, reason
    return int(found[1])


def split_pixels(png: bytes) -> tuple[bytes, bytes, bytes]:
    """Return what is before IDAT, its content, and what follows."""
    start = png.index(b"IDAT") - 4
    size = struct.unpack(">I", png[start : start + 4])[0]
    return png[:start], png[start + 8 : start + 8 + size], png[start + 12 + size :]


BEFORE, PIXELS, AFTER = split_pixels(PNG)
LONG_TEXT = b"Comment\0" + b"x" * 2_000_000
INTACT_PNGS = {
    "profile-crc": insert_chunks(PNG, make_chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(128)), 1)),
    "pHYs-crc": insert_chunks(PNG, make_chunk(b"pHYs", struct.pack(">IIB", 2835, 2835, 1), 1)),
    "text-crc": insert_chunks(PNG, make_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>", 1)),
    "header-crc": PNG[:29] + b"abcd" + PNG[33:],
    "pixels-crc": BEFORE + make_chunk(b"IDAT", PIXELS, 1) + AFTER,
    "stream-checksum": BEFORE + make_chunk(b"IDAT", PIXELS[:-4] + b"abcd") + AFTER,
    "stream-checksum-missing": BEFORE + make_chunk(b"IDAT", PIXELS[:-4]) + AFTER,
    "no-profile": insert_chunks(PNG, make_chunk(b"iCCP", b"Dot Gain 20%\0\0not deflate")),
    "no-profile-method": insert_chunks(PNG, make_chunk(b"iCCP", b"x\0\7")),
    "empty-profile": insert_chunks(PNG, make_chunk(b"iCCP", b"")),
    "gray-tRNS-short": insert_chunks(PNG, make_chunk(b"tRNS", b"\1")),
    "gamma-short": insert_chunks(PNG, make_chunk(b"gAMA", b"\1")),
    "sRGB-empty": insert_chunks(PNG, make_chunk(b"sRGB", b"")),
    "text-long": insert_chunks(PNG, make_chunk(b"tEXt", LONG_TEXT)),
    "text-packed-long": insert_chunks(PNG, make_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(LONG_TEXT))),
    "text-much": insert_chunks(PNG, *[make_chunk(b"zTXt", b"C\0\0" + zlib.compress(bytes(10**6)))] * 70),
    "no-end": PNG[:-12],
    "end-cut": PNG[:-4],
    "end-crc": PNG[:-4] + b"abcd",
    "junk-after": PNG + bytes(512),
    "text-after-end": PNG + make_chunk(b"tEXt", b"a\0b"),
    "unknown-chunk": insert_chunks(PNG, make_chunk(b"abCd", b"x" * 100)),
    "animation-control-broken": insert_chunks(PNG, make_chunk(b"acTL", b"\0\0")),
    "exif-broken": insert_chunks(PNG, make_chunk(b"eXIf", b"II*\0\xff\xff")),
    "palette-in-gray": insert_chunks(PNG, make_chunk(b"PLTE", bytes(5))),
}


@pytest.mark.parametrize("name", INTACT_PNGS)
def test_png_with_whole_pixels_is_kept(name: str) -> None:
    assert (show(INTACT_PNGS[name]) == GRAY).all()


def test_png_with_transparency_that_does_not_fit_is_kept() -> None:
    with_alpha = insert_chunks(encode(Image.fromarray(GRAY).convert("LA")), make_chunk(b"tRNS", b"\0\xff"))
    assert (show(with_alpha) == GRAY).all()
    palette = Image.fromarray(GRAY).quantize(4)
    before, pixels, after = split_pixels(encode(palette))
    too_long = before + make_chunk(b"tRNS", b"\xff" * 40) + make_chunk(b"IDAT", pixels) + after
    assert (show(too_long) == np.asarray(palette.convert("L"))).all()


def test_split_and_interlaced_pixel_data() -> None:
    parts = [make_chunk(b"IDAT", PIXELS[start : start + 700]) for start in range(0, len(PIXELS), 700)]
    assert (show(BEFORE + b"".join(parts) + AFTER) == GRAY).all()
    assert (show(BEFORE + b"".join(parts) + make_chunk(b"tIME", b"", 5) + AFTER) == GRAY).all()
    interlaced = make_interlaced()
    assert (show(interlaced) == GRAY).all()
    assert (show(interlaced[:-12]) == GRAY).all()
    reason, _ = find_reason(interlaced[: len(interlaced) // 2])
    assert 40 < find_share(reason) < 60


def make_interlaced() -> bytes:
    from mangagan.decoding.png import ADAM7

    rows = b""
    for left, top, step_x, step_y in ADAM7:
        rows += b"".join(b"\0" + row.tobytes() for row in GRAY[top::step_y, left::step_x])
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 1)
    chunks = make_chunk(b"IHDR", header) + make_chunk(b"IDAT", zlib.compress(rows, 0)) + make_chunk(b"IEND", b"")
    return PNG[:8] + chunks


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("tail", [0, 1], ids=["cut", "zeros"])
@pytest.mark.parametrize("pixels", [GRAY, COLOUR, Image.fromarray(COLOUR).quantize(16)], ids=["L", "RGB", "P"])
def test_cut_png_names_the_missing_share(pixels: np.ndarray, tail: int, kept: float) -> None:
    whole = encode(pixels)
    size = int(len(whole) * kept)
    reason, preview = find_reason(whole[:size] + bytes(tail * (len(whole) - size)))
    assert reason.startswith("cut off") and preview is not None
    expected = show(whole)
    rows = HEIGHT - round(HEIGHT * find_share(reason) / 100)
    assert preview.shape[:2] == expected.shape[:2]
    assert (preview[: rows - 4] == expected[: rows - 4]).all() and (preview[rows + 4 :] == 255).all()
    assert abs(find_share(reason) - 100 * (1 - kept)) < 12


def test_pixels_changed_in_the_middle_of_a_png_are_found() -> None:
    changed = bytearray(PIXELS)
    changed[len(changed) // 2] ^= 0x55
    reason, preview = find_reason(BEFORE + make_chunk(b"IDAT", bytes(changed), zlib.crc32(b"IDAT" + PIXELS)) + AFTER)
    assert reason.startswith("damaged") and preview is not None
    middle = len(PNG) // 2
    reason, _ = find_reason(PNG[:middle] + bytes(200) + PNG[middle + 200 :])
    assert reason.startswith("damaged")


INTACT_JPEGS = {
    f"{name}-{kind}": change(data)
    for name, data in (("baseline", JPEG), ("progressive", PROGRESSIVE), ("optimised", OPTIMISED))
    for kind, change in {
        "no-end": lambda data: data[:-2],
        "half-end": lambda data: data[:-1],
        "junk-after": lambda data: data + bytes(4096) + b"<!-- served -->",
        "zeros-for-end": lambda data: data[:-2] + bytes(3000),
        "exif-broken": lambda data: insert_segments(data, make_segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff")),
        "photoshop-broken": lambda data: insert_segments(data, make_segment(0xED, b"Photoshop 3.0\x008BIM\x04")),
        "adobe-short": lambda data: insert_segments(data, make_segment(0xEE, b"Adobe")),
        "jfif-short": lambda data: insert_segments(data, make_segment(0xE0, b"JFIF")),
        "profile-parts-missing": lambda data: insert_segments(data, make_segment(0xE2, b"ICC_PROFILE\0\2\3ab")),
        "profile-short": lambda data: insert_segments(data, make_segment(0xE2, b"ICC_PROFILE\0")),
        "mpf-broken": lambda data: insert_segments(data, make_segment(0xE2, b"MPF\0MM\0*\0\0")),
        "length-too-small": lambda data: insert_segments(data, b"\xff\xe5\0\4" + b"abcdefgh"),
        "junk-between": lambda data: data[:20] + b"\0\0\0" + data[20:],
        "metadata-huge": lambda data: insert_segments(data, *[make_segment(0xEC, bytes(65_000))] * 40),
    }.items()
}


@pytest.mark.parametrize("name", INTACT_JPEGS)
def test_jpeg_with_whole_pixels_is_kept(name: str) -> None:
    plain = {"baseline": JPEG, "progressive": PROGRESSIVE, "optimised": OPTIMISED}[name.split("-")[0]]
    assert (show(INTACT_JPEGS[name]) == decode_plainly(plain)).all()


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("tail", ["cut", "zeros", "end", "zeros-end"])
@pytest.mark.parametrize(
    "options",
    [{}, {"optimize": True}, {"restart_marker_rows": 2}],
    ids=["baseline", "optimised", "restarts"],
)
@pytest.mark.parametrize("pixels", [GRAY, COLOUR], ids=["L", "RGB"])
def test_cut_jpeg_names_the_missing_share(
    pixels: np.ndarray, options: dict[str, object], tail: str, kept: float
) -> None:
    whole = encode(pixels, "JPEG", quality=85, **options)
    size = int(len(whole) * kept)
    zeros = bytes(max(5000, len(whole) - size)) if tail.startswith("zeros") else b""
    reason, preview = find_reason(whole[:size] + zeros + (b"\xff\xd9" if tail.endswith("end") else b""))
    if tail == "zeros-end":  # a hole; the decoder cannot know where it begins
        assert reason.startswith(("damaged", "cut off"))
        return
    assert reason.startswith("cut off") and preview is not None
    expected = decode_plainly(whole)
    rows = HEIGHT - round(HEIGHT * find_share(reason) / 100)
    assert (preview[: rows - 18] == expected[: rows - 18]).all() and (preview[rows + 2 :] == 255).all()
    assert abs(find_share(reason) - 100 * (1 - kept)) < 12


def test_blank_pixels_that_are_stored_as_zeros_are_not_missing() -> None:
    for options in ({"optimize": True}, {}, {"progressive": True}):
        whole = encode(BLANK_END, "JPEG", quality=85, **options)
        for data in (whole, whole[:-2], whole + bytes(5000)):
            assert (show(data) == decode_plainly(whole)).all()
    assert bytes(1000) in encode(BLANK_END, "JPEG", quality=85, optimize=True)
    for pixels in (BLANK_END, np.full((900, 700), 255, np.uint8), np.zeros((900, 700), np.uint8)):
        for options in ({"lossless": True}, {"quality": 80}):
            data = encode(pixels, "WEBP", **options)
            assert np.abs(show(data).reshape(*pixels.shape, -1)[..., 0].astype(int) - pixels).mean() < 3


def test_gray_pixels_at_the_end_are_not_missing() -> None:
    pixels = GRAY.copy()
    pixels[-40:] = 128
    for options in ({}, {"progressive": True}, {"optimize": True}):
        data = encode(pixels, "JPEG", quality=90, **options)
        with open_it(data) as picture:
            assert picture.stored_as_shown and (picture.pixels() == decode_plainly(data)).all()
        for padding in (bytes(20), b"\xff" * 9, b"\xff\xd0", b"\xff\xd0" + bytes(64)):
            assert (show(data[:-2] + padding + data[-2:]) == decode_plainly(data)).all()


@pytest.mark.parametrize("level", [128, 17])
@pytest.mark.parametrize("seed", [1, 2])
def test_large_uniform_area_is_not_missing(level: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    blocks = np.kron(random.integers(20, 236, (38, 200)), np.ones((8, 8), int))[:300]
    page = (blocks + random.integers(-20, 20, blocks.shape)).astype(np.uint8)
    pixels = np.concatenate([np.full((1700, 1600), level, np.uint8), page])
    for mode in ("L", "RGB"):
        data = encode(Image.fromarray(pixels).convert(mode), "JPEG", optimize=True, quality=30)
        assert bytes(4096) in data
        with open_it(data) as picture:
            assert picture.stored_as_shown


def test_small_gray_pictures_are_not_missing() -> None:
    for size in ((1, 1), (7, 9), (8, 8)):
        for quality in (5, 75, 100):
            data = encode(Image.new("L", size, 128), "JPEG", optimize=True, quality=quality)
            assert show(data).shape == size[::-1]


def test_bytes_behind_a_picture_in_boxes_are_ignored() -> None:
    data = encode(draw_page(), "AVIF")
    assert (show(data + b"\x7f\0\0\0junk" + bytes(range(1, 200))) == show(data)).all()


def test_few_missing_rows_become_white() -> None:
    tall = draw_page(200, 1000)
    whole = encode(tall, "JPEG", quality=85)
    with open_it(whole[:-8]) as picture:
        assert not picture.stored_as_shown
        assert (picture.pixels()[:992] == decode_plainly(whole)[:992]).all() and (picture.pixels()[992:] == 255).all()


@pytest.mark.parametrize("tail", [b"", b"\xff\xd9"], ids=["cut", "end"])
def test_cut_progressive_jpeg_lacks_detail(tail: bytes) -> None:
    whole = encode(draw_page(400, 640), "JPEG", quality=85, progressive=True)
    reason, preview = find_reason(whole[: int(len(whole) * 0.6)] + tail)
    assert reason == "cut off: the fine detail of the picture is missing" and preview is not None
    if not tail:
        reason, _ = find_reason(whole[: int(len(whole) * 0.9)])
        assert re.fullmatch(r"cut off: the fine detail of the picture is missing in \d\d % of it", reason)
    second_scan = whole.index(b"\xff\xda", whole.index(b"\xff\xda") + 2)
    first_scan = whole.index(b"\xff\xda")
    reason, _ = find_reason(whole[: (first_scan + second_scan) // 2] + tail)
    assert 35 < find_share(reason) < 65


@pytest.mark.parametrize("kept", [0.5, 0.8])
@pytest.mark.parametrize("options", [{"quality": 80}, {"lossless": True}], ids=["lossy", "lossless"])
@pytest.mark.parametrize("tail", [0, 1], ids=["cut", "zeros"])
def test_cut_webp_is_refused(options: dict[str, object], tail: int, kept: float) -> None:
    whole = encode(COLOUR, "WEBP", **options)
    size = int(len(whole) * kept)
    reason, _ = find_reason(whole[:size] + bytes(tail * (len(whole) - size)))
    assert reason.startswith("cut off") and abs(find_share(reason) - 100 * (1 - kept)) < 20


def test_webp_with_damaged_metadata_is_kept() -> None:
    whole = encode(COLOUR, "WEBP", lossless=True, exif=b"Exif\0\0II*\0" + bytes(3000))
    for data in (whole[:-2000], whole[:4] + b"\1\0\0\0" + whole[8:], whole[:4] + b"\xff\xff\xff\0" + whole[8:]):
        assert (show(data) == COLOUR).all() and not open_it(data).stored_as_shown
    assert (show(whole + b"junk" * 100) == COLOUR).all()


@pytest.mark.parametrize("name", ["GIF", "BMP", "TIFF", "TIFF-lzw"])
def test_cut_files_of_other_formats_name_the_share(name: str) -> None:
    options = {"compression": "tiff_lzw", "tiffinfo": {278: 8}} if name.endswith("lzw") else {}
    whole = encode(GRAY, name.split("-")[0], **options)
    size = int(len(whole) * 0.6)
    reason, preview = find_reason(whole[:size])
    assert reason.startswith("cut off")
    if preview is not None:
        assert abs(find_share(reason) - 40) < 12


@pytest.mark.parametrize("name", ["AVIF", "JPEG2000", "HEIF", "JXL"])
def test_cut_boxes_name_the_share_of_the_file(name: str) -> None:
    if name in ("HEIF", "JXL"):
        library = pytest.importorskip({"HEIF": "pillow_heif", "JXL": "pillow_jxl"}[name])
        if name == "HEIF":
            library.register_heif_opener()
    whole = encode(COLOUR, name, **({"use_container": True} if name == "JXL" else {}))
    assert show(whole + bytes(5000)).shape == COLOUR.shape
    for kept in (0.5, 0.9):
        size = int(len(whole) * kept)
        if name in ("AVIF", "JPEG2000"):
            assert find_reason(whole[:size] + bytes(len(whole) - size))[0].startswith("cut off")
        reason, _ = find_reason(whole[:size])
        found = re.fullmatch(r"cut off: (\d+) % of the (?:file|picture) is missing", reason)
        if name == "JXL" and not found:
            assert reason.startswith("damaged")
        else:
            assert found and abs(int(found[1]) - 100 * (1 - kept)) < 8, reason


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "JPEG2000"])
def test_header_without_pixels_is_refused(name: str) -> None:
    data = encode(COLOUR, name)
    for size in (4, 12, 30, 60, 100):
        with pytest.raises(UnreadableError):
            show(data[:size])
