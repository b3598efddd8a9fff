"""A run of the pipeline as a revision recorded it: its files, from git or DVC's cache or remote, and its parameters."""

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
    from dvc.repo import Repo
    from dvc.stage import Stage

EVALUATION = catalog.metrics("evaluate")


@dataclass(frozen=True)
class Recorded:
    """A run and its generator.

    Attributes:
        run: what is compared.
        weights: the content of models/generator.safetensors.
        card: the content of models/model.json.
    """

    run: Run
    weights: bytes
    card: bytes


def read(repo: "Repo", revision: str) -> Recorded:
    """Reads a run; nothing is checked out, the workspace stays as it is.

    Args:
        repo: the DVC repository that holds the working directory.
        revision: a commit, branch or tag of git, the name of a DVC experiment, or `WORKSPACE`.

    Raises:
        UserError: there is no such revision, it was not evaluated, or its model is out of reach.
    """
    from dvc.fs.dvc import DVCFileSystem
    from dvc.scm import NoSCMError, RevError, map_scm_exception

    inside = Path(os.path.relpath(Path.cwd().resolve(), Path(repo.root_dir).resolve()))
    today = repo.config
    try:
        with map_scm_exception(), repo.switch(revision):
            repo.config.merge(today)  # a remote that was set up later holds the revision's files too
            files = DVCFileSystem(repo=repo)
            evaluation = read_evaluation(files, inside, revision)
            stages = repo.index.stages
            run = Run(revision, evaluation, dict(parameters(stages)), inputs(stages, EVALUATION))
            weights, card = (fetch(files, inside, path, revision) for path in (catalog.GENERATOR, catalog.MODEL_CARD))
            return Recorded(run, weights, card)
    except RevError:
        raise UserError(
            f"no revision {revision}: `git log --oneline --all` and `dvc exp list --all` name them"
        ) from None
    except NoSCMError:
        raise UserError("this DVC repository is outside git, which alone records revisions: `git init` it") from None


def read_evaluation(files: Any, inside: Path, revision: str) -> dict[str, Any]:
    """The content of metrics/evaluate.json, which git keeps and DVC's cache does not.

    Raises:
        UserError: the revision lacks it, or it is no JSON object.
    """
    try:
        values = json.loads(content(files, inside, EVALUATION))
    except FileNotFoundError:
        help_text = "" if revision == WORKSPACE else f", then `git add {EVALUATION} dvc.lock` and commit"
        raise UserError(f"{revision} has no {EVALUATION}: run `dvc repro evaluate`{help_text}") from None
    except ValueError as error:
        raise UserError(f"{EVALUATION} of {revision} is not valid JSON ({error})") from None
    if not isinstance(values, dict):
        raise UserError(f"{EVALUATION} of {revision} holds no metrics")
    return values


def fetch(files: Any, inside: Path, path: Path, revision: str) -> bytes:
    """A file that DVC's cache keeps.

    Raises:
        UserError: neither the workspace nor the cache nor the remote has it.
    """
    try:
        return content(files, inside, path)
    except FileNotFoundError:
        raise UserError(
            f"{path} of {revision} is neither in DVC's cache nor on its remote: `dvc push` it where it was trained"
            " (an experiment: `dvc exp push`), or check the revision out and run `dvc repro`"
        ) from None
    except OSError as error:
        raise UserError(f"{path} of {revision} cannot be read: {' '.join(str(error).split())}") from error


def content(files: Any, inside: Path, path: Path) -> bytes:
    """The bytes of a file, whoever keeps it; `path` as seen from the working directory."""
    with files.open("/" + (inside / path).as_posix(), "rb") as file:
        return bytes(file.read())


def parameters(stages: list["Stage"]) -> Iterator[tuple[str, Any]]:
    """The parameters that the stages last ran with, by dotted name: not those that were edited since."""
    from dvc.dependency.param import ParamsDependency

    for stage in stages:
        for dep in stage.deps:
            if isinstance(dep, ParamsDependency):
                for name, value in (dep.hash_info.value or {}).items():
                    yield from flat(name, value)


def flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The leaves of nested mappings with their dotted names."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(f"{name}.{key}", inner)
    else:
        yield name, value


def inputs(stages: list["Stage"], out: Path) -> dict[str, str]:
    """The hash of every file that the stage read which wrote `out`, as it last ran."""
    from dvc.dependency.param import ParamsDependency

    return {
        dep.def_path: dep.hash_info.value
        for stage in stages
        if any(Path(written.def_path) == out for written in stage.outs)
        for dep in stage.deps
        if not isinstance(dep, ParamsDependency) and dep.hash_info
    }
