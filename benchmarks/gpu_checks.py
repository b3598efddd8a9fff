"""`python -m benchmarks.gpu_checks NAME`: what training does on a GPU when memory runs out, and after a kill.

memory: too large a batch for the little memory that the process allows itself; the line that training ends with names
a way that fits, which is then gone.
resume: one run unbroken, one unbroken again, and one that is killed (SIGKILL) and resumed; are their weights the same?
On a CPU they are. On a GPU sums may be taken in another order each time; then the second run tells how far that leads.

Each prints one JSON line. Part of `python -m benchmarks.gpu`.
"""

import argparse
import json
import multiprocessing
import re
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from mangagan.cli import positive
from mangagan.core.errors import UserError
from mangagan.gan.checkpoint import FILE
from mangagan.gan.config import TrainConfig
from mangagan.gan.machine import pick_device
from mangagan.gan.run import train_resumable
from mangagan.networks.dcgan import Generator
from mangagan.networks.weights import generator_sha256

MEMORY_SHARE = 0.06  # of the GPU's memory that the check leaves itself
MEMORY_BATCH = 4096
PARTS = 10  # checkpoints that the killed run would write; it is killed after the first
PATIENCE_S = 120.0


@dataclass(frozen=True)
class Task:
    """What is trained: uint8 (N, C, S, S), and how."""

    faces: np.ndarray
    config: TrainConfig


def main(argv: list[str] | None = None) -> int:
    """Checks and prints one JSON line; returns the exit status."""
    arguments = parse(argv)
    try:
        print(json.dumps({"check": arguments.name, **CHECKS[arguments.name](task(arguments))}))
    except UserError as error:
        print(f"benchmarks.gpu_checks: {error}", file=sys.stderr)
        return 2
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu_checks",
        description="What training does on a GPU when memory runs out, and after a kill.",
        epilog="example: python -m benchmarks.gpu_checks resume --kimg 20",
    )
    parser.add_argument("name", choices=sorted(CHECKS))
    parser.add_argument("--kimg", type=float, default=20.0, help="of the runs that are compared (default: %(default)s)")
    parser.add_argument("--width", type=positive, default=64, help="train.base_channels (default: %(default)s)")
    parser.add_argument("--batch", type=positive, default=64, help="images a step (default: %(default)s)")
    parser.add_argument("--size", type=positive, default=112, help="px (default: %(default)s)")
    parser.add_argument("--count", type=positive, default=1000, help="faces, of noise (default: %(default)s)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    return parser.parse_args(argv)


def task(arguments: argparse.Namespace) -> Task:
    """What the command line asks for."""
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (arguments.count, 1, arguments.size, arguments.size), dtype=np.uint8)
    try:
        config = TrainConfig(
            kimg=arguments.kimg,
            base_channels=arguments.width,
            batch_size=arguments.batch,
            checkpoint_kimg=arguments.kimg / PARTS,
            device=arguments.device,
        )
    except ValueError as error:
        raise UserError(str(error)) from None
    return Task(faces, config)


# Memory


def check_memory(given: Task) -> dict[str, object]:
    """The line, and whether what it says is so."""
    if pick_device(given.config.device).type != "cuda":
        return {"skipped": "no GPU"}
    torch.cuda.set_per_process_memory_fraction(MEMORY_SHARE)
    faces = np.tile(given.faces, (-(-MEMORY_BATCH // len(given.faces)), 1, 1, 1))
    config = replace(given.config, batch_size=MEMORY_BATCH, kimg=MEMORY_BATCH / 1000)
    line = attempt(faces, config)
    if line is None:
        return {"batch": MEMORY_BATCH, "line": None}
    return {"batch": MEMORY_BATCH, "line": line, "advice": advice(line), "then": obey(faces, config, advice(line))}


def attempt(faces: np.ndarray, config: TrainConfig) -> str | None:
    """The line that training ends with; None when it comes to its end."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            train_resumable(faces, config, Path(folder), tell)
        except UserError as error:
            return str(error)
    return None


def advice(line: str) -> dict[str, int]:
    """What the line says to set: `batch_size`, `accumulate`."""
    return {name: int(value) for name, value in re.findall(r"train\.(batch_size|accumulate) to (\d+)", line)}


def obey(faces: np.ndarray, config: TrainConfig, settings: dict[str, int]) -> dict[str, str]:
    """What comes of each piece of advice: `trained`, or the line of another error."""
    changed = {name: TrainConfig(**{**asdict(config), name: value}) for name, value in settings.items()}
    return {name: attempt(faces, other) or "trained" for name, other in changed.items()}


# Resumption


def check_resume(given: Task) -> dict[str, object]:
    """Whether a run that was killed ends with the weights of one that was not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole, again = (train(given, folder / run) for run in ("whole", "again"))
        killed_at = start_and_kill(given, folder / "broken")
        broken = train(given, folder / "broken")
    return {
        "kimg": given.config.kimg,
        "killed_after_s": round(killed_at, 2),
        "sha256": {"whole": generator_sha256(whole), "resumed": generator_sha256(broken)},
        "equal": generator_sha256(whole) == generator_sha256(broken),
        "largest_difference": difference(whole, broken),
        "unbroken_again_equal": generator_sha256(whole) == generator_sha256(again),
        "unbroken_again_largest_difference": difference(whole, again),
    }


def train(given: Task, folder: Path) -> Generator:
    """The generator at the end of the run."""
    return train_resumable(given.faces, given.config, folder, tell).generator


def start_and_kill(given: Task, folder: Path) -> float:
    """Starts the run in another process and kills it when its first checkpoint is there; how long it ran, in seconds.

    Raises:
        UserError: it came to its end before, or to no checkpoint.
    """
    process = multiprocessing.get_context("spawn").Process(target=train, args=(given, folder))
    started = time.monotonic()
    process.start()
    while process.is_alive() and not list(folder.glob(f"*/{FILE}")) and time.monotonic() - started < PATIENCE_S:
        time.sleep(0.005)
    process.kill()
    process.join()
    if process.exitcode == 0 or not list(folder.glob(f"*/{FILE}")):
        raise UserError("the run that was to be killed came to its end, or to no checkpoint: raise --kimg")
    return time.monotonic() - started


def difference(one: Generator, other: Generator) -> float:
    """The largest difference of two generators' weights."""
    theirs = other.state_dict()
    return max(float((value.double() - theirs[name].double()).abs().max()) for name, value in one.state_dict().items())


def tell(line: str) -> None:
    """Says how it goes."""
    print(line, file=sys.stderr, flush=True)


CHECKS = {"memory": check_memory, "resume": check_resume}

if __name__ == "__main__":
    sys.exit(main())
