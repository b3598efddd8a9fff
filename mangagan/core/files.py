"""Files that are either whole or absent, and whose bytes depend on nothing but their content."""

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


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path` and renames it to `path` when the block ends well.

    The rename is atomic, so that a killed process leaves the old file or none, never half of a new one. The temporary
    name is always the same, so that the next run writes over what a killed one left.

    Raises:
        UserError: the disk is full or the folder may not be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise_if_disk(error, path)
        raise
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yields a new folder beside `path` that takes the place of `path`, contents and all, when the block ends well."""
    temporary, retired = path.with_name(f".{path.name}.tmp"), path.with_name(f".{path.name}.old.tmp")
    try:
        for leftover in (temporary, retired):
            shutil.rmtree(leftover, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        if path.exists():
            os.replace(path, retired)
        os.replace(temporary, path)
        shutil.rmtree(retired, ignore_errors=True)
    except OSError as error:
        raise_if_disk(error, path)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def raise_if_disk(error: OSError, path: Path) -> None:
    """Turns what a user can mend (space, rights, a wrong path) into one line; other errors are left to the caller."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise UserError(f"no space left on the disk while writing {path}: free some and run again") from error
    if error.errno in (errno.EACCES, errno.EROFS, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG):
        raise UserError(f"cannot write {path}: {(error.strerror or '').lower()}") from error


def write_bytes(path: Path, data: bytes) -> None:
    """Writes `data` to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Writes `text` to `path` atomically, as UTF-8 with newlines as they are."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as JSON with sorted keys and a final newline; NaN and infinity are errors."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def write_table(path: Path, table: "pyarrow.Table") -> None:
    """Writes an Arrow table as Parquet whose bytes depend on its rows and schema only."""
    import pyarrow.parquet as pq

    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", use_dictionary=False, write_statistics=False)


def read_table(path: Path, stage: str, columns: Sequence[str] | None = None) -> "pyarrow.Table":
    """Reads a Parquet file that the stage named wrote; all of its columns by default.

    Raises:
        UserError: it is missing or damaged, or lacks a column, as one from an earlier version may.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        there = pq.read_schema(path).names if columns else []
        if missing := [column for column in columns or () if column not in there]:
            raise UserError(f"{path} lacks the column {missing[0]}: run `dvc repro --force {stage}`")
        return pq.read_table(path, columns=list(columns) if columns else None)
    except FileNotFoundError:
        raise UserError(f"{path} not found: run `dvc repro {stage}`") from None
    except pa.ArrowInvalid as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is damaged ({reason}): delete it and run `dvc repro {stage}`") from None


def sha256_bytes(data: bytes) -> str:
    """The SHA-256 of `data`, in hex."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
