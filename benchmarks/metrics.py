"""`python -m benchmarks.metrics`: times of the parts of an evaluation, compared with prdc and torch-fidelity.

Both sets are drawn faces. The generated set has other faces than the real set, slightly blurred. The references get the
same features in float64 and run in turn with our functions: values must be equal, and times are given as a ratio. The
package of torch-fidelity imports torchvision, so only its functions on features are loaded. A reference that is not
installed is reported as such.
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

from benchmarks.machine import describe_machine, get_package_version
from mangagan.commands.arguments import positive_int
from mangagan.core.errors import UserError
from mangagan.core.progress import track
from mangagan.distances.kernel_distance import kernel_distance
from mangagan.distances.manifold import manifold_metrics
from mangagan.distances.nearest_faces import find_nearest_faces
from mangagan.distances.reference_sets import blur_faces
from mangagan.features.registry import ExtractorParams, build_extractors
from mangagan.metrics.diversity import pairwise_diversity
from mangagan.metrics.face_search import FaceSearch, find_faces
from mangagan.metrics.frechet import find_principal_axes, frechet_distance, project
from mangagan.metrics.memorisation import authenticity
from mangagan.metrics.swd import sliced_wasserstein
from mangagan.metrics.symmetry import mirror_symmetry
from mangagan.metrics.vendi import vendi_score
from mangagan.sample.character import STYLES
from mangagan.sample.head import draw_face

NEIGHBORS = 5  # k of precision, recall, density and coverage
AXES = 64  # principal axes of the Fréchet distance
BLUR = 1.0  # σ of the blur of the generated set [px]; gives values well above the floors
# Relative difference up to which values are equal. prdc counts faces, and rounding can move one across a surface.
TOLERANCE = {"prdc": 5e-3, "torch_fidelity": 1e-6}
NOT_INSTALLED = "not installed"


@dataclass(frozen=True)
class Pair:
    """Two sets of equal counts: images uint8 (N, 1, S, S), or features (N, D)."""

    real: np.ndarray
    fake: np.ndarray


def main(argv: list[str] | None = None) -> int:
    """Measure and print one JSON line; return the exit status."""
    arguments = parse(argv)
    try:
        print(json.dumps(run(arguments)))
    except UserError as error:
        print(f"benchmarks.metrics: {error}", file=sys.stderr)
        return 2
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.metrics",
        description="Print the seconds of each part of an evaluation, of prdc and of torch-fidelity as one JSON line.",
        epilog="example: python -m benchmarks.metrics --faces 1200 --rounds 3",
    )
    parser.add_argument("--faces", type=positive_int, default=1200, help="faces of each set (default: %(default)s)")
    parser.add_argument("--size", type=positive_int, default=112, help="side of a face [px] (default: %(default)s)")
    parser.add_argument("--rounds", type=positive_int, default=3, help="runs of each part (default: %(default)s)")
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace) -> dict[str, object]:
    """Return all measurements.

    Raises:
        UserError: An argument is too small.
    """
    import torch

    min_faces = max(AXES + 1, 2 * NEIGHBORS)
    if arguments.faces < min_faces or arguments.size < 28:
        raise UserError(f"--faces must be at least {min_faces} and --size at least 28")
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
        "seconds": {name: round_digits(value) for name, value in seconds.items()},
        "seconds_in_all": round_digits(sum(seconds.values())),
        **{
            name: compare(reference, features, arguments.rounds, TOLERANCE[name]) or NOT_INSTALLED
            for name, reference in (("prdc", load_prdc()), ("torch_fidelity", load_torch_fidelity()))
        },
        "versions": {name: get_package_version(name) for name in ("prdc", "torch-fidelity", "scikit-learn")},
        "machine": describe_machine(),
    }


def round_digits(value: float) -> float:
    """Round to three significant digits."""
    return float(f"{value:.3g}")


# Parts of an evaluation


def draw_pair(count: int, size: int) -> Pair:
    """Draw `count` faces of the gray artists of the sample manga, and the same number of other faces, blurred."""
    styles = [style for style in STYLES if not style.colour]
    numbers = track(range(2 * count), 2 * count, "draw", "faces")
    drawn = [draw_face(np.random.default_rng((0, n)), styles[n % len(styles)], size)[0] for n in numbers]
    faces = np.stack(drawn)[:, None]
    return Pair(faces[:count], blur_faces(faces[count:], BLUR))


def extract_both(extractor: Callable[[np.ndarray], np.ndarray], images: Pair) -> None:
    """Extract the features of both sets."""
    extractor(images.real)
    extractor(images.fake)


def measure_frechet(pair: Pair) -> float:
    """Return the Fréchet distance on the principal axes of the real set, including the time to find these."""
    mean, axes = find_principal_axes(pair.real, AXES)
    return frechet_distance(project(pair.fake, mean, axes), project(pair.real, mean, axes))


ON_FEATURES: dict[str, Callable[[Pair], object]] = {
    "kernel_distance": lambda pair: kernel_distance(pair.fake, pair.real),
    "frechet": measure_frechet,
    "manifold": lambda pair: manifold_metrics(pair.real, pair.fake, NEIGHBORS),
    "vendi": lambda pair: vendi_score(pair.fake - pair.real.mean(axis=0)),
    "authenticity": lambda pair: authenticity(pair.fake, pair.real),
}
ON_IMAGES: dict[str, Callable[[Pair], object]] = {
    "swd": lambda pair: sliced_wasserstein(pair.fake, pair.real, seed=0),
    "diversity": lambda pair: pairwise_diversity(pair.fake, seed=0),
    "nearest": lambda pair: find_nearest_faces(pair.fake, pair.real, NEIGHBORS),
    "face_share": lambda pair: find_faces(pair.fake, FaceSearch()),
    "symmetry": lambda pair: mirror_symmetry(pair.fake),
}


def measure(parts: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the seconds of each part, the median over the rounds."""
    times: dict[str, list[float]] = {name: [] for name in parts}
    turns = [name for _ in range(rounds) for name in parts]
    for name in track(turns, len(turns), "metrics", "parts"):
        times[name].append(run_timed(parts[name])[0])
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def run_timed(work: Callable[[], object]) -> tuple[float, object]:
    """Return the seconds of a call, and its result."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


# The references

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Reference:
    """Our function and that of a reference: both map float64 features to values with the same names."""

    own_function: Callable[[Pair], Figures]
    reference_function: Callable[[Pair], Figures]


def compare(
    references: Mapping[str, Reference], features: Mapping[str, Pair], rounds: int, tolerance: float
) -> dict[str, dict[str, object]]:
    """Return for each reference and extractor the values, their difference, and the ratio of the times."""
    found = {}
    for key, pair in features.items():
        precise = Pair(pair.real.astype(np.float64), pair.fake.astype(np.float64))
        for name, reference in references.items():
            found[f"{name}.{key}"] = run_in_turn(reference, precise, rounds, tolerance)
    return found


def run_in_turn(reference: Reference, pair: Pair, rounds: int, tolerance: float) -> dict[str, object]:
    """Run one function and its reference in turn; return values, difference and times."""
    times: list[tuple[float, float]] = []
    for _ in range(rounds):
        (own_time, own), (their_time, theirs) = (
            run_timed(lambda: reference.own_function(pair)),
            run_timed(lambda: reference.reference_function(pair)),
        )
        times.append((own_time, their_time))
    assert isinstance(own, Mapping)
    assert isinstance(theirs, Mapping)
    difference = max(abs(own[name] - value) / max(abs(value), 1e-12) for name, value in theirs.items())
    own_median, their_median = (statistics.median(column) for column in zip(*times, strict=True))
    return {
        "values": {name: float(f"{value:.6g}") for name, value in own.items()},
        "relative_difference": round_digits(difference),
        "equal": difference <= tolerance,
        "tolerance": tolerance,
        "seconds": round_digits(own_median),
        "reference_seconds": round_digits(their_median),
        "time_ratio": round_digits(own_median / their_median),
    }


def load_prdc() -> dict[str, Reference]:
    """Return precision, recall, density and coverage of prdc; empty if it is not installed."""
    if importlib.util.find_spec("prdc") is None:
        return {}
    compute = importlib.import_module("prdc").compute_prdc

    def theirs(pair: Pair) -> Figures:
        with contextlib.redirect_stdout(sys.stderr):  # it prints to stdout
            return {name: float(value) for name, value in compute(pair.real, pair.fake, NEIGHBORS).items()}

    return {"manifold": Reference(lambda pair: vars(manifold_metrics(pair.real, pair.fake, NEIGHBORS)), theirs)}


def load_torch_fidelity() -> dict[str, Reference]:
    """Return KID (one subset of all features) and FID of torch-fidelity; empty if it is not installed."""
    spec = importlib.util.find_spec("torch_fidelity")
    if spec is None or spec.submodule_search_locations is None:
        return {}
    with import_without_init("torch_fidelity", list(spec.submodule_search_locations), absent=("utils",)):
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
def import_without_init(name: str, locations: list[str], absent: tuple[str, ...]) -> Iterator[None]:
    """Allow modules of a package to be imported without running its `__init__`.

    Args:
        name: Name of the package.
        locations: Folders of the package.
        absent: Modules of the package to replace by empty ones; functions that use them must not be called.
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
