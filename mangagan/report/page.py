"""The whole page: what goes into it, and its frame."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Template
from typing import Any

import pandas as pd

from mangagan.report import dataset, figures, galleries, lineage, training, verdict
from mangagan.report.markup import escape, figure_of, look_up
from mangagan.report.style import STYLE

SHORT = 12  # characters of a hash that are shown
FRAME = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Faces of manga, and what was learned from them</title>
<link rel="icon" href="data:,">
<style>$style</style>
</head>
<body>
<header>
<h1>Faces of manga, and what was learned from them</h1>
<p class="soft">$subtitle</p>
$banner
<nav aria-label="Sections">$links</nav>
</header>
<main>
$body
</main>
<footer class="soft">Every figure is from metrics/, models/model.json, data/manifest.csv or .mangagan/timings/.</footer>
</body>
</html>
""")


@dataclass(frozen=True)
class Report:
    """All that the page shows; it measures nothing of its own.

    Attributes:
        metrics: stage → the content of metrics/<stage>.json; a stage that left none is missing, evaluate is there.
        card: models/model.json.
        titles: one row a title (the index): counts; see `mangagan.dataset.manifest.summarize`.
        curves: column → values, of reports/train/curves.csv; empty where there is none.
        quantiles: column → values, of reports/evaluate/nearest.csv.
        pictures: PNGs by name: real_grid, fake_grid, best, typical, worst, timeline, interpolation, suspicious, first;
            those that are missing are left out.
        sheets: stage → file name → PNG, the contact sheets.
        dataset_matches: whether the model was trained on the dataset that it is compared with.
        progress: column → values, of reports/train/metrics.csv; empty where there is none.
        timings: stage → seconds; may be empty.
        example: column → entry of one row of the manifest; empty where there is no face.
    """

    metrics: Mapping[str, Mapping[str, Any]]
    card: Mapping[str, Any]
    titles: pd.DataFrame
    curves: Mapping[str, list[float]]
    quantiles: Mapping[str, list[float]]
    pictures: Mapping[str, bytes]
    sheets: Mapping[str, Mapping[str, bytes]]
    dataset_matches: bool
    progress: Mapping[str, list[float]] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    example: Mapping[str, Any] = field(default_factory=dict)

    def sources(self) -> dict[str, Any]:
        """Everything that a figure on the page may come from; its `data-key` is the dotted key in here."""
        return {
            **self.metrics,
            "card": self.card,
            "titles": {str(title): as_counts(row) for title, row in self.titles.iterrows()},
            "totals": as_counts(self.titles.sum()),
            "timings": self.timings,
            "example": self.example,
        }


def as_counts(row: pd.Series) -> dict[str, int]:
    """A row of counts as plain numbers."""
    return {str(name): int(count) for name, count in row.items()}


def render(report: Report) -> str:
    """The page as HTML: self-contained, the same text for the same report."""
    values = report.sources()
    anchors = {name for names in figures.metrics_of(values).values() for name in names}
    parts = [
        ("verdict", "Why this verdict", verdict.rules(values, anchors)),
        ("samples", "Samples", galleries.samples(report.pictures)),
        ("figures", "Figures", figures.figures(values)),
        ("copying", "Copied?", galleries.copying(report.pictures, report.quantiles)),
        ("time", "Timeline and walks", galleries.over_time(report.pictures)),
        ("training", "Training", training.training(report.curves, report.progress)),
        ("dataset", "Dataset", dataset.dataset(values)),
        ("lineage", "Lineage", lineage.lineage(values, report.dataset_matches)),
        ("timings", "Time by stage", lineage.timings(values)),
        ("sheets", "Contact sheets", galleries.contact_sheets(report.sheets)),
    ]
    there = [(anchor, title, content) for anchor, title, content in parts if content]
    body = "\n".join(
        f'<section id="{anchor}" aria-labelledby="{anchor}-title"><h2 id="{anchor}-title">{escape(title)}</h2>{content}'
        "</section>"
        for anchor, title, content in there
    )
    return FRAME.substitute(
        subtitle=subtitle(values),
        banner=verdict.banner(values),
        style=STYLE,
        links="".join(f'<a href="#{anchor}">{escape(title)}</a>' for anchor, title, _ in there),
        body=body,
    )


def subtitle(values: Mapping[str, Any]) -> str:
    """One line: what was compared with what, by which model."""
    counts = [figure_of(values, f"evaluate.{name}") for name in ("samples", "train", "holdout")]
    model = str(look_up(values, "card.weights_sha256") or "unknown")[:SHORT]
    return (
        f'{counts[0]} samples of model <code data-key="card.weights_sha256">{escape(model)}</code>, which was shown'
        f" {figure_of(values, 'card.images_seen')} faces in training, beside the {counts[1]} it was trained on and"
        f" {counts[2]} that were held out."
    )
