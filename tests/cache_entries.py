"""The cache of a workspace: its usage, and damage to its entries."""

import sqlite3
from pathlib import Path

from mangagan.core import catalog
from mangagan.core.cache import Usage, open_cache


def read_usage(root: Path) -> dict[str, Usage]:
    """Return the entries of each stage, and how many the last run of the stage found and computed."""
    with open_cache(root, "test", 1e6) as cache:
        return cache.measure()


def damage_entries(root: Path) -> int:
    """Damage all entries of the cache: values and files. Return their number."""
    for path in (root / catalog.CACHE / "files").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-1] + b"x")
    with sqlite3.connect(root / catalog.CACHE / "entries.sqlite") as database:
        return database.execute("UPDATE entries SET value = X'00112233'").rowcount
