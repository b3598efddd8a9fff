"""All figures together: on stand-ins whose verdict is known, and where there is little to compare with."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from mangagan.distances import reference_sets
from mangagan.distances.nearest_faces import least_distances
from mangagan.features.registry import ExtractorParams, build_extractors
from mangagan.features.types import Extractor
from mangagan.metrics.comparison import Comparison, Group, against_holdout, as_json, by_itself, subsamples
from mangagan.metrics.comparison_sets import Sets, alone_count, measured_count, prepare
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.ranking import ranges, rank
from mangagan.metrics.suite import distances, figures, median_error, nearest_train, variety
from mangagan.metrics.verdict import judge
from mangagan.training_monitor import watch
from tests.test_metrics import cut_again, draw_faces

QUICK = EvaluateParams(repeats=3, swd_patches=8, swd_directions=32, diversity_pairs=60)
SIDE = 56


@cache
def extractors() -> list[Extractor]:
    from pathlib import Path

    return build_extractors(ExtractorParams(), Path())


@cache
def real() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training faces, hold-out, and more of the same drawing."""
    faces = draw_faces(280, 1, SIDE)
    return faces[:120], faces[120:160], faces[160:]


def compare(fake: np.ndarray, train: np.ndarray, holdout: np.ndarray) -> Sets:
    titles = ["one" if index % 3 else "two" for index in range(len(train))]
    return prepare(fake, train, holdout, titles, extractors(), neighbors=2, seed=0)


def entries(found: dict[str, Comparison | dict[str, Comparison]]) -> Iterator[tuple[str, Comparison]]:
    for name, figure in found.items():
        if isinstance(figure, Comparison):
            yield name, figure
        else:
            yield from ((f"{name}.{key}", entry) for key, entry in figure.items())


def as_metrics(found: dict[str, Comparison | dict[str, Comparison]]) -> dict[str, object]:
    return {name: as_json(figure) for name, figure in found.items()}


STANDINS = {
    "good": lambda train, more: more,
    "copying": lambda train, more: reference_sets.copies(train, 0, 6.0),
    "collapsed": lambda train, more: reference_sets.collapsed(train[3], 120),
    "undertrained": lambda train, more: reference_sets.blurred(more),
}


@pytest.mark.parametrize("word", STANDINS)
def test_the_verdict_on_known_stand_ins(word: str) -> None:
    train, holdout, more = real()
    found = figures(compare(STANDINS[word](train, more), train, holdout), QUICK)
    assert judge(as_metrics(found))["word"] == word


@pytest.mark.parametrize(
    ("right", "down", "zoom"), [(2 / 112, 2 / 112, 1), (4 / 112, -4 / 112, 1), (0, 0, 1.04), (0, 0, 1 / 1.04)]
)
def test_copies_cut_differently_are_copies(right: float, down: float, zoom: float) -> None:
    train, holdout, _ = real()
    sets = prepare(cut_again(train, right, down, zoom), train, holdout, ["one"] * len(train), [], neighbors=2, seed=0)
    verdict = judge(as_metrics({**variety(sets, QUICK), **nearest_train(sets, QUICK)}))
    fired = [entry["key"] for entry in verdict["because"] if entry["fired"]]
    assert fired[:2] == ["nearest_train.copied", "nearest_train.ratio"]
    assert verdict["word"] == "copying"


def test_real_faces_in_place_of_samples_get_the_floor() -> None:
    train, holdout, more = real()
    found = dict(entries(figures(compare(more, train, holdout), QUICK)))
    for name in ("kernel_distance.random", "kernel_distance.mangaface", "coverage.random", "swd"):
        figure = found[name]
        assert figure.count == figure.floor_count == 40
        assert figure.position == pytest.approx(0, abs=0.15), name
    for name in ("diversity", "nearest_train", "vendi.random", "density.mangaface"):
        assert found[name].ratio == pytest.approx(1, abs=0.25), name
    assert found["duplicates"].value < 0.1
    shares = found["nearest_train"].details["by_title"]
    assert sum(title["share"] for title in shares.values()) == pytest.approx(1)
    assert shares["two"]["train_share"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("count", [0, 1, 5, 9])
def test_hardly_any_hold_out_gives_null_with_a_reason_and_never_nan(count: int) -> None:
    train, holdout, more = real()
    found = figures(compare(more[:30], train[:30], holdout[:count]), QUICK)
    for name, comparison in entries(found):
        values = comparison.as_json()
        assert not any(isinstance(value, float) and not np.isfinite(value) for value in values.values())
        assert (values["floor"] is None) == bool(values["reason"]), name
    assert all(f"{count} hold-out faces" in found[name].reason for name in ("swd", "nearest_train"))
    assert found["kernel_distance"]["random"].value is None
    assert judge(as_metrics(found))["word"] == "unsure"


def test_few_samples_are_said_to_be_few() -> None:
    train, holdout, more = real()
    found = figures(compare(more[:3], train, holdout), QUICK)
    assert "raise evaluate.samples" in found["swd"].reason
    assert found["diversity"].reason


def test_position_is_measured_to_the_nearest_ceiling_that_the_metric_sees() -> None:
    figure = Comparison(3.0, 0.1, 1.0, 0.1, 5, 5, {"noise": 9.0, "blurred": 5.0, "mean_face": 1.15})
    assert figure.position == pytest.approx(0.5)
    assert Comparison(0.5, None, 0.9, None, 5, 5, {"noise": 0.1}).position == pytest.approx(0.5)
    assert Comparison(3.0, 0.1, 1.0, 0.1, 5, 5, {"noise": 1.1}).position is None


def test_position_is_measured_on_the_values_side_of_the_floor() -> None:
    ceilings = {"noise": 0.94, "blurred": 0.5, "mean_face": 0.0}
    assert Comparison(0.7, 0.01, 0.9, 0.01, 5, 5, ceilings).position == pytest.approx(0.5)
    assert Comparison(0.92, 0.01, 0.9, 0.01, 5, 5, ceilings).position == pytest.approx(0.5)
    assert Comparison(1.0, 0.01, 0.9, 0.01, 5, 5, {"blurred": 0.5, "mean_face": 0.0}).position == pytest.approx(-0.25)
    assert Comparison(0.9, 0.01, 0.9, 0.01, 5, 5, ceilings).position == 0


def test_ratio_needs_a_floor_that_is_not_zero() -> None:
    assert Comparison(0.2, 0.1, 0.01, 0.02, 5, 5).ratio is None
    assert Comparison(0.2, 0.1, 0.1, 0.02, 5, 5).ratio == pytest.approx(2)


def test_figures_are_rounded_and_plain() -> None:
    values = Comparison(1 / 3, 0.0, 0.0, None, 2, 2, details={"levels": {"14px": np.float64(2 / 3)}}).as_json()
    assert values["value"] == 0.33333
    assert values["levels"] == {"14px": 0.66667}
    assert values["ratio"] is None
    assert values["position"] is None


def test_every_set_is_compared_with_the_same_part_of_the_holdout() -> None:
    seen: list[tuple[float, ...]] = []

    def measure(chosen: np.ndarray, reference: np.ndarray, seed: int) -> dict[str, float]:
        seen.append((seed, *reference[:, 0]))
        return {"mean": float(chosen.mean())}

    group = Group(*(np.arange(20.0)[:, None] + 100 * part for part in range(3)), {"noise": np.zeros((8, 1))})
    found = against_holdout(measure, group, 4, 3, 0)["mean"]
    assert seen[:3] == seen[3:6]
    assert seen[6:] == seen[:2]
    assert (found.value, found.floor) == (pytest.approx(9.5, abs=4), pytest.approx(109.5, abs=4))
    assert found.ceilings == {"noise": 0.0}
    alone = by_itself(lambda chosen, seed: {"size": float(len(chosen))}, group, 4, 2, 0)["size"]
    assert (alone.value, alone.sd, alone.count) == (4.0, 0.0, 4)


def test_counts_leave_something_to_vary() -> None:
    assert measured_count(1200, 1080, 120) == 120
    assert measured_count(1200, 1200, 5000) == 600
    assert measured_count(40, 30, 0) == 0
    assert alone_count(1200, 151) == 75
    assert alone_count(5000, 9000) == 1000


def test_subsamples_are_disjoint_where_they_can_be() -> None:
    taken = np.concatenate(list(subsamples(30, 10, 3, seed=0)))
    assert sorted(taken.tolist()) == list(range(30))
    for indices in subsamples(7, 5, 20, seed=0):
        assert len(set(indices.tolist())) == 5


def test_halves_are_not_the_same_two_again() -> None:
    halves = {tuple(sorted(indices.tolist())) for indices in subsamples(40, 20, 8, seed=0)}
    assert len(halves) == 8


def test_copies_are_seen_though_a_training_face_was_held_out() -> None:
    train, holdout, _ = real()
    dirty = np.concatenate([train[5:6], holdout[1:]])
    found = nearest_train(compare(reference_sets.copies(train, 0, 6.0), train, dirty), QUICK)
    rules = {entry["key"]: entry["fired"] for entry in judge(as_metrics({**found}))["because"]}
    assert rules["nearest_train.ratio"]
    assert not rules["nearest_train.copied"]


def test_few_images_drawn_again_and_again_are_seen_with_few_held_out() -> None:
    train, holdout, few = draw_faces(400, 1, SIDE), draw_faces(20, 2, SIDE), draw_faces(100, 3, SIDE)
    sets = prepare(few[np.arange(600) % 100], train, holdout, ["one"] * len(train), [], neighbors=2, seed=0)
    figure = variety(sets, QUICK)
    found = figure["duplicates"]
    assert (found.count, sets.count) == (200, 20)
    assert found.value > 0.8 > 0.05 > found.floor
    assert found.details["support"] == pytest.approx(100, rel=0.25)
    assert judge(as_metrics({**figure}))["word"] == "collapsed"


def test_faces_learned_by_heart_are_copies_though_some_come_twice() -> None:
    train, holdout, _ = real()
    drawn = train[np.random.default_rng(0).integers(0, len(train), 400)]
    copies = reference_sets.copies(drawn, 0, 3.0)
    sets = prepare(copies, train, holdout, ["one"] * len(train), [], neighbors=2, seed=0)
    found = {**variety(sets, QUICK), **nearest_train(sets, QUICK)}
    assert 0.25 < found["duplicates"].value < 0.5
    assert judge(as_metrics(found))["word"] == "copying"


def test_the_error_of_a_median_is_the_known_one() -> None:
    # Of N standard normal values it is about √(π / 2N).
    median, error = median_error(np.random.default_rng(0).normal(size=4000), seed=0)
    assert abs(median) < 4 * error
    assert error == pytest.approx(np.sqrt(np.pi / 8000), rel=0.25)


def test_copies_by_title_add_up() -> None:
    train, holdout, more = real()
    found = nearest_train(compare(np.concatenate([more[:100], train[:20]]), train, holdout), QUICK)["nearest_train"]
    shares = found.details["by_title"].values()
    assert sum(title["copied"] for title in shares) == pytest.approx(found.details["copied"])
    assert 0 < found.sd < found.value / 5 and 0 < found.floor_sd < found.floor / 5


def test_features_of_few_dimensions() -> None:
    train, holdout, more = real()

    class Gray:
        name, sha256, dimensions = "gray", "", 3

        def __call__(self, images: np.ndarray) -> np.ndarray:
            return images.mean(axis=3).reshape(len(images), -1)[:, [10, 28, 45]].astype(np.float32)

    sets = prepare(more, train, holdout, ["one"] * len(train), [Gray()], neighbors=2, seed=0)
    assert distances(sets, sets.features["gray"], QUICK)["frechet"].value > 0


def test_rank_puts_real_faces_first_and_noise_last() -> None:
    real_points = np.random.default_rng(0).normal(size=(200, 4))
    fake = np.stack([real_points[5] + 9, real_points[7] + 0.01, real_points[9] + 2])
    assert rank(fake, real_points).tolist() == [1, 2, 0]
    parts = ranges(np.arange(10), 4)
    assert {name: part.tolist() for name, part in parts.items()} == {
        "best": [0, 1, 2, 3],
        "typical": [3, 4, 5, 6],
        "worst": [6, 7, 8, 9],
    }


def test_along_training_real_faces_are_near_0_and_spoilt_ones_near_1() -> None:
    train, holdout, more = real()
    seen = watch(train, holdout, extractors(), seed=0)
    assert seen is not None
    good, spoilt = seen.measure(more), seen.measure(reference_sets.blurred(more))
    assert good["kernel_distance"] == pytest.approx(0, abs=0.15)
    assert spoilt["kernel_distance"] > 0.8
    assert good["kernel_distance_sd"] < 0.1
    assert good["coverage"] > 0.9 > 0.3 > spoilt["coverage"]
    assert seen.measure(train)["nearest_train"] < 0.01
    assert good["nearest_train"] == pytest.approx(1, abs=0.2)
    assert watch(train, holdout[:5], extractors(), seed=0) is None


def test_twins_are_told_from_neighbours() -> None:
    points = np.random.default_rng(1).normal(size=(50, 6))
    doubled = np.concatenate([points, points])
    assert (least_distances(doubled, doubled, skip_self=True) < 1e-6).all()
    assert (least_distances(points, points, skip_self=True) > 0.01).all()
