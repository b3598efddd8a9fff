"""`mangagan ingest` on what people own: screenshots with bars, spreads, strips, slices, re-taken screenshots, books."""

import errno
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from mangagan.cli import main
from mangagan.commands.stages import lock_stage
from mangagan.core import catalog
from mangagan.ingestion.params import IngestParams
from mangagan.ingestion.processor import Processor
from mangagan.ingestion.records import ingest_titles, read_images
from mangagan.ingestion.spool import Spool
from mangagan.pages.decode import decode_page
from mangagan.pages.table import read_pages
from mangagan.readers.sources import Source
from mangagan.sample.character import STYLES
from mangagan.sample.page import draw_page
from tests.dvc_workspace import environment


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("ingest: {}\n")
    return tmp_path


def draw(seed: int, width: int = 600, height: int = 860) -> np.ndarray:
    """Return a page of the sample manga, uint8 (height, width) or (height, width, 3)."""
    return draw_page(np.random.default_rng(seed), STYLES[seed % len(STYLES)], width, height)[0]


def encode(pixels: np.ndarray, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format, **options)
    return buffer.getvalue()


def put(name: str, data: bytes) -> None:
    path = catalog.SCREENSHOTS / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def ingest() -> pd.DataFrame:
    assert main(["ingest"]) == 0
    return read_pages(catalog.PAGES_TABLE)


def stored_pages(title: str) -> list[np.ndarray]:
    with zipfile.ZipFile(catalog.PAGES_DIR / f"{title}.cbz") as archive:
        return [decode_page(archive.read(name)).pixels for name in sorted(archive.namelist())]


def make_screenshot(page: np.ndarray, number: int) -> np.ndarray:
    """Return a page on the dark screen of a phone, with a status bar, a navigation bar and a page slider."""
    screen = Image.new("RGB", (720, 1560), (18, 18, 18))
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, 0, 719, 59), fill=(32, 32, 40))
    draw.text((20, 20), f"9:{10 + number}", fill="white", font_size=26)
    draw.rectangle((640, 22, 690, 42), outline="white", width=2)
    draw.rectangle((0, 1440, 719, 1559), fill=(32, 32, 40))
    draw.line((60, 1480, 660, 1480), fill=(120, 120, 120), width=4)
    draw.ellipse((60 + 25 * number, 1470, 80 + 25 * number, 1490), fill="white")
    draw.text((320, 1510), f"{number + 1} / 24", fill="white", font_size=24)
    scaled = Image.fromarray(page).convert("RGB").resize((720, 1032))
    screen.paste(scaled, (0, 60 + (1380 - 1032) // 2))
    return np.asarray(screen)


def test_bars_of_a_phone_are_trimmed_and_the_box_is_recorded(workspace: Path) -> None:
    for number in range(8):
        put(f"phone/Screenshot_{number}.png", encode(make_screenshot(draw(number), number)))
    pages = ingest()
    assert len(pages) == 8
    assert set(pages["change"]) == {"bars trimmed"}
    assert ((pages["top"] - 234).abs() <= 2).all()
    assert ((pages["height"] - 1032).abs() <= 4).all()
    assert (pages["left"] <= 2).all()
    assert [page.shape[:2] for page in stored_pages("phone")] == list(zip(pages["height"], pages["width"], strict=True))


def test_spreads_are_split_and_the_right_page_comes_first(workspace: Path) -> None:
    halves = [draw(seed) for seed in range(4)]
    gutter = np.full((860, 40), 255, np.uint8)
    for number in range(2):
        left, right = (np.atleast_3d(half) for half in halves[2 * number : 2 * number + 2])
        spread = np.concatenate(
            [np.broadcast_to(part, (*part.shape[:2], 3)) for part in (left, gutter[..., None], right)], 1
        )
        put(f"book/{number}.png", encode(spread))
        with zipfile.ZipFile(workspace / "western.cbz", "a") as archive:
            archive.writestr(f"{number}.png", encode(spread[::-1].copy()))
            if not number:
                archive.writestr("ComicInfo.xml", "<ComicInfo><Manga>No</Manga></ComicInfo>")
    put("western.cbz", (workspace / "western.cbz").read_bytes())
    pages = ingest()
    book = pages[pages["title"] == "book"]
    assert book["change"].to_list() == ["page 1 of a spread", "page 2 of a spread"] * 2
    assert (book["left"].to_numpy()[::2] > 600).all()
    assert (book["left"].to_numpy()[1::2] == 0).all()
    assert (pages[pages["title"] == "western"]["left"].to_numpy()[::2] == 0).all(), "ComicInfo.xml: left to right"


def make_strip(count: int) -> np.ndarray:
    gutter = np.full((160, 600), 255, np.uint8)
    parts = [part for seed in range(count) for part in (gutter, gray(draw(seed)))]
    return np.concatenate([*parts, gutter])


def gray(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).convert("L"))


def test_a_strip_is_cut_and_its_slices_give_the_same_pages(workspace: Path) -> None:
    strip = make_strip(6)
    put("strip/1.png", encode(strip))
    for number, top in enumerate(range(0, len(strip), 800)):
        put(f"slices/{number:02}.png", encode(strip[top : top + 800]))
    pages = ingest()
    assert (pages["reason"] == "").all()
    covered = [row for page in pages.itertuples() for row in range(page.top, page.top + page.height)]
    assert set(np.flatnonzero((strip < 250).any(axis=1))) <= set(covered), "no drawing is lost"
    assert len(pages) >= 4
    # The title `slices` comes first: its pages are the same, so they are kept once, with the strip as a further source.
    assert set(pages["title"]) == {"slices"}
    assert pages["change"].str.contains("slices joined, part . of").all()
    assert set(pages["source"]) == {"slices/00.png"}
    for page in pages.itertuples():
        numbers = range(page.top // 800, -(-(page.top + page.height) // 800))
        assert list(page.sources) == [*(f"slices/{number:02}.png" for number in numbers), "strip/1.png"]


def test_slices_in_gray_and_in_colour_are_joined(workspace: Path) -> None:
    strip = make_strip(4)
    colour = np.repeat(strip[..., None], 3, axis=2)
    colour[2000:, :, 0] //= 2
    for number, top in enumerate(range(0, len(strip), 800)):
        put(f"t/{number:02}.png", encode((strip if top < 1600 else colour)[top : top + 800]))
    pages = ingest()
    assert pages["change"].str.contains("slices joined").all()
    for page, pixels in zip(pages.itertuples(), stored_pages("t"), strict=True):
        expected = colour[page.top : page.top + page.height]
        assert (np.atleast_3d(pixels) == expected).all()


def test_tiny_images_are_one_row_each(workspace: Path) -> None:
    noise = np.random.default_rng(0)
    put("t/page.png", encode(draw(0)))
    for number, size in enumerate([(1, 1), (1, 1), (7, 5), (3, 5), (3000, 8), (3000, 8), (3000, 150), (8, 3000)]):
        put(f"t/{number}.png", encode(noise.integers(0, 256, size, np.uint8)))
    pages = ingest()
    assert len(pages) == 9
    assert pages["reason"].str.startswith("too small: ").sum() == 8


def test_a_page_taken_again_later_keeps_its_place(workspace: Path) -> None:
    for seed in range(3):
        page = draw(seed, 900, 1290)
        smaller = np.asarray(Image.fromarray(page).resize((720, 1032), Image.Resampling.LANCZOS))
        put(f"t/first/{seed}.jpg", encode(smaller, "JPEG", quality=70))
        if seed == 1:
            put("t/second/1.png", encode(page))
    pages = ingest()
    assert pages["source"].to_list() == ["t/first/0.jpg", "t/second/1.png", "t/first/2.jpg"]
    assert pages["page_number"].to_list() == [1, 2, 3]
    assert list(pages["sources"][1]) == ["t/second/1.png", "t/first/1.jpg"]


def test_few_thumbnails_are_in_memory(workspace: Path) -> None:
    names = [f"{number}.png" for number in range(12)]
    icon = encode(np.full((64, 64), 90, np.uint8))
    sources = [Source(title, f"{title}/{name}", icon) for title in "ab" for name in names]
    with Spool(workspace) as spool:
        images = list(read_images(iter(sources[:12]), IngestParams(), spool, 5, Processor()))
    assert sum(image.draft is not None and image.draft.thumbnail is not None for image in images) == 5
    records = ingest_titles(sources, IngestParams(), workspace, 5).records
    assert [record.thumbnail is not None for record in records] == ([True] * 5 + [False] * 7) * 2


def test_pages_are_kept_if_no_new_file_is_a_page(workspace: Path) -> None:
    put("t/1.png", encode(draw(0)))
    ingest()
    (catalog.SCREENSHOTS / "t/1.png").write_bytes(b"no picture")
    assert main(["ingest"]) == 2
    assert len(stored_pages("t")) == len(read_pages(catalog.PAGES_TABLE)) == 1


def test_a_full_temporary_disk_is_no_fault_of_the_file(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("1.png", encode(draw(0)))
    with zipfile.ZipFile(workspace / "set.zip", "w") as archive:
        archive.writestr("0.png", encode(draw(1)))
        archive.writestr("vol1.cbz", inner.getvalue())
    put("set.zip", (workspace / "set.zip").read_bytes())
    monkeypatch.setattr("mangagan.readers.sources.tempfile.TemporaryDirectory", fail)
    assert main(["ingest"]) == 2
    assert "no space left for temporary files in " in capsys.readouterr().err
    assert not catalog.PAGES_TABLE.exists()


def test_a_second_process_waits_for_the_first(workspace: Path) -> None:
    put("t/1.png", encode(draw(0)))
    with lock_stage("ingest"):
        second = subprocess.Popen(
            [sys.executable, "-m", "mangagan", "ingest"], env=environment(), stderr=subprocess.PIPE, text=True
        )
        assert second.stderr is not None
        assert second.stderr.readline() == "mangagan: waiting for another `mangagan ingest` in this folder\n"
        assert not catalog.PAGES_TABLE.exists()
    assert second.wait(60) == 0
    second.stderr.close()
    assert catalog.PAGES_TABLE.exists()


def test_a_page_screenshotted_twice_is_one_page(workspace: Path) -> None:
    for seed in range(3):
        page = draw(seed, 900, 1290)
        put(f"t/{seed}a.png", encode(page))
        smaller = np.asarray(Image.fromarray(page).resize((720, 1032), Image.Resampling.LANCZOS))
        put(f"t/{seed}b.jpg", encode(smaller, "JPEG", quality=70))
    pages = ingest()
    assert pages["source"].to_list() == ["t/0a.png", "t/1a.png", "t/2a.png"]
    assert [list(sources) for sources in pages["sources"]] == [[f"t/{n}a.png", f"t/{n}b.jpg"] for n in range(3)]
    assert json.loads(catalog.metrics_file("ingest").read_text())["retakes"] == 3


def test_blank_pages_are_rows_with_a_reason(workspace: Path) -> None:
    put("t/1.png", encode(draw(0)))
    put("t/2.png", encode(np.full((860, 600), 255, np.uint8)))
    put("t/3.png", encode(np.zeros((860, 600), np.uint8)))
    assert ingest()["reason"].to_list() == ["", "blank page", "all black page"]


def test_archives_in_archives_are_read_one_level_deep(workspace: Path) -> None:
    def pack(members: dict[str, bytes]) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        return buffer.getvalue()

    inner = pack({"1.png": encode(draw(0)), "deep.zip": pack({"1.png": encode(draw(1))}), "__MACOSX/._1.png": b"x"})
    put("set.zip", pack({"vol 10.cbz": pack({"1.png": encode(draw(3))}), "vol 2.cbz": inner, "notes.txt": b"hello"}))
    pages = ingest().set_index("source")
    assert pages["reason"].to_dict() == {
        "set.zip::notes.txt": "no picture, archive or e-book (file type .txt)",
        "set.zip::vol 2.cbz::1.png": "",
        "set.zip::vol 2.cbz::deep.zip": "a container in a container in a container: unpack it first",
        "set.zip::vol 10.cbz::1.png": "",
    }


def test_deleted_pages_of_comic_info_are_left_out(workspace: Path) -> None:
    with zipfile.ZipFile(workspace / "book.cbz", "w") as archive:
        archive.writestr("ComicInfo.xml", '<ComicInfo><Pages><Page Image="1" Type="Deleted"/></Pages></ComicInfo>')
        for number in range(3):
            archive.writestr(f"{number}.png", encode(draw(number)))
    put("book.cbz", (workspace / "book.cbz").read_bytes())
    pages = ingest().set_index("source")
    assert pages["reason"].to_list() == ["", "deleted page (ComicInfo.xml)", ""]
