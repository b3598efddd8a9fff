"""The DAG of dvc.yaml as a Prefect flow."""

import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, cast

from flows.server import server, start_temporary_server
from tasks import graph
from tasks.environment import set_defaults

set_defaults()  # before Prefect is imported: it reads its settings then

from prefect import flow  # noqa: E402
from prefect.logging import get_run_logger  # noqa: E402
from prefect.states import Completed, Failed, State  # noqa: E402

from tasks import artifacts  # noqa: E402
from tasks.outcome import Outcome  # noqa: E402
from tasks.stage import Result  # noqa: E402
from tasks.task import run_stage, warned  # noqa: E402

STOPPED = "stopped: finished stages are kept, and training goes on from its checkpoint in the next run"


@flow(name="mangagan", persist_result=False, retries=0)
def pipeline(stages: list[str] | None = None, root: Path = Path()) -> State[None]:
    """Brings the stages of dvc.yaml up to date, one after the other, as `dvc repro` would.

    Args:
        stages: only these and what they depend on; all of them when there are none.
        root: the workspace, the folder that holds dvc.yaml.
    """
    with contextlib.chdir(root):
        names = graph.order(stages or ())
        results: list[Result] = []
        # Direct calls: a task on a thread would go on when the flow is told to stop.
        for name in names:
            state = run_stage(name, return_state=True)
            results.append(result_of(state))
            if state.is_failed():
                break
        not_run = names[len(results) :]
        with warned(get_run_logger()):
            artifacts.publish_run(results, not_run)
    if results and results[-1].outcome is None:
        return Failed(message=failed(results[-1], not_run))
    return Completed(message=finished(results))


def result_of(state: State[Any]) -> Result:
    """The stage's result; an error of the task itself goes on."""
    result = state.result(raise_on_failure=False)
    if isinstance(result, Exception):
        raise result
    return cast(Result, result)


def failed(result: Result, not_run: Sequence[str]) -> str:
    """The one line that says what stopped the run."""
    rest = f"; not run: {', '.join(not_run)}" if not_run else ""
    return f"{result.stage}: {result.failure.partition(chr(10))[0]}{rest}"


def finished(results: Sequence[Result]) -> str:
    """How many stages ended how."""
    if all(result.outcome is Outcome.CACHED for result in results):
        return f"nothing changed, {len(results)} stages are up to date"
    counts = {outcome: [r.stage for r in results if r.outcome is outcome] for outcome in Outcome}
    return "; ".join(f"{outcome.value}: {', '.join(names)}" for outcome, names in counts.items() if names)


def main(stages: Sequence[str] = ()) -> int:
    """Runs the flow in the working directory.

    Returns:
        The exit status: 0, or 1 when a stage failed. Ends the process with 130 on SIGINT and 143 on SIGTERM, after
        the running stage was told to stop.

    Raises:
        UserError: an unknown stage, no workspace, no Prefect server.
    """
    signal.signal(signal.SIGTERM, on_sigterm)
    try:
        graph.order(stages)  # a misspelt name is told before a server is started
        if not server():
            start_temporary_server()
        state = pipeline(list(stages) or None, return_state=True)
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    print(state.message, file=sys.stderr)
    return 0 if state.is_completed() else 1


def on_sigterm(number: int, frame: FrameType | None) -> NoReturn:
    """Ends the process as a shell expects; the stage's group is ended on the way out."""
    print(STOPPED, file=sys.stderr)
    sys.exit(128 + number)
