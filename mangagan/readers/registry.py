"""The readers. To add one, import it here and append it to `READERS`."""

from pathlib import Path

from mangagan.pages.decode import NO_IMAGE
from mangagan.readers.base import Reader
from mangagan.readers.image_file import IMAGE_SUFFIXES, ImageFile

# The first reader that matches the content is used: list a special case (EPUB) before the general one (ZIP).
READERS: list[type[Reader]] = [ImageFile]
HEADER_BYTES = 4096  # covers the signatures of TAR (byte 257) and PDF (in the first 1024 bytes)


def find_reader(path: Path) -> tuple[type[Reader] | None, str]:
    """Return the reader of a file, or None and the reason why no reader reads it.

    Raises:
        Exception: The file cannot be opened, or the check of a reader fails.
    """
    header = read_header(path)
    for reader in READERS:
        if reader.matches(header, path):
            return reader, ""
    if has_image_suffix(path):
        return None, NO_IMAGE if header else "empty file"
    return None, describe_type(path)


def read_header(path: Path) -> bytes:
    """Return the first HEADER_BYTES of a file."""
    with path.open("rb") as file:
        return file.read(HEADER_BYTES)


def is_container(path: Path) -> bool:
    """Return True if a reader reads the file as a container, or if the check of a reader fails.

    In the second case the failure becomes the reason when the file is read.
    """
    try:
        read_header(path)
    except OSError:
        return False
    try:
        reader, _ = find_reader(path)
    except Exception:
        return True
    return reader is not None and reader.is_container


def is_candidate(path: Path) -> bool:
    """Return True if the file is a container, or has the suffix of an image, regardless of its content."""
    return has_image_suffix(path) or is_container(path)


def has_image_suffix(path: Path) -> bool:
    """Return True if the suffix is that of a PNG, JPEG or WebP file."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def describe_type(path: Path) -> str:
    """Return the reason for rejecting a file because of its suffix."""
    suffix = path.suffix.lower()
    return f"file type {suffix}" if suffix else "file without a type"
