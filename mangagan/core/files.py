"""Atomic reading and writing of files whose bytes depend on their content only."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mangagan.core.errors import UserError

if TYPE_CHECKING:
    import pyarrow

# The bytes of a file depend on its content only, and images are compressed already.
PARQUET_OPTIONS: dict[str, Any] = {"compression": "zstd", "use_dictionary": False, "write_statistics": False}

# Errors of `os.link` on a file system without hard links, or across disks.
LINK_ERRORS = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS, errno.EACCES)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; rename it to `path` if the block succeeds.

    The rename is atomic: a killed process leaves the old file or none, never a part of the new one. The temporary name
    is always the same, so the next run overwrites what a killed one left.

    Raises:
        UserError: The disk is full, or the folder is not writable.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise_if_disk_error(error, path)
        raise
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yield a new folder in the parent of `path`; replace `path` with it if the block succeeds.

    Raises:
        UserError: The disk is full, or the parent folder is not writable.
    """
    temporary, retired = path.with_name(f".{path.name}.tmp"), path.with_name(f".{path.name}.old.tmp")
    try:
        if retired.exists() and not path.exists():
            os.replace(retired, path)  # an earlier process was killed between its two renames
        for leftover in (temporary, retired):
            shutil.rmtree(leftover, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        if path.exists():
            os.replace(path, retired)
        os.replace(temporary, path)
        shutil.rmtree(retired, ignore_errors=True)
    except OSError as error:
        raise_if_disk_error(error, path)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def raise_if_disk_error(error: OSError, path: Path) -> None:
    """Raise UserError if the user can fix the error (disk space, permissions, a wrong path)."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise UserError(f"no space left on the disk while writing {path}. Free some space and run again") from error
    if error.errno in (errno.EACCES, errno.EROFS, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG):
        raise UserError(f"cannot write {path}: {(error.strerror or '').lower()}") from error


def note_empty(folder: Path, text: str) -> None:
    """Write a note into a folder if it holds no files: DVC prints a warning each time it reads an empty folder."""
    if not any(folder.iterdir()):
        (folder / "empty.txt").write_text(f"{text}\n", encoding="utf-8")


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write text atomically, as UTF-8. Newlines are not converted."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON with sorted keys and a final newline. NaN and infinity raise ValueError."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def write_table(path: Path, table: "pyarrow.Table") -> None:
    """Write an Arrow table as Parquet. The bytes depend on the rows and the schema only."""
    import pyarrow.parquet as pq

    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, **PARQUET_OPTIONS)


def read_table(
    path: Path, stage: str, columns: Sequence[str] | None = None, required: Sequence[str] = ()
) -> "pyarrow.Table":
    """Read a Parquet file.

    Args:
        path: The file.
        stage: Stage that writes the file; for messages.
        columns: Names of the columns to read. Default: all.
        required: Names of further columns that the file must have.

    Raises:
        UserError: The file is missing or damaged, or an earlier version wrote it without one of the columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        available = pq.read_schema(path).names if columns else []
        if missing := [column for column in (*(columns or ()), *required) if column not in available]:
            raise UserError(f"{path} has no column {missing[0]}. Run: dvc repro --force {stage}")
        return pq.read_table(path, columns=list(columns) if columns else None)
    except FileNotFoundError:
        raise UserError(f"{path} not found. Run: dvc repro {stage}") from None
    except pa.ArrowInvalid as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is damaged ({reason}). Delete it and run: dvc repro {stage}") from None


def stamp_file(path: Path) -> tuple[int, int]:
    """Return size [bytes] and time of change [ns] of a file."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target`, which does not exist, a hard link to `source`, or a copy where links are not possible.

    Raises:
        OSError: The target exists, or cannot be written.
    """
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in LINK_ERRORS:
            raise
        temporary = target.with_name(f".{target.name}.tmp")
        try:
            shutil.copyfile(source, temporary)
            status = source.stat()
            os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)


def sha256_bytes(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
