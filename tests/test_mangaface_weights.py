"""The detector with the weights of the package."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load as unpack
from safetensors.torch import save as pack

from mangagan.core.errors import UserError
from mangagan.detection.backends.mangaface import MangaFace, MangaFaceParams
from mangagan.detection.run import detect_pages
from mangagan.face_network.weights import WEIGHTS
from mangagan.sample.character import STYLES
from mangagan.sample.page import draw_page


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (300, 200), (513, 300), (2000, 300)])
@pytest.mark.parametrize("gray", [0, 128, 255])
def test_an_empty_page_has_no_faces(shape: tuple[int, int], gray: int) -> None:
    assert len(MangaFace(MangaFaceParams(device="cpu")).detect(np.full(shape, gray, np.uint8)).boxes) == 0


def test_weights_that_are_not_finite_are_rejected(tmp_path: Path) -> None:
    tensors = unpack(WEIGHTS.read_bytes())
    tensors["output.bias"][0] = float("nan")
    (tmp_path / "broken.safetensors").write_bytes(pack(tensors))
    with pytest.raises(UserError, match="not finite"):
        MangaFace(MangaFaceParams(), tmp_path / "broken.safetensors")


def test_threads_share_a_detector() -> None:
    detector = MangaFace(MangaFaceParams(device="cpu"))
    pages = [draw_page(np.random.default_rng(number), STYLES[number % 3], 300, 400)[0] for number in range(6)]
    alone = [detector.detect(page) for page in pages]
    named = ((str(number), page) for number, page in enumerate(pages))
    for one, (_, other) in zip(alone, detect_pages(detector, named), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
