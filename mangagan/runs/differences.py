"""Differences between two runs: which metrics changed by more than noise, and whether the runs are comparable."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import hypot
from typing import Any

from mangagan.core.catalog import HOLDOUT_FACES
from mangagan.metrics.registry import METRICS
from mangagan.metrics.types import Direction

WORKSPACE = "workspace"  # DVC's name for uncommitted files
MIN_DEVIATIONS = 2.0  # standard deviations of a difference above which it is more than noise

# A value below the floor is as good as the floor. Of other metrics it is as bad as a value above the floor.
ONE_SIDED = tuple(key for key, metric in METRICS.items() if metric.direction is Direction.LOWER)

BETTER, WORSE, SAME = "better", "worse", "same within noise"
BETTER_UNSURE, WORSE_UNSURE = "better, noise unknown", "worse, noise unknown"
INCOMPARABLE, MISSING = "not comparable", "–"

METRICS_CODE = ("mangagan/metrics", "mangagan/distances")  # dependencies in dvc.yaml; their changes can change a metric

Block = Mapping[str, Any]  # one metric in metrics/evaluate.json; empty if a run lacks it


@dataclass(frozen=True)
class Run:
    """One run of the pipeline.

    Attributes:
        name: Revision, as the user gave it.
        evaluation: Content of metrics/evaluate.json.
        params: Dotted name → value of each parameter that the stages used.
        inputs: Path → hash of each file that `evaluate` used, including code.
    """

    name: str
    evaluation: Mapping[str, Any]
    params: Mapping[str, Any]
    inputs: Mapping[str, str]


@dataclass(frozen=True)
class MetricRow:
    """One metric of both runs.

    Attributes:
        key: Dotted key in metrics/evaluate.json.
        first: Block of the first run; empty if missing.
        second: Block of the second run; empty if missing.
        outcome: Result of the comparison, second relative to first.
    """

    key: str
    first: Block
    second: Block
    outcome: str


@dataclass(frozen=True)
class ParamRow:
    """A parameter whose values differ; `MISSING` if a run does not have it."""

    name: str
    first: str
    second: str


def compare_metrics(first: Run, second: Run) -> list[MetricRow]:
    """Return all metrics of either run, sorted by key."""
    first_blocks, second_blocks = (dict(find_blocks(run.evaluation)) for run in (first, second))
    comparable = not list_dataset_differences(first, second)
    changed = list_changed_extractors(first, second)
    rows = []
    for key in sorted(first_blocks.keys() | second_blocks.keys()):
        before, after = first_blocks.get(key, {}), second_blocks.get(key, {})
        same_measure = comparable and not changed & set(key.split("."))
        outcome = compare_blocks(key, before, after) if same_measure else INCOMPARABLE
        rows.append(MetricRow(key, before, after, outcome))
    return rows


def find_blocks(evaluation: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Block]]:
    """Yield dotted key and block of each metric: every mapping with a `value`, also inside other mappings."""
    for name, entry in evaluation.items():
        if isinstance(entry, Mapping) and name != "verdict":
            if "value" in entry:
                yield f"{prefix}{name}", entry
            else:
                yield from find_blocks(entry, f"{prefix}{name}.")


def compare_blocks(key: str, first: Block, second: Block) -> str:
    """Compare a metric of two runs: the value nearer to its floor is better.

    A difference counts above `MIN_DEVIATIONS` of its standard deviations. A value without a standard deviation takes
    that of its floor. If both are missing, the noise is unknown.
    """
    before, after = measure_distance_to_floor(key, first), measure_distance_to_floor(key, second)
    if before is None or after is None:
        return MISSING
    if before == after:
        return SAME
    deviations = [standard_deviation(block) for block in (first, second)]
    known = [deviation for deviation in deviations if deviation is not None]
    if len(known) < len(deviations):
        return BETTER_UNSURE if after < before else WORSE_UNSURE
    if abs(after - before) <= MIN_DEVIATIONS * hypot(*known):
        return SAME
    return BETTER if after < before else WORSE


def measure_distance_to_floor(key: str, block: Block) -> float | None:
    """Return the distance of a value from its floor, at least 0; None if either is missing."""
    value, floor = block.get("value"), block.get("floor")
    if value is None or floor is None:
        return None
    return float(max(value - floor, 0.0) if key.split(".")[0] in ONE_SIDED else abs(value - floor))


def standard_deviation(block: Block) -> float | None:
    """Return the standard deviation of a value, or that of its floor; None if both are missing."""
    return block["sd"] if block.get("sd") is not None else block.get("floor_sd")


def compare_params(first: Run, second: Run) -> list[ParamRow]:
    """Return the parameters whose values differ."""
    names = dict.fromkeys([*first.params, *second.params])
    pairs = [(name, first.params.get(name, MISSING), second.params.get(name, MISSING)) for name in names]
    return [ParamRow(name, str(before), str(after)) for name, before, after in pairs if before != after]


def summarize_verdict(run: Run) -> str:
    """Return the verdict of a run with the rules that fired."""
    verdict = run.evaluation.get("verdict") or {}
    reasons = [str(rule["rule"]) for rule in verdict.get("because", []) if rule.get("fired")]
    word = str(verdict.get("word", "no verdict"))
    return f"{word}: {' '.join(reasons)}" if reasons else word


def list_cautions(first: Run, second: Run) -> list[str]:
    """Return sentences on everything that limits the comparison, most serious first."""
    cautions = []
    if differences := list_dataset_differences(first, second):
        cautions.append(
            f"The datasets of the runs differ ({', '.join(differences)}). Compare each metric with its own floor only."
        )
    if changed := list_changed_extractors(first, second):
        cautions.append(f"Networks with the same name differ ({', '.join(sorted(changed))}).")
    counts = [run.evaluation.get("samples") for run in (first, second)]
    if counts[0] != counts[1]:
        cautions.append(f"The numbers of samples differ ({counts[0]} and {counts[1]}).")
    code = [path for path in list_common_keys(first.inputs, second.inputs) if path.startswith(METRICS_CODE)]
    changed_code = [path for path in code if first.inputs[path] != second.inputs[path]]
    if changed_code:
        cautions.append(f"The code of the metrics differs ({', '.join(changed_code)}).")
    return cautions


def list_dataset_differences(first: Run, second: Run) -> list[str]:
    """Return the differences between the faces of both runs; empty if they used the same dataset."""
    differences = []
    hashes = [run.evaluation.get("train_sha256") for run in (first, second)]
    if hashes[0] != hashes[1]:
        differences.append(f"training faces {shorten_hash(hashes[0])} and {shorten_hash(hashes[1])}")
    holdout_hashes = [run.inputs.get(HOLDOUT_FACES.as_posix()) for run in (first, second)]
    counts = [run.evaluation.get("holdout") for run in (first, second)]
    if counts[0] != counts[1]:
        differences.append(f"hold-out faces {counts[0]} and {counts[1]}")
    elif holdout_hashes[0] != holdout_hashes[1]:
        differences.append(f"hold-out faces {shorten_hash(holdout_hashes[0])} and {shorten_hash(holdout_hashes[1])}")
    return differences


def list_changed_extractors(first: Run, second: Run) -> set[str]:
    """Return the names of the feature extractors, and of the networks that rate faces, whose hashes differ."""
    before, after = (
        {**(evaluation.get("extractors") or {}), **(evaluation.get("rating_networks") or {})}
        for evaluation in (first.evaluation, second.evaluation)
    )
    return {name for name in list_common_keys(before, after) if before[name].get("sha256") != after[name].get("sha256")}


def list_common_keys(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Return the keys of both mappings, sorted."""
    return sorted(first.keys() & second.keys())


def shorten_hash(digest: object) -> str:
    """Return the first 8 digits of a hash."""
    return str(digest)[:8] if digest else "unknown"
