"""`dvc repro ingest` in a real repository, with files that DVC itself cannot track."""

import os
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mangagan.core import catalog
from mangagan.ingestion.file_hashes import FileHashes
from mangagan.ingestion.scan import make_list
from mangagan.pages.table import read_pages
from mangagan.readers.files import list_entries
from tests.project_clone import clone_project, run_in

UNCHANGED = "Stage 'ingest' didn't change, skipping"


def draw(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (400, 300), np.uint8)).save(path, "PNG")


def repro(root: Path) -> str:
    ended = run_in(root, "dvc", "repro", "ingest")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clone_project(tmp_path_factory.mktemp("scan"))


def test_what_dvc_cannot_track_is_a_row_and_changes_are_noticed(clone: Path) -> None:
    shots, library = clone / catalog.SCREENSHOTS, clone.parent / "library"
    draw(shots / "t/1.png", 1)
    draw(library / "t/2.png", 2)
    (shots / "t/broken.png").symlink_to("nowhere.png")
    (shots / "t/zero.png").symlink_to("/dev/zero")
    (shots / "t/loop").symlink_to(".")
    (shots / "linked").symlink_to(library)
    os.mkfifo(shots / "t/pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(shots / "t/socket.png"))
    draw(shots / os.fsdecode("頁".encode("cp932")) / os.fsdecode("頁.png".encode("cp932")), 3)
    assert "2 pages" in repro(clone)
    pages = read_pages(clone / catalog.PAGES_TABLE).set_index("source")
    assert set(pages.index[pages["reason"] == ""]) == {"t/1.png", "頁/頁.png"}
    assert set(pages.index[pages["reason"] != ""]) == {
        "linked", "t/broken.png", "t/loop", "t/pipe.png", "t/socket.png", "t/zero.png",
    }  # fmt: skip
    assert UNCHANGED in repro(clone)
    draw(shots / "t/9.png", 9)
    assert "3 pages" in repro(clone)
    (shots / "t/broken.png").unlink()
    assert UNCHANGED not in repro(clone)
    (shots / "t/@eaDir").mkdir()
    draw(shots / "t/@eaDir/thumb.png", 4)
    assert UNCHANGED in repro(clone), "litter is no change"
    draw(shots / "t/9.png", 10)
    assert "3 pages" in repro(clone)


def test_a_library_on_another_disk_is_read_where_it_is(clone: Path) -> None:
    library = clone.parent / "a library"
    draw(library / "book/1.png", 5)
    params = clone / catalog.PARAMS
    params.write_text(params.read_text().replace("screenshots: data/screenshots", f"screenshots: {library}"))
    assert "1 pages" in repro(clone)
    assert list(read_pages(clone / catalog.PAGES_TABLE)["source"]) == ["book/1.png"]
    assert UNCHANGED in repro(clone)
    draw(library / "book/2.png", 6)
    assert "2 pages" in repro(clone)
    assert list(library.rglob("*.csv")) == []


def test_a_typo_in_any_section_is_found_before_a_stage_runs(clone: Path) -> None:
    params = clone / catalog.PARAMS
    text = params.read_text()
    repro(clone)
    params.write_text(text.replace("  z_dim: null", "  zdim: null").replace("  min_side: 200", "  min_side: 201"))
    ended = run_in(clone, "dvc", "repro", "ingest")
    assert ended.returncode != 0
    assert "mangagan: params.yaml: train.zdim is not a known key; did you mean z_dim?" in ended.stderr
    assert (clone / catalog.PAGES_TABLE).is_file(), "no output is lost"
    params.write_text(text)
    assert UNCHANGED in repro(clone)


def test_hashes_of_unchanged_files_are_not_computed_again(tmp_path: Path) -> None:
    draw(tmp_path / "shots/t/1.png", 1)
    first = FileHashes(tmp_path / "hashes.json")
    text = make_list(list_entries(tmp_path / "shots", []), first)
    first.save()
    assert text.splitlines()[0] == "name,sha256,reason"
    (name, (*stamp, digest)) = next(iter(first.used.items()))
    second = FileHashes(tmp_path / "hashes.json")
    second.known[name] = (*stamp, "0" * len(str(digest)))
    assert "0" * 64 in make_list(list_entries(tmp_path / "shots", []), second), "taken from the cache"
    (tmp_path / "hashes.json").write_text("{damaged")
    assert make_list(list_entries(tmp_path / "shots", []), FileHashes(tmp_path / "hashes.json")) == text
