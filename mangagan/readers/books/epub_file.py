"""The reader of EPUB files."""

import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from mangagan.readers.base import Limits, Member, Reader
from mangagan.readers.books.epub_archive import EpubArchive
from mangagan.readers.books.epub_book import Book, BookImage, describe_novel
from mangagan.readers.books.epub_package import read_package
from mangagan.readers.books.epub_pages import decode_inline, read_document
from mangagan.readers.books.epub_protection import PROTECTED
from mangagan.readers.errors import ReaderError, TooLargeError


class EpubReader(Reader):
    """An EPUB file: every image that its documents show is a member, in the order of the spine.

    An image file that is shown several times is one member, at its first place. A declared cover that no document shows
    is the first member. The members of a novel are only the pictures that fill a page.

    Attributes:
        right_to_left: True if the book declares right to left, False for left to right, None if it declares no
            direction. `members` sets it.
    """

    in_reading_order = True

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        super().__init__(path, limits)
        self.right_to_left: bool | None = None

    @classmethod
    def matches(cls, header: bytes, path: Path) -> bool:
        """Return True if the file is a ZIP archive with the container file or the media type of an EPUB.

        False if the archive has no directory because it is cut off: the reader of ZIP archives recovers its files.
        """
        if not header.startswith(b"PK"):
            return False
        try:
            with EpubArchive(path, Limits()) as archive:
                return archive.is_epub()
        except (zipfile.BadZipFile, ReaderError, NotImplementedError, ValueError):
            return False

    def __enter__(self) -> Self:
        """Open the archive.

        Raises:
            ReaderError: The archive is damaged or has too many files.
        """
        try:
            self.archive = EpubArchive(self.path, self.limits)
        except zipfile.BadZipFile:
            raise ReaderError("damaged or cut off") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.archive.__exit__(kind, error, traceback)

    def members(self) -> Iterator[Member]:
        """Yield the images.

        Raises:
            ReaderError: The book is protected, or is a novel. The pictures of a novel are yielded before.
            TooLargeError: The book exceeds a bound. The images before it are yielded.
        """
        package = read_package(self.archive)
        self.right_to_left = package.right_to_left
        book = Book(self.archive, package)
        if book.is_protected:
            raise ReaderError(PROTECTED)
        images, novel = book.images, book.is_novel(package.is_fixed_layout)
        if novel:
            images = [image for image in images if image.fills_page]
        total = 0
        for image in images:
            total += image.info.file_size if image.info is not None else 0
            if total > self.limits.max_container_bytes:
                raise TooLargeError(f"too large: over {self.limits.max_container_bytes / 1e9:g} GB unpacked")
            yield self.make_member(image)
        if novel:
            raise ReaderError(describe_novel(images))

    def make_member(self, image: BookImage) -> Member:
        """Return the member of an image."""
        read = partial(self.read_image, image)
        if image.info is None or image.inline_index is not None:
            return Member(image.name, None, read, image.reason)
        return Member(image.name, image.info.file_size, read, image.reason, image.info.compress_size)

    def read_image(self, image: BookImage) -> bytes:
        """Return an encoded image.

        Raises:
            ReaderError: The image is locked, damaged, too large, or missing.
        """
        if image.info is None:
            raise ReaderError(image.reason)
        if image.inline_index is None:
            return self.archive.read(image.info, self.limits.max_image_bytes)
        self.archive.markup_bytes = 0  # the bound is for one reading of all documents
        shown = read_document(self.archive, image.info).images[image.inline_index]
        return decode_inline(shown.href, self.limits.max_image_bytes)
