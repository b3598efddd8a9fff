"""A reader of CBZ files, registered as docs/extending.md says, through `mangagan ingest` and `mangagan faces`."""

import csv
import io
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mangagan.cli import main
from mangagan.core import catalog
from mangagan.core.images import encode_png
from mangagan.ingestion.images import examine_source
from mangagan.ingestion.params import IngestParams
from mangagan.pages.table import read_pages
from mangagan.readers import registry
from mangagan.readers.base import Member, Reader
from mangagan.readers.listing import list_screenshots
from mangagan.readers.sources import read_sources

PARAMS = "ingest: {min_side: 50, max_megapixels: 1, max_file_mb: 0.1, merge_retakes: false, trim_bars: false}\n"
GRAY_FIELD = 200  # gray level of a rejected file that cannot be decoded


class CbzReader(Reader):
    """ZIP files, as a contributor would write it. `opened` keeps the archives so that the tests see them closed."""

    opened: ClassVar[list[zipfile.ZipFile]] = []

    @classmethod
    def matches(cls, header: bytes, path: Path) -> bool:
        return header.startswith(b"PK\x03\x04")

    def __enter__(self) -> Self:
        self.zip = zipfile.ZipFile(self.path)
        self.opened.append(self.zip)
        return self

    def __exit__(self, *_: object) -> None:
        self.zip.close()

    def members(self) -> Iterator[Member]:
        for info in self.zip.infolist():
            if not info.is_dir():
                yield Member(info.filename, info.file_size, partial(self.zip.read, info))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty workspace, which is the working directory, with the reader of CBZ files registered."""
    monkeypatch.setattr(registry, "READERS", [CbzReader, *registry.READERS])
    monkeypatch.setattr(CbzReader, "opened", [])
    monkeypatch.chdir(tmp_path)
    (tmp_path / catalog.SCREENSHOTS / "title").mkdir(parents=True)
    (tmp_path / "params.yaml").write_text(PARAMS)
    return tmp_path


def draw_png(level: int, side: int = 60) -> bytes:
    """Return a square of one gray level in a frame of stripes."""
    pixels = np.full((side, side), level, np.uint8)
    pixels[: side // 4, ::2] = 255
    pixels[-side // 4 :, ::2] = 0
    return encode_png(pixels)


def make_zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def set_central_directory(data: bytes, member: str, offset: int, value: int) -> bytes:
    """Return a ZIP with another 16-bit field in the central directory entry of one member."""
    start = data.index(member.encode(), data.index(b"PK\x01\x02")) - 46
    return data[: start + offset] + struct.pack("<H", value) + data[start + offset + 2 :]


def put(name: str, data: bytes) -> None:
    path = catalog.SCREENSHOTS / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def ingest() -> pd.DataFrame:
    assert main(["ingest"]) == 0
    assert all(archive.fp is None for archive in CbzReader.opened), "a container was left open"
    return read_pages(catalog.PAGES_TABLE).set_index("source")


def thumbnail_levels() -> list[int]:
    """Return the gray level in the centre of each thumbnail on the contact sheet of rejected files, in order."""
    sheet = np.asarray(Image.open(catalog.pictures_dir("ingest") / "rejected.png").convert("L"))
    return [int(sheet[2 + 84, left + 63]) for left in range(0, sheet.shape[1], 126)]


def test_members_are_pages_in_natural_order_of_file_and_member(workspace: Path) -> None:
    put("title/ch10.png", draw_png(100))
    put("title/ch2.cbz", make_zip({"p10.png": draw_png(30), "p9.png": draw_png(20), "p1/": b"", "._p9.png": b"x"}))
    put("title/ch1.png", draw_png(10))
    pages = ingest()
    assert pages["page_number"].to_dict() == {
        "title/ch1.png": 1,
        "title/ch2.cbz::p9.png": 2,
        "title/ch2.cbz::p10.png": 3,
        "title/ch10.png": 4,
    }
    assert set(pages["title"]) == {"title"}
    assert len(CbzReader.opened) == 1


def test_a_container_at_the_top_level_is_a_title_and_joins_the_folder_of_its_name(workspace: Path) -> None:
    put("Vol 1.cbz", make_zip({"1.png": draw_png(10), "2.png": draw_png(20)}))
    put("Vol 1/cover.png", draw_png(5))
    put("Vol 2.zip", make_zip({"1.png": draw_png(30), "again.png": draw_png(10)}))
    put("loose.png", draw_png(40))
    pages = ingest()
    assert pages["page_number"].to_dict() == {
        "loose.png": 0,
        "Vol 1/cover.png": 1,
        "Vol 1.cbz::1.png": 2,
        "Vol 1.cbz::2.png": 3,
        "Vol 2.zip::1.png": 1,
    }
    assert pages["title"].to_list() == ["", "Vol 1", "Vol 1", "Vol 1", "Vol 2"]
    assert list(pages.loc["Vol 1.cbz::1.png", "sources"]) == ["Vol 1.cbz::1.png", "Vol 2.zip::again.png"]
    assert pages.loc["loose.png", "reason"] == "not in the folder of a title"
    assert thumbnail_levels() == [40]


def test_content_decides_and_not_the_suffix(workspace: Path) -> None:
    put("title/archive.png", make_zip({"1.png": draw_png(10)}))
    put("title/fake.cbz", b"no archive at all")
    put("title/image.cbz", draw_png(20))
    put("fake.cbz", b"no archive at all")
    put("title/other.jpg", b"no picture")
    assert ingest()["reason"].to_dict() == {
        "fake.cbz": "no picture, archive or e-book (file type .cbz)",
        "title/archive.png::1.png": "",
        "title/fake.cbz": "no picture, archive or e-book (file type .cbz)",
        "title/image.cbz": "",
        "title/other.jpg": "no picture, archive or e-book (file type .jpg)",
    }


def test_a_broken_container_is_a_row_and_the_others_are_read(workspace: Path) -> None:
    intact = make_zip({"1.png": draw_png(10), "2.png": draw_png(20)})
    put("cut.cbz", intact[: len(intact) // 2])
    put("title/cut.cbz", intact[:20])
    put("title/hollow.cbz", make_zip({"folder/": b""}))
    put("title/intact.cbz", intact)
    pages = ingest()
    assert pages["reason"].to_dict() == {
        "cut.cbz": "damaged: File is not a zip file",
        "title/cut.cbz": "damaged: File is not a zip file",
        "title/hollow.cbz": "no files in the container",
        "title/intact.cbz::1.png": "",
        "title/intact.cbz::2.png": "",
    }
    assert pages.loc["cut.cbz", "title"] == "cut"
    assert thumbnail_levels() == [GRAY_FIELD] * 3
    assert sorted(path.name for path in catalog.PAGES_DIR.iterdir()) == ["title.cbz"]


def test_members_that_cannot_be_pages_are_rows_with_a_reason_and_a_thumbnail(workspace: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400), np.uint8)
    data = make_zip(
        {
            "a.png": draw_png(10),
            "b-locked.png": draw_png(20),
            "c-method.png": draw_png(30),
            "d-tiny.png": draw_png(40, side=20),
            "e-large.png": encode_png(noise),
            "f-notes.txt": b"hello",
            "g-empty.png": b"",
            "h.png": draw_png(50),
        }
    )
    data = set_central_directory(data, "b-locked.png", 8, 1)  # flag: encrypted
    data = set_central_directory(data, "c-method.png", 10, 93)  # a compression method that zipfile lacks
    put("title/book.cbz", data)
    pages = ingest().rename(lambda source: source.removeprefix("title/book.cbz::"))
    reasons = pages["reason"].to_dict()
    assert {name for name, reason in reasons.items() if not reason} == {"a.png", "h.png"}
    assert "encrypted" in reasons["b-locked.png"]
    assert reasons["c-method.png"] == "damaged: That compression method is not supported"
    assert reasons["d-tiny.png"] == "too small: 20x20, under 50 px"
    assert reasons["e-large.png"] == "too large: 0 MB, over 0.1 MB"
    assert reasons["f-notes.txt"] == "no picture, archive or e-book (file type .txt)"
    assert reasons["g-empty.png"] == "empty file"
    assert thumbnail_levels() == [40] + [GRAY_FIELD] * 5  # what can be seen comes first
    assert len(CbzReader.opened) == 1


def test_members_of_one_name_are_rows_of_their_own(workspace: Path) -> None:
    data = make_zip({f"{number}.png": draw_png(side, side) for number, side in enumerate((20, 60, 30))})
    for number in range(3):
        data = data.replace(f"{number}.png".encode(), b"1.png")
    put("title/book.cbz", data)
    pages = ingest()
    assert list(pages.index) == ["title/book.cbz::1.png"] * 3
    assert pages["width"].to_list() == [20, 60, 30]
    assert thumbnail_levels() == [20, 30]


def fail(error: Exception) -> bytes:
    raise error


@pytest.mark.parametrize("method", ["matches", "__enter__", "members", "__exit__", "read"])
def test_a_failure_in_any_method_of_a_reader_is_a_row(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    class FailingReader(Reader):
        @classmethod
        def matches(cls, header: bytes, path: Path) -> bool:
            if header.startswith(b"FAIL") and method == "matches":
                fail(ValueError(f"wrong\n{path.resolve()}"))
            return header.startswith(b"FAIL")

        def __enter__(self) -> Self:
            if method == "__enter__":
                fail(ValueError(f"wrong\n{self.path}"))
            return self

        def __exit__(self, *_: object) -> None:
            if method == "__exit__":
                fail(ValueError(f"wrong\n{self.path}"))

        def members(self) -> Iterator[Member]:
            read: Callable[[], bytes] = partial(draw_png, 70)
            yield Member("1.png", None, partial(fail, ValueError("wrong book.fail")) if method == "read" else read)
            if method == "members":
                fail(ValueError(f"wrong\n{self.path}"))

    monkeypatch.setattr(registry, "READERS", [FailingReader, *registry.READERS])
    put("title/0.png", draw_png(10))
    put("title/book.fail", b"FAIL")
    put("title/z.png", draw_png(20))
    reasons = ingest()["reason"].to_dict()
    failed = "title/book.fail::1.png" if method == "read" else "title/book.fail"
    kept = ["title/0.png", *(["title/book.fail::1.png"] if method in ("members", "__exit__") else []), "title/z.png"]
    assert reasons.pop(failed) == "damaged: wrong book.fail"
    assert reasons == dict.fromkeys(kept, "")


def test_work_items_are_plain_data_and_sizes_are_checked_before_reading(workspace: Path) -> None:
    put("title/1.png", draw_png(10))
    put("title/book.cbz", make_zip({"1.png": draw_png(20), "large.png": bytes(200_000)}))
    settings = IngestParams(min_side=50, max_file_mb=0.1)
    sources = list(read_sources(list_screenshots(catalog.SCREENSHOTS).files, settings.limits))
    assert [len(source.data) > 0 for source in sources] == [True, True, False]
    work = partial(examine_source, settings=settings)
    for source in sources:
        restored_work, restored_source = pickle.loads(pickle.dumps((work, source)))
        assert repr(restored_work(restored_source)) == repr(work(source))


def test_faces_reads_containers_in_folders_and_by_name(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from mangagan.sample.character import STYLES
    from mangagan.sample.page import draw_page

    (workspace / "params.yaml").write_text("ingest: {}\n")
    page = encode_png(draw_page(np.random.default_rng(0), STYLES[0], 828, 1180)[0])
    locked = set_central_directory(make_zip({"p2.png": page, "p10.png": page}), "p10.png", 8, 1)
    for name, data in {
        "scans/vol1.cbz": locked,
        "scans/vol1/1.png": page,
        "scans/cut.cbz": locked[:30],
        "scans/notes.txt": b"hello",
        "vol2.cbz": make_zip({"1.png": page}),
        "image.dat": page,
    }.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(data)
    assert main(["faces", "scans", "vol2.cbz", "image.dat", "--out", "faces.csv"]) == 0
    rows = list(csv.DictReader(Path("faces.csv").read_text().splitlines()))
    pages = [row["page"] for row in rows]
    assert list(dict.fromkeys(pages)) == ["vol1/1.png", "vol1.cbz::p2.png", "vol2.cbz::1.png", "image.dat"]
    assert len({pages.count(page) for page in set(pages)}) == 1
    printed = capsys.readouterr()
    assert "in 4 images" in printed.out
    skipped = printed.err.splitlines()
    assert "mangagan: skipped cut.cbz: damaged: File is not a zip file" in skipped
    assert [line for line in skipped if line.startswith("mangagan: skipped vol1.cbz::p10.png: ")]
    assert not [line for line in skipped if "notes.txt" in line]
    assert all(archive.fp is None for archive in CbzReader.opened)


def test_faces_lists_files_folder_by_folder_without_later_volumes(tmp_path: Path) -> None:
    from mangagan.commands.faces import list_images

    names = ["a/1.png", "a/2.png", "a/10.png", "b/1.png", "b/2.png", "c.png"]
    for name in reversed(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(draw_png(10))
    signature = b"Rar!\x1a\x07\x01\x00"
    (tmp_path / "d.part1.rar").write_bytes(signature)
    (tmp_path / "d.part2.rar").write_bytes(signature)
    assert [file.name for file in list_images([tmp_path])] == [*names, "d.part1.rar"]


def test_a_title_may_hold_an_ideographic_space_and_no_line_break(workspace: Path) -> None:
    put("漫画\u3000第1巻.cbz", make_zip({"頁\u30001.png": draw_png(10), "a\nb.png": draw_png(20)}))
    put("line\nbreak.cbz", make_zip({"1.png": draw_png(30)}))
    assert ingest()["reason"].to_dict() == {
        "漫画\u3000第1巻.cbz::a\\nb.png": "",
        "漫画\u3000第1巻.cbz::頁\u30001.png": "",
        "line\\nbreak.cbz": "file name holds a line break or control character",
    }


@pytest.mark.parametrize("folders", ["", "data/screenshots", "data/screenshots/title"])
def test_no_screenshots_is_one_clear_line(
    folders: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(PARAMS)
    Path(folders).mkdir(parents=True, exist_ok=True)
    assert main(["ingest"]) == 2
    problem = "no screenshots in data/screenshots. Put " if folders else "data/screenshots not found. Create "
    printed = capsys.readouterr().err
    assert printed.startswith(f"mangagan: {problem}")
    assert printed.count("\n") == 1
    assert not Path("data/pages").exists()


def test_screenshots_without_a_page_is_one_clear_line(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put("title/1.txt", b"hello")
    assert main(["ingest"]) == 2
    printed = capsys.readouterr().err
    reason = "title/1.txt: no picture, archive or e-book (file type .txt). Put "
    assert f"none of 1 files in data/screenshots is a page, for example {reason}" in printed
    assert printed.count("\n") == 1
