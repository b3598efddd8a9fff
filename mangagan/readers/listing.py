"""Which screenshots there are: `data/screenshots/<title>/…`, in the order in which a person would read them.

A container (an archive, an e-book) would be one more entry of `READERS`: it yields one source a member.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mangagan.core.errors import UserError

LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", ".gitkeep", ".gitignore"})
MAX_TITLE_BYTES = 200  # a file name holds 255 on most systems; what we add to a title fits beside it


@dataclass(frozen=True)
class Source:
    """One picture as the user gave it.

    Attributes:
        title: the folder it lies in; empty for a file that lies in none.
        file: path relative to the screenshots folder, with forward slashes.
        member: name inside a container; empty for a plain file.
        size: encoded, in bytes.
        read: returns the encoded bytes. Raises OSError.
        reason: why it cannot be a page, known from its name alone; empty when it may be one.
    """

    title: str
    file: str
    member: str
    size: int
    read: Callable[[], bytes]
    reason: str = ""

    @property
    def name(self) -> str:
        """The file, with the member behind `::` if there is one."""
        return f"{self.file}::{self.member}" if self.member else self.file


def image_file(path: Path, title: str, file: str) -> Iterator[Source]:
    """A picture in a file of its own."""
    yield Source(title, file, "", path.stat().st_size, path.read_bytes)


READERS: dict[str, Callable[[Path, str, str], Iterator[Source]]] = {
    ".png": image_file,
    ".jpg": image_file,
    ".jpeg": image_file,
    ".webp": image_file,
}


def natural_key(name: str) -> list[tuple[int, str]]:
    """Sorts `page 2` before `page 10`, and folders apart from the names in them."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part.casefold())
        for piece in name.split("/")
        for part in [*re.split(r"(\d+)", piece), "/"]
    ]


def list_sources(screenshots: Path) -> list[Source]:
    """Every file under `screenshots`, title by title in natural order.

    Raises:
        UserError: there is no such folder, or nothing in it.
    """
    if not screenshots.is_dir():
        raise UserError(f"no folder {screenshots}: make {screenshots}/<title>/ and put screenshots there")
    paths = [
        Path(folder, file)
        for folder, _, files in os.walk(screenshots, followlinks=True)
        for file in files
        if visible(file)
    ]
    if not paths:
        raise UserError(f"no screenshots in {screenshots}: put PNG, JPEG or WebP files into {screenshots}/<title>/")
    named = {path.relative_to(screenshots).as_posix(): path for path in paths}
    return [source for name in sorted(named, key=reading_order) for source in sources_of(named[name], name)]


def visible(file: str) -> bool:
    """Whether a file is the user's own: not one that an operating system or git leaves in every folder."""
    return not file.startswith("._") and file not in LITTER


def reading_order(name: str) -> tuple[Any, ...]:
    """Sorts by title, then within the title.

    The titles' own spelling comes before the rest of the name, so that the files of one title are never parted by those
    of another that sorts alike (`Vol 1` and `Vol 01`, `A` and `a`).
    """
    title, _, rest = name.partition("/") if "/" in name else ("", "", name)
    return natural_key(title), title, natural_key(rest), name


def sources_of(path: Path, name: str) -> Iterator[Source]:
    """The pictures in one file: one for an image, with a reason where it cannot be read at all."""
    title = name.split("/")[0] if "/" in name else ""
    suffix = path.suffix.lower()
    if not title:
        yield turned_away("", name, "not in the folder of a title")
    elif problem := unusable(title):
        yield turned_away("", name, problem)
    elif not is_utf8(name):
        yield turned_away(title, name, "file name is not UTF-8")
    elif not path.is_file():
        yield turned_away(title, name, "no regular file")
    elif suffix not in READERS:
        yield turned_away(title, name, f"file type {suffix}" if suffix else "file without a type")
    else:
        yield from READERS[suffix](path, title, name)


def turned_away(title: str, name: str, reason: str) -> Source:
    """A source that is known by its name alone, and never read."""
    return Source(title, printable(name), "", 0, bytes, reason)


def unusable(title: str) -> str:
    """Why a folder's name cannot name a title's files; empty where it can."""
    if not is_utf8(title):
        return "folder name is not UTF-8"
    if not title.isprintable():
        return "folder name holds a line break or control character"
    if len(title.encode()) > MAX_TITLE_BYTES:
        return f"folder name is over {MAX_TITLE_BYTES} bytes"
    return ""


def is_utf8(name: str) -> bool:
    """Whether a file name was valid UTF-8 on the disk."""
    return not any("\udc80" <= character <= "\udcff" for character in name)


def printable(name: str) -> str:
    """A name that is no UTF-8 or holds control characters, with those as escapes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
