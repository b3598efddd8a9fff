"""Pictures: samples beside real faces, best and worst, over the training, beside what they may be copied from."""

from collections.abc import Mapping

from mangagan.report.images import SHEET, file_link, picture, shown, shrink
from mangagan.report.markup import escape, figure, folded, paragraph
from mangagan.report.plot import REAL, Series, line_plot

STAGE = "evaluate"
MOST_SHEETS = 12  # contact sheets inside the page; of more, only the files are named
# Name of a picture → for who cannot see it, caption, whether it may be scrolled sideways.
SHOWN = {
    "real_grid": ("Grid of real faces", "Real: training faces, drawn at random.", False),
    "fake_grid": ("Grid of samples", "Samples: not chosen, the first of the seed.", False),
    "best": ("The best samples", "Best: nearest to real faces.", False),
    "typical": ("Typical samples", "Typical: from the middle of the order.", False),
    "worst": ("The worst samples", "Worst: furthest from real faces.", False),
    "timeline": (
        "Samples over the training",
        "The same latents over the course of training; kimg are thousands of faces shown to the networks.",
        True,
    ),
    "interpolation": (
        "Walks between samples",
        "Each row walks from one sample to another on a great circle. Faces that change smoothly were understood;"
        " a jump from one face to another points to faces learned by heart.",
        True,
    ),
    "suspicious": (
        "The samples closest to a training face, each beside it",
        "The 16 most suspicious pairs, of all samples: each beside the training face it is nearest to, with the"
        " distance. If anything was copied, it is here.",
        True,
    ),
    "first": (
        "The first samples beside their nearest training faces",
        "The first samples beside the training faces nearest to them: an ordinary look.",
        False,
    ),
}


def gallery(pictures: Mapping[str, bytes], *names: str) -> list[str]:
    """The pictures of these names, with captions; those that there are not are left out."""
    found = []
    for name in names:
        if name in pictures:
            alt, caption, wide = SHOWN[name]
            found.append(shown(pictures[name], alt, caption, STAGE, name, wide))
    return found


def samples(pictures: Mapping[str, bytes]) -> str:
    """Real and fake side by side, then the range of quality."""
    pair = f'<div class="pair">{"".join(gallery(pictures, "real_grid", "fake_grid"))}</div>'
    ranked = gallery(pictures, "best", "typical", "worst")
    if not ranked:
        return pair
    order = paragraph(
        "Ordered by the distance to the fifth nearest real face, as one of the extractors sees it: a hint, not a taste."
    )
    return f'{pair}<h3>Best, typical, worst</h3>{order}<div class="triple">{"".join(ranked)}</div>'


def over_time(pictures: Mapping[str, bytes]) -> str:
    """The same latents over the training, and walks between samples."""
    return "".join(gallery(pictures, "timeline", "interpolation"))


def copying(pictures: Mapping[str, bytes], quantiles: Mapping[str, list[float]]) -> str:
    """Samples beside training faces, and all distances at a glance."""
    shares = quantiles["share"]
    names = [name for name in quantiles if name != "share"]
    lines = [Series(name, shares, quantiles[name], 0 if name == "samples" else REAL) for name in names]
    plot = line_plot(lines, "Distances to the nearest training face", "share of faces, %", "distance, at most")
    caption = (
        "Distance to the nearest training face. Where the samples' line runs below the hold-out's, they are closer."
    )
    pair = [figure(plot, caption), *gallery(pictures, "first")]
    return f'{"".join(gallery(pictures, "suspicious"))}<div class="pair">{"".join(pair)}</div>'


def contact_sheets(sheets: Mapping[str, Mapping[str, bytes]]) -> str:
    """Every stage's pictures, to be unfolded."""
    if not sheets:
        return paragraph("No stage left a contact sheet in reports/.")
    note = paragraph("What each stage kept, and what it turned away with the reason; brought down in size.")
    named = [(stage, name, png) for stage, pictures in sheets.items() for name, png in pictures.items()]
    inside = "".join(
        folded(
            f"{stage}: {name}",
            figure(picture(shrink(png, SHEET), f"{stage}: {name}", wide=True), f"Whole: {file_link(stage, name)}"),
        )
        for stage, name, png in named[:MOST_SHEETS]
    )
    more = "".join(f"<li>{escape(stage)}: {file_link(stage, name)}</li>" for stage, name, _ in named[MOST_SHEETS:])
    return note + inside + (f"<p>Not shown here:</p><ul>{more}</ul>" if more else "")
