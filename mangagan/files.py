"""Files that are either whole or absent, and whose bytes depend on nothing but their content."""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mangagan.errors import UserError

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
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise_if_disk(error, path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yields a new folder beside `path` that takes the place of `path`, contents and all, when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, retired = path.with_name(f".{path.name}.tmp"), path.with_name(f".{path.name}.old.tmp")
    for leftover in (temporary, retired):
        shutil.rmtree(leftover, ignore_errors=True)
    temporary.mkdir()
    try:
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
    """Turns "no space" and "not permitted" into the line a user needs; any other error is left to the caller."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise UserError(f"no space left on the disk while writing {path}: free some and run again") from error
    if error.errno in (errno.EACCES, errno.EROFS):
        raise UserError(f"cannot write {path}: permission denied") from error


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


def sha256_bytes(data: bytes) -> str:
    """The SHA-256 of `data`, in hex."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
