"""The stages that `dvc repro` will run."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.review.commands import run_dvc

DAG = Path("dvc.yaml")
LOCK = Path("dvc.lock")
DOWNSTREAM = "an earlier stage runs"
Pipeline = Mapping[str, Mapping[str, Any]]  # the stages of dvc.yaml


def list_next_stages(root: Path) -> dict[str, Any]:
    """Return the stages that `dvc repro` will run in the workspace `root`. It takes seconds.

    Returns:
        `stages`: name, description and reasons of each stage, in the order of the pipeline; `overrides_changed`: True
        if the decisions have changed since `dedup` ran.

    Raises:
        UserError: There is no DVC pipeline, or DVC fails.
    """
    pipeline = read_pipeline(root)
    ended = run_dvc(root, "status", "--json")
    if ended.returncode != 0:
        lines = ended.stderr.strip().splitlines() or ["no message"]
        raise UserError(f"`dvc status` failed: {lines[-1].removeprefix('ERROR: ')}")
    reasons = find_stale(pipeline, json.loads(ended.stdout))
    stages = [
        {"name": name, "description": str(stage.get("desc", "")), "reasons": reasons[name]}
        for name, stage in pipeline.items()
        if name in reasons
    ]
    return {"stages": stages, "overrides_changed": has_new_decisions(root)}


def read_pipeline(root: Path) -> Pipeline:
    """Return the stages of dvc.yaml in their order.

    Raises:
        UserError: The file is missing or not valid.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return dict(YAML(typ="safe", pure=True).load((root / DAG).read_text(encoding="utf-8"))["stages"])
    except FileNotFoundError:
        raise UserError(f"{DAG} not found. Start `mangagan review` in the folder that contains it") from None
    except (YAMLError, KeyError, TypeError) as error:
        raise UserError(f"{DAG} is not valid: {' '.join(str(error).split())}") from None


def find_stale(pipeline: Pipeline, status: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the stages that will run and why, the stages downstream of them included.

    A stage that DVC runs each time is not included unless something else changed, because its outputs are usually
    the same.

    Args:
        pipeline: The stages of dvc.yaml.
        status: Output of `dvc status --json`.
    """
    reasons = {
        name: texts
        for name, entries in status.items()
        if name in pipeline and (texts := [text for entry in entries for text in describe_entry(entry)])
    }
    outs = {
        name: list(list_paths([*stage.get("outs", ()), *stage.get("metrics", ())])) for name, stage in pipeline.items()
    }
    deps = {name: list(list_paths(stage.get("deps", ()))) for name, stage in pipeline.items()}
    pending = list(reasons)
    while pending:
        changed = outs[pending.pop()]
        for name in pipeline:
            if name not in reasons and any(overlap(out, dep) for out in changed for dep in deps[name]):
                reasons[name] = [DOWNSTREAM]
                pending.append(name)
    return reasons


def describe_entry(entry: Any) -> list[str]:
    """Return the reasons in one entry of `dvc status --json`; none for `always changed`."""
    if not isinstance(entry, Mapping):
        return []
    return [f"{path}: {state}" for changes in entry.values() for path, state in flatten_changes(changes)]


def flatten_changes(changes: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Yield path or parameter, and its state. DVC nests parameters under the name of their file."""
    for name, state in changes.items():
        if isinstance(state, Mapping):
            yield from flatten_changes(state)
        else:
            yield name, str(state)


def list_paths(entries: Iterable[Any]) -> Iterable[str]:
    """Yield the paths of `deps`, `outs` or `metrics`; an entry with options is a mapping."""
    for entry in entries:
        yield from entry if isinstance(entry, Mapping) else (str(entry),)


def overlap(first: str, second: str) -> bool:
    """Return True if two paths are equal or one contains the other."""
    return Path(first).is_relative_to(second) or Path(second).is_relative_to(first)


def has_new_decisions(root: Path) -> bool:
    """Return True if the decisions have changed since `dedup` ran, by the MD5 in dvc.lock."""
    from ruamel.yaml import YAML

    try:
        stages = YAML(typ="safe", pure=True).load((root / LOCK).read_text(encoding="utf-8"))["stages"]
        deps = stages["dedup"]["deps"]
        recorded = next(dep["md5"] for dep in deps if dep["path"] == catalog.OVERRIDES.as_posix())
    except (OSError, KeyError, TypeError, StopIteration):
        return True
    content = (root / catalog.OVERRIDES).read_bytes() if (root / catalog.OVERRIDES).is_file() else b""
    return hashlib.md5(content, usedforsecurity=False).hexdigest() != recorded
