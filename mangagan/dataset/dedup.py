"""Decide for every face whether it is in the dataset, and in which split."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mangagan.dataset.duplicates import cluster_faces, sort_best_first
from mangagan.dataset.phash import CENTRE, hash_shifts
from mangagan.dataset.split import choose_holdout, find_components


@dataclass(frozen=True)
class DedupParams:
    """The section `dedup` of params.yaml.

    Attributes:
        max_distance: Maximum distance between the perceptual hashes of duplicates [bits of 64].
        min_correlation: Minimum correlation of duplicates [-1, 1].
        holdout_share: Share of the kept faces in the hold-out set [0, 1). 0: no hold-out set.
        seed: Seed of the hold-out split.

    Raises:
        ValueError: A value is out of range.
    """

    max_distance: int = 12
    min_correlation: float = 0.93
    holdout_share: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.max_distance <= 64:
            raise ValueError("max_distance must be from 0 to 64")
        if not -1 <= self.min_correlation <= 1:
            raise ValueError("min_correlation must be from -1 to 1")
        if not 0 <= self.holdout_share < 1:
            raise ValueError("holdout_share must be at least 0 and below 1")


def deduplicate(
    faces: pd.DataFrame, grays: np.ndarray, overrides: dict[str, str], settings: DedupParams
) -> pd.DataFrame:
    """Decide for every face whether it is kept, and in which split.

    The best face of each cluster of duplicates is kept. Decisions of the user override this: `drop` always drops a
    face; `keep` keeps it even if a gate dropped it or it is a duplicate, and makes it the best face of its cluster.

    Args:
        faces: N rows with the columns of `mangagan.faces.normalize.SCHEMA`.
        grays: The same faces in gray, uint8 (N, S, S).
        overrides: Decisions of the user: face id → keep or drop.
        settings: Thresholds of duplicates, and the hold-out split.

    Returns:
        `faces` with the columns phash, cluster_id, duplicate_of, kept, drop_reason and split of the manifest.
    """
    faces = faces.reset_index(drop=True)
    decision = faces["face_id"].map(lambda face_id: overrides.get(face_id, "")).astype(str)
    reason = faces["drop_reason"].mask(decision == "keep", "").mask(decision == "drop", "dropped by hand")
    hashes = np.array([hash_shifts(gray) for gray in grays], np.uint64).reshape(len(grays), -1)
    representative = find_representatives(faces, grays, hashes, decision, reason, settings)

    cluster_id = faces["face_id"].to_numpy()[representative]
    duplicate = (representative != np.arange(len(faces))) & (decision != "keep").to_numpy()
    reason = reason.mask(duplicate, "duplicate")
    decided = faces.assign(
        phash=[f"{value:016x}" for value in hashes[:, CENTRE]] if len(faces) else [],
        cluster_id=cluster_id,
        duplicate_of=np.where(duplicate, cluster_id, ""),
        kept=reason == "",
        drop_reason=reason,
    )
    return decided.assign(split=assign_splits(decided, settings))


def find_representatives(
    faces: pd.DataFrame,
    grays: np.ndarray,
    hashes: np.ndarray,
    decision: pd.Series,
    reason: pd.Series,
    settings: DedupParams,
) -> np.ndarray:
    """Return for each face the index of the face that represents its cluster, int (N,).

    Faces with a drop reason are not compared: each represents itself.

    Args:
        faces: N rows with the columns of `mangagan.faces.normalize.SCHEMA`.
        grays: The same faces in gray, uint8 (N, S, S).
        hashes: Result of `hash_shifts` for each face, uint64 (N, 25).
        decision: Decision of the user: keep, drop or "".
        reason: Drop reason so far, "" if none.
        settings: Thresholds of duplicates.
    """
    representative = np.arange(len(faces))
    compared = np.flatnonzero(reason == "")
    if len(compared):
        candidates = faces.loc[compared]
        by_hand = (decision[compared] == "keep").to_numpy()
        order = sort_best_first(
            np.maximum(candidates["w"], candidates["h"]).to_numpy(),
            candidates["sharpness"].to_numpy(),
            candidates["face_id"].tolist(),
        )
        order = np.concatenate([order[by_hand[order]], order[~by_hand[order]]])
        clusters = cluster_faces(
            grays[compared], hashes[compared], order, settings.max_distance, settings.min_correlation
        )
        representative[compared] = compared[clusters]
    return representative


def assign_splits(faces: pd.DataFrame, settings: DedupParams) -> pd.Series:
    """Return the split of each face: `train`, `holdout`, or "" for a dropped face.

    Pages that share a cluster get the same split; dropped duplicates count. So no hold-out face has a near-duplicate in
    the training set, or comes from a page of the training set.

    Args:
        faces: Faces with the columns `page_id`, `cluster_id` and `kept`.
        settings: Share and seed of the hold-out set.
    """
    pages = faces["page_id"]
    first_pages = faces.groupby("cluster_id")["page_id"].transform("first")
    groups = pages.map(find_components(zip(pages, first_pages, strict=True)))
    sizes = groups[faces["kept"]].value_counts().to_dict()
    holdout = choose_holdout(sizes, settings.holdout_share, settings.seed)
    return groups.isin(holdout).map({True: "holdout", False: "train"}).where(faces["kept"], "")
