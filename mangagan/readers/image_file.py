"""The reader of plain image files."""

from collections.abc import Iterator
from pathlib import Path

from mangagan.pages.decode import has_image_signature
from mangagan.readers.base import Member, Reader

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})


class ImageFile(Reader):
    """A PNG, JPEG or WebP file: one member without a name."""

    is_container = False

    @classmethod
    def matches(cls, header: bytes, path: Path) -> bool:
        """Return True if the content begins like an image."""
        return has_image_signature(header)

    def members(self) -> Iterator[Member]:
        """Yield the file itself."""
        yield Member("", self.path.stat().st_size, self.path.read_bytes)
