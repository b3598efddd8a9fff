"""The figures: one card a metric, each row a plot between real faces and spoilt ones."""

from collections.abc import Mapping
from typing import Any

from mangagan.report.markup import MISSING, escape, figure_of, folded, hash_of, look_up, paragraph, spread, table
from mangagan.report.ranges import range_plot
from mangagan.report.words import EXTRACTORS, GROUPS, ROUGH, WORDS, describe, reading

KEY = "evaluate"
# What every figure block holds; anything else in one is a figure more.
STANDARD = {"value", "sd", "floor", "floor_sd", "ratio", "position", "ceilings", "count", "floor_count", "reason"}
EXTRAS = {
    "closest": "the closest of all samples",
    "floor_closest": "the closest of all hold-out faces",
    "ct": "copying test on these distances (z)",
    "copied": "samples a fifth nearer than all but 1 % of unseen faces (share)",
    "support": "different faces there are to draw, at least",
    "limit": "distance of a twin, at most",
}


def blocks_of(values: Mapping[str, Any], metric: str) -> dict[str, str]:
    """The figure blocks of a metric, as extractor → key in the report's sources; the extractor is empty for images."""
    entry = look_up(values, f"{KEY}.{metric}")
    if not isinstance(entry, Mapping):
        return {}
    if "value" in entry:
        return {"": f"{KEY}.{metric}"}
    within = {name: block for name, block in entry.items() if isinstance(block, Mapping) and "value" in block}
    return {name: f"{KEY}.{metric}.{name}" for name in within}


def metrics_of(values: Mapping[str, Any]) -> dict[str, list[str]]:
    """Group → names of the metrics that the evaluation holds, in the order of `GROUPS`; without words come last."""
    there = [name for name in values[KEY] if blocks_of(values, name)]
    grouped = {title: [name for name in group if name in there] for title, group in GROUPS.items()}
    grouped["More"] = [name for name in there if name not in WORDS]
    return {title: names for title, names in grouped.items() if names}


def figures(values: Mapping[str, Any]) -> str:
    """All metrics in groups, with what the extractors disagree on."""
    note = (
        "Each figure stands between its floor, what real faces get in the samples' place, and its ceilings, what spoilt"
        " faces get there: noise, blurred faces, and the mean of all faces. ± and the shaded band are one standard"
        " deviation over subsamples; of a mean or median of all images its standard error."
    )
    held = look_up(values, f"{KEY}.holdout")
    rough = ""
    if held is not None and held < ROUGH:
        shown = figure_of(values, f"{KEY}.holdout")
        rough = f'<p class="callout">Only {shown} faces are held out: take all of this as a rough hint.</p>'
    groups = "".join(
        f'<h3>{escape(title)}</h3><div class="cards">{"".join(card(values, name) for name in names)}</div>'
        for title, names in metrics_of(values).items()
    )
    return paragraph(note) + rough + agreement(values) + groups + extractors(values)


def agreement(values: Mapping[str, Any]) -> str:
    """Where the extractors contradict each other."""
    flags = look_up(values, f"{KEY}.agreement.flags")
    if flags is None:
        return ""
    if not flags:
        return paragraph("The extractors agree: none contradicts another.")
    listed = "".join(f"<li>{figure_of(values, f'{KEY}.agreement.flags.{index}')}</li>" for index in range(len(flags)))
    return f'<div class="callout" role="note"><strong>Extractors disagree.</strong><ul>{listed}</ul></div>'


def card(values: Mapping[str, Any], metric: str) -> str:
    """One metric."""
    words = describe(metric)
    blocks = blocks_of(values, metric)
    rows = "".join(row(values, metric, extractor, key) for extractor, key in blocks.items())
    extra = "".join(extras(values, key) for key in blocks.values())
    told = [("Scale", words.unit), ("Hope for", words.better), ("Real faces here", words.floor)]
    listed = "".join(f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>" for term, text in told if text)
    about = f"{paragraph(words.about) if words.about else ''}<dl>{listed}</dl>{block_table(values, blocks)}"
    return (
        f'<article class="card" id="metric-{escape(metric)}"><h4>{escape(words.name)}</h4>'
        f'<p class="question">{escape(words.question)}</p>{rows}{extra}'
        f"{folded('How it is measured, all figures', about)}</article>"
    )


def row(values: Mapping[str, Any], metric: str, extractor: str, key: str) -> str:
    """One figure block: whose eyes, the plot, and what it means."""
    words, block = describe(metric), look_up(values, key)
    multiple = f"{figure_of(values, f'{key}.ratio')} × real faces" if block.get("ratio") is not None else ""
    title = f"{words.name}{', ' if extractor else ''}{extractor}: samples between real faces and spoilt ones"
    reason = f" {figure_of(values, f'{key}.reason')}." if block.get("reason") else ""
    eyes = f"seen by {escape(extractor)}" if extractor else ""
    return (
        f'<div class="row"><p class="eyes"><span>{eyes}</span><span class="soft">{multiple}</span></p>'
        f"{range_plot(values, key, title, words.bounds, words.better)}"
        f'<p class="reading">{escape(reading(metric, block))}{reason}</p></div>'
    )


def extras(values: Mapping[str, Any], key: str) -> str:
    """The figures of a block beside the standard ones: plain ones as a list, tables folded."""
    block = look_up(values, key)
    plain = {name: entry for name, entry in block.items() if name not in STANDARD and not isinstance(entry, Mapping)}
    listed = "".join(
        f"<dt>{escape(EXTRAS.get(name, name.replace('_', ' ')))}</dt><dd>{figure_of(values, f'{key}.{name}')}</dd>"
        for name in plain
    )
    tables = "".join(
        nested_table(values, f"{key}.{name}", name)
        for name, entry in block.items()
        if name not in STANDARD and isinstance(entry, Mapping) and entry
    )
    return (f"<dl>{listed}</dl>" if listed else "") + tables


def nested_table(values: Mapping[str, Any], key: str, name: str) -> str:
    """A mapping of mappings of figures as a table, folded."""
    entries = look_up(values, key)
    columns = list(dict.fromkeys(column for entry in entries.values() for column in entry))
    rows = [
        [escape(entry.replace("px", " px") if name == "levels" else entry)]
        + [figure_of(values, f"{key}.{entry}.{column}") for column in columns]
        for entry in sorted(entries, key=level_order)
    ]
    summary = {"levels": "By scale: from lines and screentone to where a face's parts lie", "by_title": "By title"}
    head = {"value": "samples", "floor": "real faces", "share": "nearest to", "train_share": "of training faces"}
    named = [head.get(column, column.replace("_", " ")) for column in columns]
    return folded(summary.get(name, name.replace("_", " ")), table(["", *named], rows))


def level_order(name: str) -> tuple[int, str]:
    """Scales from the finest, others by name."""
    side = name.removesuffix("px")
    return (-int(side), "") if side.isdecimal() and name.endswith("px") else (0, name)


def block_table(values: Mapping[str, Any], blocks: Mapping[str, str]) -> str:
    """All standard figures of a metric: one column a block."""
    names = dict.fromkeys(name for key in blocks.values() for name in look_up(values, key).get("ceilings") or {})
    lines = [("samples", "value", "sd"), ("real faces", "floor", "floor_sd")]
    lines += [(name.replace("_", " "), f"ceilings.{name}", "") for name in names]
    lines += [("multiple of real faces", "ratio", ""), ("place: 0 real, 1 nearest spoilt", "position", "")]
    lines += [("samples compared", "count", ""), ("real faces compared", "floor_count", "")]
    rows = [
        [escape(name), *(spread(values, f"{key}.{at}", f"{key}.{sd}" if sd else "") for key in blocks.values())]
        for name, at, sd in lines
    ]
    return table(["", *(extractor or "figure" for extractor in blocks)], rows)


def extractors(values: Mapping[str, Any]) -> str:
    """What the figures were taken on."""
    there = look_up(values, f"{KEY}.extractors") or {}
    rows = [
        [
            f"<strong>{escape(name)}</strong>",
            escape(EXTRACTORS.get(name, MISSING)),
            figure_of(values, f"{KEY}.extractors.{name}.dimensions"),
            hash_of(values, f"{KEY}.extractors.{name}.sha256"),
        ]
        for name in there
    ]
    if not rows:
        return ""
    return folded(
        "The extractors: in whose eyes faces are compared", table(["name", "what", "numbers", "hash"], rows, False)
    )
