"""Copy crops of the user into the workspace, without changing the user's files."""

import contextlib
import filecmp
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mangagan.core.errors import UserError
from mangagan.core.files import atomic_directory
from mangagan.core.progress import track
from mangagan.readers.archives.rar_headers import find_first_volume
from mangagan.readers.base import Limits
from mangagan.readers.files import find_files, is_partial_copy
from mangagan.readers.listing import INNER_SUFFIX
from mangagan.readers.litter import is_litter_folder
from mangagan.readers.names import find_title_problem, is_unfinished_download, normalize_title
from mangagan.readers.registry import find_reader, is_candidate
from mangagan.readers.sources import describe_error, list_members


@dataclass(frozen=True)
class Files:
    """The files of a source.

    Attributes:
        copied: Files to copy, with their paths below the title.
        skipped: Name of each file that is not copied, and the reason.
    """

    copied: dict[Path, Path]
    skipped: list[tuple[str, str]]


def list_files(source: Path, limits: Limits) -> Files:
    """List the pictures and containers of a source.

    Args:
        source: A folder, a container or a picture.
        limits: Bounds of a container.

    Raises:
        UserError: The source does not exist, cannot be read, or holds no picture.
    """
    if source.is_dir():
        return list_folder(source)
    if not source.is_file():
        raise UserError(f"{source} not found. Give a folder or an archive of crops of faces")
    first = find_first_volume(source)
    if first is not None and first.is_file():
        raise UserError(f"{source} is a later volume of an archive. Give its first volume: {first}")
    if reason := find_problem(source, limits):
        raise UserError(f"{source} cannot be imported: {reason}")
    volumes = [path for path in source.parent.iterdir() if find_first_volume(path) == source]
    return Files({path: Path(path.name) for path in (source, *sorted(volumes))}, [])


def list_folder(source: Path) -> Files:
    """List the pictures and containers in a folder and its subfolders.

    Raises:
        UserError: The folder cannot be opened, or holds no picture and no container.
    """
    copied, skipped = {}, []
    for entry in find_files(source, []):
        if entry.reason:
            skipped.append((entry.name, entry.reason))
        elif is_unfinished_download(entry.name):
            skipped.append((entry.name, "a download that is not finished"))
        elif not is_candidate(entry.path):
            skipped.append((entry.name, "no picture or archive"))
        else:
            copied[entry.path] = entry.path.relative_to(source)
    if not copied:
        raise UserError(f"no picture or archive in {source}. Give a folder or an archive of crops of faces")
    return Files(dict(sorted(copied.items())), sorted(skipped))


def find_problem(path: Path, limits: Limits) -> str:
    """Return why a file is neither a picture nor a container with files in it. Empty if it is one."""
    try:
        reader, reason = find_reader(path)
        if reader is None:
            return reason
        with reader(path, limits) as opened:
            members, reason = list_members(opened, limits)
        reasons = {member.reason for member in members}
        return reason if not members else "" if "" in reasons else min(reasons)
    except Exception as error:  # libraries raise many types on damaged files
        return describe_error(error, path)


def choose_title(source: Path, title: str | None) -> str:
    """Return the title of a source: the given one, or the name of the source without the suffix of a container.

    Raises:
        UserError: The name cannot be a title.
    """
    path = source.absolute()  # keeps the name of a link
    path = path.resolve() if path.name == ".." else path
    name = title if title is not None else path.name if path.is_dir() else INNER_SUFFIX.sub("", path.stem)
    name = normalize_title(name)
    problem = find_title_problem(name, "title")
    if not name.strip() or "/" in name or name.startswith("."):
        problem = "not the name of a visible folder"
    elif is_litter_folder(name) or is_partial_copy(name):
        problem = "a name of folders that are not read"
    if problem:
        raise UserError(f"{name!r} cannot be a title: {problem}. Choose another one with --title")
    return name


def check_place(source: Path, folder: Path) -> None:
    """Check that a source is outside of the folder of imported faces, and does not contain it.

    Raises:
        UserError: It is not.
    """
    inner, outer = source.resolve(), folder.resolve()
    if inner.is_relative_to(outer):
        raise UserError(f"{source} is in {folder} already. Run: dvc repro")
    if outer.is_relative_to(inner):
        raise UserError(f"{source} contains {folder}. Give the folder that holds only the crops")


def has_same_files(target: Path, files: Files) -> bool:
    """Return True if a folder holds exactly these files, with the same content."""
    present = {path.relative_to(target) for path in target.rglob("*") if not path.is_dir()}
    return present == set(files.copied.values()) and all(
        filecmp.cmp(path, target / name, shallow=False) for path, name in files.copied.items()
    )


def copy_files(files: Files, target: Path, link: bool) -> int:
    """Copy files into a new folder, which replaces an existing one. The folder appears when all files are in it.

    Args:
        files: The files.
        target: The folder.
        link: True: make hard links where the file system can.

    Returns:
        Number of hard links.

    Raises:
        UserError: The disk is full, or the folder cannot be written.
    """
    links = 0
    with atomic_directory(target) as folder:
        for path, name in track(files.copied.items(), len(files.copied), "import", "files"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            links += copy_file(path, folder / name, link)
    return links


def copy_file(path: Path, target: Path, link: bool) -> bool:
    """Copy a file. Return True if it was linked."""
    if link:
        with contextlib.suppress(OSError):  # another disk, or a file system without hard links
            os.link(os.path.realpath(path), target)
            return True
    shutil.copyfile(path, target)
    return False


def describe_skipped(skipped: Sequence[tuple[str, str]], limit: int) -> Iterator[str]:
    """Yield a line for each file that is not copied, at most `limit` of them, and their number if there are more."""
    yield from (f"not copied: {name}: {reason}" for name, reason in skipped[:limit])
    if len(skipped) > limit:
        yield f"not copied: {len(skipped) - limit} more files"
