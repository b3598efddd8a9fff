"""What the report shows of the earlier stages, read from the workspace."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from mangagan import paths
from mangagan.errors import UserError
from mangagan.faces.manifest import read_manifest, summarize
from mangagan.gan.weights import read_card
from mangagan.params import SECTIONS
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
    metrics = {stage: read_metrics(root / paths.metrics(stage)) for stage in EARLIER}
    card = read_card(root / paths.MODEL_CARD)
    return Report(
        metrics={**{stage: values for stage, values in metrics.items() if values}, "evaluate": measured},
        card=card,
        titles=read_titles(root, metrics["ingest"]),
        curves=read_curves(root / paths.pictures("train") / "curves.csv"),
        quantiles=quantiles,
        pictures=pictures,
        sheets=read_sheets(root),
        dataset_matches=card.get("data", {}).get("train_sha256") == measured["train_sha256"],
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


def read_titles(root: Path, ingest: dict[str, Any]) -> pd.DataFrame:
    """The manifest's summary by title, with all pages of the title in front, where ingest counted them."""
    summary = summarize(read_manifest(root / paths.MANIFEST))
    pages = pd.Series(ingest.get("pages_by_title", {}), dtype="int64", name="pages")
    return summary if pages.empty else pages.to_frame().join(summary, how="outer").fillna(0).astype(int)


def read_curves(path: Path) -> dict[str, list[float]]:
    """The columns of the training's curves; empty where there are none."""
    return pd.read_csv(path, dtype=float).to_dict("list") if path.exists() else {}


def read_sheets(root: Path) -> dict[str, dict[str, bytes]]:
    """The stages' pictures by stage and name, kept before rejected; stages without any are left out."""
    found = {
        stage: {path.stem: path.read_bytes() for path in sorted((root / paths.pictures(stage)).glob("*.png"))}
        for stage in SHEETS_OF
    }
    return {stage: sheets for stage, sheets in found.items() if sheets}
