from pathlib import Path

import pytest
import torch
from safetensors.torch import load as unpack
from safetensors.torch import save as pack

from mangagan.core.errors import UserError
from mangagan.detection.backends.mangaface import MangaFace, MangaFaceParams
from mangagan.face_network.network import MULTIPLE, OUTPUTS, STRIDE, FaceNet, fold
from mangagan.face_network.weights import load_face_network
from tests.detector_parts import random_network, write_random_weights


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 1), (1, 3)])
@pytest.mark.parametrize("folded", [False, True])
def test_a_cell_of_output_for_every_eight_px_of_input(rows: int, columns: int, folded: bool) -> None:
    with torch.inference_mode():
        output = FaceNet(folded).eval()(torch.zeros(2, 1, rows * MULTIPLE, columns * MULTIPLE))
    assert output.shape == (2, OUTPUTS, rows * MULTIPLE // STRIDE, columns * MULTIPLE // STRIDE)


def test_other_sizes_than_multiples_are_refused() -> None:
    with pytest.raises(RuntimeError, match="must match"), torch.inference_mode():
        FaceNet(folded=True)(torch.zeros(1, 1, MULTIPLE, MULTIPLE + STRIDE))


@torch.inference_mode()
def test_folding_changes_no_answer() -> None:
    network = random_network()
    ink = torch.rand(2, 1, 128, 192)
    expected = network(ink)
    assert expected.std() > 0.3  # an answer that says something
    torch.testing.assert_close(fold(network)(ink), expected, atol=1e-4, rtol=1e-4)


def test_folding_leaves_the_network_as_it_was() -> None:
    network = random_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fold(network)
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_it_is_small() -> None:
    for folded in (False, True):
        assert sum(parameter.numel() for parameter in FaceNet(folded).parameters()) < 2.5e6


def test_untrained_it_hardly_sees_faces() -> None:
    with torch.inference_mode():
        heat = torch.sigmoid(FaceNet().eval()(torch.rand(1, 1, 64, 64))[:, 0])
    assert heat.max() < 0.05


@torch.inference_mode()
def test_weights_survive_a_file_of_half_precision(tmp_path: Path) -> None:
    path, folded = write_random_weights(tmp_path / "w.safetensors"), fold(random_network())
    stored = unpack(path.read_bytes())
    for name, value in folded.state_dict().items():
        assert stored[name].dtype == torch.float16
        assert torch.equal(stored[name], value.half()), name
    ink = torch.rand(1, 1, 64, 128)
    torch.testing.assert_close(load_face_network(path)(ink), folded(ink), atol=0.02, rtol=0.02)


def test_weights_in_training_survive_a_file() -> None:
    network = random_network()
    stored = unpack(pack(network.state_dict()))
    again = FaceNet()
    again.load_state_dict(stored)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in network.state_dict().items())


def test_wrong_weights_are_told_in_one_line(tmp_path: Path) -> None:
    garbage, other = tmp_path / "garbage", tmp_path / "other"
    garbage.write_bytes(b"no tensors in here")
    other.write_bytes(pack({"weight": torch.zeros(3)}))
    for path, reason in ((garbage, "holds no weights"), (other, "holds no weights"), (tmp_path / "none", "not found")):
        with pytest.raises(UserError, match=reason) as caught:
            load_face_network(path)
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told() -> None:
    with pytest.raises(UserError, match="no GPU"):
        MangaFace(MangaFaceParams(device="cuda"))
