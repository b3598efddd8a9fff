"""`python -m benchmarks.train_speed`: compare the speed of this project's training step with a simple reference loop.

The reference follows the DCGAN of pytorch/examples: contiguous float32, two backward passes for D, default Adam, a
DataLoader that converts one image at a time, and five values read from the device per step. It trains the same
networks on the same device with the same batch, without the additions of a recipe (weight averaging, augmentation,
penalties); the project's step includes their cost.

The project's step uses `train.precision: auto` unless --precision is given: bfloat16 if it is faster, which is part of
the ratio. The loops alternate, so that other load on the machine affects all of them. `share_of_floor` is the time
that the multiplications of a step take at the speed of a large matrix product, divided by the time of the step.
Prints one JSON line: speed of each loop.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.flops import count_step_flops, measure_peak_flops, synchronize
from benchmarks.machine import describe_machine
from mangagan.commands.arguments import positive_int
from mangagan.core.errors import UserError
from mangagan.core.progress import track
from mangagan.gan.batches import Batches
from mangagan.gan.config import Settings, TrainConfig, resolve
from mangagan.gan.loop import advance
from mangagan.gan.machine import pick_device
from mangagan.gan.numerics import use_repeatable_numerics
from mangagan.gan.recipes import RECIPES
from mangagan.gan.run import check_size
from mangagan.gan.state import create_state
from mangagan.networks.dcgan import count_parameters

LOOPS = ("eager", "compile")  # variants of the project's step
REFERENCE = "reference"
FACES = 1200  # noise images; the content does not affect the speed
GPU_STEPS = 64  # minimum steps of a turn; a single step is too short to measure
Step = Callable[[], object]


def main(argv: list[str] | None = None) -> int:
    """Measure and print one JSON line; return the exit status."""
    arguments = parse(argv)
    try:
        print(json.dumps(run(arguments)))
    except UserError as error:
        print(f"benchmarks.train_speed: {error}", file=sys.stderr)
        return 2
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.train_speed",
        description="Measure the training step in images per second and its speedup over a simple reference loop.",
        epilog="example: python -m benchmarks.train_speed --recipe classic --width 64 --batch 64",
    )
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="modern", help="(default: %(default)s)")
    parser.add_argument("--width", type=positive_int, help="train.base_channels (default: preset of the device)")
    parser.add_argument("--batch", type=positive_int, help="batch size (default: that of the recipe)")
    parser.add_argument("--size", type=positive_int, default=112, help="side of the images [px] (default: %(default)s)")
    parser.add_argument(
        "--channels", type=int, choices=(1, 3), default=1, help="1: gray, 3: RGB (default: %(default)s)"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(default: auto)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: default of torch")
    parser.add_argument(
        "--loops", nargs="+", choices=LOOPS, default=["eager"], help="variants of the step (default: eager)"
    )
    parser.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto", help="(default: auto)")
    parser.add_argument("--rounds", type=positive_int, default=5, help="turns of each loop (default: %(default)s)")
    parser.add_argument("--steps", type=positive_int, help="minimum steps of a turn (default: 1, on a GPU 64)")
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace) -> dict[str, object]:
    """Measure with the process settings of training and return the report that is printed."""
    device = pick_device(arguments.device)
    settings = resolve_settings(arguments, device)
    # as in training; on a GPU cuDNN searches for the fastest convolutions
    with use_repeatable_numerics(device, arguments.threads):
        return measure_recipe(arguments, settings, device)


def measure_recipe(arguments: argparse.Namespace, settings: Settings, device: torch.device) -> dict[str, object]:
    """Return the measurements of one recipe on one device."""
    faces = make_noise_faces(max(FACES, settings.batch_size), arguments.channels, arguments.size)
    check_size(faces)
    loops: dict[str, Step] = {REFERENCE: make_reference_loop(settings, faces, device)}
    for name in arguments.loops:
        loops[name] = make_own_loop(replace(settings, compile=name == "compile"), faces, device)
    first = {name: time_steps(step, 1, device) for name, step in loops.items()}
    seconds = measure_loops(loops, count_turn_steps(arguments.steps, settings, device), arguments.rounds, device)
    flops, peak = count_step_flops(settings, faces.shape[1:]), measure_peak_flops(device, settings.precision)
    return {
        "benchmark": "train_speed",
        "recipe": settings.recipe,
        "width": settings.base_channels,
        "size": arguments.size,
        "channels": arguments.channels,
        "batch": settings.batch_size,
        "precision": settings.precision,
        "device": device.type if device.type == "cpu" else torch.cuda.get_device_name(device),
        "threads": torch.get_num_threads(),
        "parameters": count_network_parameters(settings, faces.shape[1:]),
        "gflop_an_image": round(flops / settings.batch_size / 1e9, 4),
        "peak_gflops": {name: round(value / 1e9, 1) for name, value in peak.items()},
        "loops": {
            name: {
                "first_step_s": round(first[name], 3),
                **summarize_loop(seconds, name, settings.batch_size, flops, peak),
            }
            for name in loops
        },
        "machine": describe_machine(),
    }


def resolve_settings(arguments: argparse.Namespace, device: torch.device) -> Settings:
    """Return the settings of the recipe with the changes of the command line.

    Raises:
        UserError: A setting is out of range.
    """
    try:
        config = TrainConfig(
            recipe=arguments.recipe,
            base_channels=arguments.width,
            batch_size=arguments.batch,
            precision=arguments.precision,
        )
        return resolve(config, device.type)
    except ValueError as error:
        raise UserError(str(error)) from None


def make_noise_faces(count: int, channels: int, size: int) -> np.ndarray:
    """Return noise images, uint8 (count, channels, size, size)."""
    return np.random.default_rng(0).integers(0, 256, (count, channels, size, size), dtype=np.uint8)


def make_own_loop(settings: Settings, faces: np.ndarray, device: torch.device) -> Step:
    """Return a function that runs one training step of the project, including batch selection and statistics."""
    state = create_state(settings, faces.shape[2], faces.shape[1], device)
    batches = Batches(torch.from_numpy(faces).to(device), settings.batch_size, settings)

    return lambda: advance(state, batches, settings)


class FaceDataset(Dataset[Tensor]):
    """Dataset that returns one face as float32 in [-1, 1]."""

    def __init__(self, faces: np.ndarray) -> None:
        self.faces = faces

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(self.faces[index]).float() / 127.5 - 1


def iterate_forever(loader: DataLoader[Tensor]) -> Iterator[Tensor]:
    """Yield batches, epoch after epoch."""
    while True:
        yield from loader


def make_reference_loop(settings: Settings, faces: np.ndarray, device: torch.device) -> Step:
    """Return a function that runs one step of the reference loop; see the module docstring."""
    plain = replace(settings, ema_kimg=0.0, compile=False)
    state = create_state(plain, faces.shape[2], faces.shape[1], device)
    generator, discriminator = state.generator, state.discriminator
    for network in (generator, discriminator):
        network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # torch's stub lacks it
    betas = (settings.beta1, settings.beta2)
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=settings.learning_rate_d, betas=betas)
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=settings.learning_rate_g, betas=betas)
    criterion = nn.BCELoss()
    data = iterate_forever(DataLoader(FaceDataset(faces), batch_size=settings.batch_size, shuffle=True, drop_last=True))

    def backward(images: Tensor, target: float) -> tuple[Tensor, float]:
        probabilities = torch.sigmoid(discriminator(images))
        loss: Tensor = criterion(probabilities, torch.full_like(probabilities, target))
        loss.backward()  # type: ignore[no-untyped-call]  # torch's stub lacks the types
        return loss, probabilities.mean().item()

    def step() -> list[float]:
        discriminator.zero_grad()
        loss_real, at_real = backward(next(data).to(device), 1.0)
        fake = generator(torch.randn(settings.batch_size, settings.z_dim, device=device))
        loss_fake, at_fake = backward(fake.detach(), 0.0)
        optimizer_d.step()
        generator.zero_grad()
        loss_g, at_fake_again = backward(fake, 1.0)
        optimizer_g.step()
        return [(loss_real + loss_fake).item(), loss_g.item(), at_real, at_fake, at_fake_again]

    return step


def count_turn_steps(minimum: int | None, settings: Settings, device: torch.device) -> int:
    """Return the steps of a turn, rounded up to whole periods of the penalties so that all turns cost the same."""
    period = settings.penalty_every if settings.r1 or settings.r2 else 1
    return -(-(minimum or (GPU_STEPS if device.type == "cuda" else 1)) // period) * period


def time_steps(step: Step, count: int, device: torch.device) -> float:
    """Return the seconds per step, mean over `count` steps."""
    synchronize(device)
    started = time.perf_counter()
    for _ in range(count):
        step()
    synchronize(device)
    return (time.perf_counter() - started) / count


def measure_loops(loops: dict[str, Step], steps: int, rounds: int, device: torch.device) -> dict[str, np.ndarray]:
    """Return the seconds per step of each loop, float64 (rounds,); the loop that starts a round alternates."""
    for step in loops.values():
        time_steps(step, min(steps, 3), device)  # warm-up: kernel selection, memory allocation
    seconds = {name: np.zeros(rounds) for name in loops}
    names = list(loops)
    for number in track(range(rounds), rounds, "train", "rounds"):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            seconds[name][number] = time_steps(loops[name], steps, device)
    return seconds


def summarize_loop(
    seconds: dict[str, np.ndarray], name: str, batch: int, flops: float, peak: dict[str, float]
) -> dict[str, object]:
    """Return the figures of a loop: medians over the rounds, and the range of the ratio to the reference.

    Args:
        seconds: Seconds per step of each loop, (rounds,).
        name: The loop.
        batch: Images per step.
        flops: Operations per step.
        peak: Operations per second by precision; the precision of the networks is last.
    """
    step = float(np.median(seconds[name]))
    dtype = "float32" if name == REFERENCE else list(peak)[-1]  # the precision of the networks is last
    ratios = seconds[REFERENCE] / seconds[name]
    return {
        "images_per_second": round(batch / step, 2),
        "ms_per_step": round(1000 * step, 3),
        "share_of_floor": round(flops / peak[dtype] / step, 4),
        "ratio_to_reference": round(float(np.median(seconds[REFERENCE])) / step, 3),
        "ratio_range": [round(float(ratios.min()), 3), round(float(ratios.max()), 3)],
    }


def count_network_parameters(settings: Settings, shape: tuple[int, ...]) -> dict[str, int]:
    """Return the number of trained parameters of G and D."""
    state = create_state(replace(settings, ema_kimg=0.0, compile=False), shape[1], shape[0], torch.device("cpu"))
    return {"generator": count_parameters(state.generator), "discriminator": count_parameters(state.discriminator)}


if __name__ == "__main__":
    sys.exit(main())
