"""The benchmark of the quality gates for imported crops."""

import json
from pathlib import Path

import pytest

from benchmarks import import_gates
from mangagan.faces.quality import KEEP_LEVELS
from tests.detector_parts import write_labelled_folder


def test_shares_of_each_margin_and_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_gates.main(["--data", str(write_labelled_folder(tmp_path))]) == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report["margins"]) == [str(margin) for margin in import_gates.MARGINS]
    for kinds in report["margins"].values():
        assert list(kinds) == list(import_gates.KINDS)
        assert kinds["usable"]["crops"] == report["margins"]["0.0"]["usable"]["crops"] > 0
        for row in kinds.values():
            assert row["crops"] == 0 or row["strict"] <= row["balanced"] <= row["all"] <= 1
            assert row.keys() - {"crops"} == (set(KEEP_LEVELS) if row["crops"] else set())


def test_a_missing_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_gates.main(["--data", str(tmp_path / "nowhere")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("import_gates: ") and error.count("\n") == 1
