"""How the training went: its curves, and the metrics taken along it."""

from collections.abc import Mapping
from dataclasses import replace

from mangagan.report.markup import escape, figure, paragraph
from mangagan.report.plot import COLOURS, REAL, Series, line_plot
from mangagan.report.words import WORDS, Words, describe

Columns = Mapping[str, list[float]]
KIMG = "thousands of faces shown, kimg"
Lines = Mapping[str, tuple[str, int]]
# Columns that share a beginning share a plot: title, unit, names and colours, what to look for.
PLOTS: Mapping[str, tuple[str, str, Lines, str]] = {
    "loss_": (
        "Losses",
        "loss",
        {"loss_d": ("discriminator", 1), "loss_g": ("generator", 0)},
        "When the discriminator's loss goes to 0 and the generator's climbs, the discriminator has run away.",
    ),
    "d_": (
        "What the discriminator believes",
        "probability of being real",
        {"d_real": ("real faces, D(x)", REAL), "d_fake": ("samples, D(G(z))", 0)},
        "Both near 0.5: it cannot tell them apart. 1 and 0: it always can, and teaches the generator little.",
    ),
    "realness": (
        "How sure the discriminator is of the faces",
        "realness, -1 to 1",
        {"realness": ("faces told as real less those that are not", 1)},
        "1: it knows them by heart. Augmentation grows while this is above train.augment_target.",
    ),
    "augment_p": (
        "Augmentation",
        "probability of each",
        {"augment_p": ("strength", 2)},
        "How often faces and samples are changed before the discriminator sees them.",
    ),
}


def training(curves: Columns, progress: Columns) -> str:
    """The metrics along the training where there are some, and the curves."""
    return along(progress) + lines(curves)


def along(progress: Columns) -> str:
    """One plot a metric: its values, its floor (`floor` is the kernel distance's), and the snapshot that was kept."""
    if not progress.get("kimg"):
        return ""
    kimg = progress["kimg"]
    chosen = [at for at, kept in zip(kimg, progress.get("kept", []), strict=False) if kept == 1]
    plots = []
    for name in progress:
        if name in ("kimg", "kept", "floor") or name.endswith(("_sd", "_floor")):
            continue
        drawn = [Series("samples", kimg, progress[name])]
        floor = progress.get(f"{name}_floor") or (progress.get("floor") if name == "kernel_distance" else None)
        drawn += [Series("real faces", kimg, floor, REAL)] if floor else []
        words = described(name)
        plot = line_plot(
            drawn, f"{words.name} along the training", KIMG, words.name, chosen[-1] if chosen else None, True
        )
        plots.append(figure(f"<h4>{escape(words.name)}</h4>{plot}", escape(words.question)))
    note = paragraph(
        "Taken along the training on fewer samples than the figures above. While the distance still falls, train"
        " longer; where it rises again, an earlier end is better."
    )
    return f'<h3>Metrics along the training</h3>{note}<div class="pair">{"".join(plots)}</div>'


def described(name: str) -> Words:
    """The words of a column: those of its metric, with the extractor that saw it where it is one extractor's."""
    metric, _, extractor = name.rpartition("_")
    if name in WORDS or metric not in WORDS:
        return describe(name)
    return replace(WORDS[metric], name=f"{WORDS[metric].name}, seen by {extractor}")


def lines(curves: Columns) -> str:
    """The training's own curves; columns that belong to no plot get one each."""
    if not curves.get("kimg"):
        return paragraph("reports/train/curves.csv is missing or empty.")
    grouped: dict[str, list[str]] = {prefix: [] for prefix in PLOTS}
    for name in curves:
        if name != "kimg":
            grouped.setdefault(next((prefix for prefix in PLOTS if name.startswith(prefix)), name), []).append(name)
    plots = [plot_of(curves, prefix, names) for prefix, names in grouped.items() if names]
    return f'<h3>Curves</h3><div class="pair">{"".join(plots)}</div>'


def plot_of(curves: Columns, prefix: str, names: list[str]) -> str:
    """One plot of some of the curves."""
    plain = prefix.replace("_", " ")
    title, y_label, told, caption = PLOTS.get(prefix, (plain, plain, {}, ""))
    named = [(name, *told.get(name, (name, colour))) for colour, name in enumerate(names[:COLOURS])]
    drawn = [Series(words, curves["kimg"], curves[name], colour) for name, words, colour in named]
    return figure(f"<h4>{escape(title)}</h4>{line_plot(drawn, title, KIMG, y_label)}", escape(caption))
