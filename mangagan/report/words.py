"""Texts for the values of metrics; the texts of each metric itself are in its file in `mangagan/metrics/`."""

from collections.abc import Mapping
from typing import Any

from mangagan.metrics.comparison import find_nearest_ceiling
from mangagan.metrics.registry import METRICS
from mangagan.metrics.types import Direction, Metric, MetricGroup
from mangagan.report.range_plot import name_set

CLEAR_SD = 2.0  # standard deviations from the floor; below this a value does not differ from the floor
CEILING_NAMED = 0.3  # position from which a reading names the ceiling
CEILING_REACHED = 0.9  # position from which the samples are no better than the ceiling
MIN_HOLDOUT = 50  # hold-out faces; metrics on fewer are only a rough hint
Figure = Mapping[str, Any]

GROUPS = {
    str(group): {key: metric for key, metric in METRICS.items() if metric.group is group} for group in MetricGroup
}
EXTRACTORS = {
    "random": "a convolutional network with fixed random weights",
    "mangaface": "the encoder of the project's own face detector",
    "efficientnet": "EfficientNet-Lite0, trained on photographs",
}


def describe(key: str) -> Metric:
    """Return a metric; one with plain texts if the key is not registered."""
    plain = key.replace("_", " ")
    return METRICS.get(key) or Metric(
        key, plain, "", "", Direction.NEAREST, MetricGroup.DISTANCE, "real faces", "", "", "", ""
    )


def compute_offset(figure: Figure) -> float:
    """Return value − floor in standard deviations of both; the unit is 5 % of the floor if these are unknown."""
    deviation = ((figure["sd"] or 0) ** 2 + (figure["floor_sd"] or 0) ** 2) ** 0.5
    return float((figure["value"] - figure["floor"]) / (deviation or 0.05 * abs(figure["floor"]) or 1.0))


def describe_value(key: str, figure: Figure) -> str:
    """Return one or two sentences that say what the value of a metric means."""
    if figure["value"] is None or figure["floor"] is None:
        return "No comparison: a value is missing."
    metric, deviations = describe(key), compute_offset(figure)
    if abs(deviations) < CLEAR_SD:
        return metric.same
    text = metric.above if deviations > 0 else metric.below
    position = figure.get("position")
    if position is None or position < CEILING_NAMED:
        return text
    ceilings = {kind: ceiling for kind, ceiling in figure["ceilings"].items() if ceiling is not None}
    nearest = find_nearest_ceiling(figure["value"], figure["floor"], figure["floor_sd"], ceilings) or ""
    relation = "No better than" if position >= CEILING_REACHED else "Between real faces and"
    return f"{text} {relation} {name_set(nearest)}."
