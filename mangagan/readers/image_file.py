"""The reader of plain image files."""

from collections.abc import Iterator
from pathlib import Path

from mangagan.decoding.formats import has_image_signature
from mangagan.readers.base import Member, Reader

# Names of images. They are used only where the content is not known.
SUFFIXES = frozenset(
    {
        ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".avif", ".jxl", ".heic", ".heif", ".tif",
        ".tiff", ".jp2",
    }
)  # fmt: skip


def has_image_suffix(name: str) -> bool:
    """Return True if a file name has the suffix of an image."""
    return Path(name).suffix.lower() in SUFFIXES


class ImageFile(Reader):
    """An image file: one member without a name."""

    is_container = False

    @classmethod
    def matches(cls, header: bytes, path: Path) -> bool:
        """Return True if the content begins like an image."""
        return has_image_signature(header)

    def members(self) -> Iterator[Member]:
        """Yield the file itself."""
        yield Member("", self.path.stat().st_size, self.path.read_bytes)
