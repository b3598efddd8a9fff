"""TAR archives, plain and compressed."""

import bz2
import gzip
import io
import lzma
import random
import tarfile

import pytest
from backports import zstd

from mangagan.readers.archives.tar_file import TarReader
from mangagan.readers.base import Limits
from tests.archive_files import list_archive, read_archive

PAGES = {f"第1話/{number:02}.jpg": bytes([number]) * 2000 + b"page" for number in range(1, 6)}
COMPRESSIONS = {"": bytes, "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd.compress}


def write(folder, data, name="book.cbt"):
    path = folder / name
    path.write_bytes(data)
    return path


def make_tar(files=None, tar_format=tarfile.PAX_FORMAT, encoding="utf-8", **fields):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format, encoding=encoding) as archive:
        for name, data in PAGES.items() if files is None else files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("tar_format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_formats(tmp_path, tar_format, compression):
    data = COMPRESSIONS[compression](make_tar(tar_format=tar_format))
    assert read_archive(TarReader, write(tmp_path, data)) == (PAGES, "")


@pytest.mark.parametrize("tar_format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names(tmp_path, tar_format):
    pages = {"長い名前" * 40 + ".jpg": b"a", "folder/" * 30 + "1.jpg": b"b"}
    assert read_archive(TarReader, write(tmp_path, make_tar(pages.items(), tar_format))) == (pages, "")


def test_old_tar_without_ustar(tmp_path):
    block = bytearray(make_tar([("1.jpg", b"page")], tarfile.USTAR_FORMAT))
    block[257:512] = bytes(255)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block[:512])
    assert read_archive(TarReader, write(tmp_path, bytes(block))) == ({"1.jpg": b"page"}, "")


def test_names_in_cp932(tmp_path):
    data = make_tar(tar_format=tarfile.GNU_FORMAT, encoding="cp932")
    assert read_archive(TarReader, write(tmp_path, data)) == (PAGES, "")


def test_links_folders_and_devices(tmp_path):
    kinds = {"link.jpg": tarfile.SYMTYPE, "hard.jpg": tarfile.LNKTYPE, "pipe.jpg": tarfile.FIFOTYPE}
    data = make_tar([("label", b"")], tarfile.USTAR_FORMAT, type=b"V")[:512]
    data += make_tar([("folder", b"")], type=tarfile.DIRTYPE)[:512]
    for name, kind in kinds.items():
        data += make_tar([(name, b"")], tarfile.USTAR_FORMAT, type=kind, linkname="/etc/passwd")[:512]
    pages, error = read_archive(TarReader, write(tmp_path, data + make_tar()))
    assert not error and {name: pages.pop(name) for name in kinds} == {
        "link.jpg": "link in an archive",
        "hard.jpg": "link in an archive",
        "pipe.jpg": "not a file",
    }
    assert pages == PAGES


def test_hard_link_is_a_second_name_of_a_file(tmp_path):
    data = make_tar([("1.jpg", b"page 1")], tarfile.GNU_FORMAT)[:1024]
    data += make_tar([("2.jpg", b"")], tarfile.GNU_FORMAT, type=tarfile.LNKTYPE, linkname="1.jpg")[:512]
    pages, error = read_archive(TarReader, write(tmp_path, data + make_tar()))
    assert not error and pages == {"1.jpg": b"page 1", "2.jpg": b"page 1", **PAGES}


def test_sparse_file(tmp_path):
    # GNU sparse 1.0: the map of the parts comes before the data.
    sparse_map = b"1\n1000\n4\n".ljust(512, b"\0")
    headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "1.jpg",
        "GNU.sparse.realsize": "1004",
    }
    data = make_tar([("x", sparse_map + b"page")], pax_headers=headers)
    assert read_archive(TarReader, write(tmp_path, data)) == ({"1.jpg": bytes(1000) + b"page"}, "")


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_whole_pages_of_a_cut_off_tar_are_kept(tmp_path, compression):
    pages = [(f"{number}.jpg", random.Random(number).randbytes(300_000)) for number in range(4)]
    data = make_tar(pages, tarfile.USTAR_FORMAT)
    if compression in ("bz2", "zst"):  # these write large blocks: join several streams
        streams = [COMPRESSIONS[compression](data[start : start + 50_000]) for start in range(0, len(data), 50_000)]
        packed = b"".join(streams[: len(streams) // 2])[:-10]
    else:
        packed = COMPRESSIONS[compression](data)
        packed = packed[: len(packed) * 5 // 8]
    found, error = read_archive(TarReader, write(tmp_path, packed))
    count = len(found)
    assert 1 <= count <= 3 and found == dict(pages[:count])
    assert error == f"cut off: the archive ends early; {count} whole file{'s' * (count > 1)} could be read"


def test_damage_after_some_files(tmp_path):
    data = bytearray(make_tar(tar_format=tarfile.USTAR_FORMAT))
    data[2 * 2560 + 10] ^= 0xFF  # each page takes 512 + 2048 bytes
    pages, error = read_archive(TarReader, write(tmp_path, bytes(data)))
    assert pages == dict(list(PAGES.items())[:2]) and error == "damaged: 2 files could be found"


def test_compressed_files_that_hold_no_tar(tmp_path):
    for compress in (gzip.compress, bz2.compress, lzma.compress, zstd.compress):
        path = write(tmp_path, compress(b"\xff\xd8\xff" + bytes(5000)))
        assert not TarReader.matches(path.read_bytes()[:4096], path)
    path = write(tmp_path, b"\x1f\x8b\x08 no gzip" * 10)
    assert not TarReader.matches(path.read_bytes(), path)


def test_a_tar_without_files(tmp_path):
    assert read_archive(TarReader, write(tmp_path, make_tar(()))) == ({}, "")
    path = write(tmp_path, bytes(10240), "zeros.jpg")
    assert not TarReader.matches(path.read_bytes()[:4096], path)


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        (Limits(), "unpacks to more than 1000 times its size (archive bomb)"),
        (Limits(max_ratio=1e9, max_container_bytes=10_000_000), "too large: over 0.01 GB unpacked"),
    ],
)
@pytest.mark.parametrize("compression", ["bz2", "zst"])
def test_bombs(tmp_path, compression, limits, error):
    data = COMPRESSIONS[compression](make_tar([("1.jpg", bytes(40_000_000))]))
    assert read_archive(TarReader, write(tmp_path, data), limits) == ({}, error)


def test_headers_that_want_much_memory_or_time(tmp_path):
    info = tarfile.TarInfo("x")
    info.type = tarfile.XHDTYPE
    for size, content in ((10**9, b""), (60_000, b"1" * 60_000)):
        info.size = size
        data = info.tobuf() + content.ljust(60_416, b"\0") + make_tar()
        pages, error = read_archive(TarReader, write(tmp_path, data))
        assert not pages and error == "damaged: the first header cannot be read"


def test_a_negative_size_does_not_loop(tmp_path):
    block = bytearray(tarfile.TarInfo("x").tobuf())
    block[124:136] = b"\xff" * 10 + b"\xfe\x00"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    pages, error = read_archive(TarReader, write(tmp_path, bytes(block) + make_tar()))
    assert not pages and error.startswith("damaged")


def test_limits_of_one_archive(tmp_path):
    path = write(tmp_path, make_tar())
    members, error = list_archive(TarReader, path, Limits(max_members=4))
    assert len(members) == 4 and error == "too many files: over 4"
    pages, _ = read_archive(TarReader, path, Limits(max_image_bytes=1000))
    assert set(pages.values()) == {"too large: over 0 MB unpacked"}
