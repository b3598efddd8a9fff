"""List the files in the screenshots folder in reading order."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mangagan.core.errors import UserError
from mangagan.readers.names import escape, find_title_problem, is_system_file, is_utf8, natural_key
from mangagan.readers.registry import describe_type, is_candidate, is_container


@dataclass(frozen=True)
class File:
    """A file of the user: an image, a container, or a file that is rejected.

    Attributes:
        path: Path of the file.
        name: Printable name in tables, with forward slashes. For a screenshot, relative to the screenshots folder.
        title: Title of its pages. Empty if it has none.
        reason: Why the file is rejected without reading it. Empty if it can be read.
    """

    path: Path
    name: str
    title: str = ""
    reason: str = ""


def list_screenshots(folder: Path) -> list[File]:
    """Return every file in the screenshots folder, title by title in natural order.

    Raises:
        UserError: The folder is missing or empty.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} not found. Create {folder}/<title>/ and put screenshots there")
    files = {name: describe_file(path, name) for name, path in find_files(folder)}
    if not files:
        raise UserError(f"no screenshots in {folder}. Put PNG, JPEG or WebP files into {folder}/<title>/")
    return [files[name] for name in sorted(files, key=lambda name: make_sort_key(name, files[name]))]


def find_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name (relative to the folder, with forward slashes) and the path of every file, but no system files."""
    for parent, _, files in os.walk(folder, followlinks=True):
        for file in files:
            if not is_system_file(file):
                path = Path(parent, file)
                yield path.relative_to(folder).as_posix(), path


def describe_file(path: Path, name: str) -> File:
    """Return a screenshot with its title, or with a reason if its name or type is not allowed.

    The title is the folder at the top level of the screenshots folder. For a container at the top
    level, the title is its file name without the suffix.

    Args:
        path: The file.
        name: Its path relative to the screenshots folder, with forward slashes.
    """
    folder, slash, _ = name.partition("/")
    title, owner = (folder, "folder") if slash else (path.stem, "file")
    printable = escape(name)
    if not slash and not (path.is_file() and is_container(path)):
        return File(path, printable, reason="not in the folder of a title")
    if problem := find_title_problem(title, owner):
        return File(path, printable, reason=problem)
    if not is_utf8(name):
        return File(path, printable, title, "file name is not UTF-8")
    if not path.is_file():
        return File(path, printable, title, "not a regular file")
    if not is_candidate(path):
        return File(path, printable, title, describe_type(path))
    return File(path, printable, title)


def make_sort_key(name: str, file: File) -> tuple[Any, ...]:
    """Return a sort key: by title, then by the name within the title.

    The exact spelling of the title comes before the rest of the name. So the files of one title stay together even if
    another title has the same natural key (`Vol 1` and `Vol 01`, `A` and `a`).

    Args:
        name: Path relative to the screenshots folder, with forward slashes.
        file: The file of this name.
    """
    folder, slash, rest = name.partition("/")
    title, rest = (folder, rest) if slash else (file.title, name)
    return natural_key(title), title, natural_key(rest), name
