"""`mangagan inspect` as text and as JSON, and commands whose reader has ended."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from mangagan.cli import main
from mangagan.core import catalog
from mangagan.pages.table import read_pages, write_pages
from tests.dvc_workspace import environment
from tests.review_workspace import make_review_workspace

REJECTED = 7  # files of one kind: more than `inspect` lists without --all


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory: pages of two titles, faces of three, and rejected files."""
    make_review_workspace(tmp_path)
    pages = read_pages(tmp_path / catalog.PAGES_TABLE)
    first = pages.iloc[0].to_dict()
    rejected = [
        {**first, "page_id": "", "page_number": 0, "source": f"alpha/{number}.txt", "sources": [], "reason": reason}
        for number, reason in enumerate([f"too small: {n} px" for n in range(REJECTED)] + ["not an image"])
    ]
    changed = {**first, "page_id": "more", "change": "bars trimmed", "sources": ["alpha/1.png", "alpha/2.png"]}
    write_pages(tmp_path / catalog.PAGES_TABLE, pd.DataFrame([*pages.to_dict("records"), changed, *rejected]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def inspect_json(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, object]:
    assert main(["inspect", "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_has_stable_keys_and_the_counts_of_each_title(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = inspect_json(capsys)
    assert list(found) == ["titles", "total", "changed_pages", "merged_pages", "rejected"]
    assert list(found["titles"]) == ["alpha", "beta", "gamma"]
    assert found["titles"]["alpha"] == {
        "pages": 2, "pages_with_faces": 1, "faces": 48, "kept": 45, "train": 45, "holdout": 0,
        "dropped": {"duplicate": 2, "too small": 1},
    }  # fmt: skip
    assert found["titles"]["gamma"]["pages"] == 0  # imported faces only
    assert found["titles"]["gamma"]["dropped"] == {"duplicate": 0, "too small": 0}
    assert found["total"]["faces"] == sum(title["faces"] for title in found["titles"].values())
    assert found["total"]["dropped"] == {"duplicate": 4, "too small": 2}
    assert (found["changed_pages"], found["merged_pages"]) == ({"bars trimmed": 1}, 1)


def test_rejected_files_are_shortened_like_in_the_text_and_complete_with_all(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for options, listed in (([], 5), (["--all"], REJECTED)):
        rejected = inspect_json(capsys, *options)["rejected"]
        assert rejected["count"] == REJECTED + 1
        small, other = rejected["kinds"]
        assert (small["kind"], small["count"], len(small["files"])) == ("too small", REJECTED, listed)
        assert small["files"][1] == {"source": "alpha/1.txt", "reason": "too small: 1 px"}
        assert other == {
            "kind": "not an image",
            "count": 1,
            "files": [{"source": f"alpha/{REJECTED}.txt", "reason": "not an image"}],
        }


@pytest.mark.parametrize("options", [[], ["--all"]])
def test_json_has_the_same_content_as_the_text(
    root: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = inspect_json(capsys, *options)
    assert main(["inspect", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [*found["titles"].items(), ("all 3 titles", found["total"])]
    for line, (title, counts) in zip(lines[1:5], rows, strict=True):
        assert line.startswith(title)
        numbers = [int(number) for number in line.removeprefix(title).split()]
        dropped = counts.pop("dropped")
        assert numbers == [*counts.values(), *dropped.values()]
    assert lines[0].split() == [*counts, "duplicate", "too", "small"]
    text = "\n".join(lines)
    assert "1 pages: bars trimmed" in text and "1 pages were in several files" in text
    for kind in found["rejected"]["kinds"]:
        assert f"  {kind['kind']}: {kind['count']}\n" in f"{text}\n"
        for file in kind["files"]:
            assert f"    {file['source']}: {file['reason']}" in lines
    assert ("    and 2 more. All: mangagan inspect --all" in lines) == (not options)


def test_help_documents_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["inspect", "--help"])
    shown = capsys.readouterr().out
    for key in ("titles", "total", "changed_pages", "merged_pages", "rejected", "dropped", "kind", "count", "files"):
        assert key in shown


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["inspect"], ["inspect", "--all", "--json"], ["--help"], ["--version"]])
def test_closed_output_is_no_error_message(root: Path, arguments: list[str], unbuffered: str) -> None:
    read, write = os.pipe()
    os.close(read)  # like `| head`, which ends before everything is written
    done = subprocess.run(
        [sys.executable, "-m", "mangagan", *arguments],
        cwd=root,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env=environment(PYTHONUNBUFFERED=unbuffered),
    )
    os.close(write)
    assert done.stderr == ""
    assert done.returncode in (0, 141)  # argparse ignores the error of an unbuffered --help
