import io
import zipfile

import pytest

from mangagan.decoding.formats import has_image_signature
from mangagan.readers.unsupported import name_container


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"Title".ljust(60, b"\0") + b"BOOKMOBI" + bytes(400), "Kindle book (MOBI/AZW)"),
        (b"Title".ljust(60, b"\0") + b"TEXtREAd" + bytes(400), "Kindle book (MOBI/AZW)"),
        (b"TPZ0\x00" + bytes(100), "Kindle book (Topaz)"),
        (b"CONT\x02\x00" + bytes(100), "Kindle book (KFX)"),
        (b"AT&TFORM\0\0\0\0DJVM", "DjVu document"),
        (b"\x12\x34\x31\0\0\0\x90**ACE**\x14\x14", "ACE archive"),
        (b"\x22\xa2-lh5-" + bytes(50), "LHA archive"),
        (b"\x22\xa2-lh0-" + bytes(50), "LHA archive"),
        (b"070701" + b"0" * 104, "cpio archive"),
        (b"!<arch>\n1.jpg", "ar archive"),
        (b"MSWIM\0\0\0" + bytes(200), "Windows image (WIM)"),
        (b"\x1f\x8b\x08" + bytes(20), "file compressed with gzip"),
        (b"\x1f\x9d\x90" + bytes(20), "file compressed with compress"),
    ],
)
def test_containers_without_a_reader_are_named(header, name):
    assert name_container(header) == name


def test_files_of_other_kinds_are_not_named():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("BOOKMOBI", b"-lh5-")
    for header in [b"", b"a", b"%PDF-1.7", b"\xff\xd8\xff\xe0", b"plain text about -lh5-", buffer.getvalue()]:
        assert name_container(header) is None


def test_an_image_in_an_archive_is_not_taken_for_the_file():
    assert not has_image_signature(b"!<arch>\n1.jpg/".ljust(68) + b"\xff\xd8\xff\xe0\0\x10JFIF\0")
