"""Results of single items, such as the boxes of a page, that later runs use again.

The cache is a SQLite database under .mangagan/cache, and a folder of whole files beside it. The key of an entry covers
everything that the result depends on: the content of the item, the settings, the code and the libraries. So an entry is
never out of date, and outs made from the cache are byte-identical to those of a run without it. The entries that were
not used for the longest time are deleted when the cache exceeds its size.

Several processes can use the cache at the same time. A killed process loses at most the entries of its last
`FLUSH_S` seconds. A damaged entry counts as missing; a damaged database is deleted.
"""

import contextlib
import hashlib
import os
import shutil
import sqlite3
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from mangagan.core.state import CACHE

FORMAT = 1  # of the database; a cache of another format is deleted
FLUSH_S = 0.5  # maximum age of an entry that is not yet in the database [s]
FLUSH_BYTES = 16e6  # maximum size of these entries [bytes]
BUSY_S = 30.0  # maximum wait for another process that writes [s]
FRESH_S = 3600  # the time of use of an entry is written at most once in this time [s]
FILL = 0.9  # share of the maximum size that deleting leaves
TABLES = """
CREATE TABLE entries (key BLOB PRIMARY KEY, stage TEXT, used INTEGER, size INTEGER, checksum INTEGER, value BLOB);
CREATE INDEX usage ON entries (used, size, stage);
CREATE TABLE runs (stage TEXT PRIMARY KEY, hits INTEGER, misses INTEGER);
"""
Result = TypeVar("Result")


@dataclass(frozen=True)
class Usage:
    """Entries of one stage.

    Attributes:
        entries: Number of entries.
        size: Their total size [bytes].
        hits: Entries that the last run of the stage found.
        misses: Results that it computed.
    """

    entries: int = 0
    size: int = 0
    hits: int = 0
    misses: int = 0


def make_key(*parts: object) -> bytes:
    """Return the key of an entry, 16 bytes: a hash of the texts of the parts. Bytes are hashed as they are."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(data).to_bytes(8))
        digest.update(data)
    return digest.digest()[:16]


def describe_libraries(*packages: str) -> str:
    """Return names and versions of installed packages that a result depends on, as a part of a key."""
    versions = []
    for package in packages:
        with contextlib.suppress(PackageNotFoundError):
            versions.append(f"{package} {version(package)}")
    return ", ".join(versions)


class Cache:
    """The cache, as one stage uses it. A context manager; entries are written at its end at the latest.

    Only one thread may use an object. Another process has its own.

    Args:
        folder: Folder of the cache.
        max_bytes: Maximum total size of the entries. 0: the cache is not used.
        stage: The stage that reads and writes entries.
    """

    def __init__(self, folder: Path, max_bytes: float, stage: str) -> None:
        self.folder, self.max_bytes, self.stage = folder, max_bytes, stage
        self.hits = self.misses = 0
        self.pending: dict[bytes, tuple[int, int, bytes | None]] = {}  # key → size, checksum, value
        self.pending_bytes = 0
        self.used: set[bytes] = set()  # entries whose time of use is not yet written
        self.flushed = time.monotonic()
        self.database: sqlite3.Connection | None = None
        if max_bytes > 0:
            self._guard(self._connect, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if error is None and self.hits + self.misses:
            self._guard(self._write_run, None)
        self.close()

    def close(self) -> None:
        """Write the entries that are not yet in the database, and close it."""
        self.flush()
        self._guard(self._shrink, None)
        if self.database is not None:
            self.database.close()
            self.database = None

    def get(self, key: bytes) -> bytes | None:
        """Return the value of an entry. None if it is missing or damaged."""
        value = self.pending[key][2] if key in self.pending else self._guard(lambda: self._read(key), None)
        self.hits, self.misses = self.hits + (value is not None), self.misses + (value is None)
        return value

    def put(self, key: bytes, value: bytes) -> None:
        """Add an entry."""
        if self.database is None:
            return
        self.pending[key] = len(value), zlib.crc32(value), value
        self.pending_bytes += len(value)
        if self.pending_bytes > FLUSH_BYTES or time.monotonic() - self.flushed > FLUSH_S:
            self.flush()

    def get_file(self, key: bytes, path: Path) -> bool:
        """Put a file of the cache at `path`: a hard link, or a copy if the file system has no links.

        Returns:
            False if the file is missing, or was changed through another link.
        """
        stored = self._file_path(key)
        record = self.pending.get(key) or self._guard(lambda: self._find(key), None)
        try:
            found = record is not None and (record[0], record[1]) == stamp(stored)
            if found:
                place(stored, path)
        except OSError:
            found = False
        self.hits, self.misses = self.hits + found, self.misses + (not found)
        return found

    def put_file(self, key: bytes, path: Path) -> None:
        """Add a finished file, which must not be changed later: a hard link, or a copy."""
        if self.database is None:
            return
        stored = self._file_path(key)
        temporary = stored.with_name(f"{stored.name}.{os.getpid()}.tmp")
        try:
            stored.parent.mkdir(parents=True, exist_ok=True)
            temporary.unlink(missing_ok=True)
            place(path, temporary)
            os.replace(temporary, stored)
            self.pending[key] = (*stamp(stored), None)
        except OSError:  # the cache only saves time
            temporary.unlink(missing_ok=True)

    def flush(self) -> None:
        """Write the new entries, and the time of use of old ones, in one short transaction."""
        self.flushed = time.monotonic()
        if self.pending or self.used:
            self._guard(self._write, None)
        self.pending, self.pending_bytes, self.used = {}, 0, set()

    def measure(self) -> dict[str, Usage]:
        """Return the entries of each stage."""
        return self._guard(self._measure, {})

    def _file_path(self, key: bytes) -> Path:
        name = key.hex()
        return self.folder / "files" / name[:2] / name

    def _connect(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self.folder / "entries.sqlite", timeout=BUSY_S, isolation_level=None)
        database.execute("PRAGMA auto_vacuum = INCREMENTAL")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        self.database = database
        if database.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
            self._create()

    def _create(self) -> None:
        """Create the tables, unless another process has just done so."""
        assert self.database is not None
        self.database.execute("BEGIN IMMEDIATE")
        if self.database.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
            for (name,) in self.database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                self.database.execute(f'DROP TABLE "{name}"')
            for statement in TABLES.split(";"):
                self.database.execute(statement)
            self.database.execute(f"PRAGMA user_version = {FORMAT}")
        self.database.execute("COMMIT")

    def _find(self, key: bytes) -> tuple[int, int, int] | None:
        assert self.database is not None
        row = self.database.execute("SELECT size, checksum, used FROM entries WHERE key = ?", (key,)).fetchone()
        if row is not None and row[2] < time.time() - FRESH_S:
            self.used.add(key)
        return row

    def _read(self, key: bytes) -> bytes | None:
        assert self.database is not None
        row = self.database.execute("SELECT value, checksum, used FROM entries WHERE key = ?", (key,)).fetchone()
        if row is None or row[0] is None or zlib.crc32(row[0]) != row[1]:
            return None
        if row[2] < time.time() - FRESH_S:
            self.used.add(key)
        return bytes(row[0])

    def _write(self) -> None:
        assert self.database is not None
        now = int(time.time())
        rows = [(key, self.stage, now, *record) for key, record in self.pending.items()]
        self.database.execute("BEGIN IMMEDIATE")
        self.database.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?)", rows)
        self.database.executemany("UPDATE entries SET used = ? WHERE key = ?", [(now, key) for key in self.used])
        self.database.execute("COMMIT")

    def _write_run(self) -> None:
        assert self.database is not None
        self.database.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", (self.stage, self.hits, self.misses))

    def _measure(self) -> dict[str, Usage]:
        assert self.database is not None
        counts = {
            stage: (hits, misses)
            for stage, hits, misses in self.database.execute("SELECT stage, hits, misses FROM runs").fetchall()
        }
        sizes = "SELECT stage, COUNT(*), SUM(size) FROM entries GROUP BY stage"
        totals = {stage: (entries, size) for stage, entries, size in self.database.execute(sizes)}
        stages = sorted({*counts, *totals})
        return {stage: Usage(*totals.get(stage, (0, 0)), *counts.get(stage, (0, 0))) for stage in stages}

    def _shrink(self) -> None:
        """Delete the entries that were not used for the longest time if the cache is too large."""
        assert self.database is not None
        total = self.database.execute("SELECT SUM(size) FROM entries").fetchone()[0] or 0
        if total <= self.max_bytes:
            return
        doomed, excess = [], total - FILL * self.max_bytes
        for key, size in self.database.execute("SELECT key, size FROM entries ORDER BY used, rowid"):
            if excess <= 0:
                break
            doomed.append((key,))
            excess -= size
        self.database.executemany("DELETE FROM entries WHERE key = ?", doomed)
        self.database.execute("PRAGMA incremental_vacuum").fetchall()
        for (key,) in doomed:
            self._file_path(key).unlink(missing_ok=True)

    def _guard(self, action: Callable[[], Result], default: Result) -> Result:
        """Return the result of an action on the database; without a usable database, the default.

        A damaged database is deleted. A database that cannot be written is not used any more in this process.
        """
        if self.database is None and action != self._connect:
            return default
        try:
            return action()
        except sqlite3.DatabaseError as error:
            if self.database is not None:
                self.database.close()
                self.database = None
            if isinstance(error, sqlite3.OperationalError):
                print(f"{self.stage}: {self.folder} is not used: {error}", file=sys.stderr)
                return default
            print(f"{self.stage}: {self.folder} is damaged and was deleted: {error}", file=sys.stderr)
            delete_cache(self.folder)
            if action != self._connect:
                self._guard(self._connect, None)
            return default
        except OSError as error:
            print(f"{self.stage}: {self.folder} is not used: {error.strerror}", file=sys.stderr)
            return default


def stamp(path: Path) -> tuple[int, int]:
    """Return size [bytes] and time of change [ns] of a file."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def place(source: Path, target: Path) -> None:
    """Make `target` a hard link to `source`, or a copy where links are not possible."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
        os.utime(target, ns=(source.stat().st_atime_ns, source.stat().st_mtime_ns))


def delete_cache(folder: Path) -> None:
    """Delete all entries."""
    shutil.rmtree(folder, ignore_errors=True)


NO_CACHE = Cache(Path(), 0, "")


def open_cache(root: Path, stage: str, max_gb: float) -> Cache:
    """Return the cache of a workspace.

    Args:
        root: The workspace.
        stage: The stage that uses it.
        max_gb: Maximum size [10^9 bytes]; 0: no cache.
    """
    return Cache(root / CACHE, max_gb * 1e9, stage)
