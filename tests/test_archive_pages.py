"""Real pages in every kind of archive: each byte comes back."""

import io
import subprocess
import tarfile
import zipfile

import py7zr
import pytest

from mangagan.readers.archives.rar_file import RarReader
from mangagan.readers.archives.seven_zip import SevenZipReader
from mangagan.readers.archives.tar_file import TarReader
from mangagan.readers.archives.zip_file import ZipReader
from tests.archive_files import make_rar4, make_rar5, read_archive
from tests.paths import SHARED

FOLDER = SHARED / "data" / "pages" / "haruko"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="../shared/data/pages/haruko not found")


@pytest.fixture(scope="module")
def pages():
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
