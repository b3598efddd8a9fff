"""Reading and writing of data/overrides.csv, a log of decisions to which a person and several programs append."""

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from mangagan.core.errors import UserError
from mangagan.core.files import atomic_path, raise_if_disk_error
from mangagan.dataset.override_rows import Override
from mangagan.dataset.overrides_format import COLUMNS, Layout, format_override, parse_file


def read_overrides(path: Path) -> list[Override]:
    """Read the decisions, in the order of the file.

    Raises:
        UserError: The file is missing or not UTF-8, or a line cannot be read.
    """
    try:
        with path.open("rb") as file:
            with suppress(OSError):  # a network disk without locks
                fcntl.flock(file, fcntl.LOCK_SH)
            data = file.read()
    except FileNotFoundError:
        raise UserError(f"{path} not found. Create it with the line {','.join(COLUMNS)}") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {(error.strerror or '').lower()}") from None
    return parse_file(data, path).overrides


def append_overrides(path: Path, rows: Sequence[Override]) -> None:
    """Append decisions in one write, under a lock of the file. Write the header if the file is new or empty.

    The separator, the order of the columns and the line breaks of the file are kept. If it lacks columns, for example
    because an earlier version wrote it, the whole file is replaced by one with all columns.

    Raises:
        UserError: A line of the file cannot be read, or the disk is full or not writable. The file is unchanged then.
    """
    if not rows:
        return
    with lock_file(path) as descriptor:
        data = path.read_bytes()
        content = parse_file(data, path)
        layout = content.layout or Layout()
        if set(layout.columns) != set(COLUMNS):
            rewrite_file(path, layout, [*content.overrides, *rows])
            return
        start = "" if content.layout else layout.format_header()
        separation = "" if content.ends_line else layout.newline
        text = start + separation + "".join(format_override(row, layout) for row in rows)
        append_bytes(descriptor, text.encode(errors="replace"), len(data), path)


def update_overrides(path: Path, change: Callable[[Override], Override]) -> int:
    """Change lines of the file in place: replace it by a file with the same lines in the same layout.

    Args:
        path: The file.
        change: Function that returns the new decision for a line, or the same one.

    Returns:
        Number of lines that changed. If it is 0, the file is not written.

    Raises:
        UserError: The file is missing, a line cannot be read, or the disk is full or not writable.
    """
    read_overrides(path)  # if it is missing, it must not be created
    with lock_file(path):
        content = parse_file(path.read_bytes(), path)
        changed = [change(row) for row in content.overrides]
        count = sum(new != old for new, old in zip(changed, content.overrides, strict=True))
        if count and content.layout:
            rewrite_file(path, content.layout, changed)
        return count


@contextmanager
def lock_file(path: Path) -> Iterator[int]:
    """Open a file for appending, create it if it does not exist, and hold its lock.

    Another process may replace the file while this one waits for the lock. Then the new file is opened.
    """
    path = path.resolve()
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise_if_disk_error(error, path)
            raise
        try:
            with suppress(OSError):  # a network disk without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def append_bytes(descriptor: int, data: bytes, size: int, path: Path) -> None:
    """Write data at the end of a file and wait until it is on the disk.

    Raises:
        UserError: The data do not fit on the disk. The file has its former size [bytes] then.
    """
    try:
        if os.write(descriptor, data) == len(data):
            os.fsync(descriptor)
            return
    except OSError as error:
        os.ftruncate(descriptor, size)
        raise_if_disk_error(error, path)
        raise
    os.ftruncate(descriptor, size)
    raise UserError(f"no space left on the disk while writing {path}. Free some space and run again")


def rewrite_file(path: Path, layout: Layout, rows: Sequence[Override]) -> None:
    """Replace a file atomically by one with these rows and all columns. The caller holds the lock."""
    missing = [column for column in COLUMNS if column not in layout.columns]
    layout = replace(layout, columns=(*layout.columns, *missing))
    text = layout.format_header() + "".join(format_override(row, layout) for row in rows)
    with atomic_path(path.resolve()) as temporary, temporary.open("wb") as file:
        file.write(text.encode(errors="replace"))
        file.flush()
        os.fsync(file.fileno())
