"""`mangagan cache`: size and use of the cache of single results."""

import argparse
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from mangagan.commands.arguments import add_command
from mangagan.core import catalog

UNLIMITED_BYTES = 1e18  # to look at a cache without deleting entries

if TYPE_CHECKING:
    from mangagan.commands.arguments import Subparsers


def add_commands(subparsers: "Subparsers") -> None:
    """Add `cache`."""
    parser = add_command(
        subparsers,
        "cache",
        show_cache,
        "show the size and use of the cache of single results, or delete it",
        "mangagan cache",
        f"The cache is in {catalog.CACHE}; `machine.cache_gb` in {catalog.PARAMS} is its maximum size.\n"
        "It only saves time: without it, the next run computes the same files.\n\n"
        "An entry is the result for a title, a file, a page, a face or the pairs of a face, or a picture for a sheet;\n"
        "so a page has several entries. `last run` counts the entries that the last complete run of a stage found in\n"
        "the cache, and the results that it computed.",
    )
    parser.add_argument("--clear", action="store_true", help="delete all entries")


def show_cache(arguments: argparse.Namespace) -> int:
    """Print entries, size and hits of each stage; with --clear, delete the cache."""
    from mangagan.core.cache import Cache, delete_cache
    from mangagan.core.machine import load_machine

    limit = load_machine().cache_gb
    folder = Path(catalog.CACHE)
    if arguments.clear:
        delete_cache(folder)
        print(f"{folder} is empty")
        return 0
    with Cache(folder, UNLIMITED_BYTES, "cache") if folder.is_dir() else nullcontext() as cache:
        usage = cache.measure() if cache else {}
    if not limit:
        print(f"there is no cache: machine.cache_gb is 0 in {catalog.PARAMS}")
    if not usage:
        print(f"{folder} is empty")
        return 0
    print(f"{'stage':14}{'entries':>10}{'size':>12}   last run: from the cache / computed")
    for stage, each in usage.items():
        print(f"{stage:14}{each.entries:10}{format_size(each.size):>12}   {each.hits} / {each.misses}")
    total = sum(each.size for each in usage.values())
    entries = sum(each.entries for each in usage.values())
    print(f"{'total':14}{entries:10}{format_size(total):>12}   of at most {limit:g} GB")
    return 0


def format_size(size: int) -> str:
    """Return a size [bytes] in MB."""
    return f"{size / 1e6:.1f} MB"
