"""The verdict: one word for all metrics, and the rules behind it.

The limits were set on sets with a known verdict (see docs/evaluation.md, "The verdict"): training faces with slight
noise, one repeated face, blurred faces, and hold-out faces.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mangagan.metrics.evaluation_data import SEPARATE_ADVICE

Evaluation = Mapping[str, Any]  # content of metrics/evaluate.json
GOOD, UNSURE = "good", "unsure"


@dataclass(frozen=True)
class Rule:
    """A rule that detects one fault of the samples.

    Attributes:
        word: Verdict if the rule fires.
        sentence: The fault in words, without values.
        key: Dotted key of the value in metrics/evaluate.json. `*` matches every extractor; the worst value counts.
        limit: The rule fires beyond this value.
        above: True to fire above the limit, False to fire below. Default: True.
        second_condition: Key and limit of a second value that must be above its limit too. Default: none.
        sample_size: Key of the number of hold-out faces. With few faces the limit rises, so that chance rarely exceeds
            it; see `adjust_limit`. Default: none.
        min_holdout: Minimum number of hold-out faces; with fewer the rule does not fire. Default: 0.
        min_deviations: The rule fires only if the metric is further from its floor than this number of standard
            deviations of the floor. Default: 0.
        optional: True if samples can be good without this value. Default: False.
    """

    word: str
    sentence: str
    key: str
    limit: float
    above: bool = True
    second_condition: tuple[str, float] | None = None
    sample_size: str = ""
    min_holdout: int = 0
    min_deviations: float = 0.0
    optional: bool = False


BROKEN_POSITION = 0.007  # of the kernel distance on `efficientnet`; see docs/evaluation.md, "The verdict"
# By decreasing precedence: the first rule that fires gives the verdict. Features of samples that are far from all faces
# are not informative, so their variety counts only after the distance.
RULES = (
    Rule(
        "collapsed", "Samples are much more similar to each other than real faces are.", "diversity.ratio", 0.6, False
    ),
    Rule("collapsed", "Most samples have a near-duplicate, so few are different.", "duplicates.value", 0.5),
    Rule("undertrained", "The samples are as far from real faces as ruined faces.", "kernel_distance.*.position", 0.9),
    Rule(
        "copying",
        "More samples are close to a training face than chance explains.",
        "nearest_train.copied",
        0.1,
        sample_size="nearest_train.floor_count",
    ),
    # Hold-out faces with a near-duplicate in the training set are left out of all three values. If the search misses
    # one, it hides copies from the rule above, but not from this one.
    Rule(
        "copying",
        "Half of the samples are much closer to a training face than hold-out faces are.",
        "nearest_train.ratio",
        0.5,
        above=False,
        min_holdout=10,
    ),
    Rule(
        "overfitting",
        "The samples are closer to training faces than hold-out faces are.",
        "nearest_train.ct",
        -3.0,
        above=False,
        second_condition=("nearest_train.copied", 0.03),
    ),
    Rule("undertrained", "The samples are clearly different from real faces.", "kernel_distance.*.position", 0.3),
    Rule("collapsed", "The samples have less than half the variety of real faces.", "vendi.*.ratio", 0.5, above=False),
    Rule("undertrained", "The detector finds a face in few samples.", "face_share.ratio", 0.7, above=False),
    Rule(
        "undertrained",
        "Few kinds of real faces have a sample close to them: the others are not drawn, or not well.",
        "coverage.*.ratio",
        0.5,
        above=False,
    ),
    Rule(
        "recognisable",
        "The samples are further from real faces than a set of real faces of which a third are broken.",
        "kernel_distance.efficientnet.position",
        BROKEN_POSITION,
        min_deviations=3.0,
        optional=True,
    ),
)

DISTANCE_KEY = "kernel_distance.*.position"
FEATURE_METRICS = ("vendi.", "coverage.")  # not used without a distance
HOLDOUT_KEY = "nearest_train.floor_count"
LEAKED_KEY = "holdout_leaked"
MIN_HOLDOUT = 20  # with fewer hold-out faces, report faults but never "good"
HOLDOUT_ADVICE = "Add pages or raise dedup.holdout_share"
CHANCE = 0.01  # probability that a rule with `sample_size` fires on samples of the same distribution as the faces

ADVICE = {
    GOOD: "Compare runs by the kernel distance. More pages are the best way to improve further.",
    "collapsed": "Set train.recipe to modern. Raise train.kimg while the distance during training still falls; "
    "otherwise lower train.learning_rate_g.",
    "undertrained": "Raise train.kimg while the distance during training still falls; otherwise raise "
    "train.base_channels or add pages.",
    "recognisable": "Look at the typical samples. Raise train.kimg while the distance during training still falls; "
    "otherwise raise train.base_channels or add pages.",
    "copying": "Add pages or strengthen train.augment. A shorter training copies less.",
    "overfitting": "Add pages or strengthen train.augment. A lower train.kimg memorises less.",
}


def judge(evaluation: Evaluation) -> dict[str, Any]:
    """Return the verdict on an evaluation.

    Args:
        evaluation: Content of metrics/evaluate.json.

    Returns:
        `word`: good, recognisable, undertrained, collapsed, overfitting, copying or unsure. `because`: for every rule
        its word, rule (the sentence), key, value (None if not available), limit, `above` (True if it fires above the
        limit) and `fired`. `advice`: what to do.
    """
    because = [apply_rule(rule, evaluation) for rule in RULES]
    distance_is_known = any(is_number(value) for _, value in find_values(evaluation, DISTANCE_KEY))
    # If the distance is unknown, samples may be far from all faces; the variety of their features is then meaningless.
    used = [entry for entry in because if distance_is_known or not entry["key"].startswith(FEATURE_METRICS)]
    word = next((entry["word"] for entry in used if entry["fired"]), GOOD)
    doubt = explain_doubt(evaluation, because) if word == GOOD else ""
    return {"word": UNSURE if doubt else word, "because": because, "advice": doubt or ADVICE[word]}


def explain_doubt(evaluation: Evaluation, because: Sequence[Mapping[str, Any]]) -> str:
    """Return why samples without a fault are not called good, and what to do; empty if they are."""
    required = [entry for rule, entry in zip(RULES, because, strict=True) if not rule.optional]
    missing = [entry["key"] for entry in required if entry["value"] is None]
    for key in missing:
        reasons = [reason for _, reason in find_values(evaluation, f"{key.rpartition('.')[0]}.reason") if reason]
        if reasons:
            return f"{reasons[0][0].upper()}{reasons[0][1:]}."
    if missing:
        return f"The verdict needs {missing[0]}, which is not available. Add pages."
    count = count_holdout(evaluation)
    if count is not None and count < MIN_HOLDOUT:
        leaked = evaluation.get(LEAKED_KEY) or 0
        faces = "hold-out faces without a near-duplicate among the training faces" if leaked else "hold-out faces"
        advice = SEPARATE_ADVICE if count + leaked >= MIN_HOLDOUT else HOLDOUT_ADVICE
        return f"{count} {faces}, at least {MIN_HOLDOUT} needed to call samples good. {advice}."
    return ""


def count_holdout(evaluation: Evaluation) -> int | None:
    """Return the number of hold-out faces that the distances to training faces are compared with; None if unknown."""
    return next((count for _, count in find_values(evaluation, HOLDOUT_KEY) if is_number(count)), None)


def apply_rule(rule: Rule, evaluation: Evaluation) -> dict[str, Any]:
    """Return the outcome of a rule; see `judge`."""
    candidates = [(key, value) for key, value in find_values(evaluation, rule.key) if is_number(value)]
    key, value = (max if rule.above else min)(candidates, key=lambda pair: pair[1], default=(rule.key, None))
    limit = adjust_limit(rule, evaluation)
    fired = value is not None and (value > limit if rule.above else value < limit)
    fired = fired and exceeds_spread(rule, key, evaluation)
    fired = fired and (not rule.min_holdout or (count_holdout(evaluation) or 0) >= rule.min_holdout)
    if fired and rule.second_condition:
        fired = any(
            is_number(other) and other > rule.second_condition[1]
            for _, other in find_values(evaluation, rule.second_condition[0])
        )
    return {
        "word": rule.word,
        "rule": rule.sentence,
        "key": key,
        "value": value,
        "limit": limit,
        "above": rule.above,
        "fired": bool(fired),
    }


def exceeds_spread(rule: Rule, key: str, evaluation: Evaluation) -> bool:
    """Return True if the metric is more than `min_deviations` standard deviations from its floor; False if unknown."""
    if not rule.min_deviations:
        return True
    prefix = key.rpartition(".")[0]
    figures = dict(find_values(evaluation, f"{prefix}.*"))
    names = [f"{prefix}.{name}" for name in ("value", "floor", "floor_sd")]
    if not all(is_number(figures.get(name)) for name in names):
        return False
    value, floor, deviation = (figures[name] for name in names)
    return bool(abs(value - floor) > rule.min_deviations * deviation)


def adjust_limit(rule: Rule, evaluation: Evaluation) -> float:
    """Return the limit of a rule, raised if there are few hold-out faces.

    Let p be the share of samples that are closer to the training set than every one of M hold-out faces. For samples
    of the same distribution as the faces, p exceeds s with probability (1 − s)^M: with 10 faces, p exceeds 0.1 in
    one of three cases.
    """
    counts = [count for _, count in find_values(evaluation, rule.sample_size) if is_number(count) and count > 0]
    return max([rule.limit, *(round(1 - CHANCE ** (1 / count), 3) for count in counts)])


def find_values(evaluation: Evaluation, pattern: str) -> Iterator[tuple[str, Any]]:
    """Yield key and value of each entry that matches a dotted pattern; `*` matches any name."""
    head, _, rest = pattern.partition(".")
    for name in evaluation if head == "*" else (head,):
        value = evaluation.get(name)
        if not rest:
            yield name, value
        elif isinstance(value, Mapping):
            for key, found in find_values(value, rest):
                yield f"{name}.{key}", found


def find_positions(evaluation: Evaluation) -> Iterator[tuple[str, Any]]:
    """Yield the dotted key and the value of every `position` (see `Comparison.position`)."""
    for pattern in ("*.position", "*.*.position"):
        yield from find_values(evaluation, pattern)


def is_number(value: Any) -> bool:
    """Return True for a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


MAX_DISAGREEMENT = 0.3  # difference of positions above which extractors disagree
COMPARED_METRICS = {"kernel_distance": "the distance from real faces", "coverage": "how many kinds of faces are drawn"}


def find_disagreements(evaluation: Evaluation) -> list[str]:
    """Return a sentence for each metric on which the extractors disagree."""
    found = []
    for metric, about in COMPARED_METRICS.items():
        values = find_values(evaluation, f"{metric}.*.position")
        positions = {key.split(".")[1]: value for key, value in values if is_number(value)}
        if len(positions) > 1 and max(positions.values()) - min(positions.values()) > MAX_DISAGREEMENT:
            low, high = min(positions, key=positions.__getitem__), max(positions, key=positions.__getitem__)
            found.append(f"The extractors disagree on {about}: {high} gives a worse value than {low}.")
    return found
