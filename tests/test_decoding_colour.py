"""Colour profiles, bit depths, transparency, CMYK and orientation: the pixels are those that a viewer shows."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from mangagan.pages.decode import decode_page
from tests.decoding_images import (
    decode_plainly,
    draw_colour_page,
    draw_page,
    encode,
    insert_chunks,
    insert_segments,
    make_chunk,
    make_gray_profile,
    make_segment,
    open_it,
    show,
)

GRAY, COLOUR = draw_page(), draw_colour_page()
RGBA = np.dstack([COLOUR, np.where(np.arange(COLOUR.shape[1]) < 80, 255, 0)[None].repeat(len(COLOUR), 0)]).astype("u1")
ON_WHITE = np.where(RGBA[..., 3:] == 255, COLOUR, 255).astype(np.uint8)
RAMP = np.arange(256, dtype=np.uint8)
SRGB_LIGHT = np.where(RAMP <= 10, RAMP / 255 / 12.92, ((RAMP / 255 + 0.055) / 1.055) ** 2.4)


def make_dot_gain_profile(gain: float = 0.2) -> bytes:
    ink = 1 - RAMP / 255
    return make_gray_profile(1 - (ink + gain * 4 * ink * (1 - ink)).clip(0, 1))


def make_rgb_profile(name: str) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()


def make_wide_gamut_profile() -> bytes:
    """Return the sRGB profile with its red and green primaries exchanged: a profile that is far from sRGB."""
    profile = make_rgb_profile("sRGB")
    return profile.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_gray_profile_is_applied(name: str) -> None:
    profile = make_dot_gain_profile()
    options = {"quality": 100} if name == "JPEG" else {"lossless": True} if name == "WEBP" else {}
    mode = "RGB" if name == "WEBP" else "L"  # WebP has no gray
    data = encode(Image.fromarray(GRAY).convert(mode), name, icc_profile=profile, **options)
    stored = decode_plainly(data)
    if mode == "RGB":  # a profile for gray does not fit
        assert (show(data) == GRAY).all() and open_it(data).stored_as_shown
        return
    light = 1 - ((ink := 1 - RAMP / 255) + 0.8 * ink * (1 - ink)).clip(0, 1)
    expected = np.interp(light, SRGB_LIGHT, RAMP)
    with open_it(data) as picture:
        assert not picture.stored_as_shown
        assert np.abs(picture.pixels() - expected[stored]).max() <= 2
        assert picture.pixels().max() == 255 and picture.pixels().min() <= 30
    assert abs(int(expected[128]) - 149) <= 1  # the value that littleCMS gives for such a profile


def test_profile_that_changes_nothing_leaves_the_file_as_it_is() -> None:
    for profile, pixels in (
        (make_rgb_profile("sRGB"), COLOUR),
        (make_gray_profile(SRGB_LIGHT), GRAY),
        (b"no profile at all", COLOUR),
        (make_rgb_profile("sRGB")[:200], COLOUR),
        (make_dot_gain_profile(), COLOUR),
        (make_rgb_profile("sRGB"), GRAY),
    ):
        for name in ("JPEG", "PNG"):
            data = encode(pixels, name, icc_profile=profile)
            with open_it(data) as picture:
                assert picture.stored_as_shown
                assert (picture.pixels() == decode_page(data).pixels).all()


def test_colour_profile_is_applied_with_and_without_transparency() -> None:
    profile = make_wide_gamut_profile()
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), "RGB", "RGB"
    )
    shown = np.asarray(ImageCms.applyTransform(Image.fromarray(COLOUR), transform))
    assert np.abs(shown.astype(int) - COLOUR).mean() > 10
    assert (show(encode(COLOUR, "PNG", icc_profile=profile)) == shown).all()
    on_white = np.where(RGBA[..., 3:] == 255, shown, 255)
    assert (show(encode(RGBA, "PNG", icc_profile=profile)) == on_white).all()
    palette = Image.fromarray(COLOUR).quantize(16)
    expected = np.asarray(ImageCms.applyTransform(palette.convert("RGB"), transform))
    assert (show(encode(palette, "PNG", icc_profile=profile)) == expected).all()


def test_profile_over_one_megabyte_does_not_stop_a_png() -> None:
    profile = make_rgb_profile("sRGB") + np.random.default_rng(0).bytes(1_200_000)
    assert (show(encode(COLOUR, "PNG", icc_profile=profile)) == COLOUR).all()


def test_gamma_of_a_png_is_applied_only_if_it_differs_from_srgb() -> None:
    linear = insert_chunks(encode(GRAY), make_chunk(b"gAMA", struct.pack(">I", 100_000)))
    expected = np.interp(RAMP / 255, SRGB_LIGHT, RAMP)[GRAY]
    assert np.abs(show(linear) - expected).max() <= 1
    usual = insert_chunks(encode(GRAY), make_chunk(b"gAMA", struct.pack(">I", 45_455)))
    with_srgb = insert_chunks(linear, make_chunk(b"sRGB", b"\0"))
    for data in (usual, with_srgb):
        assert open_it(data).stored_as_shown and (show(data) == GRAY).all()


@pytest.mark.parametrize("adobe", [True, False], ids=["adobe", "no-marker"])
def test_cmyk_jpeg_is_not_inverted(adobe: bool) -> None:
    data = encode(Image.fromarray(COLOUR).convert("CMYK"), "JPEG", quality=100, subsampling=0)
    marker = data.index(b"\xff\xee")
    assert data[marker + 4 : marker + 9] == b"Adobe"
    if not adobe:
        data = data[:marker] + data[marker + 16 :]
    with open_it(data) as picture:
        assert not picture.stored_as_shown
        assert np.abs(picture.pixels().astype(int) - COLOUR).max() < 12


def make_cmyk_profile() -> bytes:
    """Return a press profile (version 2) with a table of two steps per ink: Lab of paper and inks."""
    inks = np.stack(np.meshgrid(*[[0, 1]] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    light = 100 - inks @ (25, 35, 8, 80)
    red = 128 + inks @ (-20, 60, -5, 0) * (1 - inks[:, 3])  # neutral with black ink
    yellow = 128 + inks @ (-30, -5, 70, 0) * (1 - inks[:, 3])
    table = np.stack([light.clip(5) * 255 / 100, red, yellow], axis=1).round().clip(0, 255).astype(np.uint8)
    ramp = RAMP.tobytes()
    matrix = b"".join(struct.pack(">i", value << 16) for value in (1, 0, 0, 0, 1, 0, 0, 0, 1))
    lut = b"mft1\0\0\0\0\4\3\2\0" + matrix + ramp * 4 + table.tobytes() + ramp * 3
    tags = [
        (b"desc", b"desc\0\0\0\0" + struct.pack(">I", 6) + b"Press\0" + bytes(78)),
        (b"cprt", b"text\0\0\0\0none\0"),
        (b"wtpt", b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in (0.9642, 1, 0.8249))),
        (b"A2B0", lut),
    ]
    head = make_gray_profile(SRGB_LIGHT)[:128].replace(b"GRAYXYZ ", b"CMYKLab ")
    directory, body, offset = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, content in tags:
        directory += name + struct.pack(">II", offset + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    return struct.pack(">I", offset + len(body)) + head[4:] + directory + body


@pytest.mark.parametrize("name", ["JPEG", "TIFF"])
def test_cmyk_profile_is_applied(name: str) -> None:
    patches = {(0, 0, 0, 0): (255, 255, 255), (0, 0, 0, 255): None, (0, 255, 0, 0): None, (0, 0, 255, 0): None}
    pixels = np.repeat(np.array([[list(patch)] * 32 for patch in patches], np.uint8), 32, axis=0)
    image = Image.fromarray(pixels, "CMYK")
    options = {"quality": 100, "subsampling": 0} if name == "JPEG" else {}
    shown = show(encode(image, name, icc_profile=make_cmyk_profile(), **options))[16::32, 16].astype(int)
    paper, black, magenta, yellow = shown
    assert (paper >= 253).all() and black.max() < 60 and np.ptp(black) < 6
    assert magenta[0] > magenta[1] + 80 and yellow[2] < 130 < 200 < yellow[0]
    without_profile = show(encode(image, name, **options))[16::32, 16].astype(int)
    assert (np.abs(shown - without_profile).max(axis=1)[2:] > 20).all()


def test_cmyk_tiff_and_other_modes() -> None:
    image = Image.fromarray(COLOUR)
    assert np.abs(show(encode(image.convert("CMYK"), "TIFF")).astype(int) - COLOUR).max() <= 1
    assert np.abs(show(encode(image.convert("YCbCr"), "TIFF")).astype(int) - COLOUR).max() <= 3
    bilevel = Image.fromarray(GRAY).convert("1")
    for name, options in (("PNG", {}), ("TIFF", {"compression": "group4"}), ("BMP", {}), ("GIF", {})):
        data = encode(bilevel, name, **options)
        assert (show(data) == np.asarray(bilevel) * np.uint8(255)).all(), name


@pytest.mark.parametrize("name", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled(name: str) -> None:
    wide = GRAY.astype(np.uint16) * 257
    with open_it(encode(wide, name)) as picture:
        assert (picture.pixels() == GRAY).all() and not picture.stored_as_shown


def test_sixteen_bit_tiffs_of_both_byte_orders_and_polarities() -> None:
    wide = GRAY.astype(np.uint16) * 257
    for order in "<>":
        for photometric in (0, 1):
            stored = wide if photometric else 65535 - wide
            data = make_raw_tiff(order, stored.astype(order + "u2").tobytes(), photometric)
            if order == ">" and photometric == 0:
                continue  # Pillow does not read it
            assert (show(data) == GRAY).all(), (order, photometric)


def make_raw_tiff(order: str, pixels: bytes, photometric: int) -> bytes:
    height, width = GRAY.shape
    entries = [
        (256, 4, width), (257, 4, height), (258, 3, 16), (259, 3, 1), (262, 3, photometric),
        (273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, len(pixels)),
    ]  # fmt: skip
    directory = struct.pack(order + "H", len(entries))
    for tag, kind, value in entries:
        content = struct.pack(order + "HH", value, 0) if kind == 3 else struct.pack(order + "I", value)
        directory += struct.pack(order + "HHI", tag, kind, 1) + content
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(pixels))
    return head + pixels + directory + bytes(4)


def test_float_and_32_bit_tiffs_are_scaled() -> None:
    for values in (GRAY / np.float32(255), GRAY.astype(np.float32), GRAY.astype(np.float32) * 257):
        assert np.abs(show(encode(Image.fromarray(values.astype(np.float32)), "TIFF")).astype(int) - GRAY).max() <= 1
    assert (show(encode(Image.fromarray(GRAY.astype(np.int32) * 257), "TIFF")) == GRAY).all()


def test_sixteen_bit_colour_png_with_a_transparent_colour() -> None:
    wide = COLOUR.astype(">u2") * 257
    transparent = tuple(int(value) for value in wide[60, 60])
    rows = b"".join(b"\0" + row.tobytes() for row in wide.astype(">u2"))
    import zlib

    height, width = GRAY.shape
    data = b"\x89PNG\r\n\x1a\n" + make_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
    data += make_chunk(b"tRNS", struct.pack(">3H", *transparent)) + make_chunk(b"IDAT", zlib.compress(rows))
    data += make_chunk(b"IEND", b"")
    matches = (COLOUR[60, 60] == COLOUR).all(axis=2, keepdims=True)
    assert (show(data) == np.where(matches, 255, COLOUR)).all()


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_transparent_colour_shows_white(mode: str) -> None:
    image = Image.fromarray(COLOUR if mode == "RGB" else GRAY)
    image = image.quantize(8) if mode == "P" else image.convert(mode)
    colour = image.getpixel((60, 60))
    data = encode(image, "PNG", transparency=colour)
    rgb = np.asarray(image.convert("RGB"))
    matches = np.asarray(image) == colour
    matches = matches.all(axis=2) if matches.ndim == 3 else matches
    expected = np.where(matches[..., None], 255, rgb)
    shown = show(data)
    assert (shown.reshape(*shown.shape[:2], -1) == expected[..., : 1 if shown.ndim == 2 else 3]).all()


@pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF", "JPEG2000"])
def test_alpha_shows_white_paper(name: str) -> None:
    options = {"lossless": True} if name == "WEBP" else {"irreversible": False} if name == "JPEG2000" else {}
    assert (show(encode(RGBA, name, **options)) == ON_WHITE).all()
    gray_alpha = Image.fromarray(np.dstack([GRAY, RGBA[..., 3]]), "LA")
    if name in ("PNG", "TIFF"):
        assert (show(encode(gray_alpha, name)) == np.where(RGBA[..., 3] == 255, GRAY, 255)).all()


def test_alpha_of_a_bmp_that_is_zero_everywhere_is_unused() -> None:
    data = bytearray(encode(Image.fromarray(RGBA), "BMP"))
    start = int.from_bytes(data[10:14], "little")
    data[start + 3 :: 4] = bytes(len(data[start + 3 :: 4]))
    assert (show(bytes(data)) == COLOUR).all()


EXIF_TURNED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_exif_orientation_is_applied_once(name: str, orientation: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mangagan.decoding.picture.DIRECT_PIXELS", 1000)
    monkeypatch.setattr("mangagan.decoding.picture.BAND_PIXELS", 13 * 200)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if name == "WEBP" else {"quality": 100} if name in ("JPEG", "AVIF") else {}
    stored = decode_plainly(encode(COLOUR, name, **options))
    expected = EXIF_TURNED[orientation](stored)
    with open_it(encode(COLOUR, name, exif=exif, **options)) as picture:
        assert (picture.height, picture.width) == expected.shape[:2]
        assert picture.stored_as_shown == (orientation == 1 and name in ("PNG", "JPEG", "WEBP"))
        assert np.abs(picture.pixels().astype(int) - expected).max() <= (3 if name == "AVIF" else 0)
        assert (picture.read_rows(7, 50) == picture.pixels()[7:50]).all()


@pytest.mark.parametrize("quote", ['="6"', "='6'", ">6<"])
def test_xmp_orientation_is_applied_where_there_is_no_exif(quote: str) -> None:
    xmp = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf tiff:Orientation{quote}/></x:xmpmeta>"
    jpeg = insert_segments(encode(GRAY, "JPEG"), make_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp.encode()))
    assert show(jpeg).shape == GRAY.T.shape and not open_it(jpeg).stored_as_shown
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp)
    assert (show(encode(GRAY, "PNG", pnginfo=info)) == np.rot90(GRAY, -1)).all()
    assert (show(encode(COLOUR, "WEBP", lossless=True, xmp=xmp.encode())) == np.rot90(COLOUR, -1)).all()
    exif = Image.Exif()
    exif[0x0112] = 1
    assert (show(encode(GRAY, "PNG", pnginfo=info, exif=exif)) == GRAY).all()


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
        b"Exif\0\0garbage" * 20,
        b"Exif\0\0II*\0" + struct.pack("<IHHHI4s", 8, 1, 0x0112, 2, 400, b"abcd"),
        b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 77, 0, 8),
    ],
)
def test_malformed_exif_does_not_matter(exif: bytes) -> None:
    data = insert_segments(encode(GRAY, "JPEG"), make_segment(0xE1, exif))
    with open_it(data) as picture:
        assert (picture.pixels() == decode_plainly(encode(GRAY, "JPEG"))).all()
        if picture.stored_as_shown:
            assert (decode_page(data).pixels == picture.pixels()).all()
    png = insert_chunks(encode(GRAY), make_chunk(b"eXIf", exif[6:]))
    assert (show(png) == GRAY).all()
