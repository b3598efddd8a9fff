"""Decide for every face whether it is in the dataset, and in which split."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mangagan.dataset.clusters import Constraints, cluster_faces
from mangagan.dataset.overrides import Decisions
from mangagan.dataset.split import choose_holdout, find_components
from mangagan.duplicates.face_images import FaceImages
from mangagan.duplicates.pairs import Pairs
from mangagan.duplicates.params import DEFAULT, PairParams
from mangagan.duplicates.search import find_pairs
from mangagan.faces.crop import find_insides

MIRRORED = ("split", "merge", "ignore")
BY_HAND = "dropped by hand"
DUPLICATE = "duplicate"


@dataclass(frozen=True)
class DedupParams:
    """The section `dedup` of params.yaml.

    Attributes:
        min_similarity: Minimum similarity of duplicates [0, 1].
        mirrored: What happens to a face and its mirror image. split: both are kept, in the same split. merge: they are
            duplicates. ignore: mirror images are not searched.
        holdout_share: Share of the kept faces in the hold-out set [0, 1). 0: no hold-out set.
        seed: Seed of the hold-out split.

    Raises:
        ValueError: A value is out of range.
    """

    min_similarity: float = 0.5
    mirrored: str = "split"
    holdout_share: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.min_similarity <= 1:
            raise ValueError("min_similarity must be from 0 to 1")
        if self.mirrored not in MIRRORED:
            raise ValueError(f"mirrored must be {', '.join(MIRRORED[:-1])} or {MIRRORED[-1]}, not {self.mirrored!r}")
        if not 0 <= self.holdout_share < 1:
            raise ValueError("holdout_share must be at least 0 and below 1")


def deduplicate(faces: pd.DataFrame, images: FaceImages, decisions: Decisions, settings: DedupParams) -> pd.DataFrame:
    """Decide for every face whether it is kept, and in which split.

    The best face of each cluster of duplicates is kept. Decisions of the user precede this. `keep`: keep the face even
    if a gate dropped it or it is a duplicate. `drop`: drop the face and its duplicates. `replace`: drop the face, and
    keep the best of its duplicates.

    Args:
        faces: N rows with the columns of `catalog.FACE_COLUMNS`.
        images: Images of the same faces.
        decisions: Decisions of the user.
        settings: Search for duplicates, and the hold-out split.

    Returns:
        `faces` with the further columns of `catalog.MANIFEST_COLUMNS`.
    """
    faces = faces.reset_index(drop=True)
    action = faces["face_id"].map(lambda face_id: decisions.by_face.get(face_id, "")).astype(str)
    reason = faces["drop_reason"].mask(action == "keep", "").mask(action.isin(["drop", "replace"]), BY_HAND)
    order = order_faces(faces, action, reason)
    pairs = compare_faces(faces, images, np.sort(order), settings)

    fixed = frozenset(faces["face_id"][action.isin(["keep", "drop"])])
    constraints = Constraints(fixed, decisions.merged, decisions.parted)
    is_same = (pairs.similarity >= settings.min_similarity) & (~pairs.mirrored | (settings.mirrored == "merge"))
    same = select_pairs(pairs, is_same)
    representative = cluster_faces(faces["face_id"].tolist(), order.tolist(), same, constraints)
    duplicate = (representative != np.arange(len(faces))) & (action == "").to_numpy()
    reason = reason.mask(duplicate, DUPLICATE)

    decided = faces.assign(
        phash=[hashes.phash for hashes in images.hashes],
        cluster_id=faces["face_id"].to_numpy()[representative],
        kept=reason == "",
        drop_reason=reason,
    )
    likes = find_likes(decided, np.where(duplicate, representative, -1), order, pairs, decisions.parted)
    in_dataset = decided.groupby("cluster_id")["kept"].transform("any").to_numpy()
    shared = select_pairs(pairs, in_dataset[pairs.first] & in_dataset[pairs.second])
    return decided.assign(**likes, split=assign_splits(decided, shared, settings))


def order_faces(faces: pd.DataFrame, action: pd.Series, reason: pd.Series) -> np.ndarray:
    """Return the indices of the compared faces, int (M,): kept by hand, dropped by hand, then the others, best first.

    Faces that were dropped by a gate, or are to be replaced, are not compared.

    Args:
        faces: N faces.
        action: Decision of the user on each: keep, drop, replace or "".
        reason: Drop reason so far, "" if none.
    """
    compared = np.flatnonzero((reason == "") | (action == "drop"))
    rows = faces.loc[compared]
    size = np.maximum(rows["w"], rows["h"]).to_numpy()
    best_first = compared[sort_best_first(size, rows["sharpness"].to_numpy(), rows["face_id"].tolist())]
    priority = action[best_first].map({"keep": 0, "drop": 1}).fillna(2)
    return np.asarray(best_first[np.argsort(priority, kind="stable")])


def sort_best_first(size: np.ndarray, sharpness: np.ndarray, ids: list[str]) -> np.ndarray:
    """Return the indices of faces from best to worst: by size, then by sharpness, then by id.

    Args:
        size: Longer side on the page [px], float (N,).
        sharpness: float (N,).
        ids: N face ids.
    """
    return np.lexsort((np.array(ids), -sharpness, -size))


def compare_faces(faces: pd.DataFrame, images: FaceImages, compared: np.ndarray, settings: DedupParams) -> Pairs:
    """Return the pairs of near-duplicates among some faces, as indices into `faces`.

    A high `min_similarity` merges fewer faces, but all near-duplicates still stay in one split.

    Args:
        faces: N faces.
        images: Images of the same faces.
        compared: Indices of the faces to compare, in ascending order, int (M,).
        settings: Search for duplicates.
    """
    insides = find_insides(faces.loc[compared])
    search = PairParams(min(settings.min_similarity, DEFAULT.min_similarity))
    selected, context = images.select(compared.tolist())
    pairs = find_pairs(selected, insides, search, mirrored=settings.mirrored != "ignore", context=context)
    return replace(pairs, first=compared[pairs.first], second=compared[pairs.second])


def select_pairs(pairs: Pairs, mask: np.ndarray) -> Pairs:
    """Return the pairs for which the mask is True, bool (M,)."""
    return Pairs(pairs.first[mask], pairs.second[mask], pairs.similarity[mask], pairs.mirrored[mask])


def find_likes(
    faces: pd.DataFrame, best: np.ndarray, order: np.ndarray, pairs: Pairs, parted: Iterable[tuple[str, str]]
) -> dict[str, np.ndarray]:
    """Return the columns duplicate_of, mirror_of and similarity.

    A duplicate refers to the face that represents it, also in mirror_of if it is its mirror image. Of kept faces that
    are mirror images, each refers to the best one.

    Args:
        faces: N faces with the columns `face_id` and `kept`.
        best: Index of the face that each face duplicates, int (N,); −1 if none.
        order: Indices of the compared faces from best to worst, int (M,).
        pairs: Near-duplicates among the compared faces.
        parted: Ids of faces that are not duplicates; the ids of a pair are sorted.
    """
    ids, kept, parted = faces["face_id"].to_numpy(), faces["kept"].to_numpy(), set(parted)
    rank = np.full(len(faces), len(faces))
    rank[order] = np.arange(len(order))
    like, similarity = best.copy(), np.full(len(faces), np.nan)
    mirrored = np.zeros(len(faces), bool)
    for first, second, value, is_mirrored in zip(
        pairs.first, pairs.second, pairs.similarity.astype(float).round(4), pairs.mirrored, strict=True
    ):
        good, poor = (first, second) if rank[first] < rank[second] else (second, first)
        if best[poor] == good and not similarity[poor] >= value:
            similarity[poor], mirrored[poor] = value, is_mirrored
        is_twin = is_mirrored and kept[good] and kept[poor] and tuple(sorted((ids[good], ids[poor]))) not in parted
        if is_twin and (like[poor] < 0 or rank[good] < rank[like[poor]]):
            like[poor], similarity[poor], mirrored[poor] = good, value, True
    return {
        "duplicate_of": np.where(best >= 0, ids[best], ""),
        "mirror_of": np.where(mirrored, ids[like], ""),
        "similarity": similarity,
    }


def assign_splits(faces: pd.DataFrame, shared: Pairs, settings: DedupParams) -> pd.Series:
    """Return the split of each face: `train`, `holdout`, or "" for a dropped face.

    Pages that share a cluster get the same split; dropped duplicates count. So do the pages of two faces that are
    similar but in different clusters: mirror images, faces that the user kept or parted, duplicates of other faces. So
    no hold-out face has a near-duplicate in the training set, or comes from a page of the training set.

    Args:
        faces: Faces with the columns `page_id`, `cluster_id` and `kept`.
        shared: Near-duplicates among the faces of clusters with a kept face.
        settings: Share and seed of the hold-out set.
    """
    pages = faces["page_id"]
    first_pages = faces.groupby("cluster_id")["page_id"].transform("first")
    edges = [*zip(pages, first_pages, strict=True), *zip(pages[shared.first], pages[shared.second], strict=True)]
    groups = pages.map(find_components(edges))
    sizes = groups[faces["kept"]].value_counts().to_dict()
    holdout = choose_holdout(sizes, settings.holdout_share, settings.seed)
    return groups.isin(holdout).map({True: "holdout", False: "train"}).where(faces["kept"], "")
