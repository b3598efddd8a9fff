"""The metrics that compare samples with broken faces, on points whose distances are known."""

from dataclasses import replace

import numpy as np
import pytest

from mangagan.distances.kernel_distance import kernel_distance, kernel_distance_with_error
from mangagan.metrics import distinguishability
from mangagan.metrics import kernel_distance as kernel_distance_metric
from mangagan.metrics.comparison import ComparedSets
from mangagan.metrics.distinguishability import EXAMPLES, measure_classifier_auc, measure_distinguishability
from mangagan.metrics.evaluation_data import EvaluationData, ExtractorFeatures
from mangagan.metrics.kernel_distance import BROKEN_SHARES, compare_with_broken, measure_kernel_distance
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.suite import measure_all

SETTINGS = EvaluateParams(repeats=4)
SHIFT = 1.0  # difference of the means of broken and of real points


def draw_points(count: int, seed: int, broken: float = 0.0) -> np.ndarray:
    """Return normally distributed points (count, 8), a share of them moved by SHIFT."""
    points = np.random.default_rng(seed).normal(size=(count, 8))
    points[: round(broken * count)] += SHIFT
    return points


def make_data(samples: np.ndarray, count: int) -> tuple[EvaluationData, ExtractorFeatures]:
    """Return data with `count` items in each measurement; only the features are used."""
    sets = ComparedSets(samples, draw_points(2 * count, 1), draw_points(count, 2), {"noise": draw_points(count, 3) + 9})
    features = ExtractorFeatures(sets, sets.train, draw_points(count, 4, broken=1.0), {})
    nothing = np.zeros(0)
    data = EvaluationData(sets, {}, [], nothing, None, None, None, nothing, count, count)  # type: ignore[arg-type]
    return data, features


@pytest.mark.parametrize("share", [0.3, 0.6, 1.0])
def test_the_equivalent_share_is_the_share_of_broken_points(share: float) -> None:
    samples = np.random.default_rng(0).permutation(draw_points(1600, 5, share))
    details = measure_kernel_distance(*make_data(samples, 800), SETTINGS)["kernel_distance"].details
    assert details["broken_share"] == pytest.approx(share, abs=0.08)
    assert details["distance_z"] > 3


def test_points_that_are_further_than_broken_ones_have_a_share_above_1() -> None:
    details = measure_kernel_distance(*make_data(draw_points(800, 5, 1.0) + SHIFT, 400), SETTINGS)
    assert details["kernel_distance"].details["broken_share"] > 1.5


def test_references_are_between_real_and_broken_points() -> None:
    data, features = make_data(draw_points(1600, 5), 800)
    damaged = {"slight_blur": draw_points(300, 6) + 2 * SHIFT}
    features = replace(features, damaged=damaged, broken=features.sets.train[:800] + SHIFT)
    figure = measure_kernel_distance(data, features, SETTINGS)["kernel_distance"]
    floor, broken = figure.floor, figure.details["broken_distance"]
    assert figure.references.keys() == {*BROKEN_SHARES, "slight_blur"}
    for name, share in BROKEN_SHARES.items():
        mixed = np.concatenate([features.broken[: round(share * 800)], features.sets.train[800 + round(share * 800) :]])
        assert figure.references[name] == pytest.approx(
            kernel_distance(mixed, features.sets.holdout), rel=0.2, abs=0.01 * broken
        )
    assert floor < figure.references["broken_10"] < figure.references["broken_30"] < figure.references["broken_60"]
    assert figure.references["slight_blur"] > broken
    assert figure.as_json()["references"].keys() == figure.references.keys()


def test_few_faces_give_no_references_of_broken_faces() -> None:
    data, features = make_data(draw_points(40, 5), 20)
    close = replace(features, broken=draw_points(20, 4) + 0.05)
    assert measure_kernel_distance(data, close, SETTINGS)["kernel_distance"].references == {}


@pytest.mark.parametrize(("samples", "train", "holdout"), [(1200, 1000, 25), (1200, 300, 60), (200, 120, 55)])
def test_deviations_of_real_points_are_those_of_chance(samples: int, train: int, holdout: int) -> None:
    deviations, clear = [], 0
    for seed in range(40):
        sets = [draw_points(count, 10 * seed + part) for part, count in enumerate((samples, train, holdout))]
        features = ExtractorFeatures(ComparedSets(*sets, {}), sets[1], draw_points(holdout, 10 * seed + 3), {})
        details, _ = compare_with_broken(features, seed)
        deviations.append(details["distance_z"])
        clear += details["broken_share"] is not None
    assert 0.6 < np.std(deviations) < 1.4
    assert clear <= 2


def test_a_small_holdout_set_gives_no_share() -> None:
    data, features = make_data(draw_points(40, 5), 20)
    close = ExtractorFeatures(features.sets, features.mirrored_train, draw_points(20, 4) + 0.05, {})
    details = measure_kernel_distance(data, close, SETTINGS)["kernel_distance"].details
    assert details["broken_share"] is None
    assert details["broken_distance"] == pytest.approx(0, abs=0.5)


def test_the_distance_with_error() -> None:
    holdout = draw_points(200, 0)
    results = [kernel_distance_with_error(draw_points(90, seed) + 0.5, holdout, seed) for seed in range(1, 61)]
    values, errors = np.array(results).T
    assert values[0] == pytest.approx(kernel_distance(draw_points(90, 1) + 0.5, holdout))
    assert errors.mean() == pytest.approx(values.std(), rel=0.3)


@pytest.mark.parametrize("count", [4, 5, 21])
def test_the_error_of_few_points_is_finite(count: int) -> None:
    value, error = kernel_distance_with_error(draw_points(count, 1), draw_points(30, 2), 0)
    assert np.isfinite(value)
    assert error > 0


def test_each_measurement_is_announced() -> None:
    data, features = make_data(draw_points(400, 5), 100)
    names: list[str] = []
    measured = [kernel_distance_metric.MEASUREMENT, distinguishability.MEASUREMENT]
    found = measure_all(replace(data, features={"points": features}), SETTINGS, measured, names.append)
    assert names == list(found) == ["kernel_distance", "distinguishability"]


# Distinguishability


@pytest.mark.parametrize(("shift", "auc"), [(0.0, 0.5), (0.5, 0.79), (3.0, 1.0)])
def test_auc_of_the_classifier(shift: float, auc: float) -> None:
    """The optimal classifier of points at this distance reaches 0.5, 0.84 and 1; 20 examples give slightly less."""
    first, second = draw_points(1000, 0), draw_points(1000, 1) + shift
    values = [measure_classifier_auc(first, second, seed) for seed in range(30)]
    assert np.mean(values) == pytest.approx(auc, abs=0.03)


def test_a_feature_that_is_constant_in_the_examples_does_not_decide() -> None:
    first, second = draw_points(400, 0), draw_points(400, 1) + 2
    first[:, 0] = second[:, 0] = 0
    first[::100, 0] = 1e-3
    assert np.mean([measure_classifier_auc(first, second, seed) for seed in range(10)]) > 0.98


def test_the_metric_has_a_floor_and_needs_enough_faces() -> None:
    figure = measure_distinguishability(*make_data(draw_points(400, 5) + 2, 200), SETTINGS)["distinguishability"]
    assert figure.value > 0.95
    assert figure.floor == pytest.approx(0.5, abs=0.05)
    short = measure_distinguishability(*make_data(draw_points(40, 5), EXAMPLES), SETTINGS)["distinguishability"]
    assert short.value is None
    assert "at least 25 hold-out faces" in short.reason
