"""The comparison of recipes: the list of runs, no repeated runs, and the figures of known samples."""

import json
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import face_sets, recipe_tables, recipes, variants
from benchmarks.face_sets import FaceSet
from benchmarks.judging import PROJECT_EXTRACTORS, Judge
from mangagan.core.errors import UserError
from mangagan.features.registry import ExtractorParams, build_extractors
from mangagan.gan.loop import DivergedError
from mangagan.gan.recipes import RECIPES, Recipe
from tests.gan_runs import faces

ROOT = Path(__file__).parents[1]
TINY = ["--kimg", "0.032", "--width", "2", "--samples", "24", "--device", "cpu", "--threads", "1"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a set of discs, 16 for training and 16 for hold-out."""
    images = faces(32, 56)
    part = np.arange(32) % 2
    pages = np.array([f"page {number}" for number in range(32)])
    face_sets.save(tmp_path / "sets", FaceSet("drawn", images, pages, np.ones(32, bool), part, 1))
    return tmp_path


def options(folder: Path, *more: str) -> list[str]:
    return ["--sets", str(folder / "sets"), "--out", str(folder / "out"), "--names", "drawn", *TINY, *more]


# Variants


def test_every_setting_of_a_recipe_is_in_one_group() -> None:
    names = [name for group in variants.list_setting_groups().values() for name in group] + list(
        variants.DEPENDENT_SETTINGS
    )
    assert sorted(names) == sorted(field.name for field in fields(Recipe))


def test_an_ablation_uses_the_values_of_the_baseline() -> None:
    ablations = {variant.name: variant.changes for variant in variants.make_ablations()}
    assert ablations["modern-no-ema_kimg"] == {"ema_kimg": 0.0}
    assert "modern-no-norm_g" not in ablations  # equal in both recipes
    combined = {name: value for changes in ablations.values() for name, value in changes.items()}
    ours, baseline = vars(RECIPES["modern"]), vars(RECIPES["classic"])
    restored = {**ours, **combined, **{name: baseline[name] for name in variants.DEPENDENT_SETTINGS}}
    assert restored == baseline


def test_settings_on_the_command_line_define_a_variant() -> None:
    variant = variants.parse_variant("r1=10,flip=random,minibatch_stddev=false")
    assert variant.changes == {"r1": 10, "flip": "random", "minibatch_stddev": False}
    assert variant.name == "modern-r1=10,flip=random,minibatch_stddev=false"
    for text, reason in (
        ("r3=1", "unknown setting r3"),
        ("r1", "unknown setting r1"),
        ("r1=-1", "r1 must be at least 0"),
    ):
        with pytest.raises(UserError, match=reason):
            variants.parse_variant(text)


# Runs


def test_finished_runs_are_not_repeated(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recipes.main(options(folder, "--seeds", "0", "1")) == 0
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert report == json.loads((folder / "out" / "recipes.json").read_text())
    summary = report["sets"]["drawn"]
    assert {name: row["runs"] for name, row in summary["variants"].items()} == {"classic": 2, "modern": 2}
    records = {path: path.read_bytes() for path in sorted((folder / "out" / "runs").glob("*.json"))}
    assert len(records) == 4
    lone = [json.loads(data) for path, data in records.items() if "-classic-1-" in path.name]
    assert lone[0]["settings"]["select"] == "last"
    mean = np.mean([json.loads(data)["figures"]["swd"] for path, data in records.items() if "classic" in path.name])
    assert summary["variants"]["classic"]["mean"]["swd"] == pytest.approx(mean, rel=1e-4)
    assert {"kernel_distance.random", "coverage.mangaface", "ct.pixels", "copied.random"} <= lone[0]["figures"].keys()
    assert (folder / "out" / "drawn.png").exists()
    assert "| modern | 2 |" in (folder / "out" / "recipes.md").read_text()

    assert recipes.main(options(folder, "--seeds", "0", "1", "--try", "z_dim=8")) == 0
    printed = capsys.readouterr()
    assert printed.err.count(": run ") == 2
    assert "modern-z_dim=8" in json.loads(printed.out)["sets"]["drawn"]["variants"]
    assert {path: path.read_bytes() for path in records} == records


def test_another_budget_starts_another_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    only = ["--recipes", "modern", "--seeds", "0"]
    assert recipes.main(options(folder, *only)) == 0
    assert recipes.main(options(folder, *only, "--kimg", "0.048")) == 0
    assert len(list((folder / "out" / "runs").glob("*.json"))) == 2
    capsys.readouterr()
    assert recipes.main(options(folder, *only, "--seeds", "0", "7", "--only-report")) == 0
    printed = capsys.readouterr()
    assert not printed.err
    assert json.loads(printed.out)["sets"]["drawn"]["variants"]["modern"]["runs"] == 1


def test_a_killed_comparison_resumes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    only = ["--recipes", "modern", "--seeds", "0", "--kimg", "0.6"]
    command = [sys.executable, "-m", "benchmarks.recipes", *options(folder, *only)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as killed:
        assert killed.stderr is not None
        while "on the CPU" not in killed.stderr.readline():
            assert killed.poll() is None
        time.sleep(0.3)
        killed.terminate()
        rest = killed.stderr.read()
    assert "checkpoint saved" in rest
    assert not list((folder / "out").glob("runs/*.json"))
    capsys.readouterr()
    assert recipes.main(options(folder, *only)) == 0
    assert "resuming" in capsys.readouterr().err
    (path,) = (folder / "out").glob("runs/*.json")
    whole = json.loads(path.read_text())["figures"]
    assert "images_per_second" not in whole  # a resumed run has no total time
    assert recipes.main([*options(folder, *only), "--out", str(folder / "unbroken")]) == 0
    (path,) = (folder / "unbroken").glob("runs/*.json")
    again = json.loads(path.read_text())["figures"]
    again.pop("images_per_second")
    assert again == whole


def test_a_diverged_run_is_reported_and_not_repeated(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def diverge(*_: object) -> None:
        raise DivergedError(1.0)

    monkeypatch.setattr(recipes, "train_resumable", diverge)
    assert recipes.main(options(folder, "--seeds", "0")) == 0
    monkeypatch.undo()
    capsys.readouterr()
    assert recipes.main(options(folder, "--seeds", "0")) == 0
    printed = capsys.readouterr()
    assert not printed.err
    assert json.loads(printed.out)["sets"]["drawn"]["variants"]["modern"]["failed"] == 1
    assert "1, 1 diverged" in (folder / "out" / "recipes.md").read_text()


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (["--sets", "nowhere"], "benchmarks.face_sets"),
        (["--folds", "3"], "folds 0 … 0"),
        (["--try", "colour=1"], "unknown setting colour"),
        (["--kimg", "0"], "kimg must be above 0"),
    ],
)
def test_invalid_options_print_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], more: list[str], reason: str
) -> None:
    assert recipes.main(options(folder, *more)) == 2
    printed = capsys.readouterr()
    assert reason in printed.err
    assert printed.err.count("\n") == 1


# Figures


def blobs() -> np.ndarray:
    """Return 180 different smooth pictures of one distribution."""
    coarse = np.random.default_rng(1).integers(0, 256, (180, 7, 7), dtype=np.uint8)
    return np.stack([cv2.resize(image, (56, 56), interpolation=cv2.INTER_CUBIC)[None] for image in coarse])


@pytest.fixture(scope="module")
def judge() -> Judge:
    """Return a judge with training and hold-out pictures."""
    images = blobs()
    return Judge(images[:60], images[60:120], build_extractors(ExtractorParams(PROJECT_EXTRACTORS), Path()), 60)


def test_new_pictures_of_the_same_distribution_are_near_the_floor(judge: Judge) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 1, 56, 56), dtype=np.uint8)
    good, bad = judge.measure(blobs()[120:]), judge.measure(noise)
    for name in ("random", "mangaface"):
        assert abs(good[f"kernel_distance.{name}"]) < 0.1 * bad[f"kernel_distance.{name}"]
        assert good[f"coverage.{name}"] > 0.8
        assert bad[f"coverage.{name}"] == 0
        assert abs(good[f"ct.{name}"]) < 3
        assert bad[f"ct.{name}"] > 3
    assert good["swd"] < 0.5 * bad["swd"]
    assert set(good) == set(judge.floor)


def test_copies_and_mirrored_copies_are_detected(judge: Judge) -> None:
    copies = judge.train.copy()
    copies[::2] = copies[::2, ..., ::-1]
    found = judge.measure(copies)
    for name in ("random", "mangaface", "pixels"):
        assert found[f"copied.{name}"] > 0.9
        assert found[f"ct.{name}"] < -3
        assert judge.floor[f"copied.{name}"] < 0.2
        assert abs(judge.floor[f"ct.{name}"]) < 3


def test_the_floor_equals_the_figures_of_training_faces(judge: Judge) -> None:
    found = judge.measure(judge.train)
    for name in ("kernel_distance.random", "coverage.mangaface", "swd"):
        assert judge.floor[name] == pytest.approx(found[name])


# Tables


def test_summary_has_means_gain_and_table() -> None:
    def record(variant: str, distance: float, coverage: float) -> recipe_tables.Record:
        return {"variant": variant, "figures": {"kernel_distance.random": distance, "coverage.random": coverage}}

    records = [record("classic", 6.0, 0.2), record("classic", 8.0, 0.4), record("modern", 2.0, 0.8)]
    floor = {"kernel_distance.random": 0.001, "coverage.random": 0.97}
    summary = recipe_tables.summarize(records, [floor], ["classic", "modern", "modern-no-ema"])
    assert summary["floor"] == floor
    assert summary["variants"]["classic"]["mean"]["kernel_distance.random"] == 7
    assert summary["variants"]["classic"]["sd"]["kernel_distance.random"] == pytest.approx(2**0.5, rel=1e-4)
    assert summary["variants"]["modern"]["sd"] == {}
    assert "modern-no-ema" not in summary["variants"]
    assert summary["gain"] == {"kernel_distance.random": 3.5, "coverage.random": 0.5}
    lines = recipe_tables.format_table(summary).splitlines()
    assert lines[0] == "| | runs | kernel distance, random | coverage, random |"
    assert lines[2] == "| real faces |  | 0.001 | 0.97 |"
    assert lines[3] == "| classic | 2 | 7 ± 1.4 | 0.3 ± 0.14 |"


def test_strips_are_written_one_below_the_other(tmp_path: Path) -> None:
    gray, colour = np.full((30, 1, 8, 8), 50, np.uint8), np.full((30, 3, 8, 8), 90, np.uint8)
    strips = [("one", recipe_tables.make_strip(gray)), ("two", recipe_tables.make_strip(colour))]
    recipe_tables.write_strips(tmp_path / "sheet.png", strips)
    sheet = recipe_tables.read_strip(tmp_path / "sheet.png")
    height = recipe_tables.ROWS * 8 + 2
    assert sheet.shape == (2 * (height + recipe_tables.CAPTION), recipe_tables.COLUMNS * 10 - 2, 3)
    assert (sheet[recipe_tables.CAPTION] == 50).any()
    assert (sheet[-1] == 90).any()
