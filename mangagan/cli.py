"""The command line. The modules that do the work are imported when a command runs, so that `--help` is fast."""

import argparse
import importlib.util
import os
import signal
import sys
from collections.abc import Sequence

from mangagan.commands import (
    cache,
    dataset,
    faces,
    generate,
    import_faces,
    overrides,
    pipeline,
    review,
    sample,
    stages,
    watch,
    workspace,
)
from mangagan.core import catalog
from mangagan.core.code import PACKAGES, PROJECT
from mangagan.core.errors import UserError
from mangagan.core.libraries import configure_libraries

COMMAND_GROUPS = (
    workspace,
    stages,
    pipeline,
    watch,
    cache,
    import_faces,
    dataset,
    review,
    overrides,
    faces,
    generate,
    sample,
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="mangagan",
        description="Turn manga screenshots into a dataset of faces, train a DCGAN on it, and evaluate the DCGAN.",
        epilog="Start with `mangagan init DIR`. "
        f"Put screenshots into {catalog.SCREENSHOTS}/<title>/, or run `mangagan import` on faces that you have."
        " Then run `dvc repro` (or `mangagan run`).",
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.add_argument("--version", action=VersionAction, help="print the version and exit")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for group in COMMAND_GROUPS:
        group.add_commands(subparsers)
    return parser


class VersionAction(argparse.Action):
    """Print the version of the installed package; it is read only when it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print the version and exit."""
        from importlib.metadata import version

        print(f"mangagan {version('mangagan')}")
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: Arguments. Default: those of the process.

    Returns:
        The exit status: 0, 1 for a defect of the program, 2 for an error of the user, 130 after an interrupt,
        141 if the output was closed.
    """
    try:
        try:
            return run_command(argv)
        finally:
            sys.stdout.flush()  # the interpreter would do it at its end, where the error below cannot be caught
    except BrokenPipeError:  # the reader of the output, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def run_command(argv: Sequence[str] | None) -> int:
    """Run a command and print its error; see `main`.

    Raises:
        BrokenPipeError: The output was closed.
    """
    arguments = build_parser().parse_args(argv)
    debug = arguments.debug or bool(os.environ.get("MANGAGAN_DEBUG"))
    try:
        configure_libraries()
        return int(arguments.run(arguments))
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        print(f"mangagan: {arguments.command} interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except Exception as error:
        if debug:
            raise
        status, message = describe_error(error, arguments.command)
        print(f"mangagan: {message}", file=sys.stderr)
        return status


def describe_error(error: Exception, command: str) -> tuple[int, str]:
    """Return the exit status and the message of an error."""
    if isinstance(error, UserError):
        return 2, str(error)
    if isinstance(error, ModuleNotFoundError) and (package := missing_package(error)):
        is_clone = (PROJECT / "Makefile").is_file()
        setup = "Run: make setup && source .venv/bin/activate"
        advice = setup if is_clone else "Activate the environment of mangagan, or install it again"
        return 2, f"the Python package {package} is not installed. {advice}"
    reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return 1, f"{command} failed: {reason} (run with --debug for the traceback)"


def missing_package(error: ModuleNotFoundError) -> str:
    """Return the name of the third-party package that is not installed; empty if a module of this project is missing.

    A missing submodule of an installed package is not a missing package either.
    """
    package = (error.name or "").partition(".")[0]
    if package in PACKAGES:
        return ""
    try:
        installed = importlib.util.find_spec(package) is not None
    except ValueError:  # an empty name, or an entry without a spec in sys.modules
        installed = False
    return "" if installed else package
