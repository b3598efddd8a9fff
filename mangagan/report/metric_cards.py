"""The metrics, prepared for the report: one card for each metric, one range plot for each extractor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mangagan.metrics.types import Metric
from mangagan.report.range_plot import RangePlot, lay_out_range, name_set
from mangagan.report.tables import Table
from mangagan.report.values import Sources, look_up, show_value, show_with_deviation
from mangagan.report.words import GROUPS, METRICS, describe, describe_value

EVALUATE = "evaluate"
# Entries that every block of a metric has. Others are details.
STANDARD = {
    "value",
    "sd",
    "floor",
    "floor_sd",
    "ratio",
    "position",
    "ceilings",
    "references",
    "count",
    "floor_count",
    "reason",
}
COLUMN_NAMES = {
    "value": "samples",
    "floor": "real faces",
    "share": "share of samples",
    "train_share": "share of training faces",
}


@dataclass(frozen=True)
class CardRow:
    """The values of one extractor ("" for a metric on pixels): ratio to the floor, plot, and reading."""

    extractor: str
    ratio: Markup | None
    plot: RangePlot | None
    reading: str
    reason: Markup | None  # why a value is missing


@dataclass(frozen=True)
class Card:
    """A metric: one row per extractor, details as (name, value), and a summary with one column per extractor."""

    metric: Metric
    rows: Sequence[CardRow]
    details: Sequence[tuple[str, Markup]]
    tables: Sequence[Table]
    summary: Table


def group_metrics(sources: Sources) -> dict[str, list[str]]:
    """Return the metrics of the evaluation by group, in the order of `GROUPS`. Metrics without texts come last."""
    metrics = [name for name in sources[EVALUATE] if find_block_keys(sources, name)]
    groups = {title: [name for name in group if name in metrics] for title, group in GROUPS.items()}
    groups["Other"] = [name for name in metrics if name not in METRICS]
    return {title: names for title, names in groups.items() if names}


def find_block_keys(sources: Sources, metric: str) -> dict[str, str]:
    """Return the key of each block of a metric, by extractor; the extractor is "" for a metric on pixels."""
    entry = look_up(sources, f"{EVALUATE}.{metric}")
    if not isinstance(entry, Mapping):
        return {}
    if "value" in entry:
        return {"": f"{EVALUATE}.{metric}"}
    blocks = [name for name, block in entry.items() if isinstance(block, Mapping) and "value" in block]
    return {name: f"{EVALUATE}.{metric}.{name}" for name in blocks}


def build_card(sources: Sources, key: str) -> Card:
    """Return the card of the metric with this key."""
    metric, blocks = describe(key), find_block_keys(sources, key)
    has_extractors = "" not in blocks  # their details are rows of the summary, one column for each extractor
    details, tables = [], []
    for block_key in blocks.values():
        for name, entry in look_up(sources, block_key).items():
            title = metric.details.get(name, name.replace("_", " "))
            if isinstance(entry, Mapping) and entry and name not in STANDARD:
                tables.append(build_detail_table(sources, block_key, name, title))
            elif not isinstance(entry, Mapping) and name not in STANDARD and not has_extractors:
                details.append((title, show_value(sources, f"{block_key}.{name}")))
    rows = [build_row(sources, metric, extractor, block_key) for extractor, block_key in blocks.items()]
    return Card(metric, rows, details, tables, build_summary(sources, blocks, metric.details if has_extractors else {}))


def build_row(sources: Sources, metric: Metric, extractor: str, key: str) -> CardRow:
    """Return the row of one block."""
    block = look_up(sources, key)
    return CardRow(
        extractor=extractor,
        ratio=show_value(sources, f"{key}.ratio") if block.get("ratio") is not None else None,
        plot=lay_out_range(sources, key, metric.bounds, metric.scale == "sqrt"),
        reading=describe_value(metric.key, block),
        reason=show_value(sources, f"{key}.reason") if block.get("reason") else None,
    )


def build_detail_table(sources: Sources, key: str, name: str, title: str) -> Table:
    """Return the nested mapping `name` of a block as a table."""
    entries = look_up(sources, f"{key}.{name}")
    columns = list(dict.fromkeys(column for entry in entries.values() for column in entry))
    rows = [
        [
            entry.replace("px", " px") if name == "levels" else entry,
            *(show_value(sources, f"{key}.{name}.{entry}.{column}") for column in columns),
        ]
        for entry in sorted(entries, key=make_scale_sort_key)
    ]
    head = ["", *(COLUMN_NAMES.get(column, column.replace("_", " ")) for column in columns)]
    return Table(title, head, rows)


def make_scale_sort_key(name: str) -> tuple[int, str]:
    """Return a sort key: scales (`112px`) from the finest, other names alphabetically."""
    side = name.removesuffix("px")
    return (-int(side), "") if side.isdecimal() and name.endswith("px") else (0, name)


def build_summary(sources: Sources, blocks: Mapping[str, str], details: Mapping[str, str]) -> Table:
    """Return all standard values of a metric and its details, one column for each block."""
    ceilings = dict.fromkeys(name for key in blocks.values() for name in look_up(sources, key).get("ceilings") or {})
    references = dict.fromkeys(
        name for key in blocks.values() for name in look_up(sources, key).get("references") or {}
    )
    lines = [("samples", "value", "sd"), ("real faces", "floor", "floor_sd")]
    lines += [(name_set(name), f"ceilings.{name}", "") for name in ceilings]
    lines += [(name_set(name), f"references.{name}", "") for name in references]
    lines += [("multiple of real faces", "ratio", ""), ("position: 0 real faces, 1 ruined faces", "position", "")]
    lines += [("number of samples", "count", ""), ("number of real faces", "floor_count", "")]
    lines += [(title, name, "") for name, title in details.items()]
    rows = [
        [name, *(show_with_deviation(sources, f"{key}.{entry}", sd and f"{key}.{sd}") for key in blocks.values())]
        for name, entry, sd in lines
    ]
    return Table("", ["", *(extractor or "value" for extractor in blocks)], rows)
