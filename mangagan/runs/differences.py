"""Two evaluations side by side: which figures moved beyond their noise, and whether they may be compared at all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import hypot
from typing import Any

from mangagan.core.catalog import HOLDOUT_FACES

WORKSPACE = "workspace"  # DVC's name for what is not committed
CLEAR = 2.0  # standard deviations of a difference that make it more than noise

# Less of these than real faces have is no better than as much. Of all else, more is as wrong as less.
ONE_SIDED = ("kernel_distance", "frechet", "swd", "duplicates")

BETTER, WORSE, SAME = "better", "worse", "same within noise"
NEARER, FURTHER = "better, noise unknown", "worse, noise unknown"
INCOMPARABLE, MISSING = "not comparable", "–"

MEASURING = "mangagan/metrics/"  # the code whose change alone may move a figure

Figure = Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """One run of the pipeline.

    Attributes:
        name: the revision, as the user named it.
        evaluation: the content of its metrics/evaluate.json.
        params: dotted name → value that its stages ran with.
        inputs: path → hash of all that its evaluation read, code included.
    """

    name: str
    evaluation: Mapping[str, Any]
    params: Mapping[str, Any]
    inputs: Mapping[str, str]


@dataclass(frozen=True)
class Row:
    """One figure of both runs.

    Attributes:
        key: where it stands in metrics/evaluate.json, dotted.
        first: its block there; empty where the run lacks it.
        second: the same of the other run.
        outcome: what the second is beside the first, in words.
    """

    key: str
    first: Figure
    second: Figure
    outcome: str


def figure_rows(first: Run, second: Run) -> list[Row]:
    """All figures that either run has."""
    ours, theirs = (dict(blocks(run.evaluation)) for run in (first, second))
    comparable = not dataset_differences(first, second)
    changed = changed_extractors(first, second)
    return [
        Row(key, a, b, outcome(key, a, b) if comparable and not changed & set(key.split(".")) else INCOMPARABLE)
        for key in sorted(ours.keys() | theirs.keys())
        for a, b in [(ours.get(key, {}), theirs.get(key, {}))]
    ]


def blocks(evaluation: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Figure]]:
    """The figures of an evaluation by dotted key: a mapping with a `value` is one, others may hold some."""
    for name, entry in evaluation.items():
        if isinstance(entry, Mapping) and name != "verdict":
            if "value" in entry:
                yield f"{prefix}{name}", entry
            else:
                yield from blocks(entry, f"{prefix}{name}.")


def outcome(key: str, first: Figure, second: Figure) -> str:
    """What the second figure is beside the first: the nearer to what real faces get in its place, the better.

    A difference counts from `CLEAR` standard deviations of it. A figure without a deviation of its own takes its
    floor's; where both lack one, the words say so.
    """
    before, after = gap(key, first), gap(key, second)
    if before is None or after is None:
        return MISSING
    if before == after:
        return SAME
    noise = [deviation(figure) for figure in (first, second)]
    if None in noise:
        return NEARER if after < before else FURTHER
    if abs(after - before) <= CLEAR * hypot(*(sd for sd in noise if sd is not None)):
        return SAME
    return BETTER if after < before else WORSE


def gap(key: str, figure: Figure) -> float | None:
    """How far a figure is from its floor; None where either is missing."""
    value, floor = figure.get("value"), figure.get("floor")
    if value is None or floor is None:
        return None
    return float(max(value - floor, 0.0) if key.split(".")[0] in ONE_SIDED else abs(value - floor))


def deviation(figure: Figure) -> float | None:
    """A figure's standard deviation, else its floor's."""
    return figure["sd"] if figure.get("sd") is not None else figure.get("floor_sd")


def param_rows(first: Run, second: Run) -> list[tuple[str, str, str]]:
    """Name and both values of each parameter that differs; `MISSING` where a run has none of the name."""
    names = dict.fromkeys([*first.params, *second.params])
    pairs = [(name, first.params.get(name, MISSING), second.params.get(name, MISSING)) for name in names]
    return [(name, str(before), str(after)) for name, before, after in pairs if before != after]


def verdict(run: Run) -> str:
    """The run's verdict with the rules that fired."""
    told = run.evaluation.get("verdict") or {}
    reasons = [str(rule["rule"]) for rule in told.get("because", []) if rule.get("fired")]
    word = str(told.get("word", "no verdict"))
    return f"{word}: {'; '.join(reasons)}" if reasons else word


def cautions(first: Run, second: Run) -> list[str]:
    """What a reader must know before trusting a difference, most serious first; whole sentences."""
    found = []
    if differences := dataset_differences(first, second):
        found.append(
            f"The runs were measured on different datasets ({', '.join(differences)}): the figures are not comparable"
            " with each other, each only with its own floor."
        )
    if changed := changed_extractors(first, second):
        found.append(f"Another extractor goes by the same name in both runs ({', '.join(sorted(changed))}).")
    counts = [run.evaluation.get("samples") for run in (first, second)]
    if counts[0] != counts[1]:
        found.append(f"The samples measured differ in number ({counts[0]} and {counts[1]}).")
    code = [path for path in both(first.inputs, second.inputs) if path.startswith(MEASURING)]
    changed_code = [path for path in code if first.inputs[path] != second.inputs[path]]
    if changed_code:
        found.append(f"The code that measures has changed in between ({', '.join(changed_code)}).")
    return found


def dataset_differences(first: Run, second: Run) -> list[str]:
    """Which faces differ between the runs, with what tells them apart; none when both were measured on the same."""
    found = []
    hashes = [run.evaluation.get("train_sha256") for run in (first, second)]
    if hashes[0] != hashes[1]:
        found.append(f"training faces {short(hashes[0])} and {short(hashes[1])}")
    held = [run.inputs.get(HOLDOUT_FACES.as_posix()) for run in (first, second)]
    counts = [run.evaluation.get("holdout") for run in (first, second)]
    if held[0] != held[1] or counts[0] != counts[1]:
        names = counts if counts[0] != counts[1] else [short(value) for value in held]
        found.append(f"hold-out faces {names[0]} and {names[1]}")
    return found


def changed_extractors(first: Run, second: Run) -> set[str]:
    """Names of extractors that are another function in each run."""
    ours, theirs = (run.evaluation.get("extractors") or {} for run in (first, second))
    return {name for name in both(ours, theirs) if ours[name].get("sha256") != theirs[name].get("sha256")}


def both(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """The keys that two mappings share, sorted."""
    return sorted(first.keys() & second.keys())


def short(digest: object) -> str:
    """A hash cut to what tells it from another at a glance."""
    return str(digest)[:8] if digest else "unknown"
