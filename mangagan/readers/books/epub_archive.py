"""The ZIP archive of an EPUB: find the file that a reference means, and read files with bounds."""

import copy
import io
import posixpath
import re
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote

from mangagan.readers.archives.archive_reader import DAMAGED, MIN_RATIO_BYTES, NEEDS_PASSWORD
from mangagan.readers.base import Limits, read_bounded
from mangagan.readers.books.epub_markup import decode_text
from mangagan.readers.errors import ReaderError, TooLargeError

CONTAINER = "meta-inf/container.xml"
MEDIA_TYPE = b"application/epub+zip"
ENCRYPTED_FLAG, UTF8_FLAG = 0x1, 0x800  # bits of the flags of an entry
MAX_DOCUMENT_BYTES = 8 * 10**6  # of one markup file; it may hold images as data URIs
MAX_MARKUP_BYTES = 64 * 10**6  # of all markup files together
END_RECORD, END_RECORD_64 = b"PK\x05\x06", b"PK\x06\x06"
MAX_END_BYTES = 2**16 + 200  # the longest comment, and the records around it
MAX_DIRECTORY_BYTES = 16 * 10**6  # `zipfile` needs about ten times the size of the directory in memory
MAX_STYLE_SHEET_BYTES = 10**6
CACHED_STYLE_SHEETS = 8
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


class EpubArchive:
    """A context manager that opens the ZIP archive of an EPUB.

    Attributes:
        root: Folder in the archive that holds META-INF, with a slash at its end. Empty in a correct EPUB.
        infos: Entries of the archive, without folders.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        """Open the archive.

        Raises:
            zipfile.BadZipFile: The file is no ZIP archive, or is cut off.
            TooLargeError: The archive has too many entries.
        """
        check_directory_size(path)
        self.zip = zipfile.ZipFile(path)
        self.limits = limits
        self.infos = [info for info in self.zip.infolist() if not info.is_dir()]
        self.markup_bytes = 0
        if len(self.infos) > limits.max_members:
            self.zip.close()
            raise TooLargeError(f"{len(self.infos)} files in the archive, over {limits.max_members}")
        self._style_sheets: dict[str, str] = {}
        self._by_name: dict[str, zipfile.ZipInfo] = {}
        self._by_key: dict[str, zipfile.ZipInfo] = {}
        self._by_file_name: dict[str, list[zipfile.ZipInfo]] = {}
        for info in self.infos:
            for name in iterate_spellings(info):
                self._by_name.setdefault(name, info)
                self._by_key.setdefault(make_key(name), info)
                self._by_file_name.setdefault(make_key(posixpath.basename(name)), []).append(info)
        self.root = self._find_root()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.zip.close()

    def is_epub(self) -> bool:
        """Return True if the archive has a container file of an EPUB, or declares its media type."""
        if self.has_file(CONTAINER):
            return True
        declaration = self._by_key.get("mimetype")
        if declaration is None or declaration.file_size > 1000:
            return False
        try:
            return MEDIA_TYPE in self.read(declaration, 1000)
        except ReaderError:
            return False

    def find(self, reference: str, base: str) -> zipfile.ZipInfo | None:
        """Return the entry that a reference means, or None.

        Accepts percent-encoding, fragments, backslashes, absolute paths, other capitals, and a wrong folder if the
        file name is unique.

        Args:
            reference: The value of `href`, `src` or `url()`.
            base: Name of the file that contains the reference. Empty: the root of the EPUB.
        """
        if SCHEME.match(reference) and not reference.lower().startswith("file:"):
            return None
        plain = reference.strip().replace("\\", "/")
        for text in (re.split(r"[?#]", plain)[0], plain):
            for path in (unquote(text), text):
                for name in iterate_paths(path, base, self.root):
                    if found := self._by_name.get(name) or self._by_key.get(make_key(name)):
                        return found
        file_name = posixpath.basename(unquote(re.split(r"[?#]", plain)[0]))
        candidates = self._by_file_name.get(make_key(file_name), [])
        return candidates[0] if file_name and len(set(map(id, candidates))) == 1 else None

    def read(self, info: zipfile.ZipInfo, limit: int, check: bool = True) -> bytes:
        """Return the content of an entry.

        Args:
            info: The entry.
            limit: Maximum size [bytes].
            check: Compare the checksum, if there is one.

        Raises:
            ReaderError: The entry is locked, damaged, too large, or compressed too much to be an image.
        """
        if info.flag_bits & ENCRYPTED_FLAG:
            raise ReaderError(NEEDS_PASSWORD)
        ratio = info.file_size / max(info.compress_size, 1)
        if info.file_size > limit or (info.file_size > MIN_RATIO_BYTES and ratio > self.limits.max_ratio):
            raise TooLargeError(f"too large: {info.file_size / 1e6:.0f} MB unpacked")
        try:
            with self.zip.open(info if check and info.CRC else remove_checksum(info)) as file:
                return read_bounded(file, limit)
        except NotImplementedError:
            raise ReaderError(f"compressed with a method that cannot be read ({info.compress_type})") from None
        except ReaderError:
            raise
        except Exception:  # the decompressors raise many types
            raise ReaderError(DAMAGED) from None

    def read_start(self, info: zipfile.ZipInfo, length: int) -> bytes:
        """Return the first bytes of an entry.

        Raises:
            ReaderError: The entry is locked or damaged.
        """
        if info.flag_bits & ENCRYPTED_FLAG:
            raise ReaderError(NEEDS_PASSWORD)
        try:
            with self.zip.open(info) as file:
                return file.read(length)
        except Exception:
            raise ReaderError(DAMAGED) from None

    def has_file(self, name: str) -> bool:
        """Return True if an entry has this name, relative to the root of the EPUB."""
        return make_key(self.root + name) in self._by_key

    def read_markup(self, info: zipfile.ZipInfo) -> bytes:
        """Return the content of a markup file or style sheet. A wrong checksum does not matter: it can still be read.

        Raises:
            ReaderError: As for `read`, or the markup files together are too large.
        """
        self.markup_bytes += info.file_size
        if self.markup_bytes > MAX_MARKUP_BYTES:
            raise TooLargeError(f"too large: over {MAX_MARKUP_BYTES / 1e6:.0f} MB of markup")
        return self.read(info, MAX_DOCUMENT_BYTES, check=False)

    def read_style_sheet(self, info: zipfile.ZipInfo) -> str:
        """Return the text of a style sheet. Many documents use the same one: the last ones are kept.

        Raises:
            ReaderError: As for `read_markup`.
        """
        if info.filename not in self._style_sheets:
            if len(self._style_sheets) >= CACHED_STYLE_SHEETS:
                self._style_sheets.clear()
            self._style_sheets[info.filename] = decode_text(self.read_markup(info)[:MAX_STYLE_SHEET_BYTES])
        return self._style_sheets[info.filename]

    def _find_root(self) -> str:
        """Return the folder of META-INF. It is not empty if a user packed the folder of an EPUB."""
        keys = [key for key in self._by_key if key == CONTAINER or key.endswith(f"/{CONTAINER}")]
        roots = {key.removesuffix(CONTAINER) for key in keys}
        if len(roots) != 1 or "" in roots:
            return ""
        key = keys[0]
        name = next(name for name in self._by_name if make_key(name) == key)
        return name[: -len(CONTAINER)]


def remove_checksum(info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """Return a copy of an entry without its checksum: `zipfile` then reads it unchecked."""
    unchecked = copy.copy(info)
    del unchecked.CRC
    return unchecked


def check_directory_size(path: Path) -> None:
    """Check the size of the directory of a ZIP archive before it is read into memory.

    Raises:
        TooLargeError: The directory is too large.
    """
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - MAX_END_BYTES))
        tail = file.read()
    declared = read_number(tail, END_RECORD, 12, 4)
    if declared == 0xFFFFFFFF:
        declared = read_number(tail, END_RECORD_64, 40, 8)
    if declared > MAX_DIRECTORY_BYTES:
        raise TooLargeError("too large: too many files in the archive")


def read_number(tail: bytes, signature: bytes, offset: int, length: int) -> int:
    """Return a field of the last record with a signature. 0 if there is no such record."""
    position = tail.rfind(signature)
    return int.from_bytes(tail[position + offset : position + offset + length], "little") if position >= 0 else 0


def iterate_spellings(info: zipfile.ZipInfo) -> Iterator[str]:
    """Yield the name of an entry, and its reading as UTF-8 where the archive does not declare an encoding."""
    yield info.filename.replace("\\", "/")
    if not info.flag_bits & UTF8_FLAG and not info.filename.isascii():
        try:
            yield info.filename.encode("cp437").decode("utf-8").replace("\\", "/")
        except ValueError:
            return


def iterate_paths(path: str, base: str, root: str) -> Iterator[str]:
    """Yield the names that a path can mean: relative to the file that contains it, then to the root of the EPUB."""
    path = re.sub(r"^file:/*", "/", path, flags=re.IGNORECASE)
    folder = posixpath.dirname(base)
    if not path.startswith("/"):
        yield normalize(posixpath.join(folder, path))
    yield normalize(root + path.lstrip("/"))
    yield normalize(posixpath.join(folder, path.lstrip("/")))


def normalize(path: str) -> str:
    """Return a path without `.` and `..`. It does not leave the archive."""
    return posixpath.normpath("/" + path).lstrip("/")


def make_key(name: str) -> str:
    """Return a name for comparisons that ignore capitals and the normal form of Unicode."""
    return unicodedata.normalize("NFC", name).casefold()
