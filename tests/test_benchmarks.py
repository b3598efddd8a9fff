"""The detector benchmarks: their figures and errors. No test asserts a speed."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import detect, leave_one_out, scoring
from mangagan.core.errors import UserError
from mangagan.sample.screenshot import encode
from tests.detector_parts import write_labelled_folder, write_random_weights
from tests.square_cascade import write_square_cascade

ROOT = Path(__file__).parents[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with labelled pages of two titles and random weights for each title."""
    for title in ("one", "two"):
        write_random_weights(tmp_path / f"{title}.safetensors")
    return write_labelled_folder(tmp_path)


# Leave one out


def test_leave_one_out_writes_the_scored_detections(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "found.csv"
    options = ["--data", str(folder), "--weights", str(folder), "--out", str(out), "--at", "0.5"]
    assert leave_one_out.main(options) == 0
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["page", "x", "y", "w", "h", "score"]
    assert {row["page"] for row in rows} == {"one/001.png", "two/001.png"}
    labels = {page: entry["faces"] for page, entry in json.loads((folder / "faces.json").read_text()).items()}
    detections = [(row["page"], [float(row[key]) for key in ("x", "y", "w", "h", "score")]) for row in rows]
    expected = scoring.compute_metrics(scoring.match_detections(labels, detections), 0.5)
    assert report["all"] == {"pages": 2, **expected}
    assert report["titles"].keys() == {"one", "two"}
    assert sum(row["faces"] for row in report["titles"].values()) == expected["faces"]
    for group in ("views", "widths"):
        assert sum(count for count, _ in report[group].values()) == expected["faces"]
    assert "two" in printed.err
    assert "threshold 0.5" in printed.err


def test_each_title_uses_the_weights_trained_without_it(folder: Path) -> None:
    arguments = leave_one_out.parse_arguments(["--data", str(folder), "--weights", str(folder), "--out", "-"])
    (folder / "two.safetensors").write_bytes(b"")
    assert leave_one_out.build_detector(arguments, "one").version
    with pytest.raises(UserError, match=r"two\.safetensors"):
        leave_one_out.build_detector(arguments, "two")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ([], "--weights is missing"),
        (["--weights", "nowhere"], "--leave-out one"),
        (["--weights", ".", "--threshold", "2"], "between 0 and 1"),
        (["--weights", ".", "--data", "nowhere"], "faces.json"),
        (["--detector", "lbpcascade"], "--cascade"),
        (["--detector", "lbpcascade", "--cascade", "none.xml"], "no file none.xml"),
        (["--detector", "lbpcascade", "--scale-factor", "1"], "scale_factor"),
    ],
)
def test_leave_one_out_prints_errors_in_one_line(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(folder)
    assert leave_one_out.main(["--data", ".", "--out", "out.csv", *options]) == 2
    printed = capsys.readouterr()
    assert reason in printed.err
    assert printed.err.count("\n") == 1
    assert not printed.out
    assert not Path("out.csv").exists()


def test_damaged_labels_are_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--data", str(folder), "--weights", str(folder), "--out", str(folder / "out.csv")]
    (folder / "pages" / "two" / "001.png").write_bytes(b"nothing")
    assert leave_one_out.main(options) == 2
    assert "001.png cannot be read" in capsys.readouterr().err
    for content in ("[]", "{}", "no JSON", '{"a/1.png": {"faces": [{"x": 1}]}}'):
        (folder / "faces.json").write_text(content)
        assert leave_one_out.main(options) == 2
        assert "faces.json" in capsys.readouterr().err


def test_leave_one_out_measures_the_baseline(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cascade = write_square_cascade(folder / "cascade.xml")
    options = ["--data", str(folder), "--detector", "lbpcascade", "--cascade", str(cascade), "--min-neighbors", "3"]
    assert leave_one_out.main([*options, "--out", str(folder / "out.csv")]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["all"]["threshold"] == 0
    assert "min_neighbors=3" in report["versions"][0]


# Speed and memory


def check_speed(report: dict[str, Any], names: list[str]) -> None:
    assert list(report["detectors"]) == names
    for row in report["detectors"].values():
        assert row["pages_per_second"] * row["seconds_per_page"] == pytest.approx(1, rel=0.02)
        assert 10 < row["imports_mb"] <= row["peak_mb"]
        assert row["faces"] >= 0
    assert report["threads"] == 1
    assert report["machine"]["cpu"]
    assert report["machine"]["torch"]


def test_detect_prints_one_json_line(folder: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.detect", "--pages", str(folder / "pages"), "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert (report["pages"], report["median_width"], report["median_height"]) == (2, 360, 500)
    assert "only mangaface" in report["note"]
    check_speed(report, ["mangaface"])


def test_detect_compares_with_the_cascade(folder: Path) -> None:
    cascade = write_square_cascade(folder / "cascade.xml")
    options = ["--pages", str(folder / "pages"), "--rounds", "2", "--cascade", str(cascade), "--count", "1"]
    command = [sys.executable, "-m", "benchmarks.detect", *options]
    report = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    check_speed(report, ["mangaface", "lbpcascade", "lbpcascade_tuned"])
    assert report["pages"] == 1
    pace = {name: row["seconds_per_page"] for name, row in report["detectors"].items()}
    assert report["time_ratio_to_lbpcascade"] == pytest.approx(pace["mangaface"] / pace["lbpcascade"], rel=0.02)
    assert "scale_factor=1.05 min_neighbors=3" in report["detectors"]["lbpcascade_tuned"]["version"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--cascade", "none.xml"], "no file none.xml"),
        (["--pages", "nowhere"], "nowhere not found"),
        (["--pages", "damaged.png"], "damaged.png cannot be read"),
    ],
)
def test_detect_prints_errors_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("damaged.png").write_bytes(b"nothing")
    assert detect.main(options) == 2
    printed = capsys.readouterr()
    assert reason in printed.err
    assert printed.err.count("\n") == 1


def test_pages_are_drawn_at_the_size_of_a_tablet_screen() -> None:
    assert [page.shape[:2] for page in detect.draw_pages(2)] == [(1170, 830)] * 2


def test_read_pages_selects_evenly_spaced_pages(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"{number}.png").write_bytes(encode(np.full((20, 20), 40 * number, np.uint8), "png"))
    assert [int(page[0, 0]) for page in detect.read_pages([tmp_path], 3)] == [0, 80, 160]
    assert len(detect.read_pages([tmp_path], 9)) == 6


def test_speed_uses_the_median_of_each_page_over_the_rounds() -> None:
    own = np.array([[1.0, 3.0], [1.0, 3.0], [9.0, 3.0]])
    assert detect.summarize_speed(own) == {"pages_per_second": 0.5, "seconds_per_page": 2.0}
    compared = detect.compare_speed({"mangaface": own, "lbpcascade": np.full((3, 2), 4.0)})
    assert compared == {"time_ratio_to_lbpcascade": 0.5, "time_ratio_range": [0.5, 1.5]}


def test_peak_memory_excludes_the_parent_and_keeps_freed_memory() -> None:
    held = np.ones(200 * 10**6, np.uint8)  # memory of the parent process, must not count
    code = """
from benchmarks.machine import get_peak_memory_mb
before = get_peak_memory_mb()
block = bytearray(64 * 10**6)
del block
print(before, get_peak_memory_mb())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    before, after = (float(value) for value in done.stdout.split())
    assert before < held.nbytes / 1e6 / 2
    assert after - before == pytest.approx(64, abs=8)
