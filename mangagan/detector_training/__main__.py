"""`python -m mangagan.detector_training --data DIR`: makes the weights of the detector `mangaface`."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as unpack
from safetensors.torch import save as pack

from mangagan.core.errors import UserError
from mangagan.core.files import write_bytes
from mangagan.detector_training.labels import Picture, draw_sample_pages, read_titles
from mangagan.detector_training.loop import Crops, Settings, train
from mangagan.detector_training.scenes import draw_scenes
from mangagan.face_network.network import FaceNet, fold

SAMPLE_PAGES, SCENES = 180, 120  # drawn pictures
SHARES = (0.72, 0.16, 0.12)  # of the crops: real pages, sample manga, scenes


def main(argv: list[str] | None = None) -> int:
    """Trains and writes the weights; returns the exit status."""
    arguments = parse(argv)
    try:
        run(arguments)
    except UserError as error:
        print(f"mangagan: {error}", file=sys.stderr)
        return 2
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m mangagan.detector_training",
        description="Train the face detector: first on drawn pictures, then on labelled pages as well.",
        epilog="example: python -m mangagan.detector_training --data labelled --leave-out haruko",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with faces.json, pages/ and thequestion/")
    parser.add_argument(
        "--out", type=Path, default=Path("mangaface.safetensors"), help="the weights (default: %(default)s)"
    )
    parser.add_argument("--leave-out", metavar="TITLE", default="", help="a title to keep aside, to measure on")
    parser.add_argument(
        "--crops", type=count, default=Settings.crops, help="to be seen in the second phase (default: %(default)s)"
    )
    parser.add_argument(
        "--first-crops", type=count, default=20_000, help="to be seen in the first (default: %(default)s)"
    )
    parser.add_argument("--save-first", type=Path, help="write the weights after the first phase here")
    parser.add_argument("--start", type=Path, help="weights of --save-first, in place of the first phase")
    parser.add_argument(
        "--batch-size", type=count, default=Settings.batch_size, help="crops a step (default: %(default)s)"
    )
    parser.add_argument("--seed", type=count, default=0)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=count, default=0, help="CPU threads; 0: one a core")
    parser.add_argument("--workers", type=count, default=0, help="processes that prepare crops; a GPU needs one a core")
    return parser.parse_args(argv)


def count(text: str) -> int:
    """An argument that counts something, or nothing."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value


def run(arguments: argparse.Namespace) -> None:
    """Both phases."""
    check(arguments)
    torch.set_num_threads(arguments.threads or torch.get_num_threads())
    torch.manual_seed(arguments.seed)
    settings = Settings(
        crops=arguments.crops,
        batch_size=arguments.batch_size,
        seed=arguments.seed,
        device=arguments.device,
        workers=arguments.workers,
    )
    network = start_from(arguments.start) if arguments.start else FaceNet()
    titles = read_titles(arguments.data)
    if arguments.leave_out and not titles.pop(arguments.leave_out, None):
        raise UserError(f"no title {arguments.leave_out} in {arguments.data}: one of {', '.join(titles)}")
    print("mangagan: drawing pages and scenes", file=sys.stderr, flush=True)
    pages = [page for title in titles.values() for page in title]
    drawn = [draw_sample_pages(arguments.seed, SAMPLE_PAGES), draw_scenes(arguments.data, arguments.seed, SCENES)]
    if not drawn[1]:
        print(
            f"mangagan: no sprites and backgrounds in {arguments.data}: training without coloured scenes",
            file=sys.stderr,
        )
    if arguments.first_crops and not arguments.start:
        first = replace(settings, crops=arguments.first_crops)
        network = train(network, Crops(mix(SHARES[1:], drawn), first), first)
        if arguments.save_first:
            write_bytes(arguments.save_first, pack(network.state_dict()))
    network = train(network, Crops(mix(SHARES, [pages, *drawn]), settings, arguments.first_crops), settings)
    half = {name: tensor.half() for name, tensor in fold(network).state_dict().items()}
    write_bytes(arguments.out, pack(half))
    print(f"weights in {arguments.out}")


def check(arguments: argparse.Namespace) -> None:
    """Raises UserError for what would fail only after hours of training."""
    phases = [arguments.crops] if arguments.start else [arguments.crops, arguments.first_crops]
    if arguments.batch_size < 2 or any(0 < crops < arguments.batch_size for crops in phases):
        raise UserError("--batch-size must be at least 2, and --crops and --first-crops 0 or no smaller than it")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: there is no GPU: leave --device out")
    for path in (arguments.out, arguments.save_first):
        if path and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise UserError(f"{path} can't be written: name a file in a folder that exists")


def start_from(path: Path) -> FaceNet:
    """A network with the weights that `--save-first` wrote.

    Raises:
        UserError: the file is missing or holds none.
    """
    network = FaceNet()
    try:
        network.load_state_dict(unpack(path.read_bytes()))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}: --start must name a file that --save-first wrote") from None
    except (SafetensorError, ValueError, RuntimeError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path} holds no weights that --save-first wrote ({reason})") from None
    return network


def mix(shares: tuple[float, ...], sources: list[list[Picture]]) -> list[tuple[float, list[Picture]]]:
    """The sources that are not empty, with shares that add up to 1."""
    there = [(share, source) for share, source in zip(shares, sources, strict=True) if source]
    return [(share / sum(share for share, _ in there), source) for share, source in there]


if __name__ == "__main__":
    sys.exit(main())
