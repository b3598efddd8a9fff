"""The report as one HTML page. The texts and the order of the sections are in `templates/report.html.jinja`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pandas as pd

from mangagan.report.images import SHEET_SIZE, embed
from mangagan.report.line_plot import REAL, LinePlot, Series, lay_out_lines
from mangagan.report.metric_cards import build_card, group_metrics
from mangagan.report.rendering import load_template
from mangagan.report.tables import (
    chart_drop_reasons,
    chart_face_counts,
    chart_keys,
    chart_titles,
    list_extractors,
    list_settings,
    list_title_counts,
)
from mangagan.report.training import lay_out_curves, lay_out_metrics
from mangagan.report.values import look_up, show_value
from mangagan.report.verdict import BANNERS, list_rules
from mangagan.report.words import MIN_HOLDOUT

MAX_SHEETS = 12  # maximum number of contact sheets on the page; it lists the files of the others by name


@dataclass(frozen=True)
class Report:
    """The content of the page.

    Attributes:
        metrics: Stage → content of metrics/<stage>.json. `evaluate` is required.
        card: Content of models/model.json.
        titles: Counts, one row for each title (the index); see `mangagan.dataset.manifest.summarize`.
        curves: Column → values of reports/train/curves.csv; empty if missing.
        quantiles: Column → values of reports/evaluate/nearest.csv.
        pictures: Name → PNG of reports/evaluate/. Missing ones are omitted from the page.
        sheets: Stage → file name → PNG of the contact sheets.
        dataset_matches: True if the model was trained on the current dataset.
        progress: Column → values of reports/train/metrics.csv; empty if missing.
        timings: Stage → duration [s]; may be empty.
        example: Column → value of one row of the manifest; empty if there is no face.
        gallery: Path of the gallery of all faces, relative to the report; empty if missing.
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
    gallery: str = ""

    def sources(self) -> dict[str, Any]:
        """Return all values of the page; the `data-key` of a value is its dotted key in this mapping."""
        return {
            **self.metrics,
            "card": self.card,
            "titles": {str(title): to_counts(row) for title, row in self.titles.iterrows()},
            "totals": to_counts(self.titles.sum()),
            "timings": self.timings,
            "example": self.example,
        }


def to_counts(row: pd.Series) -> dict[str, int]:
    """Return a row of counts as a mapping."""
    return {str(name): int(count) for name, count in row.items()}


def render_report(report: Report) -> str:
    """Return the page: self-contained HTML, identical for identical reports."""
    sources = report.sources()
    groups = group_metrics(sources)
    sheets = [(stage, name, png) for stage, pictures in report.sheets.items() for name, png in pictures.items()]
    return load_template("report.html.jinja").render(
        look_up=partial(look_up, sources),
        show=partial(show_value, sources),
        banner=BANNERS.get(str(look_up(sources, "evaluate.verdict.word")), BANNERS["unsure"]),
        rules=list_rules(sources, [name for names in groups.values() for name in names]),
        cards={title: [build_card(sources, name) for name in names] for title, names in groups.items()},
        extractors=list_extractors(sources),
        min_holdout=MIN_HOLDOUT,
        pictures={name: embed(png, "evaluate", name) for name, png in report.pictures.items()},
        distances=lay_out_distances(report.quantiles),
        metric_panels=lay_out_metrics(report.progress),
        curve_panels=lay_out_curves(report.curves),
        face_counts=chart_face_counts(sources),
        titles=chart_titles(sources),
        drop_reasons=chart_drop_reasons(sources),
        title_counts=list_title_counts(sources),
        dataset_matches=report.dataset_matches,
        settings=list_settings(sources),
        timings=chart_keys(sources, {f"timings.{stage}": stage for stage in report.timings}),
        sheets=[embed(png, stage, name, SHEET_SIZE) for stage, name, png in sheets[:MAX_SHEETS]],
        faces_page=report.gallery,
        more_sheets=[(stage, name) for stage, name, _ in sheets[MAX_SHEETS:]],
    )


def lay_out_distances(quantiles: Mapping[str, list[float]]) -> LinePlot:
    """Return the plot of the distances to the nearest training face."""
    series = [
        Series(name, quantiles["share"], values, 0 if name == "samples" else REAL)
        for name, values in quantiles.items()
        if name != "share"
    ]
    return lay_out_lines(series, "Distance to the nearest training face", "share of faces [%]", "maximum distance")
