"""The rules of the verdict, and the advice for each verdict.

The limits were set on sets with a known verdict (see docs/evaluation.md, "The verdict"): training faces with slight
noise, one repeated face, blurred faces, broken faces, and hold-out faces.
"""

from dataclasses import dataclass
from typing import Literal

GOOD = "good"
MAX_BROKEN_SHARE = 0.4  # equivalent share of broken faces; see docs/evaluation.md, "The verdict"
MIN_USABLE_FLOOR = 0.5  # share of usable hold-out faces; with fewer, the rating does not suit the pictures
CLEAR_DEVIATIONS = 3.0  # minimum difference from real faces [standard deviations or standard errors]
STRUCTURE_KEY = "kernel_distance.efficientnet"


@dataclass(frozen=True)
class Rule:
    """A rule that detects one fault of the samples.

    Attributes:
        word: Verdict if the rule fires.
        sentence: The fault in words, without values.
        key: Dotted key of the value in metrics/evaluate.json. `*` matches every extractor.
        limit: The rule fires beyond this value.
        above: True to fire above the limit, False to fire below. Default: True.
        extractors: "worst": the worst value of all extractors counts, "median": the median. Default: worst.
        second_condition: Key and limit of a second value that must be above its limit too. Default: none.
        sample_size: Key of the number of hold-out faces. With few faces the limit rises, so that chance rarely exceeds
            it; see `adjust_limit`. Default: none.
        min_holdout: Minimum number of hold-out faces; with fewer the rule does not fire. Default: 0.
        min_deviations: Minimum difference of value and floor, in combined standard deviations √(sd² + floor_sd²).
            Default: 0.
        min_floor: The rule applies only if the floor of the metric is at least this. Default: no minimum.
        optional: True if samples can be good although the value is missing. Default: False.
    """

    word: str
    sentence: str
    key: str
    limit: float
    above: bool = True
    extractors: Literal["worst", "median"] = "worst"
    second_condition: tuple[str, float] | None = None
    sample_size: str = ""
    min_holdout: int = 0
    min_deviations: float = 0.0
    min_floor: float | None = None
    optional: bool = False


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
    Rule(
        "collapsed",
        "The samples have less than half the variety of real faces.",
        "vendi.*.ratio",
        0.5,
        above=False,
        extractors="median",
    ),
    Rule(
        "undertrained",
        "The share of usable faces is less than half that of real faces.",
        "usable_share.ratio",
        0.5,
        above=False,
        min_deviations=CLEAR_DEVIATIONS,
        min_floor=MIN_USABLE_FLOOR,
    ),
    Rule("undertrained", "The detector finds a face in few samples.", "face_share.ratio", 0.7, above=False),
    Rule(
        "undertrained",
        "Few kinds of real faces have a sample close to them: the others are not drawn, or not well.",
        "coverage.*.ratio",
        0.5,
        above=False,
        extractors="median",
    ),
    Rule(
        "recognisable",
        "The share of usable faces is clearly lower than that of real faces.",
        "usable_share.ratio",
        0.85,
        above=False,
        min_deviations=CLEAR_DEVIATIONS,
        min_floor=MIN_USABLE_FLOOR,
    ),
    Rule(
        "recognisable",
        "Hold-out faces are clearly rated higher than samples.",
        "usable_share.real_rated_higher",
        0.7,
        min_floor=MIN_USABLE_FLOOR,
        min_holdout=20,
        optional=True,
    ),
    Rule(
        "recognisable",
        "The samples are further from real faces than a set with 40 % broken faces.",
        f"{STRUCTURE_KEY}.broken_share",
        MAX_BROKEN_SHARE,
        second_condition=(f"{STRUCTURE_KEY}.distance_z", CLEAR_DEVIATIONS),
        optional=True,
    ),
)

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
FALLING_KEY = "training.kernel_distance_falling"
# Advice if it is known whether the distance was still falling at the end of the training
FALLING_ADVICE = {
    True: "The kernel distance was still falling at the end of the training. Raise train.kimg.",
    False: "The kernel distance was no longer falling at the end of the training. Raise train.base_channels or add "
    "pages.",
}
FALLING_WORDS = ("undertrained", "recognisable")  # verdicts with this advice
GOOD_FALLING_ADVICE = (
    "The kernel distance was still falling at the end of the training, so the training is not finished: a higher "
    "train.kimg improves the samples further."
)
