"""The stages of dvc.yaml: their order, and why one of them is out of date."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mangagan.core.errors import UserError
from mangagan.core.params import suggest
from tasks.environment import set_defaults
from tasks.reason import describe_status

if TYPE_CHECKING:
    from dvc.repo import Repo


class BusyError(Exception):
    """Another DVC process locks a file of the stage. The message comes from DVC and names the other process."""


@contextmanager
def open_repository() -> Iterator["Repo"]:
    """Open the DVC repository of the working directory.

    Raises:
        UserError: There is no repository, or DVC cannot read it.
        BusyError: Another DVC process locks a file.
    """
    set_defaults()
    from dvc.exceptions import DvcException, NotDvcRepoError
    from dvc.lock import LockError
    from dvc.repo import Repo

    try:
        with Repo(_wait_for_lock=True) as repo:
            yield repo
    except LockError as error:
        raise BusyError(str(error)) from error
    except NotDvcRepoError:
        advice = "Change to the folder that holds dvc.yaml, or make one with: mangagan init DIR"
        raise UserError(f"no DVC repository here. {advice}") from None
    except DvcException as error:
        raise UserError(" ".join(f"DVC: {error}".split())) from error


def list_stages(targets: Sequence[str] = ()) -> list[str]:
    """Return the stages that `dvc repro TARGETS…` checks, in its order. Default targets: all stages of dvc.yaml.

    Raises:
        UserError: A target is unknown, or dvc.yaml is missing or invalid.
    """
    from dvc.dvcfile import PROJECT_FILE
    from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro

    with open_repository() as repo:
        known = sorted(stage.addressing for stage in repo.index.stages)
        unknown = [target for target in targets if target not in known]
        if unknown:
            raise UserError(f"no stage {unknown[0]}{suggest(unknown[0], known)}")
        stages = collect_stages(repo, targets or [PROJECT_FILE])
        return [stage.addressing for stage in plan_repro(get_active_graph(repo.index.graph), stages)]


def find_reason(name: str) -> str | None:
    """Return why DVC would run a stage; None if the stage is up to date.

    Raises:
        BusyError: Another DVC process works on the files of the stage.
        UserError: The stage is unknown.
    """
    with open_repository() as repo, repo.lock:
        (stage,) = repo.stage.collect(name)
        status = stage.status().get(stage.addressing)
        # `changed` decides as `dvc repro` does: a frozen stage may have a status and is not changed.
        if not status or not stage.changed():
            return None
        return describe_status(stage, status)
