"""Damaged archives of every kind: a reason, but no crash, no hang, no file outside and little memory."""

import io
import random
import resource
import struct
import tarfile
import tempfile
import time
import zipfile
import zlib
from contextlib import suppress

import py7zr
import pytest
from backports import zstd

from mangagan.readers.archives.rar_file import RarReader
from mangagan.readers.archives.seven_zip import SevenZipReader
from mangagan.readers.archives.tar_file import TarReader
from mangagan.readers.archives.zip_file import ZipReader
from mangagan.readers.base import Limits
from mangagan.readers.errors import ReaderError
from tests.archive_files import make_rar4, make_rar5, make_zip

FILES = [(f"{number}.jpg", random.Random(number).randbytes(1000) + bytes(500)) for number in range(3)]
RAW = [(name.encode(), data) for name, data in FILES]
LIMITS = Limits(max_image_bytes=10**7, max_container_bytes=10**8, max_members=1000)
ROUNDS = 120


def zip_files(method):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in FILES:
            archive.writestr(name, data)
    return buffer.getvalue()


def tar_files(mode):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, data in FILES:
            info = tarfile.TarInfo("長い名前" * 30 + name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def seven_zip_files(*filters):
    buffer = io.BytesIO()
    with py7zr.SevenZipFile(buffer, "w", filters=list(filters)) as archive:
        archive.set_encoded_header_mode(False)
        for name, data in FILES:
            archive.writestr(data, name)
    return buffer.getvalue()


ARCHIVES = {
    "zip stored": (ZipReader, zip_files(zipfile.ZIP_STORED)),
    "zip deflate": (ZipReader, zip_files(zipfile.ZIP_DEFLATED)),
    "zip bzip2": (ZipReader, zip_files(zipfile.ZIP_BZIP2)),
    "zip lzma": (ZipReader, zip_files(zipfile.ZIP_LZMA)),
    "zip zstd": (ZipReader, make_zip(RAW, method=93, packed={name: zstd.compress(data) for name, data in RAW})),
    "tar": (TarReader, tar_files("w")),
    "tar.gz": (TarReader, tar_files("w:gz")),
    "tar.xz": (TarReader, tar_files("w:xz")),
    "7z lzma": (SevenZipReader, seven_zip_files({"id": py7zr.FILTER_LZMA2, "preset": 1})),
    "7z deflate": (SevenZipReader, seven_zip_files({"id": py7zr.FILTER_DEFLATE})),
    "rar4": (RarReader, make_rar4(RAW)),
    "rar5": (RarReader, make_rar5(RAW)),
}


def mutate(data, rng):
    """Change, remove or insert a few bytes, half of them near the start or the end, where headers are."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        position = rng.randrange(len(changed))
        if rng.random() < 0.5:
            edge = rng.randrange(min(200, len(changed)))
            position = rng.choice((edge, len(changed) - 1 - edge))
        kind = rng.randrange(6)
        if kind < 2:
            changed[position] ^= 1 << rng.randrange(8)
        elif kind == 2:
            changed[position] = rng.choice((0, 1, 127, 128, 255))
        elif kind == 3:
            changed[position : position + 4] = b"\xff" * 4
        elif kind == 4:
            changed[position : position + rng.randrange(50)] = rng.randbytes(rng.randrange(50))
        elif position:
            del changed[position:]
        changed = changed or bytearray(b"\0")
    return bytes(changed)


def mutate_header(data, rng):
    """Change a few bytes of the header of a 7z archive and repair the checksums, which catch all other changes."""
    offset, size = struct.unpack_from("<QQ", data, 12)
    header = bytearray(data[32 + offset : 32 + offset + size])
    for _ in range(rng.choice((1, 1, 2, 3))):
        header[rng.randrange(len(header))] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
    start = struct.pack("<QQI", offset, len(header), zlib.crc32(header))
    return data[:8] + struct.pack("<I", zlib.crc32(start)) + start + data[32 : 32 + offset] + bytes(header)


def read_everything(reader, path):
    """Read what can be read. Only reasons may be raised."""
    count = 0
    with suppress(ReaderError):
        reader.matches(path.read_bytes()[:4096], path)
        with reader(path, LIMITS) as opened:
            members = []
            with suppress(ReaderError):
                for member in opened.members():
                    members.append(member)
            for member in members:
                with suppress(ReaderError):
                    count += not member.reason and bool(member.read())
    return count


@pytest.mark.parametrize("kind", ARCHIVES)
def test_mutated_archives(tmp_path, monkeypatch, kind):
    reader, data = ARCHIVES[kind]
    for folder in ("temporary", "current"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path / "current")
    path = tmp_path / "archive"
    path.write_bytes(data)
    assert read_everything(reader, path) == 3
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rng = random.Random(kind)
    for number in range(ROUNDS):
        mutated = mutate_header(data, rng) if reader is SevenZipReader and number % 2 else mutate(data, rng)
        path.write_bytes(mutated)
        start = time.monotonic()
        read_everything(reader, path)
        assert time.monotonic() - start < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 200_000  # KB
    assert sorted(tmp_path.rglob("*")) == [path, tmp_path / "current", tmp_path / "temporary"]
