"""Loss curves and metrics of training, prepared for the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mangagan.report.line_plot import COLOURS, REAL, LinePlot, Series, lay_out_lines
from mangagan.report.words import describe

Columns = Mapping[str, list[float]]
KIMG = "faces shown [kimg]"


@dataclass(frozen=True)
class Panel:
    """A plot with its title and caption."""

    title: str
    caption: str
    plot: LinePlot


@dataclass(frozen=True)
class CurveGroup:
    """Columns of curves.csv that share a plot; `lines` gives name and colour of the line of a column."""

    title: str
    y_label: str
    caption: str = ""
    lines: Mapping[str, tuple[str, int]] = field(default_factory=dict)


# Prefix of the columns → their plot.
CURVE_GROUPS = {
    "loss_": CurveGroup(
        "Losses",
        "loss",
        "If the loss of the discriminator approaches 0 while that of the generator rises, the discriminator is too"
        " strong.",
        {"loss_d": ("discriminator", 1), "loss_f": ("discriminators on features", 2), "loss_g": ("generator", 0)},
    ),
    "d_": CurveGroup(
        "Output of the discriminator",
        "probability of being real",
        "Both near 0.5: it cannot distinguish samples from real faces. 1 and 0: it always can, and the generator"
        " receives little gradient.",
        {"d_real": ("real faces, D(x)", REAL), "d_fake": ("samples, D(G(z))", 0)},
    ),
    "realness": CurveGroup(
        "Overfitting of the discriminator",
        "mean sign of D(x), -1 to 1",
        "1: the discriminator has memorised the training faces. Augmentation increases while this is above"
        " train.augment_target.",
        {"realness": ("real faces", 1)},
    ),
    "augment_p": CurveGroup(
        "Augmentation",
        "probability",
        "Probability of each augmentation of the images that the discriminator receives.",
        {"augment_p": ("strength", 2)},
    ),
}


def lay_out_curves(curves: Columns) -> list[Panel]:
    """Return the plots of curves.csv. A column without a group gets a plot of its own."""
    if not curves.get("kimg"):
        return []
    columns: dict[str, list[str]] = {prefix: [] for prefix in CURVE_GROUPS}
    for name in curves:
        if name != "kimg":
            prefix = next((prefix for prefix in CURVE_GROUPS if name.startswith(prefix)), name)
            columns.setdefault(prefix, []).append(name)
    return [lay_out_group(curves, prefix, names) for prefix, names in columns.items() if names]


def lay_out_group(curves: Columns, prefix: str, names: Sequence[str]) -> Panel:
    """Return the plot of the columns with a common prefix."""
    plain = prefix.replace("_", " ")
    group = CURVE_GROUPS.get(prefix) or CurveGroup(plain, plain)
    series = []
    for index, name in enumerate(names[:COLOURS]):
        label, colour = group.lines.get(name, (name, index))
        series.append(Series(label, curves["kimg"], curves[name], colour))
    return Panel(group.title, group.caption, lay_out_lines(series, group.title, KIMG, group.y_label))


def lay_out_metrics(progress: Columns) -> list[Panel]:
    """Return one plot for each metric of reports/train/metrics.csv, with its floor and the selected snapshot."""
    if not progress.get("kimg"):
        return []
    kimg = progress["kimg"]
    selected = [at for at, kept in zip(kimg, progress.get("kept", []), strict=False) if kept == 1]
    panels = []
    for name in progress:
        if name in ("kimg", "kept", "floor") or name.endswith(("_sd", "_floor")):
            continue
        metric = describe(name)
        series = [Series("samples", kimg, progress[name])]
        if floor := progress.get(f"{name}_floor"):
            series.append(Series("real faces", kimg, floor, REAL))
        title = f"{metric.title} during training"
        plot = lay_out_lines(series, title, KIMG, metric.title, selected[-1] if selected else None, allow_log=True)
        panels.append(Panel(metric.title, metric.question, plot))
    return panels
