"""The readers. To add one, import it here and append it to `READERS`."""

import re
from pathlib import Path

from mangagan.decoding.formats import HEADER_BYTES, NO_PICTURE, describe_unread_format, identify_format
from mangagan.readers.archives.rar_file import RarReader
from mangagan.readers.archives.seven_zip import SevenZipReader
from mangagan.readers.archives.tar_file import TarReader
from mangagan.readers.archives.zip_file import ZipReader
from mangagan.readers.base import Reader
from mangagan.readers.books.epub_file import EpubReader
from mangagan.readers.books.pdf_file import PdfReader
from mangagan.readers.books.tiff_file import TiffReader
from mangagan.readers.image_file import ImageFile, has_image_suffix
from mangagan.readers.unsupported import name_container

VOLUME = re.compile(r"\.(7z|zip|cbz|cb7|rar|cbr)\.\d{3}$|\.z\d\d$", re.IGNORECASE)  # a part without a signature
# The first reader that matches the content is used: list a special case (EPUB) before the general one (ZIP).
READERS: list[type[Reader]] = [
    TiffReader,
    ImageFile,
    EpubReader,
    PdfReader,
    RarReader,
    SevenZipReader,
    TarReader,
    ZipReader,
]
NOT_IN_TITLE = "not in the folder of a title"  # reason of an image at the top level


def find_reader(path: Path, name: str = "") -> tuple[type[Reader] | None, str]:
    """Return the reader of a file, or None and the reason why no reader reads it.

    Args:
        path: The file.
        name: Name of the file for the reason, if `path` is a temporary copy. Empty: the name of `path`.

    Raises:
        Exception: The file cannot be opened, or the check of a reader fails.
    """
    header = read_header(path)
    for reader in READERS:
        if reader.matches(header, path):
            return reader, ""
    return None, describe_content(header, name or path.name)


def read_header(path: Path) -> bytes:
    """Return the first HEADER_BYTES of a file."""
    with path.open("rb") as file:
        return file.read(HEADER_BYTES)


def find_loose_file_problem(path: Path) -> str:
    """Return why a file outside of the title folders is rejected. Empty if it is a container.

    Also empty if the check of a reader fails: the failure becomes the reason when the file is read.
    """
    try:
        read_header(path)
    except OSError as error:
        return f"cannot be opened: {(error.strerror or str(error)).lower()}"
    try:
        reader, reason = find_reader(path)
    except Exception:
        return ""
    return "" if reader is not None and reader.is_container else reason or NOT_IN_TITLE


def is_candidate(path: Path) -> bool:
    """Return True if a reader reads the file, or if its content or name shows that a user expects it to be read."""
    try:
        reader, _ = find_reader(path)
        header = read_header(path)
    except Exception:
        return True
    return reader is not None or has_image_suffix(path.name) or bool(identify_format(header) or name_container(header))


def describe_content(header: bytes, name: str) -> str:
    """Return the reason for rejecting a file that no reader reads.

    Args:
        header: The first bytes of the file.
        name: Its name. It is used only if the content is unknown.
    """
    if not header:
        return "empty file"
    if container := name_container(header):
        advice = "unpack it" if container.startswith("file compressed") else "convert it to EPUB, PDF or CBZ"
        return f"{container}: {advice} first"
    if VOLUME.search(name):
        return "part of a split archive: join its parts into one file first"
    if (reason := describe_unread_format(header)) != NO_PICTURE:
        return reason
    suffix = Path(name.rpartition("::")[2]).suffix.lower()
    return f"no picture, archive or e-book (file type {suffix or 'unknown'})"
