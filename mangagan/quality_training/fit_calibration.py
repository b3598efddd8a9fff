"""`python -m mangagan.quality_training.fit_calibration`: fit the calibration of trained networks.

Each title is rated with a detector and a face quality network that were trained without it. The coefficients of
`--weights` are fitted on the ratings of all titles. The coefficients of `<title>.quality.safetensors` are fitted on the
ratings of the other titles. These ratings depend weakly on `<title>`, because their networks were trained on it. This
is accepted: 7 coefficients can hardly memorise a title.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from mangagan.core.errors import UserError
from mangagan.core.files import write_bytes
from mangagan.core.libraries import configure_libraries, limit_to_one_thread
from mangagan.detection.backends.mangaface import MangaFace, MangaFaceParams
from mangagan.detector_training.__main__ import encode_weights
from mangagan.detector_training.labels import Picture, read_titles
from mangagan.face_quality.calibration import make_inputs
from mangagan.face_quality.classifier import FaceQuality
from mangagan.face_quality.network import FaceQualityNet
from mangagan.face_quality.weights import load_quality_network
from mangagan.quality_training.examples import label_box
from mangagan.quality_training.folds import locate_weights

MIN_CALIBRATION_SCORE = 0.1  # minimum score of a detection; below the default threshold of `detect`
WEIGHT_DECAY = 1.0  # L2 penalty of the coefficients, added to the summed loss; inputs have standard deviation 1


@dataclass(frozen=True)
class Ratings:
    """Ratings of the detections of one title.

    Attributes:
        logits: float64 (N, 2): face, usable.
        scores: float64 (N,): scores of the detector.
        faces: float64 (N,): labels of a face; 1 yes, 0 no, -1 unknown.
    """

    logits: np.ndarray
    scores: np.ndarray
    faces: np.ndarray


def main(argv: list[str] | None = None) -> int:
    """Fit and write the coefficients; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m mangagan.quality_training.fit_calibration",
        description="Fit the calibration of face quality networks, and write it into their files.",
        epilog="example: python -m mangagan.quality_training.fit_calibration --data labelled --folds folds",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with faces.json and pages/")
    parser.add_argument(
        "--folds",
        type=Path,
        required=True,
        help="folder with <title>.safetensors and <title>.quality.safetensors for each title",
    )
    parser.add_argument("--weights", type=Path, help="network that was trained on all titles")
    arguments = parser.parse_args(argv)
    configure_libraries()
    limit_to_one_thread()
    try:
        run(arguments.data, arguments.folds, arguments.weights)
    except UserError as error:
        print(f"mangagan: {error}", file=sys.stderr)
        return 2
    return 0


def run(data: Path, folds: Path, weights: Path | None) -> None:
    """Rate the detections of each title, and write the coefficients into all files.

    Raises:
        UserError: A file is missing or damaged.
    """
    titles = read_titles(data)
    if len(titles) < 2:
        raise UserError(f"{data}/faces.json needs pages of two or more titles: each title is calibrated on the others")
    files = {title: locate_weights(folds, data, title, quality=True) for title in titles}
    detectors = {title: locate_weights(folds, data, title) for title in titles}
    networks = {path: load_quality_network(path) for path in [*files.values(), *([weights] if weights else [])]}
    ratings = {title: rate_title(pages, detectors[title], files[title]) for title, pages in titles.items()}
    for title, path in files.items():
        others = join_ratings([ratings[other] for other in titles if other != title])
        set_calibration(networks[path], others, path)
    if weights:
        set_calibration(networks[weights], join_ratings(list(ratings.values())), weights)
    # Write after all fits, so that an error leaves all files unchanged.
    for path, network in networks.items():
        write_bytes(path, encode_weights(network, torch.float16))
        print(f"calibrated {path}")


def rate_title(pages: list[Picture], detector_file: Path, quality_file: Path) -> Ratings:
    """Rate the detections on the pages of a title, with networks that were trained without it."""
    detector = MangaFace(MangaFaceParams(threshold=MIN_CALIBRATION_SCORE, device="cpu"), detector_file)
    quality = FaceQuality(quality_file)
    parts = [Ratings(np.zeros((0, 2)), np.zeros(0), np.zeros(0))]
    for page in pages:
        found = detector.detect(page.pixels)
        logits = quality.compute_logits(page.pixels, found.boxes, detector.crop_margin)
        faces = np.array([label_box(page, box).face for box in found.boxes], np.float64)
        parts.append(Ratings(logits, found.scores, faces))
    return join_ratings(parts)


def join_ratings(parts: list[Ratings]) -> Ratings:
    """Concatenate ratings."""
    return Ratings(
        np.concatenate([part.logits for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.faces for part in parts]),
    )


def set_calibration(network: FaceQualityNet, ratings: Ratings, path: Path) -> None:
    """Fit the coefficients on ratings, and store them in a network, in place.

    Raises:
        UserError: The known labels are all equal. `path`, the file of the network, is for the message.
    """
    known = ratings.faces >= 0
    labels = ratings.faces[known]
    if len(np.unique(labels)) < 2:
        raise UserError(f"{path} cannot be calibrated: no detection is a face, or all are. Label more pages")
    network.with_score[:] = torch.from_numpy(fit_logistic(make_inputs(ratings.logits, ratings.scores)[known], labels))
    network.without_score[:] = torch.from_numpy(fit_logistic(make_inputs(ratings.logits, None)[known], labels))


def fit_logistic(inputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Fit a logistic regression with a small weight decay.

    Args:
        inputs: float64 (N, C); the last column is 1.
        labels: float64 (N,): 0 or 1.

    Returns:
        Coefficients, float64 (C,).
    """
    scale = torch.from_numpy(np.append(inputs[:, :-1].std(axis=0).clip(1e-6), 1.0))
    scaled, target = torch.from_numpy(inputs) / scale, torch.from_numpy(labels)
    weights = torch.zeros(inputs.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def compute_loss() -> torch.Tensor:
        optimizer.zero_grad()
        entropy = binary_cross_entropy_with_logits(scaled @ weights, target, reduction="sum")
        loss = entropy + WEIGHT_DECAY * weights[:-1].square().sum()
        loss.backward()  # type: ignore[no-untyped-call]  # torch does not type it
        return loss

    optimizer.step(compute_loss)  # type: ignore[no-untyped-call]  # torch does not type it
    return np.asarray((weights.detach() / scale).numpy())


if __name__ == "__main__":
    sys.exit(main())
