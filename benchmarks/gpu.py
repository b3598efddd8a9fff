"""`python -m benchmarks.gpu --out DIR`: everything that is to be measured on a GPU, in under eight minutes.

Parts, each in a process of its own with a time limit, each with its log in DIR/<part>.log: faces (drawn, where --sets
has none), speed of training at full width, a run of 1,000 kimg on them with samples and figures, what happens when
memory runs out, and whether a killed run resumes to the same weights. DIR/gpu.json is written anew after each part, so
that a machine that goes away leaves what it had found. A part that fails stops no other.

Nothing is needed but torch, numpy, opencv and pillow. `--smoke` does the same, tiny, on a CPU. One JSON line on stdout.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.machine import facts
from mangagan.cli import positive
from mangagan.core.errors import UserError
from mangagan.core.files import write_json
from mangagan.core.parallel import cpu_count
from mangagan.gan.checkpoint import FILE

ROOT = Path(__file__).parents[1]
TOTAL_S = 460.0  # of all parts
GRACE_S = 10.0  # between being asked to end and being killed
KIMG, LEAST_KIMG = 1000.0, 10.0  # of the long run
TINY_S = 240.0  # limit of a tiny part, which takes seconds on a machine that has nothing else to do
JUDGING_S = 45.0  # of the long run's limit, kept for its start, figures and pictures
WORTH = 1.2  # compiled steps are used for the long run where they are so many times faster
TARGETS = {"images_per_second": 20_000, "ratio_to_reference": 5}  # at full width; the ratio at a batch of 64
Results = dict[str, dict[str, Any]]  # by part


@dataclass(frozen=True)
class Part:
    """One part.

    Attributes:
        name: of the part, and of its log.
        limit: s.
        options: the module and its options, given what the parts before have found and the seconds there are for it;
            None to leave it out.
    """

    name: str
    limit: float
    options: Callable[[Results, float], list[str] | None]


def main(argv: list[str] | None = None) -> int:
    """Runs all parts and prints one JSON line; returns the exit status."""
    arguments = parse(argv)
    try:
        print(json.dumps(run(arguments)))
    except UserError as error:
        print(f"benchmarks.gpu: {error}", file=sys.stderr)
        return 2
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description="Everything that is to be measured on a GPU, in under eight minutes.",
        epilog="example: python -m benchmarks.gpu --out out/gpu",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of everything that is found")
    parser.add_argument("--sets", type=Path, help="folder with drawn.npz of benchmarks.face_sets (default: drawn anew)")
    parser.add_argument("--smoke", action="store_true", help="tiny, on the CPU: does it all run?")
    parser.add_argument("--total", type=float, default=TOTAL_S, help="s, limit of all parts (default: %(default)s)")
    parser.add_argument("--workers", type=positive, default=cpu_count(), help="processes that draw faces (all cores)")
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace) -> dict[str, object]:
    """All parts; what is printed and written."""
    if not arguments.smoke and not torch.cuda.is_available():
        raise UserError("PyTorch sees no GPU: add --smoke to try it on the CPU")
    started, found = time.monotonic(), Results()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for part in tiny_plan(arguments) if arguments.smoke else plan(arguments):
        left = arguments.total - (time.monotonic() - started)
        limit = min(part.limit, left)
        options = part.options(found, limit) if left > 0 else None
        found[part.name] = do(part, options, limit, arguments.out)
        forget_checkpoints(arguments.out)
        report = summary(found, time.monotonic() - started, arguments.smoke)
        write_json(arguments.out / "gpu.json", report)
        print(f"{part.name}: {found[part.name]['status']}", file=sys.stderr, flush=True)
    return report


def plan(arguments: argparse.Namespace) -> Iterator[Part]:
    """The parts on a GPU."""
    sets, out = arguments.sets or arguments.out / "sets", arguments.out / "recipes"
    draw = ["face_sets", "--out", str(sets), "--holdout", "2000", "--workers", str(arguments.workers)]
    yield Part("faces", 90, lambda *_: None if (sets / "drawn.npz").exists() else draw)
    speed = ["train_speed", "--width", "64", "--rounds", "3", "--recipe"]
    compiled = ["--ways", "compile"]  # apart: compiling may take longer than there is time for
    yield Part("speed_classic", 50, lambda *_: [*speed, "classic", "--batch", "64"])
    yield Part("speed_modern", 50, lambda *_: [*speed, "modern"])
    yield Part("speed_modern_64", 40, lambda *_: [*speed, "modern", "--batch", "64"])
    yield Part("speed_modern_512", 40, lambda *_: [*speed, "modern", "--batch", "512"])
    yield Part("compiled_modern", 90, lambda *_: [*speed, "modern", *compiled])
    train = ["recipes", "--sets", str(sets), "--out", str(out), "--names", "drawn", "--seeds", "0", "--width", "64"]
    yield Part("modern", 200, partial(long_run, train))
    yield Part("memory", 45, lambda *_: ["gpu_checks", "memory"])
    yield Part("resume", 60, lambda *_: ["gpu_checks", "resume"])
    yield Part("classic", 150, beside_classic)
    yield Part("compiled_classic", 90, lambda *_: [*speed, "classic", "--batch", "64", *compiled])


def tiny_plan(arguments: argparse.Namespace) -> Iterator[Part]:
    """The same parts, tiny."""
    sets, out = arguments.sets or arguments.out / "sets", arguments.out / "recipes"
    draw = ["face_sets", "--out", str(sets), "--train", "24", "--holdout", "24"]
    yield Part("faces", TINY_S, lambda *_: None if (sets / "drawn.npz").exists() else draw)
    tiny = ["--width", "2", "--size", "28", "--device", "cpu"]
    speed = ["train_speed", *tiny, "--batch", "8", "--rounds", "1", "--threads", "1"]
    yield Part("speed_classic", TINY_S, lambda *_: [*speed, "--recipe", "classic"])
    yield Part("speed_modern", TINY_S, lambda *_: [*speed, "--recipe", "modern"])
    train = ["recipes", "--sets", str(sets), "--out", str(out), "--names", "drawn", "--seeds", "0", "--width", "2"]
    train += ["--samples", "24", "--device", "cpu", "--threads", "1", "--kimg", "0.032"]
    yield Part("modern", TINY_S, lambda *_: [*train, "--recipes", "modern"])
    checks = [*tiny, "--batch", "8", "--count", "16", "--kimg", "0.6"]
    yield Part("memory", TINY_S, lambda *_: ["gpu_checks", "memory", *checks])
    yield Part("resume", TINY_S, lambda *_: ["gpu_checks", "resume", *checks])
    yield Part("classic", TINY_S, beside_classic)


def long_run(train: list[str], found: Results, limit: float) -> list[str]:
    """The long run's options: the budget that fits, at the pace that was measured, and the faster kind of steps."""
    eager, compiled = pace(found, "speed_modern", "eager"), pace(found, "compiled_modern", "compile")
    faster = compiled > WORTH * eager
    spare = limit - JUDGING_S - (compiling(found) if faster else 0)
    fitting = (compiled if faster else eager) * spare // 10_000 * 10
    kimg = min(KIMG, max(fitting, LEAST_KIMG))
    return [*train, "--kimg", f"{kimg:g}", *(["--compile"] if faster else []), "--recipes", "modern"]


def beside_classic(found: Results, limit: float) -> list[str] | None:
    """The options that run classic as modern was run, and sum up both; None where it would come to no end."""
    if found["modern"]["status"] != "done":
        return None
    options: list[str] = [*found["modern"]["options"], "classic"]
    images = 1000 * float(options[options.index("--kimg") + 1])
    speed = pace(found, "speed_classic", "eager")
    before = compiling(found) if "--compile" in options else 0
    return options if not speed or images / speed + JUDGING_S + before < limit else None


def compiling(found: Results) -> float:
    """Seconds that compiling takes, of modern; classic's is not known yet, and has fewer graphs."""
    return float(found["compiled_modern"]["result"]["loops"]["compile"]["first_step_s"])


def pace(found: Results, part: str, loop: str) -> float:
    """Images a second of a loop; 0 where it was not measured."""
    loops = found.get(part, {}).get("result", {}).get("loops", {})
    return float(loops.get(loop, {}).get("images_per_second", 0.0))


def do(part: Part, options: list[str] | None, limit: float, out: Path) -> dict[str, Any]:
    """Runs a part in a process of its own.

    Returns:
        `status` (done, failed, timed out, left out), `options`, `seconds`, and the `result` that it printed or, where
        there is none, the `last_lines` of its log.
    """
    if options is None:
        return {"status": "left out"}
    module, *rest = options
    command = [sys.executable, "-m", f"benchmarks.{module}", *rest]
    started = time.monotonic()
    with (out / f"{part.name}.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        )
        printed, in_time = wait(process, limit)
    found: dict[str, Any] = {"options": options, "seconds": round(time.monotonic() - started, 1)}
    try:
        found["result"] = json.loads(printed)
    except ValueError:
        text = (out / f"{part.name}.log").read_text(encoding="utf-8", errors="replace")
        found["last_lines"] = text.splitlines()[-5:]
    good = process.returncode == 0 and "result" in found
    found["status"] = "done" if good else "failed" if in_time else "timed out"
    return found


def wait(process: subprocess.Popen[str], limit: float) -> tuple[str, bool]:
    """What the process prints, and whether it came to its end in time; else it and all that it started are ended."""
    try:
        return process.communicate(timeout=limit)[0], True
    except subprocess.TimeoutExpired:
        process.terminate()
    try:
        return process.communicate(timeout=GRACE_S)[0], False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0], False


def forget_checkpoints(out: Path) -> None:
    """Deletes the long runs' checkpoints, which are large and of no use elsewhere; their grids of samples stay."""
    for path in out.glob(f"recipes/state/*/{FILE}"):
        path.unlink()


def summary(found: Results, seconds: float, smoke: bool) -> dict[str, object]:
    """What is printed: the parts, and the figures that are aimed at."""
    loops = {
        f"{part}, {name}": row
        for part, entry in found.items()
        for name, row in entry.get("result", {}).get("loops", {}).items()
        if name != "reference"
    }
    at_64 = {key: row for key, row in loops.items() if found[key.split(",")[0]]["result"]["batch"] == 64}
    return {
        "benchmark": "gpu",
        "smoke": smoke,
        "seconds": round(seconds, 1),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "cuda": torch.version.cuda,
        "machine": facts(),
        "targets": {
            figure: {"target": target, **best(at_64 if figure == "ratio_to_reference" else loops, figure)}
            for figure, target in TARGETS.items()
        },
        "parts": found,
    }


def best(loops: dict[str, dict[str, float]], figure: str) -> dict[str, object]:
    """The largest value of a figure, and the loop that has it."""
    name = max(loops, key=lambda key: loops[key][figure], default=None)
    return {"found": None} if name is None else {"found": loops[name][figure], "loop": name}


if __name__ == "__main__":
    sys.exit(main())
