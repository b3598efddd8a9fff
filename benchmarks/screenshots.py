"""`python -m benchmarks.screenshots PAGES --out DIR`: measure how `ingest` trims bars and merges re-taken screenshots.

Screenshots are drawn around real pages: each title on three screens, with several reader apps. The thresholds for
re-taken screenshots were chosen on the first two titles, so the others are a hold-out set. The thresholds for bars were
chosen on all titles.
"""

import argparse
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.machine import describe_machine
from benchmarks.scan_variants import SCAN_VARIANTS
from benchmarks.screen_drawing import SCREENS, STYLES, draw_screenshot, encode_lossy, vary_style
from benchmarks.similar_pages import DIFFERENT_PAGES, replace_text, retake_page
from mangagan.core.errors import UserError
from mangagan.core.images import write_png
from mangagan.core.libraries import configure_libraries, limit_to_one_thread
from mangagan.ingestion.bars import find_page_boxes, measure_edges
from mangagan.ingestion.boxes import Box
from mangagan.ingestion.retakes import describe_page, find_retakes
from mangagan.pages.decode import decode_page, is_gray

TUNED_TITLES = 2  # number of titles on which the thresholds for re-taken screenshots were chosen
TOLERANCE = 2  # px
QUALITIES = (75, 85, 92)  # of JPEG; every other screenshot is lossless
NO_PIXELS = np.zeros((0, 0), np.uint8)
MAX_PICTURES = 40  # pictures of failures of each kind
SEEDS = {"tuned": range(0, 3), "held_out": range(100, 103)}  # of drawn pages
VARIANTS = 4  # of each drawn page


@dataclass
class Pool:
    """Pages, some of which show the same drawing.

    Attributes:
        pages: Encoded pages, as files hold them.
        labels: Equal for pages that show the same drawing.
    """

    pages: list[bytes] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    def add(self, page: np.ndarray, label: str) -> None:
        """Add a page."""
        stored = page if page.ndim == 2 else np.ascontiguousarray(page[..., ::-1])
        self.pages.append(cv2.imencode(".png", stored, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes())
        self.labels.append(label)

    def load(self, index: int) -> np.ndarray:
        """Decode a page."""
        return decode_page(self.pages[index]).pixels


@dataclass(frozen=True)
class Screenshot:
    """A screenshot of a page.

    Attributes:
        pixels: uint8 (H, W) or (H, W, 3).
        truth: Box of the page.
        page: Number of the page in its title.
        style: Name of the style of the reader app.
        screen: Name of the screen.
        is_pooled: True if the trimmed screenshot is added to the pool of pages.
    """

    pixels: np.ndarray
    truth: Box
    page: int
    style: str
    screen: str
    is_pooled: bool


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark and print one JSON line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.screenshots", description=__doc__)
    parser.add_argument("pages", type=Path, help="a folder with one folder of pages for each title")
    parser.add_argument("--out", type=Path, help="a folder for pictures of failures")
    arguments = parser.parse_args(argv)
    configure_libraries()
    limit_to_one_thread()
    try:
        print(json.dumps(run(arguments.pages, arguments.out)))
    except UserError as error:
        print(f"benchmarks.screenshots: {error}", file=sys.stderr)
        return 2
    return 0


def run(folder: Path, out: Path | None) -> dict[str, object]:
    """Run all measurements and return their figures."""
    titles = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if not titles:
        raise UserError(f"{folder} has no folders of pages")
    report: dict[str, object] = {"machine": describe_machine()}
    for name, chosen in (("tuned", titles[:TUNED_TITLES]), ("held_out", titles[TUNED_TITLES:])):
        pool = Pool()
        trimming, scans = Counter[str](), Counter[str]()
        by_style: dict[str, Counter[str]] = defaultdict(Counter)
        for number, title in enumerate(chosen):
            pages = read_pages(title)
            trimming += evaluate_trimming(pages, title.name, titles.index(title), by_style, pool, out)
            scans += evaluate_scans(pages, title.name, out)
            add_retakes(pool, pages, title.name, number)
        report[name] = {
            "titles": [title.name for title in chosen],
            "trimming": summarize_trimming(trimming),
            "by_style": {style: summarize_trimming(counts) for style, counts in sorted(by_style.items())},
            "scans": {"pages": scans["pages"], "untouched": scans["untouched"]},
            "retakes": evaluate_retakes(pool, name, out),
        }
    return report


def read_pages(folder: Path) -> list[np.ndarray]:
    """Read the pages of a title. Pages without colour are gray."""
    pages = [decode_page(path.read_bytes()).pixels for path in sorted(folder.iterdir()) if path.is_file()]
    return [np.ascontiguousarray(page[..., 1]) if page.ndim == 3 and is_gray(page) else page for page in pages]


def summarize_trimming(counts: Counter[str]) -> dict[str, float]:
    """Return the number of screenshots and the share of each result."""
    total = counts["screenshots"]
    shares = {key: round(counts[key] / max(1, total), 4) for key in ("right", "damaged", "bars_left", "whole")}
    measured = {"measure_ms": round(counts["microseconds"] / total / 1e3, 2)} if counts["microseconds"] else {}
    return {"screenshots": total, **shares, **measured}


def evaluate_trimming(
    pages: Sequence[np.ndarray],
    title: str,
    number: int,
    by_style: dict[str, Counter[str]],
    pool: Pool,
    out: Path | None,
) -> Counter[str]:
    """Take screenshots of a title on all screens, find the boxes and count the results.

    One trimmed screenshot of each page is added to the pool.
    """
    profiles, shots, seconds = [], [], 0.0
    for shot in take_screenshots(pages, number):
        start = time.perf_counter()
        profiles.append(measure_edges(shot.pixels))
        seconds += time.perf_counter() - start
        shots.append(shot if shot.is_pooled else replace(shot, pixels=NO_PIXELS))
    counts: Counter[str] = Counter()
    for box, shot, profile in zip(find_page_boxes(profiles), shots, profiles, strict=True):
        result = judge_box(box, shot.truth, (profile.width, profile.height))
        counts += result
        by_style[shot.style] += result
        if not shot.is_pooled:
            continue
        if result["right"]:
            trimmed = shot.pixels[box.top : box.top + box.height, box.left : box.left + box.width]
            pool.add(trimmed, f"{title}/{shot.page}")
        elif out is not None:
            name = f"trim {title} {shot.screen} {shot.style} {shot.page}"
            write_failure(out, name, draw_boxes(shot.pixels, box, shot.truth))
    counts["microseconds"] = round(1e6 * seconds)
    return counts


def take_screenshots(pages: Sequence[np.ndarray], number: int) -> Iterator[Screenshot]:
    """Yield screenshots of each page on each screen, with three reader apps on each screen."""
    rng = np.random.default_rng(number)
    for order, (screen_name, screen) in enumerate(SCREENS.items()):
        for index, page in enumerate(pages):
            part = index * 3 // len(pages)
            style = STYLES[(number + order * 3 + part * 2 + number * order) % len(STYLES)]
            varied = vary_style(style, np.random.default_rng((number, part)))
            pixels, truth = draw_screenshot(page, screen, varied, index / len(pages), rng)
            if (index + order) % 2:
                pixels = encode_lossy(pixels, QUALITIES[index % 3])
            is_pooled = (index + number) % len(SCREENS) == order
            yield Screenshot(pixels, truth, index, style.name, screen_name, is_pooled)


def judge_box(found: Box, truth: Box, size: tuple[int, int]) -> Counter[str]:
    """Return the result of one box: right, damaged (a part of the page is lost), or with a part of the bars."""
    inner = np.array([1, 1, -1, -1])
    edges = [np.array([box.left, box.top, box.left + box.width, box.top + box.height]) for box in (found, truth)]
    lost = (edges[0] - edges[1]) * inner
    result = Counter(screenshots=1)
    result["right"] = int((np.abs(lost) <= TOLERANCE).all())
    result["damaged"] = int((lost > TOLERANCE).any())
    result["bars_left"] = int((lost < -TOLERANCE).any())
    result["whole"] = int((found.width, found.height) == size)
    return result


def evaluate_scans(pages: Sequence[np.ndarray], title: str, out: Path | None) -> Counter[str]:
    """Count the pages of scans, and those that are not trimmed."""
    counts: Counter[str] = Counter()
    for name, make_variant in SCAN_VARIANTS.items():
        variant = make_variant(pages)
        for index, box in enumerate(find_page_boxes([measure_edges(page) for page in variant])):
            height, width = variant[index].shape[:2]
            counts["pages"] += 1
            counts["untouched"] += (box.width, box.height) == (width, height)
            if (box.width, box.height) != (width, height) and out is not None:
                write_failure(out, f"scan {title} {name} {index}", draw_boxes(variant[index], box, box))
    return counts


def add_retakes(pool: Pool, pages: Sequence[np.ndarray], title: str, number: int) -> None:
    """Add the pages of a title, a re-taken screenshot of each, and copies with other text in one place."""
    rng = np.random.default_rng((7, number))
    for index, page in enumerate(pages):
        pool.add(page, f"{title}/{index}")
        pool.add(retake_page(page, rng), f"{title}/{index}")
        if index % 4 == 0:
            for variant in range(2):
                pool.add(retake_page(replace_text(page, rng), rng), f"{title}/{index} text {variant}")


def add_drawn_pages(pool: Pool, seeds: range) -> None:
    """Add drawn pages that look alike."""
    for kind, draw in DIFFERENT_PAGES.items():
        for seed in seeds:
            for variant in range(VARIANTS):
                page = draw(seed, variant)
                if variant % 2:
                    page = encode_lossy(cv2.resize(page, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA), 75)
                pool.add(page, f"{kind} {seed} {variant}")


def evaluate_retakes(pool: Pool, part: str, out: Path | None) -> dict[str, float]:
    """Merge the pages of a pool and count right and wrong merges."""
    add_drawn_pages(pool, SEEDS[part])
    start = time.perf_counter()
    signatures = [describe_page(pool.load(index)) for index in range(len(pool.pages))]
    described = time.perf_counter()
    loads: Counter[int] = Counter()

    def load(index: int) -> np.ndarray:
        loads[index] += 1
        return pool.load(index)

    kept = find_retakes(signatures, load)
    seconds = time.perf_counter() - described
    groups: dict[str, list[int]] = defaultdict(list)
    for index, label in enumerate(pool.labels):
        groups[label].append(index)
    merged = missed = 0
    for members in groups.values():
        representatives = Counter(kept[index] for index in members)
        merged += representatives.most_common(1)[0][1] - 1
        missed += len(members) - representatives.most_common(1)[0][1]
        for index in members:
            other = representatives.most_common(1)[0][0]
            if out is not None and kept[index] != other:
                write_failure(out, f"missed {pool.labels[index]} {index}", show_pair(pool, index, other))
    wrong = [index for index, other in enumerate(kept) if pool.labels[index] != pool.labels[other]]
    for index in wrong:
        if out is not None:
            name = f"wrong {pool.labels[index]} = {pool.labels[kept[index]]}"
            write_failure(out, name, show_pair(pool, index, kept[index]))
    count = len(pool.pages)
    same_pairs = sum(len(members) * (len(members) - 1) // 2 for members in groups.values())
    return {
        "pages": count,
        "retakes": merged + missed,
        "merged_right": round(merged / max(1, merged + missed), 4),
        "different_pairs": count * (count - 1) // 2 - same_pairs,
        "merged_wrong": len(wrong),
        "describe_ms": round(1e3 * (described - start) / count, 2),
        "merge_seconds": round(seconds, 1),
        "loads": loads.total(),
    }


def draw_boxes(image: np.ndarray, found: Box, truth: Box) -> np.ndarray:
    """Return an image, RGB, with the found box in red and the true box in green."""
    canvas = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) if image.ndim == 2 else image.copy()
    for box, colour, width in ((truth, (0, 180, 0), 12), (found, (255, 0, 0), 5)):
        cv2.rectangle(canvas, box[:2], (box.left + box.width - 1, box.top + box.height - 1), colour, width)
    return canvas


def show_pair(pool: Pool, first: int, second: int) -> np.ndarray:
    """Return two pages side by side, RGB."""
    pages = [pool.load(index) for index in (first, second)]
    pages = [cv2.cvtColor(page, cv2.COLOR_GRAY2RGB) if page.ndim == 2 else page for page in pages]
    return np.concatenate([cv2.resize(page, (700, 1000), interpolation=cv2.INTER_AREA) for page in pages], axis=1)


def write_failure(out: Path, name: str, image: np.ndarray) -> None:
    """Write a picture of a failure, at most MAX_PICTURES of each kind."""
    out.mkdir(parents=True, exist_ok=True)
    kind = name.split(" ", 1)[0]
    if len(list(out.glob(f"{kind} *.png"))) < MAX_PICTURES:
        scale = min(1.0, 1000 / max(image.shape[:2]))
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        write_png(out / f"{name.replace('/', '_')}.png", small)


if __name__ == "__main__":
    sys.exit(main())
