"""The GPU benchmark: all parts run at a tiny size on a CPU, and a part that fails or hangs does not stop the others."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import face_sets, gpu, gpu_checks
from benchmarks.gpu import Part
from mangagan.core.errors import UserError
from mangagan.gan.batches import StepInputs
from mangagan.gan.config import Settings
from mangagan.gan.state import TrainState
from tests.gan_runs import faces

ROOT = Path(__file__).parents[1]
ABSENT = ("pandas", "pyarrow", "dvc", "prefect", "yaml", "scipy", "sklearn", "torchvision", "onnx", "psutil", "jinja2")
TINY = ["--width", "2", "--size", "28", "--device", "cpu", "--batch", "8", "--count", "16"]


def test_smoke_runs_every_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = faces(32, 28)
    part, pages = np.arange(32) % 2, np.arange(32).astype(str)
    face_sets.save(tmp_path / "sets", face_sets.FaceSet("drawn", images, pages, np.ones(32, bool), part, 1))
    out = tmp_path / "out"
    assert gpu.main(["--out", str(out), "--sets", str(tmp_path / "sets"), "--smoke", "--total", "1200"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((out / "gpu.json").read_text())
    status = {name: entry["status"] for name, entry in report["parts"].items()}
    assert status.pop("faces") == "left out"  # the faces exist
    assert set(status.values()) == {"done"}
    assert report["parts"]["resume"]["result"]["equal"]
    compared = report["parts"]["classic"]["result"]["sets"]["drawn"]["variants"]
    assert {name: row["runs"] for name, row in compared.items()} == {"modern": 1, "classic": 1}
    assert report["targets"]["images_per_second"]["found"] > 0
    assert (out / "recipes" / "drawn.png").exists()
    assert list(out.glob("recipes/state/*/samples/*.npz"))
    assert not list(out.glob("recipes/state/*/*.pt"))


def test_both_plans_have_the_same_parts_and_end_in_time() -> None:
    full, tiny = (list(make(gpu.parse(["--out", "out"]))) for make in (gpu.plan_parts, gpu.plan_smoke_parts))
    assert {part.name for part in tiny} <= {part.name for part in full}
    assert gpu.TOTAL_S + gpu.GRACE_S < 480
    for part in full:
        found = {name: {"status": "failed"} for name in ("speed_modern", "compiled_modern", "modern")}
        options = part.options(found, part.limit)
        assert options is None or not set(options) & {"--smoke", "cpu"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_error_recommends_smoke(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--out", str(tmp_path)]) == 2
    assert "--smoke" in capsys.readouterr().err


def test_the_long_run_uses_the_available_time() -> None:
    def options(eager: float, compiled: float | None = None) -> list[str]:
        loops = {"reference": {"images_per_second": 9e9}, "eager": {"images_per_second": eager}}
        found: gpu.Results = {"speed_modern": {"result": {"loops": loops}}, "compiled_modern": {"status": "timed out"}}
        if compiled:
            found["compiled_modern"] = {
                "result": {"loops": {"compile": {"images_per_second": compiled, "first_step_s": 20.0}}}
            }
        return gpu.plan_long_run(["recipes"], found, 100 + gpu.EVALUATION_S)

    end = ["--recipes", "modern"]
    assert options(30_000) == ["recipes", "--kimg", "1000", *end]
    assert options(2_000, 2_100) == ["recipes", "--kimg", "200", *end]
    assert options(2_000, 4_000) == ["recipes", "--kimg", "320", "--compile", *end]
    assert options(1) == ["recipes", "--kimg", "10", *end]


def test_classic_is_skipped_if_the_time_is_too_short() -> None:
    loops = {"eager": {"images_per_second": 10_000.0}}
    modern = {"status": "done", "options": ["recipes", "--kimg", "500", "--recipes", "modern"]}
    found: gpu.Results = {"speed_classic": {"result": {"loops": loops}}, "modern": modern}
    assert gpu.plan_classic_run(found, 51 + gpu.EVALUATION_S) == [*modern["options"], "classic"]
    assert gpu.plan_classic_run(found, 49 + gpu.EVALUATION_S) is None
    compiled = {"result": {"loops": {"compile": {"first_step_s": 30.0}}}}
    slow = {"status": "done", "options": ["recipes", "--kimg", "500", "--compile", "--recipes", "modern"]}
    assert gpu.plan_classic_run({**found, "modern": slow, "compiled_modern": compiled}, 79 + gpu.EVALUATION_S) is None
    assert gpu.plan_classic_run({**found, "modern": slow, "compiled_modern": compiled}, 81 + gpu.EVALUATION_S)
    assert gpu.plan_classic_run({**found, "modern": {"status": "timed out"}}, 1000) is None


def test_a_failed_part_reports_the_reason(tmp_path: Path) -> None:
    found = gpu.run_part(
        Part("bad", 60, lambda *_: None), ["train_speed", "--size", "50", "--width", "2"], 60, tmp_path
    )
    assert found["status"] == "failed"
    assert "image size" in found["last_lines"][-1]
    assert gpu.run_part(Part("none", 60, lambda *_: None), None, 60, tmp_path) == {"status": "left out"}


@pytest.mark.parametrize("ignores_sigterm", [False, True])
def test_a_part_that_hangs_is_terminated(ignores_sigterm: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "GRACE_S", 0.2)
    setup = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " if ignores_sigterm else ""
    code = f"{setup}import time; print('ready', flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    started = time.monotonic()
    _, in_time = gpu.wait_for_process(process, 1.0)
    assert not in_time
    assert process.returncode == (-9 if ignores_sigterm else -15)
    assert time.monotonic() - started < 20


def test_targets_use_the_loops_of_their_batch_size() -> None:
    def part(batch: int, **pace: float) -> dict[str, Any]:
        loops = {name: {"images_per_second": value, "ratio_to_reference": value / 10} for name, value in pace.items()}
        return {"status": "done", "result": {"batch": batch, "loops": loops}}

    found = {"one": part(64, reference=9.0, eager=20.0, compile=30.0), "other": part(512, eager=50.0), "bad": {}}
    targets = gpu.summarize(found, 1.0, smoke=False)["targets"]
    assert targets == {
        "images_per_second": {"target": 20_000, "found": 50.0, "loop": "other, eager"},
        "ratio_to_reference": {"target": 5, "found": 3.0, "loop": "one, compile"},
    }


# Checks


def test_the_advice_of_the_memory_error_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(state: TrainState, inputs: StepInputs, settings: Settings) -> torch.Tensor:
        if len(inputs.real) > 8 * settings.accumulate:
            raise torch.OutOfMemoryError
        return torch.zeros_like(state.sums)

    for module in ("run", "loop"):
        monkeypatch.setattr(f"mangagan.gan.{module}.train_step", step)
    task = gpu_checks.make_task(gpu_checks.parse(["memory", *TINY, "--kimg", "0.032"]))
    assert gpu_checks.check_memory(task) == {"skipped": "no GPU"}
    images, config = np.tile(task.faces, (2, 1, 1, 1)), replace(task.config, batch_size=32)
    message = gpu_checks.train_until_error(images, config)
    assert message is not None
    assert "out of GPU memory" in message
    advice = gpu_checks.parse_advice(message)
    assert advice == {"batch_size": 8, "accumulate": 4}
    trained = {"batch_size": "trained", "accumulate": "trained"}
    assert gpu_checks.try_advice(images, config, advice) == trained
    assert "out of GPU memory" in gpu_checks.try_advice(images, config, {"batch_size": 16})["batch_size"]


def test_a_killed_and_resumed_run_equals_an_uninterrupted_run() -> None:
    found = gpu_checks.check_resume(gpu_checks.make_task(gpu_checks.parse(["resume", *TINY, "--kimg", "0.6"])))
    assert found["equal"]
    assert found["repeated_equal"]
    assert found["largest_difference"] == 0


def test_a_run_that_ends_before_the_kill_raises_an_error(tmp_path: Path) -> None:
    task = gpu_checks.make_task(gpu_checks.parse(["resume", *TINY, "--kimg", "0.6"]))
    too_few = gpu_checks.Task(task.faces[:1], task.config)  # the run ends at once
    with pytest.raises(UserError, match="Increase --kimg"):
        gpu_checks.start_and_kill(too_few, tmp_path)


def test_gpu_benchmarks_need_few_packages() -> None:
    modules = ("gpu", "gpu_checks", "face_sets", "train_speed", "recipes")
    code = f"import sys; sys.modules.update(dict.fromkeys({ABSENT!r}))\n"
    code += "".join(f"import benchmarks.{module}\n" for module in modules)
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
