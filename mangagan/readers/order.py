"""The reading order of names: natural order, with the names that people and programs give to pages."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

Key = tuple[tuple[int, str], ...]

# "9.41.03 PM" in the names of macOS screenshots. The space before PM is U+202F on newer versions.
TWELVE_HOURS = re.compile(r"\b(\d{1,2})([.:])(\d{2})([.:])(\d{2})\s*([ap])\.?m\b\.?", re.IGNORECASE)
SUFFIX = re.compile(r"\.[a-z][a-z0-9]{0,7}$", re.IGNORECASE)
DIGITS = re.compile(r"(\d+)")


def sort_paths(paths: Iterable[str]) -> list[str]:
    """Return paths in reading order: folder by folder, numbers by their value.

    In a folder of pages `01`, `02`, `0304`, `05`, the name `0304` is a spread of the pages 3 and 4, and is sorted as 3.

    Args:
        paths: Paths with forward slashes.
    """
    paths = list(paths)
    widths = count_widths(paths)
    return sorted(paths, key=lambda path: (make_path_key(path, widths), path))


def make_path_key(path: str, widths: Mapping[str, Counter[int]]) -> tuple[Any, ...]:
    """Return the sort key of a path. A file comes before the files of a folder that begins with its name.

    Args:
        path: The path, with forward slashes.
        widths: Result of `count_widths` for all paths that are sorted together.
    """
    folder, keys = "", []
    for name in path.split("/"):
        keys.append(natural_key(name, widths.get(folder)))
        folder = f"{folder}{name}/"
    return tuple(keys)


def natural_key(name: str, widths: Counter[int] | None = None) -> Key:
    """Return a sort key that puts `page 2` before `page 10`.

    Args:
        name: Name of a file or folder.
        widths: Number of sibling names by the width of their page number. None: do not look for spreads.
    """
    text = TWELVE_HOURS.sub(to_24_hours, unicodedata.normalize("NFC", name))
    text = re.sub(r"\s", " ", text)
    spread = find_spread(text, widths) if widths else None
    suffix = match[0] if (match := SUFFIX.search(text)) else ""
    parts: list[tuple[int, str]] = []
    # The suffix comes last, so that `page 2.png` is before its copy `page 2 2.jpg`.
    for number, part in enumerate([*DIGITS.split(text.removesuffix(suffix)), "/", suffix]):
        if number == spread:
            parts += [(int(part[: len(part) // 2]), ""), (0, "")]  # after a page of the first number
        elif part.isdecimal():
            parts.append((int(part), ""))
        else:
            parts.append((-1, part.casefold()))
    return tuple(parts)


def count_widths(paths: Iterable[str]) -> dict[str, Counter[int]]:
    """Count the digits of the page numbers in each folder.

    Returns:
        Folder, with a slash at the end → number of names by the width of the last number in the name.
    """
    names: dict[str, set[str]] = {}
    for path in paths:
        folder = ""
        for name in path.split("/"):
            names.setdefault(folder, set()).add(name)
            folder = f"{folder}{name}/"
    return {folder: Counter(count_page_digits(name) for name in group) for folder, group in names.items()}


def count_page_digits(name: str) -> int:
    """Return the number of digits of the last number in a file name without its suffix. 0 if it has none."""
    numbers = re.findall(r"\d+", name.rpartition(".")[0] or name)
    return len(numbers[-1]) if numbers else 0


def find_spread(text: str, widths: Counter[int]) -> int | None:
    """Return the position of a number such as 0304 that names two pages, in the parts that DIGITS splits. None if none.

    Such a number is the last one in the name, twice as wide as most numbers of the folder, and its halves are
    consecutive.
    """
    width = count_page_digits(text)
    half = width // 2
    if width % 2 or width < 4 or widths[half] < 2 or widths[half] <= widths[width]:
        return None
    parts = DIGITS.split(text.rpartition(".")[0] or text)
    position = len(parts) - 2
    first, second = parts[position][:half], parts[position][half:]
    return position if int(second) == int(first) + 1 else None


def to_24_hours(match: re.Match[str]) -> str:
    """Return a time of 12 hours, as TWELVE_HOURS matches it, as a time of 24 hours that sorts correctly."""
    hours = int(match[1]) % 12 + (12 if match[6].lower() == "p" else 0)
    return f"{hours:02}{match[2]}{match[3]}{match[4]}{match[5]}"
