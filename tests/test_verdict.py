"""The verdict on given metrics: which rule fires, which takes precedence, and what happens if metrics are missing."""

import re
from pathlib import Path

import numpy as np
import pytest

from mangagan.core.params import read_sections
from mangagan.metrics.memorisation import copied_share
from mangagan.metrics.training_trend import is_still_falling
from mangagan.metrics.verdict import HOLDOUT_ADVICE, find_disagreements, find_positions, judge
from mangagan.metrics.verdict_rules import ADVICE, RULES

GOOD_METRICS = {
    "vendi": {"random": {"ratio": 0.9}, "mangaface": {"ratio": 1.0}},
    "diversity": {"ratio": 1.0},
    "duplicates": {"value": 0.02},
    "kernel_distance": {
        "random": {"position": 0.1},
        "mangaface": {"position": 0.12},
        "efficientnet": {"position": 0.005, "value": 0.05, "floor": 0.01, "broken_share": 0.1, "distance_z": 4.0},
    },
    "usable_share": {"ratio": 0.97, "value": 0.95, "floor": 0.98, "floor_sd": 0.01},
    "nearest_train": {"copied": 0.01, "ct": -0.5, "ratio": 0.98, "floor_count": 120},
    "face_share": {"ratio": 0.95},
    "coverage": {"random": {"ratio": 0.9, "position": 0.1}, "mangaface": {"ratio": 0.8, "position": 0.2}},
}


def changed(path: str, value: float | None) -> dict[str, object]:
    """Return GOOD_METRICS with one value changed."""
    head, *rest = path.split(".")
    inner = dict(GOOD_METRICS[head])
    node = inner
    for name in rest[:-1]:
        node[name] = dict(node[name])
        node = node[name]
    node[rest[-1]] = value
    return {**GOOD_METRICS, head: inner}


def test_good_metrics_give_good() -> None:
    verdict = judge(GOOD_METRICS)
    assert verdict["word"] == "good"
    assert len(verdict["because"]) == len(RULES)
    assert not any(entry["fired"] for entry in verdict["because"])
    assert verdict["advice"] == ADVICE["good"]


@pytest.mark.parametrize(
    ("share", "deviations", "word"), [(0.5, 3.1, "recognisable"), (0.5, 2.9, "unsure"), (0.3, 9.0, "good")]
)
def test_a_larger_distance_counts_only_if_it_is_clear(share: float, deviations: float, word: str) -> None:
    figures = {"position": 0.02, "value": 0.05, "broken_share": share, "distance_z": deviations}
    verdict = judge({**GOOD_METRICS, "kernel_distance": {"random": {"position": 0.1}, "efficientnet": figures}})
    assert verdict["word"] == word


def test_samples_can_be_good_without_efficientnet() -> None:
    assert judge({**GOOD_METRICS, "kernel_distance": {"random": {"position": 0.1}}})["word"] == "good"


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ("vendi.random.ratio", 0.2, "collapsed"),
        ("diversity.ratio", 0.1, "collapsed"),
        ("duplicates.value", 0.9, "collapsed"),
        ("kernel_distance.mangaface.position", 1.2, "undertrained"),
        ("kernel_distance.random.position", 0.5, "undertrained"),
        ("nearest_train.copied", 0.5, "copying"),
        ("nearest_train.ratio", 0.1, "copying"),
        ("face_share.ratio", 0.3, "undertrained"),
        ("coverage.random.ratio", 0.1, "undertrained"),
        ("usable_share.ratio", 0.4, "undertrained"),
        ("usable_share.ratio", 0.8, "recognisable"),
        ("usable_share.real_rated_higher", 0.75, "recognisable"),
        ("kernel_distance.efficientnet.broken_share", 0.45, "recognisable"),
    ],
)
def test_the_rule_that_fires_is_named(path: str, value: float, word: str) -> None:
    verdict = judge(changed(path, value))
    assert verdict["word"] == word
    fired = [entry for entry in verdict["because"] if entry["fired"]]
    assert {(entry["key"], entry["value"]) for entry in fired} == {(path, value)}


@pytest.mark.parametrize("metric", ["vendi", "coverage"])
def test_one_of_three_extractors_with_little_variety_does_not_fire(metric: str) -> None:
    ratios = {name: {"ratio": ratio} for name, ratio in (("a", 0.9), ("b", 0.2), ("c", 0.6))}
    assert judge({**GOOD_METRICS, metric: ratios})["word"] == "good"
    assert judge({**GOOD_METRICS, metric: {**ratios, "c": {"ratio": 0.4}}})["word"] != "good"


def test_a_holdout_set_that_is_too_small_to_see_broken_faces_is_not_enough_for_good() -> None:
    verdict = judge(changed("kernel_distance.efficientnet.broken_share", None))
    assert verdict["word"] == "unsure"
    assert verdict["advice"].startswith("There are too few faces to distinguish broken faces from real ones.")


def test_fewer_usable_faces_by_chance_are_not_a_fault() -> None:
    figures = {"ratio": 0.8, "value": 0.72, "floor": 0.9, "sd": 0.05, "floor_sd": 0.05}
    assert judge({**GOOD_METRICS, "usable_share": figures})["word"] == "good"
    assert judge({**GOOD_METRICS, "usable_share": {**figures, "sd": 0.01}})["word"] == "recognisable"


def test_usable_faces_do_not_count_if_hardly_any_real_face_is_usable() -> None:
    figures = {"ratio": 0.3, "value": 0.03, "floor": 0.1, "floor_sd": 0.01}
    assert judge({**GOOD_METRICS, "usable_share": figures})["word"] == "good"
    assert judge({**GOOD_METRICS, "usable_share": {**figures, "ratio": None, "floor": 0.0}})["word"] == "good"
    assert judge({**GOOD_METRICS, "usable_share": {**figures, "floor": 0.6, "ratio": 0.05}})["word"] == "undertrained"


def test_a_rule_says_why_it_does_not_fire_beyond_its_limit() -> None:
    cases = {
        "does not apply: the value of real faces is below 0.5": changed("usable_share.floor", 0.4),
        "the difference from real faces is not clear": changed("usable_share.floor_sd", 0.5),
        "needs 10 hold-out faces": changed("nearest_train.floor_count", 9),
        "nearest_train.copied is not above 0.03": GOOD_METRICS,
    }
    low = {"usable_share": {"ratio": 0.4}, "nearest_train": {"ratio": 0.4, "ct": -9.0}}
    for text, metrics in cases.items():
        both = {**metrics, **{name: {**metrics[name], **values} for name, values in low.items()}}
        found = {entry["exception"]: entry["fired"] for entry in judge(both)["because"]}
        assert found[text] is False
    assert judge(changed("usable_share.ratio", 0.4))["because"][-2]["exception"] == ""


def test_the_advice_depends_on_the_end_of_the_training() -> None:
    flawed = changed("usable_share.ratio", 0.8)
    falling, level = ({"training": {"kernel_distance_falling": value}} for value in (True, False))
    assert "Raise train.kimg." in judge({**flawed, **falling})["advice"]
    assert "train.kimg" not in judge({**flawed, **level})["advice"]
    assert "not finished" in judge({**GOOD_METRICS, **falling})["advice"]
    assert judge({**GOOD_METRICS, **level})["advice"] == ADVICE["good"]


@pytest.mark.parametrize(
    ("distances", "falling"),
    [
        ([0.4, 0.3, 0.2, 0.1], True),
        ([0.4, 0.3, 0.1, 0.095], False),  # within the deviation of 0.01
        ([0.4, 0.1, 0.2, 0.3], False),
        ([0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.1, 0.2], True),  # the last quarter has the minimum
        ([0.4, 0.2, 0.1], None),
        ([0.4, 0.3, float("nan"), 0.1], None),
        ([1.2, 1.1, 1.3, 1.0], None),  # never better than ruined faces
        ([], None),
    ],
)
def test_the_trend_at_the_end_of_a_training(distances: list[float], falling: bool | None) -> None:
    progress = {"kernel_distance": distances, "kernel_distance_sd": [0.01] * len(distances)}
    assert is_still_falling(progress) is falling


def test_overfitting_needs_both_nearness_and_copies() -> None:
    near = {**GOOD_METRICS, "nearest_train": {**GOOD_METRICS["nearest_train"], "ct": -6.0}}
    assert judge(near)["word"] == "good"
    assert judge({**GOOD_METRICS, "nearest_train": {**near["nearest_train"], "copied": 0.05}})["word"] == "overfitting"


def test_few_holdout_faces_do_not_make_good_samples_copies() -> None:
    """With distances of one distribution and 10 hold-out faces, a share above 0.1 has probability 0.9^10 = 0.35."""
    rng = np.random.default_rng(0)
    words = []
    for _ in range(300):
        copied = copied_share(rng.normal(size=400), rng.normal(size=10))
        nearest = {**GOOD_METRICS["nearest_train"], "copied": copied, "floor_count": 10}
        words.append(judge({**GOOD_METRICS, "nearest_train": nearest})["word"])
    assert words.count("copying") <= 9
    copying = {**GOOD_METRICS["nearest_train"], "copied": 0.4, "floor_count": 10}
    assert judge({**GOOD_METRICS, "nearest_train": copying})["word"] == "copying"


def test_one_repeated_image_is_collapsed_even_if_it_is_a_copy() -> None:
    both = {**changed("diversity.ratio", 0.02), "nearest_train": {"copied": 1.0, "ct": -20.0}}
    assert judge(both)["word"] == "collapsed"


def test_missing_metrics_allow_faults_but_never_good() -> None:
    missing = changed("nearest_train.copied", None)
    assert judge(missing)["word"] == "unsure"
    assert judge({**missing, "diversity": {"ratio": 0.1}})["word"] == "collapsed"
    assert "nearest_train.copied" in judge(missing)["advice"]
    assert judge({})["word"] == "unsure"
    assert judge(changed("diversity.ratio", float("nan")))["word"] == "unsure"


def test_unsure_says_what_the_missing_figure_needs() -> None:
    block = {"ratio": None, "reason": "at least 20 samples are needed: raise evaluate.samples"}
    for figure in ({"face_share": block}, {"vendi": {"random": block, "mangaface": block}}):
        verdict = judge({**GOOD_METRICS, **figure})
        assert verdict["word"] == "unsure"
        assert verdict["advice"] == "At least 20 samples are needed: raise evaluate.samples."


@pytest.mark.parametrize(("count", "word"), [(19, "unsure"), (20, "good")])
def test_few_holdout_faces_are_not_enough_for_good(count: int, word: str) -> None:
    verdict = judge({**GOOD_METRICS, "nearest_train": {**GOOD_METRICS["nearest_train"], "floor_count": count}})
    assert verdict["word"] == word
    assert ("19 hold-out faces, at least 20 needed" in verdict["advice"]) == (word == "unsure")


def test_advice_names_existing_parameters() -> None:
    known = read_sections(Path(__file__).parents[1] / "params.yaml")
    named = re.findall(r"\b(train|dedup|evaluate)\.(\w+)", " ".join([*ADVICE.values(), HOLDOUT_ADVICE]))
    assert len(named) > 5
    for section, key in named:
        assert key in known[section], key


def test_without_a_distance_metrics_on_features_are_ignored() -> None:
    blind = {**changed("vendi.random.ratio", 0.1), "kernel_distance": {"random": {"position": None}}}
    assert judge(blind)["word"] == "unsure"
    assert judge({**blind, "face_share": {"ratio": 0.1}})["word"] == "undertrained"


def test_disagreement_is_reported() -> None:
    assert find_disagreements(GOOD_METRICS) == []
    (flag,) = find_disagreements(changed("kernel_distance.random.position", 0.9))
    assert flag.endswith("random gives a worse value than efficientnet.")


def test_positions_are_found_at_both_depths() -> None:
    found = dict(find_positions({**GOOD_METRICS, "swd": {"position": 0.3}, "samples": 7}))
    assert found["swd.position"] == 0.3
    assert found["coverage.random.position"] == 0.1
