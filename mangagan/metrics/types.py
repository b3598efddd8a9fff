"""A metric of the evaluation with its texts, and a measurement that yields one or more metrics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from mangagan.distances.reference_sets import RUINED_SETS
from mangagan.metrics.comparison import Figures
from mangagan.metrics.evaluation_data import EvaluationData, ExtractorFeatures
from mangagan.metrics.params import EvaluateParams

# Texts for the floor of a metric
FLOOR_WITH_HOLDOUT = "training faces, compared with the same hold-out faces in equal numbers"
FLOOR_ALONE = "training faces by themselves, in equal numbers"


class Direction(StrEnum):
    """The direction of good values."""

    LOWER = "lower is better"
    HIGHER = "higher is better"
    NEAREST = "the value of real faces is best"


class MetricGroup(StrEnum):
    """Heading of the report under which a metric appears."""

    DISTANCE = "Distance from real faces"
    VARIETY = "Variety"
    COPYING = "Copying"
    FACES = "Are they faces?"


@dataclass(frozen=True)
class Metric:
    """A metric: its key, its direction and its texts.

    Attributes:
        key: Name in metrics/evaluate.json.
        title: Heading in the report.
        question: Question that the metric answers.
        unit: Unit and range.
        direction: Which values are good.
        group: Heading of the report under which it appears.
        floor: Faces that give the floor.
        same: Reading of a value that does not differ from the floor.
        below: Reading of a value clearly below the floor.
        above: Reading of a value clearly above the floor.
        about: How it is measured, with the source.
        bounds: Smallest range that the plot shows. Default: fitted to the values.
        scale: Scale of the plot: linear, or sqrt (square root, for squared distances).
        ceilings: Kinds of ruined faces to compare. Default: all.
        references: Kinds of slightly damaged faces to compare. Default: none.
        details: Text of each further figure (`Comparison.details`), by name.
    """

    key: str
    title: str
    question: str
    unit: str
    direction: Direction
    group: MetricGroup
    floor: str
    same: str
    below: str
    above: str
    about: str
    bounds: tuple[float, float] | None = None
    scale: Literal["linear", "sqrt"] = "linear"
    ceilings: tuple[str, ...] = RUINED_SETS
    references: tuple[str, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FeatureMeasurement:
    """A function that measures metrics in one pass on the features of one extractor; it runs once for each extractor.

    Attributes:
        measure: Returns a comparison for each metric, by key.
        metrics: The metrics that it yields.
    """

    measure: Callable[[EvaluationData, ExtractorFeatures, EvaluateParams], Figures]
    metrics: tuple[Metric, ...]


@dataclass(frozen=True)
class ImageMeasurement:
    """A function that measures metrics in one pass on images.

    Attributes:
        measure: Returns a comparison for each metric, by key.
        metrics: The metrics that it yields.
    """

    measure: Callable[[EvaluationData, EvaluateParams], Figures]
    metrics: tuple[Metric, ...]


Measurement = FeatureMeasurement | ImageMeasurement
