"""Comparison of two runs that a real DVC repository recorded."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mangagan.cli import main
from mangagan.core import catalog
from mangagan.networks.sampling import draw_latents, generate_images
from mangagan.networks.weights import load_generator
from mangagan.pictures.grid import draw_grid
from mangagan.pictures.side_by_side import HEADER, SPACING, draw_side_by_side
from mangagan.runs.differences import (
    BETTER,
    BETTER_UNSURE,
    INCOMPARABLE,
    MISSING,
    SAME,
    WORSE,
    WORSE_UNSURE,
    ParamRow,
    Run,
    compare_blocks,
    compare_metrics,
    compare_params,
    list_cautions,
    summarize_verdict,
)
from tests import recorded_runs as repository
from tests.recorded_runs import figure

GRID = 8 * 30 - 2  # px, a side of a grid of 8 × 8 faces of 28 px


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tag, an experiment on the same dataset, and a workspace with another dataset and another length of latents."""
    root = tmp_path_factory.mktemp("recorded") / "repo"
    repository.build(root)
    verdict = {"word": "undertrained", "because": [{"rule": "Far from <real> faces", "fired": True}]}
    repository.write_run(root, kernel_distance={"random": figure(9.5, 0.25, 1.5)}, swd=figure(5), verdict=verdict)
    repository.save(root, "baseline")
    repository.write_run(root, kimg=2.0, kernel_distance={"random": figure(4.25, 0.25, 1.5)}, swd=figure(5.1))
    repository.dvc(root, "exp", "save", "-n", "longer")
    repository.write_run(root, z_dim=6, faces="more", kernel_distance={"random": figure(3)}, swd=figure(5))
    return root


@pytest.fixture
def root(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the repository, as the working directory."""
    root = Path(shutil.copytree(recorded, tmp_path / "repo", symlinks=True))
    monkeypatch.chdir(root)
    return root


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the error of a comparison that must fail with one line and write nothing."""
    assert main(["compare", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1 and not printed.out
    assert not Path("out").exists()
    return printed.err


def test_compare_a_tag_with_an_experiment(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {
        path: path.read_bytes() for path in (catalog.GENERATOR, catalog.MODEL_CARD, catalog.PARAMS, Path("dvc.lock"))
    }
    assert main(["compare", "baseline", "longer"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "baseline: undertrained: Far from <real> faces"
    assert lines[1] == "longer: no verdict"
    cells = [re.split(r" {2,}", line) for line in lines]
    values = ["9.50 ± 0.25", "1.50", "6.33", "4.25 ± 0.25", "1.50", "2.83"]
    assert cells[4] == ["kernel_distance.random", "better", *values]
    assert cells[5][:2] == ["swd", "same within noise"]
    assert any(line.split() == ["train.kimg", "1.0", "2.0"] for line in lines)
    assert not any(line.startswith("!") for line in lines)
    assert {path: path.read_bytes() for path in before} == before

    folder = Path("out/compare-baseline-longer")
    assert sorted(path.name for path in folder.iterdir()) == ["compare.html", "compare.png"]
    page = (folder / "compare.html").read_text()
    assert {source[:5] for source in re.findall(r'(?:src|href)="([^"]*)"', page)} == {"data:"}
    assert "Far from &lt;real&gt; faces" in page and "train.kimg" in page
    assert "same 64 latents (seed 0)" in page
    assert "not an empty folder" in refused_again(capsys)


def refused_again(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the error of a second comparison into the same folder."""
    assert main(["compare", "baseline", "longer"]) == 2
    return capsys.readouterr().err


def test_both_grids_are_drawn_from_the_same_latents(root: Path) -> None:
    assert main(["compare", "baseline", "workspace", "--out", "both", "--seed", "5"]) == 0
    picture = np.asarray(Image.open("both/compare.png"))
    assert picture.shape == (HEADER + GRID, 2 * GRID + SPACING)
    here = load_generator(catalog.GENERATOR, catalog.MODEL_CARD)
    drawn = draw_grid(generate_images(here, draw_latents(64, here.z_dim, 5)), 8)[:, :, 0]
    np.testing.assert_array_equal(picture[HEADER:, -GRID:], drawn)
    assert main(["compare", "workspace", "baseline", "--out", "turned", "--seed", "5"]) == 0
    turned = np.asarray(Image.open("turned/compare.png"))
    np.testing.assert_array_equal(turned[HEADER:, :GRID], drawn)
    np.testing.assert_array_equal(turned[HEADER:, -GRID:], picture[HEADER:, :GRID])


def test_different_datasets_and_latents_are_reported(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "longer"]) == 0
    printed = capsys.readouterr().out
    assert printed.count(INCOMPARABLE) == 2  # both metrics
    assert "! The datasets of the runs differ (training faces " in printed
    assert "lengths 8 and 6" in printed
    page = Path("out/compare-longer-workspace/compare.html").read_text()
    assert "datasets of the runs differ" in page and "lengths 8 and 6" in page


def test_metrics_of_another_model_are_reported(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measured = json.loads(catalog.metrics_file("evaluate").read_text())
    catalog.metrics_file("evaluate").write_text(json.dumps({**measured, "model_sha256": "0" * 64}))
    assert main(["compare", "baseline"]) == 0
    assert "The metrics of workspace belong to another models/generator" in capsys.readouterr().out


def test_errors_are_one_line(root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "revision nope not found" in refused(capsys, "nope")
    assert "revision HEAD~7 not found" in refused(capsys, "baseline", "HEAD~7")
    catalog.metrics_file("evaluate").unlink()
    assert "metrics/evaluate.json not found in workspace. Run: dvc repro evaluate" in refused(capsys, "baseline")
    repository.run(root, "git", "commit", "-q", "-a", "-m", "without figures")
    assert "metrics/evaluate.json not found in HEAD" in refused(capsys, "baseline", "HEAD")
    catalog.metrics_file("evaluate").write_text("[1")
    assert "not valid JSON" in refused(capsys, "baseline")
    monkeypatch.chdir(root / "models")
    assert "dvc.yaml not found" in refused(capsys, "baseline")


def test_no_repository_and_no_git(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(".git")
    shutil.rmtree(".dvc")
    assert "no DVC repository here" in refused(capsys, "baseline")
    repository.dvc(root, "init", "-q", "--no-scm")
    assert "not in git" in refused(capsys, "baseline")


def test_models_are_read_from_the_cache_or_the_remote(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.move(".dvc/cache", root.parent / "away")
    repository.dvc(root, "remote", "add", "-q", "-d", "away", "../away")  # after the runs were recorded
    assert main(["compare", "baseline", "longer", "--out", "both"]) == 0
    capsys.readouterr()
    shutil.rmtree(root.parent / "away")
    assert main(["compare", "workspace", "--out", "here"]) == 0
    capsys.readouterr()
    error = refused(capsys, "baseline", "longer")
    assert "models/generator.safetensors of baseline is not in DVC's cache or on its remote" in error
    assert "dvc exp push" in error


def test_the_error_of_a_damaged_model_names_the_run(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog.GENERATOR.unlink()
    catalog.GENERATOR.write_bytes(b"damaged")
    error = refused(capsys, "baseline")
    assert error.startswith("mangagan: workspace: models/model.json does not describe models/generator.safetensors")
    assert "/tmp" not in error


def test_a_dvc_repository_in_a_subfolder_of_git(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top, root = tmp_path / "top", tmp_path / "top" / "books"
    repository.build(top)
    shutil.rmtree(top / ".dvc")
    root.mkdir()
    shutil.move(top / "dvc.yaml", root)
    repository.dvc(root, "init", "-q", "--subdir")
    repository.write_run(root, swd=figure(5))
    repository.save(root, "first")
    repository.write_run(root, z_dim=4, swd=figure(4))
    monkeypatch.chdir(root)
    assert main(["compare", "first", "--out", "out"]) == 0
    assert "train.z_dim" in Path("out/compare.html").read_text()


@pytest.mark.parametrize(
    ("key", "first", "second", "expected"),
    [
        ("frechet.random", figure(3), figure(2), BETTER),
        ("frechet.random", figure(2), figure(3), WORSE),
        ("frechet.random", figure(2), figure(2.28), SAME),  # 2·√(0.1² + 0.1²) = 0.283
        ("frechet.random", figure(2), figure(2.29), WORSE),
        ("frechet.random", figure(1), figure(0.2), SAME),  # below the floor, one-sided
        ("density.random", figure(1), figure(2), WORSE),  # two-sided
        ("density.random", figure(0.5), figure(1.1), BETTER),
        ("nearest_train", figure(3, None), figure(2, None), BETTER_UNSURE),
        ("nearest_train", figure(2, None), figure(3, None), WORSE_UNSURE),
        ("nearest_train", figure(2, None), figure(2, None), SAME),
        ("nearest_train", {**figure(3, None), "floor_sd": 9.0}, figure(2), SAME),
        ("swd", figure(3), {**figure(2), "floor": None}, MISSING),
        ("swd", {}, figure(2), MISSING),
    ],
)
def test_outcomes(key: str, first: dict[str, float], second: dict[str, float], expected: str) -> None:
    assert compare_blocks(key, first, second) == expected


def make_run(name: str = "a", **evaluation: object) -> Run:
    inputs = {catalog.HOLDOUT_FACES.as_posix(): "1", "mangagan/metrics": "1"}
    return Run(name, {"samples": 9, "holdout": 3, "train_sha256": "1" * 64, **evaluation}, {"a": 1, "b": 2}, inputs)


def test_a_changed_extractor_makes_only_its_metrics_incomparable() -> None:
    figures = {"frechet": {"random": figure(3), "mangaface": figure(3)}, "swd": figure(3)}
    first = make_run(**figures, extractors={"random": {"sha256": "1"}, "mangaface": {"sha256": "1"}})
    second = make_run(**figures, extractors={"random": {"sha256": "2"}, "mangaface": {"sha256": "1"}})
    outcomes = {row.key: row.outcome for row in compare_metrics(first, second)}
    assert outcomes == {"frechet.mangaface": SAME, "frechet.random": INCOMPARABLE, "swd": SAME}
    assert list_cautions(first, second) == ["Networks with the same name differ (random)."]


def test_cautions_name_the_differences() -> None:
    first = make_run()
    assert list_cautions(first, make_run()) == []
    (faces,) = list_cautions(first, make_run(holdout=4))
    assert "hold-out faces 3 and 4" in faces and "training faces" not in faces
    (count,) = list_cautions(first, make_run(samples=8))
    assert "(9 and 8)" in count
    other = Run("b", first.evaluation, {}, {**first.inputs, "mangagan/metrics": "2"})
    assert list_cautions(first, other) == ["The code of the metrics differs (mangagan/metrics)."]
    held = Run("b", first.evaluation, {}, {**first.inputs, catalog.HOLDOUT_FACES.as_posix(): "2"})
    assert "hold-out faces 1 and 2" in list_cautions(first, held)[0]


def test_parameters_of_only_one_run_are_listed() -> None:
    first, second = Run("a", {}, {"kimg": 300, "z": 1}, {}), Run("b", {}, {"kimg": 300.0, "new": None}, {})
    assert compare_params(first, second) == [ParamRow("z", "1", MISSING), ParamRow("new", MISSING, "None")]


def test_the_verdict_includes_the_rules_that_fired() -> None:
    because = [{"rule": "One.", "fired": True}, {"rule": "Two.", "fired": False}, {"rule": "Three.", "fired": True}]
    assert summarize_verdict(make_run(verdict={"word": "copying", "because": because})) == "copying: One. Three."


def test_grids_side_by_side_may_differ_in_size_and_colour() -> None:
    left, right = np.full((20, 30, 1), 7, np.uint8), np.full((40, 50, 3), (1, 2, 3), np.uint8)
    sheet = draw_side_by_side([left, right], ["a name far too long for its picture", "b"])
    assert sheet.shape == (HEADER + 40, 30 + SPACING + 50, 3)
    assert (sheet[HEADER : HEADER + 20, :30] == 7).all()
    assert (sheet[HEADER:, -50:] == (1, 2, 3)).all()
    assert (sheet[:, 30 : 30 + SPACING] == 255).all()  # the name was cut
