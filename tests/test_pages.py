import io
import zipfile
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mangagan.core.errors import UserError
from mangagan.ingestion.params import IngestParams
from mangagan.ingestion.records import Record, ingest_titles
from mangagan.pages.archive import Archive, write_cbz
from mangagan.pages.decode import UnreadableError, decode_page, is_gray
from mangagan.readers.listing import list_screenshots
from mangagan.readers.order import sort_paths
from mangagan.readers.sources import read_sources

SETTINGS = IngestParams(min_side=16, max_megapixels=1, max_file_mb=1, merge_retakes=False, trim_bars=False)
RAMP = np.arange(32 * 24, dtype=np.uint32).reshape(24, 32)
GRAY = (RAMP * 255 // RAMP.max()).astype(np.uint8)
COLOUR = np.stack([GRAY, GRAY[::-1], 255 - GRAY], axis=2)


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def read_records(folder: Path) -> list[Record]:
    pages = folder.parent / "pages"
    pages.mkdir()
    sources = read_sources(list_screenshots(folder).files, SETTINGS.limits)
    return ingest_titles(sources, SETTINGS, pages, max_thumbnails=10).records


def test_gray_and_colour_come_back_as_they_are() -> None:
    for pixels in (GRAY, COLOUR):
        page = decode_page(encoded(Image.fromarray(pixels)))
        assert (page.pixels == pixels).all()


def test_equal_channels_become_one() -> None:
    page = decode_page(encoded(Image.fromarray(GRAY).convert("RGB")))
    assert (page.pixels == GRAY).all()
    assert page.page_id == decode_page(encoded(Image.fromarray(GRAY), "WEBP", lossless=True)).page_id


def test_a_damaged_page_has_a_reason() -> None:
    whole = encoded(Image.fromarray(COLOUR))
    for data in (whole[: len(whole) // 2], b"GIF89a not here", b""):
        with pytest.raises(UnreadableError, match="damaged"):
            decode_page(data)


def test_is_gray_bears_jpeg_noise_but_no_colour() -> None:
    noise = np.random.default_rng(0).integers(-8, 9, COLOUR.shape)
    assert is_gray((GRAY[..., None].astype(int) + noise).clip(0, 255).astype(np.uint8))
    assert not is_gray(COLOUR)


def test_natural_order() -> None:
    names = ["t/10.png", "t/2.png", "t/ch2/1.png", "t/1.png", "t/ch10/1.png", "t/CH2/2.png"]
    assert sort_paths(names) == [
        "t/1.png", "t/2.png", "t/10.png", "t/ch2/1.png", "t/CH2/2.png", "t/ch10/1.png",
    ]  # fmt: skip


def test_every_file_becomes_one_record_with_all_its_sources(tmp_path: Path) -> None:
    tmp_path = tmp_path / "shots"
    tmp_path.mkdir()
    files = {
        "b/2.png": encoded(Image.fromarray(GRAY)),
        "b/10.webp": encoded(Image.fromarray(GRAY), "WEBP", lossless=True),
        "b/1.png": encoded(Image.fromarray(COLOUR)),
        "a/1.png": encoded(Image.fromarray(GRAY[::-1])),
        "a/broken.png": b"\x89PNG\r\n\x1a\n",
        "a/empty.jpg": b"",
        "a/notes.txt": b"hello",
        "a/tiny.png": encoded(Image.fromarray(GRAY[:8, :8])),
        "a/huge.png": encoded(Image.new("1", (2000, 1000))),
        "loose.png": encoded(Image.fromarray(COLOUR[::-1])),
        ".DS_Store": b"",
    }
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    records = read_records(tmp_path)
    kept = {record.source: record for record in records if not record.reason}
    assert {name: record.page_number for name, record in kept.items()} == {"a/1.png": 1, "b/1.png": 1, "b/2.png": 2}
    assert kept["b/2.png"].sources == ("b/2.png", "b/10.webp")
    reasons = {record.source: record.reason for record in records if record.reason}
    assert set(reasons) == {"a/broken.png", "a/empty.jpg", "a/notes.txt", "a/tiny.png", "a/huge.png", "loose.png"}
    assert reasons["a/tiny.png"].startswith("too small: 8x8")
    assert reasons["a/huge.png"].startswith("too large")


def test_titles_that_sort_alike_are_not_mixed(tmp_path: Path) -> None:
    tmp_path = tmp_path / "shots"
    names = ["A/1.png", "a/2.png", "A/3.png", "Vol 1/1.png", "Vol 01/2.png", "Vol 1/3.png", "x/y.png", "x/b/1.png"]
    for number, name in enumerate(names):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(encoded(Image.fromarray(GRAY + np.uint8(number))))
    records = read_records(tmp_path)
    titles = [record.title for record in records]
    assert len(list(groupby(titles))) == len(set(titles)) == 5


def test_nothing_to_ingest_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Create .*/<title>/ and put screenshots or e-books there"):
        list_screenshots(tmp_path / "missing")
    with pytest.raises(UserError, match=r"Put images, or archives and e-books of them, into .*/<title>/"):
        list_screenshots(tmp_path)


def test_cbz_is_a_plain_archive_and_the_same_every_time(tmp_path: Path) -> None:
    entries = [("00001.png", b"one"), ("00002.png", b"two")]
    for name in ("a.cbz", "b.cbz"):
        write_cbz(tmp_path / name, entries)
    assert (tmp_path / "a.cbz").read_bytes() == (tmp_path / "b.cbz").read_bytes()
    assert zipfile.ZipFile(tmp_path / "a.cbz").testzip() is None
    archive = Archive(tmp_path / "a.cbz")
    assert archive.read("00002.png") == b"two"
    with pytest.raises(UserError, match="no page x"):
        archive.read("x")
    with pytest.raises(UserError, match="not found"):
        Archive(tmp_path / "c.cbz")
