import csv
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from mangagan.cli import build_parser, main
from mangagan.core import catalog
from mangagan.core.images import encode_png
from mangagan.sample.character import STYLES
from mangagan.sample.page import draw_page

PROJECT = Path(__file__).parents[1]
COMMANDS = [
    "ingest", "detect", "normalize", "dedup", "train", "evaluate",
    "run", "watch", "inspect", "compare", "export", "overrides", "faces", "generate", "onnx", "sample",
    "init", "upgrade",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert f"example: mangagan {command}" in capsys.readouterr().out


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from mangagan.cli import build_parser; build_parser(); print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT
    ).stdout
    heavy = {"torch", "cv2", "prefect", "dvc", "pandas", "numpy", "PIL", "pydantic", "pyarrow", "yaml"}
    assert not heavy & set(loaded.split())


def test_no_command_is_missing_from_the_parser() -> None:
    for command in COMMANDS:
        assert f" {command} " in build_parser().format_help() or f" {command}\n" in build_parser().format_help()


@pytest.mark.parametrize("command", ["ingest", "detect", "normalize", "dedup", "train", "evaluate", "inspect"])
def test_an_empty_workspace_gets_one_line_and_status_2(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text((PROJECT / "params.yaml").read_text())
    assert main([command]) == 2
    error = capsys.readouterr().err
    assert error.startswith("mangagan: ")
    assert error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["params.yaml"]


def test_debug_shows_the_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match=r"params\.yaml not found"):
        main(["ingest", "--debug"])


def test_a_defect_is_told_apart_from_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mangagan.commands.pipeline.inspect", lambda _: 1 // 0)
    assert main(["inspect"]) == 1
    line = "mangagan: inspect failed: ZeroDivisionError: integer division or modulo by zero"
    assert capsys.readouterr().err == f"{line} (run with --debug for the traceback)\n"


@pytest.mark.parametrize("module", ["mangagan.nowhere", "tasks.nowhere", "flows.nowhere.else", "numpy.nowhere"])
def test_a_missing_module_of_an_installed_package_is_a_defect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: str
) -> None:
    monkeypatch.setattr("mangagan.commands.pipeline.inspect", lambda _: importlib.import_module(module))
    assert main(["inspect"]) == 1
    missing = module.removesuffix(".else")
    line = f"mangagan: inspect failed: ModuleNotFoundError: No module named '{missing}'"
    assert capsys.readouterr().err == f"{line} (run with --debug for the traceback)\n"
    with pytest.raises(ModuleNotFoundError):
        main(["inspect", "--debug"])


@pytest.mark.parametrize("module", ["no_such_package", "no_such_package.part"])
def test_a_missing_package_is_named_with_the_way_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: str
) -> None:
    monkeypatch.setattr("mangagan.commands.pipeline.inspect", lambda _: importlib.import_module(module))
    assert main(["inspect"]) == 2
    line = "mangagan: the Python package no_such_package is not installed. Run: make setup && source .venv/bin/activate"
    assert capsys.readouterr().err == f"{line}\n"


def test_an_installation_without_the_makefile_names_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mangagan.cli.PROJECT", tmp_path)
    monkeypatch.setattr("mangagan.commands.pipeline.inspect", lambda _: importlib.import_module("no_such_package"))
    assert main(["inspect"]) == 2
    line = "is not installed. Activate the environment of mangagan, or install it again"
    assert capsys.readouterr().err == f"mangagan: the Python package no_such_package {line}\n"


def test_a_package_missing_at_the_start_is_one_line_as_well() -> None:
    code = "import sys; sys.modules['PIL'] = None; from mangagan.cli import main; sys.exit(main(['inspect']))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT)
    assert ended.returncode == 2
    assert ended.stderr.startswith("mangagan: the Python package PIL is not installed. Run: make setup")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("stage", catalog.STAGES)
def test_help_of_a_stage_names_its_settings_and_the_outs_of_dvc_yaml(
    stage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([stage, "--help"])
    shown = capsys.readouterr().out
    assert f"section `{stage}` of params.yaml" in shown
    definition = yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"][stage]
    assert definition["params"][0] == stage
    outs = {*definition["outs"], *(path for metrics in definition["metrics"] for path in metrics)}
    (written,) = (line for line in shown.splitlines() if line.startswith("writes:"))
    assert set(written.removeprefix("writes:").replace(" ", "").split(",")) == outs


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory with the default parameters."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text((PROJECT / "params.yaml").read_text())
    return tmp_path


def test_faces_names_pages_relative_to_the_folder(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, truth = draw_page(np.random.default_rng(0), STYLES[0], 828, 1180)
    file = workspace / "page.png"
    file.write_bytes(encode_png(page))
    (workspace / "scans" / "vol1").mkdir(parents=True)
    (workspace / "scans" / "vol1" / "p1.png").write_bytes(file.read_bytes())
    (workspace / "scans" / "bad.png").write_bytes(b"no picture")
    assert main(["faces", "scans", str(file), "--out", "faces.csv"]) == 0
    rows = list(csv.DictReader((workspace / "faces.csv").open()))
    assert list(rows[0]) == ["page", "x", "y", "w", "h", "score", "p_face", "p_usable"]
    pages = [row["page"] for row in rows]
    assert set(pages) == {"vol1/p1.png", file.as_posix()}
    assert pages.count("vol1/p1.png") == pages.count(file.as_posix()) >= len(truth) / 2 > 0
    assert "skipped bad.png: no picture, archive or e-book (file type .png)" in capsys.readouterr().err


def test_faces_without_images_says_so(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace / "empty").mkdir()
    for path, message in {"empty": "no image, archive or e-book in empty", "nowhere": "nowhere not found"}.items():
        assert main(["faces", path, "--out", "faces.csv"]) == 2
        assert message in capsys.readouterr().err
    assert not (workspace / "faces.csv").exists()


def test_an_output_that_cannot_be_written_is_one_line(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("L", (300, 300)).save("page.png")
    (workspace / "folder").mkdir()
    assert main(["faces", "page.png", "--out", "folder"]) == 2
    assert "cannot write folder: is a directory" in capsys.readouterr().err
    assert main(["sample", "page.png", "--pages", "1"]) == 2


def test_detection_needs_no_more_than_a_gpu_machine_has() -> None:
    absent = ["pyarrow", "pydantic", "ruamel", "yaml", "prefect", "dvc"]
    code = f"import sys; sys.modules.update(dict.fromkeys({absent})); import mangagan.{{}}"
    for module in ("detection.registry", "core.model_files", "detection.run", "detector_training.__main__", "gan.run"):
        subprocess.run([sys.executable, "-c", code.format(module)], cwd=PROJECT, check=True)


def test_sample_does_not_overwrite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", str(tmp_path), "--pages", "1"]) == 0
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert len(truth["pages"]) == len(list((tmp_path / "screenshots").rglob("*.*"))) == 3
    assert main(["sample", str(tmp_path), "--pages", "1"]) == 2
    assert "exists already" in capsys.readouterr().err


def test_killed_ingest_leaves_no_half_out(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "screenshots" / "title"
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0)
    for number in range(60):
        Image.fromarray(noise.integers(0, 256, (900, 700), np.uint8)).save(folder / f"{number}.png")
    (tmp_path / "params.yaml").write_text("ingest: {min_side: 100}")
    command = [sys.executable, "-m", "mangagan", "ingest"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "data").glob(".pages.tmp/.title.cbz.tmp")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "data" / "pages").exists()
    assert not (tmp_path / "data" / "pages.parquet").exists()
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["pages", "pages.parquet", "screenshots"]
    assert [path.name for path in (tmp_path / "data" / "pages").iterdir()] == ["title.cbz"]


def test_faces_of_nothing_readable_leaves_the_file_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(PROJECT / "params.yaml", tmp_path)
    Path("notes.txt").write_text("no picture")
    Path("out.csv").write_text("of before")
    assert main(["faces", "notes.txt", "--out", "out.csv"]) == 2
    assert "no image could be read in 1 files" in capsys.readouterr().err
    assert Path("out.csv").read_text() == "of before"
