import io
import random
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from mangagan.readers.base import Limits
from mangagan.readers.books.tiff_file import TiffReader
from mangagan.readers.errors import ReaderError, TooLargeError
from tests.book_files import draw_page, write_file

FORMATS = {  # mode, options of Pillow
    "raw": ("RGB", {}),
    "lzw": ("RGB", {"compression": "tiff_lzw"}),
    "deflate": ("L", {"compression": "tiff_adobe_deflate"}),
    "fax": ("1", {"compression": "group4"}),
    "jpeg": ("RGB", {"compression": "jpeg", "quality": 90}),
    "cmyk": ("CMYK", {"compression": "tiff_lzw"}),
    "bigtiff": ("RGB", {"big_tiff": True}),
    "big-endian, 16 bits": ("I;16B", {}),
}


def write_tiff(path: Path, pages: list[Image.Image], tags: list[dict[int, int]] | None = None, **options) -> Path:
    """Write a TIFF with several pages, each with tags of its own."""
    with TiffImagePlugin.AppendingTiffWriter(str(path), new=True) as file:
        for page, extra in zip(pages, tags or [{}] * len(pages), strict=True):
            directory = TiffImagePlugin.ImageFileDirectory_v2()
            directory.update(extra)
            page.save(file, "TIFF", tiffinfo=directory, **options)
            file.newFrame()
    return path


def read_pages(path: Path, limits: Limits | None = None) -> list[bytes]:
    with TiffReader(path, limits) as reader:
        return [member.read() for member in reader.members()]


@pytest.mark.parametrize("name", FORMATS)
def test_each_page_is_a_tiff_with_the_same_pixels(tmp_path, name):
    mode, options = FORMATS[name]
    pages = [
        draw_page(seed, mode="L").convert("I;16").convert(mode) if "16" in mode else draw_page(seed, mode=mode)
        for seed in range(3)
    ]
    path = tmp_path / "a.tif"
    pages[0].save(path, "TIFF", save_all=True, append_images=pages[1:], **options)
    assert TiffReader.matches(path.read_bytes()[:4096], path)
    for index, data in enumerate(read_pages(path)):
        with Image.open(path) as whole, Image.open(io.BytesIO(data)) as single:
            whole.seek(index)
            assert single.n_frames == 1
            assert np.array_equal(np.asarray(single), np.asarray(whole))


def test_pages_are_named_in_order(tmp_path):
    pages = [draw_page(seed) for seed in range(12)]
    path = write_tiff(tmp_path / "a.tif", pages)
    with TiffReader(path) as reader:
        members = list(reader.members())
        assert TiffReader.in_reading_order
        assert [member.name for member in members] == [f"page {number}" for number in range(1, 13)]
        for member, page in zip(members, pages, strict=True):
            assert np.array_equal(np.asarray(Image.open(io.BytesIO(member.read()))), np.asarray(page))


def test_orientation_and_profile_are_kept(tmp_path):
    path = tmp_path / "a.tif"
    profile = b"profile of a shop" * 20
    pages = [draw_page(0), draw_page(1)]
    info = {274: 6}
    pages[0].save(path, "TIFF", save_all=True, append_images=pages[1:], tiffinfo=info, icc_profile=profile)
    image = Image.open(io.BytesIO(read_pages(path)[0]))
    assert image.info["icc_profile"] == profile
    assert image.tag_v2[274] == 6


def test_thumbnails_and_masks_are_no_pages(tmp_path):
    pages = [draw_page(0), draw_page(1, 60, 84), draw_page(2), draw_page(3, mode="1")]
    path = write_tiff(tmp_path / "a.tif", pages, [{254: 0}, {254: 1}, {254: 2}, {254: 4}])
    sizes = [Image.open(io.BytesIO(data)).size for data in read_pages(path)]
    assert sizes == [(300, 420), (300, 420)]


def test_a_single_page_is_left_to_the_reader_of_images(tmp_path):
    single = write_tiff(tmp_path / "single.tif", [draw_page(0)])
    thumbnail = write_tiff(tmp_path / "thumbnail.tif", [draw_page(0), draw_page(1, 60, 84)], [{254: 0}, {254: 1}])
    other = write_file(tmp_path / "a.tif", b"no TIFF at all")
    for path in (single, thumbnail, other):
        assert not TiffReader.matches(path.read_bytes()[:4096], path)


def test_a_loop_of_directories_ends(tmp_path):
    path = write_tiff(tmp_path / "a.tif", [draw_page(0), draw_page(1)])
    data = bytearray(path.read_bytes())
    first = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[first : first + 2], "little")
    second = int.from_bytes(data[first + 2 + 12 * count :][:4], "little")
    count = int.from_bytes(data[second : second + 2], "little")
    data[second + 2 + 12 * count : second + 6 + 12 * count] = first.to_bytes(4, "little")
    assert len(read_pages(write_file(path, bytes(data)))) == 2


def test_a_cut_off_page_stays_cut_off(tmp_path):
    pages = [draw_page(0, mode="RGB"), draw_page(1, mode="RGB")]
    path = tmp_path / "a.tif"
    pages[0].save(path, "TIFF", save_all=True, append_images=pages[1:])
    with Image.open(path) as image:
        image.seek(1)
        last = image.tag_v2[273][-1]
    write_file(path, path.read_bytes()[: last + 100])
    whole, cut = read_pages(path)
    Image.open(io.BytesIO(whole)).load()
    with pytest.raises(OSError, match="truncated"):
        Image.open(io.BytesIO(cut)).load()


def test_bounds(tmp_path):
    path = write_tiff(tmp_path / "a.tif", [draw_page(seed) for seed in range(3)])
    with TiffReader(path, Limits(max_members=2)) as reader:
        names = []
        with pytest.raises(TooLargeError, match="over 2 pages"):
            names.extend(member.name for member in reader.members())
    with pytest.raises(TooLargeError, match="too large"):
        read_pages(path, Limits(max_image_bytes=1000))


def test_a_damaged_header_is_reported(tmp_path):
    with pytest.raises(ReaderError, match="damaged TIFF"):
        read_pages(write_file(tmp_path / "a.tif", b"II*\0"))


def test_mutated_files_raise_only_exceptions(tmp_path):
    path = tmp_path / "a.tif"
    pages = [draw_page(seed, 60, 84) for seed in range(3)]
    pages[0].save(path, "TIFF", save_all=True, append_images=pages[1:], compression="tiff_lzw")
    original = path.read_bytes()
    generator = random.Random(0)
    start = time.monotonic()
    for _ in range(300):
        data = bytearray(original)
        for _ in range(generator.randint(1, 8)):
            data[generator.randrange(len(original))] = generator.choice((0, 1, 127, 128, 255, generator.randrange(256)))
        write_file(path, bytes(data[: generator.randint(8, len(data))] if generator.random() < 0.2 else data))
        try:
            if TiffReader.matches(bytes(data[:4096]), path):
                for page in read_pages(path):
                    assert len(page) < 10**6
        except (ReaderError, OSError):
            pass
    assert time.monotonic() - start < 60
