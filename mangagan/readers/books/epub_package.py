"""The package document of an EPUB: what is in the book, in which order, and in which layout."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from mangagan.readers.archives.archive_reader import DAMAGED
from mangagan.readers.books.epub_archive import EpubArchive
from mangagan.readers.books.epub_markup import Token, decode_text, tokenize
from mangagan.readers.errors import ReaderError

PACKAGE_TYPE = "application/oebps-package+xml"
MAX_SPINE_ITEMS = 20_000
MAX_FALLBACKS = 5  # length of a chain of fallbacks
READABLE_TYPES = ("image/", "application/xhtml+xml", "text/", "application/xml", "application/x-dtbook+xml")


@dataclass(frozen=True)
class ManifestItem:
    """A file of the book.

    Attributes:
        info: The entry of the archive. None if it is missing.
        href: The reference to it in the manifest.
        media_type: Declared type, in lower case.
        properties: Declared properties, for example `cover-image`.
        fallback: Id of the item to show where the type cannot be shown. Empty if there is none.
    """

    info: zipfile.ZipInfo | None
    href: str
    media_type: str = ""
    properties: tuple[str, ...] = ()
    fallback: str = ""


@dataclass
class Package:
    """The content of a package document.

    Attributes:
        name: Name of the document in the archive.
        manifest: Items by id.
        spine: Items in reading order.
        right_to_left: True if the pages are read from right to left. None if the package does not declare it.
        is_fixed_layout: True if each document is one page of fixed size.
        cover: The image of the cover, if it is declared.
    """

    name: str = ""
    manifest: dict[str, ManifestItem] = field(default_factory=dict)
    spine: list[ManifestItem] = field(default_factory=list)
    right_to_left: bool | None = None
    is_fixed_layout: bool = False
    cover: zipfile.ZipInfo | None = None


def read_package(archive: EpubArchive) -> Package:
    """Return the first package of an EPUB. It is empty if the EPUB has none, or if it is damaged.

    Raises:
        ReaderError: The package document is locked, or too large.
    """
    try:
        info = find_package(archive)
        package = parse_package(archive, info) if info is not None else Package()
        package.is_fixed_layout |= has_fixed_layout_option(archive)
    except ReaderError as error:
        if str(error) != DAMAGED:
            raise
        return Package()
    return package


def find_package(archive: EpubArchive) -> zipfile.ZipInfo | None:
    """Return the entry of the package document: the first that the container file names, or the first `.opf` file.

    Raises:
        ReaderError: The container file cannot be read.
    """
    container = archive.find("META-INF/container.xml", "")
    if container is not None:
        for token in iterate_tags(archive, container):
            path = token.attributes.get("full-path", "")
            kind = token.attributes.get("media-type", PACKAGE_TYPE).strip().lower()
            if token.name == "rootfile" and kind == PACKAGE_TYPE and path and (info := archive.find(path, "")):
                return info
    return next((info for info in archive.infos if info.filename.lower().endswith(".opf")), None)


def parse_package(archive: EpubArchive, info: zipfile.ZipInfo) -> Package:
    """Return the content of a package document."""
    package = Package(info.filename.replace("\\", "/"))
    references: list[Token] = []
    metadata: dict[str, str] = {}
    text_of = ""
    for token in tokenize(decode_text(archive.read_markup(info))):
        attributes = token.attributes
        if not token.name:
            if text_of and token.text.strip():
                metadata.setdefault(text_of, token.text.strip().lower())
            continue
        text_of = "" if token.is_end or token.name != "meta" else attributes.get("property", "").lower()
        if token.is_end:
            continue
        if token.name == "meta" and "name" in attributes:
            metadata.setdefault(attributes["name"].strip().lower(), attributes.get("content", "").strip())
        elif token.name == "item" and "id" in attributes:
            package.manifest.setdefault(attributes["id"], make_item(archive, package.name, attributes))
        elif token.name == "itemref":
            references.append(token)
        elif token.name == "spine":
            direction = attributes.get("page-progression-direction", "").strip().lower()
            package.right_to_left = {"rtl": True, "ltr": False}.get(direction)
    if len(references) > MAX_SPINE_ITEMS:
        raise ReaderError(f"too large: over {MAX_SPINE_ITEMS} documents")
    add_spine(package, references)
    interpret_metadata(package, metadata, references)
    return package


def make_item(archive: EpubArchive, package_name: str, attributes: dict[str, str]) -> ManifestItem:
    """Return an item of the manifest."""
    href = attributes.get("href", "")
    return ManifestItem(
        archive.find(href, package_name) if href else None,
        href,
        attributes.get("media-type", "").strip().lower(),
        tuple(attributes.get("properties", "").split()),
        attributes.get("fallback", ""),
    )


def add_spine(package: Package, references: list[Token]) -> None:
    """Fill the spine. An item of a type that cannot be shown is replaced by its fallback."""
    for reference in references:
        item = package.manifest.get(reference.attributes.get("idref", ""))
        for _ in range(MAX_FALLBACKS):
            if item is None or item.media_type.startswith(READABLE_TYPES) or item.fallback not in package.manifest:
                break
            item = package.manifest[item.fallback]
        if item is not None:
            package.spine.append(item)


def interpret_metadata(package: Package, metadata: dict[str, str], references: list[Token]) -> None:
    """Set direction, layout and cover from the declarations of EPUB 2, EPUB 3, Amazon and Kobo."""
    lower = {name: value.lower() for name, value in metadata.items()}
    writing_mode = lower.get("primary-writing-mode", "")
    if writing_mode.endswith("-rl"):
        package.right_to_left = True
    elif package.right_to_left is None and writing_mode.endswith("-lr"):
        package.right_to_left = False
    properties = [token.attributes.get("properties", "") for token in references]
    fixed_pages = sum("rendition:layout-pre-paginated" in value for value in properties)
    package.is_fixed_layout = (
        lower.get("rendition:layout") == "pre-paginated"
        or lower.get("fixed-layout") == "true"
        or lower.get("book-type") == "comic"
        or fixed_pages * 2 > max(len(references), 1)
    )
    named = package.manifest.get(metadata.get("cover", ""))
    declared = next((item for item in package.manifest.values() if "cover-image" in item.properties), named)
    if declared is not None and declared.media_type.startswith("image/") and "svg" not in declared.media_type:
        package.cover = declared.info


def has_fixed_layout_option(archive: EpubArchive) -> bool:
    """Return True if the display options of Apple or Kobo declare a fixed layout."""
    for name in ("com.apple.ibooks.display-options.xml", "com.kobobooks.display-options.xml"):
        info = archive.find(f"META-INF/{name}", "")
        if info is None:
            continue
        is_fixed_layout_option = False
        for token in tokenize(decode_text(archive.read_markup(info))):
            if token.name:
                is_fixed_layout_option = token.attributes.get("name", "").lower() == "fixed-layout"
            elif is_fixed_layout_option and token.text.strip().lower() == "true":
                return True
    return False


def iterate_tags(archive: EpubArchive, info: zipfile.ZipInfo) -> Iterator[Token]:
    """Yield the start tags of a markup file."""
    return (token for token in tokenize(decode_text(archive.read_markup(info))) if token.name and not token.is_end)
