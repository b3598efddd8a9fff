"""The sections of the report, each from data to HTML."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from mangagan.report.markup import (
    MISSING,
    escape,
    figure,
    figure_of,
    look_up,
    number,
    paragraph,
    picture,
    shrink,
    table,
)
from mangagan.report.plot import Series, line_plot
from mangagan.report.words import ROUGH, describe, reading

Metrics = Mapping[str, Mapping[str, Any]]
SHORT = 12  # characters of a hash that are shown

# What happened to the material, in the order of the pipeline: key in metrics → words.
FUNNEL = (
    ("ingest.pages", "pages"),
    ("detect.faces", "faces detected"),
    ("normalize.passed", "faces that pass the quality gates"),
    ("dedup.kept", "faces kept: one of each drawing"),
    ("dedup.train", "of these for training"),
    ("dedup.holdout", "of these held out, to compare with"),
)
PLOTS = (
    (
        "loss_",
        "Losses",
        "loss",
        {"loss_d": "discriminator", "loss_g": "generator"},
        "When the discriminator's loss goes to 0 and the generator's climbs, the discriminator has run away.",
    ),
    (
        "d_",
        "What the discriminator believes",
        "probability of being real",
        {"d_real": "real faces, D(x)", "d_fake": "samples, D(G(z))"},
        "Both near 0.5: it cannot tell them apart. 1 and 0: it always can, and teaches the generator little.",
    ),
)


def subtitle(metrics: Metrics, card: Mapping[str, Any]) -> str:
    """One line: what was compared with what, by which model."""
    counts = [figure_of(metrics, f"evaluate.{name}") for name in ("samples", "train", "holdout")]
    model = escape(str(card.get("weights_sha256", "unknown"))[:SHORT])
    return (
        f"{counts[0]} samples of model <code>{model}</code>, which was shown {number(card.get('images_seen'))} faces in"
        f" training, beside the {counts[1]} it was trained on and {counts[2]} that were held out."
    )


def headline(metrics: Metrics) -> str:
    """A card for every metric: the multiple of its floor, both figures, and what it means."""
    figures = {name: value for name, value in metrics["evaluate"].items() if isinstance(value, Mapping)}
    cards = "".join(metric_card(metrics, name, value) for name, value in figures.items())
    note = (
        "Each figure stands beside its floor: what real faces get in the samples' place, in equal numbers."
        " ± is the standard deviation over subsamples."
    )
    if metrics["evaluate"]["holdout"] < ROUGH:
        held = figure_of(metrics, "evaluate.holdout")
        note += f" Only {held} faces are held out: take all of this as a rough hint."
    return f'<p>{note}</p><div class="cards">{cards}</div>{levels(metrics)}'


def metric_card(metrics: Metrics, name: str, values: Mapping[str, Any]) -> str:
    """One metric."""
    words, key = describe(name), f"evaluate.{name}"
    rows = [
        ("samples", spread(metrics, key, "value", "sd")),
        (f"floor: {words.floor}", spread(metrics, key, "floor", "floor_sd")),
        ("compared", f"{figure_of(metrics, key + '.count')} : {figure_of(metrics, key + '.floor_count')}"),
    ]
    multiple = f'<p class="ratio">{figure_of(metrics, key + ".ratio")} ×</p><div class="soft">of the floor</div>'
    if values["ratio"] is None:
        multiple = '<p class="ratio">no floor</p>'
    listed = "".join(f"<dt>{escape(term)}</dt><dd>{value}</dd>" for term, value in rows)
    better = f'<p class="soft">Better: {escape(words.better)}.</p>' if words.better else ""
    return (
        f'<article class="card"><h3>{escape(words.name)}</h3><div class="soft">{escape(words.unit)}</div>'
        f'{multiple}<dl>{listed}</dl><p class="reading">{escape(reading(name, values))}</p>'
        f'<p class="soft">{escape(words.about)}</p>{better}</article>'
    )


def spread(metrics: Metrics, key: str, value: str, deviation: str) -> str:
    """A figure with its standard deviation, where there is one."""
    shown = figure_of(metrics, f"{key}.{value}")
    if look_up(metrics, f"{key}.{deviation}") is None:
        return shown
    return f"{shown} ± {figure_of(metrics, f'{key}.{deviation}', digits=2)}"


def levels(metrics: Metrics) -> str:
    """The distance scale by scale."""
    key = "evaluate.swd.levels"
    sides = sorted(look_up(metrics, key) or {}, key=lambda side: -int(side.removesuffix("px")))
    rows = [
        [escape(side.replace("px", " px")), *(figure_of(metrics, f"{key}.{side}.{of}") for of in ("value", "floor"))]
        for side in sides
    ]
    if not rows:
        return ""
    what = (
        "Distance from real faces by scale: the first rows are lines and screentone, the last where a face's parts lie"
    )
    return f"<details><summary>{escape(what)}</summary>{table(['scale', 'samples', 'floor'], rows)}</details>"


def samples(pictures: Mapping[str, bytes]) -> str:
    """Real and fake side by side."""
    real = figure(picture(pictures["real_grid"], "Grid of real faces"), "Real: training faces, drawn at random")
    fake = figure(picture(pictures["fake_grid"], "Grid of samples"), "Samples: not chosen, the first of the seed")
    return f'<div class="pair">{real}{fake}</div>'


def timeline(pictures: Mapping[str, bytes]) -> str:
    """The same latents over the training."""
    caption = "The same latents over the course of training; kimg are thousands of faces shown to the networks."
    return figure(picture(pictures["timeline"], "Samples over the training", wide=True), caption)


def interpolation(pictures: Mapping[str, bytes]) -> str:
    """Walks between samples."""
    caption = (
        "Each row walks from one sample to another on a great circle. Faces that change smoothly were understood;"
        " a jump from one face to another points to faces learned by heart."
    )
    return figure(picture(pictures["interpolation"], "Walks between samples", wide=True), caption)


def nearest(pictures: Mapping[str, bytes], quantiles: Mapping[str, list[float]]) -> str:
    """Samples beside training faces, and all distances at a glance."""
    closest = figure(
        picture(pictures["nearest"], "The samples closest to the training set"),
        "The samples that come closest to a training face, of all: if anything was copied, it is here.",
    )
    first = figure(picture(pictures["first"], "The first samples"), "The first samples: an ordinary look.")
    shares = quantiles["share"]
    lines = [Series(name, shares, values) for name, values in quantiles.items() if name != "share"]
    plot = line_plot(lines, "Distances to the nearest training face", "share of faces, %", "distance, at most")
    caption = (
        "Distance to the nearest training face. Where the samples' line runs below the hold-out's, they are closer."
    )
    return f'<div class="pair">{closest}{first}</div>{figure(plot, caption)}'


def training(curves: Mapping[str, list[float]]) -> str:
    """The training's curves."""
    if not curves.get("kimg"):
        return paragraph("reports/train/curves.csv is missing or empty.")
    plots = []
    for prefix, title, y_label, names, caption in PLOTS:
        columns = [name for name in curves if name.startswith(prefix)]
        lines = [Series(names.get(name, name), curves["kimg"], curves[name]) for name in columns]
        plot = line_plot(lines, title, "thousands of faces shown, kimg", y_label)
        plots.append(figure(f"<h3>{escape(title)}</h3>{plot}", caption))
    return f'<div class="pair">{"".join(plots)}</div>'


def dataset(metrics: Metrics, titles: pd.DataFrame) -> str:
    """From pages to faces: the way of all, then by title."""
    steps = [[escape(words), figure_of(metrics, key)] for key, words in FUNNEL if look_up(metrics, key) is not None]
    total = titles.sum().rename("all titles")
    everything = pd.concat([titles, total.to_frame().T]) if len(titles) > 1 else titles
    rows = [[escape(title), *(escape(number(int(count))) for count in row)] for title, row in everything.iterrows()]
    named = [str(column).replace("_", " ") for column in titles.columns]
    return f"{table(['', 'count'], steps)}<h3>By title</h3>{table(['title', *named], rows)}"


def contact_sheets(sheets: Mapping[str, Mapping[str, bytes]]) -> str:
    """Every stage's pictures, to be unfolded."""
    if not sheets:
        return paragraph("No stage left a contact sheet in reports/.")
    note = paragraph("What each stage kept, and what it turned away with the reason.")
    folded = (
        f"<details><summary>{escape(stage)}: {escape(name)}</summary>"
        f"{picture(shrink(png), f'{stage}: {name}', 'image/jpeg', wide=True)}</details>"
        for stage, pictures in sheets.items()
        for name, png in pictures.items()
    )
    return note + "".join(folded)


def lineage(metrics: Metrics, card: Mapping[str, Any], dataset_matches: bool) -> str:
    """What the result was made from."""
    facts = {
        "model, SHA-256": card.get("weights_sha256"),
        "training faces, SHA-256": look_up(card, "data.train_sha256"),
        "compared with the dataset it was trained on": "yes"
        if dataset_matches
        else "no: the dataset has changed since",
        "code, git revision": card.get("git_revision"),
        "torch": card.get("torch_version"),
        "faces shown in training": number(card.get("images_seen")),
    }
    known = [
        [escape(name), f"<code>{escape(MISSING if value is None else value)}</code>"] for name, value in facts.items()
    ]
    settings = {"architecture": card.get("architecture"), "train": card.get("params")}
    parts = [table(["", ""], known, right=False)]
    parts += [settings_table(f"{name}: settings", values) for name, values in settings.items()]
    parts += [settings_table(f"metrics/{stage}.json", values) for stage, values in metrics.items()]
    return "".join(parts)


def settings_table(name: str, values: Mapping[str, Any] | None) -> str:
    """Names and values of a nested mapping, folded away."""
    rows = [[f"<code>{escape(key)}</code>", escape(value)] for key, value in flattened(values or {})]
    return f"<details><summary>{escape(name)}</summary>{table(['key', 'value'], rows, right=False)}</details>"


def flattened(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted keys and their values as text."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", MISSING if value is None else str(value)
