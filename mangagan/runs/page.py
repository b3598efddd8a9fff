"""Two runs on one page: what may be compared, verdicts, figures, parameters, and both generators' faces."""

from collections.abc import Sequence
from string import Template

from mangagan.report.images import picture, shrink
from mangagan.report.markup import escape, figure, number, table
from mangagan.report.style import STYLE
from mangagan.runs.differences import Figure, Run, cautions, figure_rows, param_rows, verdict

FRAME = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<link rel="icon" href="data:,">
<style>$style
.runs td { white-space: nowrap; }
</style>
</head>
<body>
<header><h1>$title</h1></header>
<main>
$body
</main>
<footer class="soft">Figures: metrics/evaluate.json of each run. Parameters: dvc.lock, as the stages last ran.</footer>
</body>
</html>
""")
HOW_TO_READ = (
    "A figure's floor is what real faces get in the samples' place; the nearer to it, the better, from either side."
    " A difference counts when it is over two standard deviations of it."
)


def render_runs(first: Run, second: Run, warnings: Sequence[str], grids: Sequence[bytes], caption: str) -> str:
    """The page as HTML: self-contained, the same text for the same runs.

    Args:
        first: the run that the other is measured by.
        second: the other.
        warnings: sentences beside the `cautions` of the runs.
        grids: a PNG of each generator's faces.
        caption: what the grids show.
    """
    pictures = [
        figure(picture(shrink(png), f"Faces of {run.name}"), escape(run.name))
        for run, png in zip((first, second), grids, strict=True)
    ]
    params = table(["", first.name, second.name], [[escape(cell) for cell in row] for row in param_rows(first, second)])
    sections = [
        *(f"<p>{escape(run.name)}: {escape(verdict(run))}</p>" for run in (first, second)),
        *(f"<p><strong>{escape(sentence)}</strong></p>" for sentence in [*cautions(first, second), *warnings]),
        f"<h2>Faces</h2><p>{escape(caption)}</p>" + '<div class="pair">' + "".join(pictures) + "</div>",
        f"<h2>Figures</h2><p>{escape(HOW_TO_READ)}</p>" + figure_table(first, second),
        "<h2>Parameters</h2>" + (params if param_rows(first, second) else "<p>The same in both runs.</p>"),
    ]
    return FRAME.substitute(title=escape(f"{first.name} and {second.name}"), style=STYLE, body="\n".join(sections))


def figure_table(first: Run, second: Run) -> str:
    """The figures of both runs as a table."""
    head, *body = figure_cells(first, second)
    # A name may break at its dot.
    return table(head, [[escape(name).replace(".", ".<wbr>"), *map(escape, rest)] for name, *rest in body], kind="runs")


def figure_cells(first: Run, second: Run) -> list[list[str]]:
    """The figures as rows of text, a heading first: the outcome, then of both runs value, floor and ratio."""
    head = ["", f"{second.name} is", *(text for run in (first, second) for text in (run.name, "floor", "× floor"))]
    rows = figure_rows(first, second)
    return [head, *([row.key, row.outcome, *told(row.first), *told(row.second)] for row in rows)]


def told(block: Figure) -> list[str]:
    """A figure's value with its standard deviation, its floor, and its ratio to that, as text."""
    deviation = "" if block.get("sd") is None else f" ± {number(block['sd'], 2)}"
    return [number(block.get("value")) + deviation, number(block.get("floor")), number(block.get("ratio"))]
