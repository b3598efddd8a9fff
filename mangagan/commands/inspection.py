"""What `mangagan inspect` shows: counts by title, changed pages, and rejected files by kind; as text or as JSON."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from mangagan.dataset.manifest import summarize
from mangagan.ingestion.reasons import find_change_kind, find_kind

COUNTS = ("pages", "pages_with_faces", "faces", "kept", "train", "holdout")


def collect(pages: pd.DataFrame, manifest: pd.DataFrame, max_files: int | None) -> dict[str, Any]:
    """Return the content of `mangagan inspect`, ready for JSON. The help of the command describes the keys.

    Args:
        pages: The table of pages.
        manifest: The manifest.
        max_files: Maximum number of rejected files to list of each kind; None for all.
    """
    accepted, rejected = pages[pages["reason"] == ""], pages[pages["reason"] != ""]
    counts = accepted.groupby("title").size().rename("pages").to_frame()
    table = counts.join(summarize(manifest), how="outer").fillna(0).astype(int)
    changes = accepted["change"][accepted["change"] != ""].map(find_change_kind).value_counts()
    merged = (accepted["sources"].map(len) > 1) & ~accepted["change"].str.contains("slices")
    groups = rejected.groupby(rejected["reason"].map(find_kind))
    kinds = [
        {"kind": kind, "count": len(group), "files": group[["source", "reason"]].head(max_files).to_dict("records")}
        for kind, group in sorted(groups, key=lambda group: -len(group[1]))
    ]
    return {
        "titles": {str(title): nest_counts(row) for title, row in table.iterrows()},
        "total": nest_counts(table.sum()),
        "changed_pages": {str(change): int(count) for change, count in changes.items()},
        "merged_pages": int(merged.sum()),
        "rejected": {"count": len(rejected), "kinds": kinds},
    }


def nest_counts(row: pd.Series) -> dict[str, Any]:
    """Return the counts of a row by name, those of drop reasons under `dropped`."""
    dropped = {str(name): int(count) for name, count in row.items() if name not in COUNTS}
    return {name: int(row[name]) for name in COUNTS} | {"dropped": dropped}


def format_lines(overview: dict[str, Any]) -> Iterator[str]:
    """Yield the content as lines of text: a table of counts, then the changed pages and the rejected files.

    Args:
        overview: Result of `collect`.
    """
    rows = {**overview["titles"], f"all {len(overview['titles'])} titles": overview["total"]}
    flat = [{name: row[name] for name in COUNTS} | row["dropped"] for row in rows.values()]
    yield pd.DataFrame(flat, index=list(rows)).to_string()
    for change, count in overview["changed_pages"].items():
        yield f"{count} pages: {change}"
    if overview["merged_pages"]:
        yield f"{overview['merged_pages']} pages were in several files: exact duplicates or re-taken screenshots"
    rejected = overview["rejected"]
    if not rejected["count"]:
        return
    yield f"\n{rejected['count']} rejected files:"
    for kind in rejected["kinds"]:
        yield f"  {kind['kind']}: {kind['count']}"
        for file in kind["files"]:
            yield f"    {file['source']}: {file['reason']}"
        if more := kind["count"] - len(kind["files"]):
            yield f"    and {more} more. All: mangagan inspect --all"
