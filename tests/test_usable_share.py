"""Usable faces among samples: ratings by eye, broken faces, and the metrics that follow from them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmarks.faces import draw_gray_faces
from mangagan.distances import reference_sets
from mangagan.distances.structural_damage import erase_eye
from mangagan.face_quality.classifier import MAX_BATCH, FaceQuality
from mangagan.face_quality.network import CROP_SHARE
from mangagan.features.usable_faces import USABLE_THRESHOLD, UsableFaceRater
from mangagan.metrics.comparison import compute_share_error
from mangagan.metrics.evaluation_data import prepare_data
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.ranking import compute_auc
from mangagan.metrics.usable_share import measure_usable_share

SIDE = 112  # side of a sample [px]
# Samples of one training on drawn faces at 10, 20 and 40 kimg, shuffled and rated by eye without knowing the kimg:
# clear (two eyes, closed outlines), flawed, or broken (an eye is missing, or no face).
SHEET, RATINGS = (Path(__file__).with_name(f"rated_samples.{suffix}") for suffix in ("webp", "csv"))


@pytest.fixture(scope="module")
def rate() -> UsableFaceRater:
    return UsableFaceRater()


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    return np.stack([face for face, _ in draw_gray_faces(1, 90)])[:90, None]


def read_rated() -> tuple[np.ndarray, np.ndarray]:
    """Return the rated samples, uint8 (N, 3, SIDE, SIDE), and their ratings (N,)."""
    ratings = pd.read_csv(RATINGS)["rating"].to_numpy()
    with Image.open(SHEET) as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    rows, columns = pixels.shape[0] // SIDE, pixels.shape[1] // SIDE
    tiles = pixels.reshape(rows, SIDE, columns, SIDE, 3).transpose(0, 2, 4, 1, 3).reshape(-1, 3, SIDE, SIDE)
    return np.ascontiguousarray(tiles), ratings


def test_the_rating_agrees_with_ratings_by_eye(rate: UsableFaceRater) -> None:
    samples, ratings = read_rated()
    logits = rate(samples)
    clear, flawed, broken = (logits[ratings == word] for word in ("clear", "flawed", "broken"))
    assert (len(clear), len(flawed), len(broken)) == (30, 57, 113)
    assert compute_auc(clear, broken) == pytest.approx(0.948, abs=0.005)
    assert compute_auc(clear, flawed) == pytest.approx(0.766, abs=0.005)
    assert compute_auc(flawed, broken) == pytest.approx(0.810, abs=0.005)
    shares = [np.mean(part > USABLE_THRESHOLD) for part in (clear, flawed, broken)]
    assert shares == pytest.approx([0.80, 0.46, 0.07], abs=0.03)


def test_a_face_is_rated_as_normalize_rates_it(rate: UsableFaceRater, drawn: np.ndarray) -> None:
    page = drawn[0, 0]
    margin = 0.35
    side = SIDE / (1 + 2 * margin)
    box = np.array([[(SIDE - side) / 2, (SIDE - side) / 2, side, side]])
    probabilities = FaceQuality().rate(page, box, np.array([np.nan]), margin)
    assert 1 / (1 + np.exp(-rate(drawn[:1]))) == pytest.approx(probabilities[:, 1], abs=1e-3)
    assert 0.5 < CROP_SHARE < 1


def test_the_rating_of_an_image_does_not_depend_on_the_others(rate: UsableFaceRater, drawn: np.ndarray) -> None:
    assert len(drawn) > MAX_BATCH
    logits = rate(drawn)
    assert np.array_equal(rate(drawn[70:75]), logits[70:75])
    assert np.array_equal(rate(np.repeat(drawn[:2], 3, axis=1)), logits[:2])
    assert rate(drawn[:0]).shape == (0,)


def test_broken_and_blurred_faces_are_rated_lower(rate: UsableFaceRater, drawn: np.ndarray) -> None:
    real = rate(drawn)
    assert compute_auc(real, rate(erase_eye(drawn, 1.0, np.random.default_rng(0)))) > 0.75
    assert compute_auc(real, rate(reference_sets.blur_faces(drawn))) > 0.95
    assert np.mean(rate(reference_sets.shuffle_pixels(drawn, 0)) > USABLE_THRESHOLD) == 0


def test_the_share_and_its_floor(drawn: np.ndarray) -> None:
    samples = np.concatenate([drawn[:20], np.full_like(drawn[:20], 128)])
    data = prepare_data(samples, drawn[20:60], drawn[60:], ["one"] * 40, [], neighbors=1, seed=0)
    figure = measure_usable_share(data, EvaluateParams())["usable_share"]
    assert figure.value == pytest.approx(figure.floor / 2, abs=0.05)
    assert figure.ceilings["noise"] == 0
    assert figure.details["real_rated_higher"] == pytest.approx(0.75, abs=0.1)
    assert (figure.count, figure.floor_count) == (40, 30)


def test_the_error_of_a_share_is_never_0() -> None:
    assert compute_share_error(np.ones(20, bool)) == (1.0, pytest.approx(0.0564, abs=1e-3))
    share, error = compute_share_error(np.arange(1000) < 300)
    assert (share, error) == (0.3, pytest.approx(np.sqrt(0.3 * 0.7 / 1000), rel=0.01))


def test_auc_of_known_values() -> None:
    assert compute_auc(np.array([2, 3]), np.array([0, 1])) == 1
    assert compute_auc(np.array([1.0]), np.array([1, 1])) == 0.5
    assert compute_auc(np.array([1, 2]), np.array([1, 3])) == (0.5 + 0 + 1 + 0) / 4
