"""Find the images of a document of an EPUB, in the order in which they are shown."""

import base64
import binascii
import posixpath
import zipfile
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from mangagan.readers.books.epub_archive import EpubArchive
from mangagan.readers.books.epub_markup import Token, decode_text, tokenize
from mangagan.readers.books.epub_styles import StyleSheets, find_background_urls, parse_style_sheet
from mangagan.readers.errors import ReaderError, TooLargeError

# The attributes that hold the reference, by element. The first one that is not empty is used.
SOURCE_ATTRIBUTES = {
    "img": ("src", "srcset", "data-src"),
    "image": ("href", "src"),  # of SVG
    "object": ("data",),
    "embed": ("src",),
    "input": ("src",),
    "iframe": ("src",),
    "amp-img": ("src", "srcset"),
}
IMAGE_ELEMENTS = ("img", "image")  # a missing file of another element may be something else
DOCUMENT_SUFFIXES = (".svg", ".xhtml", ".html", ".htm", ".xht", ".xml")
UNSEEN_ELEMENTS = ("head", "title", "script", "style", "template")
MAX_DEPTH = 3  # of documents that show other documents
MAX_STYLE_SHEETS = 20  # of a document


@dataclass(frozen=True)
class ImageReference:
    """An image that a document shows.

    Attributes:
        href: The reference as it is written. It may be a whole `data:` URI.
        info: The entry of the archive. None for a `data:` URI, an image on the web, or a missing file.
    """

    href: str
    info: zipfile.ZipInfo | None

    @property
    def is_inline(self) -> bool:
        """Return True if the reference holds the image itself."""
        return self.href[:11].lower() == "data:image/"


@dataclass
class Document:
    """The content of a document.

    Attributes:
        name: Name of the document in the archive.
        images: Its images in order.
        text_length: Number of characters that a reader sees, without white space.
    """

    name: str
    images: list[ImageReference] = field(default_factory=list)
    text_length: int = 0


def is_document(name: str) -> bool:
    """Return True if a file is markup by its name."""
    return name.lower().endswith(DOCUMENT_SUFFIXES)


def read_document(archive: EpubArchive, info: zipfile.ZipInfo, depth: int = 0) -> Document:
    """Return the images and the amount of text of a document (XHTML, HTML or SVG).

    Args:
        archive: The EPUB.
        info: The entry of the document.
        depth: Number of documents around it.

    Raises:
        ReaderError: The document cannot be read.
    """
    parser = DocumentParser(archive, info.filename.replace("\\", "/"), depth)
    for token in tokenize(decode_text(archive.read_markup(info))):
        parser.add(token)
    return parser.document


class DocumentParser:
    """Collects the images and counts the text of a document, token by token.

    Attributes:
        document: The result.
    """

    def __init__(self, archive: EpubArchive, name: str, depth: int) -> None:
        self.archive = archive
        self.depth = depth
        self.document = Document(name)
        self.base = name
        self.styles = DocumentStyles(archive)
        self.is_in_head = False
        self.element = ""  # the last tag, if it is a start tag
        self.candidate = ""  # of `source` elements, until an `img` follows

    def add(self, token: Token) -> None:
        """Add a token."""
        if not token.name:
            self.add_text(token.text)
            return
        self.element = "" if token.is_end else token.name
        if token.name == "head":
            self.is_in_head = not token.is_end
        if token.is_end:
            if token.name == "picture" and self.candidate:
                self.add_image(self.candidate, self.base, is_required=True)
                self.candidate = ""
        else:
            self.add_element(token)

    def add_text(self, text: str) -> None:
        """Count a text, or add the rules of a `style` element."""
        if self.element == "style":
            self.styles.add(text, self.base)
        elif not self.is_in_head and self.element not in UNSEEN_ELEMENTS:
            self.document.text_length += len("".join(text.split()))

    def add_element(self, token: Token) -> None:
        """Add the image of an element, and its background images."""
        attributes = token.attributes
        if token.name == "base" and attributes.get("href"):
            self.base = posixpath.join(posixpath.dirname(self.base), attributes["href"])
        elif token.name == "link" and "stylesheet" in attributes.get("rel", "").lower():
            self.styles.load(attributes.get("href", ""), self.base)
        elif token.name == "source":
            self.candidate = self.candidate or pick_candidate(attributes.get("srcset", ""))
        elif href := read_source(token):
            self.candidate = ""
            self.add_image(href, self.base, is_required=token.name in IMAGE_ELEMENTS)
        for url in find_background_urls(attributes.get("style", "")):
            self.add_image(url, self.base, is_required=False)
        for rule in self.styles.sheets.find(token.name, attributes):
            self.add_image(rule.url, rule.base, is_required=False)

    def add_image(self, href: str, base: str, is_required: bool) -> None:
        """Add the image that a reference names, or the images of the document that it names.

        Args:
            href: The reference.
            base: Name of the file that contains it.
            is_required: Add the reference even if it names nothing in the archive, so that it can be reported.

        Raises:
            TooLargeError: The document has too many images.
        """
        images, limit = self.document.images, self.archive.limits.max_members
        reference = ImageReference(href, self.archive.find(href, base))
        if reference.info is not None and is_document(reference.info.filename):
            if self.depth < MAX_DEPTH:
                images.extend(read_document(self.archive, reference.info, self.depth + 1).images)
        elif reference.info is not None or reference.is_inline or (is_required and not href.startswith("data:")):
            images.append(reference)
        if len(images) > limit:
            raise TooLargeError(f"too large: over {limit} images")


class DocumentStyles:
    """The style sheets of a document.

    Attributes:
        sheets: The rules.
    """

    def __init__(self, archive: EpubArchive) -> None:
        self.archive = archive
        self.sheets = StyleSheets()
        self.loaded: set[str] = set()

    def add(self, css: str, base: str) -> None:
        """Add the rules of a style sheet, and of those that it imports."""
        rules, imports = parse_style_sheet(css, base)
        self.sheets.add(rules)
        for href in imports:
            self.load(href, base)

    def load(self, href: str, base: str) -> None:
        """Add the rules of a style sheet file. A file that is missing or cannot be read has none."""
        info = self.archive.find(href, base) if href else None
        if info is None or info.filename in self.loaded or len(self.loaded) >= MAX_STYLE_SHEETS:
            return
        self.loaded.add(info.filename)
        try:
            self.add(self.archive.read_style_sheet(info), info.filename.replace("\\", "/"))
        except ReaderError:
            return


def read_source(token: Token) -> str:
    """Return the reference of an element that shows an image or a document. Empty if it is another element."""
    for attribute in SOURCE_ATTRIBUTES.get(token.name, ()):
        if value := token.attributes.get(attribute, "").strip():
            return pick_candidate(value) if attribute == "srcset" else value
    return ""


def pick_candidate(srcset: str) -> str:
    """Return the reference of the last candidate of a `srcset`, usually the largest. Empty if there is none."""
    words = srcset.rpartition(", ")[2].split()
    return words[0] if words else ""


def decode_inline(href: str, limit: int) -> bytes:
    """Return the image in a `data:` URI.

    Args:
        href: The URI.
        limit: Maximum size of the image [bytes].

    Raises:
        ReaderError: The URI is damaged.
        TooLargeError: The image is too large.
    """
    header, _, body = href.partition(",")
    if len(body) * 3 // 4 > limit:
        raise TooLargeError(f"too large: over {limit / 1e6:.0f} MB")
    if not header.lower().rstrip().endswith("base64"):
        return unquote_to_bytes(body)
    try:
        return base64.b64decode(unquote_to_bytes(body))
    except binascii.Error:
        raise ReaderError("damaged data: URI") from None
