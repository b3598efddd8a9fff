"""Atomic files, tables, the parallel map and progress bars."""

import errno
import io
import os
from pathlib import Path

import pyarrow as pa
import pytest

from mangagan.core.errors import UserError
from mangagan.core.files import atomic_directory, atomic_path, read_table, sha256_file, write_json, write_table
from mangagan.core.parallel import map_ordered
from mangagan.core.progress import progress_bar, track


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list_names(tmp_path) == ["a.txt"]


def test_directory_is_replaced_with_its_content(tmp_path: Path) -> None:
    path = tmp_path / "out"
    for name in ("first", "second"):
        with atomic_directory(path) as temporary:
            (temporary / name).write_text(name)
    assert list_names(path) == ["second"]
    assert list_names(tmp_path) == ["out"]


def test_read_only_and_hardlinked_outs_are_replaced_not_edited(tmp_path: Path) -> None:
    cached, out = tmp_path / "cached", tmp_path / "out.json"
    cached.write_text("cache")
    cached.chmod(0o444)
    os.link(cached, out)
    write_json(out, {"a": 1})
    assert cached.read_text() == "cache"
    assert out.read_text() == '{\n  "a": 1\n}\n'


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EACCES])
def test_disk_errors_become_one_line(tmp_path: Path, code: int) -> None:
    def fail() -> None:
        with atomic_path(tmp_path / "a"):
            raise OSError(code, os.strerror(code))

    with pytest.raises(UserError, match=str(tmp_path / "a")):
        fail()


def test_nan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "a.json", {"a": float("nan")})


def test_tables_are_byte_identical(tmp_path: Path) -> None:
    table = pa.table({"a": [1, 2], "b": ["x", None]})
    for name in ("one", "two"):
        write_table(tmp_path / name, table)
    assert sha256_file(tmp_path / "one") == sha256_file(tmp_path / "two")


def test_tables_that_cannot_be_read_are_one_clear_line(tmp_path: Path) -> None:
    write_table(tmp_path / "old", pa.table({"a": [1, 2]}))
    (tmp_path / "torn").write_bytes((tmp_path / "old").read_bytes()[:40])
    assert read_table(tmp_path / "old", "detect").column_names == ["a"]
    for name, message in {
        "old": r"old has no column b\. Run: dvc repro --force detect",
        "torn": r"torn is damaged .*\. Delete it and run: dvc repro detect",
        "none": r"none not found\. Run: dvc repro detect",
    }.items():
        with pytest.raises(UserError, match=message):
            read_table(tmp_path / name, "detect", ["a", "b"])


def test_map_ordered_keeps_the_order_and_limits_pending_items() -> None:
    taken: list[int] = []

    def numbers() -> object:
        for number in range(40):
            taken.append(number)
            yield number

    results = map_ordered(lambda n: n * n, numbers(), workers=2)  # type: ignore[arg-type]
    assert next(results) == 0
    assert len(taken) <= 6
    assert [0, *results] == [n * n for n in range(40)]


def test_map_ordered_raises_errors_of_the_function() -> None:
    with pytest.raises(ZeroDivisionError):
        list(map_ordered(lambda n: 1 // n, [1, 0], workers=2))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def draw_progress(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> str:
    """Return what the progress of four items writes to stderr."""
    monkeypatch.setattr("sys.stderr", stream)
    assert list(track("abcd", 4, "detect", "pages")) == list("abcd")
    with progress_bar(4, "train", "img", done=1) as bar:
        bar.update(3)
    return stream.getvalue()


def test_progress_appears_on_a_terminal_after_a_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    assert draw_progress(monkeypatch, Terminal()) == ""  # the work is faster than the delay
    monkeypatch.setattr("mangagan.core.progress.DELAY_S", 0.0)
    drawn = draw_progress(monkeypatch, Terminal())
    assert "detect: 100%" in drawn
    assert "4/4" in drawn
    assert "train:  25%" in drawn
    assert draw_progress(monkeypatch, io.StringIO()) == ""
