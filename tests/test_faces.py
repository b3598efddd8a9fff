"""Crops, quality gates, perceptual hashes, clusters, the hold-out split and overrides."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from mangagan.core.errors import UserError
from mangagan.dataset.dedup import DedupParams, deduplicate
from mangagan.dataset.duplicates import cluster_faces, sort_best_first
from mangagan.dataset.overrides import read_overrides
from mangagan.dataset.phash import correlate_faces, hash_distance, hash_shifts, phash64
from mangagan.dataset.split import choose_holdout, find_components
from mangagan.faces.crop import Square, crop_square, expand_to_square, measure_padding, resize
from mangagan.faces.normalize import NormalizeParams, normalize_face
from mangagan.faces.quality import Gates, find_drop_reason, measure_sharpness
from mangagan.sample.character import STYLES
from mangagan.sample.head import draw_face

OPEN = Gates(min_size=0, min_contrast=0, min_sharpness=0, max_pad=1, min_usable=0)  # passes every face


def draw(seed: int, size: int = 160) -> np.ndarray:
    """Draw a face in gray, uint8 (size, size)."""
    rng = np.random.default_rng(seed)
    image = draw_face(rng, STYLES[seed % 2], size)[0]
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image


def test_square_holds_the_box_and_margin() -> None:
    assert expand_to_square(np.array([10, 20, 40, 30]), 0) == Square(10, 15, 40)
    assert expand_to_square(np.array([10, 20, 40, 30]), 0.25) == Square(0, 5, 60)


def test_crop_mirrors_at_the_edges() -> None:
    page = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert (crop_square(page, Square(0, 0, 3)) == page[:, :3]).all()
    padded = np.pad(page, 2, mode="reflect")
    assert (crop_square(page, Square(-2, -2, 7)) == padded[:7, :7]).all()
    assert (crop_square(page, Square(-40, -40, 90))[40:43, 40:44] == page).all()  # farther than the width of the page
    assert measure_padding(Square(-2, 0, 4), 10, 10) == 0.5
    assert measure_padding(Square(1, 1, 4), 10, 10) == 0


def test_resize_does_not_alias() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (224, 112))
    assert np.ptp(resize(stripes, 112)) <= 1
    assert np.ptp(stripes[::2, ::2]) == 0  # plain subsampling makes it black
    assert resize(stripes, 112).mean() == pytest.approx(127.5, abs=1)


def test_sharpness_falls_with_blur_and_does_not_depend_on_contrast() -> None:
    face = draw(0)
    values = [measure_sharpness(cv2.GaussianBlur(face, (0, 0), sigma)) for sigma in (0.5, 1, 2, 4)]
    assert values == sorted(values, reverse=True)
    assert measure_sharpness((face // 2 + 60).astype(np.uint8)) == pytest.approx(measure_sharpness(face), rel=0.02)


@pytest.mark.parametrize(
    ("gates", "reason"),
    [
        (OPEN, ""),
        (replace(OPEN, min_size=41), "too small"),
        (replace(OPEN, min_contrast=50), "low contrast"),
        (replace(OPEN, min_sharpness=0.5), "blurred"),
        (replace(OPEN, max_pad=0.1), "cut off by the page edge"),
        (replace(OPEN, min_usable=0.6), "eyes not in sight"),
        (replace(OPEN, min_sharpness=0.5, min_usable=0.6), "blurred"),
        (replace(OPEN, min_usable=0.3), ""),
    ],
)
def test_gates(gates: Gates, reason: str) -> None:
    assert find_drop_reason(gates, size=40, contrast=49, sharpness=0.4, pad=0.2, usable=0.3) == reason


def test_face_passes_the_gate_for_eyes_if_the_detector_gives_no_probability() -> None:
    gates = replace(OPEN, min_usable=1)
    assert find_drop_reason(gates, size=40, contrast=49, sharpness=0.4, pad=0.2, usable=np.nan) == ""


def test_face_is_gray_or_rgb_like_its_page() -> None:
    detection = {"x": 10.0, "y": 10.0, "w": 60.0, "h": 60.0, "usable": np.nan, "crop_margin": 0.25}
    gray = draw(1)
    for page, mode in ((gray, b"\x00"), (np.dstack([gray, gray[::-1], gray]), b"\x02")):
        face = normalize_face(page, detection, NormalizeParams())
        assert face["png"][25:26] == mode  # colour type in the header of a PNG: gray or RGB
        assert (face["crop_margin"], face["upscale"]) == (0.25, round(112 / 90, 4))
        assert face["pad_fraction"] == pytest.approx(1 - 85 * 85 / 90**2, abs=1e-4)


def test_hash_of_a_shifted_face_is_near_and_of_another_is_far() -> None:
    faces = [draw(seed, 150) for seed in range(12)]
    inner = [face[10:122, 10:122] for face in faces]
    moved = [face[15:127, 6:118] for face in faces]
    assert phash64(inner[0]) == phash64(inner[0].copy())
    hashes = np.array([hash_shifts(face) for face in inner])
    same = [int(hash_distance(hash_shifts(other), hashes[[i]])[0]) for i, other in enumerate(moved)]
    assert max(same) <= 10
    distances = hash_distance(hashes[0], hashes)
    assert distances[0] == 0
    assert np.median(distances[1:]) > max(same)


def test_correlation_is_high_for_a_rescaled_drawing_and_low_for_another() -> None:
    for seed in range(6):
        face = draw(seed, 200)
        zoomed = face[8:192, 12:196]
        assert correlate_faces(face, cv2.resize(zoomed, (112, 112), interpolation=cv2.INTER_AREA)) > 0.93
        assert correlate_faces(face, draw(seed + 20, 200)) < 0.93


def test_clusters_do_not_chain() -> None:
    one, other = draw(3, 112).astype(float), draw(4, 112).astype(float)
    between = [(1 - share) * one + share * other for share in (0.0, 0.3, 0.6)]
    grays = np.array(between).astype(np.uint8)
    pairs = [correlate_faces(grays[i], grays[j]) for i, j in ((0, 1), (1, 2), (0, 2))]
    threshold = (min(pairs[:2]) + pairs[2]) / 2
    assert min(pairs[:2]) > threshold > pairs[2]
    hashes = np.array([hash_shifts(gray) for gray in grays])
    assert cluster_faces(grays, hashes, np.array([0, 1, 2]), 64, threshold).tolist() == [0, 0, 2]


def test_correlation_of_a_blank_face_is_0() -> None:
    blank = np.full((112, 112), 200, np.uint8)
    assert correlate_faces(blank, draw(0, 112)) == correlate_faces(blank, blank) == 0


def test_best_face_represents_its_cluster() -> None:
    base = draw(3, 150)
    grays = np.array([base[i : i + 112, i : i + 112] for i in (0, 4, 38)] + [draw(4, 112)])
    hashes = np.array([hash_shifts(gray) for gray in grays])
    order = sort_best_first(np.array([50.0, 60.0, 60.0, 40.0]), np.array([0.5, 0.4, 0.5, 0.5]), list("abcd"))
    assert order.tolist() == [2, 1, 0, 3]
    found = cluster_faces(grays, hashes, order, max_distance=16, min_correlation=0.93)
    assert found[0] == found[1] == 1
    assert found[3] == 3


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


def make_faces(pages: list[str]) -> pd.DataFrame:
    """Return one face of equal quality for each page id."""
    return pd.DataFrame(
        {
            "face_id": [f"f{i}" for i in range(len(pages))],
            "page_id": pages,
            "w": 50.0,
            "h": 50.0,
            "sharpness": 0.5,
            "drop_reason": "",
        }
    )


def test_overrides_precede_gates_and_duplicates() -> None:
    face, other = draw(5, 112), draw(6, 112)
    grays = np.array([face, face, other, other])
    faces = make_faces(["p0", "p1", "p2", "p3"])
    faces.loc[3, "drop_reason"] = "blurred"
    settings = DedupParams(16, 0.93, 0.0, 0)

    plain = deduplicate(faces, grays, {}, settings)
    assert plain["kept"].tolist() == [True, False, True, False]
    assert plain["duplicate_of"].tolist() == ["", "f0", "", ""]
    assert plain["drop_reason"].tolist() == ["", "duplicate", "", "blurred"]
    assert plain["split"].tolist() == ["train", "", "train", ""]

    by_hand = deduplicate(faces, grays, {"f1": "keep", "f2": "drop", "f3": "keep"}, settings)
    assert by_hand["kept"].tolist() == [False, True, False, True]
    assert by_hand["drop_reason"].tolist() == ["duplicate", "", "dropped by hand", ""]
    assert by_hand["cluster_id"].tolist() == ["f1", "f1", "f2", "f3"]


def test_no_page_and_no_cluster_is_in_both_splits() -> None:
    rng = np.random.default_rng(0)
    drawings = [draw(seed, 112) for seed in range(12)]
    which = rng.integers(0, 12, 60)
    pages = [f"p{number:02}" for number in rng.integers(0, 40, 60)]
    decided = deduplicate(make_faces(pages), np.array([drawings[i] for i in which]), {}, DedupParams(16, 0.93, 0.3, 0))
    splits: dict[str, set[str]] = {}
    for row in decided.itertuples():
        split = decided["split"][decided["face_id"] == row.cluster_id].iloc[0]
        splits.setdefault(row.page_id, set()).add(split)
    assert all(len(names) == 1 for names in splits.values())


def test_overrides_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "overrides.csv"
    for text, message in {
        "face_id,action,note\na,kill,\n": "line 2: action must be keep or drop",
        "face_id,action,note\na,keep,\na,drop,\n": "face a occurs more than once",
        "face,action\n": "must have the columns",
        "": "not a CSV",
    }.items():
        path.write_text(text)
        with pytest.raises(UserError, match=message):
            read_overrides(path)
    path.write_text("face_id,action,note\n00ff,keep,lovely\n")
    assert read_overrides(path) == {"00ff": "keep"}
