"""Metrics `precision`, `recall`, `density` and `coverage`; for their definitions see `distances.manifold`."""

from dataclasses import asdict

import numpy as np

from mangagan.distances.manifold import manifold_metrics
from mangagan.metrics.comparison import Figures, compare_with_holdout, make_missing
from mangagan.metrics.evaluation_data import EvaluationData, ExtractorFeatures
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.types import FLOOR_WITH_HOLDOUT, Direction, FeatureMeasurement, Metric, MetricGroup

NEIGHBORS = 5  # k; coverage of two samples of one distribution is then 1 − 2⁻⁵


def measure_precision_recall(data: EvaluationData, features: ExtractorFeatures, settings: EvaluateParams) -> Figures:
    """Measure precision, recall, density and coverage of the samples; the hold-out set is the real set."""
    if reason := data.explain_shortage():
        return {metric.key: make_missing(reason, data.count) for metric in METRICS}

    def measure(chosen: np.ndarray, reference: np.ndarray, _seed: int) -> dict[str, float]:
        return asdict(manifold_metrics(reference, chosen, NEIGHBORS))

    return compare_with_holdout(measure, features.sets, data.count, settings.repeats, settings.seed)


METRICS = (
    Metric(
        key="precision",
        title="Precision",
        question="Which share of the samples could be a real face?",
        unit="share of samples, 0 to 1",
        direction=Direction.HIGHER,
        group=MetricGroup.FACES,
        floor=FLOOR_WITH_HOLDOUT,
        same="As many samples are close to real faces as real faces are.",
        below="Some samples are far from all real faces.",
        above="Samples are concentrated where real faces are most frequent.",
        about="A sample counts if it is closer to a hold-out face than the fifth neighbour of that face is"
        " (Kynkäänniemi and others 2019).",
        bounds=(0.0, 1.0),
    ),
    Metric(
        key="recall",
        title="Recall",
        question="Which share of the real faces could the generator have drawn?",
        unit="share of hold-out faces, 0 to 1",
        direction=Direction.HIGHER,
        group=MetricGroup.VARIETY,
        floor=FLOOR_WITH_HOLDOUT,
        same="The samples reach as much of the variety of real faces as real faces do.",
        below="The samples miss a part of the variety of real faces.",
        above="The samples are spread wider than real faces.",
        about="A hold-out face counts if it is closer to a sample than the fifth neighbour of that sample is"
        " (Kynkäänniemi and others 2019). Widely scattered samples have a high recall even if they are poor.",
        bounds=(0.0, 1.0),
    ),
    Metric(
        key="density",
        title="Density",
        question="How close are the samples to the most frequent real faces?",
        unit="from 0; about 1 for real faces",
        direction=Direction.NEAREST,
        group=MetricGroup.FACES,
        floor=FLOOR_WITH_HOLDOUT,
        same="As close to frequent faces as real faces are.",
        below="Samples are at the edge of the real faces, or outside.",
        above="Samples are concentrated where real faces are most frequent.",
        about="Counts the hold-out faces that are closer to the sample than to their fifth neighbour (Naeem and others"
        " 2020). Unlike precision, it hardly depends on single unusual faces.",
    ),
    Metric(
        key="coverage",
        title="Coverage",
        question="Does every kind of real face have a sample close to it?",
        unit="share of hold-out faces, 0 to 1",
        direction=Direction.HIGHER,
        group=MetricGroup.VARIETY,
        floor=FLOOR_WITH_HOLDOUT,
        same="The samples cover as many kinds of faces as real faces do.",
        below="Few samples show some kinds of faces.",
        above="The samples cover more kinds of faces than real faces do.",
        about="A hold-out face counts if a sample is closer to it than its fifth neighbour (Naeem and others 2020).",
        bounds=(0.0, 1.0),
    ),
)
MEASUREMENT = FeatureMeasurement(measure_precision_recall, METRICS)
