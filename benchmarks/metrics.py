"""`python -m benchmarks.metrics`: what an evaluation costs, piece by piece, beside prdc and torch-fidelity.

Both sets are drawn faces; the fakes are others than the reals, and slightly blurred. The references are given the very
features that our functions are given, in float64, and take turns with them: their values must be equal, and the times
are told as a ratio. Of torch-fidelity, whose package imports torchvision, only the functions from features to figures
are loaded. A reference that is not installed is told so.
"""

import argparse
import contextlib
import importlib
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np

from benchmarks.machine import facts, installed
from mangagan.cli import positive
from mangagan.core.errors import UserError
from mangagan.core.progress import track
from mangagan.distances.kernel_distance import kernel_distance
from mangagan.distances.manifold import manifold_figures
from mangagan.distances.nearest_faces import nearest_faces
from mangagan.distances.reference_sets import blurred
from mangagan.features.registry import ExtractorParams, build_extractors
from mangagan.metrics.diversity import pairwise_diversity
from mangagan.metrics.face_checks import FaceSearch, face_share, mirror_symmetry
from mangagan.metrics.frechet import frechet_distance, principal_axes, project
from mangagan.metrics.memorisation import authenticity
from mangagan.metrics.swd import sliced_wasserstein
from mangagan.metrics.vendi import vendi_score
from mangagan.sample import STYLES, draw_face

NEIGHBORS = 5  # k of the manifolds
AXES = 64  # that the Fréchet distance is taken on
BLUR = 1.0  # px, σ of the fakes' blur: figures well above their floors
# How far values may be apart, as a share of theirs; prdc counts faces, and one may fall to either side of a surface.
TOLERANCE = {"prdc": 5e-3, "torch_fidelity": 1e-6}
ABSENT = "not installed"


@dataclass(frozen=True)
class Pair:
    """Two sets of equal counts: images uint8 (N, 1, S, S), or features (N, D)."""

    real: np.ndarray
    fake: np.ndarray


def main(argv: list[str] | None = None) -> int:
    """Measures and prints one JSON line; returns the exit status."""
    arguments = parse(argv)
    try:
        print(json.dumps(run(arguments)))
    except UserError as error:
        print(f"benchmarks.metrics: {error}", file=sys.stderr)
        return 2
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.metrics",
        description="Seconds that the parts of an evaluation take, and prdc and torch-fidelity, as one JSON line.",
        epilog="example: python -m benchmarks.metrics --faces 1200 --rounds 3",
    )
    parser.add_argument("--faces", type=positive, default=1200, help="of each set (default: %(default)s)")
    parser.add_argument("--size", type=positive, default=112, help="px, their height and width (default: %(default)s)")
    parser.add_argument("--rounds", type=positive, default=3, help="times that each part is run (default: %(default)s)")
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace) -> dict[str, object]:
    """All measurements, as they are printed."""
    import torch

    least = max(AXES + 1, 2 * NEIGHBORS)
    if arguments.faces < least or arguments.size < 28:
        raise UserError(f"--faces must be at least {least} and --size at least 28")
    images = draw_pair(arguments.faces, arguments.size)
    extractors = build_extractors(ExtractorParams(), Path())
    features = {each.name: Pair(each(images.real), each(images.fake)) for each in extractors}
    parts: dict[str, Callable[[], object]] = {
        **{f"features.{each.name}": partial(extract_both, each, images) for each in extractors},
        **{
            f"{name}.{key}": partial(part, pair) for name, part in ON_FEATURES.items() for key, pair in features.items()
        },
        **{name: partial(part, images) for name, part in ON_IMAGES.items()},
    }
    seconds = measure(parts, arguments.rounds)
    return {
        "benchmark": "metrics",
        "faces": arguments.faces,
        "size": arguments.size,
        "face_source": "sample manga",
        "dimensions": {each.name: each.dimensions for each in extractors},
        "rounds": arguments.rounds,
        "threads": torch.get_num_threads(),
        "seconds": {name: rounded(taken) for name, taken in seconds.items()},
        "seconds_in_all": rounded(sum(seconds.values())),
        **{
            name: compare(reference, features, arguments.rounds, TOLERANCE[name]) or ABSENT
            for name, reference in (("prdc", load_prdc()), ("torch_fidelity", load_torch_fidelity()))
        },
        "versions": {name: installed(name) for name in ("prdc", "torch-fidelity", "scikit-learn")},
        "machine": facts(),
    }


def rounded(value: float) -> float:
    """Three significant digits."""
    return float(f"{value:.3g}")


# What is measured


def draw_pair(count: int, size: int) -> Pair:
    """`count` faces of the sample manga's gray artists, and as many others, blurred."""
    styles = [style for style in STYLES if not style.colour]
    numbers = track(range(2 * count), 2 * count, "draw", "faces")
    drawn = [draw_face(np.random.default_rng((0, n)), styles[n % len(styles)], size)[0] for n in numbers]
    faces = np.stack(drawn)[:, None]
    return Pair(faces[:count], blurred(faces[count:], BLUR))


def extract_both(extractor: Callable[[np.ndarray], np.ndarray], images: Pair) -> None:
    """The features of both sets."""
    extractor(images.real)
    extractor(images.fake)


def frechet(pair: Pair) -> float:
    """Fréchet distance on the reals' principal axes, these included."""
    mean, axes = principal_axes(pair.real, AXES)
    return frechet_distance(project(pair.fake, mean, axes), project(pair.real, mean, axes))


ON_FEATURES: dict[str, Callable[[Pair], object]] = {
    "kernel_distance": lambda pair: kernel_distance(pair.fake, pair.real),
    "frechet": frechet,
    "manifold": lambda pair: manifold_figures(pair.real, pair.fake, NEIGHBORS),
    "vendi": lambda pair: vendi_score(pair.fake - pair.real.mean(axis=0)),
    "authenticity": lambda pair: authenticity(pair.fake, pair.real),
}
ON_IMAGES: dict[str, Callable[[Pair], object]] = {
    "swd": lambda pair: sliced_wasserstein(pair.fake, pair.real, seed=0),
    "diversity": lambda pair: pairwise_diversity(pair.fake, seed=0),
    "nearest": lambda pair: nearest_faces(pair.fake, pair.real, NEIGHBORS),
    "face_share": lambda pair: face_share(pair.fake, FaceSearch()),
    "symmetry": lambda pair: mirror_symmetry(pair.fake),
}


def measure(parts: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds that each part takes, the median over the rounds."""
    taken: dict[str, list[float]] = {name: [] for name in parts}
    turns = [name for _ in range(rounds) for name in parts]
    for name in track(turns, len(turns), "metrics", "parts"):
        taken[name].append(timed(parts[name])[0])
    return {name: statistics.median(times) for name, times in taken.items()}


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Seconds that a call takes, and its result."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


# The references

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Reference:
    """Figures of a pair's features, float64, by our own function and by theirs: by the same names."""

    own: Callable[[Pair], Figures]
    theirs: Callable[[Pair], Figures]


def compare(
    references: Mapping[str, Reference], features: Mapping[str, Pair], rounds: int, tolerance: float
) -> dict[str, dict[str, object]]:
    """For each reference and extractor the values, how far they are apart, and our time as a share of theirs."""
    found = {}
    for key, pair in features.items():
        precise = Pair(pair.real.astype(np.float64), pair.fake.astype(np.float64))
        for name, reference in references.items():
            found[f"{name}.{key}"] = take_turns(reference, precise, rounds, tolerance)
    return found


def take_turns(reference: Reference, pair: Pair, rounds: int, tolerance: float) -> dict[str, object]:
    """One function beside its reference."""
    times: list[tuple[float, float]] = []
    for _ in range(rounds):
        (own_time, own), (their_time, theirs) = (
            timed(lambda: reference.own(pair)),
            timed(lambda: reference.theirs(pair)),
        )
        times.append((own_time, their_time))
    assert isinstance(own, Mapping)
    assert isinstance(theirs, Mapping)
    apart = max(abs(own[name] - value) / max(abs(value), 1e-12) for name, value in theirs.items())
    own_median, their_median = (statistics.median(column) for column in zip(*times, strict=True))
    return {
        "values": {name: float(f"{value:.6g}") for name, value in own.items()},
        "relative_difference": rounded(apart),
        "equal": apart <= tolerance,
        "tolerance": tolerance,
        "seconds": rounded(own_median),
        "reference_seconds": rounded(their_median),
        "time_ratio": rounded(own_median / their_median),
    }


def load_prdc() -> dict[str, Reference]:
    """Precision, recall, density and coverage of prdc; nothing where it is not installed."""
    if importlib.util.find_spec("prdc") is None:
        return {}
    compute = importlib.import_module("prdc").compute_prdc

    def theirs(pair: Pair) -> Figures:
        with contextlib.redirect_stdout(sys.stderr):  # it prints the counts, where our JSON line goes
            return {name: float(value) for name, value in compute(pair.real, pair.fake, NEIGHBORS).items()}

    return {"manifold": Reference(lambda pair: vars(manifold_figures(pair.real, pair.fake, NEIGHBORS)), theirs)}


def load_torch_fidelity() -> dict[str, Reference]:
    """KID with one subset of everything, and FID, of torch-fidelity; nothing where it is not installed."""
    spec = importlib.util.find_spec("torch_fidelity")
    if spec is None or spec.submodule_search_locations is None:
        return {}
    with bare_package("torch_fidelity", list(spec.submodule_search_locations), absent=("utils",)):
        kid = importlib.import_module("torch_fidelity.metric_kid")
        fid = importlib.import_module("torch_fidelity.metric_fid")
    import torch

    def their_kernel(pair: Pair) -> Figures:
        sets = [torch.from_numpy(features) for features in (pair.fake, pair.real)]
        figures = kid.kid_features_to_metric(*sets, kid_subsets=1, kid_subset_size=len(pair.real), verbose=False)
        return {"kernel_distance": figures[kid.KEY_METRIC_KID_MEAN]}

    def their_frechet(pair: Pair) -> Figures:
        statistics_ = [fid.fid_features_to_statistics(torch.from_numpy(each)) for each in (pair.fake, pair.real)]
        return {"frechet": fid.fid_statistics_to_metric(*statistics_, verbose=False)[fid.KEY_METRIC_FID]}

    return {
        "kernel_distance": Reference(
            lambda pair: {"kernel_distance": kernel_distance(pair.fake, pair.real)}, their_kernel
        ),
        "frechet": Reference(lambda pair: {"frechet": frechet_distance(pair.fake, pair.real)}, their_frechet),
    }


@contextlib.contextmanager
def bare_package(name: str, locations: list[str], absent: tuple[str, ...]) -> Iterator[None]:
    """Lets modules of a package be imported without its `__init__`, and with nothing in the `absent` ones.

    Args:
        name: the package.
        locations: its folders.
        absent: modules of it whose names are only needed for what is not called.
    """
    package = ModuleType(name)
    package.__path__ = locations
    empty = {f"{name}.{module}": ModuleType(f"{name}.{module}") for module in absent}
    for module in empty.values():
        module.__getattr__ = lambda _: None  # type: ignore[method-assign]
    sys.modules.update({name: package, **empty})
    try:
        yield
    finally:
        for key in [key for key in sys.modules if key.partition(".")[0] == name]:
            del sys.modules[key]


if __name__ == "__main__":
    sys.exit(main())
