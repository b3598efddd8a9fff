"""Ingest mutated files of every format, and report crashes, hangs, files in wrong folders, and the peak memory.

python -m tests.mutations 5000    # prints one JSON line; a few minutes
"""

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from mangagan.core.libraries import configure_libraries
from mangagan.core.parallel import cpu_count
from mangagan.ingestion.params import IngestParams
from mangagan.ingestion.reasons import find_kind
from mangagan.ingestion.records import ingest_titles
from mangagan.readers.listing import list_screenshots
from mangagan.readers.sources import read_sources
from tests.input_files import make_input_files

BATCH = 50  # files that one process ingests
FILE_SECONDS = 20.0  # a batch that takes longer than this for each file counts as a hang
SETTINGS = IngestParams(min_side=16)


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Return a damaged copy of a file: bytes changed, cut, removed, repeated, swapped or set to extreme values."""
    content = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        kind = rng.randrange(8)
        start = rng.randrange(min(len(content), 512) if rng.random() < 0.5 else len(content)) if content else 0
        length = min(rng.choice((1, 2, 4, 16, 256, 4096)), len(content) - start)
        block = content[start : start + length]
        if kind == 0:
            content[start : start + length] = rng.randbytes(length)
        elif kind == 1:
            content[start : start + length] = bytes(length)
        elif kind == 2:
            content[start : start + length] = b"\xff" * length
        elif kind == 3:
            del content[start : start + length]
        elif kind == 4:
            content[start:start] = block * rng.choice((1, 2, 8))
        elif kind == 5:
            del content[start:]
        elif kind == 6 and block:
            content[start] ^= 1 << rng.randrange(8)
        else:
            other = rng.randrange(len(content) + 1)
            content[other:other] = block
    return bytes(content)


def write_batch(folder: Path, seeds: dict[str, bytes], rng: random.Random, count: int) -> None:
    """Write mutated files into the folder of one title."""
    names = sorted(seeds)
    for number in range(count):
        name = names[rng.randrange(len(names))]
        path = folder / "title" / f"{number:04}-{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mutate(seeds[name], rng))


def ingest_folder(shots: Path, pages: Path) -> dict[str, int]:
    """Ingest a folder and return the number of records of each kind of reason; "" counts the pages."""
    counts: dict[str, int] = {}
    pages.mkdir(parents=True)
    for record in ingest_titles(
        read_sources(list_screenshots(shots).files, SETTINGS.limits), SETTINGS, pages, 60
    ).records:
        kind = find_kind(record.reason)
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def run_child(shots: Path, pages: Path) -> None:
    """Ingest one batch and print a JSON line: counts, and the peak memory of this process [MB]."""
    configure_libraries()
    counts = ingest_folder(shots, pages)
    print(json.dumps({"counts": counts, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3}))


def run_batch(folder: Path, seeds: dict[str, bytes], seed: int) -> dict[str, object]:
    """Ingest one batch in a process of its own and return its figures, or the kind of failure."""
    write_batch(folder / "shots", seeds, random.Random(seed), BATCH)
    (folder / "tmp").mkdir()
    command = [sys.executable, "-m", "tests.mutations", "--child", str(folder / "shots"), str(folder / "pages")]
    environment = {**os.environ, "TMPDIR": str(folder / "tmp")}
    try:
        ended = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=BATCH * FILE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return {"seed": seed, "hang": True}
    left = [path.name for path in (folder / "tmp").iterdir()]
    strange = [path.name for path in folder.iterdir() if path.name not in ("shots", "tmp", "pages")]
    if ended.returncode or left or strange:
        return {"seed": seed, "code": ended.returncode, "left": left + strange, "error": ended.stderr[-400:]}
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def run_batches(count: int, first_seed: int = 0) -> Iterator[dict[str, object]]:
    """Ingest at least `count` mutated files, batch by batch."""
    seeds = make_input_files()
    for number in range(-(-count // BATCH)):
        with tempfile.TemporaryDirectory() as folder:
            yield run_batch(Path(folder), seeds, first_seed + number)


def main(arguments: list[str]) -> int:
    """Run the command line."""
    if arguments[:1] == ["--child"]:
        run_child(Path(arguments[1]), Path(arguments[2]))
        return 0
    count, started = int(arguments[0]) if arguments else 1000, time.monotonic()
    reasons: dict[str, int] = {}
    failures, peak = [], 0.0
    for result in run_batches(count):
        if "counts" not in result:
            failures.append(result)
            print(json.dumps(result), file=sys.stderr)
            continue
        peak = max(peak, float(str(result["peak_mb"])))
        for reason, number in dict(result["counts"]).items():  # type: ignore[call-overload]
            reasons[reason] = reasons.get(reason, 0) + number
    figures = {
        "files": -(-count // BATCH) * BATCH,
        "failed_batches": len(failures),
        "pages": reasons.pop("", 0),
        "peak_mb": round(peak),
        "seconds": round(time.monotonic() - started),
        "cores": cpu_count(),
        "reasons": dict(sorted(reasons.items(), key=lambda item: -item[1])),
    }
    print(json.dumps(figures))
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
