"""The whole page: what goes into it, and its frame."""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from typing import Any

import pandas as pd

from mangagan.report import sections
from mangagan.report.markup import escape
from mangagan.report.style import STYLE

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
<nav aria-label="Sections">$links</nav>
</header>
<main>
$body
</main>
<footer class="soft">Figures: metrics/*.json, models/model.json and data/manifest.csv.</footer>
</body>
</html>
""")


@dataclass(frozen=True)
class Report:
    """All that the page shows; it computes no figure of its own.

    Attributes:
        metrics: stage → the content of metrics/<stage>.json; a stage that left none is missing.
        card: models/model.json.
        titles: one row a title (the index): counts; see `mangagan.faces.manifest.summarize`.
        curves: column → values, of reports/train/curves.csv; empty where there is none.
        quantiles: column → values, of reports/evaluate/nearest.csv.
        pictures: PNGs by name: real_grid, fake_grid, timeline, interpolation, nearest, first.
        sheets: stage → file name → PNG, the contact sheets.
        dataset_matches: whether the model was trained on the dataset that it is compared with.
    """

    metrics: Mapping[str, Mapping[str, Any]]
    card: Mapping[str, Any]
    titles: pd.DataFrame
    curves: Mapping[str, list[float]]
    quantiles: Mapping[str, list[float]]
    pictures: Mapping[str, bytes]
    sheets: Mapping[str, Mapping[str, bytes]]
    dataset_matches: bool


def render(report: Report) -> str:
    """The page as HTML: self-contained, the same text for the same report."""
    parts = [
        ("figures", "Figures", sections.headline(report.metrics)),
        ("samples", "Samples", sections.samples(report.pictures)),
        ("timeline", "Timeline", sections.timeline(report.pictures)),
        ("interpolation", "Interpolation", sections.interpolation(report.pictures)),
        ("nearest", "Nearest training faces", sections.nearest(report.pictures, report.quantiles)),
        ("training", "Training", sections.training(report.curves)),
        ("dataset", "Dataset", sections.dataset(report.metrics, report.titles)),
        ("sheets", "Contact sheets", sections.contact_sheets(report.sheets)),
        ("lineage", "Lineage", sections.lineage(report.metrics, report.card, report.dataset_matches)),
    ]
    body = "\n".join(
        f'<section id="{anchor}"><h2>{escape(title)}</h2>{content}</section>' for anchor, title, content in parts
    )
    return FRAME.substitute(
        subtitle=sections.subtitle(report.metrics, report.card),
        style=STYLE,
        links="".join(f'<a href="#{anchor}">{escape(title)}</a>' for anchor, title, _ in parts),
        body=body,
    )
