"""The comparison of two runs as one HTML page; its texts are in `report/templates/comparison.html.jinja`."""

from collections.abc import Sequence

from mangagan.report.images import embed
from mangagan.report.rendering import load_template
from mangagan.report.values import format_number
from mangagan.runs.differences import Block, Run, compare_metrics, compare_params, list_cautions, summarize_verdict


def render_comparison(first: Run, second: Run, warnings: Sequence[str], grids: Sequence[bytes], caption: str) -> str:
    """Return the page: self-contained HTML, identical for identical runs.

    Args:
        first: The baseline run.
        second: The other run.
        warnings: Sentences to add to the cautions of the runs.
        grids: PNG with samples of each generator.
        caption: Caption of both grids.
    """
    head, *rows = list_metric_cells(first, second)
    runs = (first, second)
    return load_template("comparison.html.jinja").render(
        names=[run.name for run in runs],
        verdicts=[summarize_verdict(run) for run in runs],
        cautions=[*list_cautions(first, second), *warnings],
        pictures=[embed(png) for png in grids],
        caption=caption,
        metric_head=head,
        metric_rows=rows,
        param_rows=[(row.name, row.first, row.second) for row in compare_params(first, second)],
    )


def list_metric_cells(first: Run, second: Run) -> list[list[str]]:
    """Return the metrics as rows of text, first a header: key, outcome, then value, floor and ratio of each run."""
    head = ["", f"{second.name} is", *(text for run in (first, second) for text in (run.name, "floor", "× floor"))]
    rows = compare_metrics(first, second)
    return [head, *([row.key, row.outcome, *format_block(row.first), *format_block(row.second)] for row in rows)]


def format_block(block: Block) -> list[str]:
    """Return value ± standard deviation, floor, and ratio of value to floor as text."""
    deviation = "" if block.get("sd") is None else f" ± {format_number(block['sd'], 2)}"
    value, floor, ratio = (format_number(block.get(name)) for name in ("value", "floor", "ratio"))
    return [value + deviation, floor, ratio]
