"""7z archives."""

import io
import struct
import tempfile
import zlib

import py7zr
import pytest

from mangagan.readers.archives.seven_zip import SevenZipReader, find_problem
from mangagan.readers.base import Limits
from tests.archive_files import list_archive, read_archive

PAGES = {f"第1話/{number:02}.jpg": bytes([number]) * 2000 + b"page" for number in range(1, 6)}
FILTERS = {
    "LZMA2": [{"id": py7zr.FILTER_LZMA2, "preset": 1}],
    "LZMA": [{"id": py7zr.FILTER_LZMA}],
    "BCJ": [{"id": py7zr.FILTER_X86}, {"id": py7zr.FILTER_LZMA2, "preset": 1}],
    "BZip2": [{"id": py7zr.FILTER_BZIP2}],
    "Deflate": [{"id": py7zr.FILTER_DEFLATE}],
    "Zstandard": [{"id": py7zr.FILTER_ZSTD, "level": 3}],
    "Copy": [{"id": py7zr.FILTER_COPY}],
}


def write(folder, files=None, name="book.cb7", **options):
    path = folder / name
    with py7zr.SevenZipFile(path, "w", **options) as archive:
        for member, data in files or PAGES.items():
            archive._writestr(data, member)  # the public method refuses absolute names
    return path


def append(folder, *groups):
    """Return an archive with one block for each group of files."""
    path = write(folder, groups[0])
    for files in groups[1:]:
        with py7zr.SevenZipFile(path, "a") as archive:
            for member, data in files:
                archive.writestr(data, member)
    return path


@pytest.mark.parametrize("method", FILTERS)
def test_methods(tmp_path, method):
    assert read_archive(SevenZipReader, write(tmp_path, filters=FILTERS[method])) == (PAGES, "")


def test_several_blocks(tmp_path):
    pages = list(PAGES.items())
    path = append(tmp_path, pages[:3], pages[3:4], pages[4:])
    assert read_archive(SevenZipReader, path) == (PAGES, "")


def test_members_in_any_order(tmp_path):
    with SevenZipReader(write(tmp_path)) as reader:
        members = {member.name: member for member in reader.members()}
        assert {name: members[name].read() for name in reversed(members)} == PAGES
        folder = reader.unpacked.folder.name
    assert not list(tmp_path.glob("*.jpg")) and folder.startswith(tempfile.gettempdir())


def test_names_stay_names(tmp_path):
    files = [("../../outside.jpg", b"a"), ("/etc/outside.jpg", b"b"), ("same.jpg", b"c"), ("same.jpg", b"d")]
    members, error = list_archive(SevenZipReader, write(tmp_path, files))
    assert members == [("outside.jpg", b"a"), ("etc/outside.jpg", b"b"), ("same.jpg", b"c"), ("same.jpg", b"d")]
    assert not error


def test_empty_files_and_folders(tmp_path):
    path = tmp_path / "book.7z"
    (tmp_path / "chapter").mkdir()
    with py7zr.SevenZipFile(path, "w") as archive:
        archive.write(tmp_path / "chapter", "chapter")
        archive.writestr(b"", "chapter/0.jpg")
        archive.writestr(b"page", "chapter/1.jpg")
    assert read_archive(SevenZipReader, path) == ({"chapter/0.jpg": b"", "chapter/1.jpg": b"page"}, "")


def test_links_are_not_followed(tmp_path):
    (tmp_path / "link.jpg").symlink_to("/etc/passwd")
    path = tmp_path / "book.7z"
    with py7zr.SevenZipFile(path, "w") as archive:
        archive.write(tmp_path / "link.jpg", "link.jpg")
    assert read_archive(SevenZipReader, path) == ({"link.jpg": "link in an archive"}, "")


def test_passwords(tmp_path):
    pages, error = read_archive(SevenZipReader, write(tmp_path, password="secret"))
    assert set(pages.values()) == {"needs a password"} and not error
    hidden = write(tmp_path, password="secret", header_encryption=True)
    assert read_archive(SevenZipReader, hidden) == ({}, "needs a password")


def test_ppmd_is_refused(tmp_path):
    """The library crashes on damaged data."""
    pages, _ = read_archive(SevenZipReader, write(tmp_path, filters=[{"id": py7zr.FILTER_PPMD, "order": 6, "mem": 24}]))
    assert set(pages.values()) == {"compressed with PPMd, which is not supported"}


def test_cut_off(tmp_path):
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[:-30])
    assert read_archive(SevenZipReader, path) == ({}, "cut off or damaged: the list of files at the end is missing")


def test_a_part_of_a_volume_set(tmp_path):
    path = write(tmp_path).rename(tmp_path / "book.7z.001")
    assert "part of a volume set" in read_archive(SevenZipReader, path)[1]


def test_one_damaged_page_of_a_block_without_compression(tmp_path):
    path = write(tmp_path, filters=FILTERS["Copy"])
    data = bytearray(path.read_bytes())
    data[32 + 2 * 2004 + 100] ^= 0xFF
    path.write_bytes(data)
    pages, error = read_archive(SevenZipReader, path)
    assert pages.pop("第1話/03.jpg") == "damaged in the archive" and not error
    assert pages == {name: data for name, data in PAGES.items() if "03" not in name}


def test_the_pages_before_the_damage_are_kept(tmp_path):
    pages = {f"{number}.jpg": bytes((7 * n * n + number * n) % 251 for n in range(60_000)) for number in range(4)}
    path = write(tmp_path, pages.items(), filters=FILTERS["Deflate"])
    data = bytearray(path.read_bytes())
    start = len(data) * 3 // 4
    data[start : start + 200] = bytes(200)
    path.write_bytes(data)
    found, _ = read_archive(SevenZipReader, path)
    good = [name for name in pages if found[name] == pages[name]]
    assert good == list(pages)[: len(good)] and 1 <= len(good) < 4
    assert {found[name] for name in pages if name not in good} == {"damaged in the archive"}


@pytest.mark.parametrize("method", ["LZMA2", "Zstandard", "Deflate"])
def test_bombs(tmp_path, method):
    files = [("0.jpg", b"page"), ("1.jpg", bytes(30_000_000))]
    path = write(tmp_path, files, filters=FILTERS[method])
    pages, _ = read_archive(SevenZipReader, path, Limits(max_ratio=100))
    assert set(pages.values()) == {"unpacks to more than 100 times its size (archive bomb)"}
    pages, _ = read_archive(SevenZipReader, path, Limits(max_ratio=1e9, max_image_bytes=2_000_000))
    assert pages == {"0.jpg": b"page", "1.jpg": "too large: over 2 MB unpacked"}
    pages, _ = read_archive(SevenZipReader, path, Limits(max_ratio=1e9, max_container_bytes=20_000_000))
    assert set(pages.values()) == {"too large: over 0.02 GB unpacked"}


def test_a_large_dictionary_is_refused(tmp_path):
    path = write(tmp_path, filters=FILTERS["LZMA2"])
    with py7zr.SevenZipFile(path) as archive:
        folder = archive.header.main_streams.unpackinfo.folders[0]
    folder.coders[0]["properties"] = bytes([39])  # 3 GB
    folder.unpacksizes = [2 << 30]
    assert find_problem(folder) == "compressed with a dictionary of 2048 MB, which needs too much memory"


def test_the_number_of_files_is_checked_before_they_are_listed(tmp_path):
    count = (1 << 20) - 1
    header = b"\x01\x05" + bytes([0xC0 | count >> 16, count & 0xFF, count >> 8 & 0xFF]) + bytes(count)
    start = struct.pack("<QQI", 0, len(header), zlib.crc32(header))
    path = tmp_path / "many.7z"
    path.write_bytes(b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(start)) + start + header)
    assert read_archive(SevenZipReader, path) == ({}, "too many files: over 20000")


def test_an_empty_archive(tmp_path):
    path = tmp_path / "empty.7z"
    py7zr.SevenZipFile(path, "w").close()
    assert read_archive(SevenZipReader, path) == ({}, "")
    assert not SevenZipReader.matches(io.BytesIO(b"PK\x03\x04").read(), path)
