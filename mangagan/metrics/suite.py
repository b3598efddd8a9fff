"""Measurement of all registered metrics."""

from collections.abc import Callable, Sequence

from mangagan.metrics.comparison import Comparison, Figures
from mangagan.metrics.evaluation_data import EvaluationData
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.registry import MEASUREMENTS
from mangagan.metrics.types import ImageMeasurement, Measurement


def measure_all(
    data: EvaluationData,
    settings: EvaluateParams,
    measurements: Sequence[Measurement] = MEASUREMENTS,
    show: Callable[[str], object] = lambda name: None,
) -> dict[str, Comparison | Figures]:
    """Measure every metric.

    Args:
        data: Sets to measure.
        settings: The section `evaluate` of params.yaml.
        measurements: Measurements to run. Default: all that are registered.
        show: Called with the key of the first metric of each measurement before it starts.

    Returns:
        Comparisons by key of the metric; for metrics on features, by extractor within each key.

    Raises:
        ValueError: A measurement does not yield exactly the metrics that it lists; see `check_figures`.
    """
    found: dict[str, Comparison | Figures] = {}
    for measurement in measurements:
        show(measurement.metrics[0].key)
        if isinstance(measurement, ImageMeasurement):
            found |= check_figures(measurement, measurement.measure(data, settings))
            continue
        by_extractor = {
            name: check_figures(measurement, measurement.measure(data, features, settings))
            for name, features in data.features.items()
        }
        if by_extractor:
            found |= {
                metric.key: {name: figures[metric.key] for name, figures in by_extractor.items()}
                for metric in measurement.metrics
            }
    return found


def check_figures(measurement: Measurement, figures: Figures) -> Figures:
    """Return the figures. Raise ValueError if they do not match the metrics of the measurement.

    Each metric needs a figure and each figure a metric. Figures may hold only ceilings, references and details
    that the metric lists.
    """
    metrics = {metric.key: metric for metric in measurement.metrics}
    if figures.keys() != metrics.keys():
        raise ValueError(f"{measurement.measure.__name__} yields {sorted(figures)} but lists {sorted(metrics)}")
    for key, figure in figures.items():
        metric = metrics[key]
        unlisted = (
            ({*figure.ceilings} - {*metric.ceilings})
            | ({*figure.references} - {*metric.references})
            | ({*figure.details} - {*metric.details})
        )
        if unlisted:
            raise ValueError(f"{key} yields {', '.join(sorted(unlisted))}, which its entry does not list")
    return figures
