"""`python -m benchmarks.gpu --out DIR`: run all measurements on a GPU in under eight minutes.

Parts: draw faces (unless --sets has them), training speed at full width, a training run of 1,000 kimg with samples and
metrics, behaviour when GPU memory runs out, and whether a killed run resumes to the same weights. Each part is a
process of its own with a time limit and a log DIR/<part>.log. If a part fails, the next part starts. DIR/gpu.json is
updated after each part, so that results survive if the machine is lost.

Requires only torch, numpy, opencv, pillow, safetensors and tqdm. `--smoke` runs all parts at a tiny size on a CPU.
Prints one JSON line: the content of gpu.json.
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

from benchmarks.machine import describe_machine
from mangagan.commands.arguments import positive_int
from mangagan.core.errors import UserError
from mangagan.core.files import write_json
from mangagan.core.parallel import cpu_count
from mangagan.gan.checkpoint import FILE

ROOT = Path(__file__).parents[1]
TOTAL_S = 460.0  # time limit of all parts together [s]
GRACE_S = 10.0  # between SIGTERM and SIGKILL [s]
MAX_KIMG, MIN_KIMG = 1000.0, 10.0  # largest and smallest budget of the long training run [kimg]
SMOKE_LIMIT_S = 240.0  # time limit of a smoke part [s]; on an idle machine it takes seconds
EVALUATION_S = 45.0  # time reserved for start, metrics and pictures of the long run [s]
MIN_COMPILE_SPEEDUP = 1.2  # smallest speedup at which the long run uses torch.compile
TARGETS = {"images_per_second": 20_000, "ratio_to_reference": 5}  # at full width; the ratio at batch size 64
Results = dict[str, dict[str, Any]]  # part name to its result


@dataclass(frozen=True)
class Part:
    """One part of the plan.

    Attributes:
        name: Name of the part and of its log.
        limit: Time limit [s].
        options: Function from the results of earlier parts and the time limit [s] to the module and its options. It
            returns None to skip the part.
    """

    name: str
    limit: float
    options: Callable[[Results, float], list[str] | None]


def main(argv: list[str] | None = None) -> int:
    """Run all parts and print one JSON line; return the exit status."""
    arguments = parse(argv)
    try:
        print(json.dumps(run(arguments)))
    except UserError as error:
        print(f"benchmarks.gpu: {error}", file=sys.stderr)
        return 2
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description="Run all measurements on a GPU in under eight minutes.",
        epilog="example: python -m benchmarks.gpu --out out/gpu",
    )
    parser.add_argument("--out", type=Path, required=True, help="output folder")
    parser.add_argument(
        "--sets", type=Path, help="folder with drawn.npz of benchmarks.face_sets (default: draw the faces)"
    )
    parser.add_argument("--smoke", action="store_true", help="run all parts at a tiny size on the CPU")
    parser.add_argument(
        "--total", type=float, default=TOTAL_S, help="time limit of all parts together [s] (default: %(default)s)"
    )
    parser.add_argument(
        "--workers", type=positive_int, default=cpu_count(), help="number of drawing processes (default: all cores)"
    )
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace) -> dict[str, object]:
    """Run all parts and return the report that is printed and written."""
    if not arguments.smoke and not torch.cuda.is_available():
        raise UserError("PyTorch found no GPU. Add --smoke to try all parts on the CPU")
    started, found = time.monotonic(), Results()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for part in plan_smoke_parts(arguments) if arguments.smoke else plan_parts(arguments):
        left = arguments.total - (time.monotonic() - started)
        limit = min(part.limit, left)
        options = part.options(found, limit) if left > 0 else None
        found[part.name] = run_part(part, options, limit, arguments.out)
        delete_checkpoints(arguments.out)
        report = summarize(found, time.monotonic() - started, arguments.smoke)
        write_json(arguments.out / "gpu.json", report)
        print(f"{part.name}: {found[part.name]['status']}", file=sys.stderr, flush=True)
    return report


def plan_parts(arguments: argparse.Namespace) -> Iterator[Part]:
    """Yield the parts for a GPU."""
    sets, out = arguments.sets or arguments.out / "sets", arguments.out / "recipes"
    draw = ["face_sets", "--out", str(sets), "--holdout", "2000", "--workers", str(arguments.workers)]
    yield Part("faces", 90, lambda *_: None if (sets / "drawn.npz").exists() else draw)
    speed = ["train_speed", "--width", "64", "--rounds", "3", "--recipe"]
    compiled = ["--loops", "compile"]  # a part of its own, because compiling may exceed the time limit
    yield Part("speed_classic", 50, lambda *_: [*speed, "classic", "--batch", "64"])
    yield Part("speed_modern", 50, lambda *_: [*speed, "modern"])
    yield Part("speed_modern_64", 40, lambda *_: [*speed, "modern", "--batch", "64"])
    yield Part("speed_modern_512", 40, lambda *_: [*speed, "modern", "--batch", "512"])
    yield Part("compiled_modern", 90, lambda *_: [*speed, "modern", *compiled])
    train = ["recipes", "--sets", str(sets), "--out", str(out), "--names", "drawn", "--seeds", "0", "--width", "64"]
    yield Part("modern", 200, partial(plan_long_run, train))
    yield Part("memory", 45, lambda *_: ["gpu_checks", "memory"])
    yield Part("resume", 60, lambda *_: ["gpu_checks", "resume"])
    yield Part("classic", 150, plan_classic_run)
    yield Part("compiled_classic", 90, lambda *_: [*speed, "classic", "--batch", "64", *compiled])


def plan_smoke_parts(arguments: argparse.Namespace) -> Iterator[Part]:
    """Yield the parts at a tiny size for a CPU."""
    sets, out = arguments.sets or arguments.out / "sets", arguments.out / "recipes"
    draw = ["face_sets", "--out", str(sets), "--train", "24", "--holdout", "24"]
    yield Part("faces", SMOKE_LIMIT_S, lambda *_: None if (sets / "drawn.npz").exists() else draw)
    tiny = ["--width", "2", "--size", "28", "--device", "cpu"]
    speed = ["train_speed", *tiny, "--batch", "8", "--rounds", "1", "--threads", "1"]
    yield Part("speed_classic", SMOKE_LIMIT_S, lambda *_: [*speed, "--recipe", "classic"])
    yield Part("speed_modern", SMOKE_LIMIT_S, lambda *_: [*speed, "--recipe", "modern"])
    train = ["recipes", "--sets", str(sets), "--out", str(out), "--names", "drawn", "--seeds", "0", "--width", "2"]
    train += ["--samples", "24", "--device", "cpu", "--threads", "1", "--kimg", "0.032"]
    yield Part("modern", SMOKE_LIMIT_S, lambda *_: [*train, "--recipes", "modern"])
    checks = [*tiny, "--batch", "8", "--count", "16", "--kimg", "0.6"]
    yield Part("memory", SMOKE_LIMIT_S, lambda *_: ["gpu_checks", "memory", *checks])
    yield Part("resume", SMOKE_LIMIT_S, lambda *_: ["gpu_checks", "resume", *checks])
    yield Part("classic", SMOKE_LIMIT_S, plan_classic_run)


def plan_long_run(train: list[str], found: Results, limit: float) -> list[str]:
    """Return the options of the long training run.

    The budget is what the time limit allows at the measured speed. The run uses compiled steps if they are at least
    MIN_COMPILE_SPEEDUP times as fast.

    Args:
        train: Module and options of the run without its budget.
        found: Results of earlier parts.
        limit: Time limit [s].
    """
    eager, compiled = get_pace(found, "speed_modern", "eager"), get_pace(found, "compiled_modern", "compile")
    faster = compiled > MIN_COMPILE_SPEEDUP * eager
    spare = limit - EVALUATION_S - (get_compile_seconds(found) if faster else 0)
    fitting = (compiled if faster else eager) * spare // 10_000 * 10
    kimg = min(MAX_KIMG, max(fitting, MIN_KIMG))
    return [*train, "--kimg", f"{kimg:g}", *(["--compile"] if faster else []), "--recipes", "modern"]


def plan_classic_run(found: Results, limit: float) -> list[str] | None:
    """Return the options that train classic like modern and compare both, or None if the time is too short."""
    if found["modern"]["status"] != "done":
        return None
    options: list[str] = [*found["modern"]["options"], "classic"]
    images = 1000 * float(options[options.index("--kimg") + 1])
    speed = get_pace(found, "speed_classic", "eager")
    before = get_compile_seconds(found) if "--compile" in options else 0
    return options if not speed or images / speed + EVALUATION_S + before < limit else None


def get_compile_seconds(found: Results) -> float:
    """Return the compile time of modern [s], also as an upper bound for classic, which has fewer graphs."""
    return float(found["compiled_modern"]["result"]["loops"]["compile"]["first_step_s"])


def get_pace(found: Results, part: str, loop: str) -> float:
    """Return the images per second of a loop, or 0 if it was not measured."""
    loops = found.get(part, {}).get("result", {}).get("loops", {})
    return float(loops.get(loop, {}).get("images_per_second", 0.0))


def run_part(part: Part, options: list[str] | None, limit: float, out: Path) -> dict[str, Any]:
    """Run a part in a process of its own.

    Returns:
        `status` (done, failed, timed out, left out), `options`, `seconds`, and the `result` that the part printed.
        Without a result, `last_lines` of its log.
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
        printed, in_time = wait_for_process(process, limit)
    found: dict[str, Any] = {"options": options, "seconds": round(time.monotonic() - started, 1)}
    try:
        found["result"] = json.loads(printed)
    except ValueError:
        text = (out / f"{part.name}.log").read_text(encoding="utf-8", errors="replace")
        found["last_lines"] = text.splitlines()[-5:]
    good = process.returncode == 0 and "result" in found
    found["status"] = "done" if good else "failed" if in_time else "timed out"
    return found


def wait_for_process(process: subprocess.Popen[str], limit: float) -> tuple[str, bool]:
    """Wait for a process; at the time limit, terminate it, then kill its process group.

    Returns:
        The output of the process, and True if it ended before the limit.
    """
    try:
        return process.communicate(timeout=limit)[0], True
    except subprocess.TimeoutExpired:
        process.terminate()
    try:
        return process.communicate(timeout=GRACE_S)[0], False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0], False


def delete_checkpoints(out: Path) -> None:
    """Delete the large checkpoints of the training runs; keep their sample grids."""
    for path in out.glob(f"recipes/state/*/{FILE}"):
        path.unlink()


def summarize(found: Results, seconds: float, smoke: bool) -> dict[str, object]:
    """Return the report: the parts, and the best measured value for each target."""
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
        "machine": describe_machine(),
        "targets": {
            figure: {"target": target, **find_best(at_64 if figure == "ratio_to_reference" else loops, figure)}
            for figure, target in TARGETS.items()
        },
        "parts": found,
    }


def find_best(loops: dict[str, dict[str, float]], figure: str) -> dict[str, object]:
    """Return the largest value of a figure and its loop."""
    name = max(loops, key=lambda key: loops[key][figure], default=None)
    return {"found": None} if name is None else {"found": loops[name][figure], "loop": name}


if __name__ == "__main__":
    sys.exit(main())
