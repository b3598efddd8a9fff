"""DVC's status of a stage as text: why the stage is out of date."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dvc.stage import Stage

MAX_ITEMS = 8  # files or parameters of one kind; the reason is shown in a table cell
MAX_VALUE_LENGTH = 40  # characters of a parameter's value


def describe_status(stage: "Stage", status: list[Any]) -> str:
    """Return one line such as "changed deps: data/pages; changed params: normalize.margin (0.2 → 0.3)".

    Args:
        stage: The stage; it has the values of the parameters.
        status: Entry of the stage in `stage.status()`.
    """
    if stage.cmd and stage.outs and not any(out.hash_info for out in stage.outs):
        return "first run"
    parts = []
    for entry in status:
        if isinstance(entry, str):
            parts.append({"changed checksum": "changed definition"}.get(entry, entry))
            continue
        for heading, changes in entry.items():
            files = [describe_file(path, state) for path, state in changes.items() if isinstance(state, str)]
            params = [
                text for state in changes.values() if isinstance(state, dict) for text in describe_params(stage, state)
            ]
            parts += [join_items(heading, files)] if files else []
            parts += [join_items("changed params", params)] if params else []
    return "; ".join(parts)


def describe_file(path: str, state: str) -> str:
    """Return the path of a changed file, with the kind of change unless it is "modified"."""
    return path if state == "modified" else f"{path} ({state})"


def join_items(heading: str, items: list[str]) -> str:
    """Return a heading and at most MAX_ITEMS items; further items are only counted."""
    rest = f", and {len(items) - MAX_ITEMS} more" if len(items) > MAX_ITEMS else ""
    return f"{heading}: {', '.join(items[:MAX_ITEMS])}{rest}"


def describe_params(stage: "Stage", states: dict[str, str]) -> list[str]:
    """Return each changed parameter with its old and new value."""
    from dvc.dependency.param import ParamsDependency

    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            old |= dep.hash_info.value or {}
            new |= dep.read_params()
    return [text for name in states for text in compare_values(name, old.get(name), new.get(name))]


def compare_values(name: str, old: Any, new: Any) -> Iterator[str]:
    """Yield the changed leaves of a parameter. A stage may depend on a whole section of params.yaml."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            if old.get(key) != new.get(key) or (key in old) != (key in new):
                yield from compare_values(f"{name}.{key}", old.get(key), new.get(key))
    elif old is None:
        yield f"{name} (new: {shorten(new)})"
    elif new is None:
        yield f"{name} (removed)"
    else:
        yield f"{name} ({shorten(old)} → {shorten(new)})"


def shorten(value: Any) -> str:
    """Return a value as text of at most MAX_VALUE_LENGTH characters."""
    text = str(value)
    return text if len(text) <= MAX_VALUE_LENGTH else text[: MAX_VALUE_LENGTH - 1] + "…"
