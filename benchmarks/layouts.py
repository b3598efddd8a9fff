"""`python -m benchmarks.layouts PAGES --out DIR`: measure how `ingest` splits spreads, cuts strips and joins slices.

Spreads, strips and slices are made from the pages of every title. Pictures of the failures are written to DIR.
"""

import argparse
import json
import sys
from collections import defaultdict
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.layout_inputs import compress, crop_landscapes, join_pages, resize, stack_pages
from benchmarks.scoring import match_page
from mangagan.commands.arguments import positive_int
from mangagan.core.libraries import configure_libraries, limit_to_one_thread
from mangagan.core.progress import track
from mangagan.detection.pieces import merge_pieces
from mangagan.detection.registry import DetectParams, build_detector
from mangagan.detection.types import Detector
from mangagan.ingestion.slices import Cut, compare_edges, describe_slice, group_slices
from mangagan.ingestion.spreads import find_gutter
from mangagan.ingestion.strips import cut_strip, measure_rows

TOLERANCE = 0.02  # maximum error of a gutter, as a share of the width of the spread
SINGLE_ASPECTS = (1.1, 2.0)  # width / height of landscape pictures
STRIP_WIDTH = 720  # px
STRIP_PAGES = 12  # pages of a strip
SLICE_HEIGHTS = (800, 1000, 1280)  # px
Counts = dict[str, list[bool]]


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark and print one JSON line; return the exit status."""
    arguments = parse_arguments(argv)
    configure_libraries()
    limit_to_one_thread()
    arguments.out.mkdir(parents=True, exist_ok=True)
    print(json.dumps(run(arguments)))
    return 0


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.layouts",
        description="Measure the splitting of spreads, the cutting of strips and the joining of slices.",
        epilog="example: python -m benchmarks.layouts pages/ --out failures/ --continuous pages/one/034.jpg",
    )
    parser.add_argument("pages", type=Path, help="folder with one folder of page images for each title")
    parser.add_argument("--out", type=Path, required=True, help="folder for pictures of failures")
    parser.add_argument("--singles", type=Path, nargs="*", default=[], help="landscape pictures that are no spreads")
    parser.add_argument(
        "--continuous", type=Path, nargs="*", default=[], help="pages whose drawing continues on the page before"
    )
    parser.add_argument("--every", type=positive_int, default=2, help="use every n-th page (default: %(default)s)")
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return all measurements."""
    rng = np.random.default_rng(0)
    files = {folder.name: sorted(folder.glob("*.*")) for folder in sorted(arguments.pages.iterdir()) if folder.is_dir()}
    titles = {title: [read_gray(path) for path in paths] for title, paths in files.items()}
    continuous = {(path.parent.name, path.name) for path in arguments.continuous}
    spreads: dict[str, Counts] = {}
    singles: dict[str, Counts] = {}
    for title, pages in track(list(titles.items()), len(titles), "spreads", "titles"):
        across = {number for number, path in enumerate(files[title]) if (title, path.name) in continuous}
        spreads[title] = measure_spreads(title, pages, across, arguments, rng)
        singles[title] = measure_singles(title, pages, pages, arguments, rng)
    if arguments.singles:
        pages = next(iter(titles.values()))
        singles["singles"] = measure_singles(
            "singles", [read_gray(path) for path in arguments.singles], pages, arguments, rng
        )
    detector = build_detector(DetectParams(), Path())
    return {
        "benchmark": "layouts",
        "spreads_split_right": summarize(spreads),
        "singles_split_wrongly": summarize(singles),
        "strips": {title: measure_strips(pages, detector, arguments) for title, pages in titles.items()},
        "slices": measure_slices(titles),
        "false_joins": measure_false_joins(titles),
    }


def read_gray(path: Path) -> np.ndarray:
    """Return an image file as uint8 (H, W)."""
    return np.asarray(Image.open(path).convert("L"))


def summarize(results: dict[str, Counts]) -> dict[str, Any]:
    """Return the share of True and the number of pictures, for each group and kind, and over all groups."""
    kinds = sorted({kind for counts in results.values() for kind in counts})
    total: Counts = {kind: [] for kind in kinds}
    for counts in results.values():
        for kind, values in counts.items():
            total[kind] += values
    return {
        group: {kind: [round(float(np.mean(values)), 4), len(values)] for kind, values in counts.items() if values}
        for group, counts in {**results, "all": total}.items()
    }


def measure_spreads(
    title: str, pages: list[np.ndarray], across: set[int], arguments: argparse.Namespace, rng: np.random.Generator
) -> Counts:
    """Split spreads of neighbouring pages and return, for each kind of join, which ones are split right.

    A spread with a drawing across the gutter must not be split; its kind is "continuous drawing".
    """
    counts: Counts = defaultdict(list)
    aspect = float(np.median([page.shape[1] / page.shape[0] for page in pages]))
    for number in range(1, len(pages)):
        if number % arguments.every and number not in across:
            continue
        for spread in join_pages(pages[number], pages[number - 1], rng):
            width = spread.pixels.shape[1]
            found = find_gutter(spread.pixels, aspect)
            if number in across:
                if spread.kind in ("full bleed", "one blank", "dark gutter", "white gutter"):
                    continue
                kind, right = "continuous drawing", found is None
            else:
                kind = spread.kind
                right = found is not None and abs(found - spread.gutter) <= TOLERANCE * width
                unknown = find_gutter(spread.pixels)
                counts["unknown page size"].append(
                    unknown is not None and abs(unknown - spread.gutter) <= TOLERANCE * width
                )
            counts[kind].append(right)
            if not right:
                write_failure(
                    arguments.out / f"spread_{title}_{number:03d}_{kind.replace(' ', '-')}.png", spread.pixels, found
                )
    return counts


def measure_singles(
    title: str,
    pictures: list[np.ndarray],
    pages: list[np.ndarray],
    arguments: argparse.Namespace,
    rng: np.random.Generator,
) -> Counts:
    """Return which single pictures are split wrongly: the pictures, crops of them, and crops shaped like spreads.

    Args:
        title: Name in files.
        pictures: The single pictures.
        pages: Pages of the title, for the size of its paper.
        arguments: The command line.
        rng: Random numbers.
    """
    counts: Counts = defaultdict(list)
    aspect = float(np.median([page.shape[1] / page.shape[0] for page in pages]))
    count = 20 if len(pictures) < 10 else 4
    for number, picture in enumerate(pictures):
        kinds = {
            "whole": [picture],
            "landscape": crop_landscapes(picture, SINGLE_ASPECTS, count, rng),
            "shaped like a spread": crop_landscapes(picture, (2 * aspect, 2 * aspect), count // 2, rng),
        }
        for kind, crops in kinds.items():
            for index, crop in enumerate(crops):
                for known in (aspect, None):
                    found = find_gutter(crop, known) if crop.shape[1] > crop.shape[0] else None
                    counts[kind if known else f"{kind}, unknown page size"].append(found is not None)
                    if found is not None:
                        name = f"single_{title}_{number:03d}_{index}_{kind}{'' if known else '_unknown'}.png"
                        write_failure(arguments.out / name.replace(" ", "-"), crop, found)
    return counts


def write_failure(path: Path, pixels: np.ndarray, gutter: int | None) -> None:
    """Write a small picture with the found gutter in red."""
    picture = np.repeat(pixels[..., None], 3, 2)
    if gutter is not None:
        picture[:, max(0, gutter - 2) : gutter + 2] = (255, 0, 0)
    image = Image.fromarray(picture)
    image.thumbnail((800, 600))
    image.save(path)


def measure_strips(pages: list[np.ndarray], detector: Detector, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return recall and duplicates of the faces on pieces of strips, compared with the faces on the pages."""
    pages = pages[:: arguments.every]
    result = {}
    for with_gutters in (True, False):
        figures = np.zeros(5, int)
        for start in range(0, len(pages), STRIP_PAGES):
            strip, tops = stack_pages(pages[start : start + STRIP_PAGES], STRIP_WIDTH, with_gutters)
            bounds = [*tops, len(strip)]
            known = [detect_on_rows(detector, strip, top, bottom) for top, bottom in pairwise(bounds)]
            figures += compare_strip(detector, compress_strip(strip), np.concatenate(known))
        result["with gutters" if with_gutters else "without gutters"] = {
            "faces_on_pages": int(figures[0]),
            "found_on_pieces": int(figures[1]),
            "recall": round(float(figures[1] / max(figures[0], 1)), 4),
            "doubles": int(figures[2]),
            "pieces": int(figures[3]),
            "faces_on_pieces": int(figures[4]),
        }
    return result


def compress_strip(strip: np.ndarray) -> np.ndarray:
    """Return a strip after compression as JPEG, which has a maximum height."""
    return np.vstack([compress(strip[top : top + 64000], 80) for top in range(0, len(strip), 64000)])


def detect_on_rows(detector: Detector, strip: np.ndarray, top: int, bottom: int) -> np.ndarray:
    """Return the faces on rows of a strip, float64 (N, 4): x, y, w, h in px of the strip."""
    return move_down(detector.detect(strip[top:bottom]).boxes, top)


def move_down(boxes: np.ndarray, rows: int) -> np.ndarray:
    """Return boxes (N, 4), x, y, w, h, moved down by a number of rows."""
    return boxes + np.array([0, rows, 0, 0])


def compare_strip(detector: Detector, strip: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Cut a strip, detect on its pieces, and compare the faces with the known ones.

    Returns:
        int (5,): known faces, found faces, duplicate faces, pieces, faces on the pieces.
    """
    cuts = cut_strip(measure_rows([strip]))
    rows = [("strip", "strip", str(n), n, 0, top, strip.shape[1], bottom - top) for n, (top, bottom) in enumerate(cuts)]
    columns = ["title", "source", "page_id", "page_number", "left", "top", "width", "height"]
    detected = [(str(n), detector.detect(strip[top:bottom])) for n, (top, bottom) in enumerate(cuts)]
    merged = merge_pieces(pd.DataFrame(rows, columns=columns), detected)
    found = np.concatenate([move_down(faces.boxes, top) for (top, _), (_, faces) in zip(cuts, merged, strict=True)])
    matched = match_page(found, known)
    doubles = match_page(found[matched < 0], known[matched[matched >= 0]])
    return np.array([len(known), (matched >= 0).sum(), (doubles >= 0).sum(), len(cuts), len(found)])


def measure_slices(titles: dict[str, list[np.ndarray]]) -> dict[str, Any]:
    """Return the share of cuts of strips at which the slices are joined, for each title."""
    result = {}
    for title, pages in titles.items():
        joined, cuts = 0, 0
        for with_gutters in (True, False):
            strip, _ = stack_pages(pages[:STRIP_PAGES], STRIP_WIDTH, with_gutters)
            for height in SLICE_HEIGHTS:
                for quality in (70, 90):
                    parts = [compress(strip[top : top + height], quality) for top in range(0, len(strip), height)]
                    groups = group_slices([describe_slice(part) for part in parts])
                    joined, cuts = joined + len(parts) - len(groups), cuts + len(parts) - 1
        result[title] = {"cuts": cuts, "joined": joined, "share": round(joined / max(cuts, 1), 4)}
    return result


def measure_false_joins(titles: dict[str, list[np.ndarray]]) -> dict[str, int]:
    """Return the number of pages that are joined wrongly: neighbouring pages, and all ordered pairs at one width."""
    grouped = [group_slices([describe_slice(page) for page in pages]) for pages in titles.values()]
    edges = [describe_slice(resize(page, 830, 1170)) for pages in titles.values() for page in pages]
    pairs = list(permutations(edges, 2))
    return {
        "neighbours": sum(len(pages) - 1 for pages in titles.values()),
        "neighbours_joined": sum(len(group) - 1 for groups in grouped for group in groups),
        "pairs": len(pairs),
        "pairs_continued": sum(compare_edges(*pair) is Cut.CONTINUED for pair in pairs),
    }


if __name__ == "__main__":
    sys.exit(main())
