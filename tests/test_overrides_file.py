"""data/overrides.csv: what people and spreadsheets write, and appending from several processes that may be killed."""

import csv
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mangagan.core.errors import UserError
from mangagan.dataset.override_rows import ACTIONS, Anchor, Override
from mangagan.dataset.overrides_file import append_overrides, lock_file, read_overrides, update_overrides
from mangagan.dataset.overrides_format import COLUMNS
from tests.dvc_workspace import environment

HEADER = ",".join(COLUMNS)
BOX = Anchor("page1", 10.0, 20.5, 30.0, 40.0)
ROWS = [
    Override("a1", "keep", "the best, of all", BOX),
    Override("a2", "drop", 'she said "no"; twice'),
    Override("a3", "replace", "blurred\tedge", Anchor("page2", -3.5, 0.0, 99.9, 100.0)),
    Override("a1", "merge", "同じ顔", BOX, "a3", Anchor("page2", -3.5, 0.0, 99.9, 100.0)),
    Override("a1", "part", "", None, "a2"),
    Override("a1", "reset"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "overrides.csv"


def contents(path: Path) -> list[tuple[object, ...]]:
    """Return the decisions without their line numbers."""
    return [
        (row.face_id, row.action, row.note, row.anchor, row.other, row.other_anchor) for row in read_overrides(path)
    ]


def plain(rows: list[Override]) -> list[tuple[object, ...]]:
    return [
        (row.face_id, row.action, " ".join(row.note.split()), row.anchor, row.other, row.other_anchor) for row in rows
    ]


@pytest.mark.parametrize(
    "text",
    [
        "face_id,action,note\na,drop,bad\nb,keep,\n",
        "face_id,action\na,drop\nb,keep\n",
        "action,face_id,note\ndrop,a,bad\nkeep,b,\n",
        "\ufeffface_id,action,note\na,drop,bad\nb,keep,\n",
        "face_id,action,note\r\na,drop,bad\r\nb,keep,\r\n",
        "face_id,action,note\ra,drop,bad\rb,keep,\r",
        "face_id;action;note\na;drop;bad\nb;keep;\n",
        "face_id\taction\tnote\na\tdrop\tbad\nb\tkeep\t\n",
        '"face_id","action","note"\n"a","drop","bad"\n"b","keep",""\n',
        "face_id,action,note,,\na,drop,bad,,\nb,keep,,,,,,\n",
        "\n\nface_id,action,note\n\na,drop,bad\n,,\n  \nb,keep,\n\n",
        " face_id , action , note \n a , drop , bad \n\u00a0b,\tkeep ,\n",
        "Face_ID,Action,Note\na,DROP,bad\nb,Keep,\n",
        f"{HEADER}\na,drop,bad,,,\nb,keep,,,,\n",
        f"{HEADER}\na,drop,bad\nb,keep\n",
        "face_id,action,note\na,drop,bad\nb,keep,",
    ],
)
def test_files_of_people_and_spreadsheets_are_read(path: Path, text: str) -> None:
    path.write_bytes(text.encode())
    rows = read_overrides(path)
    assert [(row.face_id, row.action) for row in rows] == [("a", "drop"), ("b", "keep")]
    assert all(row.anchor is None and row.other == "" for row in rows)
    assert [row.note for row in rows] == (["bad", ""] if "ote" in text else ["", ""])


def test_values_are_read_with_their_lines(path: Path) -> None:
    path.write_text(
        "face_id;action;note;anchor;other;other_anchor\n"
        "\n"
        'a;merge;"one, two; three\nfour";page 1 2.5 3 4;b;page2 -5 0 1e2 7\n'
        'c;part; "d ""e"""; ;a;\n'
    )
    first, second = read_overrides(path)
    assert first == Override(
        "a", "merge", "one, two; three\nfour", Anchor("page", 1, 2.5, 3, 4), "b", Anchor("page2", -5, 0, 100, 7), 3
    )
    assert second == Override("c", "part", 'd "e"', None, "a", None, 5)


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff", f"{HEADER}\n", HEADER])
def test_file_without_decisions(path: Path, text: str) -> None:
    path.write_text(text)
    assert read_overrides(path) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("face_id,action\na,kill\n", "line 2: action must be keep, drop, replace, merge, part or reset, not 'kill'"),
        ("face_id,action\na,keep\nb\n", "line 3: action must be .* not ''"),
        ("face_id,action,note\na,keep,\n\n,drop,bad\n", "line 4: face_id is empty"),
        ("face_id,action,note\na,drop,red, blue\n", r"line 2: 4 fields, but the header has 3\. Put .* ',' in double"),
        ("face_id;action;note\na;drop;x;y\n", r"line 2: 4 fields, but the header has 3\. Put .* ';' in double"),
        (f"{HEADER}\na,merge,,,,\n", "line 2: merge needs the id of the other face in the column other"),
        (f"{HEADER}\na,part,,p 1 2 3 4,,\n", "line 2: part needs the id"),
        (f"{HEADER}\na,drop,,,b,\n", "line 2: drop is about one face"),
        (f"{HEADER}\na,reset,,,,p 1 2 3 4\n", "line 2: other_anchor needs the id"),
        (f"{HEADER}\na,merge,,,a,\n", "line 2: other is the same face"),
        (f"{HEADER}\na,drop,,p 1 2 3,,\n", "line 2: an anchor is PAGE_ID X Y W H, not 'p 1 2 3'"),
        (f"{HEADER}\na,drop,,p 1 2 3 4 5,,\n", "line 2: an anchor is PAGE_ID X Y W H"),
        (f"{HEADER}\na,drop,,p 1 2 x 4,,\n", "line 2: an anchor is PAGE_ID X Y W H"),
        (f"{HEADER}\na,drop,,p 1 2 0 4,,\n", "line 2: an anchor is PAGE_ID X Y W H"),
        (f"{HEADER}\na,drop,,p 1 nan 3 4,,\n", "line 2: an anchor is PAGE_ID X Y W H"),
        (f'{HEADER}\na,drop,"open,,,\nb,keep,,,,\n', "line 2: a double quote is not closed"),
        (f'{HEADER}\na,drop,"x"y,,,\n', "line 2: "),
        ("face,action\na,drop\n", "must have the columns face_id,action,note"),
        ("a,drop\n", "must have the columns face_id,action,note"),
        ("face_id,action,anchr\na,drop,\n", "line 1: 'anchr' is not a column; did you mean anchor?"),
        ("face_id,action,note,note\na,drop,,\n", "line 1: the column note is there twice"),
    ],
)
def test_line_that_cannot_be_read_is_named(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        read_overrides(path)
    assert "\n" not in str(caught.value)
    before = path.read_bytes()
    with pytest.raises(UserError, match=message):
        append_overrides(path, ROWS)
    assert path.read_bytes() == before


@pytest.mark.parametrize("encoding", ["cp932", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
def test_other_encodings_are_named(path: Path, encoding: str) -> None:
    note = "é" if encoding == "latin-1" else "顔が違う"
    path.write_bytes(f"face_id,action,note\na,drop,{note}\nb,keep,\n".encode(encoding))
    with pytest.raises(UserError, match="save as CSV UTF-8"):
        read_overrides(path)
    with pytest.raises(UserError, match="save as CSV UTF-8"):
        append_overrides(path, ROWS)


def test_missing_and_unreadable_files_are_one_clear_line(path: Path) -> None:
    with pytest.raises(UserError, match=f"not found. Create it with the line {HEADER}"):
        read_overrides(path)
    with pytest.raises(UserError, match="not found"):
        update_overrides(path, lambda row: row)
    assert not path.exists()
    path.mkdir()
    with pytest.raises(UserError, match=r"cannot read .*: is a directory"):
        read_overrides(path)


def test_what_is_appended_is_read_back(path: Path) -> None:
    append_overrides(path, [])
    assert not path.exists()
    append_overrides(path, ROWS[:2])
    append_overrides(path, ROWS[2:])
    assert contents(path) == plain(ROWS)
    assert [row.line for row in read_overrides(path)] == list(range(2, 8))
    with path.open(newline="") as file:  # as a spreadsheet reads it
        header, *records = csv.reader(file)
    assert header == list(COLUMNS)
    assert all(len(record) == len(COLUMNS) for record in records)
    assert {row.action for row in read_overrides(path)} == set(ACTIONS)


@pytest.mark.parametrize(
    "start",
    [
        "",
        "\ufeff",
        "\n",
        HEADER,
        f"{HEADER}\nx,drop,,,,\n",
        f"{HEADER}\nx,drop,,,,",
        f"\ufeff{HEADER}\r\nx,drop,,,,\r\n",
        f"{HEADER}\nx,drop,,,,\n\n".replace(",", ";"),
        f"{HEADER}\nx,drop,,,,\n".replace(",", "\t"),
        "other,note,action,other_anchor,anchor,face_id\n,,drop,,,x\n",
        "face_id,action,note\nx,drop,\n",
        "face_id,action,note\nx,drop,",
        "\ufeffface_id;action\r\nx;drop\r\n",
    ],
)
def test_layout_of_the_file_is_kept(path: Path, start: str) -> None:
    path.write_bytes(start.encode())
    append_overrides(path, ROWS)
    text = path.read_bytes().decode()
    assert contents(path) == ([("x", "drop", "", None, "", None)] if "drop" in start else []) + plain(ROWS)
    assert text.startswith("\ufeff") == start.startswith("\ufeff")
    assert text.count("\r\n") == (text.count("\n") if "\r\n" in start else 0)
    if "anchor" in start:  # the file has all columns
        assert text.startswith(start)
    elif "drop" in start:
        assert text.startswith(start.splitlines()[0])
    assert [path.name] == [entry.name for entry in path.parent.iterdir()]


def test_lines_are_changed_in_place(path: Path) -> None:
    path.write_text("face_id;action\nx;drop\ny;keep\n")
    assert update_overrides(path, lambda row: row) == 0
    assert path.read_text() == "face_id;action\nx;drop\ny;keep\n"
    changed = update_overrides(path, lambda row: Override(row.face_id, row.action, "z", BOX) if row.line == 3 else row)
    assert changed == 1
    assert contents(path) == [("x", "drop", "", None, "", None), ("y", "keep", "z", BOX, "", None)]
    assert path.read_text().startswith("face_id;action;note;anchor;other;other_anchor\n")


def test_a_link_is_followed(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "decisions.csv"
    target.parent.mkdir()
    target.write_text("face_id,action\nx,drop\n")
    path.symlink_to(target)
    append_overrides(path, ROWS)
    append_overrides(path, ROWS)
    assert path.is_symlink()
    assert len(read_overrides(target)) == 1 + 2 * len(ROWS)


@pytest.mark.parametrize("columns", [COLUMNS, ("other_anchor", "face_id", "action", "anchor", "other", "note")])
def test_line_that_is_cut_off_anywhere_is_never_another_decision(path: Path, columns: tuple[str, ...]) -> None:
    first = Override("first", "drop", "note")
    path.write_text(",".join(columns) + "\n")
    append_overrides(path, [first])
    start = path.read_bytes()
    for row in ROWS:
        path.write_bytes(start)
        append_overrides(path, [row])
        data = path.read_bytes()
        accepted = 0
        for length in range(len(start) + 1, len(data) - 1):
            path.write_bytes(data[:length])
            if message := find_error(path):
                assert "overrides.csv line 3" in message
                with pytest.raises(UserError, match="line 3"):
                    append_overrides(path, ROWS)
                assert path.read_bytes() == data[:length]
                continue
            accepted += 1
            found = contents(path)
            assert found[:1] == plain([first])
            for face_id, action, note, anchor, other, other_anchor in found[1:]:  # at most the last field differs
                assert (face_id, action, other) == (row.face_id, row.action, row.other)
                assert row.note.startswith(str(note))
                assert (anchor, other_anchor) in [(row.anchor, row.other_anchor), (row.anchor, None)]
            append_overrides(path, [first])  # the next line is not damaged
            assert contents(path) == [*found, *plain([first])]
        assert accepted <= 4
        path.write_bytes(data[:-1])  # only the line break is missing
        assert contents(path) == plain([first, row])


def find_error(path: Path) -> str:
    """Return the message of the error that reading raises; empty if it raises none."""
    try:
        read_overrides(path)
    except UserError as error:
        return str(error)
    return ""


def test_header_that_is_cut_off_is_one_clear_line(path: Path) -> None:
    append_overrides(path, ROWS[:1])
    data = path.read_bytes()
    for length in range(len(HEADER)):
        path.write_bytes(data[:length])
        message = find_error(path)
        assert "\n" not in message
        assert message or read_overrides(path) == []


APPEND = """\
import sys
import time
from pathlib import Path
from mangagan.dataset.override_rows import Anchor, Override
from mangagan.dataset.overrides_file import append_overrides
name, count, rows = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    row = Override(f"{name}-{number}", "drop", "note " * (rows - 1), Anchor("page", number, 2, 3, 4))
    append_overrides(Path(sys.argv[1]), [row] * rows)
    print(number, flush=True)
"""


def start_appending(path: Path, name: str, count: int, rows: int = 1) -> "subprocess.Popen[str]":
    """Start a process that waits for a line on its input, and then appends decisions.

    Args:
        path: The file.
        name: Start of the face ids.
        count: Number of appends. The process prints the number of each that is saved.
        rows: Number of equal rows that are appended at once.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", APPEND, str(path), name, str(count), str(rows)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def release(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.mark.parametrize("start", ["", "face_id;action;note\nold;keep;\n"])
def test_processes_that_append_at_once_lose_nothing(path: Path, start: str) -> None:
    if start:
        path.write_text(start)  # the first process replaces the file, while the others wait for its lock
    processes = [start_appending(path, name, 60) for name in "abc"]
    for process in processes:
        release(process)
    while any(process.poll() is None for process in processes):
        if path.exists():
            read_overrides(path)  # a reader never sees a part of a line
    assert [process.wait() for process in processes] == [0, 0, 0]
    names = [row.face_id for row in read_overrides(path)]
    expected = [f"{name}-{number}" for name in "abc" for number in range(60)] + (["old"] if start else [])
    assert sorted(names) == sorted(expected)
    assert path.read_text().count("face_id") == 1


def test_reader_waits_for_a_writer(path: Path) -> None:
    append_overrides(path, ROWS[:1])
    found: list[int] = []
    reader = threading.Thread(target=lambda: found.append(len(read_overrides(path))))
    with lock_file(path) as descriptor:
        reader.start()
        os.write(descriptor, b"a2,dr")
        reader.join(0.3)
        assert reader.is_alive()
        os.write(descriptor, b"op,,,,\n")
    reader.join(20)
    assert found == [2]


def test_killed_processes_leave_a_readable_file_or_an_incomplete_last_line(tmp_path: Path) -> None:
    rows, saved = 1500, []  # 11 MB at once, so that writes are interrupted
    for attempt in range(5):
        path = tmp_path / f"{attempt}.csv"
        path.write_text(f"{HEADER}\n")
        process = start_appending(path, "face", 3, rows)
        release(process)
        size = path.stat().st_size
        while path.stat().st_size == size and process.poll() is None:
            pass  # the first write takes some milliseconds
        time.sleep(0.0003 * attempt)
        process.kill()
        assert process.stdout is not None
        acknowledged = len(process.stdout.read().splitlines())
        process.wait()
        if message := find_error(path):
            assert "is incomplete: it ends without a line break" in message
            with pytest.raises(UserError, match="is incomplete"):
                append_overrides(path, ROWS)
            *complete, _ = path.read_bytes().splitlines(keepends=True)
            path.write_bytes(b"".join(complete))  # as the message says
        names = [row.face_id for row in read_overrides(path)]
        assert names == [f"face-{number // rows}" for number in range(len(names))]
        assert len(names) >= acknowledged * rows
        append_overrides(path, ROWS)
        assert [row.face_id for row in read_overrides(path)] == [*names, *(row.face_id for row in ROWS)]
        saved.append((acknowledged, len(names), bool(message)))
    assert {number for _, number, _ in saved} - {0}, saved


def test_full_disk_leaves_the_file_as_it_was(path: Path) -> None:
    append_overrides(path, ROWS)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, limits[1]))  # a part of a line fits
    try:
        with pytest.raises(UserError, match="no space left on the disk"):
            append_overrides(path, ROWS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    append_overrides(path, ROWS)
    assert contents(path) == plain([*ROWS, *ROWS])


def test_file_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*overrides\.csv"):
        append_overrides(tmp_path / "file" / "overrides.csv", ROWS)
