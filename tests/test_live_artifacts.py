"""Artifacts of a training while it runs, through a real Prefect API and real DVC stages."""

import base64
import json
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from flows.pipeline import pipeline
from mangagan.core import catalog
from tasks import artifacts, live
from tests.dvc_workspace import enter_copy, environment, wait_for

from prefect.client.orchestration import get_client  # isort: skip (after flows.pipeline, which sets Prefect up)
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, LogFilter, LogFilterFlowRunId  # isort: skip

LOGGER = logging.getLogger("tests.live")

# Both stages write the same live files. `other` is not a training.
DVC_YAML = """\
stages:
  train:
    cmd: python stage.py train.txt
    deps: [stage.py]
    outs: [train.txt]
  other:
    cmd: python stage.py other.txt
    deps: [stage.py]
    outs: [other.txt]
"""
# For each step, writes a grid of this gray level and waits for a file, which the test creates.
STAGE_PY = """\
import json, os, pathlib, shutil, sys, time
from PIL import Image
live = pathlib.Path(".mangagan/live")
live.mkdir(parents=True, exist_ok=True)
for kimg, step in enumerate(json.loads(pathlib.Path("steps.json").read_text()), start=1):
    status = {"state": "training", "kimg": kimg, "total_kimg": 8, "usable_share": 0.5, "message": "an alarm"}
    (live / "status.json").write_text(step.get("status", json.dumps(status)))
    if "level" in step:
        Image.new("L", (8, 8), step["level"]).save(live / ".samples.png")
        os.replace(live / ".samples.png", live / "samples.png")
    if "copy_old" in step:  # another file, but as old as before
        shutil.copy2(live / "samples.png", live / ".samples.png")
        os.replace(live / ".samples.png", live / "samples.png")
    if "garbage" in step:
        (live / "samples.png").write_bytes(b"x" * step["garbage"])
    deadline = time.monotonic() + 240
    while "until" in step and not pathlib.Path(step["until"]).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(step.get("seconds", 0))
pathlib.Path(sys.argv[1]).write_text("done")
"""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fresh")
    (root / "dvc.yaml").write_text(DVC_YAML)
    (root / "stage.py").write_text(STAGE_PY)
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=root, check=True, env=environment())
    return root


@pytest.fixture
def root(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return enter_copy(fresh, tmp_path, monkeypatch)


def run(root: Path, *steps: dict[str, Any], stage: str = "train") -> Any:
    """Run a stage in this process. Return the id of the flow run."""
    (root / "steps.json").write_text(json.dumps(steps))
    state = pipeline([stage], return_state=True)
    assert state.message == f"Completed: {stage}"
    return state.state_details.flow_run_id


def read_artifacts(key: str, run_id: Any = None) -> list[Any]:
    """Return the artifacts of a key, oldest first; of one flow run if its id is given."""
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    return sorted((each for each in found if run_id in (None, each.flow_run_id)), key=lambda each: each.created)


def warnings(run_id: Any) -> list[str]:
    """Return the warnings in the log of a flow run, after its last line has arrived."""
    wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id]))

    def read() -> list[Any]:
        with get_client(sync_client=True) as client:
            return client.read_logs(log_filter=wanted)

    assert wait_for(lambda: any("Finished in state" in log.message and log.task_run_id is None for log in read()))
    return [log.message for log in read() if log.level >= 30]


def level_of(artifact: Any) -> int:
    """Return the gray level of the grid in an artifact."""
    path = Path("shown.png")
    path.write_bytes(base64.b64decode(artifact.data.removeprefix("data:image/png;base64,")))
    with Image.open(path) as image:
        return int(image.getpixel((0, 0)))


def write_grid(root: Path) -> Path:
    path = root / catalog.LIVE_SAMPLES
    path.parent.mkdir(parents=True)
    Image.new("L", (8, 8), 99).save(path)
    return path


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Replace the publication by a list of the gray levels that it gets, and poll only at the end of the block."""
    monkeypatch.chdir(tmp_path)
    levels: list[int] = []

    def publish(samples: Path, status: Path) -> None:
        with Image.open(samples) as image:
            levels.append(int(image.getpixel((0, 0))))

    monkeypatch.setattr(live, "publish", publish)
    return levels


def test_the_grid_is_shown_while_the_training_runs(api: str, root: Path) -> None:
    write_grid(root)
    steps = [{"until": "go"}, {"level": 10, "until": "seen"}, {"level": 20, "seconds": 3}]
    (root / "steps.json").write_text(json.dumps(steps))
    known = {each.id for each in read_artifacts("train-live")}

    def find_new(key: str = "train-live") -> list[Any]:
        return [each for each in read_artifacts(key) if each.id not in known]

    command = [sys.executable, "-m", "mangagan", "run", "train"]
    with subprocess.Popen(command, env=environment(PREFECT_API_URL=api), stderr=subprocess.PIPE, text=True) as process:
        try:
            assert wait_for((root / catalog.LIVE_STATUS).exists, 180)
            assert not wait_for(find_new, 1.5 * live.POLL_S), "the grid of an earlier training"
            (root / "go").touch()
            assert wait_for(find_new, 60)
            assert process.poll() is None and not (root / "train.txt").exists()
            (root / "seen").touch()
            _, log = process.communicate(timeout=180)
        finally:
            process.kill()
    assert process.returncode == 0 and "cannot show" not in log
    (grid,) = find_new()  # the second grid came too soon after the first
    assert grid.type == "image" and level_of(grid) == 10
    assert grid.description == "train: latest samples at 2 of 8 kimg (25 %)"
    assert grid.task_run_id is not None
    progress = read_artifacts("train-progress", grid.flow_run_id)[0]
    assert progress.type == "markdown"
    assert progress.data == (
        "| training | |\n|---|---|\n| progress | 2 of 8 kimg (25 %) |\n| usable share | 50 % |\n\nan alarm\n"
    )
    assert read_artifacts("train-summary", grid.flow_run_id)


def test_each_new_grid_is_shown_after_the_interval(api: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "INTERVAL_S", 0.5)
    monkeypatch.setattr(live, "POLL_S", 0.1)
    run_id = run(root, {"level": 10, "seconds": 2}, {"level": 20, "seconds": 2}, {"level": 30})
    assert [level_of(each) for each in read_artifacts("train-live", run_id)] == [10, 20, 30]
    assert warnings(run_id) == []


def test_a_grid_without_a_readable_status_is_shown_at_the_end_of_a_short_training(api: str, root: Path) -> None:
    run_id = run(root, {"level": 10, "status": "{"})
    (grid,) = read_artifacts("train-live", run_id)
    assert (level_of(grid), grid.description) == (10, "train: latest samples")
    assert read_artifacts("train-progress", run_id) == []


def test_the_grid_of_an_earlier_training_is_not_shown(api: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "POLL_S", 0.1)
    write_grid(root)
    run_id = run(root, {"seconds": 0.5}, {"copy_old": True, "seconds": 0.5})
    assert read_artifacts("train-live", run_id) == []
    assert read_artifacts("train-summary", run_id)


def test_other_stages_show_no_grid(api: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "POLL_S", 0.1)
    run_id = run(root, {"level": 10, "seconds": 0.5}, stage="other")
    assert (root / catalog.LIVE_SAMPLES).exists()
    assert read_artifacts("train-live", run_id) == read_artifacts("other-live", run_id) == []
    assert read_artifacts("other-summary", run_id)


def test_a_failure_is_one_warning_and_the_next_grid_is_shown(
    api: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "INTERVAL_S", 0.1)
    monkeypatch.setattr(live, "POLL_S", 0.1)
    too_large = artifacts.MAX_BYTES + 1  # such a file is opened and converted
    run_id = run(root, {"garbage": too_large, "seconds": 1}, {"garbage": too_large + 1, "seconds": 1}, {"level": 30})
    assert [level_of(each) for each in read_artifacts("train-live", run_id)] == [30]
    (warning,) = warnings(run_id)
    assert warning.startswith("cannot show the samples of the running training in Prefect: cannot identify image file")


def test_a_grid_from_a_machine_whose_clock_is_ahead_is_old_until_it_changes(
    tmp_path: Path, published: list[int]
) -> None:
    path = write_grid(tmp_path)
    os.utime(path, (time.time() + 3600,) * 2)
    with live.publish_during("train", LOGGER):
        pass
    assert published == []
    with live.publish_during("train", LOGGER):
        Image.new("L", (8, 8), 10).save(path)
        os.utime(path, (time.time() + 3600,) * 2)
    assert published == [10]


def test_the_last_grid_is_not_shown_after_an_interrupt(tmp_path: Path, published: list[int]) -> None:
    with pytest.raises(KeyboardInterrupt), live.publish_during("train", LOGGER):  # noqa: PT012
        time.sleep(0.05)  # times of files are coarse
        write_grid(tmp_path)
        raise KeyboardInterrupt
    assert published == []


def test_a_server_that_does_not_answer_delays_the_end_by_a_few_seconds(
    tmp_path: Path, published: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()
    monkeypatch.setattr(live, "JOIN_S", 0.5)
    monkeypatch.setattr(live, "publish", lambda *_: answered.wait(30))
    started = time.monotonic()
    with live.publish_during("train", LOGGER):
        time.sleep(0.05)  # times of files are coarse
        write_grid(tmp_path)
    assert 0.5 <= time.monotonic() - started < 10
    answered.set()
