"""`mangagan faces`: detect faces in images."""

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mangagan.commands.arguments import add_command
from mangagan.core import params
from mangagan.core.errors import UserError

COLUMNS = ("page", "x", "y", "w", "h", "score", "p_face", "p_usable")

if TYPE_CHECKING:
    import numpy as np

    from mangagan.commands.arguments import Subparsers
    from mangagan.detection.types import Detector
    from mangagan.faces.rating import FaceRater
    from mangagan.ingestion.params import IngestParams
    from mangagan.readers.listing import File
    from mangagan.readers.sources import Source


def add_commands(subparsers: "Subparsers") -> None:
    """Add `faces`."""
    parser = add_command(
        subparsers,
        "faces",
        faces,
        "detect faces in images, archives and e-books",
        "mangagan faces scans/ book.epub --out faces.csv",
        "settings: section `detect` of params.yaml, and `keep` and `min_face` of the section `normalize`;\n"
        "without a params.yaml in the working directory, the defaults\n\n"
        "p_face is the probability of a face, p_usable that of a face with both eyes visible.",
    )
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="images, archives, e-books, or folders of them"
    )
    parser.add_argument("--out", type=Path, required=True, help=f"CSV file with the columns {','.join(COLUMNS)}")
    parser.add_argument(
        "--all", action="store_true", help="list every detection (default: those with p_face >= min_face)"
    )


def faces(arguments: argparse.Namespace) -> int:
    """Write the faces in images, found by the detector of params.yaml (or the default) and rated, to a CSV file."""
    from mangagan.core.files import atomic_path
    from mangagan.core.libraries import limit_to_one_thread
    from mangagan.core.parallel import map_ordered
    from mangagan.core.progress import track
    from mangagan.detection.registry import DetectParams, build_detector
    from mangagan.face_quality.classifier import FaceQuality
    from mangagan.faces.normalize import NormalizeParams
    from mangagan.ingestion.params import IngestParams
    from mangagan.readers.sources import read_sources

    limit_to_one_thread()
    threshold = params.load_or_default("normalize", NormalizeParams).face_threshold
    detector = build_detector(params.load_or_default("detect", DetectParams), Path())
    search = partial(detect_and_rate, detector, FaceQuality(), 0.0 if arguments.all else threshold)
    settings = params.load_or_default("ingest", IngestParams)
    files = list_images(arguments.paths)
    sources = read_sources(track(files, len(files), "faces", "files"), settings.limits)
    face_count, dropped_count, image_count = 0, 0, 0
    with atomic_path(arguments.out) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for rows, dropped in map_ordered(search, decode_sources(sources, settings)):
            writer.writerows(rows)
            face_count, dropped_count = face_count + len(rows), dropped_count + dropped
            image_count += 1
        if not image_count:  # raised inside the block, so that an existing file is kept
            raise UserError(f"no image could be read in {len(files)} files. The lines above give the reasons")
    print(f"{face_count} {'detections' if arguments.all else 'faces'} in {image_count} images: {arguments.out}")
    if dropped_count:
        print(f"{dropped_count} detections with p_face below {threshold:g} are not listed. To list them, use --all")
    return 0


def detect_and_rate(
    detector: "Detector", rater: "FaceRater", threshold: float, image: "tuple[str, np.ndarray]"
) -> tuple[list[list[object]], int]:
    """Detect and rate the faces in an image.

    Args:
        detector: The detector.
        rater: The classifier of detections.
        threshold: Minimum probability of a face [0, 1].
        image: Name, and pixels as for `Detector.detect`.

    Returns:
        One row with `COLUMNS` for each face, and the number of detections below the threshold.
    """
    from mangagan.faces.rating import rate_detections

    name, pixels = image
    found = detector.detect(pixels)
    ratings = rate_detections(rater, pixels, found.boxes, found.scores, detector.name, detector.crop_margin)
    rows: list[list[object]] = [
        [name, *box, score, p_face, p_usable]
        for box, score, (p_face, p_usable) in zip(
            found.boxes.tolist(), found.scores.tolist(), ratings.tolist(), strict=True
        )
        if p_face >= threshold
    ]
    return rows, len(found.boxes) - len(rows)


def decode_sources(sources: "Iterable[Source]", settings: "IngestParams") -> "Iterator[tuple[str, np.ndarray]]":
    """Yield name and pixels of each image. An image that cannot be read is skipped with a line on stderr."""
    from mangagan.decoding.decode import open_picture
    from mangagan.decoding.errors import UnreadableError

    for source in sources:
        try:
            if source.reason:
                raise UnreadableError(source.reason)
            with open_picture(source.data, settings.max_megapixels, settings.max_strip_megapixels) as picture:
                yield source.name, picture.pixels()
        except UnreadableError as error:
            print(f"mangagan: skipped {source.name}: {error}", file=sys.stderr)


def list_images(paths: Iterable[Path]) -> "list[File]":
    """Return the images and containers that the paths name, folder by folder in natural order.

    The name of a file in a folder is relative to that folder. A file that is named itself may have any suffix.

    Raises:
        UserError: A path does not exist, or a folder holds no image.
    """
    from mangagan.readers.files import find_files
    from mangagan.readers.listing import File, find_earlier_volume, sort_files
    from mangagan.readers.names import escape
    from mangagan.readers.registry import is_candidate

    files = []
    for path in paths:
        if path.is_dir():
            entries = [entry for entry in find_files(path, []) if not entry.reason and is_candidate(entry.path)]
            entries = [entry for entry in entries if find_earlier_volume(entry) is None]
            if not entries:
                raise UserError(f"no image, archive or e-book in {path}. Give such files, or folders of them")
            files += sort_files({entry.name: File(entry.path, escape(entry.name)) for entry in entries})
        elif path.is_file():
            files.append(File(path, escape(path.as_posix())))
        else:
            raise UserError(f"{path} not found. Give images, archives or e-books, or folders of them")
    return files
