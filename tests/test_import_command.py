"""`mangagan import`: what is copied, under which title, and what happens to files of the user."""

import subprocess
import sys
from pathlib import Path

import pytest

from mangagan.cli import main
from mangagan.core import catalog
from tests.archive_files import make_encrypted_rar5, make_rar5_volumes, make_zip
from tests.dvc_workspace import environment
from tests.import_files import draw_crop, encode, make_workspace, read_imported, read_tree, write_crops, write_files

TARGET = catalog.FACES_IMPORT
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the workspace, which is the working directory."""
    monkeypatch.chdir(make_workspace(tmp_path / "workspace"))
    return Path()


def test_a_folder_is_copied_and_its_files_are_not_changed(tmp_path: Path, capsys: Captured) -> None:
    source = write_crops(tmp_path / "my faces", "1.png", "b/2.png", "b/c/3.png", "@eaDir/thumb.png")
    write_files(source, {"notes.txt": b"notes", "half.png.part": b"", "b/metadata.csv": b"file_name\n2.png\n"})
    (source / "link").symlink_to(tmp_path)
    before = read_tree(source)
    assert main(["import", str(source)]) == 0
    assert set(read_tree(TARGET)) == {"my faces/1.png", "my faces/b/2.png", "my faces/b/c/3.png"}
    assert all(before[name.removeprefix("my faces/")] == data for name, data in read_tree(TARGET).items())
    assert read_tree(source) == before
    shown = capsys.readouterr()
    assert shown.out == "3 files copied to data/faces_import/my faces. Next: dvc repro\n"
    assert set(shown.err.splitlines()) == {
        "mangagan: not copied: b/metadata.csv: no picture or archive",
        "mangagan: not copied: half.png.part: a download that is not finished",
        "mangagan: not copied: link: a link to a folder, which is not followed: copy the folder",
        "mangagan: not copied: notes.txt: no picture or archive",
    }


def test_a_copy_is_another_file_and_a_hard_link_is_the_same(tmp_path: Path, capsys: Captured) -> None:
    source = write_crops(tmp_path / "faces", "1.png", "2.png")
    assert main(["import", str(source)]) == 0
    assert not (source / "1.png").samefile(TARGET / "faces/1.png")
    assert main(["import", str(source), "--link", "--title", "linked"]) == 0
    assert (source / "1.png").samefile(TARGET / "linked/1.png")
    assert "2 files copied to data/faces_import/linked (2 hard links)" in capsys.readouterr().out


def test_the_same_files_again_change_nothing_and_other_files_need_a_decision(tmp_path: Path, capsys: Captured) -> None:
    source = write_crops(tmp_path / "faces", "1.png", "2.png")
    assert main(["import", str(source)]) == 0
    inode = (TARGET / "faces").stat().st_ino
    assert main(["import", str(source)]) == 0
    assert "data/faces_import/faces has these 2 files already. Next: dvc repro" in capsys.readouterr().out
    assert (TARGET / "faces").stat().st_ino == inode
    (source / "2.png").write_bytes(encode(draw_crop(9)))
    before = read_tree(TARGET)
    assert main(["import", str(source)]) == 2
    error = capsys.readouterr().err
    assert error == (
        "mangagan: data/faces_import/faces exists and has other files."
        " Choose another title with --title, or replace its files with --replace\n"
    )
    assert read_tree(TARGET) == before
    assert main(["import", str(source), "--title", "second"]) == 0
    assert main(["import", str(source), "--replace"]) == 0
    assert read_tree(TARGET / "faces") == read_tree(TARGET / "second") == read_tree(source)


def test_a_killed_copy_is_no_title_and_the_next_one_is_whole(tmp_path: Path, capsys: Captured) -> None:
    source = write_crops(tmp_path / "faces", *(f"{number}.png" for number in range(4)))
    code = (
        "import os, sys\nfrom mangagan.importing import copying\nfrom mangagan.cli import main\n"
        "copy = copying.copy_file\n"
        "copying.copy_file = lambda path, *rest: os._exit(9) if path.name == '2.png' else copy(path, *rest)\n"
        "main(['import', sys.argv[1]])\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(source)], env=environment()).returncode == 9
    (leftover,) = TARGET.iterdir()
    assert len(list(leftover.iterdir())) == 2
    write_crops(catalog.SCREENSHOTS / "title", "page.png")
    assert main(["scan", str(catalog.SCREENSHOTS)]) == 0
    assert catalog.IMPORT_LIST.read_text() == "name,sha256,reason\n", "DVC does not see a part of a title"
    assert main(["import_faces"]) == 0
    assert list(catalog.IMPORTED_DIR.glob("*.parquet")) == []
    assert main(["import", str(source)]) == 0
    assert [path.name for path in TARGET.iterdir()] == ["faces"]
    assert len(list((TARGET / "faces").iterdir())) == 4


def test_archives_are_copied_as_they_are(tmp_path: Path) -> None:
    picture = encode(draw_crop(1))
    archive = make_zip([(b"train/1.png", picture), (b"README.md", b"text"), (b"test/2.png", encode(draw_crop(2)))])
    source = write_files(tmp_path, {"book.cbz": archive}) / "book.cbz"
    assert main(["import", str(source)]) == 0
    assert read_tree(TARGET) == {"book/book.cbz": archive}
    first, second = make_rar5_volumes(b"1.png", picture)
    volumes = write_files(tmp_path, {"set.part1.rar": first, "set.part2.rar": second, "set2.rar": b""})
    assert main(["import", str(volumes / "set.part1.rar")]) == 0
    assert read_tree(TARGET / "set") == {"set.part1.rar": first, "set.part2.rar": second}
    assert main(["import_faces"]) == 0
    assert list(read_imported(Path(), "book")["source"]) == ["book/book.cbz::test/2.png", "book/book.cbz::train/1.png"]


def test_what_cannot_be_imported_is_one_line(tmp_path: Path, capsys: Captured) -> None:
    files = {
        "empty/notes.txt": b"notes",
        "locked.rar": make_encrypted_rar5(),
        "notes.txt": b"notes",
        "a.part1.rar": b"",
        "a.part2.rar": b"",
        "faces/1.png": encode(draw_crop(1)),
    }
    write_files(tmp_path, files)
    lines = {
        (f"{tmp_path}/nowhere",): "nowhere not found. Give a folder or an archive of crops of faces",
        (f"{tmp_path}/empty",): "empty. Give a folder or an archive of crops of faces",
        (f"{tmp_path}/locked.rar",): "locked.rar cannot be imported: needs a password",
        (f"{tmp_path}/notes.txt",): "notes.txt cannot be imported: no picture, archive or e-book (file type .txt)",
        (f"{tmp_path}/a.part2.rar",): f"is a later volume of an archive. Give its first volume: {tmp_path}/a.part1.rar",
        (str(tmp_path),): f"{tmp_path} contains data/faces_import. Give the folder that holds only the crops",
        (f"{tmp_path}/faces", "--title", "a/b"): "'a/b' cannot be a title: not the name of a visible folder",
        (f"{tmp_path}/faces", "--title", ".a.tmp"): "'.a.tmp' cannot be a title: not the name of a visible folder",
        (f"{tmp_path}/faces", "--title", "a\nb"): "cannot be a title: title name holds a line break",
    }
    for arguments, line in lines.items():
        assert main(["import", *arguments]) == 2
        error = capsys.readouterr().err.removesuffix("\n")
        assert error.startswith("mangagan: ") and line in error and "\n" not in error, error
    assert not TARGET.exists()
    catalog.PARAMS.unlink()
    assert main(["import", f"{tmp_path}/faces"]) == 2
    assert "Run this in the folder that holds params.yaml" in capsys.readouterr().err


def test_a_title_is_not_imported_from_itself(tmp_path: Path, capsys: Captured) -> None:
    write_crops(TARGET / "mine", "1.png")
    assert main(["import", str(TARGET / "mine")]) == 2
    assert "data/faces_import/mine is in data/faces_import already. Run: dvc repro" in capsys.readouterr().err


def test_the_name_of_the_source_is_the_title(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_crops(tmp_path / "faces", "1.png")
    (tmp_path / "shelf").symlink_to(source)
    assert main(["import", str(tmp_path / "shelf")]) == 0
    assert main(["import", f"{source}/../faces"]) == 0
    assert {path.name for path in TARGET.iterdir()} == {"shelf", "faces"}
