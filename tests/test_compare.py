"""Two recorded runs side by side, from a real DVC repository in git."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mangagan.cli import main
from mangagan.core import catalog
from mangagan.networks.sampling import latents, sample
from mangagan.networks.weights import load_generator
from mangagan.pictures.grid import grid
from mangagan.pictures.side_by_side import BETWEEN, HEAD, side_by_side
from mangagan.runs.differences import (
    BETTER,
    FURTHER,
    INCOMPARABLE,
    MISSING,
    NEARER,
    SAME,
    WORSE,
    Run,
    cautions,
    figure_rows,
    outcome,
    param_rows,
    verdict,
)
from tests import recorded_runs as repository
from tests.recorded_runs import figure

GRID = 8 * 30 - 2  # px, a side of a grid of 8 × 8 faces of 28 px


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tag, an experiment on the same faces with other figures, and a workspace with other faces and latents."""
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
    """A copy of it, as the working directory."""
    root = Path(shutil.copytree(recorded, tmp_path / "repo", symlinks=True))
    monkeypatch.chdir(root)
    return root


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a comparison ends with, status 2."""
    assert main(["compare", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1 and not printed.out
    assert not Path("out").exists()
    return printed.err


def test_a_tag_and_an_experiment(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
    """What a second comparison into the same folder says."""
    assert main(["compare", "baseline", "longer"]) == 2
    return capsys.readouterr().err


def test_both_grids_are_drawn_from_the_same_latents(root: Path) -> None:
    assert main(["compare", "baseline", "workspace", "--out", "both", "--seed", "5"]) == 0
    picture = np.asarray(Image.open("both/compare.png"))
    assert picture.shape == (HEAD + GRID, 2 * GRID + BETWEEN)
    here = load_generator(catalog.GENERATOR, catalog.MODEL_CARD)
    drawn = grid(sample(here, latents(64, here.z_dim, 5)), 8)[:, :, 0]
    np.testing.assert_array_equal(picture[HEAD:, -GRID:], drawn)
    assert main(["compare", "workspace", "baseline", "--out", "turned", "--seed", "5"]) == 0
    turned = np.asarray(Image.open("turned/compare.png"))
    np.testing.assert_array_equal(turned[HEAD:, :GRID], drawn)
    np.testing.assert_array_equal(turned[HEAD:, -GRID:], picture[HEAD:, :GRID])


def test_runs_on_other_faces_and_latents_say_so(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "longer"]) == 0
    printed = capsys.readouterr().out
    assert printed.count(INCOMPARABLE) == 2 + 1  # the figures and the sentence
    assert "! The runs were measured on different datasets (training faces " in printed
    assert "lengths 8 and 6" in printed
    page = Path("out/compare-longer-workspace/compare.html").read_text()
    assert "different datasets" in page and "lengths 8 and 6" in page


def test_figures_of_another_model_are_pointed_out(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measured = json.loads(catalog.metrics("evaluate").read_text())
    catalog.metrics("evaluate").write_text(json.dumps({**measured, "model_sha256": "0" * 64}))
    assert main(["compare", "baseline"]) == 0
    assert "The figures of workspace are not of the models/generator" in capsys.readouterr().out


def test_mistakes_are_one_line(root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no revision nope" in refused(capsys, "nope")
    assert "no revision HEAD~7" in refused(capsys, "baseline", "HEAD~7")
    catalog.metrics("evaluate").unlink()
    assert "workspace has no metrics/evaluate.json: run `dvc repro evaluate`" in refused(capsys, "baseline")
    repository.run(root, "git", "commit", "-q", "-a", "-m", "without figures")
    assert "HEAD has no metrics/evaluate.json" in refused(capsys, "baseline", "HEAD")
    catalog.metrics("evaluate").write_text("[1")
    assert "not valid JSON" in refused(capsys, "baseline")
    monkeypatch.chdir(root / "models")
    assert "no dvc.yaml here" in refused(capsys, "baseline")


def test_no_repository_and_no_git(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(".git")
    shutil.rmtree(".dvc")
    assert "no DVC repository here" in refused(capsys, "baseline")
    repository.dvc(root, "init", "-q", "--no-scm")
    assert "outside git" in refused(capsys, "baseline")


def test_models_come_from_the_cache_then_from_the_remote(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.move(".dvc/cache", root.parent / "away")
    repository.dvc(root, "remote", "add", "-q", "-d", "away", "../away")  # after the runs were recorded
    assert main(["compare", "baseline", "longer", "--out", "both"]) == 0
    capsys.readouterr()
    shutil.rmtree(root.parent / "away")
    assert main(["compare", "workspace", "--out", "here"]) == 0
    capsys.readouterr()
    error = refused(capsys, "baseline", "longer")
    assert "models/generator.safetensors of baseline is neither in DVC's cache nor on its remote" in error
    assert "dvc exp push" in error


def test_a_model_that_cannot_be_read_names_its_run(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog.GENERATOR.unlink()
    catalog.GENERATOR.write_bytes(b"damaged")
    error = refused(capsys, "baseline")
    assert error.startswith("mangagan: workspace: models/generator.safetensors is not the file")
    assert "/tmp" not in error


def test_a_repository_below_the_top_of_git(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


# What is told of the figures


@pytest.mark.parametrize(
    ("key", "first", "second", "expected"),
    [
        ("frechet.random", figure(3), figure(2), BETTER),
        ("frechet.random", figure(2), figure(3), WORSE),
        ("frechet.random", figure(2), figure(2.28), SAME),  # 2·√(0.1² + 0.1²) = 0.283
        ("frechet.random", figure(2), figure(2.29), WORSE),
        ("frechet.random", figure(1), figure(0.2), SAME),  # below its floor a distance is at it
        ("density.random", figure(1), figure(2), WORSE),  # denser than real faces is as wrong as sparser
        ("density.random", figure(0.5), figure(1.1), BETTER),
        ("nearest_train", figure(3, None), figure(2, None), NEARER),
        ("nearest_train", figure(2, None), figure(3, None), FURTHER),
        ("nearest_train", figure(2, None), figure(2, None), SAME),
        ("nearest_train", {**figure(3, None), "floor_sd": 9.0}, figure(2), SAME),
        ("swd", figure(3), {**figure(2), "floor": None}, MISSING),
        ("swd", {}, figure(2), MISSING),
    ],
)
def test_outcomes(key: str, first: dict[str, float], second: dict[str, float], expected: str) -> None:
    assert outcome(key, first, second) == expected


def make_run(name: str = "a", **evaluation: object) -> Run:
    inputs = {catalog.HOLDOUT_FACES.as_posix(): "1", "mangagan/metrics/swd.py": "1"}
    return Run(name, {"samples": 9, "holdout": 3, "train_sha256": "1" * 64, **evaluation}, {"a": 1, "b": 2}, inputs)


def test_another_extractor_of_the_same_name_spoils_its_figures_only() -> None:
    figures = {"frechet": {"random": figure(3), "mangaface": figure(3)}, "swd": figure(3)}
    first = make_run(**figures, extractors={"random": {"sha256": "1"}, "mangaface": {"sha256": "1"}})
    second = make_run(**figures, extractors={"random": {"sha256": "2"}, "mangaface": {"sha256": "1"}})
    told = {row.key: row.outcome for row in figure_rows(first, second)}
    assert told == {"frechet.mangaface": SAME, "frechet.random": INCOMPARABLE, "swd": SAME}
    assert cautions(first, second) == ["Another extractor goes by the same name in both runs (random)."]


def test_cautions_name_what_differs() -> None:
    first = make_run()
    assert cautions(first, make_run()) == []
    (faces,) = cautions(first, make_run(holdout=4))
    assert "hold-out faces 3 and 4" in faces and "training faces" not in faces
    (count,) = cautions(first, make_run(samples=8))
    assert "(9 and 8)" in count
    other = Run("b", first.evaluation, {}, {**first.inputs, "mangagan/metrics/swd.py": "2"})
    assert cautions(first, other) == ["The code that measures has changed in between (mangagan/metrics/swd.py)."]
    held = Run("b", first.evaluation, {}, {**first.inputs, catalog.HOLDOUT_FACES.as_posix(): "2"})
    assert "hold-out faces 1 and 2" in cautions(first, held)[0]


def test_parameters_of_one_run_alone_are_shown() -> None:
    first, second = Run("a", {}, {"kimg": 300, "z": 1}, {}), Run("b", {}, {"kimg": 300.0, "new": None}, {})
    assert param_rows(first, second) == [("z", "1", MISSING), ("new", MISSING, "None")]


def test_a_verdict_carries_the_rules_that_fired() -> None:
    because = [{"rule": "one", "fired": True}, {"rule": "two", "fired": False}, {"rule": "three", "fired": True}]
    assert verdict(make_run(verdict={"word": "copying", "because": because})) == "copying: one; three"


def test_pictures_side_by_side_may_differ_in_size_and_colour() -> None:
    left, right = np.full((20, 30, 1), 7, np.uint8), np.full((40, 50, 3), (1, 2, 3), np.uint8)
    sheet = side_by_side([left, right], ["a name far too long for its picture", "b"])
    assert sheet.shape == (HEAD + 40, 30 + BETWEEN + 50, 3)
    assert (sheet[HEAD : HEAD + 20, :30] == 7).all()
    assert (sheet[HEAD:, -50:] == (1, 2, 3)).all()
    assert (sheet[:, 30 : 30 + BETWEEN] == 255).all()  # the name was cut
