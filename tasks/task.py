"""The Prefect task of a stage; `tasks.stage` does the work and knows nothing of Prefect."""

import logging

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
    # What goes wrong in showing a result does not undo it.
    try:
        artifacts.publish(result)
    except (PrefectException, httpx.HTTPError, OSError, ValueError) as error:
        logger.log(logging.WARNING, "the results of %s could not be shown: %s", stage, error)
    if result.outcome is None:
        return Failed(message=result.message, data=result)
    return Completed(name=result.outcome.value, message=result.message, data=result)
