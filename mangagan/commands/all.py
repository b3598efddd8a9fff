"""What each command that is no stage does."""

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mangagan.core import catalog, params
from mangagan.core.errors import UserError
from mangagan.core.files import sha256_file

COUNT = 64  # faces that `generate` draws by default
WALK = ("keyframes", "frames", "fps")  # options of its walk, as `animate.Walk` names them


def run_pipeline(arguments: argparse.Namespace) -> int:
    """`mangagan run`: the Prefect flow, from the workspace's own code."""
    # The console script's import path lacks the working directory, where a workspace keeps its flows.
    sys.path.insert(0, str(Path.cwd()))
    from flows.pipeline import main

    return int(main(arguments.stages))


def compare(arguments: argparse.Namespace) -> int:
    """`mangagan compare`: the figures and faces of two recorded runs side by side."""
    from tasks.compare import compare, default_folder

    names = (arguments.first, arguments.second)
    folder = arguments.out or default_folder(names)
    require_empty(folder)
    compare(names, folder, arguments.seed)
    return 0


def inspect(arguments: argparse.Namespace) -> int:
    """`mangagan inspect`: per title pages, faces, kept, and dropped by reason."""
    import pandas as pd

    from mangagan.dataset.manifest import read_manifest, summarize
    from mangagan.pages.table import read_pages

    pages = read_pages(catalog.PAGES_TABLE)
    summary = summarize(read_manifest(catalog.MANIFEST))
    counts = pages[pages["reason"] == ""].groupby("title").size()
    table = counts.rename("pages").to_frame().join(summary).fillna(0).astype(int)
    totals = pd.DataFrame([table.sum()], index=[f"all {len(table)} titles"])
    print(pd.concat([table, totals]).to_string())
    rejected = pages[pages["reason"] != ""]
    if len(rejected):
        print(f"\n{len(rejected)} files turned away:")
        for row in rejected.itertuples():
            print(f"  {row.source}: {row.reason}")
    return 0


def export(arguments: argparse.Namespace) -> int:
    """`mangagan export`: loose PNG files in the layout of Hugging Face's ImageFolder."""
    from mangagan.dataset.export import export_faces

    require_empty(arguments.directory)
    count = export_faces(Path(), arguments.directory)
    print(f"{count} faces in {arguments.directory}")
    return 0


def require_empty(directory: Path) -> None:
    """Raises UserError unless the folder is new or empty, so that old and new files are never mixed."""
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise UserError(f"{directory} is not an empty folder: name another one")


def generate(arguments: argparse.Namespace) -> int:
    """`mangagan generate`: new faces as PNG files, as one grid, or as an animated walk."""
    refuse_mixtures(arguments)
    from mangagan.generation.animation import Walk, write_animation
    from mangagan.generation.latents_file import read_latents
    from mangagan.generation.samples import Source, write_grid, write_samples
    from mangagan.networks.weights import load_generator

    source = Source(arguments.seed or 0, arguments.truncation)
    generator = load_generator(catalog.GENERATOR, catalog.MODEL_CARD)
    count = arguments.count or COUNT
    if arguments.z:
        given = read_latents(arguments.z, generator.z_dim)
        source = replace(source, given=given, given_sha256=sha256_file(arguments.z))
        count = len(given)
    if arguments.interpolate:
        chosen = {name: value for name in WALK if (value := getattr(arguments, name)) is not None}
        walk = Walk(**chosen, **({"keyframes": count} if arguments.z else {}))
        write_animation(arguments.interpolate, generator, source, walk)
        print(f"{walk.frames} frames in {arguments.interpolate}")
        return 0
    if arguments.grid is None:
        write_samples(arguments.out, generator, source, count)
    else:
        write_grid(arguments.out, generator, source, count, arguments.grid or None)
    print(f"{count} faces in {arguments.out}")
    return 0


def refuse_mixtures(arguments: argparse.Namespace) -> None:
    """Raises UserError for options that mean nothing together, and for an output that cannot be one."""
    given = {name for name, value in vars(arguments).items() if value is not None}
    walks = "interpolate" in given
    for option, idle in {
        "interpolate" if walks else "out": {"count", "grid"} if walks else set(WALK),
        "z": {"count", "seed", "keyframes"},  # all of the file's latents are taken
    }.items():
        if option in given and (wrong := sorted(given & idle)):
            raise UserError(f"--{wrong[0]} does not go with --{option}: leave one of them out")
    if walks:
        return
    if arguments.grid is None:
        require_empty(arguments.out)
        if arguments.out.is_mount():
            raise UserError(f"{arguments.out} is a mount point: name a new folder in it")
    elif arguments.out.suffix.lower() != ".png":
        raise UserError(f"--grid writes one picture: --out {arguments.out} must end in .png")


def onnx(arguments: argparse.Namespace) -> int:
    """`mangagan onnx`: the generator for other runtimes."""
    from mangagan.generation.onnx_export import write_onnx
    from mangagan.networks.weights import load_generator

    write_onnx(arguments.file, load_generator(catalog.GENERATOR, catalog.MODEL_CARD))
    print(f"the generator in {arguments.file}")
    return 0


def sample(arguments: argparse.Namespace) -> int:
    """`mangagan sample`: the sample manga with its ground truth."""
    from mangagan.core.parallel import cpu_count
    from mangagan.sample import draw_manga

    if (arguments.directory / "screenshots").exists():
        raise UserError(f"{arguments.directory}/screenshots exists already: name another folder")
    truth = draw_manga(arguments.directory, arguments.seed, arguments.pages, cpu_count())
    print(f"{len(truth['pages'])} screenshots in {arguments.directory}/screenshots, truth in truth.json beside it")
    return 0


def faces(arguments: argparse.Namespace) -> int:
    """`mangagan faces`: boxes and scores of the faces in any images, by the detector of params.yaml."""
    from mangagan.core.files import atomic_path
    from mangagan.core.libraries import limit_to_one_thread
    from mangagan.core.progress import track
    from mangagan.detection.registry import DetectParams, build_detector
    from mangagan.detection.run import detect_pages
    from mangagan.pages.decode import Page, Unreadable, decode_page

    limit_to_one_thread()
    settings = params.load("detect", DetectParams)
    detector = build_detector(settings, Path())
    images = list(list_images(arguments.paths))

    def decoded() -> Iterator[tuple[str, Page]]:
        for name, path in images:
            try:
                yield name, decode_page(path.read_bytes())
            except (OSError, Unreadable) as error:
                print(f"mangagan: {path} left out: {error}", file=sys.stderr)

    count, searched = 0, 0
    with atomic_path(arguments.out) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["page", "x", "y", "w", "h", "score"])
        for name, (boxes, scores, _) in track(detect_pages(detector, decoded()), len(images), "faces", "images"):
            writer.writerows([name, *box, score] for box, score in zip(boxes.tolist(), scores.tolist(), strict=True))
            count, searched = count + len(boxes), searched + 1
        if not searched:  # before the file takes its place
            raise UserError(f"none of the {len(images)} images could be read: name PNG, JPEG or WebP files")
    print(f"{count} faces in {searched} images: {arguments.out}")
    return 0


def list_images(given: list[Path]) -> Iterator[tuple[str, Path]]:
    """Each image with its name in the CSV: relative to the folder given, or as given for a file.

    Raises:
        UserError: a path does not exist, or a folder holds no image.
    """
    from mangagan.readers.listing import READERS, natural_key, visible

    for path in given:
        if path.is_dir():
            inside = [f for f in path.rglob("*") if f.is_file() and f.suffix.lower() in READERS and visible(f.name)]
            if not inside:
                raise UserError(f"no PNG, JPEG or WebP file in {path}")
            names = {file.relative_to(path).as_posix(): file for file in inside}
            yield from sorted(names.items(), key=lambda item: (natural_key(item[0]), item[0]))
        elif path.is_file():
            yield path.as_posix(), path
        else:
            raise UserError(f"no file or folder {path}")
