"""The dataset: what became of the material, by title and by reason."""

from collections.abc import Mapping
from typing import Any

from mangagan.report.markup import escape, figure_of, folded, look_up, paragraph, table
from mangagan.report.plot import bar

# What happened to the material, in the order of the pipeline: key in the report's sources → words.
FUNNEL = {
    "ingest.pages": "pages",
    "detect.faces": "faces detected",
    "normalize.passed": "faces that pass the quality gates",
    "dedup.kept": "faces kept: one of each drawing",
    "dedup.train": "of these for training",
    "dedup.holdout": "of these held out, to compare with",
}
COUNTS = ("pages", "pages_with_faces", "faces", "kept", "train", "holdout")  # the other columns are reasons


def dataset(values: Mapping[str, Any]) -> str:
    """From pages to faces: the way of all, then by title and by reason of dropping."""
    steps = [key for key in FUNNEL if look_up(values, key) is not None]
    funnel = bars(values, ["", "count", ""], {key: FUNNEL[key] for key in steps if key != "ingest.pages"})
    pages = f"<p>{figure_of(values, 'ingest.pages')} pages gave these faces.</p>" if "ingest.pages" in steps else ""
    titles, totals = values["titles"], values["totals"]
    reasons = {f"totals.{name}": name for name in totals if name not in COUNTS}
    dropped = bars(values, ["reason", "faces", ""], reasons) or paragraph("No face was dropped.")
    return (
        f"{pages}{funnel}<h3>By title</h3>{by_title(values) if titles else paragraph('There is no face yet.')}"
        f"<h3>Dropped, by reason</h3>{dropped}{folded('All counts by title', all_counts(values))}"
    )


def bars(values: Mapping[str, Any], head: list[str], named: Mapping[str, str]) -> str:
    """A table of counts with bars, all to one scale; nothing where there is none.

    Args:
        values: the report's sources.
        head: names of the three columns.
        named: key → words.
    """
    if not named:
        return ""
    most = max(look_up(values, key) or 0 for key in named) or 1
    rows = [
        [escape(words), figure_of(values, key), bar([look_up(values, key) or 0], most)] for key, words in named.items()
    ]
    return table(head, rows, kind="bars")


def by_title(values: Mapping[str, Any]) -> str:
    """Faces kept and dropped of each title."""
    titles = values["titles"]
    most = max(counts["faces"] for counts in titles.values()) or 1
    rows = [
        [
            escape(title),
            f"{figure_of(values, f'titles.{title}.kept')} of {figure_of(values, f'titles.{title}.faces')}",
            bar([counts["kept"], counts["faces"] - counts["kept"]], most),
        ]
        for title, counts in titles.items()
    ]
    return table(["title", "faces kept", ""], rows, kind="bars")


def all_counts(values: Mapping[str, Any]) -> str:
    """Every count of every title, and their sums."""
    columns = list(values["totals"])
    rows = [
        [escape(title), *(figure_of(values, f"titles.{title}.{name}") for name in columns)]
        for title in values["titles"]
    ]
    rows.append(["<strong>all titles</strong>", *(figure_of(values, f"totals.{name}") for name in columns)])
    return table(["title", *(name.replace("_", " ") for name in columns)], rows)
