"""`python -m benchmarks.face_sets`: write the face sets on which recipes are compared, each as one file `<name>.npz`.

labelled: the usable faces of DIR/faces.json in five parts, split by page; each part is the hold-out set of one fold.
drawn: large faces of the sample manga; the hold-out set shows the same characters on other pages.

The faces are cropped as the stage normalize crops the boxes of the project's own detector. In no fold do training and
hold-out set share a page. Each set has a contact sheet `<name>.png`. This module does not need pyarrow, which a
rented GPU machine may lack. Prints one JSON line: size and content of the sets.
"""

import argparse
import hashlib
import itertools
import json
import multiprocessing
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.machine import describe_machine, get_peak_memory_mb
from mangagan.commands.arguments import positive_int
from mangagan.core.errors import UserError
from mangagan.core.files import atomic_path
from mangagan.core.images import write_png
from mangagan.core.progress import progress_bar, track
from mangagan.detection.backends.mangaface import MangaFace
from mangagan.detector_training.labels import locate_page, read_labels
from mangagan.faces.crop import crop_square, expand_to_square, resize
from mangagan.pages.decode import UnreadableError, decode_page, is_gray
from mangagan.pictures.grid import choose_evenly, draw_grid
from mangagan.sample.character import STYLES, Style
from mangagan.sample.manga import draw_story_page

SIZE = 112  # side of a face [px]
GRAY_SHARE = 0.98  # smallest share of gray faces in a gray set, as in the stage train
FOLDS = 5  # number of folds of the set labelled
MIN_DRAWN_SIDE = 60  # smallest longer side of a drawn face [px]; with its margin 102 px, so the crop is hardly enlarged
PAGES_PER_WORKER = 16  # pages drawn at a time per worker; limits the memory
SHEET_FACES = 96  # faces on a contact sheet
SET_NAMES = ("labelled", "drawn")
ARRAYS = ("faces", "pages", "gray", "part")  # arrays in the file of a set
Job = tuple[int, Style, int]  # seed, title, page


@dataclass(frozen=True)
class Face:
    """One face crop.

    Attributes:
        pixels: uint8 (SIZE, SIZE) or (SIZE, SIZE, 3).
        page: The page of the face.
        upscale: Output pixels per page pixel.
    """

    pixels: np.ndarray
    page: str
    upscale: float


# `map`, or that of a process pool
MapFunction = Callable[[Callable[[Job], list[Face]], list[Job]], Iterable[list[Face]]]


@dataclass(frozen=True)
class FaceSet:
    """Faces for training and hold-out.

    Attributes:
        name: One of SET_NAMES.
        faces: uint8 (N, C, SIZE, SIZE), C is 1 or 3.
        pages: str (N,): the page of each face.
        gray: bool (N,): True if the face has practically no colour.
        part: int64 (N,): part of each face; fold k holds out part k and trains on all other parts.
        folds: Number of folds; faces in parts >= `folds` are always in the training set.
    """

    name: str
    faces: np.ndarray
    pages: np.ndarray
    gray: np.ndarray
    part: np.ndarray
    folds: int

    def split_fold(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the training faces and the hold-out faces of a fold, each uint8 (n, C, SIZE, SIZE).

        Raises:
            ValueError: The fold does not exist.
        """
        if not 0 <= number < self.folds:
            raise ValueError(f"{self.name} has no fold {number}. Choose from folds 0 … {self.folds - 1}")
        return self.faces[self.part != number], self.faces[self.part == number]


def main(argv: list[str] | None = None) -> int:
    """Write the sets and print one JSON line; return the exit status."""
    arguments = parse(argv)
    try:
        print(json.dumps(run(arguments)))
    except UserError as error:
        print(f"benchmarks.face_sets: {error}", file=sys.stderr)
        return 2
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.face_sets",
        description="Write the face sets on which recipes are compared.",
        epilog="example: python -m benchmarks.face_sets --data labelled --out out/sets",
    )
    parser.add_argument("--out", type=Path, default=Path("out/sets"), help="output folder (default: %(default)s)")
    parser.add_argument(
        "--data", type=Path, help="folder with faces.json and pages/ for the set labelled (default: write only drawn)"
    )
    parser.add_argument(
        "--train", type=positive_int, default=1200, help="number of drawn training faces (default: %(default)s)"
    )
    parser.add_argument(
        "--holdout", type=positive_int, default=5000, help="number of drawn hold-out faces (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the drawings, 0 or more (default: %(default)s)")
    parser.add_argument(
        "--workers", type=positive_int, default=1, help="number of drawing processes (default: %(default)s)"
    )
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace) -> dict[str, object]:
    """Write the sets and return the report that `main` prints."""
    sets: dict[str, object] = {}
    for name in SET_NAMES if arguments.data else SET_NAMES[1:]:
        started = time.perf_counter()
        if name == "labelled":
            faces = read_labelled_faces(arguments.data)
            face_set = build_face_set(name, faces, [assign_part(face.page) for face in faces], FOLDS)
        else:
            faces, held_out = draw_faces(arguments.seed, arguments.train, arguments.holdout, arguments.workers)
            face_set = build_face_set(name, faces, [0 if held else 1 for held in held_out], 1)
        upscale = round(float(np.median([face.upscale for face in faces])), 4)
        save(arguments.out, face_set)
        sets[name] = {
            **describe(face_set),
            "median_upscale": upscale,
            "seconds": round(time.perf_counter() - started, 1),
        }
    return {"benchmark": "face_sets", "sets": sets, "peak_mb": get_peak_memory_mb(), "machine": describe_machine()}


def describe(face_set: FaceSet) -> dict[str, object]:
    """Return size and content of a set."""
    folds = [face_set.split_fold(number) for number in range(face_set.folds)]
    return {
        "faces": len(face_set.faces),
        "channels": face_set.faces.shape[1],
        "gray_share": round(float(face_set.gray.mean()), 4),
        "pages": len(set(face_set.pages)),
        "train": [len(train) for train, _ in folds],
        "holdout": [len(holdout) for _, holdout in folds],
    }


def crop_face(page: np.ndarray, box: np.ndarray, name: str) -> Face:
    """Crop a face as the stage normalize does.

    Args:
        page: uint8 (H, W) or (H, W, 3).
        box: x, y, w, h [px], tight around the face, as the project's own detector returns it.
        name: Name of the page.
    """
    square = expand_to_square(box, MangaFace.crop_margin)
    return Face(resize(crop_square(page, square), SIZE), name, SIZE / square.side)


def read_labelled_faces(data: Path) -> list[Face]:
    """Return the usable faces of a folder with faces.json, sorted by page.

    Raises:
        UserError: A file is missing or damaged, or no face is usable.
    """
    labels = read_labels(data)
    faces = []
    for name in track(sorted(labels), len(labels), "crop", "pages"):
        boxes = [np.array([row[key] for key in "xywh"], float) for row in labels[name] if row["usable"]]
        path = locate_page(data, name)
        try:
            page = decode_page(path.read_bytes()).pixels if boxes else None
        except (OSError, UnreadableError) as error:
            raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from None
        faces += [crop_face(page, box, name) for box in boxes if page is not None]
    if not faces:
        raise UserError(f"{data}/faces.json has no usable face. Mark faces as usable in it")
    return faces


def assign_part(page: str) -> int:
    """Return the part [0, FOLDS) of a page; it does not depend on other pages."""
    return int.from_bytes(hashlib.blake2b(page.encode(), digest_size=8).digest()) % FOLDS


def draw_faces(seed: int, train: int, holdout: int, workers: int) -> tuple[list[Face], list[bool]]:
    """Draw equally many faces of each title: the first pages for training, the following pages for hold-out.

    Args:
        seed: Seed of the drawings, 0 or more.
        train: Number of training faces.
        holdout: Number of hold-out faces.
        workers: Number of processes; it does not affect the faces.

    Returns:
        The faces, sorted by title, and a list of bool: True if the face is in the hold-out set.

    Raises:
        UserError: `seed` is negative.
    """
    if seed < 0:
        raise UserError(f"--seed is {seed}. Choose 0 or more")
    if workers == 1:
        return draw_titles(map, 1, seed, [train, holdout])
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        return draw_titles(pool.map, PAGES_PER_WORKER * workers, seed, [train, holdout])


def draw_titles(apply: MapFunction, block: int, seed: int, wanted: list[int]) -> tuple[list[Face], list[bool]]:
    """Draw the faces of all titles; see `draw_faces`.

    Args:
        apply: `map`, or the `map` of a process pool.
        block: Pages drawn at a time.
        seed: Seed of the drawings.
        wanted: Number of training faces and of hold-out faces.
    """
    faces: list[Face] = []
    held_out: list[bool] = []
    with progress_bar(sum(wanted), "draw", "faces") as progress:
        for number, style in enumerate(STYLES):
            pages = draw_pages(apply, block, seed, style)
            for held, total in enumerate(wanted):
                count, drawn = split_evenly(total, number), list[Face]()
                while len(drawn) < count:
                    drawn += next(pages)
                    progress.update(min(len(drawn), count) + len(faces) - progress.n)
                faces += drawn[:count]
                held_out += [bool(held)] * count
    return faces, held_out


def split_evenly(count: int, number: int) -> int:
    """Return the share of title `number` when `count` faces are split evenly among the titles."""
    return count * (number + 1) // len(STYLES) - count * number // len(STYLES)


def draw_pages(apply: MapFunction, block: int, seed: int, style: Style) -> Iterator[list[Face]]:
    """Yield the faces of page 1, 2, … of a title."""
    for first in itertools.count(1, block):
        yield from apply(draw_page_faces, [(seed, style, number) for number in range(first, first + block)])


def draw_page_faces(job: Job) -> list[Face]:
    """Return the usable faces of one page whose longer side is at least MIN_DRAWN_SIDE pixels."""
    seed, style, number = job
    page, rows = draw_story_page(seed, style, number)
    boxes = [np.array([row[key] for key in "xywh"], float) for row in rows if row["usable"]]
    return [crop_face(page, box, f"{style.title}/{number}") for box in boxes if box[2:].max() >= MIN_DRAWN_SIDE]


def build_face_set(name: str, faces: list[Face], part: list[int], folds: int) -> FaceSet:
    """Return faces as a set: gray if at least GRAY_SHARE of the faces are gray, as in the stage train, else RGB."""
    gray = np.array([is_gray(face.pixels) for face in faces])
    mode = "L" if gray.mean() >= GRAY_SHARE else "RGB"
    stack = np.empty((len(faces), 1 if mode == "L" else 3, SIZE, SIZE), np.uint8)
    for image, face in zip(stack, faces, strict=True):
        pixels = np.asarray(Image.fromarray(face.pixels).convert(mode))
        image[:] = pixels.reshape(SIZE, SIZE, -1).transpose(2, 0, 1)
    return FaceSet(name, stack, np.array([face.page for face in faces]), gray, np.array(part), folds)


def save(folder: Path, face_set: FaceSet) -> None:
    """Write `<name>.npz` and the contact sheet `<name>.png`: training faces above hold-out faces of fold 0."""
    with atomic_path(folder / f"{face_set.name}.npz") as temporary, temporary.open("wb") as file:
        arrays = {key: getattr(face_set, key) for key in ARRAYS}
        np.savez_compressed(file, **arrays, folds=np.array(face_set.folds))
    shown = [side[choose_evenly(len(side), SHEET_FACES // 2)] for side in face_set.split_fold(0)]
    write_png(folder / f"{face_set.name}.png", draw_grid(np.concatenate(shown), 12))


def load(folder: Path, name: str) -> FaceSet:
    """Read a set that `save` wrote.

    Raises:
        UserError: The file is missing or damaged.
    """
    path = folder / f"{name}.npz"
    try:
        with np.load(path) as file:
            faces, pages, gray, part = (file[key] for key in ARRAYS)
            return FaceSet(name, faces, pages, gray, part, int(file["folds"]))
    except FileNotFoundError:
        data = " --data DIR" if name == "labelled" else ""
        raise UserError(f"{path} not found. Run: python -m benchmarks.face_sets --out {folder}{data}") from None
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path} is damaged ({error}). Write it again with benchmarks.face_sets") from None


if __name__ == "__main__":
    sys.exit(main())
