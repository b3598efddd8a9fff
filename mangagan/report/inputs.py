"""Read the outputs of earlier stages that the report shows."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.dataset.manifest import read_manifest, summarize
from mangagan.networks.weights import read_card
from mangagan.report.page import Report

EARLIER_STAGES = catalog.stages_before("evaluate")
# The samples of training are omitted: the timeline shows them.
SHEET_STAGES = tuple(stage for stage in EARLIER_STAGES if stage != "train")


def read_report(root: Path, train_sha256: str) -> Report:
    """Return the report with the outputs of earlier stages; the evaluation is still empty.

    Args:
        root: The workspace.
        train_sha256: SHA-256 of the training faces.

    Raises:
        UserError: The model card or the manifest is missing, or a file is damaged.
    """
    metrics = {stage: read_metrics(root / catalog.metrics_file(stage)) for stage in EARLIER_STAGES}
    card = read_card(root / catalog.MODEL_CARD)
    manifest = read_manifest(root / catalog.MANIFEST)
    return Report(
        metrics={stage: values for stage, values in metrics.items() if values},
        card=card,
        titles=count_titles(manifest, metrics["ingest"]),
        curves=read_columns(root / catalog.TRAINING_CURVES),
        quantiles={},
        pictures={},
        sheets=read_sheets(root),
        dataset_matches=card.get("data", {}).get("train_sha256") == train_sha256,
        progress=read_columns(root / catalog.TRAINING_METRICS),
        timings=read_timings(root),
        example=choose_example(manifest),
        gallery=find_gallery(root),
    )


def find_gallery(root: Path) -> str:
    """Return the path of the gallery of all faces, relative to the report; empty if it does not exist."""
    path = catalog.GALLERY.relative_to(catalog.REPORT.parent)
    return path.as_posix() if (root / catalog.GALLERY).exists() else ""


def read_metrics(path: Path) -> dict[str, Any]:
    """Return the metrics of a stage; empty if the file is missing.

    Raises:
        UserError: The file is not a JSON object.
    """
    if not path.exists():
        return {}
    try:
        values = json.loads(path.read_bytes())
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}). Run: dvc repro --force {path.stem}") from None
    if not isinstance(values, dict):
        raise UserError(f"{path} is not a JSON object. Run: dvc repro --force {path.stem}")
    return values


def count_titles(manifest: pd.DataFrame, ingest: dict[str, Any]) -> pd.DataFrame:
    """Return the counts of each title. The first column is the number of pages if `ingest` recorded it."""
    summary = summarize(manifest)
    pages = pd.Series(ingest.get("pages_by_title", {}), dtype="int64", name="pages")
    return summary if pages.empty else pages.to_frame().join(summary, how="outer").fillna(0).astype(int)


def choose_example(manifest: pd.DataFrame) -> dict[str, Any]:
    """Return the first training face of the manifest without its missing values; empty if there is none."""
    rows = manifest[manifest["split"] == "train"].head(1).to_dict("records")
    return {str(name): value for row in rows for name, value in row.items() if not pd.isna(value)}


def read_columns(path: Path) -> dict[str, list[float]]:
    """Return the columns of a CSV file as numbers (true: 1, missing: NaN); empty if the file is missing."""
    return pd.read_csv(path).astype(float).to_dict("list") if path.exists() else {}


def read_timings(root: Path) -> dict[str, float]:
    """Return stage → duration of its last run [s], in the order of the pipeline.

    `evaluate` is omitted, because it is not finished when it writes the report.
    """
    durations = {stage: read_metrics(root / catalog.timing_file(stage)).get("seconds") for stage in EARLIER_STAGES}
    return {stage: float(seconds) for stage, seconds in durations.items() if seconds is not None}


def read_sheets(root: Path) -> dict[str, dict[str, bytes]]:
    """Return stage → name → PNG of its contact sheets, sorted by name; stages without any are omitted."""
    sheets = {
        stage: {path.stem: path.read_bytes() for path in sorted((root / catalog.pictures_dir(stage)).glob("*.png"))}
        for stage in SHEET_STAGES
    }
    return {stage: pictures for stage, pictures in sheets.items() if pictures}
