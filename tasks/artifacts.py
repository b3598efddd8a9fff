"""What Prefect shows of a stage: a summary with its metrics, its pictures, and the table of the whole run."""

import base64
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mangagan.core import catalog
from tasks.outcome import Outcome
from tasks.stage import Result

MAX_PICTURES = 8  # for each stage; the folder in reports/ has them all
# Of a picture's file. It travels inside the artifact as a data: URI, a third longer: Prefect shows URLs only, and
# nobody serves the workspace over HTTP.
MAX_BYTES = 150_000
MAX_SIDE = 1_600  # pixels; wider than the page that shows it
MAX_VALUE = 80  # characters of a metric


def publish(result: Result) -> None:
    """Creates the artifacts of one stage in the current task run: pictures only when they may be new."""
    from prefect.artifacts import create_image_artifact, create_markdown_artifact

    create_markdown_artifact(summary(result), key=key(result.stage, "summary"), description=f"{result.stage}: summary")
    if result.outcome in (Outcome.RESTORED, Outcome.COMPLETED):
        for name, path in pictures(result.stage).items():
            create_image_artifact(data_uri(path), key=key(result.stage, name), description=str(path))


def publish_run(results: Sequence[Result], not_run: Sequence[str]) -> None:
    """Creates the table of the whole run in the current flow run."""
    from prefect.artifacts import create_table_artifact

    create_table_artifact(rows(results, not_run), key="mangagan-run", description="What became of each stage, and why")


def rows(results: Sequence[Result], not_run: Sequence[str]) -> list[dict[str, Any]]:
    """The table's rows: stage, outcome, reason, seconds."""
    table: list[dict[str, Any]] = [
        {
            "stage": result.stage,
            "outcome": result.outcome.value if result.outcome else "Failed",
            "reason": result.message.partition("\n")[0],
            "seconds": round(result.seconds, 1),
        }
        for result in results
    ]
    return table + [
        {"stage": stage, "outcome": "Not run", "reason": "an earlier stage failed", "seconds": 0.0} for stage in not_run
    ]


def summary(result: Result) -> str:
    """Markdown: outcome, reason, and the stage's metrics as a table."""
    outcome = result.outcome.value if result.outcome else "Failed"
    text = f"**{outcome}** in {result.seconds:.1f} s: {result.reason}\n"
    if result.failure:
        return f"{text}\n```\n{result.failure}\n```\n"
    path = catalog.metrics(result.stage)
    if not path.is_file():
        return text
    lines = [f"| {name} | {value} |" for name, value in leaves(json.loads(path.read_text(encoding="utf-8")))]
    return "\n".join([text, f"| {path} | |", "|---|---|", *lines, ""])


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The scalars of nested mappings with their dotted names, fit for a cell."""
    if isinstance(value, dict):
        for child, inner in value.items():
            yield from leaves(inner, f"{name}.{child}" if name else str(child))
        return
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    text = text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…"
    yield name.replace("|", "\\|"), " ".join(text.split()).replace("|", "\\|")


def pictures(stage: str) -> dict[str, Path]:
    """The stage's pictures by name; of each series in a folder of its own, such as sample grids, the last."""
    folder = catalog.pictures(stage)
    found = {path.stem: path for path in sorted(folder.glob("*.png"))[:MAX_PICTURES]}
    return found | {path.parent.name: path for path in sorted(folder.glob("*/*.png"))}


def data_uri(path: Path) -> str:
    """A picture as a data: URI of bounded length: as it is when small, else as a JPEG, scaled down until it fits."""
    data = path.read_bytes()
    if len(data) <= MAX_BYTES:
        return "data:image/png;base64," + base64.b64encode(data).decode()
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        picture = image.convert("RGB")
    side = MAX_SIDE
    while True:
        picture.thumbnail((side, side))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=80)
        if buffer.tell() <= MAX_BYTES or side < 64:
            return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
        side = side * 3 // 4


def key(*parts: str) -> str:
    """An artifact's key: lowercase letters, numbers and dashes are allowed."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")
