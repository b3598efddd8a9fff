"""Labels, targets, loss and training loop of the detector."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mangagan.core.errors import UserError
from mangagan.detection.backends.mangaface import MangaFace, MangaFaceParams
from mangagan.detector_training import __main__ as training
from mangagan.detector_training.crops import USABLE
from mangagan.detector_training.drawings import Counts
from mangagan.detector_training.labels import draw_sample_pages, read_titles
from mangagan.detector_training.loop import CropDataset, TrainingSettings, iterate_batches, train
from mangagan.detector_training.targets import Target, compute_loss, make_target
from mangagan.face_network.network import STRIDE, FaceNet
from tests.detector_parts import draw_ellipse, write_labelled_folder

# Targets and loss


def test_target_known_answer() -> None:
    faces = np.array([[16, 16, 32, 32, 1, 0], [48, 0, 16, 16, -1, 1]], np.float32)
    target = make_target(faces, 64)
    assert [part.shape for part in target] == [(8, 8), (8, 8), (4, 8, 8), (8, 8), (8, 8)]
    assert np.argwhere(target.heat == 1).tolist() == [[4, 4]]
    assert target.box[:, 4, 4].tolist() == [2.5, 2.5, 1.5, 1.5]
    assert target.weight.sum() == pytest.approx(1)
    assert target.usable[4, 4] == 1
    assert set(np.unique(target.usable)) == {-1, 1}
    assert (target.heat[:2, 6:] < 0.01).all()  # an ignored face is not a face
    assert target.background[:2, 6:].tolist() == [[0, 0], [0, 0]]  # and not background
    assert target.background.sum() == 64 - 4


def test_a_small_face_overwrites_a_large_one() -> None:
    target = make_target(np.array([[48, 48, 16, 16, 0, 0], [0, 0, 128, 128, 1, 0]], np.float32), 128)
    assert np.argwhere(target.heat == 1).tolist() == [[7, 7], [8, 8]]
    assert target.usable[7, 7] == 0
    assert target.usable[8, 8] == 1
    assert target.box[:, 7, 7].tolist() == [1.5, 1.5, 0.5, 0.5]


def stack_targets(*crops: np.ndarray, side: int = 128) -> Target[torch.Tensor]:
    targets = [make_target(faces, side) for faces in crops]
    return Target(*(torch.from_numpy(np.stack(parts)) for parts in zip(*targets, strict=True)))


def make_perfect_output(target: Target[torch.Tensor]) -> torch.Tensor:
    """Return the output that fits the target."""
    heat = torch.where(target.heat == 1, 12.0, -12.0)[:, None]
    return torch.cat([heat, target.box.clamp(min=0.01).log(), 24 * target.usable[:, None] - 12], dim=1)


def test_loss_of_a_perfect_output_is_zero_and_each_term_depends_on_its_channels() -> None:
    target = stack_targets(np.array([[30, 30, 40, 50, 1, 0], [80, 70, 36, 36, 0, 0]], np.float32), np.zeros((0, 6)))
    output = make_perfect_output(target)
    total, terms = compute_loss(output, target)
    assert total.item() == pytest.approx(0, abs=1e-3)
    assert terms.sum().item() == pytest.approx(total.item())
    for number, channels in enumerate((slice(0, 1), slice(1, 5), slice(5, 6))):
        wrong = output.clone()
        wrong[:, channels] = -output[:, channels]
        terms = compute_loss(wrong, target)[1]
        assert terms[number] > 0.3
        assert terms.sum() == pytest.approx(terms[number].item(), abs=2e-3)


def test_loss_of_crops_without_faces_is_finite() -> None:
    target = stack_targets(np.zeros((0, 6), np.float32))
    total, terms = compute_loss(torch.zeros(1, 6, 16, 16), target)
    assert torch.isfinite(total)
    assert terms[1:].tolist() == [0, 0]


def test_ignored_faces_have_no_loss() -> None:
    target = stack_targets(np.array([[32, 32, 48, 48, -1, 1]], np.float32))
    output = torch.full((1, 6, 16, 16), -12.0)
    output[0, 0, 7, 7] = 12
    assert compute_loss(output, target)[0].item() == pytest.approx(0, abs=1e-3)
    output[0, 0, 0, 0] = 12
    assert compute_loss(output, target)[0] > 1


def test_a_few_steps_lower_the_loss() -> None:
    torch.manual_seed(0)
    settings = TrainingSettings(crops=4, batch_size=4, side=128)
    crops = CropDataset([(1.0, [draw_ellipse()])], settings)
    ink, target = next(iterate_batches(crops, settings, torch.device("cpu")))
    network = FaceNet().train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    totals = []
    for _ in range(8):
        total, _ = compute_loss(network(ink), target)
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        totals.append(total.item())
    assert totals[-1] < 0.7 * totals[0]


# Crops


def test_a_crop_depends_on_its_number_only() -> None:
    sources = [(0.6, [draw_ellipse()]), (0.4, draw_sample_pages(0, 2, 240, 320))]
    settings = TrainingSettings(crops=8, side=128, panels=0.5, pasted=1, balloons=1)
    crops = CropDataset(sources, settings)
    shifted = CropDataset(sources, settings, first=3)
    for number in (5, 0, 3):
        for again in (crops[number], shifted[number - 3]):
            assert np.array_equal(crops[number][0], again[0])
            assert all(np.array_equal(a, b) for a, b in zip(crops[number][1], again[1], strict=True))
    ink = crops[0][0]
    assert ink.shape == (1, 128, 128)
    assert ink.dtype == np.float32
    assert ink.min() >= 0
    assert ink.max() <= 1
    assert not np.array_equal(crops[0][0], crops[1][0])


def test_workers_do_not_change_the_crops() -> None:
    sources = [(1.0, [draw_ellipse()])]

    def draw_all(workers: int) -> list[torch.Tensor]:
        settings = TrainingSettings(crops=9, batch_size=2, side=64, workers=workers)
        rows = list(iterate_batches(CropDataset(sources, settings), settings, torch.device("cpu")))
        return [tensor for ink, target in rows for tensor in (ink, *target)]

    alone, together = draw_all(0), draw_all(2)
    assert len(alone) == 4 * 6  # the ninth crop does not fill a batch
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


def test_training_is_reproducible() -> None:
    settings = TrainingSettings(crops=8, batch_size=4, side=64)
    states = []
    for _ in range(2):
        torch.manual_seed(0)
        states.append(train(FaceNet(), CropDataset([(1.0, [draw_ellipse()])], settings), settings).state_dict())
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


# Labels


def test_labels_are_read_by_title(tmp_path: Path) -> None:
    titles = read_titles(write_labelled_folder(tmp_path))
    assert list(titles) == ["one", "two"]
    [picture] = titles["one"]
    rows = json.loads((tmp_path / "faces.json").read_text())["one/001.png"]["faces"]
    assert picture.pixels.shape == (500, 360)
    assert picture.faces[:, :4].tolist() == [[row[key] for key in "xywh"] for row in rows]
    assert [level.shape for level in picture.pyramid] == [(500, 360), (250, 180), (125, 90)]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"usable": True, "view": "front", "w": 50}, 1),
        ({"usable": False, "view": "front", "w": 50}, 0),
        ({"usable": False, "view": "threequarter", "w": 39}, -1),
        ({"usable": False, "view": "profile", "w": 39}, 0),
    ],
)
def test_usability_of_small_faces_is_unknown(tmp_path: Path, row: dict[str, Any], expected: int) -> None:
    write_labelled_folder(tmp_path)
    faces = [{"x": 1, "y": 2, "h": 40, **row}]
    (tmp_path / "faces.json").write_text(json.dumps({"one/001.png": {"faces": faces}}))
    assert read_titles(tmp_path)["one"][0].faces[0, USABLE] == expected


@pytest.mark.parametrize(
    "content",
    [None, "no JSON", "[]", '{"one/001.png": {}}', '{"one/001.png": {"faces": [{"x": 1}]}}', '{"none": {"faces": []}}'],
)
def test_invalid_labels_are_reported_in_one_line(tmp_path: Path, content: str | None) -> None:
    write_labelled_folder(tmp_path)
    (tmp_path / "faces.json").unlink()
    if content is not None:
        (tmp_path / "faces.json").write_text(content)
    with pytest.raises(UserError, match=r"faces\.json|pages") as caught:
        read_titles(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_damaged_page_is_reported(tmp_path: Path) -> None:
    (write_labelled_folder(tmp_path) / "pages" / "two" / "001.png").write_bytes(b"GIF89a")
    with pytest.raises(UserError, match="damaged"):
        read_titles(tmp_path)


def test_data_must_be_a_folder(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(UserError, match="Set --data to a folder"):
        read_titles(file)


# The command


def test_the_command_trains_weights_that_the_detector_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "COUNTS", Counts(3, 2, 2, 2, 2, 2, 2))
    data, first, out = write_labelled_folder(tmp_path / "data"), tmp_path / "first", tmp_path / "out.safetensors"
    options = ["--data", str(data), "--batch-size", "8", "--threads", "1", "--device", "cpu"]
    options += ["--first-crops", "16", "--crops", "32"]
    assert training.main([*options, "--leave-out", "two", "--save-first", str(first), "--out", str(out)]) == 0
    found = MangaFace(MangaFaceParams(device="cpu", threshold=0.01), out).detect(np.full((500, 360), 255, np.uint8))
    assert len(found.boxes) == len(found.scores) == len(found.usable)
    again = tmp_path / "again.safetensors"
    assert training.main([*options, "--leave-out", "two", "--start", str(first), "--out", str(again)]) == 0
    assert again.read_bytes() == out.read_bytes()
    refined = tmp_path / "refined.safetensors"
    assert training.main([*options, "--refine", str(out), "--side", "128", "--out", str(refined)]) == 0
    assert refined.stat().st_size == out.stat().st_size
    assert refined.read_bytes() != out.read_bytes()
    MangaFace(MangaFaceParams(device="cpu"), refined)


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        (["--leave-out", "three"], "no title three"),
        (["--data", "nowhere"], "faces.json"),
        (["--start", "none"], "--start"),
        (["--refine", "none"], "none not found"),
        (["--start", "a", "--refine", "b"], "exclude each other"),
        (["--side", "100"], "multiple of 64"),
    ],
)
def test_errors_of_the_command_are_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    option: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_labelled_folder(tmp_path)
    assert training.main(["--data", str(tmp_path), "--out", "w.safetensors", *option]) == 2
    printed = capsys.readouterr().err
    assert reason in printed
    assert printed.count("\n") == 1
    assert not Path("w.safetensors").exists()


def test_cells_have_8_px() -> None:
    assert make_target(np.zeros((0, 6), np.float32), 256).heat.shape == (256 // STRIDE, 256 // STRIDE)
