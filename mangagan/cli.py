"""The command line. Modules that do the work are imported where they are used: `mangagan --help` answers at once."""

import argparse
import importlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from mangagan.commands import all as commands
from mangagan.core.catalog import STAGES
from mangagan.core.errors import UserError
from mangagan.core.libraries import configure_libraries


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="mangagan",
        description="Manga screenshots in; character faces, a DCGAN trained on them, and honest evaluation out.",
        epilog="Put screenshots into data/screenshots/<title>/ and run `dvc repro` (or `mangagan run`).",
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.add_argument("--version", action=Version, help="print the version and exit")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for stage, help_text in STAGES.items():
        add(subparsers, stage, help_text, f"mangagan {stage}").set_defaults(call=run_stage)
    add_pipeline_commands(subparsers)
    add_tool_commands(subparsers)
    return parser


class Version(argparse.Action):
    """Prints the installed version; looked up only when asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Answers `--version`."""
        from importlib.metadata import version

        print(f"mangagan {version('mangagan')}")
        parser.exit()


def add(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, help_text: str, example: str
) -> argparse.ArgumentParser:
    """Adds one command with its help and example."""
    parser = subparsers.add_parser(name, help=help_text, description=help_text, epilog=f"example: {example}")
    # Also accepted behind the command; SUPPRESS keeps an earlier --debug from being reset.
    parser.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error"
    )
    return parser


def add_pipeline_commands(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds what looks at or runs the pipeline as a whole."""
    parser = add(subparsers, "run", "run the pipeline as a Prefect flow", "mangagan run dedup")
    parser.add_argument("stages", nargs="*", metavar="STAGE", help="these and what they depend on; default: all")
    parser.set_defaults(call=commands.run_pipeline)

    parser = add(subparsers, "inspect", "print the manifest's summary", "mangagan inspect")
    parser.set_defaults(call=commands.inspect)

    parser = add(subparsers, "compare", "two runs side by side: figures and faces", "mangagan compare main exp-wide")
    parser.add_argument("first", metavar="REV1", help="a commit, branch, tag or DVC experiment; `workspace`: this one")
    parser.add_argument("second", metavar="REV2", nargs="?", default="workspace", help="default: the workspace")
    parser.add_argument("--out", type=Path, metavar="DIR", help="a new or empty folder (default out/compare-REV1-REV2)")
    parser.add_argument("--seed", type=natural, default=0, help="of the latents that both draw from (default 0)")
    parser.set_defaults(call=commands.compare)

    parser = add(
        subparsers, "export", "write the dataset as an image folder with metadata.csv", "mangagan export out/faces"
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="a new or empty folder")
    parser.set_defaults(call=commands.export)


def add_tool_commands(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds what works without the pipeline."""
    parser = add(subparsers, "faces", "detect faces in any images", "mangagan faces scans/ --out faces.csv")
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="images, or folders of them")
    parser.add_argument("--out", type=Path, required=True, help="CSV with the columns page,x,y,w,h,score")
    parser.set_defaults(call=commands.faces)

    add_generate(subparsers)

    parser = add(subparsers, "onnx", "write the generator as ONNX", "mangagan onnx out/generator.onnx")
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="takes z, float32 (n, z_dim) of N(0, 1); gives images, uint8 (n, channels, height, width)",
    )
    parser.set_defaults(call=commands.onnx)

    parser = add(subparsers, "sample", "draw the sample manga", "mangagan sample demo/data")
    parser.add_argument("directory", type=Path, metavar="DIR", help="gets screenshots/<title>/… and truth.json")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws other manga (default 0)")
    parser.add_argument("--pages", type=positive, default=24, help="pages a title (default 24)")
    parser.set_defaults(call=commands.sample)


def add_generate(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `generate`. What is None has its default in the library, and may not be given where it means nothing."""
    parser = add(subparsers, "generate", "draw new faces", "mangagan generate --count 64 --seed 1 --out out/new")
    outputs = parser.add_mutually_exclusive_group(required=True)
    outputs.add_argument("--out", type=Path, metavar="DIR", help="a new or empty folder; with --grid a PNG file")
    outputs.add_argument(
        "--interpolate", type=Path, metavar="FILE", help="an endless walk from face to face, as .gif or .webp"
    )
    parser.add_argument("--count", type=positive, help="how many (default 64)")
    parser.add_argument("--seed", type=int, help="same seed, same faces (default 0)")
    parser.add_argument(
        "--truncation",
        type=float,
        default=1.0,
        metavar="PSI",
        help="0 … 1, latents are multiplied by it (StyleGAN's ψ): less draws milder, more alike faces (default 1)",
    )
    parser.add_argument(
        "--z",
        type=Path,
        metavar="FILE",
        help="latents from N(0, 1) in place of the seed's: .npy of (N, z_dim), or .csv, one a line",
    )
    parser.add_argument(
        "--grid",
        type=positive,
        nargs="?",
        const=0,
        metavar="COLUMNS",
        help="one picture of all faces (default: about as wide as high)",
    )
    parser.add_argument("--keyframes", type=positive, help="faces that a walk passes through (default 8)")
    parser.add_argument("--frames", type=positive, help="images of a walk (default 120)")
    parser.add_argument("--fps", type=positive, help="images a second (default 20)")
    parser.set_defaults(call=commands.generate)


def positive(text: str) -> int:
    """An argument that counts something."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def natural(text: str) -> int:
    """An argument that is a seed."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must be at least 0")
    return value


def run_stage(arguments: argparse.Namespace) -> int:
    """Runs one stage in the working directory."""
    from mangagan.process import die_with_parent, run_under_dvc

    if run_under_dvc():
        die_with_parent()
    started = time.monotonic()
    importlib.import_module(f"mangagan.stages.{arguments.command}").run()
    note_seconds(arguments.command, time.monotonic() - started)
    return 0


def note_seconds(stage: str, seconds: float) -> None:
    """Keeps how long a stage took, for the report: beside the outs, which are the same however long they take."""
    from mangagan.core import catalog
    from mangagan.core.files import write_json

    write_json(catalog.timing(stage), {"seconds": round(seconds, 1)})


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit status: 0, 1 for a defect, 2 for the user's mistakes, 130 when interrupted."""
    arguments = build_parser().parse_args(argv)
    debug = arguments.debug or bool(os.environ.get("MANGAGAN_DEBUG"))
    configure_libraries()
    try:
        return int(arguments.call(arguments))
    except KeyboardInterrupt:
        print(f"mangagan: {arguments.command} interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except UserError as error:
        if debug:
            raise
        print(f"mangagan: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if debug:
            raise
        print(
            f"mangagan: no module {error.name}: `source .venv/bin/activate` first (made by `make setup`)",
            file=sys.stderr,
        )
        return 2
    except Exception as error:
        if debug:
            raise
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        print(f"mangagan: {arguments.command} failed: {reason} (run with --debug for the traceback)", file=sys.stderr)
        return 1
