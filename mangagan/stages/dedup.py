"""Faces → the dataset: one of each drawing, split into train and hold-out, and the manifest of all."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mangagan.core import catalog, params
from mangagan.core.errors import UserError
from mangagan.core.files import write_json
from mangagan.dataset.dedup import DedupSettings, deduplicate
from mangagan.dataset.manifest import summarize, write_manifest
from mangagan.dataset.overrides import read_overrides
from mangagan.faces.sheets import write_sheets
from mangagan.faces.table import decode_faces, read_faces, write_faces

DATASET = catalog.arrow_schema(catalog.DATASET_COLUMNS)


@dataclass(frozen=True)
class DedupParams:
    """The section `dedup` of params.yaml."""

    max_distance: int = 12
    min_correlation: float = 0.93
    holdout_share: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.max_distance <= 64 or not -1 <= self.min_correlation <= 1:
            raise ValueError("max_distance must be from 0 to 64 and min_correlation from -1 to 1")
        if not 0 <= self.holdout_share < 1:
            raise ValueError("holdout_share must be from 0 to below 1")


def run(root: Path = Path()) -> None:
    """Runs the stage in the workspace `root`."""
    settings = params.load("dedup", DedupParams, root)
    overrides = read_overrides(root / catalog.OVERRIDES)
    shards = sorted((root / catalog.FACES_DIR).glob("*.parquet"))
    if not shards:
        raise UserError(f"no faces in {catalog.FACES_DIR}: run `dvc repro normalize`")
    columns = [*catalog.names(catalog.FACE_COLUMNS), "image"]
    faces = pd.concat([read_faces(shard, columns, stage="normalize") for shard in shards], ignore_index=True)
    if faces.empty:
        raise UserError("no face was detected on any page: see reports/detect/boxes.png, and params.yaml: detect")
    decided = deduplicate(
        faces,
        decode_faces(faces["png"], channels=1)[:, 0],
        overrides,
        DedupSettings(settings.max_distance, settings.min_correlation, settings.holdout_share, settings.seed),
    )
    unknown = sorted(set(overrides) - set(faces["face_id"]))
    for face_id in unknown:
        print(f"dedup: {catalog.OVERRIDES} names face {face_id}, which there is not", file=sys.stderr)

    write_faces(root / catalog.TRAIN_FACES, decided[decided["split"] == "train"], DATASET)
    write_faces(root / catalog.HOLDOUT_FACES, decided[decided["split"] == "holdout"], DATASET)
    write_manifest(root / catalog.MANIFEST, decided)
    write_sheets(root / catalog.pictures("dedup"), decided)
    figures = summary_figures(decided, len(overrides) - len(unknown), len(unknown))
    print(f"dedup: {figures['kept']} faces kept, {figures['holdout']} of them held out", file=sys.stderr)
    write_json(root / catalog.metrics("dedup"), figures)


def summary_figures(decided: pd.DataFrame, applied: int, unknown: int) -> dict[str, object]:
    """The figures of metrics/dedup.json."""
    sizes = decided[decided["drop_reason"].isin(["", "duplicate"])]["cluster_id"].value_counts()
    by_title = summarize(decided)["kept"]
    return {
        "faces": len(decided),
        "kept": int(decided["kept"].sum()),
        "train": int((decided["split"] == "train").sum()),
        "holdout": int((decided["split"] == "holdout").sum()),
        "duplicates": int((decided["drop_reason"] == "duplicate").sum()),
        "largest_cluster": int(sizes.max()) if len(sizes) else 0,
        "kept_by_title": {str(title): int(count) for title, count in by_title.items()},
        "overrides_applied": applied,
        "overrides_unknown": unknown,
    }
