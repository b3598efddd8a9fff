"""ZIP archives: methods, names, damage, and bombs."""

import errno
import io
import lzma
import struct
import tracemalloc
import zipfile
import zlib

import inflate64
import pytest
from backports import zstd

from mangagan.readers.archives.zip_file import ZipReader
from mangagan.readers.base import Limits
from mangagan.readers.errors import ReaderError
from tests.archive_files import ZIP_CENTRAL, ZIP_END, ZIP_LOCAL, list_archive, make_zip, read_archive

PAGES = {f"{number:02}.jpg": bytes([number]) * 2000 + b"page" for number in range(1, 6)}
RAW = [(name.encode(), data) for name, data in PAGES.items()]


def write(folder, data, name="book.cbz"):
    path = folder / name
    path.write_bytes(data)
    return path


def zip_pages(method=zipfile.ZIP_DEFLATED, seekable=True):
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

        def tell(self):
            raise OSError

    buffer = io.BytesIO() if seekable else Pipe()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in PAGES.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=str
)
def test_methods_of_python(tmp_path, method):
    assert read_archive(ZipReader, write(tmp_path, zip_pages(method))) == (PAGES, "")


def deflate64(data):
    deflater = inflate64.Deflater()
    return deflater.deflate(data) + deflater.flush()


@pytest.mark.parametrize(("method", "compress"), [(9, deflate64), (93, zstd.compress), (95, lzma.compress)])
def test_other_methods(tmp_path, method, compress):
    data = make_zip(RAW, method=method, packed={name: compress(data) for name, data in RAW})
    assert read_archive(ZipReader, write(tmp_path, data)) == (PAGES, "")


@pytest.mark.parametrize(("method", "name"), [(1, "Shrink"), (98, "PPMd"), (96, "WinZip JPEG"), (77, "method 77")])
def test_unsupported_methods_are_named(tmp_path, method, name):
    pages, _ = read_archive(ZipReader, write(tmp_path, make_zip(RAW[:1], method=method)))
    assert pages == {"01.jpg": f"compressed with {name}, which is not supported"}


@pytest.mark.parametrize(("flags", "method"), [(1, 8), (1, 99), (0x41, 8)])
def test_encrypted_files_need_a_password(tmp_path, flags, method):
    pages, error = read_archive(ZipReader, write(tmp_path, make_zip(RAW, flags=flags, method=method)))
    assert set(pages.values()) == {"needs a password"} and not error


def test_names(tmp_path):
    unicode_path = struct.pack("<HHBI", 0x7075, 15, 1, zlib.crc32(b"x.jpg")) + "漫画.jpg".encode()
    files = [("第1話\\1.jpg".encode("cp932"), b"a"), (b"x.jpg", b"b"), (b"..\\..\\2.jpg", b"c"), (b"C:/3.jpg", b"d")]
    path = write(tmp_path, make_zip(files, extra={b"x.jpg": unicode_path}))
    assert read_archive(ZipReader, path)[0] == {"第1話/1.jpg": b"a", "漫画.jpg": b"b", "2.jpg": b"c", "3.jpg": b"d"}


def test_utf8_flag_with_a_name_that_is_not_utf8(tmp_path):
    assert read_archive(ZipReader, write(tmp_path, make_zip([(b"\x82\xa0.jpg", b"a")], flags=0x800)))[0] == {
        "あ.jpg": b"a"
    }


def test_both_files_of_one_name_are_read(tmp_path):
    members, error = list_archive(ZipReader, write(tmp_path, make_zip([(b"1.jpg", b"first"), (b"1.jpg", b"second")])))
    assert members == [("1.jpg", b"first"), ("1.jpg", b"second")] and not error


def test_folders_and_links(tmp_path):
    folder = make_zip([(b"chapter/", b""), (b"chapter/1.jpg", b"a")])
    assert read_archive(ZipReader, write(tmp_path, folder))[0] == {"chapter/1.jpg": b"a"}
    link = make_zip([(b"1.jpg", b"/etc/passwd")], attributes=0o120777 << 16)
    assert read_archive(ZipReader, write(tmp_path, link))[0] == {"1.jpg": "link in an archive"}


@pytest.mark.parametrize("prefix", [b"MZ" + bytes(9000), b"\r\n", b"PK00", b"PK\x07\x08"])
@pytest.mark.parametrize("suffix", [b"", bytes(70_000), b"<html>error</html>"])
def test_bytes_before_and_after(tmp_path, prefix, suffix):
    assert read_archive(ZipReader, write(tmp_path, prefix + zip_pages() + suffix)) == (PAGES, "")


def test_other_containers_that_end_with_a_zip_are_no_zip(tmp_path):
    for start in (b"Rar!\x1a\x07\x00", b"%PDF-1.7\n", b"7z\xbc\xaf\x27\x1c"):
        path = write(tmp_path, start + bytes(600) + zip_pages())
        assert not ZipReader.matches(path.read_bytes()[:4096], path)


def test_an_empty_zip(tmp_path):
    assert read_archive(ZipReader, write(tmp_path, make_zip([]))) == ({}, "")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("seekable", [True, False])  # False: sizes follow the data
def test_whole_pages_of_a_cut_off_zip_are_kept(tmp_path, method, seekable):
    data = zip_pages(method, seekable)
    third = data.rindex(b"PK\x03\x04", 0, data.index(b"04.jpg"))
    pages, error = read_archive(ZipReader, write(tmp_path, data[: third + 35]))
    assert pages == {name: PAGES[name] for name in ("01.jpg", "02.jpg", "03.jpg")}
    assert error == "cut off: the archive ends early; 3 whole files could be read"


@pytest.mark.parametrize("seekable", [True, False])
def test_a_zip_without_central_directory(tmp_path, seekable):
    data = zip_pages(zipfile.ZIP_STORED, seekable)
    pages, error = read_archive(ZipReader, write(tmp_path, data[: data.index(b"PK\x01\x02")]))
    assert pages == PAGES and "5 whole files" in error


def test_a_damaged_central_directory(tmp_path):
    data = bytearray(zip_pages())
    data[data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)] = 0
    assert read_archive(ZipReader, write(tmp_path, bytes(data))) == (PAGES, "damaged: 5 files could be found")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_one_damaged_page(tmp_path, method):
    data = bytearray(zip_pages(method))
    data[data.index(b"03.jpg") + 20] ^= 0xFF
    pages, error = read_archive(ZipReader, write(tmp_path, bytes(data)))
    assert pages.pop("03.jpg") == "damaged in the archive" and not error
    assert pages == {name: data for name, data in PAGES.items() if name != "03.jpg"}


def test_zip64(tmp_path):
    name, data = b"1.jpg", b"page" * 100
    extra = struct.pack("<HHQQQ", 1, 24, len(data), len(data), 0)
    unknown = 0xFFFFFFFF
    body = ZIP_LOCAL.pack(b"PK\x03\x04", 45, 0, 0, 0, 33, zlib.crc32(data), unknown, unknown, 5, 20) + name
    body += struct.pack("<HHQQ", 1, 16, len(data), len(data)) + data
    central = ZIP_CENTRAL.pack(b"PK\x01\x02", 45, 45, 0, 0, 0, 33, zlib.crc32(data), unknown, unknown, 5, len(extra), 0,
                               0, 0, 0, unknown) + name + extra  # fmt: skip
    end64 = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, len(central), len(body))
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, len(body) + len(central), 1)
    end = ZIP_END.pack(b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, unknown, unknown, 0)
    for prefix in (b"", b"MZ" + bytes(500)):
        path = write(tmp_path, prefix + body + central + end64 + locator + end)
        assert read_archive(ZipReader, path) == ({"1.jpg": data}, "")
    assert read_archive(ZipReader, write(tmp_path, body))[0] == {"1.jpg": data}  # local headers


def test_the_last_part_of_a_split_archive(tmp_path):
    data = make_zip(RAW)
    end = ZIP_END.pack(b"PK\x05\x06", 2, 2, 1, 5, 100, 100, 0)
    _, error = read_archive(ZipReader, write(tmp_path, data[:-22] + end))
    assert error == "part of a split archive: join its parts into one ZIP first"


def test_sizes_that_lie(tmp_path):
    bomb = zlib.compress(bytes(50_000_000), 9, wbits=-15)
    limits = Limits(max_image_bytes=2_000_000)
    for declared, reason in ((10, "damaged in the archive"), (0, "too large: over 2 MB unpacked")):
        data = make_zip([(b"1.jpg", b"x")], method=8, packed={b"1.jpg": bomb}, sizes={b"1.jpg": declared})
        path = write(tmp_path, data)
        tracemalloc.start()
        pages, _ = read_archive(ZipReader, path, limits)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert pages == {"1.jpg": reason}
        assert peak < 8_000_000


def test_the_ratio_is_that_of_the_data(tmp_path):
    bomb = zstd.compress(bytes(20_000_000))
    data = make_zip([(b"1.jpg", b"x")], method=93, packed={b"1.jpg": bomb}, sizes={b"1.jpg": 19_000_000})
    pages, _ = read_archive(ZipReader, write(tmp_path, data))
    assert pages == {"1.jpg": "unpacks to more than 1000 times its size (archive bomb)"}


def test_overlapping_files_are_refused(tmp_path):
    """The bomb of David Fifield: each file contains the local headers of the following ones."""
    kernel = ZIP_LOCAL.pack(b"PK\x03\x04", 20, 0, 0, 0, 33, 0, 40, 40, 1, 0) + b"b" + b"x" * 40
    first = ZIP_LOCAL.pack(b"PK\x03\x04", 20, 0, 0, 0, 33, 0, len(kernel), len(kernel), 1, 0) + b"a"
    central = b""
    for name, offset, size in ((b"a", 0, len(kernel)), (b"b", len(first), 40)):
        central += ZIP_CENTRAL.pack(b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, size, size, 1, 0, 0, 0, 0, 0, offset) + name
    body = first + kernel
    data = body + central + ZIP_END.pack(b"PK\x05\x06", 0, 0, 2, 2, len(central), len(body), 0)
    pages, _ = read_archive(ZipReader, write(tmp_path, data))
    assert pages == {"a": "overlaps another file of the archive (archive bomb)", "b": b"x" * 40}


def test_too_many_files(tmp_path):
    members, error = list_archive(
        ZipReader, write(tmp_path, make_zip([(b"1.jpg", b"x")] * 500)), Limits(max_members=100)
    )
    assert len(members) == 100 and error == "too many files: over 100"


def test_a_long_directory_takes_little_memory(tmp_path):
    record = ZIP_CENTRAL.pack(b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    body = ZIP_LOCAL.pack(b"PK\x03\x04", 20, 0, 0, 0, 33, 0, 0, 0, 1, 0) + b"a"
    count = 200_000
    end = ZIP_END.pack(b"PK\x05\x06", 0, 0, count & 0xFFFF, count & 0xFFFF, len(record) * count, len(body), 0)
    path = write(tmp_path, body + record * count + end)
    limits = Limits(max_members=100)
    with ZipReader(path, limits) as reader:
        tracemalloc.start()
        with pytest.raises(ReaderError, match="too many files"):
            list(reader.members())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 3_000_000


def test_many_false_signatures_take_little_time(tmp_path):
    header = ZIP_LOCAL.pack(b"PK\x03\x04", 20, 8, 0, 0, 33, 0, 0, 0, 1, 0) + b"a"
    pages, error = read_archive(ZipReader, write(tmp_path, header + b"PK\x07\x08" * 1_000_000))
    assert not pages and error.startswith("cut off")


def test_a_file_that_grows_while_it_is_read(tmp_path):
    path = write(tmp_path, make_zip(RAW)[:9000])
    with ZipReader(path) as reader:
        with path.open("ab") as file:
            file.write(b"more")
        with pytest.raises(ReaderError, match="changed while it was read: try again"):
            list(reader.members())


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError(errno.EACCES, "denied"), "locked, or no permission to read it"),
        (OSError(errno.EIO, "bad"), "the disk cannot be read"),
        (MemoryError(), "needs too much memory to unpack"),
        (zlib.error("Error -3 while decompressing data"), "damaged in the archive"),
    ],
)
def test_errors_are_translated(tmp_path, monkeypatch, error, reason):
    path = write(tmp_path, make_zip(RAW))

    def fail(*arguments):
        raise error

    with ZipReader(path) as reader:
        monkeypatch.setattr(reader, "read_entry", fail)
        with pytest.raises(ReaderError, match=reason):
            next(iter(reader.members())).read()
    if isinstance(error, PermissionError):
        monkeypatch.setattr(type(path), "open", fail)
        with pytest.raises(ReaderError, match=reason), ZipReader(path):
            pass


def test_a_full_disk_is_no_fault_of_the_archive(tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(errno.ENOSPC, "full")

    with ZipReader(write(tmp_path, make_zip(RAW))) as reader:
        monkeypatch.setattr(reader, "read_entry", fail)
        with pytest.raises(OSError, match="full"):
            next(iter(reader.members())).read()
