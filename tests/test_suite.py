"""All metrics together: on sets with a known verdict, with few faces, and the registry."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mangagan.distances import reference_sets
from mangagan.distances.pairwise import find_twin_distances
from mangagan.distances.structural_damage import break_faces
from mangagan.distances.subsamples import draw_subsamples
from mangagan.features.registry import ExtractorParams, build_extractors
from mangagan.features.types import Extractor
from mangagan.metrics.comparison import (
    ComparedSets,
    Comparison,
    Figures,
    as_json,
    compare_alone,
    compare_with_holdout,
)
from mangagan.metrics.diversity import measure_diversity
from mangagan.metrics.duplicates import measure_duplicates
from mangagan.metrics.evaluation_data import EvaluationData, count_alone, count_for_holdout, prepare_data
from mangagan.metrics.frechet import measure_frechet
from mangagan.metrics.nearest_train import compute_median_error, measure_nearest_train
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.ranking import rank_samples, select_ranges
from mangagan.metrics.registry import MEASUREMENTS, METRICS, index_metrics
from mangagan.metrics.suite import measure_all
from mangagan.metrics.types import ImageMeasurement
from mangagan.metrics.verdict import judge
from mangagan.training_monitor import build_monitor
from tests.test_metrics import crop_again, draw_faces

QUICK = EvaluateParams(repeats=3, swd_patches=8, swd_directions=32, diversity_pairs=60)
SIDE = 56


@cache
def extractors() -> list[Extractor]:
    from pathlib import Path

    return build_extractors(ExtractorParams(), Path())


@cache
def real() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return training faces, hold-out faces, and more faces of the same kind."""
    faces = draw_faces(280, 1, SIDE)
    return faces[:120], faces[120:160], faces[160:]


def prepare(samples: np.ndarray, train: np.ndarray, holdout: np.ndarray) -> EvaluationData:
    titles = ["one" if index % 3 else "two" for index in range(len(train))]
    return prepare_data(samples, train, holdout, titles, extractors(), neighbors=2, seed=0)


def prepare_without_features(samples: np.ndarray, train: np.ndarray, holdout: np.ndarray) -> EvaluationData:
    return prepare_data(samples, train, holdout, ["one"] * len(train), [], neighbors=2, seed=0)


def measure_variety(data: EvaluationData) -> Figures:
    return measure_diversity(data, QUICK) | measure_duplicates(data, QUICK)


def entries(found: dict[str, Comparison | Figures]) -> Iterator[tuple[str, Comparison]]:
    for name, figure in found.items():
        if isinstance(figure, Comparison):
            yield name, figure
        else:
            yield from ((f"{name}.{key}", entry) for key, entry in figure.items())


def as_metrics(found: dict[str, Comparison | Figures]) -> dict[str, object]:
    return {name: as_json(figure) for name, figure in found.items()}


KNOWN_SETS = {
    "good": lambda train, more: more,
    "copying": lambda train, more: reference_sets.copy_with_noise(train, 0, 6.0),
    "collapsed": lambda train, more: reference_sets.repeat_image(train[3], 120),
    "undertrained": lambda train, more: reference_sets.blur_faces(more),
}


@pytest.mark.parametrize(
    ("share", "words"), [(0.05, {"good"}), (0.6, {"recognisable", "unsure"}), (1, {"recognisable"})]
)
def test_faces_with_a_broken_structure_are_not_good(share: float, words: set[str]) -> None:
    train, holdout, more = real()
    broken = break_faces(more, share, seed=0)
    found = measure_all(prepare(broken, train, holdout), QUICK)
    assert judge(as_metrics(found))["word"] in words


@pytest.mark.parametrize("word", KNOWN_SETS)
def test_the_verdict_on_known_sets(word: str) -> None:
    train, holdout, more = real()
    found = measure_all(prepare(KNOWN_SETS[word](train, more), train, holdout), QUICK)
    assert judge(as_metrics(found))["word"] == word


@pytest.mark.parametrize(
    ("right", "down", "zoom"), [(2 / 112, 2 / 112, 1), (4 / 112, -4 / 112, 1), (0, 0, 1.04), (0, 0, 1 / 1.04)]
)
def test_copies_that_are_cropped_differently_are_copies(right: float, down: float, zoom: float) -> None:
    train, holdout, _ = real()
    data = prepare_without_features(crop_again(train, right, down, zoom), train, holdout)
    verdict = judge(as_metrics({**measure_variety(data), **measure_nearest_train(data, QUICK)}))
    fired = [entry["key"] for entry in verdict["because"] if entry["fired"]]
    assert fired[:2] == ["nearest_train.copied", "nearest_train.ratio"]
    assert verdict["word"] == "copying"


def test_real_faces_in_place_of_samples_get_the_floor() -> None:
    train, holdout, more = real()
    found = dict(entries(measure_all(prepare(more, train, holdout), QUICK)))
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
def test_few_holdout_faces_give_null_with_a_reason_and_never_nan(count: int) -> None:
    train, holdout, more = real()
    found = measure_all(prepare(more[:30], train[:30], holdout[:count]), QUICK)
    for name, comparison in entries(found):
        values = comparison.as_json()
        assert not any(isinstance(value, float) and not np.isfinite(value) for value in values.values())
        assert (values["floor"] is None) == bool(values["reason"]), name
    assert f"{count} hold-out faces, at least 10 needed" in found["swd"].reason
    few = f"{count} hold-out faces, at least 3 needed. Add pages or raise dedup.holdout_share"
    assert found["nearest_train"].reason == (few if count < 3 else "")
    assert found["kernel_distance"]["random"].value is None
    assert judge(as_metrics(found))["word"] == "unsure"


def test_too_few_samples_are_a_reason() -> None:
    train, holdout, more = real()
    found = measure_all(prepare(more[:3], train, holdout), QUICK)
    assert "Raise evaluate.samples" in found["swd"].reason
    assert found["diversity"].reason


def test_position_is_relative_to_the_nearest_clear_ceiling() -> None:
    figure = Comparison(3.0, 0.1, 1.0, 0.1, 5, 5, {"noise": 9.0, "blurred": 5.0, "mean_face": 1.15})
    assert figure.position == pytest.approx(0.5)
    assert Comparison(0.5, None, 0.9, None, 5, 5, {"noise": 0.1}).position == pytest.approx(0.5)
    assert Comparison(3.0, 0.1, 1.0, 0.1, 5, 5, {"noise": 1.1}).position is None


def test_position_is_relative_to_a_ceiling_on_the_side_of_the_value() -> None:
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
    calls: list[tuple[float, ...]] = []

    def measure(chosen: np.ndarray, reference: np.ndarray, seed: int) -> dict[str, float]:
        calls.append((seed, *reference[:, 0]))
        return {"mean": float(chosen.mean())}

    sets = ComparedSets(*(np.arange(20.0)[:, None] + 100 * part for part in range(3)), {"noise": np.zeros((8, 1))})
    found = compare_with_holdout(measure, sets, 4, 3, 0)["mean"]
    assert calls[:3] == calls[3:6]
    assert calls[6:] == calls[:2]
    assert (found.value, found.floor) == (pytest.approx(9.5, abs=4), pytest.approx(109.5, abs=4))
    assert found.ceilings == {"noise": 0.0}
    alone = compare_alone(lambda chosen, seed: {"size": float(len(chosen))}, sets, 4, 2, 0)["size"]
    assert (alone.value, alone.sd, alone.count) == (4.0, 0.0, 4)


def test_at_most_half_of_the_images_are_used() -> None:
    assert count_for_holdout(1200, 1080, 120) == 120
    assert count_for_holdout(1200, 1200, 5000) == 600
    assert count_for_holdout(40, 30, 0) == 0
    assert count_alone(1200, 151) == 75
    assert count_alone(5000, 9000) == 1000


def test_subsamples_are_disjoint_where_they_can_be() -> None:
    taken = np.concatenate(list(draw_subsamples(30, 10, 3, seed=0)))
    assert sorted(taken.tolist()) == list(range(30))
    for indices in draw_subsamples(7, 5, 20, seed=0):
        assert len(set(indices.tolist())) == 5


def test_repeated_halves_differ() -> None:
    halves = {tuple(sorted(indices.tolist())) for indices in draw_subsamples(40, 20, 8, seed=0)}
    assert len(halves) == 8


def test_copies_are_detected_even_if_a_training_face_is_in_the_holdout_set() -> None:
    train, holdout, _ = real()
    dirty = np.concatenate([train[5:6], holdout[1:]])
    found = measure_nearest_train(prepare(reference_sets.copy_with_noise(train, 0, 6.0), train, dirty), QUICK)
    rules = {entry["key"]: entry["fired"] for entry in judge(as_metrics({**found}))["because"]}
    assert rules["nearest_train.ratio"]
    assert not rules["nearest_train.copied"]


def test_few_repeated_images_are_detected_with_few_holdout_faces() -> None:
    train, holdout, few = draw_faces(400, 1, SIDE), draw_faces(20, 2, SIDE), draw_faces(100, 3, SIDE)
    data = prepare_without_features(few[np.arange(600) % 100], train, holdout)
    figures = measure_variety(data)
    found = figures["duplicates"]
    assert (found.count, data.count) == (200, 20)
    assert found.value > 0.8 > 0.05 > found.floor
    assert found.details["support"] == pytest.approx(100, rel=0.25)
    assert judge(as_metrics({**figures}))["word"] == "collapsed"


def test_memorised_faces_are_copies_even_if_some_are_repeated() -> None:
    train, holdout, _ = real()
    drawn = train[np.random.default_rng(0).integers(0, len(train), 400)]
    copies = reference_sets.copy_with_noise(drawn, 0, 3.0)
    data = prepare_without_features(copies, train, holdout)
    found = {**measure_variety(data), **measure_nearest_train(data, QUICK)}
    assert 0.25 < found["duplicates"].value < 0.5
    assert judge(as_metrics(found))["word"] == "copying"


def test_standard_error_of_a_median() -> None:
    # Of N standard normal values it is about √(π / 2N).
    median, error = compute_median_error(np.random.default_rng(0).normal(size=4000), seed=0)
    assert abs(median) < 4 * error
    assert error == pytest.approx(np.sqrt(np.pi / 8000), rel=0.25)


def test_copies_by_title_sum_to_all_copies() -> None:
    train, holdout, more = real()
    found = measure_nearest_train(prepare(np.concatenate([more[:100], train[:20]]), train, holdout), QUICK)[
        "nearest_train"
    ]
    shares = found.details["by_title"].values()
    assert sum(title["copied"] for title in shares) == pytest.approx(found.details["copied"])
    assert 0 < found.sd < found.value / 5 and 0 < found.floor_sd < found.floor / 5


def test_features_of_few_dimensions() -> None:
    train, holdout, more = real()

    class Gray:
        name, sha256, dimensions = "gray", "", 3

        def __call__(self, images: np.ndarray) -> np.ndarray:
            return images.mean(axis=3).reshape(len(images), -1)[:, [10, 28, 45]].astype(np.float32)

    data = prepare_data(more, train, holdout, ["one"] * len(train), [Gray()], neighbors=2, seed=0)
    assert measure_frechet(data, data.features["gray"], QUICK)["frechet"].value > 0


def test_samples_are_ranked_by_their_score() -> None:
    assert rank_samples(np.array([0.5, 3.0, -1.0, 3.0])).tolist() == [1, 3, 0, 2]
    parts = select_ranges(np.arange(10), 4)
    assert {name: part.tolist() for name, part in parts.items()} == {
        "best": [0, 1, 2, 3],
        "typical": [3, 4, 5, 6],
        "worst": [6, 7, 8, 9],
    }


def test_during_training_real_faces_are_near_0_and_ruined_faces_near_1() -> None:
    train, holdout, more = real()
    *_, efficientnet = extractors()
    monitor = build_monitor(train, holdout, efficientnet, seed=0)
    assert monitor is not None
    good, ruined = monitor.measure(more), monitor.measure(reference_sets.blur_faces(more))
    assert good["kernel_distance"] == pytest.approx(0, abs=0.15)
    assert ruined["kernel_distance"] > 0.8
    assert good["kernel_distance_sd"] < 0.1
    assert good["usable_share_floor"] == pytest.approx(good["usable_share"], abs=0.15)
    assert good["coverage"] > 0.9 > 0.3 > ruined["coverage"]
    assert monitor.measure(train)["nearest_train"] < 0.01
    assert good["nearest_train"] == pytest.approx(1, abs=0.2)
    assert build_monitor(train, holdout[:5], efficientnet, seed=0) is None
    same = np.repeat(train[:1], 30, axis=0)
    monitor = build_monitor(same, same, efficientnet, seed=0)
    assert monitor is not None
    other = monitor.measure(more)
    assert 0 < other["kernel_distance"] < 5, "not divided by the distance of the mean face, which is a face"
    assert np.isnan(other["nearest_train"])


def test_twin_distances_of_repeated_and_of_different_points() -> None:
    points = np.random.default_rng(1).normal(size=(50, 6))
    doubled = np.concatenate([points, points])
    assert (find_twin_distances(doubled) == 0).all()
    assert (find_twin_distances(points) > 0.01).all()


# The registry


def measure_nothing(data: EvaluationData, settings: EvaluateParams) -> Figures:
    return {}


def measure_two(data: EvaluationData, settings: EvaluateParams) -> Figures:
    return {key: Comparison(1.0, None, 1.0, None, 2, 2, {"noise": 2.0}, details={"more": 1}) for key in ("swd", "new")}


def test_every_metric_is_registered_once_and_fully_described() -> None:
    listed = [metric for measurement in MEASUREMENTS for metric in measurement.metrics]
    assert list(METRICS.values()) == listed
    for metric in listed:
        texts = (metric.title, metric.question, metric.unit, metric.floor, metric.same, metric.below, metric.above)
        assert all(texts) and metric.about, metric.key


def test_two_metrics_with_one_key_and_an_empty_measurement_are_errors() -> None:
    first, *_ = MEASUREMENTS
    with pytest.raises(ValueError, match="two metrics have the key kernel_distance"):
        index_metrics([first, first])
    with pytest.raises(ValueError, match="lists no metric"):
        index_metrics([first, ImageMeasurement(measure_nothing, ())])


def test_a_measurement_must_yield_what_it_lists() -> None:
    train, holdout, more = real()
    data = prepare_without_features(more[:20], train[:20], holdout[:10])
    swd = METRICS["swd"]
    with pytest.raises(ValueError, match=r"measure_nothing yields \[\] but lists \['swd'\]"):
        measure_all(data, QUICK, [ImageMeasurement(measure_nothing, (swd,))])
    with pytest.raises(ValueError, match=r"yields \['new', 'swd'\] but lists \['swd'\]"):
        measure_all(data, QUICK, [ImageMeasurement(measure_two, (swd,))])
    both = (replace(swd, ceilings=()), replace(swd, key="new", details={"more": "one more"}))
    with pytest.raises(ValueError, match="swd yields more, noise, which its entry does not list"):
        measure_all(data, QUICK, [ImageMeasurement(measure_two, both)])
