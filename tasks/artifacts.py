"""Prefect artifacts: a summary of each stage with its metrics, its pictures, and a table of the whole run."""

import base64
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mangagan.core import catalog
from tasks.outcome import Outcome
from tasks.stage import StageResult

MAX_PICTURES = 8  # of each stage; all pictures are in reports/<stage>/
# Prefect shows pictures by URL only, and nobody serves the workspace over HTTP. Pictures are therefore sent as data:
# URIs, which are a third longer than the file.
MAX_BYTES = 150_000  # of the file of one picture
MAX_SIDE = 1_600  # [px]; wider than the Prefect page
MAX_VALUE_LENGTH = 80  # characters of a metric


def publish(result: StageResult) -> None:
    """Create the artifacts of one stage in the current task run. Pictures of a cached stage are not sent again."""
    from prefect.artifacts import create_image_artifact, create_markdown_artifact

    key = make_artifact_key(result.stage, "summary")
    create_markdown_artifact(render_summary(result), key=key, description=f"{result.stage}: summary")
    if result.outcome in (Outcome.RESTORED, Outcome.COMPLETED):
        for name, path in find_pictures(result.stage).items():
            key = make_artifact_key(result.stage, name)
            create_image_artifact(encode_data_uri(path), key=key, description=str(path))


def publish_run(results: Sequence[StageResult], not_run: Sequence[str]) -> None:
    """Create the table of the whole run in the current flow run."""
    from prefect.artifacts import create_table_artifact

    rows = build_rows(results, not_run)
    create_table_artifact(rows, key="mangagan-run", description="Outcome of each stage, and the reason")


def build_rows(results: Sequence[StageResult], not_run: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of the table: stage, outcome, reason, seconds."""
    rows: list[dict[str, Any]] = [
        {
            "stage": result.stage,
            "outcome": result.outcome.value if result.outcome else "Failed",
            "reason": result.message,
            "seconds": round(result.seconds, 1),
        }
        for result in results
    ]
    return rows + [
        {"stage": stage, "outcome": "Not run", "reason": "an earlier stage failed", "seconds": 0.0} for stage in not_run
    ]


def render_summary(result: StageResult) -> str:
    """Return Markdown: outcome, reason, and the metrics of the stage or the last lines of a failed one."""
    outcome = result.outcome.value if result.outcome else "Failed"
    text = f"**{outcome}** in {result.seconds:.1f} s: {result.reason}\n"
    if result.failure:
        return f"{text}\n{result.failure}\n\n```\n{result.output}\n```\n"
    path = catalog.metrics_file(result.stage)
    if not path.is_file():
        return text
    metrics = flatten(json.loads(path.read_text(encoding="utf-8")))
    lines = [f"| {name} | {value} |" for name, value in metrics]
    return "\n".join([text, f"| {path} | |", "|---|---|", *lines, ""])


def flatten(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the scalars of nested mappings as dotted name and text, escaped for a Markdown table."""
    if isinstance(value, dict):
        for child, inner in value.items():
            yield from flatten(inner, f"{name}.{child}" if name else str(child))
        return
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    text = text if len(text) <= MAX_VALUE_LENGTH else text[: MAX_VALUE_LENGTH - 1] + "…"
    yield name.replace("|", "\\|"), " ".join(text.split()).replace("|", "\\|")


def find_pictures(stage: str) -> dict[str, Path]:
    """Return the pictures of a stage by name. Of a subfolder (a series of sample grids), only the last."""
    folder = catalog.pictures_dir(stage)
    pictures = {path.stem: path for path in sorted(folder.glob("*.png"))[:MAX_PICTURES]}
    return pictures | {path.parent.name: path for path in sorted(folder.glob("*/*.png"))}


def encode_data_uri(path: Path) -> str:
    """Return a picture as a data: URI. A file above MAX_BYTES is converted to JPEG and scaled down."""
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


def make_artifact_key(*parts: str) -> str:
    """Return the key of an artifact. Prefect allows lowercase letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")
