"""DVC's status of a stage, in words a person reads."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dvc.stage import Stage

MAX_ITEMS = 8  # of one kind; a reason is read in a table's cell
MAX_VALUE = 40  # characters of a parameter's value


def describe(stage: "Stage", status: list[Any]) -> str:
    """One line such as "changed deps: data/pages; changed params: normalize.margin (0.2 → 0.3)".

    Args:
        stage: the stage, for the parameters' values.
        status: what `stage.status()` lists for it.
    """
    if stage.cmd and stage.outs and not any(out.hash_info for out in stage.outs):
        return "first run"
    parts = []
    for entry in status:
        if isinstance(entry, str):
            parts.append({"changed checksum": "changed definition"}.get(entry, entry))
            continue
        for heading, changes in entry.items():
            files = [path + mark(state) for path, state in changes.items() if isinstance(state, str)]
            params = [text for state in changes.values() if isinstance(state, dict) for text in values(stage, state)]
            parts += [listed(heading, files)] if files else []
            parts += [listed("changed params", params)] if params else []
    return "; ".join(parts)


def mark(state: str) -> str:
    """How a file changed, where "modified" goes without saying."""
    return "" if state == "modified" else f" ({state})"


def listed(heading: str, items: list[str]) -> str:
    """A heading and its items, the rest counted."""
    rest = f", and {len(items) - MAX_ITEMS} more" if len(items) > MAX_ITEMS else ""
    return f"{heading}: {', '.join(items[:MAX_ITEMS])}{rest}"


def values(stage: "Stage", states: dict[str, str]) -> list[str]:
    """Each changed parameter with its value before and now."""
    from dvc.dependency.param import ParamsDependency

    before: dict[str, Any] = {}
    now: dict[str, Any] = {}
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            before |= dep.hash_info.value or {}
            now |= dep.read_params()
    return [text for name in states for text in differences(name, before.get(name), now.get(name))]


def differences(name: str, before: Any, now: Any) -> Iterator[str]:
    """The leaves in which two values differ; a stage may depend on a whole section of params.yaml."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*before, *now]):
            if before.get(key) != now.get(key) or (key in before) != (key in now):
                yield from differences(f"{name}.{key}", before.get(key), now.get(key))
    elif before is None:
        yield f"{name} (new: {short(now)})"
    elif now is None:
        yield f"{name} (removed)"
    else:
        yield f"{name} ({short(before)} → {short(now)})"


def short(value: Any) -> str:
    """A value, cut."""
    text = str(value)
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…"
