"""The benchmark of the metrics: parts, comparison with references, and messages; speed is not asserted."""

import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import metrics

ROOT = Path(__file__).parents[1]


def test_one_json_line_with_every_part() -> None:
    command = [sys.executable, "-m", "benchmarks.metrics", "--faces", "66", "--size", "28", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert (report["faces"], report["size"], report["rounds"]) == (66, 28, 1)
    extractors = set(report["dimensions"])
    on_features = {f"{part}.{name}" for part in ("features", *metrics.ON_FEATURES) for name in extractors}
    assert set(report["seconds"]) == on_features | set(metrics.ON_IMAGES)
    assert report["seconds_in_all"] == pytest.approx(sum(report["seconds"].values()), rel=0.05)
    for package in ("prdc", "torch_fidelity"):
        if importlib.util.find_spec(package) is None:
            assert report[package] == "not installed"
        else:
            assert report[package]
            assert all(row["equal"] for row in report[package].values())


def test_too_few_faces_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert metrics.main(["--faces", "20"]) == 2
    assert metrics.main(["--size", "8"]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 2 and not printed.out


def test_values_that_differ_are_reported() -> None:
    pair = metrics.Pair(np.zeros((3, 2)), np.ones((3, 2)))
    calls = []

    def own(given: metrics.Pair) -> dict[str, float]:
        calls.append(given)
        return {"a": 1.0, "b": 4.0}

    for other, equal in ((4.001, True), (4.1, False)):
        row = metrics.run_in_turn(metrics.Reference(own, lambda _, b=other: {"a": 1.0, "b": b}), pair, 2, 1e-3)
        assert row["equal"] is equal
        assert row["relative_difference"] == pytest.approx((other - 4) / other, rel=0.01)
    assert calls == [pair] * 4


def test_a_module_is_imported_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "broken_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise ImportError('missing dependency')")
    (folder / "plain.py").write_text("THREE = 3\n")
    (folder / "figures.py").write_text(
        "from broken_package.heavy import unused\nfrom broken_package.plain import THREE\n"
        "def tripled(x): return THREE * x\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with metrics.import_without_init("broken_package", [str(folder)], absent=("heavy",)):
        figures = importlib.import_module("broken_package.figures")
    assert figures.tripled(2) == 6
    assert not [name for name in sys.modules if name.startswith("broken_package")]
    with pytest.raises(ImportError, match="missing dependency"):
        importlib.import_module("broken_package.figures")
