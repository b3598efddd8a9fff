"""`python -m benchmarks.detect`: pages a second and memory of the detectors, on one core each.

The detectors take turns on every page of every round, so that whatever else the machine does hits all of them. A
page's time is the median over the rounds, a detector's the mean over the pages. Memory is measured in a process of its
own for each detector, which holds nothing but the detector and one page at a time.
"""

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.machine import facts, peak_mb
from mangagan.cli import positive
from mangagan.commands.all import list_images
from mangagan.core.errors import UserError
from mangagan.core.progress import track
from mangagan.detection.backends.lbpcascade import CascadeParams
from mangagan.detection.backends.mangaface import MangaFaceParams
from mangagan.detection.types import Detector
from mangagan.pages.decode import Unreadable, decode_page

SIZE = (830, 1170)  # px, width and height of drawn pages: about those of a page on a tablet's screen
OWN, CASCADE, TUNED = "mangaface", "lbpcascade", "lbpcascade_tuned"
SETTINGS: dict[str, MangaFaceParams | CascadeParams] = {
    OWN: MangaFaceParams(device="cpu"),
    CASCADE: CascadeParams(),  # as published with it
    TUNED: CascadeParams(scale_factor=1.05, min_neighbors=3),  # finds more, and takes longer
}


def main(argv: list[str] | None = None) -> int:
    """Measures and prints one JSON line; returns the exit status."""
    arguments = parse(argv)
    try:
        print(json.dumps(run(arguments)))
    except UserError as error:
        print(f"benchmarks.detect: {error}", file=sys.stderr)
        return 2
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.detect",
        description="Pages a second and memory of the face detectors on one core, as one JSON line.",
        epilog="example: python -m benchmarks.detect --pages scans/ --cascade lbpcascade_animeface.xml",
    )
    parser.add_argument("--pages", nargs="+", type=Path, default=[], metavar="PATH", help="images, or folders of them")
    parser.add_argument("--cascade", type=Path, help="lbpcascade_animeface.xml; without it only mangaface is measured")
    parser.add_argument("--count", type=positive, default=12, help="pages, evenly spread (default: %(default)s)")
    parser.add_argument("--rounds", type=positive, default=5, help="times that each page is searched (default: 5)")
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace) -> dict[str, object]:
    """All measurements, as they are printed."""
    if arguments.cascade and not arguments.cascade.is_file():
        raise UserError(f"no file {arguments.cascade}: --cascade must name lbpcascade_animeface.xml")
    names = [OWN, CASCADE, TUNED] if arguments.cascade else [OWN]
    detectors = {name: build(name, arguments.cascade) for name in names}
    pages = read_pages(arguments.pages, arguments.count) if arguments.pages else draw_pages(arguments.count)
    seconds, faces = measure_time(detectors, pages, arguments.rounds)
    memory = measure_memory(names, arguments.cascade, pages)
    result: dict[str, object] = {
        "benchmark": "detect",
        "pages": len(pages),
        "page_source": "given" if arguments.pages else "sample manga",
        "median_width": statistics.median(page.shape[1] for page in pages),
        "median_height": statistics.median(page.shape[0] for page in pages),
        "rounds": arguments.rounds,
        "threads": threads(),
        "detectors": {
            name: {**speed(seconds[name]), "faces": faces[name], **memory[name], "version": detectors[name].version}
            for name in names
        },
        "machine": facts(),
    }
    return result | (compare(seconds) if arguments.cascade else {"note": "no --cascade: only mangaface was measured"})


def threads() -> int:
    """How many threads the libraries use that do the work, as the detectors have set them."""
    import cv2
    import torch

    return max(torch.get_num_threads(), cv2.getNumThreads())


def build(name: str, cascade: Path | None) -> Detector:
    """The detector of this name; its constructor sees to it that one thread does the work."""
    settings = SETTINGS[name]
    if isinstance(settings, MangaFaceParams):
        from mangagan.detection.backends.mangaface import MangaFace

        return MangaFace(settings)
    from mangagan.detection.backends.lbpcascade import LbpCascade

    assert cascade is not None  # names it only where one was given
    return LbpCascade(cascade, settings)


def read_pages(paths: list[Path], count: int) -> list[np.ndarray]:
    """At most `count` pages, evenly spread over the images found.

    Raises:
        UserError: a path does not exist, or an image is damaged.
    """
    images = list(list_images(paths))
    chosen = [images[len(images) * number // count] for number in range(count)] if len(images) > count else images
    pages = []
    for _, path in chosen:
        try:
            pages.append(decode_page(path.read_bytes()).pixels)
        except (OSError, Unreadable) as error:
            raise UserError(f"{path} cannot be read ({error}): leave it out") from None
    return pages


def draw_pages(count: int) -> list[np.ndarray]:
    """Pages of the sample manga, every artist in turn."""
    from mangagan.sample import STYLES, draw_page

    numbers = track(range(count), count, "draw", "pages")
    return [draw_page(np.random.default_rng((0, n)), STYLES[n % len(STYLES)], *SIZE)[0] for n in numbers]


def measure_time(
    detectors: dict[str, Detector], pages: list[np.ndarray], rounds: int
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Seconds for each detector, float64 (rounds, pages), and the faces that it found on all pages."""
    seconds = {name: np.zeros((rounds, len(pages))) for name in detectors}
    faces = {name: sum(len(detector.detect(page).boxes) for page in pages) for name, detector in detectors.items()}
    turns = [(turn, number) for turn in range(rounds) for number in range(len(pages))]
    for turn, number in track(turns, len(turns), "detect", "pages"):
        names = list(detectors)
        first = (turn + number) % len(names)  # another one begins each time: the first finds the page out of cache
        for name in names[first:] + names[:first]:
            started = time.perf_counter()
            detectors[name].detect(pages[number])
            seconds[name][turn, number] = time.perf_counter() - started
    return seconds, faces


def speed(seconds: np.ndarray) -> dict[str, float]:
    """A detector's pace from its (rounds, pages) seconds."""
    mean = float(np.median(seconds, axis=0).mean())
    return {"pages_per_second": round(1 / mean, 3), "seconds_per_page": round(mean, 5)}


def compare(seconds: dict[str, np.ndarray]) -> dict[str, object]:
    """Time a page of mangaface over that of the cascade at its published settings, and its range over the rounds."""
    own, cascade = (np.median(seconds[name], axis=0).mean() for name in (OWN, CASCADE))
    by_round = seconds[OWN].sum(axis=1) / seconds[CASCADE].sum(axis=1)
    return {
        "time_ratio_to_lbpcascade": round(float(own / cascade), 3),
        "time_ratio_range": [round(float(by_round.min()), 3), round(float(by_round.max()), 3)],
    }


def measure_memory(names: list[str], cascade: Path | None, pages: list[np.ndarray]) -> dict[str, dict[str, float]]:
    """Peak memory for each detector, each measured in a fresh process."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        for number, page in enumerate(pages):
            np.save(Path(folder) / f"{number}.npy", page)
        memory = {}
        for name in names:
            with spawn.Pool(1) as pool:
                memory[name] = pool.apply(peak_memory, (name, cascade, Path(folder)))
    return memory


def peak_memory(name: str, cascade: Path | None, folder: Path) -> dict[str, float]:
    """MB that this process came to hold: with the imports alone, and after the detector went through the pages."""
    if name == OWN:
        import mangagan.detection.backends.mangaface
    else:
        import mangagan.detection.backends.lbpcascade  # noqa: F401
    imported = peak_mb()
    detector = build(name, cascade)
    for path in sorted(folder.glob("*.npy")):
        detector.detect(np.load(path))
    return {"peak_mb": peak_mb(), "imports_mb": imported}


if __name__ == "__main__":
    sys.exit(main())
