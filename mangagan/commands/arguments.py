"""Parts that the parsers of several commands share."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mangagan.core.errors import UserError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

Command = Callable[[argparse.Namespace], int]


def add_command(
    subparsers: "Subparsers", name: str, run: Command, summary: str, example: str, details: str = ""
) -> argparse.ArgumentParser:
    """Add the parser of one command.

    Args:
        subparsers: Where to add it.
        name: Name of the command.
        run: Function that runs the command and returns the exit status.
        summary: One line for the list of commands.
        example: Complete command line.
        details: Further text of the command's own help. Line breaks are kept.

    Returns:
        The parser, for the arguments of the command.
    """
    parser = subparsers.add_parser(
        name,
        help=summary,
        description="\n\n".join(text for text in (summary, details) if text),
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # `--debug` is accepted before and after the command. SUPPRESS keeps the value that was given before the command.
    parser.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error"
    )
    parser.set_defaults(run=run)
    return parser


def positive_int(text: str) -> int:
    """Parse an integer of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def non_negative_int(text: str) -> int:
    """Parse an integer of at least 0."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must be at least 0")
    return value


def require_empty(directory: Path) -> None:
    """Raise UserError unless the folder is new or empty, so that old and new files are never mixed."""
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise UserError(f"{directory} is not an empty folder. Choose another one")
