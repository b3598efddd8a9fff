"""Cache of the results of single items, such as the boxes of a page, for later runs.

The cache consists of a SQLite database and a folder of files, both in .mangagan/cache. The key of an entry covers
everything that the result depends on: the content of the item, the settings, the code and the libraries. So an entry
is never out of date, and outs made from the cache are byte-identical to those of a run without it. If the cache exceeds
its maximum size, the least recently used entries are deleted, files first.

Several processes can use the cache at the same time. A killed process loses the entries that it added after the last
write to the database: new entries are written by the first addition at least `FLUSH_S` seconds after the last write. A
damaged entry counts as missing; a damaged database is deleted.
"""

import os
import shutil
import sqlite3
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from mangagan.core.files import link_or_copy, stamp_file
from mangagan.core.state import CACHE

FORMAT = 1  # of the database; a cache of another format is deleted
FLUSH_S = 0.5  # minimum time between two writes to the database [s]; shorter if FLUSH_BYTES are pending
FLUSH_BYTES = 16e6  # maximum size of these entries [bytes]
LOCK_TIMEOUT_S = 30.0  # maximum wait for another process that writes [s]
USE_INTERVAL_S = 3600  # minimum time between two updates of the time of use of an entry [s]
SHRINK_TO = 0.9  # share of max_bytes that remains after deleting (0, 1]
CHECK_SHARE = 0.05  # check the size each time this share of max_bytes has been written
MAX_VALUE_BYTES = 500e6  # larger values are not stored
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
TABLES = """
CREATE TABLE entries (
    key BLOB PRIMARY KEY, stage TEXT, is_file INTEGER, used INTEGER, size INTEGER, checksum INTEGER, value BLOB
);
CREATE INDEX usage ON entries (is_file DESC, used, size, stage);
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


class Cache:
    """The cache of one stage. A context manager: leaving it writes all pending entries.

    Not thread-safe. Each process needs its own object.

    Args:
        folder: Folder of the cache.
        max_bytes: Maximum total size of the entries. 0: the cache is not used.
        stage: The stage that reads and writes entries.
    """

    def __init__(self, folder: Path, max_bytes: float, stage: str) -> None:
        self.folder, self.max_bytes, self.stage = folder, max_bytes, stage
        self.hits = self.misses = 0
        # key → size, checksum (of a file: modification time [ns]), value (of a file: None)
        self.pending: dict[bytes, tuple[int, int, bytes | None]] = {}
        self.pending_bytes = self.unchecked_bytes = 0
        self.used: set[bytes] = set()  # entries whose time of use is not yet written
        self.flushed = time.monotonic()
        self.was_damaged = False
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
        if self.database is None or len(value) > MAX_VALUE_BYTES:
            return
        self.pending[key] = len(value), zlib.crc32(value), value
        self.pending_bytes += len(value)
        self._flush_if_due()

    def get_file(self, key: bytes, path: Path) -> bool:
        """Put a file of the cache at `path`: a hard link, or a copy if the file system has no links.

        Returns:
            False if the file is missing, or was changed through another link.
        """
        stored = self._file_path(key)
        record = self.pending[key][:2] if key in self.pending else self._guard(lambda: self._find(key), None)
        try:
            found = record is not None and record == stamp_file(stored)
            if found:
                link_or_copy(stored, path)
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
            link_or_copy(path, temporary)
            os.replace(temporary, stored)
            self.pending[key] = (*stamp_file(stored), None)
            self._flush_if_due()
        except OSError:  # the cache only saves time
            temporary.unlink(missing_ok=True)

    def _flush_if_due(self) -> None:
        if self.pending_bytes > FLUSH_BYTES or time.monotonic() - self.flushed > FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Write the new entries, and the time of use of old ones, in one short transaction."""
        self.flushed = time.monotonic()
        if self.pending or self.used:
            self._guard(self._write, None)
        self.unchecked_bytes += sum(size for size, _, _ in self.pending.values())
        self.pending, self.pending_bytes, self.used = {}, 0, set()
        if self.unchecked_bytes > CHECK_SHARE * self.max_bytes:
            self.unchecked_bytes = 0
            self._guard(self._shrink, None)

    @property
    def temporary_folder(self) -> Path | None:
        """Return a folder for large temporary files. None if there is no cache."""
        return self.folder if self.database is not None else None

    def measure(self) -> dict[str, Usage]:
        """Return the entries of each stage."""
        return self._guard(self._measure, {})

    def _file_path(self, key: bytes) -> Path:
        name = key.hex()
        return self.folder / "files" / name[:2] / name

    def _connect(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self.folder / "entries.sqlite", timeout=LOCK_TIMEOUT_S, isolation_level=None)
        database.row_factory = sqlite3.Row
        self.database = database
        database.execute("PRAGMA auto_vacuum = INCREMENTAL")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
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
            shutil.rmtree(self.folder / "files", ignore_errors=True)
            self.database.execute(f"PRAGMA user_version = {FORMAT}")
        self.database.execute("COMMIT")

    def _find(self, key: bytes) -> tuple[int, int] | None:
        """Return size and checksum of an entry; of a file, size and modification time. None if it is missing."""
        assert self.database is not None
        row = self.database.execute("SELECT size, checksum, used FROM entries WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        self._mark_used(key, row["used"])
        return row["size"], row["checksum"]

    def _read(self, key: bytes) -> bytes | None:
        assert self.database is not None
        row = self.database.execute("SELECT value, checksum, used FROM entries WHERE key = ?", (key,)).fetchone()
        if row is None or row["value"] is None or zlib.crc32(row["value"]) != row["checksum"]:
            return None
        self._mark_used(key, row["used"])
        return bytes(row["value"])

    def _mark_used(self, key: bytes, used: int) -> None:
        if used < time.time() - USE_INTERVAL_S:
            self.used.add(key)

    def _write(self) -> None:
        assert self.database is not None
        now = int(time.time())
        rows = [
            (key, self.stage, value is None, now, size, checksum, value)
            for key, (size, checksum, value) in self.pending.items()
        ]
        self.database.execute("BEGIN IMMEDIATE")
        self.database.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        self.database.executemany("UPDATE entries SET used = ? WHERE key = ?", [(now, key) for key in self.used])
        self.database.execute("COMMIT")

    def _write_run(self) -> None:
        assert self.database is not None
        self.database.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", (self.stage, self.hits, self.misses))

    def _measure(self) -> dict[str, Usage]:
        assert self.database is not None
        usage = {
            row["stage"]: Usage(hits=row["hits"], misses=row["misses"])
            for row in self.database.execute("SELECT * FROM runs ORDER BY stage").fetchall()
        }
        totals = "SELECT stage, COUNT(*) AS entries, SUM(size) AS size FROM entries GROUP BY stage ORDER BY stage"
        for row in self.database.execute(totals).fetchall():
            counts = usage.get(row["stage"], Usage())
            usage[row["stage"]] = replace(counts, entries=row["entries"], size=row["size"])
        return usage

    def _shrink(self) -> None:
        """Delete entries if the cache is too large: first files, which other entries can replace, then values.

        In both groups, the least recently used entries are deleted first.
        """
        assert self.database is not None
        (total,) = self.database.execute("SELECT SUM(size) FROM entries").fetchone()
        if (total or 0) <= self.max_bytes:
            return
        deleted, excess = [], total - SHRINK_TO * self.max_bytes
        for row in self.database.execute("SELECT key, size FROM entries ORDER BY is_file DESC, used"):
            if excess <= 0:
                break
            deleted.append((row["key"],))
            excess -= row["size"]
        for (key,) in deleted:
            self._file_path(key).unlink(missing_ok=True)
        self.database.execute("BEGIN IMMEDIATE")
        self.database.executemany("DELETE FROM entries WHERE key = ?", deleted)
        self.database.execute("COMMIT")
        self.database.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)")

    def _guard(self, action: Callable[[], Result], default: Result) -> Result:
        """Run an action on the database and return its result. If the database cannot be used, return the default.

        A damaged database is deleted once. After any other error the cache is not used any more in this process.
        """
        if self.database is None and action != self._connect:
            return default
        try:
            return action()
        except (sqlite3.Error, OSError) as error:
            if self.database is not None:
                self.database.close()
                self.database = None
            if getattr(error, "sqlite_errorcode", None) not in DAMAGED or self.was_damaged:
                print(
                    f"{self.stage}: cannot use the cache {self.folder}: {error}. All further results are computed",
                    file=sys.stderr,
                )
                return default
            print(
                f"{self.stage}: the cache {self.folder} was damaged ({error}) and was deleted. "
                "Its results are computed again",
                file=sys.stderr,
            )
            self.was_damaged = True
            delete_cache(self.folder)
            self._guard(self._connect, None)
            return default


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
