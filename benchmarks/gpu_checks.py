"""`python -m benchmarks.gpu_checks NAME`: check training when GPU memory runs out, and after a kill.

memory: train with too large a batch under a small memory limit; try the settings that the error message recommends.
resume: compare the weights of an uninterrupted run, a second uninterrupted run, and a run that is killed (SIGKILL) and
resumed. On a CPU they are equal. On a GPU the order of sums may vary; the second run shows the size of that effect.

Prints one JSON line. Part of `python -m benchmarks.gpu`.
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

from mangagan.commands.arguments import positive_int
from mangagan.core.errors import UserError
from mangagan.gan.checkpoint import FILE
from mangagan.gan.config import TrainConfig
from mangagan.gan.machine import pick_device
from mangagan.gan.run import train_resumable
from mangagan.networks.dcgan import Generator
from mangagan.networks.weights import generator_sha256

MEMORY_SHARE = 0.06  # share of the GPU memory that the memory check may use
MEMORY_BATCH = 4096  # batch size of the memory check
CHECKPOINTS = 10  # number of checkpoints in a complete run; the run is killed after the first
CHECKPOINT_TIMEOUT_S = 120.0  # longest wait for the first checkpoint [s]


@dataclass(frozen=True)
class Task:
    """Faces and configuration of a training run.

    Attributes:
        faces: uint8 (N, C, S, S).
        config: The training configuration.
    """

    faces: np.ndarray
    config: TrainConfig


def main(argv: list[str] | None = None) -> int:
    """Run a check and print one JSON line; return the exit status."""
    arguments = parse(argv)
    try:
        print(json.dumps({"check": arguments.name, **CHECKS[arguments.name](make_task(arguments))}))
    except UserError as error:
        print(f"benchmarks.gpu_checks: {error}", file=sys.stderr)
        return 2
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu_checks",
        description="Check training when GPU memory runs out, and after a kill.",
        epilog="example: python -m benchmarks.gpu_checks resume --kimg 20",
    )
    parser.add_argument("name", choices=sorted(CHECKS), help="the check")
    parser.add_argument(
        "--kimg", type=float, default=20.0, help="thousand images of the compared runs (default: %(default)s)"
    )
    parser.add_argument("--width", type=positive_int, default=64, help="train.base_channels (default: %(default)s)")
    parser.add_argument("--batch", type=positive_int, default=64, help="batch size (default: %(default)s)")
    parser.add_argument("--size", type=positive_int, default=112, help="side of the images [px] (default: %(default)s)")
    parser.add_argument(
        "--count", type=positive_int, default=1000, help="number of noise images (default: %(default)s)"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(default: auto)")
    return parser.parse_args(argv)


def make_task(arguments: argparse.Namespace) -> Task:
    """Return noise images and the training configuration of the command line.

    Raises:
        UserError: A setting is out of range.
    """
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (arguments.count, 1, arguments.size, arguments.size), dtype=np.uint8)
    try:
        config = TrainConfig(
            kimg=arguments.kimg,
            base_channels=arguments.width,
            batch_size=arguments.batch,
            checkpoint_kimg=arguments.kimg / CHECKPOINTS,
            device=arguments.device,
        )
    except ValueError as error:
        raise UserError(str(error)) from None
    return Task(faces, config)


def check_memory(task: Task) -> dict[str, object]:
    """Return the error message when memory runs out, and the result of each setting that it recommends."""
    if pick_device(task.config.device).type != "cuda":
        return {"skipped": "no GPU"}
    torch.cuda.set_per_process_memory_fraction(MEMORY_SHARE)
    faces = np.tile(task.faces, (-(-MEMORY_BATCH // len(task.faces)), 1, 1, 1))
    config = replace(task.config, batch_size=MEMORY_BATCH, kimg=MEMORY_BATCH / 1000)
    message = train_until_error(faces, config)
    if message is None:
        return {"batch": MEMORY_BATCH, "message": None}
    advice = parse_advice(message)
    return {
        "batch": MEMORY_BATCH,
        "message": message,
        "advice": advice,
        "with_advice": try_advice(faces, config, advice),
    }


def train_until_error(faces: np.ndarray, config: TrainConfig) -> str | None:
    """Train and return the text of the UserError, or None if training succeeds."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            train_resumable(faces, config, Path(folder), print_progress)
        except UserError as error:
            return str(error)
    return None


def parse_advice(message: str) -> dict[str, int]:
    """Return the settings that an error message recommends: `batch_size`, `accumulate`."""
    return {name: int(value) for name, value in re.findall(r"train\.(batch_size|accumulate) to (\d+)", message)}


def try_advice(faces: np.ndarray, config: TrainConfig, settings: dict[str, int]) -> dict[str, str]:
    """Train with each recommended setting and return `trained` or the error message, by setting."""
    changed = {name: TrainConfig(**{**asdict(config), name: value}) for name, value in settings.items()}
    return {name: train_until_error(faces, other) or "trained" for name, other in changed.items()}


def check_resume(task: Task) -> dict[str, object]:
    """Return the comparison of a killed and resumed run with uninterrupted runs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        uninterrupted, repeated = (train_generator(task, folder / run) for run in ("uninterrupted", "repeated"))
        killed_after_s = start_and_kill(task, folder / "killed")
        resumed = train_generator(task, folder / "killed")
    return {
        "kimg": task.config.kimg,
        "killed_after_s": round(killed_after_s, 2),
        "sha256": {"uninterrupted": generator_sha256(uninterrupted), "resumed": generator_sha256(resumed)},
        "equal": generator_sha256(uninterrupted) == generator_sha256(resumed),
        "largest_difference": measure_max_weight_difference(uninterrupted, resumed),
        "repeated_equal": generator_sha256(uninterrupted) == generator_sha256(repeated),
        "repeated_largest_difference": measure_max_weight_difference(uninterrupted, repeated),
    }


def train_generator(task: Task, folder: Path) -> Generator:
    """Train to the end of the run and return the generator."""
    return train_resumable(task.faces, task.config, folder, print_progress).generator


def start_and_kill(task: Task, folder: Path) -> float:
    """Start the run in another process and kill it after its first checkpoint.

    Returns:
        The time until the kill [s].

    Raises:
        UserError: The run ended before the kill, or wrote no checkpoint.
    """
    process = multiprocessing.get_context("spawn").Process(target=train_generator, args=(task, folder))
    started = time.monotonic()
    process.start()
    while (
        process.is_alive() and not list(folder.glob(f"*/{FILE}")) and time.monotonic() - started < CHECKPOINT_TIMEOUT_S
    ):
        time.sleep(0.005)
    process.kill()
    process.join()
    if process.exitcode == 0 or not list(folder.glob(f"*/{FILE}")):
        raise UserError("the run ended before it could be killed, or wrote no checkpoint. Increase --kimg")
    return time.monotonic() - started


def measure_max_weight_difference(one: Generator, other: Generator) -> float:
    """Return the largest absolute difference between the weights of two generators."""
    others = other.state_dict()
    return max(float((value.double() - others[name].double()).abs().max()) for name, value in one.state_dict().items())


def print_progress(line: str) -> None:
    """Print a progress line on stderr."""
    print(line, file=sys.stderr, flush=True)


CHECKS = {"memory": check_memory, "resume": check_resume}

if __name__ == "__main__":
    sys.exit(main())
