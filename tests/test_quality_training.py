"""Examples, crops, labels and the training loop of the face quality network."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mangagan.detector_training.__main__ import encode_weights
from mangagan.detector_training.drawings import Counts
from mangagan.detector_training.labels import Picture, read_titles
from mangagan.face_quality.network import SIDE, FaceQualityNet
from mangagan.face_quality.weights import load_quality_network
from mangagan.quality_training import __main__ as training
from mangagan.quality_training import fit_calibration
from mangagan.quality_training.crops import cover_face, draw_balloon, draw_crop, draw_panel, relabel_face
from mangagan.quality_training.examples import Example, draw_other_box, label_box, label_faces
from mangagan.quality_training.fit_calibration import Ratings, fit_logistic
from mangagan.quality_training.loop import CropDataset, Source, TrainingSettings, compute_loss, train
from tests.detector_parts import draw_ellipse, write_labelled_folder, write_random_weights

BOX = np.array([30.0, 20.0, 60.0, 80.0])


def test_labels_of_a_box_depend_on_its_overlap() -> None:
    picture = draw_ellipse()  # a usable face at (110, 140) of 80 x 120 px
    exact, shifted, beside = (np.array([110.0 + shift, 140, 80, 120]) for shift in (0, 40, 75))
    assert [(e.face, e.usable) for e in (label_box(picture, box) for box in (exact, shifted, beside))] == [
        (1, 1),  # IoU 1
        (-1, -1),  # IoU 1/3: a badly placed box
        (0, 0),  # IoU 1/31
    ]


def test_random_boxes_have_no_face() -> None:
    rng, picture = np.random.default_rng(0), draw_ellipse()
    drawn = [draw_other_box(rng, picture) for _ in range(200)]
    boxes = [example for example in drawn if example]
    assert len(boxes) > 150
    assert all(example.face == example.usable == 0 for example in boxes)
    assert (
        draw_other_box(rng, Picture(np.zeros((40, 40), np.uint8), np.array([[0, 0, 40, 40, 1]], np.float32)), 1) is None
    )


def test_the_box_of_a_crop_is_at_its_face() -> None:
    example = label_faces([draw_ellipse()])[0]
    for seed in range(30):
        pixels, box = draw_crop(np.random.default_rng(seed), example)
        assert pixels.shape == (SIDE, SIDE)
        rows, columns = np.nonzero(pixels < 128)
        measured = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        edges = np.concatenate([box[:2], box[:2] + box[2:]]).clip(0, SIDE)
        assert np.abs(measured - edges).max() < 2
        assert 0.5 < box[2:].max() / SIDE < 1  # 1 / 1.4 without jitter


@pytest.mark.parametrize(
    ("covered", "labels"),
    [
        ((30, 20, 60, 20), (1, 1)),  # forehead
        ((30, 75, 60, 25), (1, 1)),  # chin
        ((30, 20, 30, 80), (1, 0)),  # the left half
        ((60, 50, 30, 10), (1, -1)),  # a third of an eye
        ((30, 42, 60, 33), (1, 0)),  # both eyes
        ((30, 20, 60, 60), (-1, 0)),  # three quarters of the face
    ],
)
def test_a_hidden_eye_makes_a_face_not_usable(covered: tuple[int, ...], labels: tuple[float, float]) -> None:
    x, y, w, h = covered
    mask = np.zeros((SIDE, SIDE), bool)
    mask[y : y + h, x : x + w] = True
    assert relabel_face(mask, BOX) == labels
    assert relabel_face(np.zeros_like(mask), BOX) == (1, 1)


def test_covers_change_only_the_masked_part() -> None:
    pixels, other = np.full((SIDE, SIDE), 200, np.uint8), np.full((SIDE, SIDE), 90, np.uint8)
    for draw in (draw_balloon, draw_panel):
        hidden = 0
        for seed in range(60):
            drawn, mask = draw(np.random.default_rng(seed), pixels, BOX, other)
            changed = drawn != pixels
            assert (changed & ~mask).mean() < 0.06  # the outline
            hidden += relabel_face(mask, BOX)[1] == 0
        assert 6 < hidden < 54
    labels = {cover_face(np.random.default_rng(seed), pixels, BOX, other)[1][1] for seed in range(60)}
    assert labels == {-1.0, 0.0, 1.0}


def test_the_loss_ignores_unknown_labels() -> None:
    logits = torch.tensor([[9.0, -9.0], [-9.0, 9.0]])
    loss, terms = compute_loss(logits, torch.tensor([[1.0, 0.0], [-1.0, -1.0]]))
    assert loss.item() == pytest.approx(0, abs=1e-3)
    loss, terms = compute_loss(logits, torch.tensor([[0.0, 0.0], [-1.0, 1.0]]))
    assert terms.tolist() == pytest.approx([9, 0], abs=1e-3)


def make_sources() -> list[Source]:
    picture = draw_ellipse()
    return [Source(0.5, label_faces([picture]), []), Source(0.5, [], [picture])]


def test_a_crop_depends_only_on_its_number() -> None:
    crops = CropDataset(make_sources(), TrainingSettings(crops=64))
    again = CropDataset(make_sources(), TrainingSettings(crops=640))
    for number in (0, 7, 63):
        for one, other in zip(crops[number], again[number], strict=True):
            assert np.array_equal(one, other)
    labels = np.array([crops[number][1] for number in range(64)])
    assert 20 < (labels[:, 0] == 1).sum() < 44


def test_training_lowers_the_loss() -> None:
    torch.manual_seed(0)
    settings = TrainingSettings(crops=16 * 40, batch_size=16, covered=0, tones=0, ema_beta=0.8)
    crops = CropDataset(make_sources(), settings)
    network = FaceQualityNet()
    averaged = train(network, crops, settings)
    fresh = CropDataset(make_sources(), TrainingSettings(crops=64, seed=1, covered=0, tones=0))
    ink, labels = (torch.from_numpy(np.stack(part)) for part in zip(*(fresh[n] for n in range(64)), strict=True))
    with torch.inference_mode():
        assert compute_loss(averaged(ink), labels)[0] < 0.5  # 1.39 for equal probabilities


def write_folds(folder: Path, titles: list[str]) -> Path:
    folder.mkdir()
    for title in titles:
        write_random_weights(folder / f"{title}.safetensors")
    return folder


def test_command_trains_and_repeats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training, "COUNTS", Counts(2, 1, 1, 4, 4, 4, 4))
    data = write_labelled_folder(tmp_path / "data")
    folds = write_folds(tmp_path / "folds", list(read_titles(data)))
    options = ["--data", str(data), "--folds", str(folds), "--crops", "64", "--threads", "1", "--leave-out", "two"]
    for name in ("a", "b"):
        assert training.main([*options, "--out", str(tmp_path / name)]) == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    load_quality_network(tmp_path / "a")
    assert training.main([*options[:-1], "three"]) == 2
    assert "no title three" in capsys.readouterr().err


def test_calibration_recovers_coefficients() -> None:
    rng = np.random.default_rng(0)
    inputs = np.column_stack([rng.normal(0, 2, (20_000, 2)), np.ones(20_000)])
    labels = (rng.random(20_000) < 1 / (1 + np.exp(-inputs @ [0.8, -0.5, -1.0]))).astype(float)
    assert fit_logistic(inputs, labels).tolist() == pytest.approx([0.8, -0.5, -1.0], abs=0.1)


def write_quality_folds(folder: Path, titles: list[str]) -> None:
    for number, title in enumerate(titles):
        torch.manual_seed(number)
        (folder / f"{title}.quality.safetensors").write_bytes(encode_weights(FaceQualityNet(), torch.float16))


def make_ratings(seed: int) -> Ratings:
    rng = np.random.default_rng(seed)
    faces = rng.integers(0, 2, 200).astype(float)
    return Ratings(rng.normal(0, 1, (200, 2)) + 2 * faces[:, None], rng.uniform(0.1, 0.9, 200), faces)


def test_the_calibration_of_a_title_does_not_depend_on_its_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_labelled_folder(tmp_path / "data")
    folds = write_folds(tmp_path / "folds", ["one", "two"])
    results = []
    for other in (5, 6):  # other ratings of the title `two`
        write_quality_folds(folds, ["one", "two"])
        seeds = iter((1, other))
        monkeypatch.setattr(fit_calibration, "rate_title", lambda *_, seeds=seeds: make_ratings(next(seeds)))
        assert fit_calibration.main(["--data", str(data), "--folds", str(folds)]) == 0
        results.append([(folds / f"{title}.quality.safetensors").read_bytes() for title in ("one", "two")])
    assert results[0][1] == results[1][1]  # calibrated on `one` only
    assert results[0][0] != results[1][0]


def test_errors_of_the_calibration_change_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_labelled_folder(tmp_path / "data")
    folds = write_folds(tmp_path / "folds", ["one", "two"])
    arguments = ["--data", str(data), "--folds", str(folds)]
    assert fit_calibration.main(arguments) == 2
    assert "one.quality.safetensors not found. Run: python -m mangagan.quality_training" in capsys.readouterr().err
    write_quality_folds(folds, ["one", "two"])
    before = [path.read_bytes() for path in sorted(folds.iterdir())]
    labels = json.loads((data / "faces.json").read_text())
    (data / "faces.json").write_text(json.dumps({page: {**entry, "faces": []} for page, entry in labels.items()}))
    assert fit_calibration.main(arguments) == 2
    assert "cannot be calibrated" in capsys.readouterr().err
    assert [path.read_bytes() for path in sorted(folds.iterdir())] == before


def test_missing_fold_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_labelled_folder(tmp_path / "data")
    assert training.main(["--data", str(data), "--folds", str(tmp_path), "--out", str(tmp_path / "a")]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("mangagan: ")
    assert "one.safetensors not found. Run: python -m mangagan.detector_training" in error
    assert not (tmp_path / "a").exists()


def test_example_of_a_face_with_unknown_usability() -> None:
    picture = Picture(np.zeros((99, 99), np.uint8), np.array([[10, 10, 30, 30, -1]], np.float32))
    assert label_faces([picture]) == [Example(picture, pytest.approx([10, 10, 30, 30]), 1.0, -1.0)]
