"""`mangagan generate` and `mangagan onnx`: use the trained generator."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mangagan.commands.arguments import add_command, positive_int, require_empty
from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.core.files import sha256_file

if TYPE_CHECKING:
    from mangagan.commands.arguments import Subparsers
    from mangagan.generation.samples import LatentSource
    from mangagan.networks.dcgan import Generator

DEFAULT_COUNT = 64
ANIMATION_OPTIONS = ("keyframes", "frames", "fps")  # fields of `LatentWalk`
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif"})


def add_commands(subparsers: "Subparsers") -> None:
    """Add `generate` and `onnx`."""
    add_generate(subparsers)
    parser = add_command(subparsers, "onnx", onnx, "export the generator as ONNX", "mangagan onnx out/generator.onnx")
    add_model_option(parser)
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="ONNX file; input z: float32 (n, z_dim) from N(0, 1); output: uint8 (n, channels, height, width)",
    )


def add_generate(subparsers: "Subparsers") -> None:
    """Add `generate`. Its options default to None, which means "not given": options that do not apply are errors."""
    parser = add_command(
        subparsers,
        "generate",
        generate,
        "generate new faces with the trained model",
        "mangagan generate --count 64 --seed 1 --out out/new",
    )
    add_model_option(parser)
    outputs = parser.add_mutually_exclusive_group(required=True)
    outputs.add_argument("--out", type=Path, metavar="PATH", help="new or empty folder; with --grid a PNG file")
    outputs.add_argument(
        "--interpolate", type=Path, metavar="FILE", help="write a looping animation between faces, .gif or .webp"
    )
    parser.add_argument("--count", type=positive_int, help=f"number of faces (default: {DEFAULT_COUNT})")
    parser.add_argument("--seed", type=int, help="seed of the latents; equal seeds give equal faces (default: 0)")
    parser.add_argument(
        "--truncation",
        type=float,
        default=1.0,
        metavar="PSI",
        help="factor of the latents in [0, 1]; smaller: more typical and less diverse faces (default: 1)",
    )
    parser.add_argument(
        "--z",
        type=Path,
        metavar="FILE",
        help="file of latents, replaces --seed: .npy (N, z_dim), or .csv with one latent per line",
    )
    parser.add_argument(
        "--grid",
        type=positive_int,
        nargs="?",
        const=0,
        metavar="COLUMNS",
        help="write all faces as one picture with this number of columns (default: as many columns as rows)",
    )
    parser.add_argument("--keyframes", type=positive_int, help="number of random faces in the animation (default: 8)")
    parser.add_argument("--frames", type=positive_int, help="frames of an animation (default: 120)")
    parser.add_argument("--fps", type=positive_int, help="frames per second of an animation, 1 to 50 (default: 20)")


def add_model_option(parser: argparse.ArgumentParser) -> None:
    """Add `--model`."""
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help=f"generator, with its {catalog.MODEL_CARD.name} in the same folder (default: {catalog.GENERATOR})",
    )


def load_model(path: Path | None) -> "Generator":
    """Read the generator of `--model`, or that of the workspace.

    Raises:
        UserError: There is no such file, or it is a folder, or it is not a generator.
    """
    from mangagan.networks.weights import load_generator

    if path is None:
        if not any(file.exists() for file in (catalog.MODEL_CARD, catalog.PARAMS)):
            raise UserError(f"{catalog.GENERATOR} not found. Change to a workspace, or give a generator with --model")
        return load_generator(catalog.GENERATOR, catalog.MODEL_CARD)
    require_model_file(path)
    card = path.with_name(catalog.MODEL_CARD.name)
    require_model_file(card)
    return load_generator(path, card)


def require_model_file(path: Path) -> None:
    """Raise UserError if a file of `--model` is missing or is not a file."""
    if not path.is_file():
        fault = "is not a file" if path.exists() else "not found"
        name = catalog.MODEL_CARD.name
        raise UserError(f"{path} {fault}. --model needs the weights and the {name} of the stage train")


def generate(arguments: argparse.Namespace) -> int:
    """Write new faces as PNG files, as one grid, or as an animation."""
    check_options(arguments)
    from mangagan.generation.latents_file import read_latents
    from mangagan.generation.samples import LatentSource, write_grid, write_samples

    source = LatentSource(arguments.seed or 0, arguments.truncation)
    generator = load_model(arguments.model)
    count = arguments.count or DEFAULT_COUNT
    if arguments.z:
        latents = read_latents(arguments.z, generator.z_dim)
        source = replace(source, given=latents, given_sha256=sha256_file(arguments.z))
        count = len(latents)
    if arguments.interpolate:
        animate(arguments, generator, source)
        return 0
    if arguments.grid is None:
        write_samples(arguments.out, generator, source, count)
    else:
        write_grid(arguments.out, generator, source, count, arguments.grid or None)
    print(f"{count} faces in {arguments.out}")
    return 0


def animate(arguments: argparse.Namespace, generator: "Generator", source: "LatentSource") -> None:
    """Write an animation between faces."""
    from mangagan.generation.animation import LatentWalk, write_animation

    options = {name: value for name in ANIMATION_OPTIONS if (value := getattr(arguments, name)) is not None}
    if source.given is not None:
        options["keyframes"] = len(source.given)
    walk = LatentWalk(**options)
    write_animation(arguments.interpolate, generator, source, walk)
    print(f"{walk.frames} frames in {arguments.interpolate}")


def check_options(arguments: argparse.Namespace) -> None:
    """Raise UserError if options exclude each other, or the output path does not fit them."""
    given = {name for name, value in vars(arguments).items() if value is not None}
    excluded = {
        "interpolate": {"count", "grid"},
        "out": set(ANIMATION_OPTIONS),
        "z": {"count", "seed", "keyframes"},  # all latents of the file are used
    }
    for option, others in excluded.items():
        if option in given and (conflicts := sorted(given & others)):
            raise UserError(f"--{conflicts[0]} cannot be used with --{option}. Omit one of them")
    if arguments.out is not None:
        check_output(arguments.out, grid=arguments.grid is not None)


def check_output(path: Path, grid: bool) -> None:
    """Raise UserError if `--out` is not a PNG file for a grid, or not a new or empty folder for single images."""
    suffix = path.suffix.lower()
    if grid:
        if suffix != ".png":
            raise UserError(f"--grid writes one picture: --out {path} must end in .png")
        return
    if suffix in IMAGE_SUFFIXES:
        raise UserError(
            f"--out {path} is a file name, but without --grid a folder is written. Add --grid, or give a folder"
        )
    require_empty(path)
    if path.is_mount():
        raise UserError(f"{path} is a mount point. Choose a new folder in it")


def onnx(arguments: argparse.Namespace) -> int:
    """Write the generator as an ONNX file."""
    from mangagan.generation.onnx_export import write_onnx

    write_onnx(arguments.file, load_model(arguments.model))
    print(f"the generator in {arguments.file}")
    return 0
