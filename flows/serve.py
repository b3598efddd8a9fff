"""Run the pipeline on a schedule, in this process: `python -m flows.serve --cron "0 3 * * *"`."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mangagan.core.errors import UserError
from tasks.environment import set_defaults

if TYPE_CHECKING:
    from prefect.client.schemas.objects import ConcurrencyLimitConfig
    from prefect.runner import Runner

DEPLOYMENT = "scheduled"
EXAMPLE = 'example: python -m flows.serve --cron "0 3 * * *" --timezone Europe/Berlin'
MAX_INTERVAL_S = 366 * 24 * 3600


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m flows.serve",
        description="Run the pipeline on a schedule until SIGINT or SIGTERM. A scheduled run is cancelled if the "
        "previous run has not ended.",
        epilog=EXAMPLE,
    )
    schedule = parser.add_mutually_exclusive_group(required=True)
    schedule.add_argument("--cron", metavar="EXPRESSION", help='cron expression: "0 3 * * *" is every night at 3')
    schedule.add_argument("--interval", type=float, metavar="SECONDS", help="time between two runs, at least 1 [s]")
    parser.add_argument("--timezone", default="UTC", help="time zone of the cron expression (default: %(default)s)")
    parser.add_argument(
        "stages", nargs="*", metavar="STAGE", help="stages to run, with the stages before them (default: all)"
    )
    return parser


def build_schedule(arguments: argparse.Namespace) -> Any:
    """Return the Prefect schedule of the options.

    Raises:
        UserError: The expression, the interval or the time zone is invalid.
    """
    from datetime import timedelta

    from prefect.schedules import Cron, Interval

    if arguments.cron is None:
        if not 1 <= arguments.interval <= MAX_INTERVAL_S:
            raise UserError(f"--interval must be between 1 and {MAX_INTERVAL_S} s, got {arguments.interval:g}")
        return Interval(timedelta(seconds=arguments.interval))
    try:
        ZoneInfo(arguments.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise UserError(f"--timezone {arguments.timezone} is unknown. Use a name such as Europe/Berlin") from None
    check_cron(arguments.cron)
    return Cron(arguments.cron, timezone=arguments.timezone)


def check_cron(expression: str) -> None:
    """Raise UserError if Prefect rejects a cron expression."""
    from prefect.client.schemas.schedules import CronSchedule
    from pydantic import ValidationError

    try:
        CronSchedule(cron=expression)
    except ValidationError:
        raise UserError(
            f'--cron "{expression}" is not a cron expression. Use five fields such as "0 3 * * *"'
        ) from None


def one_at_a_time() -> "ConcurrencyLimitConfig":
    """Return a limit of one run: the newer of two overlapping runs is cancelled."""
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy

    return ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


def serve(arguments: argparse.Namespace) -> None:
    """Register the deployment, and run the pipeline on its schedule until SIGINT or SIGTERM."""
    from prefect.deployments.runner import EntrypointType, RunnerDeployment
    from prefect.runner import Runner

    from flows.pipeline import pipeline
    from flows.server import find_server
    from tasks import graph

    schedule = build_schedule(arguments)
    graph.list_stages(arguments.stages)
    if not find_server():
        raise UserError("a schedule needs a Prefect server. Run: prefect server start, and set PREFECT_API_URL")
    deployment = pipeline.to_deployment(
        DEPLOYMENT, schedule=schedule, parameters={"stages": arguments.stages or None},
        concurrency_limit=one_at_a_time(), entrypoint_type=EntrypointType.MODULE_PATH,
    )  # fmt: skip
    runner = Runner(name=DEPLOYMENT)
    runner.add_deployment(cast(RunnerDeployment, deployment))
    print(f"serving {pipeline.name}/{DEPLOYMENT}; press Ctrl-C to stop it and the current run", file=sys.stderr)
    asyncio.run(run_until_signal(runner))


async def run_until_signal(runner: "Runner") -> None:
    """Run scheduled flows. On SIGINT or SIGTERM end the current run, pause the schedule and return.

    Prefect 3.8's own handler of SIGTERM does neither: it does not wait for the end of the runner.
    """
    serving = asyncio.create_task(runner.start())
    await asyncio.sleep(0)  # let the runner install its handler first
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not serving.done():
        await runner.astop()
    await serving


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Return the exit status: 0, or 2 for an error of the user."""
    set_defaults()
    try:
        serve(build_parser().parse_args(argv))
    except UserError as error:
        print(f"mangagan: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
