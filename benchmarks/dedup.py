"""`python -m benchmarks.dedup DIR --out DIR`: recall and errors of the search for near-duplicates, and its speed.

Pages of DIR/faces.json are taken again, mirrored and edited (`benchmarks.duplicate_pairs`), and heads are drawn with
another mouth, other eyes or other brows. The constants of mangagan/duplicates were chosen on the titles of `TUNED` and
on half of the drawn heads; the other half and the other titles are the hold-out set.

Baselines on the same pairs: perceptual hashes (those of the package imagehash too, if it is installed) at their usual
threshold of 10 bits, and at the threshold that merges as many different faces; and hashes over shifts, verified by one
correlation. `--faces N` measures the time and memory of N drawn faces instead.
"""

import argparse
import json
import resource
import sys
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.duplicate_pairs import decode_gray, draw_crowd, draw_variants, make_page_faces
from benchmarks.hash_baselines import correlate_pairs, hash_faces, load_imagehash, measure_distances
from benchmarks.leave_one_out import read_pages
from benchmarks.machine import describe_machine
from mangagan.core.files import atomic_path
from mangagan.core.libraries import configure_libraries, limit_to_one_thread
from mangagan.detection.backends.mangaface import MangaFace, MangaFaceParams
from mangagan.detection.types import Detector
from mangagan.detector_training.labels import read_labels
from mangagan.distances.structural_damage import PARTS
from mangagan.duplicates.params import DEFAULT
from mangagan.duplicates.search import find_pairs
from mangagan.pages.decode import is_gray

TUNED = ("haruko", "balloon_dream")
DRAWN = {"tuned": range(0, 150), "hold-out": range(1000, 1150)}  # seeds of drawn heads
TAKES = ("original", "retake")
USUAL_DISTANCE = 10  # bits of 64
USUAL_CORRELATION = 0.93
Scores = dict[str, tuple[np.ndarray, float | None]]  # method → score of each pair, and its usual threshold


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dedup", description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", metavar="DIR", help="folder with faces.json and pages")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep the faces of each part here, and reuse them")
    parser.add_argument("--faces", type=int, metavar="N", help="measure the speed on N drawn faces")
    arguments = parser.parse_args(argv)
    if (arguments.data is None) == (arguments.faces is None):
        parser.error("give either DIR or --faces N")
    configure_libraries()
    limit_to_one_thread()
    report = measure_speed(arguments.faces) if arguments.faces else measure_parts(arguments.data, arguments.out)
    print(json.dumps({"machine": describe_machine(), **report}))
    return 0


def measure_parts(data: Path, out: Path | None) -> dict[str, Any]:
    """Return the table of all methods on the tuned part and on the hold-out set."""
    labels = read_labels(data)
    titles = sorted({page.split("/")[0] for page in labels})
    report: dict[str, Any] = {}
    for part, chosen in {"tuned": TUNED, "hold-out": tuple(title for title in titles if title not in TUNED)}.items():
        files = [(title, make_title(data, title, out)) for title in chosen]
        faces = pd.concat([table.assign(title=title) for title, table in files], ignore_index=True)
        report[part] = measure_faces(faces)
        drawn = make_drawn(DRAWN[part], out)
        report[f"drawn, {part}"] = measure_faces(drawn.assign(title="drawn"))
        for name in (part, f"drawn, {part}"):
            print(f"{name}:\n{pd.DataFrame(report[name]['methods']).T.to_string()}", file=sys.stderr)
    return report


def make_title(data: Path, title: str, out: Path | None) -> pd.DataFrame:
    """Return the faces of a title, from the folder `out` if they are there; see `make_page_faces`."""

    def make() -> Iterator[dict[str, Any]]:
        detector, labels = build_detector(), read_labels(data)
        names = [page for page in labels if page.startswith(f"{title}/")]
        pages = {name: keep_gray(pixels) for name, pixels in read_pages(data, names)}
        boxes = {name: list_usable(labels[name]) for name in names}
        for name, page in pages.items():
            donors = [
                pages[other][y : y + h, x : x + w]
                for other in names
                for x, y, w, h in boxes[other].astype(int)
                if pages[other].ndim == page.ndim
            ]
            rng = np.random.default_rng(zlib.crc32(name.encode()))
            yield from make_page_faces(detector, name, page, boxes[name] if donors else boxes[name][:0], donors, rng)

    return load_or_make(make, out, title)


def make_drawn(seeds: range, out: Path | None) -> pd.DataFrame:
    """Return drawn heads; see `draw_variants`."""

    def make() -> Iterator[dict[str, Any]]:
        detector = build_detector()
        for seed in seeds:
            yield from draw_variants(detector, seed)

    return load_or_make(make, out, f"drawn-{seeds.start}")


def load_or_make(make: Any, out: Path | None, name: str) -> pd.DataFrame:
    """Read a table of faces from `out`, or make it and write it there."""
    path = out / f"{name}.parquet" if out else None
    if path and path.is_file():
        return pd.read_parquet(path)
    print(f"dedup: making the faces of {name}", file=sys.stderr)
    faces = pd.DataFrame(list(make()))
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            faces.to_parquet(temporary)
    return faces


def build_detector() -> Detector:
    """Return the detector of the package."""
    return MangaFace(MangaFaceParams())


def keep_gray(page: np.ndarray) -> np.ndarray:
    """Return a page without colour as gray."""
    return np.ascontiguousarray(page[..., 1]) if page.ndim == 3 and is_gray(page) else page


def list_usable(faces: list[dict[str, Any]]) -> np.ndarray:
    """Return the labelled boxes of usable faces, float64 (N, 4)."""
    return np.array([[face[key] for key in "xywh"] for face in faces if face["usable"]], float).reshape(-1, 4)


def measure_faces(faces: pd.DataFrame) -> dict[str, Any]:
    """Return the figures of all methods on a table of faces."""
    grays, insides = decode_gray(faces)
    first, second = np.triu_indices(len(faces), 1)
    kinds = label_pairs(faces, first, second)
    kept = kinds != ""
    first, second, kinds = first[kept], second[kept], kinds[kept]
    scores: Scores = {"mangagan": (score_pairs(grays, insides, first, second, kinds), DEFAULT.min_similarity)}
    scores["hashes over shifts, correlation"] = (correlate_pairs(grays, first, second), USUAL_CORRELATION)
    hashes = {"phash64": hash_faces} | load_imagehash()
    for name, function in hashes.items():
        scores[name] = (-measure_distances(function(grays), first, second).astype(float), -USUAL_DISTANCE)
    counts = {str(kind): int(count) for kind, count in pd.Series(kinds).value_counts().items()}
    methods: dict[str, Any] = {}
    for name, (values, threshold) in scores.items():
        assert threshold is not None
        methods[name] = rate(values, kinds, threshold)
        if name != "mangagan":
            allowed = max(1, int(np.sum(scores["mangagan"][0][kinds == "different"] >= DEFAULT.min_similarity)))
            equal = np.sort(values[kinds == "different"])[-allowed - 1] + 1e-9
            methods[f"{name}, equal false merges"] = rate(values, kinds, float(equal))
    return {"faces": len(faces), "pairs": counts, "methods": methods}


def label_pairs(faces: pd.DataFrame, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the kind of each pair: same, mirrored, different, a part that was changed, or "" for all others."""
    drawing = pd.factorize(faces["drawing"])[0]
    kind = faces["kind"].to_numpy().astype(str)
    swapped = np.isin(kind[first], TAKES)
    taken, other = np.where(swapped, kind[first], kind[second]), np.where(swapped, kind[second], kind[first])
    is_taken = np.isin(taken, TAKES)
    same = drawing[first] == drawing[second]
    labels = np.full(len(first), "", dtype="<U12")
    labels[same & is_taken & np.isin(other, TAKES)] = "same"
    labels[~same & is_taken & np.isin(other, TAKES)] = "different"
    for each in ("mirrored", *PARTS):
        labels[same & is_taken & (other == each)] = each
    return labels


def score_pairs(
    grays: np.ndarray, insides: np.ndarray, first: np.ndarray, second: np.ndarray, kinds: np.ndarray
) -> np.ndarray:
    """Return the similarity of each pair by `find_pairs`, 0 if it is not found; of kind mirrored, as mirror images."""
    found = find_pairs(grays, insides, DEFAULT)
    similarity = {
        (int(a), int(b)): (float(value), bool(mirrored))
        for a, b, value, mirrored in zip(found.first, found.second, found.similarity, found.mirrored, strict=True)
    }
    scores = np.zeros(len(first))
    for index, pair in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        value, mirrored = similarity.get(pair, (0.0, False))
        if mirrored == (kinds[index] == "mirrored"):
            scores[index] = value
    return scores


def rate(scores: np.ndarray, kinds: np.ndarray, threshold: float) -> dict[str, float]:
    """Return the share of each kind of pairs at or above a threshold."""
    return {
        str(kind): round(float(np.mean(scores[kinds == kind] >= threshold)), 6) for kind in np.unique(kinds).tolist()
    }


def measure_speed(count: int) -> dict[str, Any]:
    """Return the seconds and the memory of the search on drawn faces, each drawn once."""
    with ProcessPoolExecutor() as pool:
        starts = range(0, count, 500)
        parts = pool.map(draw_crowd, starts, [min(start + 500, count) for start in starts])
        faces = np.concatenate(list(parts))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    started, processor = time.monotonic(), time.process_time()
    pairs = find_pairs(faces, np.tile(np.array([0, 0, 1, 1], np.float32), (count, 1)), DEFAULT)
    return {
        "faces": count,
        "seconds": round(time.monotonic() - started, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
        "pairs": len(pairs),
        "mirrored_pairs": int(pairs.mirrored.sum()),
        "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
        "memory_before_mb": round(before),
    }


if __name__ == "__main__":
    sys.exit(main())
