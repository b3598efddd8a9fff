"""One book in every format: `mangagan ingest` makes the same pages, and `mangagan detect` finds the same faces."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from mangagan.cli import main
from mangagan.core import catalog
from mangagan.detection.table import read_detections
from mangagan.pages.table import read_pages
from tests.archive_files import make_rar4, make_rar5, make_zip
from tests.book_files import draw_page, encode, make_comic_epub, make_pdf
from tests.input_files import make_seven_zip, make_tar
from tests.paths import SHARED

HARUKO = SHARED / "data" / "pages" / "haruko"
Members = list[tuple[bytes, bytes]]
FORMATS: dict[str, Callable[[Members], bytes]] = {
    "cbz": make_zip,
    "cbr": make_rar4,
    "rar": make_rar5,
    "cb7": make_seven_zip,
    "cbt": lambda members: make_tar(members, ""),
    "tgz": lambda members: make_tar(members, "gz"),
    "pdf": lambda members: make_pdf([data for _, data in members]),
    "epub": lambda members: make_comic_epub([data for _, data in members]),
}


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, *stages: str) -> pd.DataFrame:
    """Run stages in a workspace and return the table of pages."""
    monkeypatch.chdir(folder)
    (folder / "params.yaml").write_text("ingest: {}\n")
    for stage in stages:
        assert main([stage]) == 0
    return read_pages(catalog.PAGES_TABLE)


@pytest.mark.parametrize("suffix", FORMATS)
def test_pages_are_those_of_the_loose_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    pages = [(f"{number}.jpg".encode(), encode(draw_page(number, 420, 600), "JPEG")) for number in range(3)]
    compare(pages, suffix, tmp_path, monkeypatch, ["ingest"])


@pytest.mark.skipif(not HARUKO.is_dir(), reason=f"{HARUKO} not found")
@pytest.mark.parametrize("suffix", ["cbr", "cb7", "pdf", "epub"])
def test_faces_of_a_real_title_are_those_of_the_loose_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    pages = [(path.name.encode(), path.read_bytes()) for path in sorted(HARUKO.iterdir())[:3]]
    compare(pages, suffix, tmp_path, monkeypatch, ["ingest", "detect"])


def compare(members: Members, suffix: str, folder: Path, monkeypatch: pytest.MonkeyPatch, stages: list[str]) -> None:
    """Ingest the files as they are and as one container, and compare the results."""
    loose, packed = folder / "loose", folder / "packed"
    for name, data in members:
        path = loose / catalog.SCREENSHOTS / "book" / name.decode()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (packed / catalog.SCREENSHOTS).mkdir(parents=True)
    (packed / catalog.SCREENSHOTS / f"book.{suffix}").write_bytes(FORMATS[suffix](members))
    expected, found = run(loose, monkeypatch, *stages), run(packed, monkeypatch, *stages)
    columns = ["page_id", "title", "page_number", "entry", "width", "height", "change", "reason"]
    pd.testing.assert_frame_equal(found[columns], expected[columns])
    assert (packed / catalog.PAGES_DIR / "book.cbz").read_bytes() == (
        loose / catalog.PAGES_DIR / "book.cbz"
    ).read_bytes()
    if "detect" in stages:
        faces = read_detections(packed / catalog.DETECTIONS)
        assert len(faces) > 3
        pd.testing.assert_frame_equal(faces, read_detections(loose / catalog.DETECTIONS))
