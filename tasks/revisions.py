"""Runs of the pipeline at a git revision: their files from git, DVC's cache or a remote, and their parameters."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.runs.differences import WORKSPACE, Run

if TYPE_CHECKING:
    from dvc.fs.dvc import DVCFileSystem
    from dvc.repo import Repo
    from dvc.stage import Stage

EVALUATION = catalog.metrics_file("evaluate")
REPEAT_EVALUATION = "Check out the revision and run: dvc repro --force evaluate"


@dataclass(frozen=True)
class RecordedRun:
    """A run with its generator.

    Attributes:
        run: Metrics, parameters and inputs.
        weights: Content of models/generator.safetensors.
        card: Content of models/model.json.
    """

    run: Run
    weights: bytes
    card: bytes


@dataclass(frozen=True)
class RevisionFiles:
    """The files of a revision.

    Attributes:
        revision: Name of the revision.
        files: DVC's view of the repository at the revision.
        folder: Working directory, relative to the root of the DVC repository.
    """

    revision: str
    files: "DVCFileSystem"
    folder: Path

    def read(self, path: Path) -> bytes:
        """Return the content of a file.

        Args:
            path: Path, relative to the working directory.

        Raises:
            FileNotFoundError: The file is not in git, in the cache, or on a remote.
        """
        with self.files.open("/" + (self.folder / path).as_posix(), "rb") as file:
            return bytes(file.read())

    def read_evaluation(self) -> dict[str, Any]:
        """Return the content of metrics/evaluate.json. Git stores it, DVC's cache does not.

        Raises:
            UserError: The revision lacks the file, or it is not a JSON object.
        """
        try:
            values = json.loads(self.read(EVALUATION))
        except FileNotFoundError:
            commit = "" if self.revision == WORKSPACE else f", then git add {EVALUATION} dvc.lock and commit"
            raise UserError(f"{EVALUATION} not found in {self.revision}. Run: dvc repro evaluate{commit}") from None
        except ValueError as error:
            raise UserError(
                f"{EVALUATION} of {self.revision} is not valid JSON ({error}). {REPEAT_EVALUATION}"
            ) from None
        if not isinstance(values, dict):
            raise UserError(f"{EVALUATION} of {self.revision} is not a JSON object. {REPEAT_EVALUATION}")
        return values

    def read_cached(self, path: Path) -> bytes:
        """Return the content of a file that DVC's cache stores.

        Raises:
            UserError: The file is not in the workspace, in the cache, or on the remote.
        """
        try:
            return self.read(path)
        except FileNotFoundError:
            raise UserError(
                f"{path} of {self.revision} is not in DVC's cache or on its remote. On the machine that trained it,"
                " run: dvc push (for an experiment: dvc exp push). Or check out the revision and run: dvc repro"
            ) from None
        except OSError as error:
            raise UserError(f"cannot read {path} of {self.revision}: {' '.join(str(error).split())}") from error


def read_run(repo: "Repo", revision: str) -> RecordedRun:
    """Return the run at a revision, without a checkout.

    Args:
        repo: The DVC repository of the working directory.
        revision: Git commit, branch or tag, name of a DVC experiment, or `WORKSPACE`.

    Raises:
        UserError: The revision does not exist, it has no evaluation, or its model is not available.
    """
    from dvc.fs.dvc import DVCFileSystem
    from dvc.scm import NoSCMError, RevError, map_scm_exception

    folder = Path(os.path.relpath(Path.cwd().resolve(), Path(repo.root_dir).resolve()))
    current_config = repo.config
    try:
        with map_scm_exception(), repo.switch(revision):
            repo.config.merge(current_config)  # a remote that was added later may have the files of the revision
            files = RevisionFiles(revision, DVCFileSystem(repo=repo), folder)
            evaluation = files.read_evaluation()
            stages = repo.index.stages
            run = Run(revision, evaluation, dict(list_params(stages)), list_inputs(stages, EVALUATION))
            return RecordedRun(run, files.read_cached(catalog.GENERATOR), files.read_cached(catalog.MODEL_CARD))
    except RevError:
        raise UserError(
            f"revision {revision} not found. To list revisions, run: git log --oneline --all; dvc exp list --all"
        ) from None
    except NoSCMError:
        raise UserError("this DVC repository is not in git, so it has no revisions. Run: git init") from None


def list_params(stages: list["Stage"]) -> Iterator[tuple[str, Any]]:
    """Yield the parameters of the last run of each stage (dvc.lock) as (dotted name, value)."""
    from dvc.dependency.param import ParamsDependency

    for stage in stages:
        for dep in stage.deps:
            if isinstance(dep, ParamsDependency):
                for name, value in (dep.hash_info.value or {}).items():
                    yield from flatten(name, value)


def flatten(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested mappings as (dotted name, value)."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flatten(f"{name}.{key}", inner)
    else:
        yield name, value


def list_inputs(stages: list["Stage"], out: Path) -> dict[str, str]:
    """Return path → hash of every file that the last run of the stage of `out` used."""
    from dvc.dependency.param import ParamsDependency

    return {
        dep.def_path: dep.hash_info.value
        for stage in stages
        if any(Path(written.def_path) == out for written in stage.outs)
        for dep in stage.deps
        if not isinstance(dep, ParamsDependency) and dep.hash_info
    }
