"""`python -m benchmarks.leave_one_out`: precision and recall of the detectors on labelled pages of unseen titles.

The pages of a title in DIR/faces.json are searched with the weights FOLDER/<title>.safetensors, trained without it:

    python -m mangagan.detector_training --data DIR --leave-out TITLE --out FOLDER/TITLE.safetensors

The baseline is nagadomi's cascade, which was not trained on these pages. `benchmarks.scoring` defines a match. The
command prints a table on stderr and one JSON line on stdout, and writes all detections to a CSV file.
"""

import argparse
import csv
import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import scoring
from benchmarks.scoring import Label
from mangagan.commands.arguments import positive_int
from mangagan.core.errors import UserError
from mangagan.core.files import atomic_path
from mangagan.core.libraries import configure_libraries, limit_to_one_thread
from mangagan.core.progress import track
from mangagan.detection.backends.lbpcascade import CascadeParams, LbpCascade
from mangagan.detection.backends.mangaface import MangaFace, MangaFaceParams
from mangagan.detection.run import detect_pages
from mangagan.detection.types import Detections, Detector
from mangagan.detector_training.labels import locate_page, read_labels
from mangagan.pages.decode import UnreadableError, decode_page

Detection = tuple[str, list[float]]  # page; x, y, w, h [px], score
Report = dict[str, Any]
MIN_SCORE = 0.02  # low enough for the whole curve over thresholds
TABLE_THRESHOLD = 0.33  # of mangaface, for the table; chosen for a high F1, so above the default of the pipeline


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    arguments = parse_arguments(argv)
    configure_libraries()
    limit_to_one_thread()
    try:
        run(arguments)
    except UserError as error:
        print(f"benchmarks.leave_one_out: {error}", file=sys.stderr)
        return 2
    return 0


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    own, cascade = MangaFaceParams, CascadeParams
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.leave_one_out",
        description="Measure precision and recall of a detector on labelled pages of unseen titles.",
        epilog="example: python -m benchmarks.leave_one_out --data labelled --weights folds --out detections.csv",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with faces.json and pages/")
    parser.add_argument("--out", type=Path, required=True, help="CSV with the columns page,x,y,w,h,score")
    parser.add_argument("--detector", choices=("mangaface", "lbpcascade"), default="mangaface")
    parser.add_argument(
        "--at", type=float, help=f"threshold of the table (default: {TABLE_THRESHOLD}; 0 for lbpcascade)"
    )
    parser.add_argument("--weights", type=Path, help="folder with <title>.safetensors")
    parser.add_argument("--threshold", type=float, default=MIN_SCORE, help="minimum score (default: %(default)s)")
    parser.add_argument("--long-side", type=positive_int, default=own.long_side, help="px (default: %(default)s)")
    parser.add_argument(
        "--scales", type=float, nargs="+", default=own.scales, help="scales, as shares of the long side"
    )
    parser.add_argument(
        "--flip",
        action=argparse.BooleanOptionalAction,
        default=own.flip,
        help="average over the page and its mirror image",
    )
    parser.add_argument("--cascade", type=Path, help="lbpcascade_animeface.xml")
    parser.add_argument("--scale-factor", type=float, default=cascade.scale_factor, help="(default: %(default)s)")
    parser.add_argument(
        "--min-neighbors", type=positive_int, default=cascade.min_neighbors, help="(default: %(default)s)"
    )
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace) -> None:
    """Detect, write and score. All detectors are built first, so that a missing file is reported at once."""
    labels = read_labels(arguments.data)
    if not labels:
        raise UserError(f"{arguments.data}/faces.json has no pages. Label some pages first")
    detectors = {title: build_detector(arguments, title) for title in list_titles(labels)}
    detections: list[Detection] = []
    for page, found in track(detect_labelled(arguments.data, labels, detectors), len(labels), "detect", "pages"):
        rows = zip(found.boxes.tolist(), found.scores.tolist(), strict=True)
        detections += [(page, [*box, score]) for box, score in rows]
    write_detections(arguments.out, detections)
    default = TABLE_THRESHOLD if arguments.detector == "mangaface" else 0.0
    report = build_report(labels, detections, default if arguments.at is None else arguments.at)
    print(format_table(report), file=sys.stderr)
    versions = sorted({detector.version for detector in detectors.values()})
    print(json.dumps({"benchmark": "leave_one_out", "detector": arguments.detector, "versions": versions, **report}))


def list_titles(labels: dict[str, list[Label]]) -> list[str]:
    """Return the titles of the labelled pages."""
    return list(dict.fromkeys(read_title(page) for page in labels))


def read_title(page: str) -> str:
    """Return the title of the page `<title>/<file>`."""
    return page.split("/")[0]


def build_detector(arguments: argparse.Namespace, title: str) -> Detector:
    """Return the detector for the pages of a title.

    Raises:
        UserError: An option or file is missing or invalid.
    """
    try:
        return build_cascade(arguments) if arguments.detector == "lbpcascade" else build_mangaface(arguments, title)
    except ValueError as error:
        raise UserError(str(error)) from None


def build_mangaface(arguments: argparse.Namespace, title: str) -> Detector:
    """Return the project's network with the weights that were trained without the title."""
    settings = MangaFaceParams(
        threshold=arguments.threshold,
        long_side=arguments.long_side,
        scales=tuple(arguments.scales),
        flip=arguments.flip,
    )
    if not arguments.weights:
        raise UserError("--weights is missing. Set it to a folder with <title>.safetensors for each title")
    weights = arguments.weights / f"{title}.safetensors"
    if not weights.is_file():
        options = ["--data", str(arguments.data), "--leave-out", title, "--out", str(weights), "--crops", "64000"]
        raise UserError(f"{weights} not found. Run: python -m mangagan.detector_training {shlex.join(options)}")
    return MangaFace(settings, weights)


def build_cascade(arguments: argparse.Namespace) -> Detector:
    """Return the baseline."""
    settings = CascadeParams(scale_factor=arguments.scale_factor, min_neighbors=arguments.min_neighbors)
    if not arguments.cascade or not arguments.cascade.is_file():
        raise UserError(f"no file {arguments.cascade or ''}. Set --cascade to lbpcascade_animeface.xml")
    return LbpCascade(arguments.cascade, settings)


def detect_labelled(
    data: Path, labels: dict[str, list[Label]], detectors: dict[str, Detector]
) -> Iterator[tuple[str, Detections]]:
    """Yield each page and its faces, found by the detector of its title."""
    for title, detector in detectors.items():
        yield from detect_pages(detector, read_pages(data, [page for page in labels if read_title(page) == title]))


def read_pages(data: Path, pages: list[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each page with its pixels.

    Raises:
        UserError: A file is missing or damaged.
    """
    for page in pages:
        path = locate_page(data, page)
        try:
            yield page, decode_page(path.read_bytes()).pixels
        except (OSError, UnreadableError) as error:
            raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from None


def write_detections(path: Path, detections: list[Detection]) -> None:
    """Write the detections as CSV."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["page", "x", "y", "w", "h", "score"])
        writer.writerows([page, *numbers] for page, numbers in detections)


def build_report(labels: dict[str, list[Label]], detections: list[Detection], threshold: float) -> Report:
    """Return the metrics of all pages, of each title, of each view and of each bucket of face width."""
    matches = scoring.match_detections(labels, detections)
    by_title = {}
    for title in list_titles(labels):
        pages = {page: faces for page, faces in labels.items() if read_title(page) == title}
        by_title[title] = {
            "pages": len(pages),
            **scoring.compute_metrics(scoring.match_detections(pages, detections), threshold),
        }
    return {
        "all": {"pages": len(labels), **scoring.compute_metrics(matches, threshold)},
        "titles": by_title,
        "views": scoring.measure_recall_by_view(matches, threshold),
        "widths": scoring.measure_recall_by_width(matches, threshold),
    }


def format_table(report: Report) -> str:
    """Return the report as text: one line for each title, then recall by view and by width."""
    usable_key = f"usable_recall_at_precision_{scoring.TARGET_PRECISION}"
    columns = ["pages", "faces", "precision", "recall", "usable_recall", "f1", "best_f1", usable_key]
    names = ["pages", "faces", "precision", "recall", "usable", "F1", "best F1", f"usable@P{scoring.TARGET_PRECISION}"]
    lines = [f"{'title':<20}" + "".join(f"{name:>12}" for name in names)]
    for title, row in [*report["titles"].items(), ("all", report["all"])]:
        cells = (f"{row[column]:>12.3f}" if isinstance(row[column], float) else row[column] for column in columns)
        lines.append(f"{title:<20}" + "".join(f"{cell:>12}" for cell in cells))
    for name, unit in (("views", ""), ("widths", " px")):
        lines += ["", f"{name:<20}{'faces':>12}{'recall':>12}"]
        lines += [f"{key + unit:<20}{count:>12}{share:>12.3f}" for key, (count, share) in report[name].items()]
    return "\n".join([*lines, "", f"precision, recall, usable and F1 at threshold {report['all']['threshold']:g}"])


if __name__ == "__main__":
    sys.exit(main())
