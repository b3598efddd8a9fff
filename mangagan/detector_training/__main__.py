"""`python -m mangagan.detector_training --data DIR`: train the network of the detector `mangaface`."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn

from mangagan.core.errors import UserError
from mangagan.core.files import write_bytes
from mangagan.core.libraries import configure_libraries
from mangagan.detector_training.drawings import Counts, draw_all
from mangagan.detector_training.labels import Picture, read_titles
from mangagan.detector_training.loop import CropDataset, TrainingSettings, train
from mangagan.face_network.network import MAX_STRIDE, FaceNet, fold_batch_norm
from mangagan.face_network.weights import WEIGHTS, load_face_network, load_weights

# Shares of the crops: labelled pages; drawn pages, scenes, illustrations, heads, things
SHARES = (0.66, 0.12, 0.08, 0.06, 0.06, 0.02)
COUNTS = Counts(scenes=120, illustrations=80, varied_faces=900, hidden_heads=500, covered_faces=300, things=600)
REFINING_RATE = 7e-4  # maximum learning rate with --refine
REFINING_START = 10**6  # number of the first crop with --refine; a training without it never reaches it


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
    parser.add_argument(
        "--side",
        type=count,
        default=TrainingSettings.side,
        help="height and width of a crop, a multiple of 64 [px]; smaller: faster (default: %(default)s)",
    )
    parser.add_argument("--save-first", type=Path, help="file to write the weights of the first phase to")
    parser.add_argument("--start", type=Path, help="weights made by --save-first; skips the first phase")
    parser.add_argument(
        "--refine",
        type=Path,
        help="weights of a finished training; trains them further, with a lower learning rate. "
        "With --leave-out, use weights that were trained without TITLE",
    )
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
        side=arguments.side,
        batch_size=arguments.batch_size,
        seed=arguments.seed,
        device=arguments.device,
        workers=arguments.workers,
    )
    network = load_start(arguments)
    titles = read_titles(arguments.data)
    if arguments.leave_out and not titles.pop(arguments.leave_out, None):
        raise UserError(f"no title {arguments.leave_out} in {arguments.data}. Use one of {', '.join(titles)}")
    print("mangagan: drawing", file=sys.stderr, flush=True)
    pages = [page for title in titles.values() for page in title]
    drawings = draw_all(arguments.data, arguments.seed, COUNTS)
    drawn = [drawings.pages, drawings.scenes, drawings.illustrations, drawings.heads, drawings.things]
    if not drawings.scenes:
        print(f"mangagan: no sprites or backgrounds in {arguments.data}: no coloured scenes", file=sys.stderr)
    first = REFINING_START if arguments.refine else arguments.first_crops
    if arguments.refine:
        settings = replace(settings, learning_rate=REFINING_RATE)
    elif not arguments.start and arguments.first_crops:
        first_settings = replace(settings, crops=arguments.first_crops)
        network = train(network, CropDataset(mix_sources(SHARES[1:], drawn), first_settings), first_settings)
        if arguments.save_first:
            write_bytes(arguments.save_first, encode_weights(network, torch.float32))
    network = train(network, CropDataset(mix_sources(SHARES, [pages, *drawn]), settings, first), settings)
    write_bytes(arguments.out, encode_weights(network if arguments.refine else fold_batch_norm(network), torch.float16))
    print(f"weights in {arguments.out}")


def load_start(arguments: argparse.Namespace) -> FaceNet:
    """Return the network that training starts with.

    Raises:
        UserError: A weights file is missing or damaged.
    """
    if arguments.refine:
        return load_face_network(arguments.refine)
    return load_first_phase(arguments.start) if arguments.start else FaceNet()


def check_arguments(arguments: argparse.Namespace) -> None:
    """Raise UserError for arguments that would fail only after hours of training."""
    if arguments.start and arguments.refine:
        raise UserError("--start and --refine exclude each other. Omit one of them")
    if arguments.save_first and (arguments.start or arguments.refine):
        raise UserError("--save-first needs the first phase, which --start and --refine skip. Omit it")
    if arguments.refine and arguments.leave_out and arguments.refine.resolve() == WEIGHTS:
        raise UserError(
            "the weights of the package have seen all titles. Set --refine to weights trained with --leave-out"
        )
    phases = [arguments.crops] if arguments.start or arguments.refine else [arguments.crops, arguments.first_crops]
    if arguments.batch_size < 2 or any(0 < crops < arguments.batch_size for crops in phases):
        raise UserError("--batch-size must be 2 or more; --crops and --first-crops must be 0 or at least --batch-size")
    if arguments.side < MAX_STRIDE or arguments.side % MAX_STRIDE:
        raise UserError(f"--side is {arguments.side}. Choose a multiple of {MAX_STRIDE}")
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


def encode_weights(network: nn.Module, dtype: torch.dtype) -> bytes:
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
