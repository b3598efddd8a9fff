"""`python -m benchmarks.leave_one_out`: what the detectors find on labelled pages, each title unseen in training.

For every title of DIR/faces.json the weights FOLDER/<title>.safetensors are used, made without that title:

    python -m mangagan.detector_training --data DIR --leave-out TITLE --out FOLDER/TITLE.safetensors

The baseline, nagadomi's cascade, saw none of these pages; it is measured on the same ones. What counts as found is said
in `benchmarks.scoring`. A table goes to stderr, one JSON line to stdout, every detection to the CSV file.
"""

import argparse
import csv
import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import scoring
from benchmarks.scoring import Label
from mangagan.cli import positive
from mangagan.core.errors import UserError
from mangagan.core.files import atomic_path
from mangagan.core.progress import track
from mangagan.detection.backends.lbpcascade import CascadeParams
from mangagan.detection.backends.mangaface import MangaFaceParams
from mangagan.detection.run import detect_pages
from mangagan.detection.types import Detections, Detector
from mangagan.detector_training.labels import page_path, read_labels
from mangagan.pages.decode import Page, Unreadable, decode_page

Detection = tuple[str, list[float]]  # page; x, y, w, h in px, score
Report = dict[str, Any]
EVERY_SCORE = 0.02  # low enough that the curve over thresholds is all there


def main(argv: list[str] | None = None) -> int:
    """Detects, writes and scores; returns the exit status."""
    arguments = parse(argv)
    try:
        run(arguments)
    except UserError as error:
        print(f"benchmarks.leave_one_out: {error}", file=sys.stderr)
        return 2
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    own, cascade = MangaFaceParams, CascadeParams
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.leave_one_out",
        description="What a detector finds on labelled pages of titles that it was not trained on.",
        epilog="example: python -m benchmarks.leave_one_out --data labelled --weights folds --out detections.csv",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with faces.json and pages/")
    parser.add_argument("--out", type=Path, required=True, help="CSV with the columns page,x,y,w,h,score")
    parser.add_argument("--detector", choices=("mangaface", "lbpcascade"), default="mangaface")
    parser.add_argument("--at", type=float, help="score that the table is for (default: mangaface's own; 0: all hits)")
    parser.add_argument("--weights", type=Path, help="folder with <title>.safetensors")
    parser.add_argument("--threshold", type=float, default=EVERY_SCORE, help="least score kept (default: %(default)s)")
    parser.add_argument("--long-side", type=positive, default=own.long_side, help="px (default: %(default)s)")
    parser.add_argument("--scales", type=float, nargs="+", default=own.scales, help="shares of the long side")
    parser.add_argument(
        "--flip",
        action=argparse.BooleanOptionalAction,
        default=own.flip,
        help="look at mirrored pages as well",
    )
    parser.add_argument("--cascade", type=Path, help="lbpcascade_animeface.xml")
    parser.add_argument("--scale-factor", type=float, default=cascade.scale_factor, help="(default: %(default)s)")
    parser.add_argument("--min-neighbors", type=positive, default=cascade.min_neighbors, help="(default: %(default)s)")
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace) -> None:
    """Everything; the titles' detectors are all built first, so that a missing file is known at once."""
    labels = read_labels(arguments.data)
    if not labels:
        raise UserError(f"{arguments.data}/faces.json names no page")
    detectors = {title: build(arguments, title) for title in titles(labels)}
    detections: list[Detection] = []
    for page, found in track(search(arguments.data, labels, detectors), len(labels), "detect", "pages"):
        rows = zip(found.boxes.tolist(), found.scores.tolist(), strict=True)
        detections += [(page, [*box, score]) for box, score in rows]
    write(arguments.out, detections)
    default = MangaFaceParams.threshold if arguments.detector == "mangaface" else 0.0
    report = score(labels, detections, default if arguments.at is None else arguments.at)
    print(table(report), file=sys.stderr)
    settings = sorted({detector.version for detector in detectors.values()})
    print(json.dumps({"benchmark": "leave_one_out", "detector": arguments.detector, "versions": settings, **report}))


def titles(labels: dict[str, list[Label]]) -> list[str]:
    """The titles of the labelled pages."""
    return list(dict.fromkeys(title_of(page) for page in labels))


def title_of(page: str) -> str:
    """The title of the page "<title>/<file>"."""
    return page.split("/")[0]


def build(arguments: argparse.Namespace, title: str) -> Detector:
    """The detector for the pages of a title.

    Raises:
        UserError: an option or file is missing or wrong.
    """
    try:
        return build_cascade(arguments) if arguments.detector == "lbpcascade" else build_own(arguments, title)
    except ValueError as error:
        raise UserError(str(error)) from None


def build_own(arguments: argparse.Namespace, title: str) -> Detector:
    """The project's network with the weights that never saw the title."""
    from mangagan.detection.backends.mangaface import MangaFace

    settings = MangaFaceParams(
        threshold=arguments.threshold,
        long_side=arguments.long_side,
        scales=tuple(arguments.scales),
        flip=arguments.flip,
    )
    if not arguments.weights:
        raise UserError("--weights is missing: the folder with <title>.safetensors for each title")
    weights = arguments.weights / f"{title}.safetensors"
    if not weights.is_file():
        options = ["--data", str(arguments.data), "--leave-out", title, "--out", str(weights), "--crops", "64000"]
        raise UserError(f"no file {weights}: run `python -m mangagan.detector_training {shlex.join(options)}`")
    return MangaFace(settings, weights)


def build_cascade(arguments: argparse.Namespace) -> Detector:
    """The baseline."""
    from mangagan.detection.backends.lbpcascade import LbpCascade

    settings = CascadeParams(scale_factor=arguments.scale_factor, min_neighbors=arguments.min_neighbors)
    if not arguments.cascade or not arguments.cascade.is_file():
        raise UserError(f"no file {arguments.cascade or ''}: --cascade must name lbpcascade_animeface.xml")
    return LbpCascade(arguments.cascade, settings)


def search(
    data: Path, labels: dict[str, list[Label]], detectors: dict[str, Detector]
) -> Iterator[tuple[str, Detections]]:
    """Yields each page and what the detector of its title finds on it."""
    for title, detector in detectors.items():
        yield from detect_pages(detector, read_pages(data, [page for page in labels if title_of(page) == title]))


def read_pages(data: Path, pages: list[str]) -> Iterator[tuple[str, Page]]:
    """Yields each page with its pixels.

    Raises:
        UserError: the file is missing or damaged.
    """
    for page in pages:
        path = page_path(data, page)
        try:
            yield page, decode_page(path.read_bytes())
        except (OSError, Unreadable) as error:
            raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from None


def write(path: Path, detections: list[Detection]) -> None:
    """Writes the detections as CSV."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["page", "x", "y", "w", "h", "score"])
        writer.writerows([page, *numbers] for page, numbers in detections)


def score(labels: dict[str, list[Label]], detections: list[Detection], threshold: float) -> Report:
    """All figures: of all pages, of each title, of each view and bucket of face width."""
    matches = scoring.match(labels, detections)
    by_title = {}
    for title in titles(labels):
        pages = {page: faces for page, faces in labels.items() if title_of(page) == title}
        by_title[title] = {"pages": len(pages), **scoring.figures(scoring.match(pages, detections), threshold)}
    return {
        "all": {"pages": len(labels), **scoring.figures(matches, threshold)},
        "titles": by_title,
        "views": scoring.recall_by_view(matches, threshold),
        "widths": scoring.recall_by_width(matches, threshold),
    }


def table(report: Report) -> str:
    """The report for people: a line a title, then recall by view and by width."""
    precise = f"usable_recall_at_precision_{scoring.PRECISION}"
    columns = ["pages", "faces", "precision", "recall", "usable_recall", "f1", "best_f1", precise]
    names = ["pages", "faces", "precision", "recall", "usable", "F1", "best F1", f"usable@P{scoring.PRECISION}"]
    lines = [f"{'title':<20}" + "".join(f"{name:>12}" for name in names)]
    for title, row in [*report["titles"].items(), ("all", report["all"])]:
        cells = (f"{row[column]:>12.3f}" if isinstance(row[column], float) else row[column] for column in columns)
        lines.append(f"{title:<20}" + "".join(f"{cell:>12}" for cell in cells))
    for name, unit in (("views", ""), ("widths", " px")):
        lines += ["", f"{name:<20}{'faces':>12}{'recall':>12}"]
        lines += [f"{key + unit:<20}{count:>12}{share:>12.3f}" for key, (count, share) in report[name].items()]
    return "\n".join([*lines, "", f"precision, recall, usable, F1 at scores from {report['all']['threshold']:g} on"])


if __name__ == "__main__":
    sys.exit(main())
