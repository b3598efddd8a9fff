"""Metric `face_share`: share of samples in which the project's detector finds a face."""

from mangagan.metrics.comparison import Figures
from mangagan.metrics.evaluation_data import EvaluationData, compare_image_means
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.types import Direction, ImageMeasurement, Metric, MetricGroup


def measure_face_share(data: EvaluationData, settings: EvaluateParams) -> Figures:
    """Measure the share of images in which the detector finds a face."""
    from mangagan.metrics.face_search import FaceSearch, find_faces  # torch takes seconds to import

    search = FaceSearch()
    figure = compare_image_means(lambda images: find_faces(images, search), data, settings.face_samples, settings.seed)
    return {"face_share": figure}


MEASUREMENT = ImageMeasurement(
    measure_face_share,
    (
        Metric(
            key="face_share",
            title="Faces found",
            question="In how many samples does the project's detector find a face?",
            unit="share of samples, 0 to 1",
            direction=Direction.HIGHER,
            group=MetricGroup.FACES,
            floor="hold-out faces, shown to the detector in the same way",
            same="Found as often as in real faces.",
            below="Found in fewer samples than in real faces.",
            above="Found in more samples than in real faces.",
            about="The detector searches each sample on a page of its own. It also finds faces that are drawn poorly.",
            bounds=(0.0, 1.0),
        ),
    ),
)
