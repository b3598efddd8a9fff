"""The Prefect task that runs a stage. `tasks.stage` does the work without Prefect."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.exceptions import PrefectException
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed, State

from tasks import artifacts, live
from tasks.stage import StageResult, reproduce


# Only DVC decides which stages are out of date: no cache, no stored results, no retries.
@task(name="stage", task_run_name="{stage}", cache_policy=NO_CACHE, persist_result=False, retries=0)
def run_stage(stage: str) -> State[StageResult]:
    """Bring one stage up to date. The state is Cached, Restored, Completed or Failed, and its message is the reason."""
    logger = get_run_logger()
    logging.getLogger("prefect.task_runs").addFilter(is_informative)
    with live.publish_during(stage, logger):
        result = reproduce(stage, logger.info)
    with warn_on_failure(logger):
        artifacts.publish(result)
    if result.outcome is None:
        return Failed(message=result.message, data=result)
    return Completed(name=result.outcome.value, message=result.message, data=result)


def is_informative(record: logging.LogRecord) -> bool:
    """Return False for Prefect's log line about a state that the task returned as failed.

    Prefect 3.8 adds an empty traceback ("NoneType: None") to this line, and then logs the state again.
    """
    return record.exc_info != (None, None, None)


@contextmanager
def warn_on_failure(logger: "logging.Logger | logging.LoggerAdapter[logging.Logger]") -> Iterator[None]:
    """Log a warning if an artifact cannot be created: the stage itself has not failed."""
    try:
        yield
    except (PrefectException, httpx.HTTPError, OSError, ValueError) as error:
        logger.warning("cannot show the results in Prefect: %s", error)
