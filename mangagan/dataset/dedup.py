"""From marked faces to the dataset: duplicates found, a person's decisions applied, the hold-out set apart."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mangagan.dataset.duplicates import best_first, cluster_faces
from mangagan.dataset.phash import CENTRE, shifted_hashes
from mangagan.dataset.split import components, holdout_groups


@dataclass(frozen=True)
class DedupSettings:
    """How duplicates are told and the hold-out is drawn.

    Attributes:
        max_distance: bits of 64.
        min_correlation: −1 to 1.
        holdout_share: of the kept faces, 0 to below 1.
        seed: of the hold-out draw.
    """

    max_distance: int
    min_correlation: float
    holdout_share: float
    seed: int


def deduplicate(
    faces: pd.DataFrame, grays: np.ndarray, overrides: dict[str, str], settings: DedupSettings
) -> pd.DataFrame:
    """Decides for every face whether it is kept, and in which split.

    A person's `drop` is final; a `keep` beats gates and duplicates, and makes that face the first choice of its
    cluster. Otherwise the best face of each cluster is kept.

    Args:
        faces: columns of `mangagan.faces.normalize.SCHEMA`, N rows.
        grays: uint8 (N, S, S), the same faces in gray.
        overrides: face id → keep or drop.
        settings: see `DedupSettings`.

    Returns:
        `faces` with phash, cluster_id, duplicate_of, kept, drop_reason and split as the manifest has them.
    """
    faces = faces.reset_index(drop=True)
    decision = faces["face_id"].map(lambda face_id: overrides.get(face_id, "")).astype(str)
    reason = faces["drop_reason"].mask(decision == "keep", "").mask(decision == "drop", "dropped by hand")
    hashes = np.array([shifted_hashes(gray) for gray in grays], np.uint64).reshape(len(grays), -1)

    representative = np.arange(len(faces))
    alive = np.flatnonzero(reason == "")
    if len(alive):
        candidates = faces.loc[alive]
        by_hand = (decision[alive] == "keep").to_numpy()
        order = best_first(
            np.maximum(candidates["w"], candidates["h"]).to_numpy(),
            candidates["sharpness"].to_numpy(),
            candidates["face_id"].tolist(),
        )
        order = np.concatenate([order[by_hand[order]], order[~by_hand[order]]])
        clusters = cluster_faces(grays[alive], hashes[alive], order, settings.max_distance, settings.min_correlation)
        representative[alive] = alive[clusters.representative]

    cluster_id = faces["face_id"].to_numpy()[representative]
    duplicate = (representative != np.arange(len(faces))) & (decision != "keep").to_numpy()
    reason = reason.mask(duplicate, "duplicate")
    kept = reason == ""
    decided = faces.assign(
        phash=[f"{value:016x}" for value in hashes[:, CENTRE]] if len(faces) else [],
        cluster_id=cluster_id,
        duplicate_of=np.where(duplicate, cluster_id, ""),
        kept=kept,
        drop_reason=reason,
    )
    return decided.assign(split=splits(decided, settings))


def splits(faces: pd.DataFrame, settings: DedupSettings) -> pd.Series:
    """`train`, `holdout` or, for dropped faces, empty.

    Pages are bound together when they hold faces of one cluster, dropped duplicates included: no drawing that is held
    out has a near copy in the training set, nor a neighbour from its own page.
    """
    pages = faces["page_id"]
    home = faces.groupby("cluster_id")["page_id"].transform("first")
    group_of = components(zip(pages, home, strict=True))
    group = pages.map(group_of)
    held = holdout_groups(group[faces["kept"]].value_counts().to_dict(), settings.holdout_share, settings.seed)
    return group.isin(held).map({True: "holdout", False: "train"}).where(faces["kept"], "")
