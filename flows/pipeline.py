"""The stages of dvc.yaml as a Prefect flow."""

import contextlib
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, cast

from flows.server import find_server, start_temporary_server
from tasks import graph
from tasks.environment import set_defaults

set_defaults()  # Prefect reads these environment variables on import

from prefect import flow  # noqa: E402
from prefect.logging import get_run_logger  # noqa: E402
from prefect.states import Completed, Failed, State  # noqa: E402

from tasks import artifacts  # noqa: E402
from tasks.outcome import ALWAYS_CHANGED, Outcome  # noqa: E402
from tasks.stage import StageResult  # noqa: E402
from tasks.task import run_stage, warn_on_failure  # noqa: E402

STOPPED = "mangagan: run stopped. Finished stages are kept, and the next run resumes training from its checkpoint"


@flow(name="mangagan", persist_result=False, retries=0)
def pipeline(stages: list[str] | None = None, root: Path = Path()) -> State[None]:
    """Bring the stages of dvc.yaml up to date, one after the other, as `dvc repro` does.

    Args:
        stages: Run only these and the stages before them. Default: all stages.
        root: The workspace: the folder that holds dvc.yaml. Default: the working directory.
    """
    with contextlib.chdir(root):
        names = graph.list_stages(stages or ())
        results: list[StageResult] = []
        # Direct calls, because a task on a thread does not stop when the flow gets SIGTERM.
        for name in names:
            state = run_stage(name, return_state=True)
            results.append(read_result(state))
            if state.is_failed():
                break
        not_run = names[len(results) :]
        with warn_on_failure(get_run_logger()):
            artifacts.publish_run(results, not_run)
    if results and results[-1].outcome is None:
        return Failed(message=describe_failure(results[-1], not_run))
    return Completed(message=describe_success(results))


def read_result(state: State[Any]) -> StageResult:
    """Return the result of a task run. Raise its exception if the task itself failed."""
    result = state.result(raise_on_failure=False)
    if isinstance(result, Exception):
        raise result
    return cast(StageResult, result)


def describe_failure(result: StageResult, not_run: Sequence[str]) -> str:
    """Return one line: the failed stage, how it failed, and the stages that were not run."""
    rest = f"; not run: {', '.join(not_run)}" if not_run else ""
    return f"{result.stage}: {result.failure}{rest}"


def describe_success(results: Sequence[StageResult]) -> str:
    """Return one line: the stages by outcome, without a stage that runs each time."""
    results = [result for result in results if result.reason != ALWAYS_CHANGED]
    if all(result.outcome is Outcome.CACHED for result in results):
        return f"nothing changed, {len(results)} stages are up to date"
    stages = {outcome: [result.stage for result in results if result.outcome is outcome] for outcome in Outcome}
    return "; ".join(f"{outcome.value}: {', '.join(names)}" for outcome, names in stages.items() if names)


def main(stages: Sequence[str] = ()) -> int:
    """Run the flow in the working directory.

    Args:
        stages: Run only these and the stages before them. Default: all stages.

    Returns:
        The exit status: 0, or 1 if a stage failed. SIGINT ends the process with 130 and SIGTERM with 143, after the
        running stage has been stopped.

    Raises:
        UserError: A stage is unknown, there is no DVC repository, or the Prefect server does not answer.
    """
    signal.signal(signal.SIGTERM, handle_sigterm)
    try:
        graph.list_stages(stages)  # reports a misspelt stage before a server is started
        if not find_server():
            start_temporary_server()
        for handler in logging.getLogger().handlers:  # the console, not the log in Prefect
            handler.addFilter(is_no_repetition)
        state = pipeline(list(stages) or None, return_state=True)
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    if state.is_completed():
        print(state.message, file=sys.stderr)
        return 0
    print(f"mangagan: {state.message}", file=sys.stderr)
    return 1


def is_no_repetition(record: logging.LogRecord) -> bool:
    """Return False for Prefect's line about the end of the flow or of a failed stage: `main` prints the same last."""
    message = record.getMessage()
    by_flow = record.name == "prefect.flow_runs" and message.startswith("Finished in state ")
    return not by_flow and not message.startswith("Finished in state Failed(")


def handle_sigterm(number: int, frame: FrameType | None) -> NoReturn:
    """End the process with the exit status of a signal. The process group of the stage is ended on the way out."""
    print(STOPPED, file=sys.stderr)
    sys.exit(128 + number)
