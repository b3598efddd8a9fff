"""`mangagan cache`: size and use of the cache of single results."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mangagan.commands.arguments import add_command
from mangagan.core import catalog
from mangagan.core.errors import UserError

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
        "It only saves time: without it, the next run computes the same files.",
    )
    parser.add_argument("--clear", action="store_true", help="delete all entries")


def show_cache(arguments: argparse.Namespace) -> int:
    """Print entries, size and hits of each stage; with --clear, delete the cache."""
    from mangagan.core.cache import delete_cache, open_cache
    from mangagan.core.machine import load_machine

    limit = load_machine().cache_gb
    folder = Path(catalog.CACHE)
    if arguments.clear:
        delete_cache(folder)
        print(f"{folder} is empty")
        return 0
    if not limit:
        raise UserError(
            f"there is no cache: machine.cache_gb is 0. To use one, set a positive number in {catalog.PARAMS}"
        )
    if not folder.is_dir():
        raise UserError(f"{folder} does not exist yet. Run: dvc repro")
    with open_cache(Path(), "cache", limit) as cache:
        usage = cache.measure()
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
