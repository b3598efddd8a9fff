"""RAR archives. Tests of compressed ones need a program that unpacks RAR."""

import random
import shutil
import struct
import tracemalloc

import pytest

from mangagan.readers.archives import rar_unpackers
from mangagan.readers.archives.rar_file import RarReader
from mangagan.readers.archives.rar_headers import find_first_volume
from mangagan.readers.base import Limits
from tests.archive_files import (
    RAR4_SIGNATURE,
    RAR5_ENCRYPTION,
    RAR5_SIGNATURE,
    compress_rar5,
    list_archive,
    make_encrypted_rar5,
    make_rar4,
    make_rar4_volumes,
    make_rar5,
    make_rar5_volumes,
    rar4_block,
    rar4_file,
    rar5_block,
    rar5_extra,
    rar5_file,
    read_archive,
    vint,
)

PAGES = {f"第1話/{number:02}.jpg": random.Random(number).randbytes(3000) for number in range(1, 6)}
FILES = [(name.encode(), data) for name, data in PAGES.items()]
MAKERS = pytest.mark.parametrize("make", [make_rar4, make_rar5])
needs_bsdtar = pytest.mark.skipif(shutil.which("bsdtar") is None, reason="bsdtar (libarchive-tools) not found")


def write(folder, data, name="book.cbr"):
    path = folder / name
    path.write_bytes(data)
    return path


@MAKERS
def test_stored_files(tmp_path, make):
    assert read_archive(RarReader, write(tmp_path, make(FILES))) == (PAGES, "")


@MAKERS
def test_stored_files_need_no_program(tmp_path, make, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert read_archive(RarReader, write(tmp_path, make(FILES))) == (PAGES, "")


@MAKERS
def test_self_extracting_archive(tmp_path, make):
    assert read_archive(RarReader, write(tmp_path, b"MZ" + bytes(9000) + make(FILES), "book.exe")) == (PAGES, "")


def test_names_in_cp932(tmp_path):
    files = [(name.replace("/", "\\").encode("cp932"), data) for name, data in PAGES.items()]
    assert read_archive(RarReader, write(tmp_path, make_rar4(files))) == (PAGES, "")


def test_unicode_name_of_rar4(tmp_path):
    # After the zero: high byte 0x30, then two-bit codes. 01 takes the low byte and the common high byte.
    name = b"?.jpg\0" + bytes([0x30, 0b01_00_00_00, 0x42, ord("."), ord("j"), ord("p"), 0b00_000000, ord("g")])
    pages, _ = read_archive(RarReader, write(tmp_path, make_rar4([(name, b"page")], file_flags=0x200)))
    assert pages == {"あ.jpg": b"page"}


@MAKERS
def test_duplicate_and_dangerous_names(tmp_path, make):
    files = [(b"../1.jpg", b"a"), (b"/1.jpg", b"b"), (b"1.jpg", b"c")]
    members, _ = list_archive(RarReader, write(tmp_path, make(files)))
    assert members == [("1.jpg", b"a"), ("1.jpg", b"b"), ("1.jpg", b"c")]


def test_passwords(tmp_path):
    for data in (make_rar4(FILES, file_flags=4), make_rar5(FILES, extra=RAR5_ENCRYPTION)):
        pages, error = read_archive(RarReader, write(tmp_path, data))
        assert set(pages.values()) == {"needs a password"} and not error
    for data in (make_rar4(FILES, flags=0x80), make_encrypted_rar5()):
        assert read_archive(RarReader, write(tmp_path, data)) == ({}, "needs a password")


def test_links_and_copies(tmp_path):
    def link(kind, target):
        return rar5_extra(5, vint(kind) + vint(0) + vint(len(target)) + target)

    data = RAR5_SIGNATURE + rar5_block(1, 0, vint(0)) + rar5_file(b"1.jpg", b"page")
    for name, extra in ((b"soft", link(1, b"/etc/passwd")), (b"copy", link(5, b"1.jpg")), (b"lost", link(4, b"gone"))):
        data += rar5_file(name + b".jpg", b"", extra=extra)
    pages, error = read_archive(RarReader, write(tmp_path, data + rar5_block(5, 0, vint(0))))
    link_reason = "link in an archive"
    assert pages == {"1.jpg": b"page", "soft.jpg": link_reason, "copy.jpg": b"page", "lost.jpg": link_reason}
    assert not error


@MAKERS
def test_whole_pages_of_a_cut_off_rar_are_kept(tmp_path, make):
    data = make(FILES)
    pages, error = read_archive(RarReader, write(tmp_path, data[: data.index(FILES[3][1]) + 100]))
    assert pages == dict(list(PAGES.items())[:3])
    assert error == "cut off: the archive ends early; 3 whole files could be read"


def test_a_rar5_that_ends_between_two_files(tmp_path):
    pages, error = read_archive(RarReader, write(tmp_path, make_rar5(FILES)[:-8]))
    assert pages == PAGES and error == "cut off: the archive ends early; 5 whole files could be read"


@MAKERS
def test_damage(tmp_path, make):
    data = bytearray(make(FILES))
    data[data.index(FILES[2][1]) + 10] ^= 0xFF
    pages, error = read_archive(RarReader, write(tmp_path, bytes(data)))
    assert pages.pop("第1話/03.jpg") == "damaged in the archive" and len(pages) == 4 and not error
    data[data.index(FILES[2][0]) + 1] ^= 0xFF  # in the header
    pages, error = read_archive(RarReader, write(tmp_path, bytes(data)))
    assert pages == dict(list(PAGES.items())[:2]) and error == "damaged: 2 files could be found"


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (make_rar4_volumes, ("book.part1.rar", "book.part2.rar")),
        (make_rar5_volumes, ("book.part01.rar", "book.part02.rar")),
    ],
)
def test_volumes(tmp_path, make, names):
    page = FILES[0][1]
    first, second = (write(tmp_path, data, name) for data, name in zip(make(b"1.jpg", page), names, strict=True))
    assert read_archive(RarReader, first) == ({"1.jpg": page}, "")
    assert read_archive(RarReader, second) == ({}, f"part of a volume set: read with {names[0]}")
    second.unlink()
    assert read_archive(RarReader, first) == ({}, f"a volume is missing: {names[1]}; 0 whole files could be read")


def test_first_volumes(tmp_path):
    assert find_first_volume(tmp_path / "a.part02.rar") == tmp_path / "a.part01.rar"
    assert find_first_volume(tmp_path / "a.r00") == tmp_path / "a.rar"
    assert find_first_volume(tmp_path / "a.part1.rar") is None
    assert find_first_volume(tmp_path / "a.rar") is None


@needs_bsdtar
@MAKERS
def test_compressed_files(tmp_path, make):
    path = write(tmp_path, make(FILES, compress=True), "[group] book *.cbr")
    assert read_archive(RarReader, path) == (PAGES, "")


@needs_bsdtar
def test_solid_archive_is_unpacked_once(tmp_path, monkeypatch):
    started = []
    run = rar_unpackers.subprocess.Popen
    monkeypatch.setattr(
        "mangagan.readers.archives.rar_file.find_unpackers",
        lambda: [tool for tool in rar_unpackers.UNPACKERS if tool.program == "bsdtar"],
    )
    monkeypatch.setattr(rar_unpackers.subprocess, "Popen", lambda *a, **k: started.append(a) or run(*a, **k))
    path = write(tmp_path, make_rar5(FILES, solid=True, compress=True))
    with RarReader(path) as reader:
        members = {member.name: member for member in reader.members()}
        assert {name: members[name].read() for name in reversed(members)} == PAGES
    assert len(started) == 1


@needs_bsdtar
def test_compressed_and_damaged(tmp_path):
    for solid in (False, True):
        data = bytearray(make_rar5(FILES, solid=solid, compress=True))
        third = data.index(FILES[2][0])
        data[third + 1500] ^= 0xFF
        pages, _ = read_archive(RarReader, write(tmp_path, bytes(data)))
        assert pages["第1話/01.jpg"] == PAGES["第1話/01.jpg"] and pages["第1話/02.jpg"] == PAGES["第1話/02.jpg"]
        assert pages["第1話/03.jpg"].startswith("damaged in the archive")
        assert solid or pages["第1話/04.jpg"] == PAGES["第1話/04.jpg"]


@MAKERS
def test_without_a_program_the_reason_says_what_to_install(tmp_path, make, monkeypatch):
    monkeypatch.setenv("PATH", "")
    for options in ({}, {"flags": 8} if make is make_rar4 else {"solid": True}):
        pages, error = read_archive(RarReader, write(tmp_path, make(FILES, compress=True, **options)))
        reason = "needs an unpacker: install unrar, unar, 7zip or bsdtar (libarchive-tools)"
        assert set(pages.values()) == {reason} and not error


def test_compressed_comment_needs_no_program(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    fields = struct.pack("<IIBIIBBHI", 10, 100, 3, 0, 0, 29, 0x33, 3, 0)
    comment = rar4_block(0x7A, 0x8000, fields + b"CMT") + b"compressed"
    data = RAR4_SIGNATURE + rar4_block(0x73, 0, bytes(6)) + comment + rar4_file(b"1.jpg", b"page")
    assert read_archive(RarReader, write(tmp_path, data)) == ({"1.jpg": b"page"}, "")


def test_bounds(tmp_path):
    start, end = RAR5_SIGNATURE + rar5_block(1, 0, vint(0)), rar5_block(5, 0, vint(0))
    packed = compress_rar5(b"page")
    lies = {
        "unpacks to more than 1000 times its size (archive bomb)": rar5_file(b"1", b"page", packed=packed, size=10**8),
        "compressed with a dictionary of 2048 MB, which needs too much memory": rar5_file(
            b"1", b"page", packed=packed, size=4 * 10**9, dictionary=14
        ),
        "damaged in the archive": rar5_file(b"1", b"page", size=10**7),
    }
    for reason, file in lies.items():
        assert read_archive(RarReader, write(tmp_path, start + file + end))[0] == {"1": reason}
    path = write(tmp_path, start + rar5_file(b"1", b"x") * 1000 + end)
    assert read_archive(RarReader, path, Limits(max_members=100)) == ({}, "too many files: over 100")
    members, error = list_archive(RarReader, path, Limits(max_members=400))
    assert len(members) == 400 and error == "too many files: over 400"


def test_erased_flash_memory_at_the_end(tmp_path):
    path = write(tmp_path, make_rar5(FILES)[:-8] + b"\xff" * 5_000_000)
    tracemalloc.start()
    pages, error = read_archive(RarReader, path)
    tracemalloc.stop()
    assert pages == PAGES and error == "damaged: 5 files could be found"
