"""Read ComicInfo.xml, the metadata that comic archives carry."""

from dataclasses import dataclass
from xml.parsers import expat

MAX_BYTES = 5 * 10**6
# Right to left, by value of the element Manga. Other values declare no direction.
READING_DIRECTIONS = {"yesandrighttoleft": True, "no": False}


@dataclass(frozen=True)
class ComicInfo:
    """Metadata of a comic.

    Attributes:
        right_to_left: True if the comic is read from right to left. None if the file declares none.
        deleted: Indices of the images that the owner marked as deleted. They count the images of the archive in
            natural order, from 0.
    """

    right_to_left: bool | None = None
    deleted: frozenset[int] = frozenset()


def read_comic_info(data: bytes) -> ComicInfo | None:
    """Parse a ComicInfo.xml.

    Args:
        data: The file. Entities are refused, so it can neither grow nor read other files.

    Returns:
        None if the file is too large or is not valid XML with the element ComicInfo.
    """
    if len(data) > MAX_BYTES:
        return None
    parser = Parser()
    try:
        parser.expat.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError):
        return None
    if not parser.is_comic_info:
        return None
    direction = READING_DIRECTIONS.get("".join(parser.manga).strip().lower())
    return ComicInfo(direction, frozenset(parser.deleted))


class Parser:
    """Collects the metadata from the events of the XML parser."""

    def __init__(self) -> None:
        self.is_comic_info = False
        self.manga: list[str] = []
        self.deleted: set[int] = set()
        self.path: list[str] = []
        self.expat = expat.ParserCreate()
        self.expat.EntityDeclHandler = refuse_entity
        self.expat.StartElementHandler = self.start_element
        self.expat.EndElementHandler = self.end_element
        self.expat.CharacterDataHandler = self.add_text

    def start_element(self, name: str, attributes: dict[str, str]) -> None:
        """Enter an element. Namespace prefixes are ignored."""
        self.path.append(name.rpartition(":")[2].lower())
        if self.path == ["comicinfo"]:
            self.is_comic_info = True
        if self.path == ["comicinfo", "pages", "page"]:
            values = {key.lower(): value.strip().lower() for key, value in attributes.items()}
            index = values.get("image", "")
            if not (index.isascii() and index.isdecimal() and len(index) < 7):
                return
            if values.get("type") == "deleted":
                self.deleted.add(int(index))

    def end_element(self, name: str) -> None:
        """Leave an element."""
        self.path.pop()

    def add_text(self, text: str) -> None:
        """Keep the text of the element Manga."""
        if self.path == ["comicinfo", "manga"]:
            self.manga.append(text)


def refuse_entity(*declaration: object) -> None:
    """Refuse the declaration of an entity.

    Raises:
        ValueError: Always.
    """
    raise ValueError("entities are refused")
