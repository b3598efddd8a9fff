"""The small network that distinguishes samples from hold-out faces."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from mangagan.distances.reference_sets import blur_faces
from mangagan.metrics import pixel_distinguishability
from mangagan.metrics.comparison import ComparedSets
from mangagan.metrics.evaluation_data import EvaluationData
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.pixel_distinguishability import (
    MIN_COUNT,
    measure_network_auc,
    measure_pixel_distinguishability,
)

SIDE = 56


def draw_images(count: int, seed: int, channels: int = 1, dots: float = 1.0) -> np.ndarray:
    """Return noise with a black square in a random place, in a share `dots` of the images."""
    rng = np.random.default_rng(seed)
    images = rng.integers(150, 256, (count, channels, SIDE, SIDE), np.uint8)
    for image in images[: round(dots * count)]:
        top, left = rng.integers(0, SIDE - 12, 2)
        image[:, top : top + 12, left : left + 12] = 0
    return rng.permutation(images)


def make_data(images: ComparedSets, count: int) -> EvaluationData:
    """Return data with `count` items in each measurement; only the images are used."""
    nothing = np.zeros(0)
    return EvaluationData(images, {}, [], nothing, None, None, None, nothing, count, count)  # type: ignore[arg-type]


@pytest.mark.parametrize(("dots", "low", "high"), [(1.0, 0.38, 0.62), (0.5, 0.66, 0.84)])
def test_auc_follows_the_share_of_different_images(dots: float, low: float, high: float) -> None:
    """A classifier that recognises each image without a square reaches 0.5 and 0.75."""
    values = [measure_network_auc(draw_images(200, 1, dots=dots), draw_images(200, 2), seed) for seed in range(2)]
    assert low < np.mean(values) <= high


def test_colour_images_and_a_blur() -> None:
    images = draw_images(80, 1, channels=3)
    assert measure_network_auc(blur_faces(images, 1.0), draw_images(80, 2, channels=3), 0) > 0.95


def test_the_value_does_not_depend_on_other_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_distinguishability, "STEPS", 30)
    sets = draw_images(60, 1, dots=0.5), draw_images(60, 2)
    expected = [measure_network_auc(*sets, seed) for seed in range(3)]
    before = torch.random.get_rng_state()
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda seed: measure_network_auc(*sets, seed), range(3))) == expected
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_metric_has_a_floor_and_needs_enough_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_distinguishability, "STEPS", 60)
    real = draw_images(240, 1), draw_images(100, 2)
    sets = ComparedSets(draw_images(200, 3, dots=0.0), *real, {"noise": draw_images(100, 4)})
    figure = measure_pixel_distinguishability(make_data(sets, 100), EvaluateParams())["pixel_distinguishability"]
    assert figure.value is not None and figure.value > 0.9
    assert figure.floor == pytest.approx(0.5, abs=0.12)
    assert (figure.count, figure.ceilings) == (100, {})
    short = measure_pixel_distinguishability(make_data(sets, MIN_COUNT - 1), EvaluateParams())
    assert short["pixel_distinguishability"].value is None
    assert f"at least {MIN_COUNT} hold-out faces" in short["pixel_distinguishability"].reason
