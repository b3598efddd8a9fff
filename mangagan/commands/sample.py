"""`mangagan sample`: draw the sample manga."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mangagan.commands.arguments import add_command, positive_int
from mangagan.core.errors import UserError

if TYPE_CHECKING:
    from mangagan.commands.arguments import Subparsers


def add_commands(subparsers: "Subparsers") -> None:
    """Add `sample`."""
    parser = add_command(
        subparsers, "sample", sample, "draw a sample manga with its ground truth", "mangagan sample demo/data"
    )
    parser.add_argument(
        "directory", type=Path, metavar="DIR", help="output folder; gets screenshots/<title>/ and truth.json"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the drawings (default: %(default)s)")
    parser.add_argument("--pages", type=positive_int, default=24, help="pages per title (default: %(default)s)")


def sample(arguments: argparse.Namespace) -> int:
    """Draw the sample manga."""
    from mangagan.core.parallel import cpu_count
    from mangagan.sample.manga import draw_manga

    screenshots = arguments.directory / "screenshots"
    if screenshots.exists():
        raise UserError(f"{screenshots} exists already. Choose another folder")
    truth = draw_manga(arguments.directory, arguments.seed, arguments.pages, cpu_count())
    print(f"{len(truth['pages'])} screenshots in {screenshots}, ground truth in {arguments.directory / 'truth.json'}")
    return 0
