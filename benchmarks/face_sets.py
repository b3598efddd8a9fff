"""`python -m benchmarks.face_sets`: the faces that recipes are compared on, each set as one file `<name>.npz`.

labelled: the usable faces of DIR/faces.json, in five parts by page; each part is the hold-out of a fold.
drawn: faces of the sample manga, drawn large; the hold-out shows the same people, in the same hands, on other pages.

Both are cropped as the stage normalize crops the boxes of the project's own detector; no page is on both sides of a
fold. One JSON line on stdout says what is in them, a contact sheet beside each file shows it. This module needs no
pyarrow: a GPU machine may lack it.
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

from benchmarks.machine import facts, peak_mb
from mangagan.cli import positive
from mangagan.core.errors import UserError
from mangagan.core.files import atomic_path
from mangagan.core.images import write_png
from mangagan.core.progress import progress_bar, track
from mangagan.detection.backends.mangaface import MangaFace
from mangagan.detector_training.labels import page_path, read_labels
from mangagan.faces.crop import crop_square, resize, square_around
from mangagan.pages.decode import Unreadable, decode_page, is_gray
from mangagan.pictures.grid import grid, spread
from mangagan.sample import STYLES
from mangagan.sample.character import Style
from mangagan.sample.manga import draw_story_page

SIZE = 112  # px
GRAY_SHARE = 0.98  # as in the stage train: from here on a set is gray
FOLDS = 5  # of the labelled faces
SMALLEST_DRAWN = 60  # px, longer side of a drawn face's box: with its margin 102 px, hardly enlarged
BLOCK = 16  # pages a worker that are under way at once: bounds the memory
SHEET = 96  # faces of a contact sheet
NAMES = ("labelled", "drawn")
Job = tuple[int, Style, int]  # seed, title, page


@dataclass(frozen=True)
class Face:
    """A face: its crop, uint8 (SIZE, SIZE) or (SIZE, SIZE, 3); the page it is from; output px a page px."""

    pixels: np.ndarray
    page: str
    upscale: float


Apply = Callable[[Callable[[Job], list[Face]], list[Job]], Iterable[list[Face]]]  # `map`, in this process or in others


@dataclass(frozen=True)
class FaceSet:
    """Faces to train on and to hold out.

    Attributes:
        name: one of NAMES.
        faces: uint8 (N, C, SIZE, SIZE), C 1 or 3.
        pages: str (N,): the page that each is from.
        gray: bool (N,): whether each has no colour to speak of.
        part: int64 (N,): fold k holds out part k and trains on all the others.
        folds: how many folds there are; a higher part is held out by none.
    """

    name: str
    faces: np.ndarray
    pages: np.ndarray
    gray: np.ndarray
    part: np.ndarray
    folds: int

    def fold(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """The faces to train on and those held out, each uint8 (n, C, SIZE, SIZE).

        Raises:
            ValueError: there is no such fold.
        """
        if not 0 <= number < self.folds:
            raise ValueError(f"{self.name} has folds 0 … {self.folds - 1}, not {number}")
        return self.faces[self.part != number], self.faces[self.part == number]


def main(argv: list[str] | None = None) -> int:
    """Makes the sets and prints one JSON line; returns the exit status."""
    arguments = parse(argv)
    try:
        print(json.dumps(run(arguments)))
    except UserError as error:
        print(f"benchmarks.face_sets: {error}", file=sys.stderr)
        return 2
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.face_sets",
        description="Makes the sets of faces that recipes are compared on.",
        epilog="example: python -m benchmarks.face_sets --data labelled --out out/sets",
    )
    parser.add_argument("--out", type=Path, default=Path("out/sets"), help="folder (default: %(default)s)")
    parser.add_argument("--data", type=Path, help="folder with faces.json and pages/; without it only drawn is made")
    parser.add_argument("--train", type=positive, default=1200, help="drawn faces to train on (default: %(default)s)")
    parser.add_argument("--holdout", type=positive, default=5000, help="drawn faces held out (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the drawing, 0 or more (default: %(default)s)")
    parser.add_argument("--workers", type=positive, default=1, help="processes that draw (default: %(default)s)")
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace) -> dict[str, object]:
    """Makes and writes the sets; what is printed."""
    sets: dict[str, object] = {}
    for name in NAMES if arguments.data else NAMES[1:]:
        started = time.perf_counter()
        if name == "labelled":
            faces = labelled_faces(arguments.data)
            made = gather(name, faces, [page_part(face.page) for face in faces], FOLDS)
        else:
            faces, held_out = draw_faces(arguments.seed, arguments.train, arguments.holdout, arguments.workers)
            made = gather(name, faces, [0 if held else 1 for held in held_out], 1)
        upscale = round(float(np.median([face.upscale for face in faces])), 4)
        save(arguments.out, made)
        sets[name] = {**describe(made), "median_upscale": upscale, "seconds": round(time.perf_counter() - started, 1)}
    return {"benchmark": "face_sets", "sets": sets, "peak_mb": peak_mb(), "machine": facts()}


def describe(made: FaceSet) -> dict[str, object]:
    """What is in a set."""
    folds = [made.fold(number) for number in range(made.folds)]
    return {
        "faces": len(made.faces),
        "channels": made.faces.shape[1],
        "gray_share": round(float(made.gray.mean()), 4),
        "pages": len(set(made.pages)),
        "train": [len(train) for train, _ in folds],
        "holdout": [len(holdout) for _, holdout in folds],
    }


def crop(page: np.ndarray, box: np.ndarray, name: str) -> Face:
    """Cuts out a face as the stage normalize does.

    Args:
        page: uint8 (H, W) or (H, W, 3).
        box: x, y, w, h in px, tight around the face as the project's own detector draws it.
        name: of the page.
    """
    square = square_around(box, MangaFace.crop_margin)
    return Face(resize(crop_square(page, square), SIZE), name, SIZE / square.side)


def labelled_faces(data: Path) -> list[Face]:
    """The usable faces of a folder with faces.json, in the order of the pages' names.

    Raises:
        UserError: a file is missing or damaged, or no face is usable.
    """
    labels = read_labels(data)
    faces = []
    for name in track(sorted(labels), len(labels), "crop", "pages"):
        boxes = [np.array([row[key] for key in "xywh"], float) for row in labels[name] if row["usable"]]
        path = page_path(data, name)
        try:
            page = decode_page(path.read_bytes()).pixels if boxes else None
        except (OSError, Unreadable) as error:
            raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from None
        faces += [crop(page, box, name) for box in boxes if page is not None]
    if not faces:
        raise UserError(f"{data}/faces.json has no usable face")
    return faces


def page_part(page: str) -> int:
    """The part, 0 … FOLDS-1, that all faces of a page belong to, whatever other pages there are."""
    return int.from_bytes(hashlib.blake2b(page.encode(), digest_size=8).digest()) % FOLDS


def draw_faces(seed: int, train: int, holdout: int, workers: int) -> tuple[list[Face], list[bool]]:
    """Draws faces of all titles in equal shares: from page 1 on to train on, from the page after those to hold out.

    Returns:
        The faces, title by title, and whether each is held out. They do not depend on `workers`.
    """
    if seed < 0:
        raise UserError("--seed must be 0 or more")
    if workers == 1:
        return draw_titles(map, 1, seed, [train, holdout])
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        return draw_titles(pool.map, BLOCK * workers, seed, [train, holdout])


def draw_titles(apply: Apply, block: int, seed: int, wanted: list[int]) -> tuple[list[Face], list[bool]]:
    """As `draw_faces`; `apply` draws a block of pages at a time."""
    faces: list[Face] = []
    held_out: list[bool] = []
    with progress_bar(sum(wanted), "draw", "faces") as progress:
        for number, style in enumerate(STYLES):
            pages = draw_pages(apply, block, seed, style)
            for held, total in enumerate(wanted):
                count, drawn = share(total, number), list[Face]()
                while len(drawn) < count:
                    drawn += next(pages)
                    progress.update(min(len(drawn), count) + len(faces) - progress.n)
                faces += drawn[:count]
                held_out += [bool(held)] * count
    return faces, held_out


def share(count: int, number: int) -> int:
    """How many of `count` faces title `number` contributes."""
    return count * (number + 1) // len(STYLES) - count * number // len(STYLES)


def draw_pages(apply: Apply, block: int, seed: int, style: Style) -> Iterator[list[Face]]:
    """Yields the faces of page 1, 2, … of a title; no page is kept."""
    for first in itertools.count(1, block):
        yield from apply(draw_page_faces, [(seed, style, number) for number in range(first, first + block)])


def draw_page_faces(job: Job) -> list[Face]:
    """The usable faces of one page, from SMALLEST_DRAWN px on."""
    seed, style, number = job
    page, rows = draw_story_page(seed, style, number)
    boxes = [np.array([row[key] for key in "xywh"], float) for row in rows if row["usable"]]
    return [crop(page, box, f"{style.title}/{number}") for box in boxes if box[2:].max() >= SMALLEST_DRAWN]


def gather(name: str, faces: list[Face], part: list[int], folds: int) -> FaceSet:
    """Faces as a set: gray when GRAY_SHARE of them are, as the stage train chooses, else RGB."""
    gray = np.array([is_gray(face.pixels) for face in faces])
    mode = "L" if gray.mean() >= GRAY_SHARE else "RGB"
    stack = np.empty((len(faces), 1 if mode == "L" else 3, SIZE, SIZE), np.uint8)
    for image, face in zip(stack, faces, strict=True):
        pixels = np.asarray(Image.fromarray(face.pixels).convert(mode))
        image[:] = pixels.reshape(SIZE, SIZE, -1).transpose(2, 0, 1)
    return FaceSet(name, stack, np.array([face.page for face in faces]), gray, np.array(part), folds)


def save(folder: Path, made: FaceSet) -> None:
    """Writes `<name>.npz` and a contact sheet `<name>.png`: above faces to train on, below held-out ones of fold 0."""
    with atomic_path(folder / f"{made.name}.npz") as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file, faces=made.faces, pages=made.pages, gray=made.gray, part=made.part, folds=np.array(made.folds)
        )
    shown = [side[spread(len(side), SHEET // 2)] for side in made.fold(0)]
    write_png(folder / f"{made.name}.png", grid(np.concatenate(shown), 12))


def load(folder: Path, name: str) -> FaceSet:
    """Reads a set that `save` wrote.

    Raises:
        UserError: it is missing or damaged.
    """
    path = folder / f"{name}.npz"
    try:
        with np.load(path) as file:
            faces, pages, gray, part = (file[key] for key in ("faces", "pages", "gray", "part"))
            return FaceSet(name, faces, pages, gray, part, int(file["folds"]))
    except FileNotFoundError:
        data = " --data DIR" if name == "labelled" else ""
        raise UserError(f"no file {path}: run `python -m benchmarks.face_sets --out {folder}{data}`") from None
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path} is damaged ({error}): make it again") from None


if __name__ == "__main__":
    sys.exit(main())
