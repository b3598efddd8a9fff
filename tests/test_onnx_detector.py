"""The detector `onnx` with generated models that detect the bounding box of each colour as a face."""

import csv
import hashlib
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from mangagan.cli import main
from mangagan.core.errors import UserError
from mangagan.core.files import sha256_file
from mangagan.detection.backends.onnx_yolo import OnnxParams
from mangagan.detection.registry import DetectParams, build_detector
from mangagan.detection.run import detect_pages
from mangagan.detection.types import Detector
from tests.onnx_models import draw, small_model, write_model


def build(model: Path, **settings: object) -> Detector:
    own = replace(OnnxParams(str(model), sha256_file(model)), **settings)  # type: ignore[arg-type]
    return build_detector(DetectParams("onnx", onnx=own), Path())


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "any size": write_model(folder / "any.onnx"),
        "square": write_model(folder / "square.onnx", 320, 320),
        "oblong": write_model(folder / "oblong.onnx", 192, 320),
        "any width": write_model(folder / "width.onnx", 320),
        "one class": write_model(folder / "one.onnx", names="{0: 'Head'}"),
        "no names": write_model(folder / "unnamed.onnx", names=None),
    }


@pytest.mark.parametrize("kind", ["any size", "square", "oblong", "any width"])
@pytest.mark.parametrize(
    ("height", "width", "box"),
    [
        (600, 900, (500, 100, 120, 150)),
        (900, 600, (60, 700, 130, 110)),
        (60, 80, (3, 30, 31, 29)),  # smaller than the input of the model
        (3001, 1999, (1000, 2000, 300, 400)),
        (640, 640, (0, 0, 640, 640)),
        (2800, 400, (120, 2550, 160, 170)),  # strips
        (400, 2801, (2601, 10, 190, 180)),
    ],
)
def test_boxes_are_in_px_of_the_page(
    models: dict[str, Path], kind: str, height: int, width: int, box: tuple[int, int, int, int]
) -> None:
    boxes, scores, usable = build(models[kind], long_side=416).detect(draw(height, width, box))
    assert boxes.shape == (1, 4) and scores.shape == usable.shape == (1,) and np.isnan(usable).all()
    # If the page is shrunk, the error is up to one px of the model's input.
    smallest = {"any size": 416, "square": 320, "oblong": 192, "any width": 320}[kind]
    shrunk = max(1, min(max(height, width), 2 * min(height, width)) / smallest)
    assert np.abs(boxes[0] - box).max() <= (0.06 if shrunk == 1 else 2 * shrunk)
    assert (boxes[0, :2] >= 0).all() and (boxes[0, :2] + boxes[0, 2:] <= (width, height)).all()


@pytest.mark.parametrize("shape", [(90, 70), (90, 70, 3)])
def test_a_gray_page_has_no_faces(models: dict[str, Path], shape: tuple[int, ...]) -> None:
    boxes, scores, usable = build(models["any size"]).detect(np.full(shape, 200, np.uint8))
    assert boxes.shape == (0, 4) and scores.shape == usable.shape == (0,)


def test_the_input_of_the_model_is_padded_and_scaled(models: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    detector, inputs = build(models["oblong"]), []
    monkeypatch.setattr(detector, "run_model", lambda picture: inputs.append(picture) or np.zeros((7, 6), np.float32))
    detector.detect(draw(100, 60, (0, 0, 60, 50), "body"))
    (picture,) = inputs
    assert picture.dtype == np.float32 and picture.shape == (3, 192, 320)
    page = picture[:, 46:146, 130:190]  # not scaled, centred in the padding
    assert (page[:, :50] == np.array([0, 1, 0])[:, None, None]).all() and (page[:, 50:] == 1).all()
    assert np.count_nonzero(picture == np.float32(114) / 255) == 3 * (192 * 320 - 100 * 60)


def test_threshold_is_the_minimum_score(models: dict[str, Path]) -> None:
    page = draw(200, 200, (50, 60, 70, 80), level=153)  # a score of 0.6
    for threshold, count in {0.59: 1, 0.61: 0}.items():
        found = build(models["any size"], threshold=threshold).detect(page)
        assert found.scores.tolist() == [0.6] * count


def test_overlapping_boxes_are_one_face(models: dict[str, Path]) -> None:
    page = draw(200, 200, (50, 60, 40, 80))  # IoU with the second box: 38 of 42 columns, 0.905
    assert build(models["any size"], max_overlap=0.9).detect(page).boxes.tolist() == [[50, 60, 40, 80]]
    both = build(models["any size"], max_overlap=0.91).detect(page)
    assert both.boxes.tolist() == [[50, 60, 40, 80], [52, 60, 40, 80]]
    assert both.scores.tolist() == [1, 0.9]


def test_only_the_selected_class_is_detected(models: dict[str, Path]) -> None:
    page = np.minimum(draw(200, 200, (10, 20, 50, 60)), draw(200, 200, (100, 120, 70, 30), "body"))
    assert build(models["any size"]).detect(page).boxes.tolist() == [[10, 20, 50, 60]]
    assert build(models["any size"], class_name="Body").detect(page).boxes.tolist() == [[100, 120, 70, 30]]
    for kind in ("one class", "no names"):  # the class name does not matter
        assert build(models[kind]).detect(page).boxes.tolist() == [[10, 20, 50, 60]]


def test_half_precision_models_work(tmp_path: Path) -> None:
    model = small_model(
        tmp_path / "half.onnx",
        """half (float16[1, 3, 64, 64] images) => (float16[1, 5, 1] output0)
        <float[4, 1] box = {32, 32, 16, 8}, int64[1] first = {0}> {
            most = ReduceMax <axes = [1, 2, 3], keepdims = 0> (images)
            score = Unsqueeze(most, first)
            half_box = Cast <to = 10> (box)
            rows = Concat <axis = 0> (half_box, score)
            output0 = Unsqueeze(rows, first)
        }""",
    )
    found = build(model).detect(np.full((64, 64), 255, np.uint8))
    assert found.boxes.tolist() == [[24, 28, 16, 8]] and found.scores.tolist() == [1]


def test_threads_do_not_change_the_faces(models: dict[str, Path]) -> None:
    detector = build(models["any size"])
    random = np.random.default_rng(0)
    pages = [
        draw(height, width, (height // 9, width // 5, 30, 40), level=level)
        for height, width, level in random.integers((80, 80, 120), (900, 900, 256), (24, 3))
    ]
    alone = [detector.detect(page) for page in pages]
    named = ((str(number), pixels) for number, pixels in enumerate(pages))
    together = [found for _, found in detect_pages(detector, named)]
    for one, other in zip(alone, together, strict=True):
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True))
    assert sum(len(found.boxes) for found in alone) >= 20  # a few are outside of their page


def test_version_changes_with_the_file_and_the_settings(models: dict[str, Path]) -> None:
    model = models["any size"]
    changes = [
        {"threshold": 0.31}, {"long_side": 641}, {"max_overlap": 0.51}, {"class_name": "body"},
    ]  # fmt: skip
    versions = [build(model, **change).version for change in [{}, *changes]] + [build(models["square"]).version]
    assert len(set(versions)) == len(versions)
    assert build(model, device="cpu").version == versions[0]
    assert str(model) not in versions[0]  # the path does not matter


PICTURE = "float[1, 3, 64, 64]"
CONSTANTS = "<int64[3] boxes = {1, 300, 6}, float[1, 3, 1, 70] seventy = {" + ", ".join(["0"] * 210) + "}>"
UNSUPPORTED_MODELS = {  # inputs, outputs, nodes, reason
    "two inputs": (f"{PICTURE} a, {PICTURE} b", f"{PICTURE} c", "c = Add(a, b)", "it has 2 inputs and 1 outputs"),
    "two outputs": (f"{PICTURE} a", f"{PICTURE} b, {PICTURE} c", "b = Abs(a) c = Neg(a)", "1 inputs and 2 outputs"),
    "flat": ("float[5, 5] a", "float[5, 5] b", "b = Abs(a)", r"its input is tensor\(float\) \[5, 5\]"),
    "gray": ("float[1, 1, 64, 64] a", "float[1, 1, 64, 64] b", "b = Abs(a)", "its input is"),
    "batches": ("float[2, 3, 64, 64] a", "float[2, 3, 64, 64] b", "b = Abs(a)", "its input is"),
    "bytes in": ("uint8[1, 3, 64, 64] a", f"{PICTURE} b", "b = Cast<to = 1>(a)", r"its input is tensor\(uint8\)"),
    "labels out": (f"{PICTURE} a", "int64[1, 1, 64, 64] b", "b = ArgMax<axis = 1>(a)", r"output is tensor\(int64\)"),
    "picture out": (f"{PICTURE} a", f"{PICTURE} b", "b = Abs(a)", r"its output is \(1, 3, 64, 64\), not \(1, 4 \+ cla"),
    "few rows": (f"{PICTURE} a", "float[1, 3, 64] b", "b = ReduceMax<axes = [3], keepdims = 0>(a)", r"is \(1, 3, 64\)"),
    "suppressed": (f"{PICTURE} a", "float[1, 300, 6] b", "m = ReduceMax<keepdims = 0>(a) b = Expand(m, boxes)",
                   r"its output is \(1, 300, 6\) with no class names"),
    "one size only": ("float[1, 3, h, w] a", "float[1, 1, 1, 9] b", "b = Conv(a, seventy)", "fails on .* 64x64 px"),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNSUPPORTED_MODELS)
def test_unsupported_models_are_reported_in_one_line(tmp_path: Path, kind: str) -> None:
    inputs, outputs, nodes, message = UNSUPPORTED_MODELS[kind]
    model = small_model(tmp_path / "model.onnx", f"other ({inputs}) => ({outputs}) {CONSTANTS} {{ {nodes} }}")
    expect_error(model, f"is not a YOLOv8 detector in ONNX format: .*{message}")


def expect_error(model: Path, message: str, **settings: object) -> str:
    """Build the detector, check that the error is one line that matches `message`, and return the error."""
    with pytest.raises(UserError, match=message) as caught:
        build(model, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"\0" * 64, bytes(range(256))])
def test_a_file_that_is_not_a_model_is_reported_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    expect_error(tmp_path / "model.onnx", "is not a YOLOv8 detector in ONNX format: onnxruntime cannot read it")


def test_a_model_in_another_format_is_rejected(models: dict[str, Path], tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "model.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(models["square"], options)
    expect_error(tmp_path / "model.ort", "is not a YOLOv8 detector in ONNX format: onnxruntime cannot read it")


def test_a_missing_class_is_reported_in_one_line(models: dict[str, Path]) -> None:
    expect_error(
        models["any size"], "class_name: .* has no class eyes. Use one of face, body, frame", class_name="eyes"
    )


@pytest.mark.parametrize("names", ["['a', 'b']", "{1: 'a'}", "{'a': 0}", "7", "import os", "("])
def test_names_that_do_not_fit_the_output_are_reported_in_one_line(tmp_path: Path, names: str) -> None:
    write_model(tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    onnx.helper.set_model_props(model, {"names": names})
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    expect_error(tmp_path / "model.onnx", r"its output is \(1, 7, 6\) with (2 classes|no class names) in its metadata")


@pytest.mark.parametrize("place", ["weights.bin", "./weights.bin", "{folder}/weights.bin", "../{name}/weights.bin"])
def test_weights_in_other_files_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    model = write_model(tmp_path / "model.onnx")
    loaded = onnx.load(model)
    (eye,) = (tensor for tensor in loaded.graph.initializer if tensor.name == "eye")
    (tmp_path / "weights.bin").write_bytes(np.eye(3, dtype=np.float32).tobytes())
    eye.CopyFrom(onnx.numpy_helper.from_array(np.eye(3, dtype=np.float32), "eye"))
    onnx.external_data_helper.set_external_data(eye, place.format(folder=tmp_path, name=tmp_path.name), 0, 36)
    eye.ClearField("raw_data")
    model.write_bytes(loaded.SerializeToString())
    if place == "weights.bin":
        onnxruntime.InferenceSession(model)  # reads them by default
    monkeypatch.chdir(tmp_path)
    expect_error(model, "onnxruntime cannot read it")


def test_a_missing_gpu_is_reported_in_one_line(models: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    expect_error(
        models["any size"], r"params\.yaml: detect\.onnx\.device is cuda, but .*\. Set it to auto or cpu", device="cuda"
    )
    build(models["any size"], device="auto")


def test_a_missing_onnxruntime_is_reported_with_the_command_to_install_it(
    models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    expect_error(models["any size"], re.escape("needs onnxruntime. Run: pip install 'mangagan[onnx]'"))


def workspace(tmp_path: Path, model: Path, sha256: str) -> Path:
    """Write params.yaml and two scans, one with a face at (40, 60), 80x90 px; return the folder."""
    (tmp_path / "params.yaml").write_text(
        f"detect:\n  detector: onnx\n  onnx: {{model: '{model}', model_sha256: {sha256}, long_side: 512}}\n"
    )
    (tmp_path / "scans").mkdir()
    Image.fromarray(draw(500, 300, (40, 60, 80, 90))).save(tmp_path / "scans" / "1.png")
    Image.new("L", (300, 500), 128).save(tmp_path / "scans" / "2.png")
    return tmp_path


def test_faces_command(models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace(tmp_path, models["any size"], sha256_file(models["any size"])))
    assert main(["faces", "scans", "--out", "faces.csv", "--all"]) == 0
    (row,) = csv.DictReader((tmp_path / "faces.csv").open())
    assert 0 <= float(row.pop("p_usable")) <= float(row.pop("p_face")) <= 1
    assert row == {"page": "1.png", "x": "40.0", "y": "60.0", "w": "80.0", "h": "90.0", "score": "1.0"}


def test_faces_command_rejects_a_file_with_another_hash(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workspace(tmp_path, models["any size"], hashlib.sha256(b"another").hexdigest()))
    assert main(["faces", "scans", "--out", "faces.csv"]) == 2
    error = capsys.readouterr().err
    assert "not detect.onnx.model_sha256" in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "change", [{"threshold": 0.0}, {"max_overlap": 1.0}, {"long_side": 63}, {"long_side": 4097}, {"device": "gpu"}]
)
def test_values_out_of_range_are_rejected(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must be"):
        OnnxParams(**change)  # type: ignore[arg-type]
