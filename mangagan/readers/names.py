"""Names of files and titles: names that are not UTF-8, names that cannot be titles, and printable names."""

import os
import unicodedata

MAX_TITLE_BYTES = 200  # a file name holds 255 bytes on most systems; the rest is for suffixes
# Unicode categories: control character, surrogate (a byte that is not UTF-8), line separator, paragraph separator. Not
# str.isprintable: it is False for the ideographic space (U+3000).
CONTROL_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
UNFINISHED_SUFFIXES = (".part", ".partial", ".crdownload", ".download", ".opdownload", ".aria2", ".!ut", ".!qb", ".tmp")


def decode_name(name: str) -> str:
    """Return a name on the disk as text.

    A name that is not UTF-8 is read as CP932, the encoding of Japanese Windows: files from old archives have such
    names. If it is not CP932 either, it is returned as it is.

    Args:
        name: A name or path of `os.scandir`, with surrogates for bytes that are not UTF-8.
    """
    if is_utf8(name):
        return name
    try:
        text = os.fsencode(name).decode("cp932")
    except UnicodeDecodeError:
        return name
    return name if any(unicodedata.category(character) == "Co" for character in text) else text  # Co: private use


def normalize_title(name: str) -> str:
    """Return a title in the composed form (NFC), so that a folder copied from a Mac is the same title."""
    return unicodedata.normalize("NFC", name)


def find_title_problem(title: str, owner: str) -> str:
    """Return why a name cannot be used as a title. Empty if it can.

    Args:
        title: The name.
        owner: "folder" or "file"; the reason starts with it.
    """
    if not is_utf8(title):
        return f"{owner} name is not UTF-8"
    if has_control_characters(title):
        return f"{owner} name holds a line break or control character"
    if len(title.encode()) > MAX_TITLE_BYTES:
        return f"{owner} name is over {MAX_TITLE_BYTES} bytes"
    return ""


def is_unfinished_download(name: str) -> bool:
    """Return True if the name is that of a download that is still running."""
    return name.lower().endswith(UNFINISHED_SUFFIXES)


def is_utf8(name: str) -> bool:
    """Return True if the bytes of a file name on the disk are valid UTF-8."""
    return not any("\udc80" <= character <= "\udcff" for character in name)


def has_control_characters(name: str) -> bool:
    """Return True if a name holds a line break, another control character, or a byte that is not UTF-8."""
    return escape(name) != name


def escape(name: str) -> str:
    """Return a name with control characters and bytes that are not UTF-8 as escape sequences."""
    return "".join(ascii(c)[1:-1] if unicodedata.category(c) in CONTROL_CATEGORIES else c for c in name)
