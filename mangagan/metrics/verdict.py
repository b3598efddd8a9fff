"""What the figures say in one word, and by which rule.

The limits were set on sets whose verdict is known (see docs/evaluation.md, "Verdict"): training faces with slight
noise, one face again and again, blurred faces, and faces that were held out.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, Any]
GOOD, UNSURE = "good", "unsure"


@dataclass(frozen=True)
class Rule:
    """One thing that may be wrong with the samples.

    Attributes:
        word: the verdict when it fires.
        sentence: what it says, without figures.
        key: where the figure stands in metrics/evaluate.json; `*` stands for any extractor: the worst counts.
        limit: beyond which it fires.
        above: whether that is above the limit, or below.
        also: a second condition of the same kind: key and limit.
        drawn_by: where the count of faces stands that a share above the limit must be improbable for; see `limit_of`.
    """

    word: str
    sentence: str
    key: str
    limit: float
    above: bool = True
    also: tuple[str, float] | None = None
    drawn_by: str = ""


# In the order of precedence: the first that fires gives the word. Of samples far from all faces the features say
# little, so that their variety counts only after the distance.
RULES = (
    Rule("collapsed", "Pairs of samples are far more alike than pairs of real faces.", "diversity.ratio", 0.6, False),
    Rule("collapsed", "So many samples are alike that few different ones are drawn.", "duplicates.value", 0.5),
    Rule("undertrained", "The samples are as far from real faces as spoilt ones.", "kernel_distance.*.position", 0.9),
    Rule(
        "copying",
        "Many samples are nearer to a training face than chance has it.",
        "nearest_train.copied",
        0.1,
        drawn_by="nearest_train.floor_count",
    ),
    # One hold-out face that is in the training set after all hides copies from the rule above, and not from this one.
    Rule(
        "copying",
        "Half of the samples are far nearer to a training face than unseen faces are.",
        "nearest_train.ratio",
        0.5,
        above=False,
    ),
    Rule(
        "overfitting",
        "The samples are nearer to training faces than faces are that were held out.",
        "nearest_train.ct",
        -3.0,
        above=False,
        also=("nearest_train.copied", 0.03),
    ),
    Rule("undertrained", "The samples are well apart from real faces.", "kernel_distance.*.position", 0.3),
    Rule("collapsed", "The samples vary less than half as much as real faces do.", "vendi.*.ratio", 0.5, above=False),
    Rule("undertrained", "The detector finds a face in few of the samples.", "face_share.ratio", 0.7, above=False),
    Rule(
        "undertrained",
        "Few kinds of real faces have a sample near them: the others are not drawn yet, or not well.",
        "coverage.*.ratio",
        0.5,
        above=False,
    ),
)

DISTANCE = "kernel_distance.*.position"
ON_FEATURES = ("vendi.", "coverage.")
HELD_OUT = "nearest_train.floor_count"
TRUSTED = 20  # hold-out faces, below which there is blame and no praise: too much passes
MORE = "add pages or raise dedup.holdout_share"
CHANCE = 0.01  # that a rule with `drawn_by` fires on samples of the faces' own distribution

ADVICE = {
    GOOD: "Compare runs by the kernel distance; more pages are what helps most from here.",
    "collapsed": "Set train.recipe to modern if it is not; raise train.kimg while the distance along training still "
    "falls, else lower train.learning_rate_g.",
    "undertrained": "Raise train.kimg while the distance along training still falls; if it does not, widen "
    "train.base_channels or add pages.",
    "copying": "Add pages or strengthen train.augment; a shorter run copies less.",
    "overfitting": "Add pages or strengthen train.augment; with a lower train.kimg less is learned by heart.",
}


def judge(figures: Figures) -> dict[str, Any]:
    """The verdict on an evaluation.

    Args:
        figures: the content of metrics/evaluate.json.

    Returns:
        `word`, one of good, undertrained, collapsed, overfitting, copying, unsure; `because`, every rule with its
        word, sentence, key, value (None where it cannot be had), limit, whether it fires `above` or below, and whether
        it `fired`; `advice`, one sentence.
    """
    because = [apply(rule, figures) for rule in RULES]
    known = any(is_figure(value) for _, value in look_up(figures, DISTANCE))
    # Of samples that may be far from all faces, variety as the extractors see it says nothing.
    heard = [entry for entry in because if known or not entry["key"].startswith(ON_FEATURES)]
    word = next((entry["word"] for entry in heard if entry["fired"]), GOOD)
    doubt = doubts(figures, because) if word == GOOD else ""
    return {"word": UNSURE if doubt else word, "because": because, "advice": doubt or ADVICE[word]}


def doubts(figures: Figures, because: Sequence[Mapping[str, Any]]) -> str:
    """Why samples that no rule finds fault with are not called good, and what to do: a sentence, or empty."""
    missing = [entry["key"] for entry in because if entry["value"] is None]
    for key in missing:
        reasons = [reason for _, reason in look_up(figures, f"{key.rpartition('.')[0]}.reason") if reason]
        if reasons:
            return sentence(reasons[0])
    if missing:
        return f"There is no {missing[0]}, and a verdict needs it: add pages."
    few = [count for _, count in look_up(figures, HELD_OUT) if is_figure(count) and count < TRUSTED]
    return f"{few[0]} hold-out faces, at least {TRUSTED} needed to call samples good: {MORE}." if few else ""


def sentence(reason: str) -> str:
    """A reason with a capital and a full stop."""
    return f"{reason[0].upper()}{reason[1:]}."


def apply(rule: Rule, figures: Figures) -> dict[str, Any]:
    """One rule's outcome."""
    candidates = [(key, value) for key, value in look_up(figures, rule.key) if is_figure(value)]
    worst = (max if rule.above else min)(candidates, key=lambda pair: pair[1], default=(rule.key, None))
    key, value = worst
    limit = limit_of(rule, figures)
    fired = value is not None and (value > limit if rule.above else value < limit)
    if fired and rule.also:
        fired = any(is_figure(other) and other > rule.also[1] for _, other in look_up(figures, rule.also[0]))
    return {
        "word": rule.word,
        "rule": rule.sentence,
        "key": key,
        "value": value,
        "limit": limit,
        "above": rule.above,
        "fired": bool(fired),
    }


def limit_of(rule: Rule, figures: Figures) -> float:
    """The rule's limit, higher where few faces draw it.

    The share of samples nearer to a training face than all of M hold-out faces are is above s with probability
    (1 − s)^M where samples are of the faces' distribution: with 10 faces it is above 0.1 in every third case.
    """
    counts = [count for _, count in look_up(figures, rule.drawn_by) if is_figure(count) and count > 0]
    return max([rule.limit, *(round(1 - CHANCE ** (1 / count), 3) for count in counts)])


def look_up(figures: Figures, pattern: str) -> Iterator[tuple[str, Any]]:
    """Yields the keys that fit a dotted pattern, `*` for any name, with their values."""
    head, _, rest = pattern.partition(".")
    for name in figures if head == "*" else (head,):
        value = figures.get(name)
        if not rest:
            yield name, value
        elif isinstance(value, Mapping):
            for key, found in look_up(value, rest):
                yield f"{name}.{key}", found


def positions(figures: Figures) -> Iterator[tuple[str, Any]]:
    """Yields every position between floor and ceiling with its dotted key."""
    for pattern in ("*.position", "*.*.position"):
        yield from look_up(figures, pattern)


def is_figure(value: Any) -> bool:
    """Whether there is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


APART = 0.3  # of the way from floor to ceiling, that extractors may differ by before it is said
COMPARED = {"kernel_distance": "how far the samples are from real faces", "coverage": "how many kinds they cover"}


def disagreements(figures: Figures) -> list[str]:
    """Sentences on the metrics that the extractors place differently between floor and ceiling."""
    found = []
    for metric, about in COMPARED.items():
        places = {
            key.split(".")[1]: value for key, value in look_up(figures, f"{metric}.*.position") if is_figure(value)
        }
        if len(places) > 1 and max(places.values()) - min(places.values()) > APART:
            low, high = min(places, key=places.__getitem__), max(places, key=places.__getitem__)
            found.append(f"The extractors disagree on {about}: {high} sees more amiss than {low}.")
    return found
