from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from mangagan.core.errors import UserError
from mangagan.dataset.dedup import DedupSettings, deduplicate
from mangagan.dataset.duplicates import best_first, cluster_faces
from mangagan.dataset.overrides import read_overrides
from mangagan.dataset.phash import correlation, hash_distance, phash64, shifted_hashes
from mangagan.dataset.split import components, holdout_groups
from mangagan.faces.crop import Square, crop_square, pad_fraction, resize, square_around
from mangagan.faces.normalize import FaceSettings, normalize_face
from mangagan.faces.quality import Gates, first_failure, sharpness
from mangagan.sample import STYLES, draw_face

OPEN = Gates(0, 0, 0, 1, 0)


def drawn(seed: int, size: int = 160) -> np.ndarray:
    """A drawn face in gray, uint8 (size, size)."""
    rng = np.random.default_rng(seed)
    image = draw_face(rng, STYLES[seed % 2], size)[0]
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image


def test_square_holds_the_box_and_margin() -> None:
    assert square_around(np.array([10, 20, 40, 30]), 0) == Square(10, 15, 40)
    assert square_around(np.array([10, 20, 40, 30]), 0.25) == Square(0, 5, 60)


def test_crop_mirrors_at_the_edges() -> None:
    page = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert (crop_square(page, Square(0, 0, 3)) == page[:, :3]).all()
    padded = np.pad(page, 2, mode="reflect")
    assert (crop_square(page, Square(-2, -2, 7)) == padded[:7, :7]).all()
    assert (crop_square(page, Square(-40, -40, 90))[40:43, 40:44] == page).all()  # further than the page is wide
    assert pad_fraction(Square(-2, 0, 4), 10, 10) == 0.5
    assert pad_fraction(Square(1, 1, 4), 10, 10) == 0


def test_resize_does_not_alias() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (224, 112))
    assert np.ptp(resize(stripes, 112)) <= 1
    assert np.ptp(stripes[::2, ::2]) == 0  # what plain subsampling makes of it: all black
    assert resize(stripes, 112).mean() == pytest.approx(127.5, abs=1)


def test_sharpness_falls_with_blur_and_does_not_care_for_contrast() -> None:
    face = drawn(0)
    values = [sharpness(cv2.GaussianBlur(face, (0, 0), sigma)) for sigma in (0.5, 1, 2, 4)]
    assert values == sorted(values, reverse=True)
    assert sharpness((face // 2 + 60).astype(np.uint8)) == pytest.approx(sharpness(face), rel=0.02)


@pytest.mark.parametrize(
    ("gates", "reason"),
    [
        (OPEN, ""),
        (Gates(41, 0, 0, 1, 0), "too small"),
        (Gates(0, 50, 0, 1, 0), "low contrast"),
        (Gates(0, 0, 0.5, 1, 0), "blurred"),
        (Gates(0, 0, 0, 0.1, 0), "cut off by the page edge"),
        (Gates(0, 0, 0, 1, 0.6), "eyes not in sight"),
        (Gates(0, 0, 0.5, 1, 0.6), "blurred"),
        (Gates(0, 0, 0, 1, 0.3), ""),
    ],
)
def test_gates(gates: Gates, reason: str) -> None:
    assert first_failure(40, 49, 0.4, 0.2, 0.3, gates) == reason


def test_a_detector_that_cannot_say_passes_the_gate_for_eyes() -> None:
    assert first_failure(40, 49, 0.4, 0.2, np.nan, Gates(0, 0, 0, 1, 1)) == ""


def test_face_keeps_colour_or_gray_of_its_page() -> None:
    detection = {"x": 10.0, "y": 10.0, "w": 60.0, "h": 60.0, "usable": np.nan, "crop_margin": 0.25}
    gray = drawn(1)
    for page, mode in ((gray, b"\x00"), (np.dstack([gray, gray[::-1], gray]), b"\x02")):
        face = normalize_face(page, detection, FaceSettings(112, None, OPEN))
        assert face["png"][25:26] == mode  # the colour type in a PNG's header: gray or RGB
        assert (face["crop_margin"], face["upscale"]) == (0.25, round(112 / 90, 4))
        assert face["pad_fraction"] == pytest.approx(1 - 85 * 85 / 90**2, abs=1e-4)


def test_hash_of_a_shifted_face_is_near_and_of_another_is_far() -> None:
    faces = [drawn(seed, 150) for seed in range(12)]
    inner = [face[10:122, 10:122] for face in faces]
    moved = [face[15:127, 6:118] for face in faces]
    assert phash64(inner[0]) == phash64(inner[0].copy())
    hashes = np.array([shifted_hashes(face) for face in inner])
    same = [int(hash_distance(shifted_hashes(other), hashes[[i]])[0]) for i, other in enumerate(moved)]
    assert max(same) <= 10
    distances = hash_distance(hashes[0], hashes)
    assert distances[0] == 0
    assert np.median(distances[1:]) > max(same)


def test_correlation_tells_a_rescaled_drawing_from_another() -> None:
    for seed in range(6):
        face = drawn(seed, 200)
        zoomed = face[8:192, 12:196]
        assert correlation(face, cv2.resize(zoomed, (112, 112), interpolation=cv2.INTER_AREA)) > 0.93
        assert correlation(face, drawn(seed + 20, 200)) < 0.93


def test_clusters_do_not_chain() -> None:
    one, other = drawn(3, 112).astype(float), drawn(4, 112).astype(float)
    between = [(1 - share) * one + share * other for share in (0.0, 0.3, 0.6)]
    grays = np.array(between).astype(np.uint8)
    pairs = [correlation(grays[i], grays[j]) for i, j in ((0, 1), (1, 2), (0, 2))]
    bar = (min(pairs[:2]) + pairs[2]) / 2
    assert min(pairs[:2]) > bar > pairs[2]
    hashes = np.array([shifted_hashes(gray) for gray in grays])
    assert cluster_faces(grays, hashes, np.array([0, 1, 2]), 64, bar).representative.tolist() == [0, 0, 2]


def test_blank_faces_resemble_nothing() -> None:
    blank = np.full((112, 112), 200, np.uint8)
    assert correlation(blank, drawn(0, 112)) == correlation(blank, blank) == 0


def test_cluster_is_named_after_its_best_face_and_never_chains() -> None:
    base = drawn(3, 150)
    grays = np.array([base[i : i + 112, i : i + 112] for i in (0, 4, 38)] + [drawn(4, 112)])
    hashes = np.array([shifted_hashes(gray) for gray in grays])
    order = best_first(np.array([50.0, 60.0, 60.0, 40.0]), np.array([0.5, 0.4, 0.5, 0.5]), list("abcd"))
    assert order.tolist() == [2, 1, 0, 3]
    found = cluster_faces(grays, hashes, order, max_distance=16, min_correlation=0.93).representative
    assert found[0] == found[1] == 1
    assert found[3] == 3


def test_components_and_holdout() -> None:
    assert components([("a", "b"), ("c", "c"), ("d", "b")]) == {"a": "a", "b": "a", "c": "c", "d": "a"}
    sizes = {f"page{i}": 3 for i in range(100)}
    held = holdout_groups(sizes, 0.1, seed=0)
    assert len(held) == 10
    more = holdout_groups(sizes | {"new": 3}, 0.1, seed=0)
    assert len(held & more) >= 9  # a page's place hardly changes when another comes
    assert holdout_groups(sizes, 0.1, seed=1) != held
    assert holdout_groups(sizes, 0.0, seed=0) == set()
    assert holdout_groups({"only": 9}, 0.1, seed=0) == set()
    assert len(holdout_groups({"a": 50, "b": 50}, 0.1, seed=0)) == 1
    huge = {"huge": 900} | {f"page{i}": 5 for i in range(20)}
    assert all("huge" not in holdout_groups(huge, 0.1, seed) for seed in range(50))


def table(count: int, pages: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "face_id": [f"f{i}" for i in range(count)],
            "page_id": pages,
            "w": 50.0,
            "h": 50.0,
            "sharpness": 0.5,
            "drop_reason": "",
        }
    )


def test_decisions_by_hand_beat_gates_and_duplicates() -> None:
    face, other = drawn(5, 112), drawn(6, 112)
    grays = np.array([face, face, other, other])
    faces = table(4, ["p0", "p1", "p2", "p3"])
    faces.loc[3, "drop_reason"] = "blurred"
    settings = DedupSettings(16, 0.93, 0.0, 0)

    plain = deduplicate(faces, grays, {}, settings)
    assert plain["kept"].tolist() == [True, False, True, False]
    assert plain["duplicate_of"].tolist() == ["", "f0", "", ""]
    assert plain["drop_reason"].tolist() == ["", "duplicate", "", "blurred"]
    assert plain["split"].tolist() == ["train", "", "train", ""]

    by_hand = deduplicate(faces, grays, {"f1": "keep", "f2": "drop", "f3": "keep"}, settings)
    assert by_hand["kept"].tolist() == [False, True, False, True]
    assert by_hand["drop_reason"].tolist() == ["duplicate", "", "dropped by hand", ""]
    assert by_hand["cluster_id"].tolist() == ["f1", "f1", "f2", "f3"]


def test_no_page_and_no_cluster_stands_on_both_sides() -> None:
    rng = np.random.default_rng(0)
    drawings = [drawn(seed, 112) for seed in range(12)]
    which = rng.integers(0, 12, 60)
    pages = [f"p{number:02}" for number in rng.integers(0, 40, 60)]
    decided = deduplicate(table(60, pages), np.array([drawings[i] for i in which]), {}, DedupSettings(16, 0.93, 0.3, 0))
    sides: dict[str, set[str]] = {}
    for row in decided.itertuples():
        home = decided["split"][decided["face_id"] == row.cluster_id].iloc[0]
        sides.setdefault(row.page_id, set()).add(home)
    assert all(len(found) == 1 for found in sides.values())


def test_overrides_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "overrides.csv"
    for text, message in {
        "face_id,action,note\na,kill,\n": "line 2: action must be keep or drop",
        "face_id,action,note\na,keep,\na,drop,\n": "face a stands there twice",
        "face,action\n": "must have the columns",
        "": "no CSV",
    }.items():
        path.write_text(text)
        with pytest.raises(UserError, match=message):
            read_overrides(path)
    path.write_text("face_id,action,note\n00ff,keep,lovely\n")
    assert read_overrides(path) == {"00ff": "keep"}
