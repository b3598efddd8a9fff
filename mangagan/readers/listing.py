"""List the files in the screenshots folder: their titles, and their reading order."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mangagan.readers.archives.rar_headers import find_first_volume
from mangagan.readers.files import Entry, list_entries, list_import_entries
from mangagan.readers.names import escape, find_title_problem, is_unfinished_download, normalize_title
from mangagan.readers.order import count_widths, make_path_key, natural_key
from mangagan.readers.registry import find_loose_file_problem

# Inner suffixes of a container that are no part of its title: first volume of a set, `.tar.gz`, `.kepub.epub`.
INNER_SUFFIX = re.compile(r"\.(part0*1|tar|kepub|7z)$", re.IGNORECASE)


@dataclass(frozen=True)
class File:
    """A file of the user: an image, a container, or a file that is rejected.

    Attributes:
        path: Path of the file.
        name: Printable name in tables, with forward slashes. For a screenshot, relative to the screenshots folder.
        title: Title of its pages. Empty if it has none.
        reason: Why the file is rejected without reading it. Empty if it can be read.
        later_volumes: The other files of a RAR set that starts with this file, in order of their names.
    """

    path: Path
    name: str
    title: str = ""
    reason: str = ""
    later_volumes: tuple[Path, ...] = ()


@dataclass
class Listing:
    """The files in a folder.

    Attributes:
        files: In reading order, title by title.
        litter_folders: Names of the folders of operating systems, NAS systems and sync tools that were skipped.
    """

    files: list[File] = field(default_factory=list)
    litter_folders: list[str] = field(default_factory=list)


def list_screenshots(folder: Path) -> Listing:
    """List every file in the screenshots folder, title by title in natural order.

    Raises:
        UserError: The folder is missing or empty, or cannot be opened.
    """
    litter_folders: list[str] = []
    return make_listing(list_entries(folder, litter_folders), litter_folders)


def list_imports(folder: Path) -> Listing:
    """List every file in the folder of imported faces as `list_screenshots` does. No files if it does not exist.

    Raises:
        UserError: The folder cannot be opened.
    """
    litter_folders: list[str] = []
    return make_listing(list_import_entries(folder, litter_folders), litter_folders)


def make_listing(entries: Iterable[Entry], litter_folders: list[str]) -> Listing:
    """Return the files with their titles, in reading order."""
    files: dict[str, File] = {}
    volumes: dict[Path, list[Path]] = {}
    for entry in entries:
        first = find_earlier_volume(entry)
        if first is not None:
            volumes.setdefault(first, []).append(entry.path)
        else:
            files[entry.name] = describe_file(entry)
    for name, file in files.items():
        if file.path in volumes:
            files[name] = replace(file, later_volumes=tuple(sorted(volumes[file.path])))
    return Listing(sort_files(files), litter_folders)


def find_earlier_volume(entry: Entry) -> Path | None:
    """Return the first volume of a RAR set that is read together with this file, such as `a.part2.rar`.

    None for any other file.
    """
    first = None if entry.reason else find_first_volume(entry.path)
    return first if first is not None and first.is_file() else None


def sort_files(files: Mapping[str, File]) -> list[File]:
    """Sort files by title, then by name within the title.

    Args:
        files: Path relative to the folder → file.
    """
    widths = count_widths(files)
    return [files[name] for name in sorted(files, key=lambda name: make_sort_key(name, files[name], widths))]


def make_sort_key(name: str, file: File, widths: Mapping[str, Counter[int]]) -> tuple[Any, ...]:
    """Return a sort key: by title, then by the name within the title.

    The exact spelling of the title comes before the rest of the name. So the files of one title stay together even if
    another title has the same natural key (`Vol 1` and `Vol 01`, `A` and `a`).

    Args:
        name: Path relative to the screenshots folder, with forward slashes.
        file: The file of this name.
        widths: Result of `count_widths` for all names.
    """
    key = make_path_key(name, widths)
    rest = key[1:] if file.title else key  # `faces` sorts files without titles
    return natural_key(file.title), file.title, rest or key, name


def describe_file(entry: Entry) -> File:
    """Return a screenshot with its title, or with a reason if it must not be opened or has no title.

    The title is the folder at the top level of the screenshots folder. For a container at the top level, the title is
    its file name without the suffix.
    """
    folder, slash, _ = entry.name.partition("/")
    title, owner = (folder, "folder") if slash else (INNER_SUFFIX.sub("", Path(entry.name).stem), "file")
    title, printable = normalize_title(title), escape(entry.name)
    if entry.reason:
        return File(entry.path, printable, escape(title) if slash else "", entry.reason)
    if is_unfinished_download(entry.name):
        return File(entry.path, printable, escape(title) if slash else "", "a download that is not finished")
    if not slash and (problem := find_loose_file_problem(entry.path)):
        return File(entry.path, printable, reason=problem)
    if problem := find_title_problem(title, owner):
        return File(entry.path, printable, reason=problem)
    return File(entry.path, printable, title)


def find_similar_titles(files: Iterable[File]) -> list[tuple[str, ...]]:
    """Return the groups of titles that differ in upper and lower case only.

    Their archives would overwrite each other on Windows and macOS.
    """
    groups: dict[str, set[str]] = {}
    for file in files:
        groups.setdefault(file.title.casefold(), set()).add(file.title)
    return [tuple(sorted(group)) for group in groups.values() if len(group) > 1]
