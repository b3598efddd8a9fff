"""`python -m benchmarks.clean_faces`: purity and yield of the dataset on titles that no network was trained on.

Faces on the pages of a title in DIR/faces.json are detected with FOLDS/<title>.safetensors and rated with
FOLDS/<title>.quality.safetensors. Both were trained without the title:

    python -m mangagan.detector_training --data DIR --leave-out TITLE --out FOLDS/TITLE.safetensors
    python -m mangagan.quality_training --data DIR --folds FOLDS --leave-out TITLE --out FOLDS/TITLE.quality.safetensors
    python -m mangagan.quality_training.fit_calibration --data DIR --folds FOLDS

The benchmark compares the values of `normalize.keep` with three baselines: the detector alone (`detector`), a linear
classifier on features of its encoder and on the measures of each detection (`linear`), and the same classifier without
the features (`measures`). `benchmarks.purity` defines the metrics. The output folder contains a manifest for each value
and baseline, `faces.parquet` with all detections, `curves.csv`, `curves.png`, and sheets of kept, dropped and doubtful
faces. The command prints a table on stderr and one JSON line on stdout.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import colour_faces, detected_faces, linear_quality, purity, purity_pictures
from benchmarks.leave_one_out import list_titles, read_title
from benchmarks.purity import KINDS, Curve
from benchmarks.scoring import Label
from mangagan.core.errors import UserError
from mangagan.core.files import write_text
from mangagan.core.images import write_png
from mangagan.core.libraries import configure_libraries, limit_to_one_thread
from mangagan.detection.backends.mangaface import MangaFaceParams
from mangagan.detector_training.labels import read_labels
from mangagan.face_quality.classifier import FaceQuality
from mangagan.faces.quality import KEEP_LEVELS
from mangagan.faces.rating import FaceRater
from mangagan.faces.table import write_faces
from mangagan.quality_training.folds import locate_weights

FACES_FILE = "faces.parquet"
DETECTOR_SCORE = MangaFaceParams.threshold  # minimum score of a detection that is rated
TARGET_YIELDS = (0.7, 0.8, 0.88, 0.95)
Labels = dict[str, list[Label]]
Report = dict[str, Any]


@dataclass(frozen=True)
class Selection:
    """Rule that selects the kept detections, in addition to the measured gates.

    Attributes:
        min_score: Minimum score of a detection; below it, a detection is not in the manifest.
        gates: For each rating, its minimum and the drop reason.
    """

    min_score: float = DETECTOR_SCORE
    gates: dict[str, tuple[float, str]] = field(default_factory=dict)


BASELINES = {
    "detector": Selection(0.33, {"usable": (0.1, "eyes not visible")}),
    "linear": Selection(gates={"linear": (0.5, "eyes not visible")}),
    "measures": Selection(gates={"measures": (0.5, "eyes not visible")}),
}
LEVELS = {
    keep: Selection(gates={"p_face": (level.min_face, "no face"), "p_usable": (level.min_usable, "eyes not visible")})
    for keep, level in KEEP_LEVELS.items()
}
# Name of the curve: rating, minimum score of a detection
CURVES = {
    "network": ("p_usable", DETECTOR_SCORE),
    "linear": ("linear", DETECTOR_SCORE),
    "measures": ("measures", DETECTOR_SCORE),
    "detector": ("usable", DETECTOR_SCORE),
    "detector, score 0.33": ("usable", 0.33),
}


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    arguments = parse_arguments(argv)
    configure_libraries()
    limit_to_one_thread()
    try:
        report = measure_colour(arguments) if arguments.colour else run(arguments)
    except UserError as error:
        print(f"benchmarks.clean_faces: {error}", file=sys.stderr)
        return 2
    print(json.dumps(report))
    return 0


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.clean_faces",
        description="Measure purity and yield of the dataset on labelled pages of unseen titles.",
        epilog="example: python -m benchmarks.clean_faces --data labelled --weights folds --out out/clean",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with faces.json and pages/")
    parser.add_argument(
        "--weights", type=Path, required=True, help="folder with <title>.safetensors and <title>.quality.safetensors"
    )
    parser.add_argument("--out", type=Path, required=True, help="output folder")
    parser.add_argument("--baselines", action="store_true", help="measure only the baselines, without the network")
    parser.add_argument(
        "--scorer", type=Path, help="program that scores LABELS.json MANIFEST.csv --json; its figures must be equal"
    )
    parser.add_argument("--colour", action="store_true", help="measure faces in colour pages and scenes instead")
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace) -> Report:
    """Detect, rate, write all files and return the report."""
    if arguments.scorer and not arguments.scorer.is_file():
        raise UserError(f"{arguments.scorer} not found. Set --scorer to a program")
    labels = read_labels(arguments.data)
    detections, penalties = rate_titles(arguments, labels)
    selections = BASELINES if arguments.baselines else LEVELS | BASELINES
    reasons = {name: find_drop_reasons(detections, selection) for name, selection in selections.items()}
    columns = [*detected_faces.SCHEMA.names, "png"]
    write_faces(arguments.out / FACES_FILE, detections[columns], detected_faces.SCHEMA)
    figures = {}
    for name, selection in selections.items():
        rows = (detections["score"] >= selection.min_score).to_numpy()
        path = arguments.out / f"manifest-{name}.csv"
        purity.write_manifest(path, detections[rows], reasons[name][rows].tolist())
        figures[name] = measure_titles(labels, detections, reasons[name] == "")
        if arguments.scorer:
            check_scorer(arguments.scorer, arguments.data / "faces.json", path, figures[name]["all"])
    ratings = write_curves(arguments.out, labels, detections)
    write_sheets(arguments.out, detections, next(reasons[name] for name in ("balanced", "detector") if name in reasons))
    print(format_table(figures, ratings), file=sys.stderr)
    return {
        "benchmark": "clean_faces",
        "labelled_usable": purity.count_usable(labels),
        "detections": len(detections),
        "selections": figures,
        "ratings": ratings,
        "linear_penalties": penalties,
    }


def measure_colour(arguments: argparse.Namespace) -> Report:
    """Measure faces in colour, see `colour_faces`."""
    min_face, _ = LEVELS["balanced"].gates["p_face"]
    return colour_faces.run(arguments.data, arguments.weights, arguments.out, min_face)


def rate_titles(arguments: argparse.Namespace, labels: Labels) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return the rated detections of all titles, and the L2 penalties of the linear classifier."""
    data, folder, titles = arguments.data, arguments.weights, list_titles(labels)
    if len(titles) < 2:
        raise UserError(f"{data}/faces.json needs pages of two titles or more, to train the linear classifier on one")
    weights = {title: locate_weights(folder, data, title) for title in titles}
    raters: dict[str, FaceRater | None] = dict.fromkeys(titles)
    if not arguments.baselines:
        paths = {title: locate_weights(folder, data, title, quality=True) for title in titles}
        raters |= {title: FaceQuality(path) for title, path in paths.items()}
    parts = []
    for title in titles:
        pages = [page for page in labels if read_title(page) == title]
        detector = detected_faces.build_detector(weights[title])
        parts.append(detected_faces.detect_faces(data, pages, detector, raters[title]))
    detections = pd.concat(parts, ignore_index=True)
    detections["kind"] = purity.classify_detections(labels, detections)
    pngs = detections["png"].tolist()
    detections["linear"], penalties = linear_quality.rate_unseen_titles(
        detections, lambda title: detected_faces.encode_faces(weights[title], pngs), DETECTOR_SCORE
    )
    detections["measures"], _ = linear_quality.rate_unseen_titles(
        detections, lambda title: np.zeros((len(detections), 0)), DETECTOR_SCORE
    )
    return detections, penalties


def find_drop_reasons(detections: pd.DataFrame, selection: Selection) -> np.ndarray:
    """Return the drop reason of each detection, str (N,), "" if it is kept; the measured gates come first."""
    reasons = np.where(detections["score"] < selection.min_score, "low score", detections["gate"]).astype(object)
    for rating, (minimum, reason) in selection.gates.items():
        low = (detections[rating] < minimum).to_numpy()
        reasons[(reasons == "") & low] = reason
    return reasons.astype(str)


def measure_titles(labels: Labels, detections: pd.DataFrame, kept: np.ndarray) -> Report:
    """Return purity and yield of all titles and of each title.

    Args:
        labels: Page to labelled faces.
        detections: With the columns title and kind.
        kept: bool (N,).
    """
    kinds, titles = detections["kind"].to_numpy(), detections["title"].to_numpy(str)
    by_title = {}
    for title in list_titles(labels):
        faces = {page: rows for page, rows in labels.items() if read_title(page) == title}
        by_title[title] = purity.compute_purity(kinds[kept & (titles == title)], purity.count_usable(faces))
    return {"all": purity.compute_purity(kinds[kept], purity.count_usable(labels)), "titles": by_title}


def check_scorer(program: Path, labels: Path, manifest: Path, expected: purity.Figures) -> None:
    """Score a manifest with another program.

    Raises:
        UserError: The program fails, or its figures differ.
    """
    command = [sys.executable, str(program), str(labels), str(manifest), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        error = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"{program} failed: {error}. Set --scorer to another program")
    figures = json.loads(done.stdout)
    for name, value in expected.items():
        if figures.get(name) != value:
            raise UserError(
                f"{program} gives {name} {figures.get(name)} for {manifest}, not {value}. Compare the rules"
            )


def write_curves(out: Path, labels: Labels, detections: pd.DataFrame) -> Report:
    """Write `curves.csv` and `curves.png`; return AUC and usable share at the target yields for each rating."""
    usable_faces, curves, ratings = purity.count_usable(labels), dict[str, Curve](), dict[str, Any]()
    for name, (rating, min_score) in CURVES.items():
        rows = detections[detections["score"] >= min_score]
        if rows[rating].isna().any():
            continue
        passed = rows[rows["gate"] == ""]
        usable = (passed["kind"] == purity.USABLE).to_numpy()
        curve = purity.trace_curve(usable, passed[rating].to_numpy(), usable_faces)
        shares = {f"{target:g}": purity.find_share_at_yield(curve, target) for target in TARGET_YIELDS}
        auc = purity.compute_auc((rows["kind"] == purity.USABLE).to_numpy(), rows[rating].to_numpy())
        curves[name], ratings[name] = curve, {"auc": auc, "usable_share_at_yield": shares}
    parts = [pd.DataFrame({"rating": name, **curve._asdict()}) for name, curve in curves.items()]
    write_text(out / "curves.csv", pd.concat(parts).round(4).to_csv(index=False, lineterminator="\n"))
    lines = {name: (curve.yields, curve.shares) for name, curve in curves.items()}
    write_png(out / "curves.png", purity_pictures.draw_curves(lines, "yield", "usable share of the kept faces"))
    return ratings


def write_sheets(out: Path, detections: pd.DataFrame, reasons: np.ndarray) -> None:
    """Write a sheet of kept and of dropped faces for each title, and a sheet of the doubtful ones."""
    shown = detections.assign(drop_reason=reasons)[reasons != "low score"]
    for title, rows in shown.groupby("title", sort=False):
        kept = rows["drop_reason"] == ""
        write_png(out / "sheets" / f"{title}-kept.png", purity_pictures.draw_kept(rows[kept]))
        write_png(out / "sheets" / f"{title}-dropped.png", purity_pictures.draw_dropped(rows[~kept]))
    rating = "linear" if shown["p_usable"].isna().any() else "p_usable"
    passed = shown[detections.loc[shown.index, "gate"] == ""]
    write_png(out / "sheets" / "doubtful.png", purity_pictures.draw_doubtful(passed, rating))


def format_table(figures: Report, ratings: Report) -> str:
    """Return the report as text: the selections, all titles first, then the ratings."""
    names = ["kept", *KINDS, "yield"]
    lines = [f"{'selection':<12}{'title':<18}" + "".join(f"{name:>12}" for name in names)]
    for name, report in figures.items():
        for title, row in [("all", report["all"]), *report["titles"].items()]:
            values = [f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()]
            lines.append(f"{name:<12}{title:<18}" + "".join(f"{value:>12}" for value in values))
    lines += ["", f"{'rating':<24}{'AUC':>8}" + "".join(f"{f'at yield {target:g}':>16}" for target in TARGET_YIELDS)]
    for name, row in ratings.items():
        shares = ["-" if share is None else f"{share:.3f}" for share in row["usable_share_at_yield"].values()]
        auc = "-" if row["auc"] is None else f"{row['auc']:.3f}"
        lines.append(f"{name:<24}{auc:>8}" + "".join(f"{share:>16}" for share in shares))
    return "\n".join([*lines, "", "at yield: usable share of the kept faces at this yield or a higher one"])


if __name__ == "__main__":
    sys.exit(main())
