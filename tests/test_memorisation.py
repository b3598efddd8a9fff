"""Memorisation metrics of copies, of independent samples, and of mixtures."""

import numpy as np
import pytest

from mangagan.distances import pairwise
from mangagan.distances.pairwise import find_nearest
from mangagan.metrics.memorisation import authenticity, copied_share, ct_statistic


def gaussian(seed: int, count: int = 1000, dimensions: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, dimensions))


def with_copies(share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return samples, of which a share are training points with slight noise, and the training set."""
    fake, train = gaussian(0), gaussian(1)
    copied = int(len(fake) * share)
    fake[:copied] = train[:copied] + 0.01 * gaussian(2, copied)
    return fake, train


def test_nearest_equals_brute_force_also_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = gaussian(0, 40, 5), gaussian(1, 30, 5)
    table = np.linalg.norm(first[:, None] - second[None], axis=2)
    for entries in (1 << 20, 30 * 7):
        monkeypatch.setattr(pairwise, "BLOCK_ENTRIES", entries)
        distances, indices = find_nearest(first, second)
        assert np.array_equal(indices, table.argmin(axis=1))
        assert distances == pytest.approx(table.min(axis=1), rel=1e-6)


def test_nearest_skips_excluded_rows() -> None:
    points = np.array([[0.0], [1], [1.5], [5]])
    distances, indices = find_nearest(points, points, excluded=np.arange(4)[:, None])
    assert indices.tolist() == [1, 2, 1, 2]
    assert distances.tolist() == [1, 0.5, 0.5, 3.5]
    assert find_nearest(points, points)[0].tolist() == [0, 0, 0, 0]


def test_ct_counted_by_hand() -> None:
    # Of the six pairs the sample is farther in one and equal in one: U = 1.5, mean 3. Five values, one tied pair:
    # variance 6/12 · (6 − 6/20) = 2.85.
    assert ct_statistic(np.array([1.0, 3]), np.array([3.0, 2, 4])) == pytest.approx(-1.5 / np.sqrt(2.85))


@pytest.mark.parametrize("levels", [None, 4])
def test_ct_is_standard_normal_under_the_null(levels: int | None) -> None:
    rng, repeats = np.random.default_rng(3), 2000

    def draw(count: int) -> np.ndarray:
        return rng.exponential(size=count) if levels is None else rng.integers(0, levels, count).astype(float)

    values = np.array([ct_statistic(draw(120), draw(40)) for _ in range(repeats)])
    assert abs(values.mean()) < 4 / np.sqrt(repeats)
    assert values.std() == pytest.approx(1, abs=4 / np.sqrt(2 * repeats))
    assert (np.abs(values) < 1.96).mean() == pytest.approx(0.95, abs=0.02)


def test_ct_of_distances_is_standard_normal_under_the_null() -> None:
    values = []
    for seed in range(30):
        train = gaussian(3 * seed, 200, 8)
        fakes, holdouts = (
            find_nearest(gaussian(3 * seed + i, count, 8), train)[0] for i, count in ((1, 200), (2, 100))
        )
        values.append(ct_statistic(fakes, holdouts))
    assert abs(np.mean(values)) < 4 / np.sqrt(30)
    assert np.std(values) < 1.6


def test_ct_detects_copies_and_underfitting() -> None:
    fake, train = with_copies(1.0)
    holdouts = find_nearest(gaussian(5, 120), train)[0]
    # All 1,000 samples are closer than all 120 faces: −nm/2 / √(nm(n+m+1)/12).
    assert ct_statistic(find_nearest(fake, train)[0], holdouts) == pytest.approx(-np.sqrt(3 * 1000 * 120 / 1121))
    assert ct_statistic(find_nearest(2 * gaussian(0), train)[0], holdouts) > 10


def test_ct_of_equal_distances_is_zero() -> None:
    assert ct_statistic(np.ones(5), np.ones(3)) == 0
    assert ct_statistic(np.ones(1), np.ones(1)) == 0


def test_authenticity_of_copies_of_mixtures_and_of_independent_samples() -> None:
    independent = np.mean([authenticity(gaussian(2 * seed), gaussian(2 * seed + 1)) for seed in range(4)])
    assert 0.74 < independent < 0.84
    assert authenticity(*with_copies(1.0)) == 0
    assert authenticity(*with_copies(0.3)) == pytest.approx(0.7 * independent, abs=0.05)
    assert 0.5 < authenticity(gaussian(0, dimensions=8), gaussian(1, dimensions=8)) < 0.65


def test_authenticity_equals_its_definition() -> None:
    fake, train = gaussian(0, 60, 4), gaussian(1, 50, 4)
    among = np.linalg.norm(train[:, None] - train[None], axis=2)
    np.fill_diagonal(among, np.inf)
    distances = np.linalg.norm(fake[:, None] - train[None], axis=2)
    face = distances.argmin(axis=1)
    assert authenticity(fake, train) == np.mean(distances.min(axis=1) > among.min(axis=1)[face])


def test_authenticity_of_exact_copies_of_repeated_faces_is_zero() -> None:
    train = np.repeat(gaussian(0, 20, 4), 2, axis=0)
    assert authenticity(train.copy(), train) == 0


def test_authenticity_counts_mirrored_copies_and_treats_a_mirror_image_as_the_same_face() -> None:
    train = gaussian(0, 200, 16)
    mirrored = train[:, ::-1].copy()
    copies = mirrored + 0.01 * gaussian(1, 200, 16)
    assert authenticity(copies, train) > 0.5
    assert authenticity(copies, train, mirrored) == 0
    # Each symmetric face is its own mirror image, at distance 0. Samples close to it still are copies.
    symmetric = train + mirrored
    assert authenticity(symmetric + 0.01 * gaussian(1, 200, 16), symmetric, symmetric[:, ::-1].copy()) == 0


def test_copied_share_is_the_quantile_under_the_null() -> None:
    rng = np.random.default_rng(0)

    def mean_share(faces: int, quantile: float) -> float:
        draws = [(rng.exponential(size=500), rng.exponential(size=faces)) for _ in range(3000)]
        return float(np.mean([copied_share(fakes, holdouts, quantile) for fakes, holdouts in draws]))

    assert mean_share(120, 0.05) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 / 120 / 3000))
    assert mean_share(120, 0.01) == pytest.approx(0.01, abs=4 * np.sqrt(0.01 / 120 / 3000))
    assert mean_share(20, 0.01) == pytest.approx(1 / 21, abs=0.004)  # fewer faces than the quantile asks for


def test_copied_share_finds_few_copies_among_poor_samples_where_ct_does_not() -> None:
    train, holdout = gaussian(0), gaussian(1, 200)
    fake = 1.5 * gaussian(2)
    fake[:100] = train[:100] + 0.01 * gaussian(3, 100)
    to_train = find_nearest(fake, train)[0], find_nearest(holdout, train)[0]
    assert ct_statistic(*to_train) > 0
    assert copied_share(*to_train) == pytest.approx(0.1, abs=0.005)


def test_wrong_input_is_refused() -> None:
    for measure in (ct_statistic, copied_share):
        for bad in (np.ones(0), np.ones((2, 2)), np.array([1, np.nan])):
            with pytest.raises(ValueError, match="distances"):
                measure(np.ones(3), bad)
    for quantile in (0.0, 1.0):
        with pytest.raises(ValueError, match="quantile"):
            copied_share(np.ones(3), np.ones(3), quantile)
    with pytest.raises(ValueError, match="two training faces"):
        authenticity(np.ones((3, 2)), np.ones((1, 2)))
    with pytest.raises(ValueError, match="mirrored"):
        authenticity(np.ones((3, 2)), np.ones((4, 2)), np.ones((3, 2)))
