"""`mangagan review`: look at the faces and decide about them on a local web page."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mangagan.commands.arguments import add_command
from mangagan.core import catalog

if TYPE_CHECKING:
    from mangagan.commands.arguments import Subparsers

PORT = 8765


def add_commands(subparsers: "Subparsers") -> None:
    """Add `review`."""
    parser = add_command(
        subparsers,
        "review",
        review,
        "show all faces on a local web page, to keep, drop, merge or part them by hand",
        "mangagan review",
        f"The page is available on this machine only. Decisions are saved at once in {catalog.OVERRIDES};\n"
        "the next `dvc repro` applies them.",
    )
    parser.add_argument("--port", type=port_number, default=PORT, help="port on this machine (default: %(default)s)")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page in the browser")


def port_number(text: str) -> int:
    """Parse a port. 0: any free port."""
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError("must be from 0 to 65535")
    return value


def review(arguments: argparse.Namespace) -> int:
    """Serve the page until the user interrupts it."""
    from mangagan.review.server import serve

    try:
        serve(Path(), arguments.port, not arguments.no_browser)
    except KeyboardInterrupt:  # the usual way to stop it
        print("review: stopped")
    return 0
