"""The list of screenshots that DVC watches in place of the folder.

DVC cannot watch the folder itself: a broken link or a name that is not UTF-8 ends `dvc repro`, and a named pipe blocks
it. The list has one line for each file that `ingest` lists, with the hash of its content.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable
from pathlib import Path

from mangagan.core.files import write_text
from mangagan.core.parallel import map_ordered
from mangagan.readers.files import Entry
from mangagan.readers.names import escape


class HashCache:
    """Content hashes of files that were not changed since they were hashed.

    Args:
        path: JSON file: path of the file → inode, size, time of change, hash. A damaged file is ignored.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.known = {name: tuple(entry) for name, entry in json.loads(path.read_text(encoding="utf-8")).items()}
        except (OSError, ValueError, AttributeError, TypeError):
            self.known = {}
        self.used: dict[str, tuple[object, ...]] = {}

    def hash_file(self, entry: Entry) -> tuple[str, str]:
        """Return the SHA-256 (hex) of a file, and why it is not read. One of them is empty."""
        if entry.reason:
            return "", entry.reason
        try:
            status = entry.path.stat()
            stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
            key = ascii(str(entry.path.absolute()))
            record = self.known.get(key, ())
            if record[:-1] != stamp:
                with entry.path.open("rb") as content:
                    record = (*stamp, hashlib.file_digest(content, "sha256").hexdigest())
            self.used[key] = record
            return str(record[-1]), ""
        except OSError as error:
            return "", f"cannot be opened: {(error.strerror or str(error)).lower()}"

    def save(self) -> None:
        """Write the hashes of the files that were hashed or looked up."""
        if self.used != self.known:
            write_text(self.path, json.dumps(self.used))


def make_screenshot_list(entries: Iterable[Entry], cache: HashCache) -> str:
    """Return the list as CSV text: name, SHA-256 of the content, and the reason if the file is not read.

    Args:
        entries: Files in the screenshots folder.
        cache: Hashes of earlier runs.
    """
    entries = sorted(entries, key=lambda entry: (entry.name, str(entry.path)))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["name", "sha256", "reason"])
    for entry, (digest, reason) in zip(entries, map_ordered(cache.hash_file, entries), strict=True):
        writer.writerow([escape(entry.name), digest, reason])
    return buffer.getvalue()
