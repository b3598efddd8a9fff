"""The cache of single results: what it keeps, what it deletes, damage, and several processes."""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from mangagan.core import cache as cache_module
from mangagan.core.cache import NO_CACHE, Cache
from mangagan.core.cached_map import MAX_AHEAD, compute_missing, map_cached
from mangagan.core.keys import make_key
from mangagan.core.machine import MachineParams
from mangagan.core.packing import pack, unpack
from tests.paths import PROJECT

GB = 1e9


def opened(folder: Path, max_bytes: float = GB) -> Cache:
    return Cache(folder / "cache", max_bytes, "detect")


def put(folder: Path, *names: str, size: int = 100, max_bytes: float = GB) -> None:
    """Add entries of a size [bytes] with these names."""
    with opened(folder, max_bytes) as cache:
        for name in names:
            cache.put(make_key(name), name.encode().ljust(size))


def names_in(folder: Path, *names: str) -> list[str]:
    """Return those names that have an intact entry."""
    with opened(folder) as cache:
        return [name for name in names if (cache.get(make_key(name)) or b"").startswith(name.encode())]


def test_entries_outlive_the_object_and_parts_of_a_key_are_separate(tmp_path: Path) -> None:
    put(tmp_path, "a", "b")
    assert names_in(tmp_path, "a", "b", "c") == ["a", "b"]
    assert make_key("ab", "c") != make_key("a", "bc") != make_key("abc")
    assert make_key(b"1") == make_key("1") == make_key(1)


def test_usage_counts_the_last_run(tmp_path: Path) -> None:
    put(tmp_path, "a", "b", size=50)
    names_in(tmp_path, "a", "c")
    with opened(tmp_path) as cache:
        usage = cache.measure()["detect"]
    assert (usage.entries, usage.size, usage.hits, usage.misses) == (2, 100, 1, 1)


def test_the_entries_that_were_not_used_for_the_longest_time_are_deleted(tmp_path: Path) -> None:
    put(tmp_path, "old", "used", "new")
    with sqlite3.connect(tmp_path / "cache/entries.sqlite") as database:
        for age, name in ((9000, "old"), (8000, "used"), (7000, "new")):
            database.execute("UPDATE entries SET used = used - ? WHERE key = ?", (age, make_key(name)))
    assert names_in(tmp_path, "used") == ["used"]
    put(tmp_path, "newest", max_bytes=250)
    assert names_in(tmp_path, "old", "used", "new", "newest") == ["used", "newest"]


@pytest.mark.parametrize("damage", ["UPDATE entries SET value = X'00'", "UPDATE entries SET value = NULL"])
def test_a_damaged_entry_is_missing(tmp_path: Path, damage: str) -> None:
    put(tmp_path, "a")
    with sqlite3.connect(tmp_path / "cache/entries.sqlite") as database:
        database.execute(damage)
    assert names_in(tmp_path, "a") == []
    put(tmp_path, "a")
    assert names_in(tmp_path, "a") == ["a"]


@pytest.mark.parametrize("offset", [0, 5000])
def test_a_damaged_database_is_deleted_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], offset: int
) -> None:
    put(tmp_path, *(f"{number}" for number in range(300)))
    path = tmp_path / "cache/entries.sqlite"
    damage = random.Random(0).randbytes(path.stat().st_size - offset)
    path.write_bytes(path.read_bytes()[:offset] + damage)
    put(tmp_path, "a")
    put(tmp_path, "b")
    assert names_in(tmp_path, "a", "b")[-1] == "b"
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"detect: the cache {tmp_path}/cache was damaged (")


def test_a_cache_of_another_version_is_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a")
    monkeypatch.setattr(cache_module, "FORMAT", cache_module.FORMAT + 1)
    assert names_in(tmp_path, "a") == []
    put(tmp_path, "a")
    assert names_in(tmp_path, "a") == ["a"]


def test_a_folder_that_cannot_be_used_costs_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cache").write_text("")
    put(tmp_path, "a")
    assert len(capsys.readouterr().err.splitlines()) == 1
    put(tmp_path, "a", max_bytes=0)
    assert NO_CACHE.get(b"key") is None
    assert capsys.readouterr().err == ""


def test_a_file_is_a_hard_link_until_it_is_changed(tmp_path: Path) -> None:
    key, made, again = make_key("file"), tmp_path / "made", tmp_path / "again"
    made.write_bytes(b"content")
    with opened(tmp_path) as cache:
        assert not cache.get_file(key, again)
        cache.put_file(key, made)
        assert cache.get_file(key, again)
    assert again.stat().st_ino == made.stat().st_ino
    again.unlink()
    with opened(tmp_path) as cache:
        assert cache.get_file(key, again) and again.read_bytes() == b"content"
        time.sleep(0.01)
        made.write_bytes(b"CONTENT")  # through the other link
        again.unlink()
        assert not cache.get_file(key, again)
    assert not again.exists()


def test_deleted_entries_free_the_disk_during_a_run(tmp_path: Path) -> None:
    with opened(tmp_path, 1e6) as cache:
        for number in range(2000):
            cache.put(make_key(number), bytes(10_000))
            if number % 100 == 0:
                cache.flush()
                assert sum(path.stat().st_size for path in (tmp_path / "cache").iterdir()) < 4e6
    assert (tmp_path / "cache/entries.sqlite").stat().st_size < 1.5e6


def test_an_error_of_the_program_deletes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a")
    with opened(tmp_path) as cache:
        assert cache.database is not None
        cache.database.execute("DROP TABLE runs")
    assert names_in(tmp_path, "a") == ["a"]
    monkeypatch.setattr(cache_module, "MAX_VALUE_BYTES", 10)
    put(tmp_path, "b", size=11)
    assert names_in(tmp_path, "a", "b") == ["a"]


def test_files_are_deleted_before_other_entries(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.write_bytes(bytes(1000))
    put(tmp_path, "a", "b")
    with opened(tmp_path, 500) as cache:
        cache.put_file(make_key("file"), made)
    assert names_in(tmp_path, "a", "b") == ["a", "b"]
    assert not (tmp_path / "cache/files" / make_key("file").hex()[:2] / make_key("file").hex()).exists()


def test_a_deleted_file_entry_frees_the_disk(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.write_bytes(bytes(1000))
    with opened(tmp_path, 1500) as cache:
        cache.put_file(make_key("file"), made)
    with sqlite3.connect(tmp_path / "cache/entries.sqlite") as database:
        database.execute("UPDATE entries SET used = used - 9000")
    put(tmp_path, "a", size=1000, max_bytes=1500)
    assert [path for path in (tmp_path / "cache/files").rglob("*") if path.is_file()] == []
    assert made.stat().st_size == 1000


WRITER = """
import sys
from pathlib import Path
from mangagan.core import cache
from mangagan.core.keys import make_key
cache.FLUSH_S = float(sys.argv[4])
with cache.Cache(Path(sys.argv[1]), 1e9, sys.argv[2]) as cache:
    for number in range(int(sys.argv[3])):
        cache.put(make_key(sys.argv[2], number), str(number).encode() * 500)
        print(number, flush=True)
"""


def start_writer(folder: Path, name: str, count: int, flush_s: float) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(folder / "cache"), name, str(count), str(flush_s)]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)


def test_several_processes_write_at_the_same_time(tmp_path: Path) -> None:
    writers = [start_writer(tmp_path, name, 3000, 0.1) for name in "abc"]
    assert [writer.communicate(timeout=60) and writer.returncode for writer in writers] == [0, 0, 0]
    with opened(tmp_path) as cache:
        for name in "abc":
            assert all(cache.get(make_key(name, number)) == str(number).encode() * 500 for number in range(3000))


def test_a_killed_process_leaves_whole_entries(tmp_path: Path) -> None:
    for number in range(5):
        writer = start_writer(tmp_path, str(number), 10**6, 0)  # writes each entry at once
        assert writer.stdout is not None
        last = 0
        while last < 300 + 70 * number:
            last = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        with opened(tmp_path) as cache:
            found = [cache.get(make_key(str(number), index)) for index in range(last)]
        assert found == [str(index).encode() * 500 for index in range(last)]


# Packing


class Point(NamedTuple):
    x: int
    y: float


@dataclass(frozen=True)
class Record:
    name: str
    points: tuple[Point, ...]
    pair: tuple[int, str]
    picture: np.ndarray | None = None
    data: bytes = b""
    counts: dict[str, list[int]] = field(default_factory=dict)


def test_packing_round_trip() -> None:
    picture = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)[:, ::2]
    record = Record("Ä", (Point(1, 0.1), Point(2, float("nan"))), (3, ""), picture, b"\0\xff", {"a": [1, 2]})
    (again,) = unpack(pack([record]), list[Record])
    assert np.isnan(again.points[1].y)
    assert (again.name, again.points[0], again.pair, again.data, again.counts) == (
        "Ä", Point(1, 0.1), (3, ""), b"\0\xff", {"a": [1, 2]},
    )  # fmt: skip
    assert again.picture.dtype == picture.dtype and np.array_equal(again.picture, picture)
    assert unpack(pack(Record("", (), (0, ""))), Record).picture is None
    assert unpack(pack(np.float32(0.5)), float) == 0.5


@pytest.mark.parametrize("kind", [Record, Point, list[Point], tuple[int, str], dict[str, int], np.ndarray])
@pytest.mark.parametrize("data", [b"", b"\0\0\0\x02{}", pack(None), pack([1]), pack("text"), pack(5)])
def test_other_data_is_an_error(kind: Any, data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any text
        unpack(data, kind)


def test_objects_cannot_be_packed() -> None:
    with pytest.raises(TypeError, match="cannot encode object"):
        pack([object()])


# Maps


def square(number: int) -> list[int]:
    return [number**2]


def square_slowly(number: int) -> list[int]:
    time.sleep(0.3)
    return square(number)


def square_all(numbers: list[int]) -> list[int]:
    return [number**2 for number in numbers]


@pytest.mark.parametrize("executor", ["threads", "processes"])
@pytest.mark.parametrize("known", [range(0), range(3, 400), range(0, 400, 3), range(400)])
def test_only_missing_items_are_computed_and_the_order_is_kept(tmp_path: Path, known: range, executor: str) -> None:
    loaded = []

    def load(number: int) -> int:
        loaded.append(number)
        return number

    def run(numbers: range) -> list[list[int]]:
        with opened(tmp_path) as cache:
            machine = MachineParams(executor=executor, workers=2)
            return list(map_cached(square, numbers, cache, make_key, list[int], load, machine=machine))

    run(known)
    loaded.clear()
    assert run(range(400)) == [[number**2] for number in range(400)]
    assert loaded == [number for number in range(400) if number not in known]


def test_cached_results_do_not_pile_up(tmp_path: Path) -> None:
    with opened(tmp_path) as cache:
        list(map_cached(square, range(2000), cache, make_key, list[int], int))
    taken = 0

    def count() -> Iterator[int]:
        nonlocal taken
        for number in range(-1, 2000):  # -1 is missing and slow, so that all others would wait for it
            taken = number
            yield number

    with opened(tmp_path) as cache:
        machine = MachineParams(workers=16)
        results = map_cached(square_slowly, count(), cache, make_key, list[int], int, max_weight=1e4, machine=machine)
        assert next(results) == [1]
        assert taken <= 10 * MAX_AHEAD


def test_chunks_of_missing_items(tmp_path: Path) -> None:
    keys = [make_key(number) for number in range(50)]
    loaded: list[int] = []

    def load(indices: list[int]) -> list[int]:
        loaded.extend(indices)
        return indices

    for missing in (list(range(50)), []):
        loaded.clear()
        with opened(tmp_path) as cache:
            found = compute_missing(square_all, keys, cache, int, load, 8)
            assert dict(found) == {number: number**2 for number in range(50)}
        assert loaded == missing
