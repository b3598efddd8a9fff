"""The stage dedup: which face of a drawing is kept, decisions of the user, mirror images, and the hold-out split."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pytest

from mangagan.core.images import encode_png
from mangagan.dataset.dedup import DedupParams, deduplicate, sort_best_first
from mangagan.dataset.overrides import NO_DECISIONS, Decisions
from mangagan.dataset.split import choose_holdout, find_components
from mangagan.duplicates.face_images import FaceImages
from mangagan.duplicates.phash import phash64
from mangagan.sample.character import STYLES
from mangagan.sample.head import draw_face

ALL = DedupParams(holdout_share=0.0)


def draw(seed: int) -> np.ndarray:
    """Draw a face in gray, uint8 (112, 112)."""
    image = draw_face(np.random.default_rng(seed), STYLES[seed % 2], 112)[0]
    return image.mean(axis=2).astype(np.uint8) if image.ndim == 3 else image


ONE, OTHER, THIRD = draw(5), draw(6), draw(3)
MIRRORED = np.ascontiguousarray(ONE[:, ::-1])


def decide(by_face: dict[str, str] | None = None, merged: Iterable[str] = (), parted: Iterable[str] = ()) -> Decisions:
    """Return decisions; pairs as texts such as `f0 f1`."""
    pairs = [frozenset((pair.split()[0], pair.split()[1]) for pair in texts) for texts in (merged, parted)]
    return Decisions(by_face or {}, pairs[0], pairs[1], {}, ())


def make_faces(pages: list[str]) -> pd.DataFrame:
    """Return one face for each page id, f0, f1 …, from best to worst."""
    return pd.DataFrame(
        {
            "face_id": [f"f{number}" for number in range(len(pages))],
            "page_id": pages,
            "page_width": 500,
            "page_height": 500,
            "x": 100.0,
            "y": 100.0,
            "w": [80.0 - number for number in range(len(pages))],
            "h": 50.0,
            "crop_margin": 0.2,
            "sharpness": 0.5,
            "drop_reason": "",
        }
    )


def make_images(pngs: list[bytes]) -> FaceImages:
    return FaceImages(len(pngs), lambda indices: [pngs[index] for index in indices])


def run(
    grays: list[np.ndarray],
    decisions: Decisions = NO_DECISIONS,
    settings: DedupParams = ALL,
    reasons: dict[int, str] | None = None,
) -> pd.DataFrame:
    """Deduplicate faces of different pages, from best to worst."""
    faces = make_faces([f"p{number:02}" for number in range(len(grays))])
    for number, reason in (reasons or {}).items():
        faces.loc[number, "drop_reason"] = reason
    return deduplicate(faces, make_images(list(map(encode_png, grays))), decisions, settings)


def test_best_face_of_each_drawing_is_kept() -> None:
    decided = run([ONE, ONE, OTHER, OTHER, ONE], reasons={3: "blurred"})
    assert decided["kept"].tolist() == [True, False, True, False, False]
    assert decided["drop_reason"].tolist() == ["", "duplicate", "", "blurred", "duplicate"]
    assert decided["duplicate_of"].tolist() == ["", "f0", "", "", "f0"]
    assert decided["cluster_id"].tolist() == ["f0", "f0", "f2", "f3", "f0"]
    assert decided["similarity"].round(2).tolist() == pytest.approx([np.nan, 1, np.nan, np.nan, 1], nan_ok=True)
    assert decided["mirror_of"].tolist() == [""] * 5
    assert decided["split"].tolist() == ["train", "", "train", "", ""]
    assert decided["phash"].tolist() == [f"{phash64(gray):016x}" for gray in (ONE, ONE, OTHER, OTHER, ONE)]


def test_faces_are_sorted_by_size_then_sharpness_then_id() -> None:
    order = sort_best_first(np.array([50.0, 60.0, 60.0, 40.0]), np.array([0.5, 0.4, 0.5, 0.5]), list("abcd"))
    assert order.tolist() == [2, 1, 0, 3]
    assert sort_best_first(np.ones(3), np.array([0.1, 0.1, np.nan]), ["b", "a", "c"]).tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("by_face", "reasons"),
    [
        # f0, f1 and f2 are one drawing, f3 is another one.
        ({"f1": "keep"}, ["duplicate", "", "duplicate", ""]),
        ({"f1": "keep", "f2": "keep"}, ["duplicate", "", "", ""]),
        ({"f0": "drop"}, ["dropped by hand", "duplicate", "duplicate", ""]),
        ({"f2": "drop"}, ["duplicate", "duplicate", "dropped by hand", ""]),
        ({"f0": "drop", "f1": "keep"}, ["dropped by hand", "", "duplicate", ""]),
        ({"f0": "drop", "f2": "drop"}, ["dropped by hand", "duplicate", "dropped by hand", ""]),
        ({"f0": "replace"}, ["dropped by hand", "", "duplicate", ""]),
        ({"f1": "replace"}, ["", "dropped by hand", "duplicate", ""]),
        ({"f0": "replace", "f1": "replace"}, ["dropped by hand", "dropped by hand", "", ""]),
        ({"f0": "replace", "f1": "drop"}, ["dropped by hand", "dropped by hand", "duplicate", ""]),
        ({"f3": "drop"}, ["", "duplicate", "duplicate", "dropped by hand"]),
    ],
)
def test_decisions_on_faces(by_face: dict[str, str], reasons: list[str]) -> None:
    decided = run([ONE, ONE, ONE, OTHER], decide(by_face))
    assert decided["drop_reason"].tolist() == reasons
    assert (decided["kept"] == (decided["drop_reason"] == "")).all()
    assert (decided["duplicate_of"] != "").tolist() == [reason == "duplicate" for reason in reasons]
    best = decided.set_index("face_id").loc[decided["duplicate_of"][decided["duplicate_of"] != ""]]
    assert (best["kept"] | (best["drop_reason"] == "dropped by hand")).all()


def test_decisions_precede_gates() -> None:
    decided = run([ONE, ONE, OTHER, OTHER], decide({"f0": "keep", "f2": "drop"}), reasons={0: "blurred", 2: "no face"})
    assert decided["drop_reason"].tolist() == ["", "duplicate", "dropped by hand", "duplicate"]


def test_a_face_that_a_gate_dropped_represents_nothing() -> None:
    decided = run([ONE, ONE], reasons={0: "blurred"})
    assert decided["drop_reason"].tolist() == ["blurred", ""]


def test_decisions_on_pairs() -> None:
    grays = [ONE, ONE, OTHER, THIRD]
    parted = run(grays, decide(parted=["f0 f1"]))
    assert parted["kept"].all()
    merged = run(grays, decide(merged=["f0 f2", "f2 f3"]))
    assert merged["duplicate_of"].tolist() == ["", "f0", "f0", "f0"]
    assert merged["similarity"].isna().tolist() == [True, False, True, True]
    both = run(grays, decide({"f2": "keep"}, merged=["f0 f2"]))
    assert both["drop_reason"].tolist() == ["duplicate", "duplicate", "", ""]
    dropped = run(grays, decide({"f2": "drop"}, merged=["f0 f2"]))
    assert dropped["drop_reason"].tolist() == ["duplicate", "duplicate", "dropped by hand", ""]
    kept = run(grays, decide({"f0": "keep", "f2": "keep", "f3": "drop"}, merged=["f0 f2", "f0 f3"]))
    assert kept["drop_reason"].tolist() == ["", "duplicate", "", "dropped by hand"]
    replaced = run(grays, decide({"f0": "replace"}, merged=["f0 f2", "f0 f3"]))
    assert replaced["drop_reason"].tolist() == ["dropped by hand", "", "", "duplicate"]


@pytest.mark.parametrize(
    ("mirrored", "reasons", "duplicates", "mirrors"),
    [
        ("split", ["", "", "", "duplicate"], ["", "", "", "f1"], ["", "f0", "", ""]),
        ("merge", ["", "duplicate", "", "duplicate"], ["", "f0", "", "f0"], ["", "f0", "", "f0"]),
        ("ignore", ["", "", "", "duplicate"], ["", "", "", "f1"], ["", "", "", ""]),
    ],
)
def test_mirror_images(mirrored: str, reasons: list[str], duplicates: list[str], mirrors: list[str]) -> None:
    settings = DedupParams(mirrored=mirrored, holdout_share=0.0)
    decided = run([ONE, MIRRORED, OTHER, MIRRORED], settings=settings)
    assert decided["drop_reason"].tolist() == reasons
    assert decided["duplicate_of"].tolist() == duplicates
    assert decided["mirror_of"].tolist() == mirrors
    known = [bool(one or other) for one, other in zip(duplicates, mirrors, strict=True)]
    assert decided["similarity"].notna().tolist() == known
    assert (decided["similarity"].dropna() > 0.9).all()


def test_decisions_on_mirror_images() -> None:
    grays = [ONE, MIRRORED]
    assert run(grays, decide({"f0": "drop"}))["drop_reason"].tolist() == ["dropped by hand", ""]
    assert run(grays, decide({"f1": "keep"}))["mirror_of"].tolist() == ["f1", ""]
    assert run(grays, decide(parted=["f0 f1"]))["mirror_of"].tolist() == ["", ""]
    assert run(grays, decide(merged=["f0 f1"]))["duplicate_of"].tolist() == ["", "f0"]
    merge = DedupParams(mirrored="merge", holdout_share=0.0)
    assert run(grays, decide({"f0": "drop"}), merge)["drop_reason"].tolist() == ["dropped by hand", "duplicate"]
    assert run(grays, decide({"f0": "keep", "f1": "keep"}), merge)["mirror_of"].tolist() == ["", "f0"]


def test_components_and_holdout_groups() -> None:
    assert find_components([("a", "b"), ("c", "c"), ("d", "b")]) == {"a": "a", "b": "a", "c": "c", "d": "a"}
    sizes = {f"page{i}": 3 for i in range(100)}
    holdout = choose_holdout(sizes, 0.1, seed=0)
    assert len(holdout) == 10
    more = choose_holdout(sizes | {"new": 3}, 0.1, seed=0)
    assert len(holdout & more) >= 9  # a new page hardly changes the split
    assert choose_holdout(sizes, 0.1, seed=1) != holdout
    assert choose_holdout(sizes, 0.0, seed=0) == set()
    assert choose_holdout({"only": 9}, 0.1, seed=0) == set()
    assert len(choose_holdout({"a": 50, "b": 50}, 0.1, seed=0)) == 1
    huge = {"huge": 900} | {f"page{i}": 5 for i in range(20)}
    assert all("huge" not in choose_holdout(huge, 0.1, seed) for seed in range(50))


def test_no_page_and_no_drawing_is_in_both_splits() -> None:
    rng = np.random.default_rng(0)
    drawings = [draw(seed) for seed in range(24)]
    drawings += [np.ascontiguousarray(drawing[:, ::-1]) for drawing in drawings]
    which = rng.integers(0, 48, 60)
    pages = [f"p{number:02}" for number in rng.integers(0, 100, 60)]
    parted = [f"f{low} f{high}" for low in range(60) for high in range(low + 1, 60) if which[low] == which[high]]
    decisions = decide({f"f{number}": "keep" for number in range(40, 50)}, parted=parted[::2])
    seen = set()
    for seed in range(4):
        settings = DedupParams(holdout_share=0.3, seed=seed)
        decided = deduplicate(
            make_faces(pages), make_images([encode_png(drawings[i]) for i in which]), decisions, settings
        )
        kept = decided.assign(drawing=which % 24)[decided["kept"]]
        assert kept["drawing"].duplicated().any()
        for column in ("page_id", "drawing"):
            assert (kept.groupby(column)["split"].nunique() == 1).all()
        seen |= set(kept["face_id"][kept["split"] == "holdout"])
    assert len(seen) > 10


def test_no_faces_to_compare() -> None:
    assert run([ONE], reasons={0: "blurred"})["drop_reason"].tolist() == ["blurred"]
    assert run([ONE], decide({"f0": "replace"}))["kept"].tolist() == [False]
