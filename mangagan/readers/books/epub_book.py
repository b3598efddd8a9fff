"""List the pages of an EPUB in reading order, and distinguish a novel from a comic."""

import zipfile
from dataclasses import dataclass

from mangagan.readers.books.epub_archive import SCHEME, EpubArchive, iterate_spellings
from mangagan.readers.books.epub_package import ManifestItem, Package
from mangagan.readers.books.epub_pages import Document, is_document, read_document
from mangagan.readers.books.epub_protection import PROTECTED, find_encrypted, has_license, looks_encrypted
from mangagan.readers.errors import ReaderError
from mangagan.readers.image_file import has_image_suffix
from mangagan.readers.order import sort_paths

MISSING, REMOTE = "missing in the book", "an image on the web, not in the book"
MAX_NAME = 200  # characters of a reference in the table of pages
MAX_PICTURE_TEXT = 200  # characters of a document that is a full-page picture, for example a caption
MIN_NOVEL_TEXT = 3000  # characters of a book
MIN_NOVEL_RATIO = 300  # characters for each image


@dataclass(frozen=True)
class BookImage:
    """An image of the book, or a document that cannot be read.

    Attributes:
        name: Name for the table of pages.
        info: The entry of the image, or of the document that holds it as a `data:` URI. None if it is missing.
        inline_index: Position of a `data:` URI in the images of the document. None for a file.
        reason: Why it cannot be read. Empty if it can.
        fills_page: True if its document shows nothing else, and for a cover.
    """

    name: str
    info: zipfile.ZipInfo | None
    inline_index: int | None = None
    reason: str = ""
    fills_page: bool = False


class Book:
    """The images of a book in reading order, each file once.

    Attributes:
        images: The images.
        text_length: Number of characters of its documents, without white space.
    """

    def __init__(self, archive: EpubArchive, package: Package) -> None:
        """Read all documents of the spine."""
        self.archive = archive
        self.encrypted = find_encrypted(archive)
        self.is_licensed = has_license(archive)
        self.images: list[BookImage] = []
        self.text_length = 0
        self.contents: set[tuple[int, int]] = set()  # checksum and size of the files in `images`
        for item in package.spine:
            self.add_item(item)
        if package.cover is not None:
            count = len(self.images)
            self.add_file(package.cover, fills_page=True)
            self.images = self.images[count:] + self.images[:count]
        if not (self.has_readable_images or self.is_protected) and self.text_length < MIN_NOVEL_TEXT:
            self.add_all_images()

    @property
    def has_readable_images(self) -> bool:
        """Return True if at least one image can be read."""
        return any(not image.reason for image in self.images)

    @property
    def is_protected(self) -> bool:
        """Return True if no image can be read, and at least one is encrypted."""
        return not self.has_readable_images and any(image.reason == PROTECTED for image in self.images)

    def is_novel(self, is_fixed_layout: bool) -> bool:
        """Return True if the book is text with or without illustrations.

        Args:
            is_fixed_layout: True if the book declares a fixed layout. Such a book is a comic or a picture book.
        """
        count = sum(not image.reason for image in self.images)
        return not is_fixed_layout and self.text_length >= max(MIN_NOVEL_TEXT, MIN_NOVEL_RATIO * count)

    def add_item(self, item: ManifestItem) -> None:
        """Add the images of an item of the spine."""
        if item.info is None:
            self.images.append(BookImage(item.href, None, reason=MISSING))
        elif item.media_type.startswith("image/") and not is_document(item.info.filename):
            self.add_file(item.info, fills_page=True)
        elif self.is_encrypted(item.info, is_markup=True):
            self.images.append(BookImage(item.info.filename, item.info, reason=PROTECTED))
        else:
            try:
                document = read_document(self.archive, item.info)
            except ReaderError as error:
                self.images.append(BookImage(item.info.filename, item.info, reason=str(error)))
                return
            self.add_document(document, item.info)

    def add_document(self, document: Document, info: zipfile.ZipInfo) -> None:
        """Add the images of a document."""
        self.text_length += document.text_length
        distinct = {image.info.filename if image.info else image.href for image in document.images}
        fills_page = len(distinct) == 1 and document.text_length <= MAX_PICTURE_TEXT
        for index, image in enumerate(document.images):
            if image.info is not None:
                self.add_file(image.info, fills_page)
            elif image.is_inline:
                name = f"{document.name}#image {index + 1}"
                self.images.append(BookImage(name, info, index, fills_page=fills_page))
            else:
                reason = REMOTE if SCHEME.match(image.href) else MISSING
                self.images.append(BookImage(image.href[:MAX_NAME], None, reason=reason))

    def add_file(self, info: zipfile.ZipInfo, fills_page: bool) -> None:
        """Add an image file, unless a file of the same content was added before."""
        content = (info.CRC, info.file_size) if info.CRC else (info.header_offset, -1)  # 0: no checksum
        if content not in self.contents:
            self.contents.add(content)
            reason = PROTECTED if self.is_encrypted(info, is_markup=False) else ""
            self.images.append(BookImage(list(iterate_spellings(info))[-1], info, None, reason, fills_page))

    def add_all_images(self) -> None:
        """Add the image files of the archive in natural order, for a book whose documents show nothing."""
        names = {list(iterate_spellings(info))[-1]: info for info in self.archive.infos}
        for name in sort_paths(name for name in names if has_image_suffix(name)):
            self.add_file(names[name], fills_page=False)

    def is_encrypted(self, info: zipfile.ZipInfo, is_markup: bool) -> bool:
        """Return True if a file is encrypted by a shop."""
        is_declared = info.filename in self.encrypted
        return is_declared or (self.is_licensed and looks_encrypted(self.archive, info, is_markup))


def describe_novel(images: list[BookImage]) -> str:
    """Return the reason for not reading the text of a novel.

    Args:
        images: The pictures that were taken.
    """
    count = sum(not image.reason for image in images)
    pictures = "no full-page pictures were found" if count == 0 else f"{count} full-page pictures were taken"
    return "a novel: its text is not read; " + (pictures if count != 1 else "1 full-page picture was taken")
