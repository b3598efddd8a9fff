from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load as unpack
from safetensors.torch import save as pack

from mangagan.core.errors import UserError
from mangagan.detection.backends.mangaface import MangaFace, MangaFaceParams
from mangagan.face_network.network import MAX_STRIDE, OUTPUTS, STRIDE, FaceNet, fold_batch_norm
from mangagan.face_network.weights import load_face_network
from tests.detector_parts import build_random_network, write_random_weights


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 1), (1, 3)])
@pytest.mark.parametrize("folded", [False, True])
def test_output_has_one_cell_for_each_8_px(rows: int, columns: int, folded: bool) -> None:
    with torch.inference_mode():
        output = FaceNet(folded).eval()(torch.zeros(2, 1, rows * MAX_STRIDE, columns * MAX_STRIDE))
    assert output.shape == (2, OUTPUTS, rows * MAX_STRIDE // STRIDE, columns * MAX_STRIDE // STRIDE)


def test_input_sides_must_be_multiples() -> None:
    with pytest.raises(RuntimeError, match="must match"), torch.inference_mode():
        FaceNet(folded=True)(torch.zeros(1, 1, MAX_STRIDE, MAX_STRIDE + STRIDE))


@torch.inference_mode()
def test_folding_keeps_the_output() -> None:
    network = build_random_network()
    ink = torch.rand(2, 1, 128, 192)
    expected = network(ink)
    assert expected.std() > 0.3  # not constant
    torch.testing.assert_close(fold_batch_norm(network)(ink), expected, atol=1e-4, rtol=1e-4)


def test_folding_does_not_change_the_network() -> None:
    network = build_random_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fold_batch_norm(network)
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_network_is_small() -> None:
    for folded in (False, True):
        assert sum(parameter.numel() for parameter in FaceNet(folded).parameters()) < 2.5e6


def test_untrained_network_finds_few_faces() -> None:
    with torch.inference_mode():
        heat = torch.sigmoid(FaceNet().eval()(torch.rand(1, 1, 64, 64))[:, 0])
    assert heat.max() < 0.05


@torch.inference_mode()
def test_weights_round_trip_in_half_precision(tmp_path: Path) -> None:
    path, folded = write_random_weights(tmp_path / "w.safetensors"), fold_batch_norm(build_random_network())
    stored = unpack(path.read_bytes())
    for name, value in folded.state_dict().items():
        assert stored[name].dtype == torch.float16
        assert torch.equal(stored[name], value.half()), name
    ink = torch.rand(1, 1, 64, 128)
    torch.testing.assert_close(load_face_network(path)(ink), folded(ink), atol=0.02, rtol=0.02)


def test_training_weights_round_trip() -> None:
    network = build_random_network()
    stored = unpack(pack(network.state_dict()))
    again = FaceNet()
    again.load_state_dict(stored)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in network.state_dict().items())


def test_a_missing_file_is_reported_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none not found\. Install mangagan again or train") as caught:
        load_face_network(tmp_path / "none")
    assert "\n" not in str(caught.value)


def drop_tensor(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["output.bias"]


def add_tensor(tensors: dict[str, torch.Tensor]) -> None:
    tensors["mask.weight"] = torch.zeros(3)


def reshape_tensor(tensors: dict[str, torch.Tensor]) -> None:
    tensors["output.bias"] = torch.zeros(7)


def spoil_tensor(tensors: dict[str, torch.Tensor]) -> None:
    tensors["output.bias"][2] = torch.nan


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (drop_tensor, r"weights of another version: the tensor output\.bias is missing"),
        (add_tensor, r"weights of another version: the tensor mask\.weight is unknown"),
        (reshape_tensor, r"weights of another version: output\.bias has the shape \(7,\), not \(6,\)"),
        (spoil_tensor, r"damaged weights: output\.bias has values that are not finite"),
        (None, "not a safetensors file: "),
    ],
)
def test_weights_that_do_not_fit_are_reported_in_one_line(
    tmp_path: Path, change: Callable[[dict[str, torch.Tensor]], None] | None, reason: str
) -> None:
    path = write_random_weights(tmp_path / "w.safetensors")
    if change is None:
        path.write_bytes(b"no tensors")
    else:
        tensors = unpack(path.read_bytes())
        change(tensors)
        path.write_bytes(pack(tensors))
    with pytest.raises(UserError, match=rf"does not contain weights of the detector mangaface \({reason}") as caught:
        load_face_network(path)
    assert "\n" not in str(caught.value)
    assert "state_dict" not in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_reported() -> None:
    with pytest.raises(UserError, match="no GPU"):
        MangaFace(MangaFaceParams(device="cuda"))
