"""Content hashes of the files of the user. A file is hashed again only if it was changed."""

import hashlib
import json
from pathlib import Path

from mangagan.core.files import write_text
from mangagan.readers.files import Entry


class FileHashes:
    """Content hashes of files that were not changed since they were hashed.

    Args:
        path: JSON file: path of the file → inode, size, times of change of content and inode, hash. A damaged file is
            ignored.
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
            return self.hash_path(entry.path), ""
        except OSError as error:
            return "", f"cannot be opened: {(error.strerror or str(error)).lower()}"

    def hash_path(self, path: Path) -> str:
        """Return the SHA-256 (hex) of a file.

        Raises:
            OSError: The file cannot be read.
        """
        status = path.stat()
        stamp = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        key = ascii(str(path.absolute()))
        record = self.known.get(key, ())
        if record[:-1] != stamp:
            with path.open("rb") as content:
                record = (*stamp, hashlib.file_digest(content, "sha256").hexdigest())
        self.used[key] = record
        return str(record[-1])

    def save(self) -> None:
        """Write the hashes of the files that were hashed or looked up."""
        if self.used != self.known:
            write_text(self.path, json.dumps(self.used))
