"""`python -m mangagan.detector_training --data DIR`: train the network of the detector `mangaface`."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save

from mangagan.core.errors import UserError
from mangagan.core.files import write_bytes
from mangagan.core.libraries import configure_libraries
from mangagan.detector_training.labels import Picture, draw_sample_pages, read_titles
from mangagan.detector_training.loop import CropDataset, TrainingSettings, train
from mangagan.detector_training.scenes import draw_scenes
from mangagan.face_network.network import FaceNet, fold_batch_norm
from mangagan.face_network.weights import load_weights

SAMPLE_PAGES, SCENES = 180, 120  # number of drawn pictures
SHARES = (0.72, 0.16, 0.12)  # of the crops: labelled pages, pages of the sample manga, scenes


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
        prog="python -m mangagan.detector_training",
        description="Train the face detector: first on drawn pictures, then on drawn pictures and labelled pages.",
        epilog="example: python -m mangagan.detector_training --data labelled --leave-out haruko",
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with faces.json, pages/ and, optionally, thequestion/"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("mangaface.safetensors"), help="weights file to write (default: %(default)s)"
    )
    parser.add_argument(
        "--leave-out", metavar="TITLE", default="", help="title to exclude from training, for use as a hold-out set"
    )
    parser.add_argument(
        "--crops", type=count, default=TrainingSettings.crops, help="crops of the second phase (default: %(default)s)"
    )
    parser.add_argument(
        "--first-crops", type=count, default=20_000, help="crops of the first phase (default: %(default)s)"
    )
    parser.add_argument("--save-first", type=Path, help="file to write the weights of the first phase to")
    parser.add_argument("--start", type=Path, help="weights made by --save-first; skips the first phase")
    parser.add_argument(
        "--batch-size", type=count, default=TrainingSettings.batch_size, help="crops per step (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=count, default=0, help="seed of drawings, crops and weights (default: %(default)s)"
    )
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="training device (default: cuda if available)",
    )
    parser.add_argument("--threads", type=count, default=0, help="CPU threads; 0: one per core")
    parser.add_argument(
        "--workers",
        type=count,
        default=0,
        help="processes that prepare crops; with a GPU, use one per core (default: 0, no extra process)",
    )
    return parser.parse_args(argv)


def count(text: str) -> int:
    """Parse an argument that is an integer of 0 or more. argparse prints the name of this function in its errors."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value


def run(arguments: argparse.Namespace) -> None:
    """Run both phases and write the weights."""
    check_arguments(arguments)
    torch.manual_seed(arguments.seed)
    settings = TrainingSettings(
        crops=arguments.crops,
        batch_size=arguments.batch_size,
        seed=arguments.seed,
        device=arguments.device,
        workers=arguments.workers,
    )
    network = load_first_phase(arguments.start) if arguments.start else FaceNet()
    titles = read_titles(arguments.data)
    if arguments.leave_out and not titles.pop(arguments.leave_out, None):
        raise UserError(f"no title {arguments.leave_out} in {arguments.data}. Use one of {', '.join(titles)}")
    print("mangagan: drawing pages and scenes", file=sys.stderr, flush=True)
    pages = [page for title in titles.values() for page in title]
    drawn = [draw_sample_pages(arguments.seed, SAMPLE_PAGES), draw_scenes(arguments.data, arguments.seed, SCENES)]
    if not drawn[1]:
        print(f"mangagan: no sprites or backgrounds in {arguments.data}: no coloured scenes", file=sys.stderr)
    if arguments.first_crops and not arguments.start:
        first = replace(settings, crops=arguments.first_crops)
        network = train(network, CropDataset(mix_sources(SHARES[1:], drawn), first), first)
        if arguments.save_first:
            write_bytes(arguments.save_first, encode_weights(network, torch.float32))
    crops = CropDataset(mix_sources(SHARES, [pages, *drawn]), settings, arguments.first_crops)
    network = train(network, crops, settings)
    write_bytes(arguments.out, encode_weights(fold_batch_norm(network), torch.float16))
    print(f"weights in {arguments.out}")


def check_arguments(arguments: argparse.Namespace) -> None:
    """Raise UserError for arguments that would fail only after hours of training."""
    phases = [arguments.crops] if arguments.start else [arguments.crops, arguments.first_crops]
    if arguments.batch_size < 2 or any(0 < crops < arguments.batch_size for crops in phases):
        raise UserError("--batch-size must be 2 or more; --crops and --first-crops must be 0 or at least --batch-size")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise UserError("there is no GPU for --device cuda. Omit --device")
    for path in (arguments.out, arguments.save_first):
        if path and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise UserError(f"{path} cannot be written. Use a file in an existing folder")


def load_first_phase(path: Path) -> FaceNet:
    """Return a network with the weights that `--save-first` wrote.

    Raises:
        UserError: The file is missing or does not contain such weights.
    """
    network = FaceNet()
    try:
        load_weights(network, path)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}. Set --start to a file made by --save-first") from None
    except ValueError as error:
        raise UserError(f"{path} was not made by --save-first of this version ({error})") from None
    return network


def encode_weights(network: FaceNet, dtype: torch.dtype) -> bytes:
    """Return the weights in safetensors format, floating-point tensors as `dtype`."""
    tensors = {
        name: (tensor.to(dtype) if tensor.is_floating_point() else tensor).contiguous()  # not channels_last
        for name, tensor in network.state_dict().items()
    }
    return save(tensors)


def mix_sources(shares: tuple[float, ...], sources: list[list[Picture]]) -> list[tuple[float, list[Picture]]]:
    """Return the sources that are not empty, with their shares scaled to a sum of 1."""
    present = [(share, source) for share, source in zip(shares, sources, strict=True) if source]
    return [(share / sum(share for share, _ in present), source) for share, source in present]


if __name__ == "__main__":
    sys.exit(main())
