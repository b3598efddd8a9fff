"""Running single DVC stages in a real DVC repository."""

import base64
import io
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from mangagan.core.errors import UserError
from tasks import artifacts, graph
from tasks.outcome import Outcome, Transcript, describe_exit
from tasks.reason import compare_values
from tasks.stage import MAX_LINE_LENGTH, StageResult, read_lines, reproduce
from tests.dvc_workspace import build, edit, enter_copy, environment, living_in, wait_for


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("fresh"))


@pytest.fixture(scope="module")
def done(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the repository after a first run of all stages except the slow ones."""
    root = tmp_path_factory.mktemp("done") / "repo"
    shutil.copytree(fresh, root)
    subprocess.run([sys.executable, "-m", "dvc", "repro", "-q", "third"], cwd=root, check=True, env=environment())
    return root


@pytest.fixture
def root(done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of it as the working directory."""
    return enter_copy(done, tmp_path, monkeypatch)


def runs(root: Path) -> list[str]:
    return (root / "runs.log").read_text().split()


def run(stage: str) -> tuple[StageResult, list[str]]:
    log: list[str] = []
    return reproduce(stage, log.append), log


def test_order_comes_from_dvc_and_not_from_the_file(root: Path) -> None:
    assert graph.list_stages()[:3] == ["first", "second", "third"]
    assert graph.list_stages(["second"]) == ["first", "second"]
    edit(root / "dvc.yaml", "deps: [second.txt]", "deps: [source.txt]")
    assert graph.list_stages(["third"]) == ["third"]


def test_unknown_stage_and_missing_repository_are_the_users_to_mend(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="no stage frist; did you mean first"):
        graph.list_stages(["frist"])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"Change to the folder that holds dvc\.yaml"):
        graph.list_stages()


def test_first_run_then_nothing_changed(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(fresh, tmp_path / "repo")
    monkeypatch.chdir(tmp_path / "repo")
    result, log = run("first")
    assert (result.outcome, result.reason) == (Outcome.COMPLETED, "first run")
    assert "Running stage 'first':" in log
    result, log = run("first")
    assert (result.outcome, result.reason, log) == (Outcome.CACHED, "nothing changed", [])
    assert runs(tmp_path / "repo") == ["first"]


def test_changed_param_runs_and_changed_back_is_restored(root: Path) -> None:
    before = runs(root)
    edit(root / "params.yaml", "number: 1", "number: 2")
    result, _ = run("first")
    assert (result.outcome, result.reason) == (Outcome.COMPLETED, "changed params: first.number (1 → 2)")
    assert runs(root) == [*before, "first"]
    edit(root / "params.yaml", "number: 2", "number: 1")
    result, _ = run("first")
    assert (result.outcome, result.reason) == (Outcome.RESTORED, "changed params: first.number (2 → 1)")
    assert runs(root) == [*before, "first"]  # no process of the stage
    assert json.loads((root / "metrics/first.json").read_text())["share"]  # an out outside the cache comes back too


def test_deleted_outs_are_restored(root: Path) -> None:
    (root / "first.txt").unlink()
    (root / "metrics/first.json").unlink()
    result, _ = run("first")
    assert result.outcome is Outcome.RESTORED
    assert result.reason == "changed outs: first.txt (deleted), metrics/first.json (deleted)"
    assert (root / "first.txt").exists()


def test_an_edited_out_is_put_right(root: Path) -> None:
    (root / "first.txt").unlink()
    (root / "first.txt").write_text("edited by hand")
    result, _ = run("first")
    assert (result.outcome, result.reason) == (Outcome.RESTORED, "changed outs: first.txt")
    assert (root / "first.txt").read_text() != "edited by hand"


def test_changed_dep_and_command_are_named(root: Path) -> None:
    (root / "source.txt").write_text("another source")
    edit(root / "dvc.yaml", "python stage.py first source.txt", "python  stage.py first source.txt")
    result, _ = run("first")
    assert result.outcome is Outcome.COMPLETED
    assert result.reason == "changed deps: source.txt; changed command"


def test_a_frozen_stage_is_left_alone(root: Path) -> None:
    edit(root / "dvc.yaml", "  first:\n", "  first:\n    frozen: true\n")
    (root / "source.txt").write_text("another source")
    assert run("first")[0].outcome is Outcome.CACHED
    (root / "first.txt").unlink()  # DVC restores no out of a frozen stage
    assert "first.txt" in run("first")[0].failure


def test_failure_carries_the_stages_own_last_lines(root: Path) -> None:
    (root / "source.txt").write_text("poison")
    result, log = run("first")
    assert result.outcome is None  # although the stage printed DVC's words for a restored one
    assert result.failure == "stage exited with 1: no good: poison in source.txt"
    assert result.output.splitlines()[0] == "reading source.txt"
    assert result.output.endswith("\nno good: poison in source.txt")
    assert result.reason == "changed deps: source.txt"
    assert "reading source.txt" in log
    assert not [line for line in log if line.startswith("ERROR: failed to reproduce")], "it adds nothing"


def test_failure_before_the_stage_carries_dvcs_line(root: Path) -> None:
    (root / "source.txt").unlink()
    result, _ = run("first")
    assert result.outcome is None
    assert result.failure.startswith("DVC exited with 255: ERROR: failed to reproduce 'first'")
    assert "source.txt" in result.failure


def test_waits_for_a_run_started_by_hand(root: Path) -> None:
    (root / "seconds").write_text("4")
    with subprocess.Popen([sys.executable, "-m", "dvc", "repro", "-q", "slow"], env=environment()) as by_hand:
        assert wait_for((root / "started").exists)
        result, log = run("slow")
        assert by_hand.wait() == 0
    assert result.outcome is Outcome.CACHED
    assert [line for line in log if line.startswith("waiting for another DVC process")] == log


def test_a_process_left_behind_is_describe_exit(root: Path) -> None:
    edit(root / "dvc.yaml", "cmd: python slow.py\n", "cmd: (sleep 60 &) ; echo x > slow.txt\n")
    started = time.monotonic()
    result, _ = run("slow")
    assert result.outcome is Outcome.COMPLETED
    assert time.monotonic() - started < 30
    assert wait_for(lambda: not [line for line in living_in(root) if line.startswith("sleep")], 5)


@pytest.mark.parametrize("stage", ["slow", "slow_in_shell"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_one_that_asked_for_it(root: Path, stage: str, number: signal.Signals) -> None:
    code = f"from tasks.stage import reproduce; reproduce({stage!r}, print)"
    with subprocess.Popen([sys.executable, "-c", code], env=environment()) as asking:
        assert wait_for((root / "started").exists)
        assert len(living_in(root)) >= 3  # the one that asks, DVC, the stage
        asking.send_signal(number)
        asking.wait()
        if number == signal.SIGINT:
            assert living_in(root) == []
        assert wait_for(lambda: not living_in(root), 10), living_in(root)
    assert (root / "checkpoint.log").read_text() == "saved\n"  # one SIGTERM, and time to act on it
    assert not (root / "slow.txt").exists()


@pytest.mark.parametrize("stage", ["slow", "slow_in_shell"])
def test_no_stage_outlives_dvc(root: Path, stage: str) -> None:
    with subprocess.Popen([sys.executable, "-m", "dvc", "repro", "-q", stage], env=environment()) as dvc:
        assert wait_for((root / "started").exists)
        dvc.kill()
    assert wait_for(lambda: not living_in(root), 10), living_in(root)
    assert (root / "checkpoint.log").read_text() == "saved\n"


def test_a_deaf_stage_is_killed_after_the_grace(root: Path) -> None:
    (root / "slow.py").write_text(
        "import pathlib, signal, time\nfrom mangagan.process import die_with_parent\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ndie_with_parent(grace=1)\n"
        "pathlib.Path('started').touch()\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-m", "dvc", "repro", "-q", "slow"], env=environment()) as dvc:
        assert wait_for((root / "started").exists)
        dvc.kill()
    time.sleep(0.5)
    assert any("slow.py" in line for line in living_in(root))
    assert wait_for(lambda: not living_in(root), 10), living_in(root)


def test_lines_come_while_the_process_runs_and_end_with_it() -> None:
    code = "import time; print('one'); print('a\\rb'); print('x' * 10_000); time.sleep(1); print('caf\\u00e9', end='')"
    command = [sys.executable, "-u", "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(PYTHONIOENCODING="utf-8")) as process:
        reader = read_lines(process)
        assert next(reader) == "one" and process.poll() is None
        assert [next(reader), next(reader)] == ["a", "b"]
        rest = list(reader)
    assert "".join(rest) == "x" * 10_000 + "café"
    assert max(map(len, rest)) == MAX_LINE_LENGTH


def test_lines_end_although_someone_keeps_the_pipe_open() -> None:
    with subprocess.Popen(["sh", "-c", "echo one; sleep 30 & echo $!"], stdout=subprocess.PIPE) as process:
        one, pid = read_lines(process)
        assert one == "one"
        psutil.Process(int(pid)).kill()


def test_exit_statuses_in_words() -> None:
    assert describe_exit(2) == "exited with 2"
    assert describe_exit(-9) == describe_exit(137) == "was killed by SIGKILL (out of memory?)"
    assert describe_exit(143) == "was killed by SIGTERM"
    assert describe_exit(255) == "exited with 255"


def test_a_long_failure_is_cut_to_its_end() -> None:
    transcript = Transcript()
    for line in ["Running stage 'x':", "> cmd", *(f"line {n} {'.' * 300}" for n in range(100))]:
        transcript.feed(line)
    message, output = transcript.describe_failure(255), transcript.read_tail()
    assert message.startswith("DVC exited with 255: line 99") and "\n" not in message
    assert len(output) <= 2_000 and output.count("line 99") == 1 and "line 50" not in output


def test_the_name_of_the_program_is_not_repeated() -> None:
    transcript = Transcript()
    for line in [
        "Running stage 'x':",
        "mangagan: data/pages not found",
        "ERROR: failed to reproduce 'x': exited with 2",
    ]:
        transcript.feed(line)
    assert transcript.describe_failure(255) == "stage exited with 2: data/pages not found"


def test_differences_name_the_leaves_of_a_section() -> None:
    before = {"margin": 0.2, "size": 112, "mode": {"gray": True}}
    now = {"margin": 0.3, "size": 112, "mode": {"gray": False}, "sharpen": 1}
    assert list(compare_values("normalize", before, now)) == [
        "normalize.margin (0.2 → 0.3)",
        "normalize.mode.gray (True → False)",
        "normalize.sharpen (new: 1)",
    ]


def test_summary_shows_the_metrics(root: Path) -> None:
    text = artifacts.render_summary(StageResult("first", Outcome.COMPLETED, "first run", 1.25))
    assert text.startswith("**Completed** in 1.2 s: first run")
    assert "| share.a | 0.123457 |" in text
    failed = artifacts.render_summary(
        StageResult("first", None, "first run", 1.25, "stage exited with 1: oh", "no\noh")
    )
    assert "**Failed**" in failed and "no\noh" in failed


def test_table_of_a_run_names_what_was_not_run() -> None:
    results = [
        StageResult("a", Outcome.CACHED, "nothing changed", 0.01),
        StageResult("b", None, "x", 2.04, "stage: oh", "no\noh"),
    ]
    assert artifacts.build_rows(results, ["c"]) == [
        {"stage": "a", "outcome": "Cached", "reason": "nothing changed", "seconds": 0.0},
        {"stage": "b", "outcome": "Failed", "reason": "stage: oh", "seconds": 2.0},
        {"stage": "c", "outcome": "Not run", "reason": "an earlier stage failed", "seconds": 0.0},
    ]


def test_pictures_are_bounded_and_still_pictures(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1500, 1200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.png")
    Image.fromarray(noise[:20, :20]).save(tmp_path / "small.png")
    for name, kind in (("large.png", "JPEG"), ("small.png", "PNG")):
        uri = artifacts.encode_data_uri(tmp_path / name)
        assert len(uri) < 4 / 3 * artifacts.MAX_BYTES + 100
        with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as image:
            assert image.format == kind and min(image.size) >= 20


def test_pictures_of_a_stage_are_its_sheets_and_its_last_samples(root: Path) -> None:
    for name in ("b.png", "a.png", "samples/000010kimg.png", "samples/000020kimg.png", "c.txt"):
        path = root / "reports/first" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = {name: path.name for name, path in artifacts.find_pictures("first").items()}
    assert found == {"a": "a.png", "b": "b.png", "samples": "000020kimg.png"}
    assert artifacts.make_artifact_key("Train_X@2", "a b") == "train-x-2-a-b"
