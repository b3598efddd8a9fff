"""Find the files in a folder of the user, without following links to folders, and without litter."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mangagan.core.errors import UserError
from mangagan.readers.litter import is_litter_file, is_litter_folder
from mangagan.readers.names import decode_name

LINK_TO_FOLDER = "a link to a folder, which is not followed: copy the folder"
SPECIAL_FILES = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}


@dataclass(frozen=True)
class Entry:
    """A file that `find_files` found.

    Attributes:
        name: Path relative to the folder, as text, with forward slashes.
        path: The file.
        reason: Why it must not be opened. Empty if it is a regular file.
    """

    name: str
    path: Path
    reason: str = ""


def find_files(folder: Path, litter_folders: list[str]) -> Iterator[Entry]:
    """Yield every file in a folder, but no litter.

    Links to folders are not followed, because DVC does not follow them either: it would not notice new files in
    the linked folder. A link to a file is read if the file is in the folder. Nothing outside the folder is read.

    Args:
        folder: The folder. It may be a link itself.
        litter_folders: The name of each skipped folder is appended.

    Raises:
        UserError: The folder cannot be opened.
    """
    root = Path(os.path.realpath(folder))
    try:
        os.scandir(root).close()
    except OSError as error:
        raise UserError(f"{folder} cannot be opened: {(error.strerror or str(error)).lower()}") from None
    pending = [(folder, "")]
    while pending:
        parent, prefix = pending.pop()
        try:
            with os.scandir(parent) as scan:
                entries = list(scan)
        except OSError as error:
            yield Entry(
                prefix.rstrip("/"), parent, f"folder cannot be opened: {(error.strerror or str(error)).lower()}"
            )
            continue
        for entry in entries:
            name = prefix + decode_name(entry.name)
            if entry.is_dir(follow_symlinks=False):
                if is_litter_folder(entry.name):
                    litter_folders.append(entry.name)
                else:
                    pending.append((Path(entry.path), f"{name}/"))
            elif not is_litter_file(entry.name):
                yield Entry(name, Path(entry.path), find_special_file(Path(entry.path), root))


def find_special_file(path: Path, root: Path) -> str:
    """Return why a file must not be opened. Empty for a regular file, and for a link to one in the same folder.

    Args:
        path: The file. It is not opened: opening a pipe would block.
        root: Real path of the folder that the user gave.
    """
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            mode = path.stat().st_mode
            target = Path(os.path.realpath(path))
            if stat.S_ISDIR(mode):
                return LINK_TO_FOLDER
            if not target.is_relative_to(root):
                return "a link to a file outside the folder, which is not read: copy the file"
    except OSError:
        return "a broken link" if path.is_symlink() else "the file is gone"
    return "" if stat.S_ISREG(mode) else f"{SPECIAL_FILES.get(stat.S_IFMT(mode), 'a device')}, not a file"


def list_entries(folder: Path, litter_folders: list[str]) -> list[Entry]:
    """Return what `find_files` yields for the screenshots folder.

    Raises:
        UserError: The folder is missing or empty, or cannot be opened.
    """
    advice = f"{LINK_TO_FOLDER}, or set ingest.screenshots"
    if folder.is_file():
        raise UserError(f"{folder} is a file. Set ingest.screenshots to the folder that holds it")
    if not folder.is_dir():
        raise UserError(f"{folder} not found. Create {folder}/<title>/ and put screenshots or e-books there")
    entries = [
        replace(entry, reason=advice) if entry.reason == LINK_TO_FOLDER else entry
        for entry in find_files(folder, litter_folders)
    ]
    if not entries:
        text = f"Put images, or archives and e-books of them, into {folder}/<title>/"
        raise UserError(f"no screenshots in {folder}. {text}")
    return entries


def list_import_entries(folder: Path, litter_folders: list[str]) -> list[Entry]:
    """Return what `find_files` yields for the folder of imported faces. No files if the folder does not exist.

    The folders that an interrupted `mangagan import` left behind are skipped.

    Raises:
        UserError: The folder cannot be opened.
    """
    if not folder.exists():
        return []
    return [entry for entry in find_files(folder, litter_folders) if not is_partial_copy(entry.name.partition("/")[0])]


def is_partial_copy(title: str) -> bool:
    """Return True for the name of a temporary folder of `mangagan.core.files.atomic_directory`."""
    return title.startswith(".") and title.endswith(".tmp")
