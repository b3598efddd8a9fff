"""Split XML, HTML and SVG into tags and text, in linear time, with or without errors in them.

Books hold broken XHTML that a strict parser rejects. `html.parser` accepts it, but takes quadratic time for some input:
200 kB of `<!--` take 24 s. This module expands no entities other than those of HTML, so that a declared entity cannot
make a document larger.
"""

import codecs
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# Elements whose content is raw text, without tags.
RAW_ELEMENTS = ("script", "style")
TAG_NAME = re.compile(r"[A-Za-z_][^\s/>]*")
ATTRIBUTE = re.compile(r"""([^\s=/<>"']+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
QUOTE_OR_END = re.compile("""[>"']""")
ENCODING = re.compile(rb"""(?:encoding|charset)\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""")
ENCODING_BYTES = 1024  # the declaration is in the first bytes of a document
BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True)
class Token:
    """A start tag, an end tag, or text.

    Attributes:
        name: Name of the tag in lower case without its namespace prefix. Empty for text.
        attributes: Values by name in lower case. A name with a prefix is also available without it (`href` for
            `xlink:href`) if that is free.
        text: The text, with character references replaced. The raw content for `script` and `style`.
        is_end: True for an end tag.
    """

    name: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    is_end: bool = False


def decode_text(data: bytes) -> str:
    """Decode a document by its byte order mark or its declaration. Default: UTF-8, with replacement characters."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    if data.startswith((b"<\0", b"\0<")):
        return data.decode("utf-16-le" if data[1:2] == b"\0" else "utf-16-be", "replace")
    declared = ENCODING.search(data[:ENCODING_BYTES])
    try:
        return data.decode(declared[1].decode() if declared else "utf-8", "replace")
    except (LookupError, ValueError):  # unknown name, or a codec for other things than text
        return data.decode("utf-8", "replace")


def tokenize(text: str) -> Iterator[Token]:
    """Yield the tags and texts of a document. Comments, declarations and processing instructions are skipped.

    A tag that closes itself yields only a start tag.
    """
    position = 0
    while (start := text.find("<", position)) >= 0:
        if start > position:
            yield Token(text=html.unescape(text[position:start]))
        if text.startswith("<!--", start):
            position = find_end(text, "-->", start + 4)
        elif text.startswith("<![CDATA[", start):
            position = find_end(text, "]]>", start + 9)
            yield Token(text=text[start + 9 : position].removesuffix("]]>"))
        elif text.startswith("<?", start):
            position = find_end(text, ">", start)
        elif text.startswith("<!", start):
            position = find_declaration_end(text, start)
        else:
            token, position = read_tag(text, start)
            yield token
            if token.name in RAW_ELEMENTS and not token.is_end and text[position - 2 : position] != "/>":
                end = text.find(f"</{token.name}", position)
                end = len(text) if end < 0 else end
                yield Token(text=text[position:end])
                position = end
    if position < len(text):
        yield Token(text=html.unescape(text[position:]))


def find_end(text: str, mark: str, start: int) -> int:
    """Return the position after the next mark, or the end of the text."""
    end = text.find(mark, start)
    return len(text) if end < 0 else end + len(mark)


def find_declaration_end(text: str, start: int) -> int:
    """Return the position after a declaration such as DOCTYPE, with the declarations in its brackets."""
    end = find_end(text, ">", start)
    if "[" in text[start:end]:
        return find_end(text, ">", find_end(text, "]", start))
    return end


def read_tag(text: str, start: int) -> tuple[Token, int]:
    """Return the tag at a position, and the position after it. A `<` that begins no tag is returned as text."""
    is_end = text.startswith("/", start + 1)
    name = TAG_NAME.match(text, start + 1 + is_end)
    if name is None:
        return Token(text="<"), start + 1
    end = find_tag_end(text, name.end())
    attributes: dict[str, str] = {}
    for attribute in ATTRIBUTE.finditer(text, name.end(), end):
        value = next((group for group in attribute.groups()[1:] if group is not None), "")
        attributes.setdefault(attribute[1].lower(), html.unescape(value))
    for key in list(attributes):
        attributes.setdefault(key.rpartition(":")[2], attributes[key])
    return Token(name[0].rpartition(":")[2].lower(), attributes, is_end=is_end), min(end + 1, len(text))


def find_tag_end(text: str, start: int) -> int:
    """Return the position of the `>` that ends a tag. A `>` in a quoted value does not end it."""
    while (mark := QUOTE_OR_END.search(text, start)) and mark[0] != ">":
        closing = text.find(mark[0], mark.end())
        if closing < 0:
            end = text.find(">", mark.end())
            return len(text) if end < 0 else end
        start = closing + 1
    return mark.start() if mark else len(text)
