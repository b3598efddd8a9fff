"""The Prefect task of a stage; `tasks.stage` does the work and knows nothing of Prefect."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.exceptions import PrefectException
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed, State

from tasks import artifacts
from tasks.stage import Result, reproduce


# DVC alone decides what is stale: no cache, no stored results, no second try.
@task(name="stage", task_run_name="{stage}", cache_policy=NO_CACHE, persist_result=False, retries=0)
def run_stage(stage: str) -> State[Result]:
    """Brings one stage up to date; the state is Cached, Restored, Completed or Failed and its message says why."""
    logger = get_run_logger()
    result = reproduce(stage, logger.info)
    with warned(logger):
        artifacts.publish(result)
    if result.outcome is None:
        return Failed(message=result.message, data=result)
    return Completed(name=result.outcome.value, message=result.message, data=result)


@contextmanager
def warned(logger: "logging.Logger | logging.LoggerAdapter[logging.Logger]") -> Iterator[None]:
    """Turns a failure to show a result into a warning: it does not undo the result."""
    try:
        yield
    except (PrefectException, httpx.HTTPError, OSError, ValueError) as error:
        logger.warning("the results could not be shown in Prefect: %s", error)
