"""`python -m benchmarks.detect`: speed and memory of the detectors on one core.

The detectors alternate on each page of each round, so that other load on the machine affects all of them equally. The
time of a page is the median over the rounds, and the time of a detector is the mean over the pages. The memory of each
detector is measured in a separate process, which holds the detector and one page at a time.
"""

import argparse
import json
import math
import multiprocessing
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.machine import describe_machine, get_peak_memory_mb
from mangagan.commands.arguments import positive_int
from mangagan.commands.faces import list_images
from mangagan.core.errors import UserError
from mangagan.core.libraries import configure_libraries, limit_to_one_thread
from mangagan.core.progress import track
from mangagan.decoding.decode import open_picture
from mangagan.decoding.errors import UnreadableError
from mangagan.readers.base import Limits
from mangagan.readers.sources import Source, read_sources

if TYPE_CHECKING:
    from mangagan.detection.types import Detector

PAGE_SIZE = (830, 1170)  # px, width and height of drawn pages, as in a screenshot of a tablet
MANGAFACE, CASCADE, TUNED = "mangaface", "lbpcascade", "lbpcascade_tuned"


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark and print one JSON line; return the exit status."""
    arguments = parse_arguments(argv)
    configure_libraries()
    limit_to_one_thread()
    try:
        print(json.dumps(run(arguments)))
    except UserError as error:
        print(f"benchmarks.detect: {error}", file=sys.stderr)
        return 2
    return 0


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.detect",
        description="Measure speed and memory of the face detectors on one core; print one JSON line.",
        epilog="example: python -m benchmarks.detect --pages scans/ --cascade lbpcascade_animeface.xml",
    )
    parser.add_argument("--pages", nargs="+", type=Path, default=[], metavar="PATH", help="images, or folders of them")
    parser.add_argument("--cascade", type=Path, help="lbpcascade_animeface.xml (default: measure mangaface only)")
    parser.add_argument("--count", type=positive_int, default=12, help="maximum number of pages (default: %(default)s)")
    parser.add_argument(
        "--rounds", type=positive_int, default=5, help="repetitions for each page (default: %(default)s)"
    )
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace) -> dict[str, object]:
    """Return all measurements."""
    if arguments.cascade and not arguments.cascade.is_file():
        raise UserError(f"no file {arguments.cascade}. Set --cascade to lbpcascade_animeface.xml")
    names = [MANGAFACE, CASCADE, TUNED] if arguments.cascade else [MANGAFACE]
    detectors = {name: build_detector(name, arguments.cascade) for name in names}
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
        "threads": count_threads(),
        "detectors": {
            name: {
                **summarize_speed(seconds[name]),
                "faces": faces[name],
                **memory[name],
                "version": detectors[name].version,
            }
            for name in names
        },
        "machine": describe_machine(),
    }
    return result | (
        compare_speed(seconds) if arguments.cascade else {"note": "no --cascade: only mangaface was measured"}
    )


def count_threads() -> int:
    """Return the number of threads that OpenCV and torch use."""
    import cv2
    import torch

    return max(torch.get_num_threads(), cv2.getNumThreads())


def build_detector(name: str, cascade: Path | None) -> "Detector":
    """Return a detector. Its module is imported here, so that torch does not count as memory of the cascade."""
    if name == MANGAFACE:
        from mangagan.detection.backends.mangaface import MangaFace, MangaFaceParams

        return MangaFace(MangaFaceParams(device="cpu"))
    from mangagan.detection.backends.lbpcascade import CascadeParams, LbpCascade

    assert cascade is not None
    published, tuned = CascadeParams(), CascadeParams(scale_factor=1.05, min_neighbors=3)  # tuned for recall
    return LbpCascade(cascade, tuned if name == TUNED else published)


def read_pages(paths: list[Path], count: int) -> list[np.ndarray]:
    """Return at most `count` pages, evenly spread over the images.

    Raises:
        UserError: A path does not exist, or an image is damaged.
    """
    files = list_images(paths)
    total = sum(1 for _ in read_sources(files, Limits()))
    chosen = {total * number // count for number in range(count)} if total > count else set(range(total))
    return [decode_given(source) for index, source in enumerate(read_sources(files, Limits())) if index in chosen]


def decode_given(source: Source) -> np.ndarray:
    """Return the pixels of an image, or raise UserError if it is damaged."""
    try:
        if source.reason:
            raise UnreadableError(source.reason)
        with open_picture(source.data, math.inf, math.inf) as picture:
            return picture.pixels()
    except UnreadableError as error:
        raise UserError(f"{source.name} cannot be read ({error}). Remove it from --pages") from None


def draw_pages(count: int) -> list[np.ndarray]:
    """Return pages of the sample manga, alternating between its styles."""
    from mangagan.sample.character import STYLES
    from mangagan.sample.page import draw_page

    numbers = track(range(count), count, "draw", "pages")
    return [draw_page(np.random.default_rng((0, n)), STYLES[n % len(STYLES)], *PAGE_SIZE)[0] for n in numbers]


def measure_time(
    detectors: "dict[str, Detector]", pages: list[np.ndarray], rounds: int
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Return the seconds of each detector, float64 (rounds, pages), and the number of faces that it found."""
    seconds = {name: np.zeros((rounds, len(pages))) for name in detectors}
    faces = {name: sum(len(detector.detect(page).boxes) for page in pages) for name, detector in detectors.items()}
    runs = [(repetition, number) for repetition in range(rounds) for number in range(len(pages))]
    for repetition, number in track(runs, len(runs), "detect", "pages"):
        names = list(detectors)
        first = (repetition + number) % len(names)  # the first one has cache misses, so rotate the order
        for name in names[first:] + names[:first]:
            started = time.perf_counter()
            detectors[name].detect(pages[number])
            seconds[name][repetition, number] = time.perf_counter() - started
    return seconds, faces


def summarize_speed(seconds: np.ndarray) -> dict[str, float]:
    """Return the speed of a detector from its seconds (rounds, pages)."""
    mean = float(np.median(seconds, axis=0).mean())
    return {"pages_per_second": round(1 / mean, 3), "seconds_per_page": round(mean, 5)}


def compare_speed(seconds: dict[str, np.ndarray]) -> dict[str, object]:
    """Return the time of mangaface divided by the time of the published cascade, and the range over the rounds."""
    mangaface, cascade = (np.median(seconds[name], axis=0).mean() for name in (MANGAFACE, CASCADE))
    by_round = seconds[MANGAFACE].sum(axis=1) / seconds[CASCADE].sum(axis=1)
    return {
        "time_ratio_to_lbpcascade": round(float(mangaface / cascade), 3),
        "time_ratio_range": [round(float(by_round.min()), 3), round(float(by_round.max()), 3)],
    }


def measure_memory(names: list[str], cascade: Path | None, pages: list[np.ndarray]) -> dict[str, dict[str, float]]:
    """Return the peak memory of each detector, measured in a new process."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        for number, page in enumerate(pages):
            np.save(Path(folder) / f"{number}.npy", page)
        memory = {}
        for name in names:
            with spawn.Pool(1) as pool:
                memory[name] = pool.apply(measure_peak, (name, cascade, Path(folder)))
    return memory


def measure_peak(name: str, cascade: Path | None, folder: Path) -> dict[str, float]:
    """Return the peak memory of this process [MB]: after the imports, and after detection on all pages."""
    if name == MANGAFACE:
        import mangagan.detection.backends.mangaface

        limit_to_one_thread()
    else:
        import cv2

        import mangagan.detection.backends.lbpcascade  # noqa: F401

        cv2.setNumThreads(1)  # not limit_to_one_thread, which imports torch
    imported = get_peak_memory_mb()
    detector = build_detector(name, cascade)
    for path in sorted(folder.glob("*.npy")):
        detector.detect(np.load(path))
    return {"peak_mb": get_peak_memory_mb(), "imports_mb": imported}


if __name__ == "__main__":
    sys.exit(main())
