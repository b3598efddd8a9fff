"""The flow through a real Prefect API, on a real DVC repository."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from flows import serve
from flows.pipeline import main, pipeline
from mangagan.core.errors import UserError
from tests.dvc_workspace import build, edit, enter_copy, environment, living_in, wait_for
from tests.project_clone import clone_project, run_in

from prefect.client.orchestration import get_client  # isort: skip (after flows.pipeline, which sets Prefect up)
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, FlowRunFilter, FlowRunFilterId  # isort: skip
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId  # isort: skip
from prefect.settings import PREFECT_API_URL, temporary_settings  # isort: skip


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = build(tmp_path_factory.mktemp("fresh"))
    for stage in ("slow", "slow_in_shell"):
        edit(root / "dvc.yaml", f"  {stage}:\n", f"  {stage}:\n    frozen: true\n")
    return root


@pytest.fixture
def root(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return enter_copy(fresh, tmp_path, monkeypatch)


def task_runs(flow_run_id: Any) -> list[tuple[str, str, str]]:
    """Return name, state name and message of each task run on the server, oldest first."""
    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(flow_run_filter=wanted)
    return [(run.name, run.state.name, run.state.message) for run in sorted(runs, key=lambda run: run.start_time)]


def logs(flow_run_id: Any) -> str:
    """Return the log of a flow run and its task runs on the server."""
    wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[flow_run_id]))
    with get_client(sync_client=True) as client:
        return "\n".join(log.message for log in client.read_logs(log_filter=wanted))


def flow_runs() -> list[Any]:
    with get_client(sync_client=True) as client:
        return sorted(client.read_flow_runs(), key=lambda run: run.created, reverse=True)


def artifact(key: str) -> Any:
    """Return the newest artifact with this key."""
    with get_client(sync_client=True) as client:
        found = client.read_latest_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    return found[0]


def test_states_messages_and_artifacts(api: str, root: Path) -> None:
    picture = root / "reports/first/kept.png"
    picture.parent.mkdir(parents=True)
    Image.new("L", (112, 112), 128).save(picture)

    state = pipeline(["third"], return_state=True)
    assert (state.name, state.message) == ("Completed", "Completed: first, second, third")
    run_id = state.state_details.flow_run_id
    assert wait_for(lambda: len(task_runs(run_id)) == 3)  # the server learns of task runs by events, a moment later
    assert task_runs(run_id) == [(name, "Completed", "first run") for name in ("first", "second", "third")]
    assert "| length |" in artifact("first-summary").data
    assert artifact("first-kept").type == "image"
    assert artifact("first-kept").data.startswith("data:image/png;base64,")

    edit(root / "params.yaml", "word: hello", "word: bye")
    state = pipeline(["third"], return_state=True)
    assert state.message == "Cached: first; Completed: second, third"
    edit(root / "params.yaml", "word: bye", "word: hello")
    state = pipeline(["third"], return_state=True)
    assert state.message == "Cached: first; Restored: second, third"
    table = json.loads(artifact("mangagan-run").data)
    assert [(row["stage"], row["outcome"], row["reason"]) for row in table] == [
        ("first", "Cached", "nothing changed"),
        ("second", "Restored", "changed params: second.word (bye → hello)"),
        ("third", "Restored", "changed deps: second.txt"),
    ]
    assert all(row["seconds"] < 30 for row in table)

    # Cached although Prefect saw these very arguments before, and the other way round: DVC alone decides.
    state = pipeline(["third"], return_state=True)
    assert state.message == "nothing changed, 3 stages are up to date"


def test_only_what_was_asked_for_in_the_root_it_was_asked_for(
    api: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root.parent)
    state = pipeline(["first"], root=root, return_state=True)
    assert state.message == "Completed: first"
    assert (root / "first.txt").exists() and not (root / "second.txt").exists()
    assert Path.cwd() == root.parent


def test_failure_stops_the_run_and_is_one_line(api: str, root: Path) -> None:
    edit(root / "params.yaml", "word: hello", "word: poison")
    command = [sys.executable, "-m", "mangagan", "run", "third"]
    ended = subprocess.run(command, env=environment(PREFECT_API_URL=api), capture_output=True, text=True)
    assert ended.returncode == 1
    line = "second: stage exited with 1: no good: poison in first.txt; not run: third"
    assert ended.stderr.splitlines()[-1] == f"mangagan: {line}"
    assert ended.stderr.count("no good: poison") == 2, "the stage's own line, and the last line"
    assert "NoneType" not in ended.stderr and "ERROR" not in ended.stderr
    run = flow_runs()[0]
    assert (run.state.name, run.state.message) == ("Failed", line)
    assert wait_for(lambda: len(task_runs(run.id)) == 2)
    name, state, message = task_runs(run.id)[1]
    assert (name, state) == ("second", "Failed")
    assert wait_for(lambda: "Finished in state Failed" in logs(run.id)) and "NoneType" not in logs(run.id)
    assert message == "stage exited with 1: no good: poison in first.txt"
    assert "reading first.txt\n" in artifact("second-summary").data
    assert [row["outcome"] for row in json.loads(artifact("mangagan-run").data)] == ["Completed", "Failed", "Not run"]


def test_a_fresh_clone_without_screenshots_says_what_to_do(api: str, tmp_path: Path) -> None:
    clone = clone_project(tmp_path)
    ended = run_in(clone, "mangagan", "run", "detect", PREFECT_API_URL=api)
    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("mangagan: scan: stage exited with 2: no screenshots in data/screenshots. Put images")
    assert last.endswith("or import faces that you have: mangagan import DIR; not run: ingest, detect")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_stage_and_the_run(api: str, root: Path, number: signal.Signals, code: int) -> None:
    edit(root / "dvc.yaml", "    frozen: true\n", "")
    command = [sys.executable, "-c", "import sys; from flows.pipeline import main; sys.exit(main(['slow']))"]
    with subprocess.Popen(command, env=environment(PREFECT_API_URL=api), stderr=subprocess.DEVNULL) as process:
        assert wait_for((root / "started").exists, 60)
        process.send_signal(number)
        assert process.wait() == code
    assert living_in(root) == []
    assert (root / "checkpoint.log").read_text() == "saved\n"
    assert flow_runs()[0].state.name == "Crashed"


def test_the_server_schedules_runs_and_allows_one(api: str) -> None:
    """With a newer SQLAlchemy, Prefect's scheduler fails without a message, and no scheduled run starts."""
    deployment_id = pipeline.to_deployment("test", interval=3600, concurrency_limit=serve.one_at_a_time()).apply()
    with get_client(sync_client=True) as client:
        # Prefect's client retries if the server answers 503 because its database is briefly locked.
        response = client.request(
            "POST", "/deployments/{id}/schedule", path_params={"id": deployment_id}, json={"min_runs": 2}
        )
    assert response.status_code == 200, response.text
    assert len([run for run in flow_runs() if run.deployment_id == deployment_id]) >= 2
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment(deployment_id)
    assert deployment.global_concurrency_limit.limit == 1
    assert deployment.concurrency_options.collision_strategy.value == "CANCEL_NEW"


def test_a_server_that_does_not_answer_is_named(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        pytest.raises(UserError, match=r"no Prefect server answers at http://127\.0\.0\.1:9/api"),
    ):
        main(["first"])


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--cron", "61 3 * * *"], '--cron "61 3 * * *" is not a cron expression'),
        (["--cron", "0 3 * * *", "--timezone", "Nope/X"], "--timezone Nope/X is unknown"),
        (["--interval", "nan"], "--interval must be between"),
        (["--interval", "60", "frist"], "no stage frist"),
        (["--interval", "60", "first"], "a schedule needs a Prefect server"),
    ],
)
def test_serve_names_a_mistake_before_it_starts(
    root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        assert serve.main(arguments) == 2
    error = capsys.readouterr().err
    assert line in error and error.count("\n") == 1
