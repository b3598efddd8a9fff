"""The files of a screenshots folder: titles, order, litter, links, and files that must not be opened."""

import os
import random
import socket
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from mangagan.core.images import encode_png
from mangagan.readers.listing import find_similar_titles, list_screenshots
from mangagan.readers.litter import describe_litter
from mangagan.readers.order import sort_paths

PNG = encode_png(np.arange(64, dtype=np.uint8).reshape(8, 8))


def put(folder: Path, name: str | bytes) -> Path:
    path = Path(os.fsdecode(os.path.join(os.fsencode(folder), os.fsencode(name))))  # noqa: PTH118 - bytes
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PNG)
    return path


def reasons(folder: Path) -> dict[str, str]:
    return {file.name: file.reason for file in list_screenshots(folder).files}


@pytest.mark.parametrize(
    "names",
    [
        ["01.png", "02.png", "0304.png", "05.png", "06.png"],
        ["p000", "p001", "p002-003", "p004"],
        ["998.jpg", "999.jpg", "1000.jpg", "1001.jpg", "9899.jpg"],
        ["0102.png", "0304.png", "0506.png"],
        ["IMG_0002.PNG", "IMG_0002 2.jpg", "IMG_0003.PNG"],
        ["ch 10/01", "ch 10/02", "ch 10.5/01", "ch 11/01"],
        ["Chapter 3/01", "Chapter 3 #extra/01", "Chapter 4/01"],
        ["第１話/1", "第２話/1", "第１０話/1"],
        [unicodedata.normalize("NFC", "プ1"), unicodedata.normalize("NFD", "プ") + "2", "プ3"],
        ["t/1.png", "t/2.png", "t/10.png", "t/ch2/1.png", "t/CH2/2.png", "t/ch2.cbz", "t/ch10/1.png"],
        [
            "Screenshot 2024-01-05 at 12.10.00\u202fAM.png",
            "Screenshot 2024-01-05 at 9.41.03 AM.png",
            "Screenshot 2024-01-05 at 10.41.03\u202fAM.png",
            "Screenshot 2024-01-05 at 12.00.03\u202fPM.png",
            "Screenshot 2024-01-05 at 1.41.03\u202fPM.png",
        ],
    ],
)
def test_paths_are_in_reading_order(names: list[str]) -> None:
    shuffled = names.copy()
    random.Random(0).shuffle(shuffled)
    assert sort_paths(shuffled) == names


def test_litter_is_skipped_in_any_case_and_counted_by_folder(tmp_path: Path) -> None:
    for name in (
        "t/1.png", "t/@eaDir/1.png/SYNOPHOTO_THUMB_M.png", "t/.thumbnails/1.png", "u/.Thumbnails/2.png",
        "#recycle/t/1.png", ".Trash-1000/files/1.png", "t/__MACOSX/._1.png", "lost+found/1.png", ".stversions/t/1.png",
        "t/.nomedia", "t/ComicInfo.xml", "t/THUMBS.DB", "t/._1.png", "u/desktop.ini", "t/recycle/2.png",
    ):  # fmt: skip
        put(tmp_path, name)
    listing = list_screenshots(tmp_path)
    assert [file.name for file in listing.files] == ["t/1.png", "t/recycle/2.png"]
    skipped = describe_litter(sorted(listing.litter_folders))
    assert skipped.count("(1)") == 8
    assert "@eaDir (1)" in skipped


def test_titles_in_both_unicode_forms_are_one_and_case_is_warned_of(tmp_path: Path) -> None:
    for form, name in (("NFC", "1.png"), ("NFD", "2.png")):
        put(tmp_path, f"{unicodedata.normalize(form, 'ガンダム')}/{name}")
    for title in ("Naruto", "naruto", "Naruto ", "con", "-rf", "x.cbz", ".hack"):
        put(tmp_path, f"{title}/1.png")
    files = list_screenshots(tmp_path).files
    assert {file.title for file in files} == {"ガンダム", "Naruto", "naruto", "Naruto ", "con", "-rf", "x.cbz", ".hack"}
    assert [file.name[-5:] for file in files if file.title == "ガンダム"] == ["1.png", "2.png"]
    assert find_similar_titles(files) == [("Naruto", "naruto")]


def test_links_are_read_inside_the_folder_only_and_never_followed_into_folders(tmp_path: Path) -> None:
    shots, elsewhere = tmp_path / "shots", tmp_path / "elsewhere"
    put(shots, "t/1.png")
    put(elsewhere, "secret.png")
    for name, target in {
        "t/2-inside.png": "1.png",
        "t/3-outside.png": elsewhere / "secret.png",
        "t/4-broken.png": "nowhere.png",
        "t/5-zero.png": "/dev/zero",
        "t/6-circle.png": "6-circle.png",
        "t/a": ".",
        "t/b": "..",
        "linked": elsewhere,
    }.items():
        (shots / name).symlink_to(target)
    os.mkfifo(shots / "t" / "7.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(shots / "t" / "8.png"))
    found = reasons(shots)
    to_folder = "a link to a folder, which is not followed: copy the folder, or set ingest.screenshots"
    outside = "a link to a file outside the folder, which is not read: copy the file"
    assert found == {
        "linked": to_folder,
        "t/1.png": "",
        "t/2-inside.png": "",
        "t/3-outside.png": outside,
        "t/4-broken.png": "a broken link",
        "t/5-zero.png": outside,
        "t/6-circle.png": "a broken link",
        "t/7.png": "a named pipe, not a file",
        "t/8.png": "a socket, not a file",
        "t/a": to_folder,
        "t/b": to_folder,
    }
    (tmp_path / "link-to-shots").symlink_to(shots)
    assert reasons(tmp_path / "link-to-shots") == found


def test_names_that_are_not_utf8_are_read_as_cp932(tmp_path: Path) -> None:
    put(tmp_path, "ナルト".encode("cp932") + b"/" + "頁1".encode("cp932") + b".png")
    put(tmp_path, "ナルト/頁2.png")
    put(tmp_path, b"t/\xff\xfe.png")
    files = list_screenshots(tmp_path).files
    assert [(file.title, file.name, file.reason) for file in files] == [
        ("t", "t/\\udcff\\udcfe.png", ""),
        ("ナルト", "ナルト/頁1.png", ""),
        ("ナルト", "ナルト/頁2.png", ""),
    ]
    assert all(file.path.read_bytes() == PNG for file in files)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a\nb/1.png", "line break"),
        (b"\xff\xfe/1.png", "not UTF-8"),
        ("漫" * 80 + "/1.png", "over 200 bytes"),
        ("t/1.jpg.part", "a download that is not finished"),
        ("t/1.png.crdownload", "a download that is not finished"),
        ("loose.png", "not in the folder of a title"),
    ],
)
def test_files_that_cannot_be_read_are_rows_with_a_reason(tmp_path: Path, name: bytes | str, reason: str) -> None:
    put(tmp_path, name)
    (file,) = list_screenshots(tmp_path).files
    assert reason in file.reason
    (file.name + file.title).encode()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every folder")
def test_a_locked_folder_is_a_row(tmp_path: Path) -> None:
    put(tmp_path, "t/1.png")
    put(tmp_path, "t/locked/2.png").parent.chmod(0)
    assert reasons(tmp_path) == {"t/1.png": "", "t/locked": "folder cannot be opened: permission denied"}


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"a text", "notes.txt", "no picture, archive or e-book (file type .txt)"),
        (b"\x1f\x9d\x90" + bytes(40), "vol.tar.Z", "file compressed with compress: unpack it first"),
        (b"\x8a" * 40, "vol.7z.002", "part of a split archive: join its parts into one file first"),
        (PNG, "loose.png", "not in the folder of a title"),
    ],
)
def test_the_reason_of_a_file_at_the_top_level_is_its_content(
    tmp_path: Path, content: bytes, name: str, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert reasons(tmp_path) == {name: reason}


@pytest.mark.parametrize("name", ["Vol 1.tar.gz", "Vol 1.kepub.epub", "Vol 1.part01.rar", "Vol 1.cbz"])
def test_the_title_of_a_container_has_no_suffix(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"Rar!\x1a\x07\x01\x00")
    assert [file.title for file in list_screenshots(tmp_path).files] == ["Vol 1"]
