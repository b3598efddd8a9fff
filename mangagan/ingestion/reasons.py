"""Reduce reasons and changes to kinds, to count rejected files and changed pages of each kind."""

import re
from collections import Counter
from collections.abc import Iterable

MAX_KIND = 60  # characters


def find_kind(reason: str) -> str:
    """Return the kind of a reason: its text before the details, without numbers.

    For example "too small" for "too small: 64x64, under 200 px".
    """
    text = reason if reason.startswith(("HEIC", "JPEG XL")) else reason.partition(":")[0]
    text = re.sub(r"\([^)]*\)", "", text) if not text.startswith("protected") else text
    return re.sub(r"\d+([.,]\d+)*", "N", text).strip()[:MAX_KIND]


def find_change_kind(change: str) -> str:
    """Return the kind of a change of a page, without numbers: "part of a strip" for "part 2 of 11 of a strip"."""
    change = re.sub(r"part \d+ of \d+ of", "part of", change)
    return re.sub(r"page \d+ of a spread", "half of a spread", change)


def count_reasons(reasons: Iterable[str]) -> dict[str, int]:
    """Return the number of rejected files of each kind, the most frequent kind first. Empty reasons are not counted."""
    counts = Counter(find_kind(reason) for reason in reasons if reason)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
