"""Metrics of the import, and the lines that tell the user what was found."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from mangagan.core import catalog
from mangagan.importing.files import Imported
from mangagan.importing.groups import FOLDER, NONE
from mangagan.ingestion.reasons import count_reasons
from mangagan.readers.listing import Listing, find_similar_titles
from mangagan.readers.litter import describe_litter

MAX_LINES = 40  # of rejected files on the terminal
MIN_GROUPS = 10  # with fewer groups, the hold-out set can be much larger or smaller than the share that the user sets
PAGE_SIDE, PAGE_RATIO = 800, 1.25  # longer side [px], and ratio of the sides, of a picture that may be a page
REJECTED_COLUMNS = ["title", "source", "reason"]


def summarize(listing: Listing, result: Imported) -> dict[str, Any]:
    """Return the metrics of the stage."""
    faces, passed = result.faces, result.faces["drop_reason"] == ""
    reasons = faces["drop_reason"][~passed].value_counts()
    return {
        "files": len(faces) + len(result.rejected),
        "faces": len(faces),
        "passed": int(passed.sum()),
        "dropped_by_reason": {str(reason): int(count) for reason, count in reasons.items()},
        "rejected": len(result.rejected),
        "rejected_by_kind": count_reasons(outcome.reason for outcome in result.rejected),
        "skipped_folders": len(listing.litter_folders),
        "groups": int(faces["page_id"].nunique()),
        "faces_by_title": {str(title): int(count) for title, count in faces.groupby("title").size().items()},
        "median_upscale": round(float(np.median(faces["upscale"])), 4) if len(faces) else None,
        "gray_share": round(float(faces["is_gray"].mean()), 4) if len(faces) else None,
    }


def tabulate_rejected(result: Imported) -> pd.DataFrame:
    """Return one row for each rejected file: title, source and reason."""
    rows = [(outcome.source.title, outcome.source.name, outcome.reason) for outcome in result.rejected]
    return pd.DataFrame(rows, columns=REJECTED_COLUMNS)


def describe_failure(result: Imported, folder: str) -> str:
    """Return the error if no file is a picture."""
    first = result.rejected[0] if result.rejected else None
    example = f", for example {first.source.name}: {first.reason}" if first else ""
    return (
        f"none of {len(result.rejected)} files in {folder} is a picture of a face{example}."
        f" Put crops of faces, or archives of them, into {folder}/<title>/, or empty the folder"
    )


def describe_import(listing: Listing, result: Imported, group: str) -> Iterator[str]:
    """Yield lines for the user: what was rejected, skipped and imported, and what looks wrong.

    Args:
        listing: The files.
        result: The result of the import.
        group: `ImportParams.group`.
    """
    faces, rejected = result.faces, result.rejected
    yield from (f"rejected {outcome.source.name}: {outcome.reason}" for outcome in rejected[:MAX_LINES])
    if len(rejected) > MAX_LINES:
        table = catalog.pictures_dir("import_faces") / "rejected.csv"
        yield f"rejected {len(rejected) - MAX_LINES} more files: see {table}"
    if listing.litter_folders:
        yield f"skipped folders of systems and sync tools: {describe_litter(listing.litter_folders)}"
    for titles in find_similar_titles(listing.files):
        yield f"titles that differ in case only overwrite each other on Windows and macOS: {', '.join(titles)}"
    passed = int((faces["drop_reason"] == "").sum())
    dropped = f", {len(faces) - passed} of them fail the quality gates" if passed < len(faces) else ""
    yield f"{len(faces)} faces, titles: {faces['title'].nunique()}{dropped}; {len(rejected)} files rejected"
    yield from describe_groups(result, group)
    pages = count_pages(faces)
    if 2 * pages > len(faces):
        yield f"{pages} pictures have the size and shape of pages. If they are pages, use {catalog.SCREENSHOTS} instead"


def describe_groups(result: Imported, group: str) -> Iterator[str]:
    """Yield lines about groups that are too few, and about files without a group."""
    if group not in (NONE, FOLDER) and result.alone:
        yield f"{result.alone} files do not match import_faces.group: each of them is a group of its own"
    sizes = result.faces["page_id"].value_counts()
    if group != NONE and 0 < len(sizes) < MIN_GROUPS:
        yield (
            f"only {len(sizes)} groups, the largest has {100 * sizes.max() / sizes.sum():.0f} % of the faces. The"
            " hold-out set consists of whole groups, so it may be far from dedup.holdout_share. Use smaller groups, or"
            " import_faces.group: none"
        )


def count_pages(faces: pd.DataFrame) -> int:
    """Return the number of pictures that may be pages rather than faces."""
    sides = faces[["page_width", "page_height"]]
    longer, shorter = sides.max(axis=1), sides.min(axis=1)
    return int(((longer >= PAGE_SIDE) & (longer >= PAGE_RATIO * shorter)).sum())
