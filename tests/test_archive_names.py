"""Names of files in archives, and ComicInfo.xml."""

import pytest

from mangagan.readers.archives.member_names import clean_name, decode_names, find_encoding
from mangagan.readers.comic_info import ComicInfo, read_comic_info


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("第01話/001.jpg", "cp932"),
        ("ページ①.png", "cp932"),
        ("鋼の錬金術師 第１２巻.jpg", "cp932"),
        ("ワンピース 第01巻 表紙.jpg", "euc_jp"),
        ("第01话/001.jpg", "gbk"),
        ("火影忍者.jpg", "gbk"),
        ("第01話/封面.jpg", "big5"),
        ("海賊王.jpg", "big5"),
        ("원피스 01권/001.jpg", "cp949"),
        ("나루토 제1화.jpg", "cp949"),
        ("Übel/été.jpg", "cp437"),
        ("Pokémon.jpg", "cp1252"),
        ("第01話/été.jpg", "utf-8"),
    ],
)
def test_the_encoding_of_names_is_found(name, encoding):
    assert decode_names([b"cover.jpg", name.encode(encoding)]) == ["cover.jpg", name]


def test_an_archive_has_one_encoding():
    # The second name alone is valid UTF-8 (а Cyrillic letter), the first one is only valid in CP932.
    names = ["第01話.jpg".encode("cp932"), b"\xd0\xb0.jpg"]
    assert find_encoding(names) == "cp932"
    assert decode_names(names)[1] == "ﾐｰ.jpg"
    assert decode_names(names[1:]) == ["а.jpg"]


def test_bytes_without_meaning_get_a_name():
    (name,) = decode_names([bytes(range(128, 256))])
    assert len(name) == 128


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("C:\\scans\\..\\01.jpg", "scans/01.jpg"),
        ("/etc/passwd", "etc/passwd"),
        ("../../a//b/./c.jpg", "a/b/c.jpg"),
        ("01.jpg\0.exe", "01.jpg"),
        ("line\nbreak.jpg", "line\\nbreak.jpg"),
        ("..", "unnamed"),
        ("第1話\\１.jpg", "第1話/１.jpg"),
    ],
)
def test_names_are_printable_and_relative(name, clean):
    assert clean_name(name) == clean


def test_comic_info():
    info = read_comic_info(
        b'<?xml version="1.0"?><ComicInfo xmlns:xsd="http://www.w3.org/2001/XMLSchema"><Manga>YesAndRightToLeft</Manga>'
        b'<Pages><Page Image="0" Type="FrontCover" /><Page Image="3" Type="Deleted" DoublePage="false"/>'
        b'<Page Image="5" DoublePage="true"/><Page Image="-1" Type="Deleted"/><Page Image="x" Type="Deleted"/></Pages>'
        b"</ComicInfo>"
    )
    assert info == ComicInfo(right_to_left=True, deleted=frozenset({3}))


@pytest.mark.parametrize(("value", "direction"), [("No", False), ("Yes", None), ("Unknown", None), ("", None)])
def test_reading_direction(value, direction):
    info = read_comic_info(f"<ComicInfo><Manga>{value}</Manga></ComicInfo>".encode("utf-16"))
    assert info is not None and info.right_to_left is direction


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no xml",
        b"<ComicInfo><Pages>",
        b"<Other/>",
        b'<!DOCTYPE ComicInfo [<!ENTITY a SYSTEM "file:///etc/passwd">]><ComicInfo><Manga>&a;</Manga></ComicInfo>',
        b'<!DOCTYPE c [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><ComicInfo><Manga>&b;</Manga></ComicInfo>',
        b"<ComicInfo>" + b" " * 6_000_000 + b"</ComicInfo>",
        b'<?xml version="1.0" encoding="klingon"?><ComicInfo/>',
    ],
)
def test_broken_or_dangerous_xml_is_ignored(data):
    assert read_comic_info(data) is None
