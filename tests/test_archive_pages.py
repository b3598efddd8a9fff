"""Real pages in every kind of archive: each byte comes back, and nothing is left in the temporary folder."""

import io
import os
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import py7zr
import pytest

from mangagan.core.images import encode_png
from mangagan.readers.archives.rar_file import RarReader
from mangagan.readers.archives.seven_zip import SevenZipReader
from mangagan.readers.archives.tar_file import TarReader
from mangagan.readers.archives.zip_file import ZipReader
from tests.archive_files import make_rar4, make_rar5, make_zip, read_archive
from tests.dvc_workspace import wait_for
from tests.paths import PROJECT, SHARED

FOLDER = SHARED / "data" / "pages" / "haruko"


@pytest.fixture(scope="module")
def pages():
    if not FOLDER.is_dir():
        pytest.skip("../shared/data/pages/haruko not found")
    return {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir())}


def test_cbz(tmp_path, pages):
    with zipfile.ZipFile(tmp_path / "book.cbz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in pages.items():
            archive.writestr(name, data)
    assert read_archive(ZipReader, tmp_path / "book.cbz") == (pages, "")


@pytest.mark.parametrize("make", [make_rar4, make_rar5])
def test_cbr(tmp_path, pages, make):
    path = tmp_path / "book.cbr"
    path.write_bytes(make([(name.encode(), data) for name, data in pages.items()]))
    assert read_archive(RarReader, path) == (pages, "")
    try:
        listed = subprocess.run(["bsdtar", "-tf", path], capture_output=True, text=True, check=True).stdout.split()
    except FileNotFoundError:
        return
    assert listed == list(pages)  # another program reads the archive of the test


def test_cb7(tmp_path, pages):
    with py7zr.SevenZipFile(tmp_path / "book.cb7", "w", filters=[{"id": py7zr.FILTER_LZMA2, "preset": 1}]) as archive:
        for name, data in pages.items():
            archive.writestr(data, name)
    assert read_archive(SevenZipReader, tmp_path / "book.cb7") == (pages, "")


@pytest.mark.parametrize("compression", ["", "gz"])
def test_cbt(tmp_path, pages, compression):
    path = tmp_path / "book.cbt"
    with tarfile.open(path, f"w:{compression}") as archive:
        for name, data in pages.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    assert read_archive(TarReader, path) == (pages, "")


def test_a_stopped_ingest_deletes_what_it_unpacked(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (60, 900, 900), np.uint8)
    inner = make_zip([(f"{number:02}.png".encode(), encode_png(pixels)) for number, pixels in enumerate(noise)])
    title = tmp_path / "data/screenshots/title"
    title.mkdir(parents=True)
    (title / "outer.zip").write_bytes(make_zip([(b"inner.cbz", inner)]))
    (tmp_path / "params.yaml").write_text("ingest: {}\n")
    (tmp_path / "unpacked").mkdir()
    environment = {**os.environ, "TMPDIR": str(tmp_path / "unpacked"), "PYTHONPATH": str(PROJECT)}
    with subprocess.Popen([sys.executable, "-m", "mangagan", "ingest"], cwd=tmp_path, env=environment) as process:
        assert wait_for(lambda: list((tmp_path / "unpacked").rglob("*")))
        process.terminate()
        assert process.wait(30) == 143
    assert list((tmp_path / "unpacked").iterdir()) == []
    assert not (tmp_path / "data/pages").exists()
