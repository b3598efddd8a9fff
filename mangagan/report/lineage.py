"""Where the result comes from: screenshot → page → face → dataset → model → report, with counts, hashes and times."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mangagan.core.catalog import STAGES
from mangagan.report.markup import escape, exact, figure_of, folded, hash_of, look_up, paragraph, table
from mangagan.report.plot import bar

# The chain: name, where it lies, and its figures as (words, key, whether it is a hash).
Fact = tuple[str, str, bool]
CHAIN: tuple[tuple[str, str, tuple[Fact, ...]], ...] = (
    ("Screenshots", "data/screenshots/", (("files", "ingest.files", False), ("turned away", "ingest.rejected", False))),
    (
        "Pages",
        "data/pages/",
        (("pages", "ingest.pages", False), ("without a face", "detect.pages_without_faces", False)),
    ),
    ("Faces", "data/faces/", (("detected", "detect.faces", False), ("pass the gates", "normalize.passed", False))),
    (
        "Dataset",
        "data/dataset/",
        (
            ("to train on", "evaluate.train", False),
            ("held out", "evaluate.holdout", False),
            ("training faces, SHA-256", "evaluate.train_sha256", True),
        ),
    ),
    (
        "Model",
        "models/generator.safetensors",
        (
            ("faces shown in training", "card.images_seen", False),
            ("SHA-256", "evaluate.model_sha256", True),
            ("code, git revision", "card.git_revision", True),
            ("torch", "card.torch_version", False),
        ),
    ),
    ("Report", "reports/index.html", (("samples measured", "evaluate.samples", False),)),
)
# One face's way: step → its sentence, from the columns of the manifest.
EXAMPLE: tuple[tuple[str, tuple[Fact, ...]], ...] = (
    ("Screenshot", (("file", "source", True), ("title", "title", False))),
    (
        "Page",
        (
            ("id", "page_id", True),
            ("number", "page_number", False),
            ("width, px", "page_width", False),
            ("height, px", "page_height", False),
        ),
    ),
    (
        "Box",
        (
            ("x", "x", False),
            ("y", "y", False),
            ("w", "w", False),
            ("h", "h", False),
            ("score", "score", False),
            ("found by", "detector", False),
        ),
    ),
    (
        "Face",
        (
            ("id", "face_id", True),
            ("margin", "crop_margin", False),
            ("sharpness", "sharpness", False),
            ("contrast", "contrast", False),
        ),
    ),
    ("Dataset", (("drawing", "cluster_id", True), ("split", "split", False))),
)


def lineage(values: Mapping[str, Any], dataset_matches: bool) -> str:
    """The chain, one face followed along it, and all settings and figures folded."""
    steps = [(name, place, facts(values, "", told)) for name, place, told in CHAIN]
    warning = ""
    if not dataset_matches:
        warning = '<p class="callout">The dataset has changed since the model was trained: train again.</p>'
    settings = {
        "model: architecture": "card.architecture",
        "train: settings": "card.params",
        "train: data": "card.data",
    }
    settings |= {f"metrics/{stage}.json": stage for stage in STAGES}
    tables = "".join(folded(name, entries_table(values, key)) for name, key in settings.items() if look_up(values, key))
    return f"{warning}{chain(steps)}{example(values)}<h3>Settings and all figures</h3>{tables}"


def facts(values: Mapping[str, Any], prefix: str, told: Sequence[Fact]) -> str:
    """Words and entries of those that there are."""
    rows = [
        f"<dt>{escape(words)}</dt>"
        + (f'<dd class="long">{hash_of(values, prefix + key)}' if hashed else f"<dd>{figure_of(values, prefix + key)}")
        + "</dd>"
        for words, key, hashed in told
        if look_up(values, prefix + key) not in (None, "")
    ]
    return f"<dl>{''.join(rows)}</dl>"


def chain(steps: Sequence[tuple[str, str, str]]) -> str:
    """Steps with a place and facts (HTML), side by side, or below each other on a small screen."""
    items = "".join(
        f"<li><strong>{escape(name)}</strong>{f'<code>{escape(place)}</code>' if place else ''}{content}</li>"
        for name, place, content in steps
    )
    return f'<ol class="chain">{items}</ol>'


def example(values: Mapping[str, Any]) -> str:
    """One face of the dataset, followed from its screenshot."""
    if not values["example"]:
        return ""
    steps = [(name, "", facts(values, "example.", told)) for name, told in EXAMPLE]
    note = paragraph("A row of data/manifest.csv, as there is one for every face ever detected.")
    return f"<h3>One face, from screenshot to dataset</h3>{note}{chain(steps)}"


def entries_table(values: Mapping[str, Any], key: str) -> str:
    """Names and entries of a nested mapping."""
    rows = [[f"<code>{escape(name)}</code>", exact(values, f"{key}.{name}")] for name in leaves(look_up(values, key))]
    return table(["key", "value"], rows, right=False)


def leaves(values: Any, prefix: str = "") -> Iterator[str]:
    """Dotted keys of everything in a nest of mappings and lists that is neither."""
    entries = values.items() if isinstance(values, Mapping) else enumerate(values)
    for name, value in entries:
        if isinstance(value, Mapping | list | tuple):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def timings(values: Mapping[str, Any]) -> str:
    """How long each stage took when it last ran."""
    seconds = values["timings"]
    if not seconds:
        return paragraph("No stage has left its time in .mangagan/timings/.")
    most = max(seconds.values()) or 1
    rows = [
        [escape(stage), figure_of(values, f"timings.{stage}"), bar([taken], most)] for stage, taken in seconds.items()
    ]
    note = paragraph("Seconds that each stage took when it last ran, which may have been on different days.")
    return note + table(["stage", "seconds", ""], rows, kind="bars")
