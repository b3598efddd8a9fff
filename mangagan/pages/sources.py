"""Which screenshots there are: `data/screenshots/<title>/…`, in the order in which a person would read them.

A container (an archive, an e-book) would be one more entry of `READERS`: it yields one source a member.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mangagan.errors import UserError


@dataclass(frozen=True)
class Source:
    """One picture as the user gave it.

    Attributes:
        title: the folder it lies in; empty for a file that lies in none.
        file: path relative to the screenshots folder, with forward slashes.
        member: name inside a container; empty for a plain file.
        read: returns the encoded bytes. Raises OSError.
        reason: why it cannot be a page, known from its name alone; empty when it may be one.
    """

    title: str
    file: str
    member: str
    read: Callable[[], bytes]
    reason: str = ""

    @property
    def name(self) -> str:
        """The file, with the member behind `::` if there is one."""
        return f"{self.file}::{self.member}" if self.member else self.file


def image_file(path: Path, title: str, file: str) -> Iterator[Source]:
    """A picture in a file of its own."""
    yield Source(title, file, "", path.read_bytes)


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
    """Every file under `screenshots` but hidden ones, title by title in natural order.

    Raises:
        UserError: there is no such folder, or nothing in it.
    """
    if not screenshots.is_dir():
        raise UserError(f"no folder {screenshots}: make {screenshots}/<title>/ and put screenshots there")
    files = [path.relative_to(screenshots) for path in screenshots.rglob("*") if path.is_file()]
    names = [file.as_posix() for file in files if not any(part.startswith(".") for part in file.parts)]
    if not names:
        raise UserError(f"no screenshots in {screenshots}: put PNG, JPEG or WebP files into {screenshots}/<title>/")
    sources: list[Source] = []
    for name in sorted(names, key=lambda name: (natural_key(name), name)):
        sources.extend(sources_of(screenshots / name, name))
    return sources


def sources_of(path: Path, name: str) -> Iterator[Source]:
    """The pictures in one file: one for an image, with a reason where it cannot be read at all."""
    title = name.split("/")[0] if "/" in name else ""
    reader = READERS.get(path.suffix.lower())
    if not title:
        yield Source(title, name, "", path.read_bytes, "not in the folder of a title")
    elif reader is None:
        yield Source(title, name, "", path.read_bytes, f"file type {path.suffix.lower() or 'without a name'}")
    else:
        yield from reader(path, title, name)
