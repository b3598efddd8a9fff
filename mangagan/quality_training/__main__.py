"""`python -m mangagan.quality_training --data DIR --folds FOLDER`: train the face quality network."""

import argparse
import sys
from pathlib import Path

import torch

from mangagan.core.errors import UserError
from mangagan.core.files import write_bytes
from mangagan.core.libraries import configure_libraries
from mangagan.detector_training.__main__ import count, encode_weights
from mangagan.detector_training.drawings import Counts, draw_all
from mangagan.detector_training.labels import read_titles
from mangagan.face_network.weights import WEIGHTS as DETECTOR_WEIGHTS
from mangagan.face_network.weights import load_face_network
from mangagan.face_quality.network import FaceQualityNet
from mangagan.quality_training.folds import locate_weights
from mangagan.quality_training.loop import CropDataset, TrainingSettings, train
from mangagan.quality_training.sources import collect_sources, detect_titles

COUNTS = Counts()  # number of drawings
SEED_OFFSET = 7  # with the same --seed, the drawings differ from those that the detector was trained on


def main(argv: list[str] | None = None) -> int:
    """Train and write the weights; return the exit status."""
    arguments = parse_arguments(argv)
    configure_libraries()
    torch.set_num_threads(arguments.threads or torch.get_num_threads())
    try:
        run(arguments)
    except UserError as error:
        print(f"mangagan: {error}", file=sys.stderr)
        return 2
    return 0


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m mangagan.quality_training",
        description="Train the face quality network on labelled pages, on detections on them, and on drawings.",
        epilog="example: python -m mangagan.quality_training --data labelled --folds folds --leave-out haruko",
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with faces.json, pages/ and, optionally, thequestion/"
    )
    parser.add_argument(
        "--folds",
        type=Path,
        required=True,
        help="folder with <title>.safetensors for each title: a detector that was trained without it",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("face_quality.safetensors"), help="weights file (default: %(default)s)"
    )
    parser.add_argument(
        "--leave-out", metavar="TITLE", default="", help="title to exclude from training, for use as a hold-out set"
    )
    parser.add_argument(
        "--crops", type=count, default=TrainingSettings.crops, help="number of crops (default: %(default)s)"
    )
    parser.add_argument("--seed", type=count, default=0, help="seed of drawings and crops (default: %(default)s)")
    parser.add_argument("--threads", type=count, default=0, help="CPU threads; 0: one per core")
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace) -> None:
    """Collect the examples, train, and write the weights."""
    if arguments.crops < TrainingSettings.batch_size:
        raise UserError(f"--crops must be {TrainingSettings.batch_size} or more")
    if arguments.out.is_dir() or not arguments.out.absolute().parent.is_dir():
        raise UserError(f"{arguments.out} cannot be written. Use a file in an existing folder")
    torch.manual_seed(arguments.seed)
    titles = read_titles(arguments.data)
    if arguments.leave_out and not titles.pop(arguments.leave_out, None):
        raise UserError(f"no title {arguments.leave_out} in {arguments.data}. Use one of {', '.join(titles)}")
    settings = TrainingSettings(crops=arguments.crops, seed=arguments.seed)
    # The encoder is initialised from a detector that was also trained without the left-out title.
    detectors = {title: locate_weights(arguments.folds, arguments.data, title) for title in titles}
    left_out = arguments.leave_out and locate_weights(arguments.folds, arguments.data, arguments.leave_out)
    network = start_from_detector(left_out or DETECTOR_WEIGHTS)
    pages = [page for title in titles.values() for page in title]
    found = detect_titles(titles, detectors)
    sources = collect_sources(pages, found, draw_all(arguments.data, arguments.seed + SEED_OFFSET, COUNTS))
    network = train(network, CropDataset(sources, settings), settings)
    write_bytes(arguments.out, encode_weights(network, torch.float16))
    print(f"weights in {arguments.out}, not calibrated. Next: python -m mangagan.quality_training.fit_calibration")


def start_from_detector(weights: Path) -> FaceQualityNet:
    """Return a network with the encoder of a detector and a random head.

    Raises:
        UserError: The weights file is missing or damaged.
    """
    network, detector = FaceQualityNet(), load_face_network(weights)
    network.stem.load_state_dict(detector.stem.state_dict())
    network.stages.load_state_dict(detector.stages.state_dict())
    return network


if __name__ == "__main__":
    sys.exit(main())
