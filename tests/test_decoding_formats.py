"""Formats are identified by their bytes; each shows the pixels that were drawn."""

import base64
import io
import struct
import sys
import tempfile

import numpy as np
import pytest
from PIL import Image

from mangagan.decoding.decode import count_frames, measure_image, open_picture
from mangagan.decoding.errors import UnreadableError
from mangagan.decoding.formats import READABLE, has_image_signature, identify_format
from mangagan.pages.decode import decode_page
from tests.decoding_images import (
    HEIGHT,
    WIDTH,
    decode_plainly,
    draw_colour_page,
    draw_page,
    encode,
    insert_segments,
    make_segment,
    open_it,
    show,
)

GRAY, COLOUR = draw_page(), draw_colour_page()
LOSSLESS = {
    "PNG": {},
    "WEBP": {"lossless": True},
    "GIF": {},
    "TIFF": {"compression": "tiff_lzw"},
    "BMP": {},
    "JPEG2000": {"irreversible": False},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_gray_page_is_the_same_from_every_format(name: str) -> None:
    data = encode(GRAY, name, **LOSSLESS[name])
    assert identify_format(data[:64]) == name and has_image_signature(data[:64])
    assert measure_image(data) == (WIDTH, HEIGHT)
    np.testing.assert_allclose(show(data).astype(int), GRAY, atol=1 if name == "AVIF" else 0)


@pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF", "BMP", "JPEG2000"])
def test_colour_page_is_the_same_from_every_format(name: str) -> None:
    assert (show(encode(COLOUR, name, **LOSSLESS[name])) == COLOUR).all()


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("pixels", [GRAY, COLOUR, np.stack([GRAY] * 3, axis=2)], ids=["gray", "colour", "equal"])
def test_plain_file_is_stored_as_it_is(name: str, pixels: np.ndarray) -> None:
    data = encode(pixels, name)
    with open_it(data) as picture:
        assert picture.stored_as_shown
        stored = decode_page(data)
        assert picture.suffix == {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}[name]
        assert picture.pixels().shape == stored.pixels.shape and (picture.pixels() == stored.pixels).all()
        assert (picture.read_rows(10, 30) == stored.pixels[10:30]).all()


def test_bands_of_a_large_picture_are_its_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mangagan.decoding.picture.DIRECT_PIXELS", 1000)
    monkeypatch.setattr("mangagan.decoding.picture.BAND_PIXELS", WIDTH * 7)
    late_colour = np.stack([GRAY] * 3, axis=2)
    late_colour[-1, -1] = (200, 10, 10)
    for pixels in (GRAY, COLOUR, late_colour):
        with open_it(encode(pixels)) as picture:
            assert picture.pixels().shape == pixels.shape and (picture.pixels() == pixels).all()
            assert (picture.read_rows(3, 300) == pixels[3:300]).all()
    with open_it(encode(np.stack([GRAY] * 3, axis=2))) as picture:
        assert picture.read_rows(0, 5).shape == (5, WIDTH) and (picture.pixels() == GRAY).all()


@pytest.mark.parametrize("second", [True, False], ids=["two-pictures", "second-cut-off"])
def test_jpeg_with_a_second_picture_is_a_jpeg(second: bool) -> None:
    buffer = io.BytesIO()
    image = Image.fromarray(GRAY).convert("RGB")
    image.save(buffer, "MPO", save_all=True, append_images=[image.resize((50, 80))])
    data = buffer.getvalue()
    data = data if second else data[: data.index(b"\xff\xd9\xff\xd8") + 2]
    with open_it(data) as picture:
        assert picture.stored_as_shown and picture.suffix == ".jpg"
        assert (picture.pixels() == decode_plainly(data)[..., 0]).all()
        assert (picture.pixels() == decode_page(data).pixels).all()


def test_heic_is_decoded_upright_once() -> None:
    library = pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[0x0112] = 6
    for options, expected in (({}, COLOUR), ({"exif": exif.tobytes()}, np.rot90(COLOUR, -1))):
        buffer = io.BytesIO()
        library.from_pillow(Image.fromarray(COLOUR)).save(buffer, quality=95, chroma=444, **options)
        assert identify_format(buffer.getvalue()[:64]) == "HEIC"
        with open_it(buffer.getvalue()) as picture:
            assert not picture.stored_as_shown
            assert picture.pixels().shape == expected.shape
            assert np.abs(picture.pixels().astype(int) - expected).mean() < 4


@pytest.mark.parametrize("container", [False, True])
def test_jpeg_xl_is_decoded(container: bool) -> None:
    pytest.importorskip("pillow_jxl")
    data = encode(COLOUR, "JXL", lossless=True, use_container=container)
    assert identify_format(data[:64]) == "JXL" and measure_image(data) == (WIDTH, HEIGHT)
    assert (show(data) == COLOUR).all()
    with pytest.raises(UnreadableError, match="too large: 200x320, over"):
        open_picture(data, 0.01, 0.01)


def test_jpeg_xl_made_from_a_turned_jpeg_is_upright() -> None:
    pytest.importorskip("pillow_jxl")
    exif = Image.Exif()
    exif[0x0112] = 6
    jpeg = encode(COLOUR, "JPEG", exif=exif, quality=95)
    buffer = io.BytesIO()
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        file.write(jpeg)
        file.flush()
        with Image.open(file.name) as image:
            image.save(buffer, "JXL", lossless_jpeg=True)
    shown = show(buffer.getvalue())
    assert shown.shape == np.rot90(COLOUR, -1).shape
    assert np.abs(shown.astype(int) - show(jpeg)).mean() < 2


@pytest.mark.parametrize(
    ("module", "header", "reason"),
    [
        ("pillow_heif", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", r"HEIC image: pip install 'mangagan\[heic\]'"),
        ("pillow_jxl", b"\xff\x0a" + bytes(40), r"JPEG XL image: pip install 'mangagan\[jxl\]'"),
    ],
)
def test_missing_library_is_named(module: str, header: bytes, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, "pillow_jxl.JpegXLImagePlugin", None)
    with pytest.raises(UnreadableError, match=reason):
        open_it(header)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"8BPS\0\x01" + bytes(60), "PSD image: not supported"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG drawing: not supported"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><!-- x --><svg/>", "SVG drawing: not supported"),
        (b"AT&TFORM\0\0\0\0DJVU", "DjVu document: not supported"),
        (b"\0\0\0\x20ftypisom\0\0\0\0isommp42", "MP4 video: not supported"),
        (b"II*\0\x10\0\0\0CR\x02\0", "camera raw photo: not supported"),
        (b"\0\0\1\0\1\0" + bytes(40), "ICO icon: not supported"),
        (b"<!DOCTYPE html><html><title>403 Forbidden</title></html>", "no picture: a web page"),
        (b"P6\n# a comment\n2 2\n255\n" + bytes(12), "PNM image: not supported"),
        (b"P5 2 2 255 " + bytes(4), "PNM image: not supported"),
        (b"\x0a\5\1\x08" + bytes(124), "PCX image: not supported"),
        (b"P2P networks, an introduction", "no picture"),
        (b"hello", "no picture"),
        (b"", "no picture"),
        (b"BM is how this text begins", "no picture"),
    ],
)
def test_other_content_is_named(data: bytes, reason: str) -> None:
    assert not has_image_signature(data) and identify_format(data) not in READABLE
    with pytest.raises(UnreadableError, match=reason):
        open_it(data)
    assert measure_image(data) is None


def make_tiff(*pages: tuple[np.ndarray, dict[int, int]]) -> bytes:
    buffer = io.BytesIO()
    images = []
    for pixels, tags in pages:
        image = Image.fromarray(pixels)
        image.encoderinfo = {"tiffinfo": tags}  # type: ignore[attr-defined]
        images.append(image)
    images[0].save(buffer, "TIFF", save_all=True, append_images=images[1:], tiffinfo=pages[0][1])
    return buffer.getvalue()


def test_jpeg_ls_is_named() -> None:
    frame = make_segment(0xF7, b"\x08\0\x10\0\x10\1\1\x11\0")
    with pytest.raises(UnreadableError, match=r"^JPEG-LS image: not supported$"):
        open_it(b"\xff\xd8" + frame + b"\xff\xda\0\x08\1\1\0\0\0\0" + bytes(40) + b"\xff\xd9")


def test_first_page_of_a_tiff_but_no_reduced_image() -> None:
    data = make_tiff((GRAY[:50, :50], {254: 1}), (GRAY, {254: 2}), (255 - GRAY, {254: 2}), (GRAY[:40], {254: 4}))
    assert count_frames(data) == 2
    assert (show(data) == GRAY).all()
    assert count_frames(encode(GRAY)) == 1


@pytest.mark.parametrize("order", "<>")
def test_tiff_with_a_plane_of_16_bits_for_each_channel(order: str) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (30, 20, 3), dtype=np.uint8)
    planes = [(colours[..., channel].astype(np.uint16) * 257).astype(f"{order}u2").tobytes() for channel in range(3)]
    tags = {256: (20,), 257: (30,), 258: (16,) * 3, 259: (1,), 262: (2,), 277: (3,), 278: (30,), 284: (2,)}
    assert (show(make_raw_tiff(order, tags, planes)) == colours).all()


def test_compression_of_a_tiff_that_is_not_supported_is_named() -> None:
    tags = {256: (20,), 257: (30,), 258: (8,), 259: (50002,), 262: (1,), 277: (1,), 278: (30,)}
    with pytest.raises(UnreadableError, match=r"^TIFF image compressed with JPEG XL: not supported$"):
        open_it(make_raw_tiff("<", tags, [b"\xff\x0a" + bytes(100)]))


def make_raw_tiff(order: str, tags: dict[int, tuple[int, ...]], strips: list[bytes]) -> bytes:
    """Return a TIFF of 32-bit tags and these strips."""
    tags = {**tags, 273: (0,) * len(strips), 279: tuple(map(len, strips))}
    position = 8 + 2 + 12 * len(tags) + 4 + sum(4 * len(values) for values in tags.values() if len(values) > 1)
    tags[273] = tuple(position + sum(map(len, strips[:index])) for index in range(len(strips)))
    directory, outside = struct.pack(f"{order}H", len(tags)), b""
    for number, values in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        if len(values) > 1:
            start = 8 + 2 + 12 * len(tags) + 4 + len(outside)
            outside, packed = outside + packed, struct.pack(f"{order}I", start)
        directory += struct.pack(f"{order}HHI", number, 4, len(values)) + packed
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(f"{order}I", 8) + directory + bytes(4) + outside + b"".join(strips)


def test_frame_that_is_not_blank_stands_for_an_animation() -> None:
    blank = Image.new("L", (WIDTH, HEIGHT), 255)
    frames = [blank, Image.fromarray(GRAY), Image.fromarray(255 - GRAY)]
    for name, options in (("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True}), ("AVIF", {"quality": 100})):
        buffer = io.BytesIO()
        blank.save(buffer, name, save_all=True, append_images=[blank.point(lambda _: 254), *frames[1:]], **options)
        with open_it(buffer.getvalue()) as picture:
            assert not picture.stored_as_shown
            assert np.abs(picture.pixels().reshape(HEIGHT, WIDTH, -1)[..., 0].astype(int) - GRAY).mean() < 2, name
        buffer = io.BytesIO()
        blank.save(buffer, name, save_all=True, append_images=[blank.point(lambda _: 254)] * 3, **options)
        assert show(buffer.getvalue()).shape[:2] == (HEIGHT, WIDTH)


def test_size_is_checked_before_decoding() -> None:
    bomb = encode(Image.new("1", (20_000, 9_600)))
    assert len(bomb) < 40_000
    with pytest.raises(UnreadableError, match="too large: 20000x9600, over 100 megapixels"):
        open_it(bomb)
    strip = encode(Image.new("L", (300, 3000), 7))
    assert open_picture(strip, 0.5, 1).height == 3000
    with pytest.raises(UnreadableError, match=r"too large: 300x3000, over 0\.8 megapixels"):
        open_picture(strip, 2, 0.8)
    lying_gif = bytearray(encode(GRAY, "GIF"))
    lying_gif[6:10] = b"\xff\xff\xff\xff"
    lying_webp = bytearray(encode(Image.fromarray(COLOUR).convert("RGBA"), "WEBP", exif=b"Exif\0\0II*\0"))
    assert lying_webp[12:16] == b"VP8X"
    lying_webp[24:30] = b"\xfe\x3f\0\xfe\x3f\0"
    for data in (lying_gif, lying_webp):
        with pytest.raises(UnreadableError, match="too large"):
            open_it(bytes(data))


def test_bytes_before_the_signature_are_skipped() -> None:
    jpeg, png = encode(GRAY, "JPEG"), encode(GRAY)
    for junk in (b"\r\n", b"\xef\xbb\xbf", b"1f40\r\n", bytes(40)):
        assert (show(junk + jpeg) == decode_plainly(jpeg)).all()
        assert (show(junk + png) == GRAY).all()
        assert not open_it(junk + jpeg).stored_as_shown
        assert measure_image(junk + png) == measure_image(junk + jpeg) == (WIDTH, HEIGHT)


def test_jpeg_whose_height_follows_the_pixels() -> None:
    whole = encode(GRAY, "JPEG")
    frame = whole.index(b"\xff\xc0")
    data = whole[: frame + 5] + b"\0\0" + whole[frame + 7 : -2]
    data += b"\xff\xdc\0\4" + struct.pack(">H", HEIGHT) + b"\xff\xd9"
    assert (show(data) == decode_plainly(whole)).all()


def test_jpeg_of_a_kind_that_is_not_read_is_named() -> None:
    data = bytearray(encode(GRAY, "JPEG"))
    data[data.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(UnreadableError, match="12 bits"):
        open_it(bytes(data))
    assert (show(insert_segments(encode(GRAY, "JPEG"), make_segment(0xEF, b"x" * 60_000))).shape) == GRAY.shape


ARITHMETIC_JPEG = base64.b64decode(  # Pillow reads arithmetic coding, but does not write it
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAx"
    "NDQ0Hyc5PTgyPC4zNDL/yQALCABAADABAREA/8wABgAQEAX/2gAIAQEAAD8A/wDRlmUdO+G45j4b7Y8YCrfL2uGdRznmKmWvkBUJ"
    "jn+gjhYCEFLA6qk6yqa78VwYjlueCDCdWpS5Ir7x/wAPXe9v5NYQWYHwhfXMsCK7qEIg0ckj12DnbDAvgzFIE8/nlzSdnIohoS7/"
    "AFLhBnu98EtkOLiZM1/puOmknGV7Baxq+tAlU6AnLu1WcbzQWC8FDp08YbvxI7vseO2xY8NORa7fh/zkVDKlG1D9/G01YYMKJ4m+"
    "MJD9NJwWQc+THYkqaWwFcI3y6nukkqOdHnwxVUh7RAxu73+mrq8j8Uyd3eEi9ZnHOLqw3YbGvtnqxMWU22itJzLIbWHOTAViwrhd"
    "NszWEF3aqk1MF/Eze4D/2Q=="
)


def test_arithmetic_jpeg_is_decoded_and_its_missing_part_is_found() -> None:
    columns, rows = np.meshgrid(np.arange(48), np.arange(64))
    drawn = ((columns * 3 + rows * 2) % 256).astype(np.uint8)
    drawn[20:40, 10:30] = 250
    with open_it(ARITHMETIC_JPEG) as picture:
        assert picture.stored_as_shown
        assert np.abs(picture.pixels().astype(int) - drawn).mean() < 2
        whole = picture.pixels()
    assert (show(ARITHMETIC_JPEG[:-2]) == whole).all()
    for tail in (b"", b"\xff\xd9"):
        with pytest.raises(UnreadableError, match=r"cut off: (38|5\d) % of the picture is missing"):
            open_it(ARITHMETIC_JPEG[:280] + tail)
