"""What DVC knows, asked in this process: the order of the stages, and why one has to be reproduced."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mangagan.core.errors import UserError
from mangagan.core.params import nearest
from tasks.environment import set_defaults
from tasks.reason import describe

if TYPE_CHECKING:
    from dvc.repo import Repo


class Busy(Exception):
    """Another DVC process holds a file of the stage; the text is DVC's and names the process."""


@contextmanager
def repository() -> Iterator["Repo"]:
    """The DVC repository at the working directory, read afresh.

    Raises:
        UserError: there is none, or DVC cannot read it.
        Busy: another DVC process holds what was asked for.
    """
    set_defaults()
    from dvc.exceptions import DvcException, NotDvcRepoError
    from dvc.lock import LockError
    from dvc.repo import Repo

    try:
        with Repo(_wait_for_lock=True) as repo:
            yield repo
    except LockError as error:
        raise Busy(str(error)) from error
    except NotDvcRepoError:
        raise UserError("no DVC repository here: go to the folder that holds dvc.yaml") from None
    except DvcException as error:
        raise UserError(" ".join(f"DVC: {error}".split())) from error


def order(targets: Sequence[str] = ()) -> list[str]:
    """The stages that `dvc repro TARGETS…` would look at, in its order; without targets, those of `dvc repro`.

    Raises:
        UserError: a target is unknown, or dvc.yaml is missing or wrong.
    """
    from dvc.dvcfile import PROJECT_FILE
    from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro

    with repository() as repo:
        known = sorted(stage.addressing for stage in repo.index.stages)
        unknown = [target for target in targets if target not in known]
        if unknown:
            raise UserError(f"no stage {unknown[0]}{nearest(unknown[0], known)}")
        stages = collect_stages(repo, targets or [PROJECT_FILE])
        return [stage.addressing for stage in plan_repro(get_active_graph(repo.index.graph), stages)]


def stale(name: str) -> str | None:
    """Why DVC would reproduce a stage, in words; None if nothing changed.

    Raises:
        Busy: another DVC process works on the stage's files.
        UserError: there is no such stage.
    """
    with repository() as repo, repo.lock:
        (stage,) = repo.stage.collect(name)
        status = stage.status().get(stage.addressing)
        # `changed` decides as `dvc repro` does; a frozen stage may have a status and still not be changed.
        if not status or not stage.changed():
            return None
        return describe(stage, status)
