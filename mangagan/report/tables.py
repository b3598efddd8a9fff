"""Tables and bar charts of the report."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mangagan.core.catalog import STAGES, metrics_file
from mangagan.report.values import MISSING, Sources, iterate_leaf_keys, look_up, show_value
from mangagan.report.words import EXTRACTORS

# Key → name of the number of faces after each step.
FACE_COUNTS = {
    "detect.faces": "faces detected",
    "normalize.passed": "faces that pass the quality gates",
    "import_faces.passed": "imported faces",
    "dedup.kept": "faces kept after removal of near-duplicates",
    "dedup.train": "training faces",
    "dedup.holdout": "hold-out faces",
}
# Source of faces → key of its number of files. Without files, the counts of the source are omitted.
SOURCE_FILES = {"detect": "ingest.files", "normalize": "ingest.files", "import_faces": "import_faces.files"}
# Columns of the manifest's summary that are not a reason for dropping a face.
COUNTS = ("pages", "pages_with_faces", "faces", "kept", "train", "holdout")


@dataclass(frozen=True)
class Table:
    """A table: title, names of the columns, and rows of text or Markup."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Bar:
    """A row of a bar chart: name, value as HTML, and length of each part."""

    name: str
    value: Markup
    parts: Sequence[float]


def chart_keys(sources: Sources, names: dict[str, str]) -> list[Bar]:
    """Return one bar for each key, with its name; missing values are omitted."""
    return [
        Bar(name, show_value(sources, key), [value])
        for key, name in names.items()
        if (value := look_up(sources, key)) is not None
    ]


def chart_face_counts(sources: Sources) -> list[Bar]:
    """Return one bar for the number of faces after each step."""
    unused = {stage for stage, key in SOURCE_FILES.items() if look_up(sources, key) == 0}
    return chart_keys(sources, {key: name for key, name in FACE_COUNTS.items() if key.partition(".")[0] not in unused})


def chart_titles(sources: Sources) -> list[Bar]:
    """Return one bar for each title: faces kept and faces dropped."""
    return [
        Bar(
            title,
            Markup("{} of {}").format(
                show_value(sources, f"titles.{title}.kept"), show_value(sources, f"titles.{title}.faces")
            ),
            [counts["kept"], counts["faces"] - counts["kept"]],
        )
        for title, counts in sources["titles"].items()
    ]


def chart_drop_reasons(sources: Sources) -> list[Bar]:
    """Return one bar for each reason for which faces were dropped."""
    return chart_keys(sources, {f"totals.{name}": name for name in sources["totals"] if name not in COUNTS})


def list_title_counts(sources: Sources) -> Table:
    """Return all counts of each title, and their sums."""
    columns = list(sources["totals"])
    roots = {title: f"titles.{title}" for title in sources["titles"]} | {"all titles": "totals"}
    rows = [[title, *(show_value(sources, f"{root}.{name}") for name in columns)] for title, root in roots.items()]
    return Table("All counts by title", ["title", *(name.replace("_", " ") for name in columns)], rows)


def list_extractors(sources: Sources) -> Table | None:
    """Return the feature extractors of the evaluation; None if there are none."""
    names = look_up(sources, "evaluate.extractors")
    rows = [
        [
            name,
            EXTRACTORS.get(name, MISSING),
            show_value(sources, f"evaluate.extractors.{name}.dimensions"),
            show_value(sources, f"evaluate.extractors.{name}.sha256", tag="code"),
        ]
        for name in names or {}
    ]
    return Table("Feature extractors", ["name", "description", "dimensions", "SHA-256"], rows) if rows else None


def list_settings(sources: Sources) -> Iterable[Table]:
    """Yield all values of the model card and of each metrics file."""
    roots = {
        "models/model.json: architecture": "card.architecture",
        "models/model.json: training parameters": "card.params",
        "models/model.json: data": "card.data",
        **{str(metrics_file(stage)): stage for stage in STAGES},
    }
    for title, root in roots.items():
        if entries := look_up(sources, root):
            rows = [[key, show_value(sources, f"{root}.{key}", digits=None)] for key in iterate_leaf_keys(entries)]
            yield Table(title, ["key", "value"], rows)
