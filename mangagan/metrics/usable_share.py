"""Metric `usable_share`: share of samples that the face quality network calls a usable face."""

import numpy as np

from mangagan.features.usable_faces import USABLE_THRESHOLD
from mangagan.metrics.comparison import Comparison, Figures, compute_share_error
from mangagan.metrics.evaluation_data import MAX_RUINED, EvaluationData, choose_real
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.ranking import compute_auc
from mangagan.metrics.types import Direction, ImageMeasurement, Metric, MetricGroup


def measure_usable_share(data: EvaluationData, settings: EvaluateParams) -> Figures:
    """Measure the share of usable faces, and how often a hold-out face is rated higher than a sample."""
    rate = data.rater
    real = rate(choose_real(data, settings.face_samples, settings.seed))
    ceilings = {
        kind: float(np.mean(rate(faces[:MAX_RUINED]) > USABLE_THRESHOLD)) for kind, faces in data.images.ruined.items()
    }
    value, floor = (compute_share_error(logits > USABLE_THRESHOLD) for logits in (data.usable_logits, real))
    details = {"real_rated_higher": compute_auc(real, data.usable_logits)}
    return {"usable_share": Comparison(*value, *floor, len(data.usable_logits), len(real), ceilings, details=details)}


MEASUREMENT = ImageMeasurement(
    measure_usable_share,
    (
        Metric(
            key="usable_share",
            title="Usable faces",
            question="How many samples does the face quality network rate as usable faces?",
            unit="share of samples, 0 to 1",
            direction=Direction.HIGHER,
            group=MetricGroup.FACES,
            floor="hold-out faces, rated in the same way",
            same="As many usable faces as among real faces.",
            below="Fewer usable faces than among real faces: eyes are missing or deformed, or there is no face.",
            above="More usable faces than among real faces.",
            about="The network that rates detections in the stage normalize rates each sample. A face is usable if both"
            " eyes are visible and it is not mostly covered. The network was never trained on samples. The order of the"
            " best, typical and worst samples follows its rating. It was trained on manga, cropped with the default"
            " normalize.margin; on other pictures its rating says little.",
            bounds=(0.0, 1.0),
            details={"real_rated_higher": "probability that a hold-out face is rated higher than a sample"},
        ),
    ),
)
