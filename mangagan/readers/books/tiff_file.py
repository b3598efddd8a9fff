"""The reader of TIFF files with several pages. `ImageFile` reads those with one page."""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from mangagan.readers.base import Member, Reader
from mangagan.readers.books.tiff_pages import TiffFile
from mangagan.readers.errors import ReaderError, TooLargeError

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
CANON_RAW = b"CR"  # at byte 8: a camera raw photo, whose directories are previews


class TiffReader(Reader):
    """A TIFF file with at least two pages: every page is a member, a TIFF file of one page.

    Thumbnails and masks are no pages.
    """

    in_reading_order = True

    @classmethod
    def matches(cls, header: bytes, path: Path) -> bool:
        """Return True if the file is a TIFF with more than one page."""
        if not header.startswith(SIGNATURES) or header[8:10] == CANON_RAW:
            return False
        try:
            with path.open("rb") as file:
                tiff = TiffFile(file)
                return len(list(islice(filter(tiff.is_page, tiff.iterate_directories()), 2))) == 2
        except ReaderError:
            return False

    def __enter__(self) -> Self:
        self.file = self.path.open("rb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.file.close()

    def members(self) -> Iterator[Member]:
        """Yield the pages.

        Raises:
            ReaderError: The header is damaged.
            TooLargeError: There are more than `limits.max_members`. The first ones are yielded before.
        """
        tiff = TiffFile(self.file)
        pages = filter(tiff.is_page, tiff.iterate_directories())
        for number, directory in enumerate(pages, start=1):
            if number > self.limits.max_members:
                raise TooLargeError(f"over {self.limits.max_members} pages")
            yield Member(f"page {number}", None, partial(tiff.extract, directory, self.limits.max_image_bytes))
