"""What the report shows of the earlier stages, read from the workspace."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.core.params import SECTIONS
from mangagan.dataset.manifest import read_manifest, summarize
from mangagan.networks.weights import read_card
from mangagan.report.page import Report

EARLIER = SECTIONS[:-1]  # the stages before evaluate
# The training's samples are in the timeline already.
SHEETS_OF = tuple(stage for stage in EARLIER if stage != "train")


def read_report(
    root: Path, measured: dict[str, Any], pictures: dict[str, bytes], quantiles: dict[str, list[float]]
) -> Report:
    """Gathers the page's content.

    Args:
        root: the workspace.
        measured: the content of metrics/evaluate.json.
        pictures: the stage's own, see `Report`.
        quantiles: the content of reports/evaluate/nearest.csv.

    Raises:
        UserError: a file is missing or damaged that the report cannot do without.
    """
    metrics = {stage: read_metrics(root / catalog.metrics(stage)) for stage in EARLIER}
    card = read_card(root / catalog.MODEL_CARD)
    manifest = read_manifest(root / catalog.MANIFEST)
    return Report(
        metrics={**{stage: values for stage, values in metrics.items() if values}, "evaluate": measured},
        card=card,
        titles=count_titles(manifest, metrics["ingest"]),
        curves=read_columns(root / catalog.pictures("train") / "curves.csv"),
        quantiles=quantiles,
        pictures=pictures,
        sheets=read_sheets(root),
        dataset_matches=card.get("data", {}).get("train_sha256") == measured["train_sha256"],
        progress=read_columns(root / catalog.pictures("train") / "metrics.csv"),
        timings=read_timings(root / catalog.STATE / "timings"),
        example=choose_example(manifest),
    )


def read_metrics(path: Path) -> dict[str, Any]:
    """A stage's metrics; empty where it left none.

    Raises:
        UserError: the file is no JSON object.
    """
    if not path.exists():
        return {}
    try:
        values = json.loads(path.read_bytes())
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}): run `dvc repro --force {path.stem}`") from None
    if not isinstance(values, dict):
        raise UserError(f"{path} holds no metrics: run `dvc repro --force {path.stem}`")
    return values


def count_titles(manifest: pd.DataFrame, ingest: dict[str, Any]) -> pd.DataFrame:
    """The manifest's summary by title, with all pages of the title in front, where ingest counted them."""
    summary = summarize(manifest)
    pages = pd.Series(ingest.get("pages_by_title", {}), dtype="int64", name="pages")
    return summary if pages.empty else pages.to_frame().join(summary, how="outer").fillna(0).astype(int)


def choose_example(manifest: pd.DataFrame) -> dict[str, Any]:
    """The first face of the training set with all that the manifest says of it; empty where there is none."""
    rows = manifest[manifest["split"] == "train"].head(1).to_dict("records")
    return {str(name): value for name, value in rows[0].items() if not pd.isna(value)} if rows else {}


def read_columns(path: Path) -> dict[str, list[float]]:
    """The columns of a table of figures; empty where there is none. Truth is 1, what is missing NaN."""
    return pd.read_csv(path).astype(float).to_dict("list") if path.exists() else {}


def read_timings(folder: Path) -> dict[str, float]:
    """Stage → seconds that it took when it last ran, in the order of the pipeline; others are left out.

    Evaluation's own is not known before the page is written.
    """
    found = {stage: read_metrics(folder / f"{stage}.json").get("seconds") for stage in EARLIER}
    return {stage: float(seconds) for stage, seconds in found.items() if seconds is not None}


def read_sheets(root: Path) -> dict[str, dict[str, bytes]]:
    """The stages' pictures by stage and name, kept before rejected; stages without any are left out."""
    found = {
        stage: {path.stem: path.read_bytes() for path in sorted((root / catalog.pictures(stage)).glob("*.png"))}
        for stage in SHEETS_OF
    }
    return {stage: sheets for stage, sheets in found.items() if sheets}
