"""The stage `dedup`: faces → training set and hold-out set (one face of each drawing), manifest of all faces."""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow.parquet import read_metadata

from mangagan.core import catalog, params
from mangagan.core.cache import open_cache
from mangagan.core.errors import UserError
from mangagan.core.files import atomic_directory, write_json
from mangagan.core.machine import load_machine
from mangagan.dataset.clusters import find_contradictions
from mangagan.dataset.dedup import DUPLICATE, DedupParams, deduplicate
from mangagan.dataset.manifest import summarize, write_manifest
from mangagan.dataset.overrides import (
    FACE_ACTIONS,
    PAIR_ACTIONS,
    Match,
    match_overrides,
    read_overrides,
    resolve_matches,
)
from mangagan.duplicates.face_images import FaceImages
from mangagan.faces.shards import FaceShards
from mangagan.faces.sheets import write_sheets
from mangagan.faces.table import IMAGE, read_rows, write_selected
from mangagan.gallery.write import write_gallery

STAGE = "dedup"
SCHEMA = catalog.arrow_schema(catalog.DATASET_COLUMNS)


def run(root: Path = Path()) -> None:
    """Run the stage in the workspace `root`.

    Raises:
        UserError: params.yaml or the overrides are invalid, or there are no faces.
    """
    settings, machine = params.load(STAGE, DedupParams, root), load_machine(root)
    overrides = read_overrides(root / catalog.OVERRIDES)
    shards = list_shards(root)
    faces = read_all_faces(shards)
    matches = match_overrides(overrides, faces)
    report_problems(matches)
    images = FaceShards([path for path, _ in shards])
    with open_cache(root, STAGE, machine.cache_gb) as cache:
        gray_faces = FaceImages(len(faces), images.load, cache, machine)
        check_sizes(shards, [hashes.side for hashes in gray_faces.hashes])
        decided = deduplicate(faces, gray_faces, resolve_matches(matches), settings)
        for split, path in {"train": catalog.TRAIN_FACES, "holdout": catalog.HOLDOUT_FACES}.items():
            write_selected(root / path, decided[decided["split"] == split], SCHEMA, images.load_rows)
        write_manifest(root / catalog.MANIFEST, decided)
        with atomic_directory(root / catalog.pictures_dir(STAGE)) as folder:
            write_sheets(folder, decided, gallery=str(catalog.GALLERY), load=images.load_rows)
            write_gallery(folder, decided, images.load_rows, cache)
    figures = count_faces(decided) | count_overrides(matches)
    print(f"{STAGE}: {figures['kept']} faces kept, {figures['holdout']} of them in the hold-out set", file=sys.stderr)
    write_json(root / catalog.metrics_file(STAGE), figures)


def report_problems(matches: Sequence[Match]) -> None:
    """Print a line for each decision that cannot be applied."""
    for match in matches:
        if not match.is_found:
            print(f"{STAGE}: {catalog.OVERRIDES} line {match.override.line}: {match.explain()}", file=sys.stderr)
    decisions = resolve_matches(matches)
    for one, other in find_contradictions(decisions.merged, decisions.parted):
        (line,) = (match.override.line for match in matches if match.is_found and match.pair == (one, other))
        print(
            f"{STAGE}: {catalog.OVERRIDES} line {line}: part is ignored, because merges join the two", file=sys.stderr
        )


def list_shards(root: Path) -> list[tuple[Path, str]]:
    """Return the files of faces, those from pages and the imported ones, each with the stage that writes it.

    Raises:
        UserError: There are no files.
    """
    shards = [(path, "normalize") for path in sorted((root / catalog.FACES_DIR).glob("*.parquet"))]
    shards += [(path, "import_faces") for path in sorted((root / catalog.IMPORTED_DIR).glob("*.parquet"))]
    if not shards:
        raise UserError(f"no faces in {catalog.FACES_DIR}. Run: dvc repro normalize")
    return shards


def read_all_faces(shards: Sequence[tuple[Path, str]]) -> pd.DataFrame:
    """Read the faces of all titles, without images, numbered as in `FaceShards`.

    Raises:
        UserError: A file is damaged, or there is no face in any file.
    """
    schema = catalog.arrow_schema(catalog.FACE_COLUMNS).append(pa.field("image", IMAGE))
    tables = [read_rows(path, schema, stage) for path, stage in shards]
    tables = [table for table in tables if len(table)]
    if not tables:
        boxes = catalog.pictures_dir("detect") / "boxes.png"
        raise UserError(f"no face was detected on any page. Look at {boxes}, and lower the threshold in detect")
    return pd.concat(tables, ignore_index=True)


def check_sizes(shards: Sequence[tuple[Path, str]], sides: Sequence[int]) -> None:
    """Raise UserError unless all faces have one size.

    Args:
        shards: Files of faces, each with the stage that writes it.
        sides: Height and width of each face in these files [px].
    """
    stages = [stage for path, stage in shards for _ in range(read_metadata(path).num_rows)]
    sizes: dict[int, str] = {}
    for side, stage in zip(sides, stages, strict=True):
        sizes.setdefault(side, stage)
    if len(sizes) > 1:
        (size, stage), (other_size, other_stage) = list(sizes.items())[:2]
        raise UserError(
            f"faces of {size} px (stage {stage}) and of {other_size} px (stage {other_stage}): all must have the size "
            f"normalize.size of {catalog.PARAMS}. Run: dvc repro {STAGE}"
        )


def count_faces(decided: pd.DataFrame) -> dict[str, Any]:
    """Return the counts of the stage's metrics."""
    cluster_sizes = decided[decided["drop_reason"].isin(["", DUPLICATE])]["cluster_id"].value_counts()
    by_title = summarize(decided)["kept"]
    return {
        "faces": len(decided),
        "kept": int(decided["kept"].sum()),
        "train": int((decided["split"] == "train").sum()),
        "holdout": int((decided["split"] == "holdout").sum()),
        "duplicates": int((decided["drop_reason"] == DUPLICATE).sum()),
        "mirrored_pairs": int((decided["mirror_of"] != "").sum()),
        "largest_cluster": int(cluster_sizes.max()) if len(cluster_sizes) else 0,
        "kept_by_title": {str(title): int(count) for title, count in by_title.items()},
    }


def count_overrides(matches: Sequence[Match]) -> dict[str, int]:
    """Return the numbers of decisions in force that are applied, by action, and of those whose face does not exist."""
    applied = Counter(match.override.action for match in matches if match.is_found)
    by_action = {f"overrides_{action}": applied[action] for action in (*FACE_ACTIONS, *PAIR_ACTIONS)}
    return by_action | {
        "overrides_applied": applied.total(),
        "overrides_unknown": len(matches) - applied.total(),
    }
