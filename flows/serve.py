"""Runs the pipeline on a schedule, in this process: `python -m flows.serve --cron "0 3 * * *"`."""

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

NAME = "scheduled"
EXAMPLE = 'example: python -m flows.serve --cron "0 3 * * *" --timezone Europe/Berlin'


def parser() -> argparse.ArgumentParser:
    """The options of the command line."""
    options = argparse.ArgumentParser(
        prog="python -m flows.serve",
        description="Runs the pipeline on a schedule until it is stopped. A run that falls due while another one is "
        "still running is cancelled.",
        epilog=EXAMPLE,
    )
    when = options.add_mutually_exclusive_group(required=True)
    when.add_argument("--cron", metavar="EXPRESSION", help='when, as cron writes it: "0 3 * * *" is every night at 3')
    when.add_argument("--interval", type=float, metavar="SECONDS", help="every so many seconds, at least 1")
    options.add_argument("--timezone", default="UTC", help="of the cron expression (default: %(default)s)")
    options.add_argument("stages", nargs="*", metavar="STAGE", help="only these and what they depend on (default: all)")
    return options


def schedule(arguments: argparse.Namespace) -> Any:
    """The Prefect schedule of the options.

    Raises:
        UserError: an expression, interval or time zone that makes no sense.
    """
    from datetime import timedelta

    from prefect.schedules import Cron, Interval

    if arguments.cron is None:
        if not 1 <= arguments.interval <= 366 * 24 * 3600:
            raise UserError(f"--interval must be between 1 second and a year of seconds, got {arguments.interval:g}")
        return Interval(timedelta(seconds=arguments.interval))
    try:
        ZoneInfo(arguments.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise UserError(f"--timezone {arguments.timezone}: unknown; write it as Europe/Berlin") from None
    check_cron(arguments.cron)
    return Cron(arguments.cron, timezone=arguments.timezone)


def check_cron(expression: str) -> None:
    """Asks Prefect's server schema, so that a wrong expression is told before anything is started.

    Raises:
        UserError: it is no cron expression.
    """
    from prefect.client.schemas.schedules import CronSchedule
    from pydantic import ValidationError

    try:
        CronSchedule(cron=expression)
    except ValidationError:
        raise UserError(f'--cron "{expression}" is no cron expression: five fields such as "0 3 * * *"') from None


def one_at_a_time() -> "ConcurrencyLimitConfig":
    """Two runs in one workspace could only wait for each other: the newer one is cancelled and says so."""
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy

    return ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


def serve(arguments: argparse.Namespace) -> None:
    """Registers the deployment and runs what falls due until SIGINT or SIGTERM."""
    from prefect.deployments.runner import RunnerDeployment
    from prefect.runner import Runner

    from flows.pipeline import pipeline
    from flows.server import server
    from tasks import graph

    due = schedule(arguments)
    graph.order(arguments.stages)
    if not server():
        raise UserError("a schedule needs a Prefect server: run `prefect server start` and set PREFECT_API_URL")
    deployment = pipeline.to_deployment(
        NAME, schedule=due, parameters={"stages": arguments.stages or None}, concurrency_limit=one_at_a_time()
    )
    runner = Runner(name=NAME)
    runner.add_deployment(cast(RunnerDeployment, deployment))
    print(f"serving {pipeline.name}/{NAME}; SIGINT or SIGTERM ends it, with the run in progress", file=sys.stderr)
    asyncio.run(until_stopped(runner))


async def until_stopped(runner: "Runner") -> None:
    """Runs what falls due; on a signal ends the run in progress, pauses the schedule and returns.

    Prefect 3.8's own handler for SIGTERM does neither: it never awaits the runner's end.
    """
    serving = asyncio.create_task(runner.start())
    await asyncio.sleep(0)  # the runner sets its handler first thing
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
    """The command line; returns the exit status, 2 for the user's mistakes."""
    set_defaults()
    try:
        serve(parser().parse_args(argv))
    except UserError as error:
        print(f"mangagan: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
