"""The lists of screenshots and of imported faces that DVC watches in place of the folders.

DVC cannot watch the folders themselves: a broken link or a name that is not UTF-8 ends `dvc repro`, and a named pipe
blocks it. A list has one line for each file that its stage lists, with the hash of its content.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.core.files import write_text
from mangagan.core.parallel import map_ordered
from mangagan.ingestion.file_hashes import FileHashes
from mangagan.readers.files import Entry, list_entries, list_import_entries
from mangagan.readers.names import escape

IMPORT_ADVICE = "or import faces that you have: mangagan import DIR"


def write_lists(screenshots: Path) -> list[str]:
    """Write the lists of the workspace in the working directory.

    A list that `dvc pull` brought is kept if this machine has never had the files: their pages or faces are pulled too.

    Args:
        screenshots: The folder of the screenshots.

    Returns:
        One line for each list that is kept, for the user.

    Raises:
        UserError: There are neither screenshots nor imported faces, or the screenshots of the last run are gone.
    """
    shot_hashes, import_hashes = FileHashes(catalog.FILE_HASHES), FileHashes(catalog.IMPORT_HASHES)
    imports = list_import_entries(catalog.FACES_IMPORT, [])
    keeps_imports = not imports and not import_hashes.known and count_listed(catalog.IMPORT_LIST) > 0
    messages, shots, keeps_shots = [], [], False
    try:
        shots = list_entries(screenshots, [])
    except UserError as error:
        listed = count_listed(catalog.SCREENSHOT_LIST)
        if listed and not shot_hashes.known:
            messages, keeps_shots = [f"{error}. Until then the pages of the last run are used"], True
        elif not imports and not keeps_imports:
            raise UserError(f"{error}, {IMPORT_ADVICE}") from None
        elif listed:
            advice = f"Put them back, or delete {catalog.SCREENSHOT_LIST} to use only imported faces"
            raise UserError(f"the {listed} screenshots of the last run are gone: {error}. {advice}") from None
    if keeps_imports:
        messages.append(f"no files in {catalog.FACES_IMPORT}. Until then the imported faces of the last run are used")
    if not keeps_shots:
        write_list(catalog.SCREENSHOT_LIST, shots, shot_hashes)
    if not keeps_imports:
        write_list(catalog.IMPORT_LIST, imports, import_hashes)
    return messages


def count_listed(path: Path) -> int:
    """Return the number of files in a list. 0 if the list does not exist."""
    if not path.is_file():
        return 0
    with path.open(encoding="utf-8", newline="") as file:
        return max(0, sum(1 for _ in csv.reader(file)) - 1)


def write_list(path: Path, entries: Iterable[Entry], cache: FileHashes) -> None:
    """Write a list, and the hashes of its files."""
    text = make_list(entries, cache)
    cache.save()
    write_text(path, text)


def make_list(entries: Iterable[Entry], cache: FileHashes) -> str:
    """Return a list as CSV text: name, SHA-256 of the content, and the reason if the file is not read.

    Args:
        entries: Files in the folder.
        cache: Hashes of earlier runs.
    """
    entries = sorted(entries, key=lambda entry: (entry.name, str(entry.path)))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["name", "sha256", "reason"])
    for entry, (digest, reason) in zip(entries, map_ordered(cache.hash_file, entries), strict=True):
        writer.writerow([escape(entry.name), digest, reason])
    return buffer.getvalue()


def has_imports(root: Path) -> bool:
    """Return True if the workspace has imported faces: files in their folder, or in a list that `dvc pull` brought."""
    return bool(list_import_entries(root / catalog.FACES_IMPORT, [])) or count_listed(root / catalog.IMPORT_LIST) > 0
