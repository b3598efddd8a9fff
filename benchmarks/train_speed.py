"""`python -m benchmarks.train_speed`: our training step against a straightforward loop on the same networks.

The reference is written in the manner of pytorch/examples' DCGAN: contiguous float32, two backward passes for D, Adam
as it comes, a DataLoader that turns one image after the other to floats, five values read back from the device in every
step. It trains the same networks on the same device with the same batch, and does without what a recipe adds (average
of the weights, augmentation, penalties): our step pays for those.

Ours computes in `train.precision: auto` unless --precision says otherwise: bfloat16 where that is faster, which is part
of the ratio. The loops take turns, so that whatever else the machine does hits all of them. The floor is the time that
the step's multiplications take at the pace of a large matrix product on the same machine. One JSON line on stdout.
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

from benchmarks.flops import peak_flops, step_flops, synchronize
from benchmarks.machine import facts
from mangagan.cli import positive
from mangagan.core.errors import UserError
from mangagan.core.progress import track
from mangagan.gan.batches import Batches, generator_for
from mangagan.gan.config import Settings, TrainConfig, resolve
from mangagan.gan.machine import pick_device, repeatable
from mangagan.gan.recipes import RECIPES
from mangagan.gan.run import check_size
from mangagan.gan.state import create_state
from mangagan.gan.step import train_step
from mangagan.networks.dcgan import count_parameters

WAYS = ("eager", "compile")  # of ours
REFERENCE = "reference"
FACES = 1200  # random images: how fast they are learned from does not depend on what they show
GPU_STEPS = 64  # a turn, at least: a single step is too short to time
Step = Callable[[], object]


def main(argv: list[str] | None = None) -> int:
    """Measures and prints one JSON line; returns the exit status."""
    arguments = parse(argv)
    try:
        print(json.dumps(run(arguments)))
    except UserError as error:
        print(f"benchmarks.train_speed: {error}", file=sys.stderr)
        return 2
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.train_speed",
        description="Images a second of a training step, and how much faster it is than a straightforward loop.",
        epilog="example: python -m benchmarks.train_speed --recipe classic --width 64 --batch 64",
    )
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="modern")
    parser.add_argument("--width", type=positive, help="train.base_channels (default: what the device's preset says)")
    parser.add_argument("--batch", type=positive, help="images a step (default: the recipe's)")
    parser.add_argument("--size", type=positive, default=112, help="px (default: %(default)s)")
    parser.add_argument("--channels", type=int, choices=(1, 3), default=1, help="1 gray, 3 RGB (default: %(default)s)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: what torch takes (default)")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["eager"], help="(default: eager)")
    parser.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto", help="of ours")
    parser.add_argument("--rounds", type=positive, default=5, help="turns of each loop (default: %(default)s)")
    parser.add_argument("--steps", type=positive, help="of a turn, at least (default: 1, on a GPU 64)")
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace) -> dict[str, object]:
    """All measurements, as they are printed."""
    device = pick_device(arguments.device)
    settings = chosen_settings(arguments, device)
    with repeatable(device, arguments.threads):  # as training does; on a GPU the fastest convolutions are searched for
        return measurements(arguments, settings, device)


def measurements(arguments: argparse.Namespace, settings: Settings, device: torch.device) -> dict[str, object]:
    """The measurements of one recipe on one device."""
    faces = random_faces(max(FACES, settings.batch_size), arguments.channels, arguments.size)
    check_size(faces)
    loops: dict[str, Step] = {REFERENCE: reference_loop(settings, faces, device)}
    for way in arguments.ways:
        loops[way] = own_loop(replace(settings, compile=way == "compile"), faces, device)
    first = {name: timed(step, 1, device) for name, step in loops.items()}
    seconds = measure(loops, turn_steps(arguments.steps, settings, device), arguments.rounds, device)
    flops, peak = step_flops(settings, faces.shape[1:]), peak_flops(device, settings.precision)
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
        "parameters": parameters(settings, faces.shape[1:]),
        "gflop_an_image": round(flops / settings.batch_size / 1e9, 4),
        "peak_gflops": {name: round(value / 1e9, 1) for name, value in peak.items()},
        "loops": {
            name: {"first_step_s": round(first[name], 3), **pace(seconds, name, settings.batch_size, flops, peak)}
            for name in loops
        },
        "machine": facts(),
    }


def chosen_settings(arguments: argparse.Namespace, device: torch.device) -> Settings:
    """The recipe's settings, but for what the command line names."""
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


def random_faces(count: int, channels: int, size: int) -> np.ndarray:
    """uint8 (count, channels, size, size) of noise."""
    return np.random.default_rng(0).integers(0, 256, (count, channels, size, size), dtype=np.uint8)


def own_loop(settings: Settings, faces: np.ndarray, device: torch.device) -> Step:
    """One turn of the project's training loop, from the choice of the faces to the sums of the curves."""
    state = create_state(settings, faces.shape[2], faces.shape[1], device)
    batches = Batches(torch.from_numpy(faces).to(device), settings.batch_size, settings)

    def step() -> None:
        randomness = generator_for(settings.seed, "z", state.images_seen, device)
        real = batches.read(state.images_seen)
        z = torch.randn(settings.batch_size, settings.z_dim, generator=randomness, device=device)
        state.sums += train_step(state, real, z, settings)

    return step


class Images(Dataset[Tensor]):
    """Faces as a DataLoader wants them: one at a time, as float32 in [-1, 1]."""

    def __init__(self, faces: np.ndarray) -> None:
        self.faces = faces

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(self.faces[index]).float() / 127.5 - 1


def endless(loader: DataLoader[Tensor]) -> Iterator[Tensor]:
    """Batches, epoch after epoch."""
    while True:
        yield from loader


def reference_loop(settings: Settings, faces: np.ndarray, device: torch.device) -> Step:
    """One turn of the straightforward loop; see this module's description."""
    plain = replace(settings, ema_kimg=0.0, compile=False)
    state = create_state(plain, faces.shape[2], faces.shape[1], device)
    generator, discriminator = state.generator, state.discriminator
    for network in (generator, discriminator):
        network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # torch's stub lacks it
    betas = (settings.beta1, settings.beta2)
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=settings.learning_rate_d, betas=betas)
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=settings.learning_rate_g, betas=betas)
    criterion = nn.BCELoss()
    data = endless(DataLoader(Images(faces), batch_size=settings.batch_size, shuffle=True, drop_last=True))

    def backward(images: Tensor, target: float) -> tuple[Tensor, float]:
        chances = torch.sigmoid(discriminator(images))
        loss: Tensor = criterion(chances, torch.full_like(chances, target))
        loss.backward()  # type: ignore[no-untyped-call]  # torch's stub lacks the types
        return loss, chances.mean().item()

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


def turn_steps(asked: int | None, settings: Settings, device: torch.device) -> int:
    """Steps of a turn: whole periods of the penalties, so that every turn holds its share of them."""
    period = settings.penalty_every if settings.r1 or settings.r2 else 1
    return -(-(asked or (GPU_STEPS if device.type == "cuda" else 1)) // period) * period


def timed(step: Step, count: int, device: torch.device) -> float:
    """Seconds a step, of `count`."""
    synchronize(device)
    started = time.perf_counter()
    for _ in range(count):
        step()
    synchronize(device)
    return (time.perf_counter() - started) / count


def measure(loops: dict[str, Step], steps: int, rounds: int, device: torch.device) -> dict[str, np.ndarray]:
    """Seconds a step of each loop, float64 (rounds,); another one begins each round."""
    for step in loops.values():
        timed(step, min(steps, 3), device)  # kernels are chosen and memory is taken
    seconds = {name: np.zeros(rounds) for name in loops}
    names = list(loops)
    for number in track(range(rounds), rounds, "train", "rounds"):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            seconds[name][number] = timed(loops[name], steps, device)
    return seconds


def pace(
    seconds: dict[str, np.ndarray], name: str, batch: int, flops: float, peak: dict[str, float]
) -> dict[str, object]:
    """A loop's figures: medians over the rounds, and the range of the ratio to the reference in one round."""
    step = float(np.median(seconds[name]))
    dtype = "float32" if name == REFERENCE else list(peak)[-1]  # the networks' precision comes last
    ratios = seconds[REFERENCE] / seconds[name]
    return {
        "images_per_second": round(batch / step, 2),
        "ms_per_step": round(1000 * step, 3),
        "share_of_floor": round(flops / peak[dtype] / step, 4),
        "ratio_to_reference": round(float(np.median(seconds[REFERENCE])) / step, 3),
        "ratio_range": [round(float(ratios.min()), 3), round(float(ratios.max()), 3)],
    }


def parameters(settings: Settings, shape: tuple[int, ...]) -> dict[str, int]:
    """Trained values of G and D."""
    state = create_state(replace(settings, ema_kimg=0.0, compile=False), shape[1], shape[0], torch.device("cpu"))
    return {"generator": count_parameters(state.generator), "discriminator": count_parameters(state.discriminator)}


if __name__ == "__main__":
    sys.exit(main())
