"""Programs that unpack compressed RAR archives, because no library can. Their output is read through a pipe."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

NO_UNPACKER = "needs an unpacker: install unrar, unar, 7zip or bsdtar (libarchive-tools)"
BASE_SECONDS, BYTES_PER_SECOND = 60, 500_000  # a program that needs longer is stopped


@dataclass(frozen=True)
class Unpacker:
    """A program that writes all files of an archive to its standard output, in the order of the archive.

    Attributes:
        program: Name of the executable.
        options: Arguments before the path of the archive. None of them asks for a password.
    """

    program: str
    options: tuple[str, ...]


UNPACKERS = (  # the program that reads most archives comes first
    Unpacker("unrar", ("p", "-inul", "-p-", "-cfg-", "--")),
    Unpacker("7zz", ("x", "-so", "-p", "-bd", "--")),
    Unpacker("7z", ("x", "-so", "-p", "-bd", "--")),
    Unpacker("unar", ("-q", "-p", "", "-o", "-")),
    Unpacker("bsdtar", ("-x", "-O", "-f")),
)


def find_unpackers() -> list[Unpacker]:
    """Return the programs on the search path. A program may still be unable to unpack a given archive."""
    return [unpacker for unpacker in UNPACKERS if is_installed(unpacker.program)]


def is_installed(program: str) -> bool:
    """Return True if a program is on the search path. unrar-free, which some systems name unrar, does not count."""
    path = shutil.which(program)
    return path is not None and Path(path).resolve().name != "unrar-free"


@contextmanager
def run_unpacker(unpacker: Unpacker, archive: Path, size: int) -> Iterator[IO[bytes]]:
    """Run a program. Its output ends early if it fails, or needs too long.

    Args:
        unpacker: The program.
        archive: Path of the archive. Give it a plain name: some programs expand patterns in it.
        size: Expected size of the output [bytes].

    Yields:
        The output.

    Raises:
        OSError: The program cannot be started.
    """
    process = subprocess.Popen(
        [unpacker.program, *unpacker.options, str(archive.absolute())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    timer = threading.Timer(BASE_SECONDS + size / BYTES_PER_SECOND, process.kill)
    timer.start()
    try:
        assert process.stdout is not None
        with process.stdout as output:
            yield output
    finally:
        timer.cancel()
        process.kill()
        process.wait()
