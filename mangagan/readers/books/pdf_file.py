"""The reader of PDF files."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from mangagan.readers.archives.archive_signatures import is_tar_header
from mangagan.readers.base import Member, Reader
from mangagan.readers.books.pdf_render import read_page
from mangagan.readers.errors import ReaderError, TooLargeError

DAMAGED_PAGE = "damaged PDF page"
CUT_OFF = "cut off: the end of the PDF is missing"
END_MARK, END_BYTES = b"%%EOF", 4096  # other bytes may follow the mark
MARK = b"%PDF-"
MARK_BYTES = 1024  # the mark may follow other bytes, for example the headers of an e-mail
# Containers and images can hold a PDF, or its mark, in their first bytes.
OTHER_MARKS = (b"PK", b"Rar!", b"7z\xbc\xaf\x27\x1c", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"II*\0", b"MM\0*")
REASONS = {
    pdfium_c.FPDF_ERR_PASSWORD: "needs a password",
    pdfium_c.FPDF_ERR_SECURITY: "protected (DRM)",
}


class PdfReader(Reader):
    """A PDF file: every page is a member, an encoded image.

    PDFium is not thread-safe: use all PDF files of a process in one thread.
    """

    in_reading_order = True

    @classmethod
    def matches(cls, header: bytes, path: Path) -> bool:
        """Return True if the mark of a PDF is in the first bytes, and the file is no container or image."""
        is_other = header.startswith(OTHER_MARKS) or is_tar_header(header)
        return MARK in header[:MARK_BYTES] and not is_other

    def __enter__(self) -> Self:
        """Open the file. PDFium repairs a damaged table of objects where it can.

        Raises:
            ReaderError: The file is encrypted, damaged, or has no pages.
        """
        try:
            self.document = pdfium.PdfDocument(self.path.absolute())
        except pdfium.PdfiumError as error:
            reason = "damaged PDF" if has_end_mark(self.path) else CUT_OFF
            raise ReaderError(REASONS.get(error.err_code, reason)) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.document.close()

    def members(self) -> Iterator[Member]:
        """Yield the pages. A page that is missing has a reason.

        Raises:
            ReaderError: The last pages are missing. The pages before them are yielded.
            TooLargeError: There are more than `limits.max_members`. The first ones are yielded before.
        """
        count = len(self.document)
        missing: list[Member] = []
        for index in range(min(count, self.limits.max_members)):
            name, read = f"page {index + 1}", partial(self.read_page, index)
            if not pdfium_c.FPDF_GetPageSizeByIndexF(self.document, index, pdfium_c.FS_SIZEF()):
                missing.append(Member(name, None, read, DAMAGED_PAGE))
                continue
            yield from missing
            missing.clear()
            yield Member(name, None, read)
        if missing:
            raise ReaderError(f"damaged PDF: the last {len(missing)} of {count} pages are missing")
        if count > self.limits.max_members:
            raise TooLargeError(f"{count} pages, over {self.limits.max_members}")

    def read_page(self, index: int) -> bytes:
        """Return a page as an encoded image.

        Args:
            index: Position of the page, from 0.

        Raises:
            ReaderError: The page is damaged or too large.
        """
        try:
            page = self.document[index]
        except pdfium.PdfiumError:
            raise ReaderError(DAMAGED_PAGE) from None
        try:
            return read_page(page, self.limits)
        except ReaderError:
            raise
        except MemoryError:
            raise TooLargeError("too large for the memory of this computer") from None
        except Exception:  # pypdfium2 raises several types on damaged data
            raise ReaderError(DAMAGED_PAGE) from None
        finally:
            page.close()


def has_end_mark(path: Path) -> bool:
    """Return True if the mark of the end of a PDF is in the last bytes of a file."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - END_BYTES))
        return END_MARK in file.read()
