"""The verdict: one word for all metrics. The rules are in `verdict_rules.py`."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mangagan.metrics.evaluation_data import SEPARATE_ADVICE
from mangagan.metrics.verdict_rules import (
    ADVICE,
    FALLING_ADVICE,
    FALLING_KEY,
    FALLING_WORDS,
    GOOD,
    GOOD_FALLING_ADVICE,
    MAX_BROKEN_SHARE,
    RULES,
    STRUCTURE_KEY,
    Rule,
)

Evaluation = Mapping[str, Any]  # content of metrics/evaluate.json
UNSURE = "unsure"

DISTANCE_KEY = "kernel_distance.*.position"
FEATURE_METRICS = ("vendi.", "coverage.")  # not used without a distance
HOLDOUT_KEY = "nearest_train.floor_count"
LEAKED_KEY = "holdout_leaked"
MIN_HOLDOUT = 20  # with fewer hold-out faces, report faults but never "good"
HOLDOUT_ADVICE = "Add pages or raise dedup.holdout_share"
CHANCE = 0.01  # probability that a rule with `sample_size` fires on samples of the same distribution as the faces


def judge(evaluation: Evaluation) -> dict[str, Any]:
    """Return the verdict on an evaluation.

    Args:
        evaluation: Content of metrics/evaluate.json.

    Returns:
        `word`: good, recognisable, undertrained, collapsed, overfitting, copying or unsure. `because`: for every rule
        its word, rule (the sentence), key, value (None if not available), limit, `above` (True if it fires above the
        limit), `fired`, and `exception` (why it does not fire beyond its limit). `advice`: what to do.
    """
    because = [apply_rule(rule, evaluation) for rule in RULES]
    distance_is_known = any(is_number(value) for _, value in find_values(evaluation, DISTANCE_KEY))
    # If the distance is unknown, samples may be far from all faces; the variety of their features is then meaningless.
    used = [entry for entry in because if distance_is_known or not entry["key"].startswith(FEATURE_METRICS)]
    word = next((entry["word"] for entry in used if entry["fired"]), GOOD)
    doubt = explain_doubt(evaluation, because) if word == GOOD else ""
    return {
        "word": UNSURE if doubt else word,
        "because": because,
        "advice": doubt or choose_advice(word, evaluation),
    }


def choose_advice(word: str, evaluation: Evaluation) -> str:
    """Return what to do after a verdict."""
    falling = next((value for _, value in find_values(evaluation, FALLING_KEY)), None)
    if word == GOOD and falling:
        return GOOD_FALLING_ADVICE
    if word in FALLING_WORDS and falling is not None:
        return FALLING_ADVICE[falling]
    return ADVICE[word]


def explain_doubt(evaluation: Evaluation, because: Sequence[Mapping[str, Any]]) -> str:
    """Return why samples without a fault are not called good, and what to do; empty if they are."""
    rules = zip(RULES, because, strict=True)
    required = [entry for rule, entry in rules if not rule.optional and suits_floor(rule, evaluation)]
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
    return explain_structure_doubt(evaluation)


def explain_structure_doubt(evaluation: Evaluation) -> str:
    """Return why samples may be flawed although no rule fired; empty if there is no doubt or no `efficientnet`."""
    figures = find_block(f"{STRUCTURE_KEY}.value", evaluation)
    if not is_number(figures.get("value")):
        return ""
    share = figures.get("broken_share")
    if share is None:
        return f"There are too few faces to distinguish broken faces from real ones. {HOLDOUT_ADVICE}."
    if share > MAX_BROKEN_SHARE:
        return (
            f"The equivalent share of broken faces is {share:.2f} (limit {MAX_BROKEN_SHARE}), but the difference from "
            f"training faces is less than three standard errors. {HOLDOUT_ADVICE}."
        )
    return ""


def count_holdout(evaluation: Evaluation) -> int | None:
    """Return the number of hold-out faces that the distances to training faces are compared with; None if unknown."""
    return next((count for _, count in find_values(evaluation, HOLDOUT_KEY) if is_number(count)), None)


def apply_rule(rule: Rule, evaluation: Evaluation) -> dict[str, Any]:
    """Return the outcome of a rule; see `judge`."""
    candidates = [(key, value) for key, value in find_values(evaluation, rule.key) if is_number(value)]
    key, value = choose_value(rule, candidates)
    limit = adjust_limit(rule, evaluation)
    is_beyond = value is not None and (value > limit if rule.above else value < limit)
    exception = explain_exception(rule, key, evaluation) if is_beyond else ""
    return {
        "word": rule.word,
        "rule": rule.sentence,
        "key": key,
        "value": value,
        "limit": limit,
        "above": rule.above,
        "fired": is_beyond and not exception,
        "exception": exception,
    }


def explain_exception(rule: Rule, key: str, evaluation: Evaluation) -> str:
    """Return why a rule does not fire although its value is beyond the limit; empty if it fires."""
    if not suits_floor(rule, evaluation):
        return f"does not apply: the value of real faces is below {rule.min_floor}"
    if not exceeds_spread(rule, key, evaluation):
        return "the difference from real faces is not clear"
    if (count_holdout(evaluation) or 0) < rule.min_holdout:
        return f"needs {rule.min_holdout} hold-out faces"
    if rule.second_condition:
        second_key, second_limit = rule.second_condition
        others = [value for _, value in find_values(evaluation, second_key) if is_number(value)]
        if not any(value > second_limit for value in others):
            return f"{second_key} is not above {second_limit}"
    return ""


def choose_value(rule: Rule, candidates: Sequence[tuple[str, float]]) -> tuple[str, float | None]:
    """Return the key and the value that count for a rule: the worst of all extractors, or the median.

    Of an even number of values, the median is the worse one of the middle.
    """
    ordered = sorted(candidates, key=lambda pair: pair[1], reverse=rule.above)
    if not ordered:
        return rule.key, None
    return ordered[(len(ordered) - 1) // 2 if rule.extractors == "median" else 0]


def exceeds_spread(rule: Rule, key: str, evaluation: Evaluation) -> bool:
    """Return True if the metric is more than `min_deviations` standard deviations from its floor; False if unknown."""
    if not rule.min_deviations:
        return True
    figures = find_block(key, evaluation)
    if not all(is_number(figures.get(name)) for name in ("value", "floor")):
        return False
    deviation = math.hypot(*(figures.get(name) or 0.0 for name in ("sd", "floor_sd")))
    return bool(abs(figures["value"] - figures["floor"]) > rule.min_deviations * deviation)


def suits_floor(rule: Rule, evaluation: Evaluation) -> bool:
    """Return True if the floor of the metric is at least `min_floor`, or if there is no minimum."""
    if rule.min_floor is None:
        return True
    floor = find_block(rule.key, evaluation).get("floor")
    return floor is None or floor >= rule.min_floor


def find_block(key: str, evaluation: Evaluation) -> dict[str, Any]:
    """Return the values beside a key (of the same metric and extractor), by name."""
    prefix = key.rpartition(".")[0]
    return {name.removeprefix(f"{prefix}."): value for name, value in find_values(evaluation, f"{prefix}.*")}


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
