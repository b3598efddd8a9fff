"""Names of files and titles: natural order, and names that cannot be used."""

import re
import unicodedata

SYSTEM_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", ".gitkeep", ".gitignore"})
MAX_TITLE_BYTES = 200  # a file name holds 255 bytes on most systems; the rest is for suffixes
# Unicode categories: control character, surrogate (a byte that is not UTF-8), line separator, paragraph separator. Not
# str.isprintable: it is False for the ideographic space (U+3000).
CONTROL_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts `page 2` before `page 10` and compares paths folder by folder."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part.casefold())
        for piece in name.split("/")
        for part in [*re.split(r"(\d+)", piece), "/"]
    ]


def is_system_file(name: str) -> bool:
    """Return True for files that operating systems and Git put into folders.

    Args:
        name: A file name or a path with forward slashes.
    """
    file = name.rpartition("/")[2]
    return file.startswith("._") or file in SYSTEM_FILES


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


def is_utf8(name: str) -> bool:
    """Return True if the bytes of a file name on the disk are valid UTF-8."""
    return not any("\udc80" <= character <= "\udcff" for character in name)


def has_control_characters(name: str) -> bool:
    """Return True if a name holds a line break, another control character, or a byte that is not UTF-8."""
    return escape(name) != name


def escape(name: str) -> str:
    """Return a name with control characters and bytes that are not UTF-8 as escape sequences."""
    return "".join(ascii(c)[1:-1] if unicodedata.category(c) in CONTROL_CATEGORIES else c for c in name)
