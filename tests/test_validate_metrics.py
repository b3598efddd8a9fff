"""The validation of the metrics: damage to faces, and the description of known responses."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from benchmarks import validate_metrics
from benchmarks.damage import (
    DAMAGES,
    ImageDamage,
    SelectionDamage,
    count_at_last_level,
    drop_modes,
    duplicate,
    roll,
    shift,
)
from benchmarks.faces import SIZE, draw_gray_faces, read_gray_faces
from benchmarks.metric_instruments import compare_features
from benchmarks.redrawn_faces import draw_faces_with_faults
from benchmarks.validate_metrics import describe_response, rank_correlation
from mangagan.core.images import encode_png
from mangagan.faces.table import write_faces
from tests.detector_parts import write_labelled_folder
from tests.gan_runs import faces

GROUPS = np.repeat(list("abcdefgh"), [3, 5, 7, 9, 11, 13, 15, 17])


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    return np.stack([face for face, _ in draw_gray_faces(0, 20)])[:20, None]


# Damage


@pytest.mark.parametrize("name", [name for name, damage in DAMAGES.items() if isinstance(damage, ImageDamage)])
def test_damage_grows_with_the_level(name: str, drawn: np.ndarray) -> None:
    damage = DAMAGES[name]
    assert isinstance(damage, ImageDamage)
    before = drawn.copy()
    changed = []
    for level in damage.levels:
        spoilt = damage.apply(drawn, level, rng())
        assert spoilt.shape == drawn.shape and spoilt.dtype == np.uint8
        changed.append(float(np.abs(spoilt.astype(float) - drawn).mean()))
    assert changed == sorted(changed) and len(set(changed)) == len(changed) and changed[0] > 0
    assert np.array_equal(drawn, before)


def test_shift_and_roll_move_pixels_by_the_level() -> None:
    images = np.zeros((20, 1, 60, 60), np.uint8)
    images[:, :, 30, 30] = 255
    places = np.argwhere(shift(images, 8, rng()))[:, 2:]
    assert len(places) == 20 and len(np.unique(places, axis=0)) > 5
    assert np.hypot(*(places - 30).T) == pytest.approx(8, abs=0.71)
    rolled = roll(faces(size=112), 56, rng())
    assert np.array_equal(rolled[:, :, :56], faces(size=112)[:, :, 56:])
    assert np.array_equal(roll(rolled, 56, rng()), faces(size=112))


def test_whole_groups_are_dropped_and_higher_levels_keep_a_subset() -> None:
    kept = []
    for level in (0, 0.25, 0.5, 0.75):
        chosen = drop_modes(GROUPS, count_at_last_level(GROUPS, rng()), level, rng())
        assert len(chosen) == len(set(chosen)) == count_at_last_level(GROUPS, rng())
        kept.append(set(drop_modes(GROUPS, len(GROUPS), level, rng())))
        assert {GROUPS[index] for index in kept[-1]}.isdisjoint(GROUPS[list(set(range(len(GROUPS))) - kept[-1])])
    assert [len({GROUPS[index] for index in indices}) for indices in kept] == [8, 6, 4, 2]
    assert kept[0] > kept[1] > kept[2] > kept[3]


@pytest.mark.parametrize(("level", "different"), [(0, 80), (0.25, 60), (0.9, 8), (1, 1)])
def test_duplicates_reduce_the_number_of_different_faces(level: float, different: int) -> None:
    chosen = duplicate(GROUPS, 80, level, rng())
    assert len(chosen) == 80 and len(set(chosen)) == different


@pytest.mark.parametrize("name", ["one eye erased", "mouth erased", "halves joined"])
def test_the_validation_damages_the_same_faces_at_every_level(name: str, drawn: np.ndarray) -> None:
    damage = DAMAGES[name]
    assert isinstance(damage, ImageDamage)
    changed: list[np.ndarray] = []

    def record(damaged: np.ndarray) -> np.ndarray:
        changed.append((damaged != drawn).any(axis=(1, 2, 3)))
        return np.zeros((len(drawn), 1))

    instrument = validate_metrics.Instrument(record, lambda reference, pool: {})
    sample = validate_metrics.Faces(drawn, np.array([""] * 20))
    validate_metrics.measure_image_damage(damage, sample, instrument, np.zeros((20, 1)), [(0, 0), (0, 1)])
    assert [each.sum() for each in changed] == [2, 6, 12, 20]
    assert all((less <= more).all() for less, more in pairwise(changed))


# Responses


@pytest.mark.parametrize(
    ("means", "worse", "expected"),
    [
        ([0, 1, 2, 3], 1, "from 2"),
        ([0, 0.1, 0.2, 3], 1, "from 8"),
        ([9, 5, 3, 1], -1, "from 2"),
        ([0, 0.1, -0.1, 0.2], 1, "no response"),
        ([0, 2, 1, 3], 1, "**not monotone**"),
        ([0, 2, 1.95, 3], 1, "from 2"),
        ([0, 1, 2, 3], -1, "**wrong way**"),
    ],
)
def test_descriptions(means: list[float], worse: int, expected: str) -> None:
    spread = np.array([-0.1, 0, 0.1])  # a deviation of 0.1
    assert describe_response(np.array(means)[:, None] + spread, worse, (2, 4, 8)) == expected


@pytest.mark.parametrize(("values", "expected"), [([1, 2, 5], 1), ([3, 2, 1], -1), ([1, 1, 1], 0), ([1, 3, 2, 4], 0.8)])
def test_rank_correlation_is_spearmans(values: list[float], expected: float) -> None:
    assert rank_correlation(np.array(values)) == pytest.approx(expected)


# The command


def write_parquet(path: Path, count: int) -> Path:
    images = faces(count=count, size=112)
    rows = pd.DataFrame(
        {
            "face_id": [f"{number:03d}" for number in range(count)],
            "title": [f"title {number % 5}" for number in range(count)],
            "png": [encode_png(image[0]) for image in images],
        }
    )
    write_faces(path, rows, pa.schema([("face_id", pa.string()), ("title", pa.string())]))
    return path


def test_it_prints_a_table_and_one_json_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(validate_metrics, "DAMAGES", {"duplicates": DAMAGES["duplicates"]})
    options = ["--faces", str(write_parquet(tmp_path / "faces.parquet", 200)), "--splits", "2"]
    options += [
        "--instruments",
        *(name for name in validate_metrics.INSTRUMENTS if name != "pixels"),
    ]  # "pixels" is slow
    assert validate_metrics.main([*options, "--out", str(tmp_path / "table.md")]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["faces"], report["groups"]) == (200, 5)
    assert len(report["responses"]) == 3 * 8 + 4  # eight metrics on three extractors, four others
    recall = next(row for row in report["responses"] if (row["on"], row["figure"]) == ("random", "recall"))
    assert recall["levels"] == [0, 0.25, 0.5, 0.75, 0.9]
    assert recall["mean"][0] > recall["mean"][-1] and recall["spearman"] > 0.8
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert len(lines) == 2 + len(report["responses"])
    assert {line.count("|") for line in lines} == {4}


def test_metrics_respond_to_dropped_modes(monkeypatch: pytest.MonkeyPatch) -> None:
    """With separate groups, coverage and recall fall with every group that is dropped; precision does not."""
    centres = np.repeat(np.eye(8, 48) * 30, 150, axis=0)
    features = centres + rng().standard_normal(centres.shape)
    instrument = validate_metrics.Instrument(lambda images: features, compare_features)
    monkeypatch.setattr(validate_metrics, "build_instruments", lambda: {"points": instrument})
    damages = {"mode drop": DAMAGES["mode drop"]}
    groups = np.repeat(list("abcdefgh"), 150)
    sample = validate_metrics.Faces(np.zeros(len(groups)), groups)
    responses = validate_metrics.measure_responses(sample, damages, 4, 0, ["points"])
    means = {metric: values.mean(axis=1) for (_, metric, _), values in responses.items()}
    assert means["coverage"][1:] == pytest.approx(means["coverage"][0] * np.array([0.75, 0.5, 0.25]), abs=0.07)
    assert means["precision"].min() > means["precision"][0] - 0.1
    assert (np.diff(means["kernel distance"]) > 0).all()


def test_labelled_and_drawn_faces_are_cropped_in_the_same_way(tmp_path: Path) -> None:
    found = list(read_gray_faces(write_labelled_folder(tmp_path)))
    assert found and all(face.shape == (112, 112) for face, _ in found)
    assert {title for _, title in found} <= {"one", "two"}
    some = list(draw_gray_faces(0, 5))
    assert len(some) >= 5 and {face.shape for face, _ in some} == {(112, 112)}
    assert all("/" in who for _, who in some)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--faces", "nowhere"], "is not a Parquet file"),
        (["--faces", "nowhere.parquet"], r"nowhere\.parquet"),
        (["--faces", "few.parquet"], "10 faces, at least 200"),
        (["--splits", "1"], "--splits must be at least 2"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_parquet(Path("few.parquet"), 10)
    assert validate_metrics.main(options) == 2
    printed = capsys.readouterr()
    assert reason.replace("\\", "") in printed.err and printed.err.count("\n") == 1 and not printed.out


def test_every_damage_has_rising_levels() -> None:
    for damage in DAMAGES.values():
        assert isinstance(damage, ImageDamage | SelectionDamage)
        assert list(damage.levels) == sorted(damage.levels) and damage.levels[0] > 0


def test_faces_are_drawn_again_with_one_fault() -> None:
    right, groups, twins = draw_faces_with_faults(12, 0)
    assert right.shape == (12, 1, SIZE, SIZE) and len(set(groups)) == 12
    for wrong in twins.values():
        rows = (wrong != right).any(axis=(1, 3))
        assert rows.any(axis=1).all()
        assert not rows[:, :20].any()  # the hair is the same
    assert {*twins} == {"one eye not drawn", "two different eyes", "mouth not drawn"}


def test_faults_of_redrawn_faces_are_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(validate_metrics, "MIN_FACES", 60)
    arguments = ["--redrawn", "--count", "60", "--splits", "2", "--instruments", "rating"]
    assert validate_metrics.main(arguments) == 0
    found = json.loads(capsys.readouterr().out)["responses"]
    assert {each["damage"] for each in found} == {"one eye not drawn", "two different eyes", "mouth not drawn"}
    (eye,) = (each for each in found if each["damage"] == "one eye not drawn" and each["figure"] == "real rated higher")
    assert eye["levels"] == [0, 0.1, 0.3, 0.6, 1]
    assert eye["mean"][0] == pytest.approx(0.5, abs=0.15)
    assert eye["mean"][-1] > eye["mean"][0] + 0.2
    assert validate_metrics.main([*arguments, "--faces", "x"]) == 2
    assert "--redrawn needs" in capsys.readouterr().err
