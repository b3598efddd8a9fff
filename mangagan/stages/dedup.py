"""The stage `dedup`: faces → training set and hold-out set (one face of each drawing), manifest of all faces."""

import sys
from pathlib import Path
from typing import Any

import pandas as pd

from mangagan.core import catalog, params
from mangagan.core.errors import UserError
from mangagan.core.files import write_json
from mangagan.dataset.dedup import DedupParams, deduplicate
from mangagan.dataset.manifest import summarize, write_manifest
from mangagan.dataset.overrides import read_overrides
from mangagan.faces.sheets import write_sheets
from mangagan.faces.table import decode_faces, read_faces, write_faces

STAGE = "dedup"
SCHEMA = catalog.arrow_schema(catalog.DATASET_COLUMNS)


def run(root: Path = Path()) -> None:
    """Run the stage in the workspace `root`.

    Raises:
        UserError: params.yaml or the overrides are invalid, or there are no faces.
    """
    settings = params.load(STAGE, DedupParams, root)
    overrides = read_overrides(root / catalog.OVERRIDES)
    faces = read_all_faces(root)
    decided = deduplicate(faces, decode_faces(faces["png"], channels=1)[:, 0], overrides, settings)
    unknown = sorted(set(overrides) - set(faces["face_id"]))
    for face_id in unknown:
        print(f"{STAGE}: {catalog.OVERRIDES}: there is no face {face_id}", file=sys.stderr)

    write_faces(root / catalog.TRAIN_FACES, decided[decided["split"] == "train"], SCHEMA)
    write_faces(root / catalog.HOLDOUT_FACES, decided[decided["split"] == "holdout"], SCHEMA)
    write_manifest(root / catalog.MANIFEST, decided)
    write_sheets(root / catalog.pictures_dir(STAGE), decided)
    figures = count_faces(decided)
    figures |= {"overrides_applied": len(overrides) - len(unknown), "overrides_unknown": len(unknown)}
    print(f"{STAGE}: {figures['kept']} faces kept, {figures['holdout']} of them in the hold-out set", file=sys.stderr)
    write_json(root / catalog.metrics_file(STAGE), figures)


def read_all_faces(root: Path) -> pd.DataFrame:
    """Read the faces of all titles.

    Raises:
        UserError: There are no files, or no face in them.
    """
    shards = sorted((root / catalog.FACES_DIR).glob("*.parquet"))
    if not shards:
        raise UserError(f"no faces in {catalog.FACES_DIR}. Run: dvc repro normalize")
    columns = [*catalog.column_names(catalog.FACE_COLUMNS), "image"]
    faces = pd.concat([read_faces(shard, columns, stage="normalize") for shard in shards], ignore_index=True)
    if faces.empty:
        boxes = catalog.pictures_dir("detect") / "boxes.png"
        raise UserError(f"no face was detected on any page. Look at {boxes}, and lower the threshold in detect")
    return faces


def count_faces(decided: pd.DataFrame) -> dict[str, Any]:
    """Return the counts of the stage's metrics."""
    cluster_sizes = decided[decided["drop_reason"].isin(["", "duplicate"])]["cluster_id"].value_counts()
    by_title = summarize(decided)["kept"]
    return {
        "faces": len(decided),
        "kept": int(decided["kept"].sum()),
        "train": int((decided["split"] == "train").sum()),
        "holdout": int((decided["split"] == "holdout").sum()),
        "duplicates": int((decided["drop_reason"] == "duplicate").sum()),
        "largest_cluster": int(cluster_sizes.max()) if len(cluster_sizes) else 0,
        "kept_by_title": {str(title): int(count) for title, count in by_title.items()},
    }
