"""`python -m benchmarks.import_gates`: which imported crops pass the quality gates, by the margin around the face.

The labelled faces of DIR/faces.json are cropped from their pages with several margins, as a user might have cropped
them. `none` are squares without a face. The face quality network of the package was trained on faces of the same
titles, so the figures are optimistic. The command prints a table on stderr and one JSON line on stdout.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mangagan.core.errors import UserError
from mangagan.core.libraries import configure_libraries, limit_to_one_thread
from mangagan.detector_training.labels import Picture, read_titles
from mangagan.face_quality.classifier import FaceQuality
from mangagan.faces.crop import crop_square, expand_to_square
from mangagan.faces.quality import KEEP_LEVELS
from mangagan.importing.rating import rate_crop

MARGINS = (-0.1, 0.0, 0.1, 0.2, 0.35, 0.5)  # on each side of the labelled box, as a share of its longer side
MIN_SIZE = 40  # minimum of the longer side of a face [px]
SQUARES = 3  # random squares of each page; those that touch a face are left out
KINDS = ("usable", "not usable", "none")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark. Return the exit status: 2 if the data cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.import_gates", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with faces.json and pages/")
    parser.add_argument("--seed", type=int, default=0, help="seed of the squares without a face (default: 0)")
    options = parser.parse_args(arguments)
    configure_libraries()
    limit_to_one_thread()
    try:
        pages = [page for title in read_titles(options.data).values() for page in title]
    except UserError as error:
        print(f"import_gates: {error}", file=sys.stderr)
        return 2
    report = {str(margin): measure_margin(pages, margin, options.seed) for margin in MARGINS}
    print(f"{'margin':8}{'kind':12}{'crops':>8}" + "".join(f"{keep:>10}" for keep in KEEP_LEVELS), file=sys.stderr)
    for margin, kinds in report.items():
        for kind, row in kinds.items():
            shares = "".join(f"{row.get(keep, np.nan):10.3f}" for keep in KEEP_LEVELS)
            print(f"{margin:8}{kind:12}{row['crops']:8.0f}{shares}", file=sys.stderr)
    print(json.dumps({"seed": options.seed, "margins": report}))
    return 0


def measure_margin(pages: Sequence[Picture], margin: float, seed: int) -> dict[str, dict[str, float]]:
    """Return the number of crops of each kind, and the share of them that passes for each value of `normalize.keep`.

    Args:
        pages: Labelled pages.
        margin: Margin of the crops, see `MARGINS`.
        seed: Seed of the squares without a face.
    """
    rater = FaceQuality()
    ratings: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
    for kind, crop in make_crops(pages, margin, np.random.default_rng(seed)):
        ratings[kind].append(rate_crop(rater, crop, np.array([0, 0, *crop.shape[1::-1]])))
    return {kind: summarize(np.array(rows).reshape(-1, 2)) for kind, rows in ratings.items()}


def summarize(ratings: np.ndarray) -> dict[str, float]:
    """Return the number of crops, and the share that passes for each value of `normalize.keep`.

    Args:
        ratings: Probability of a face and of a usable face, float (N, 2).
    """
    shares = {
        keep: float(np.mean((ratings[:, 0] >= level.min_face) & (ratings[:, 1] >= level.min_usable)))
        for keep, level in KEEP_LEVELS.items()
        if len(ratings)
    }
    return {"crops": len(ratings), **{keep: round(share, 4) for keep, share in shares.items()}}


def make_crops(pages: Sequence[Picture], margin: float, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the kind and the pixels of each crop, uint8 (S, S) or (S, S, 3)."""
    for page in pages:
        for *box, usable in page.faces.tolist():
            if max(box[2:]) >= MIN_SIZE:
                yield KINDS[0 if usable == 1 else 1], crop_square(page.pixels, expand_to_square(np.array(box), margin))
        height, width = page.pixels.shape[:2]
        for _ in range(SQUARES):
            side = int(rng.integers(min(height, width) // 12, min(height, width) // 4))
            left, top = int(rng.integers(0, width - side)), int(rng.integers(0, height - side))
            x, y, w, h = page.faces[:, :4].T
            if not np.any((x < left + side) & (x + w > left) & (y < top + side) & (y + h > top)):
                yield KINDS[2], page.pixels[top : top + side, left : left + side]


if __name__ == "__main__":
    sys.exit(main())
