"""Kernel distance: compared with its definition, and with its known mean and deviation under the null."""

import numpy as np
import pytest

from mangagan.distances import pairwise
from mangagan.distances.kernel_distance import kernel_distance


def by_definition(first: np.ndarray, second: np.ndarray) -> float:
    """Return the estimator as the paper defines it, one pair at a time."""

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float((np.dot(x, y) / len(x) + 1) ** 3)

    def within(points: np.ndarray) -> float:
        return float(np.mean([kernel(x, y) for i, x in enumerate(points) for j, y in enumerate(points) if i != j]))

    return within(first) + within(second) - 2 * float(np.mean([kernel(x, y) for x in first for y in second]))


def null_sd(n: int, m: int, d: int) -> float:
    """Return the standard deviation for two samples of N(0, I) in d dimensions, of n and m points.

    The variance is (2/n(n−1) + 2/m(m−1) + 4/nm) · E[h²] (Gretton et al. 2012) with h the kernel centred in both
    arguments. With t = x·y/d, whose moments given y are a Gaussian's of variance |y|²/d², the odd part of h is 3t + t³
    and the even part 3(t² − |x|²/d² − |y|²/d² + 1/d).
    """
    second, fourth, sixth = 1 / d, 3 * (d + 2) / d**3, 15 * (d + 2) * (d + 4) / d**5
    odd, even = 9 * second + 6 * fourth + sixth, 9 * (2 * d + 2) / d**3
    return float(np.sqrt((2 / (n * (n - 1)) + 2 / (m * (m - 1)) + 4 / (n * m)) * (odd + even)))


def test_equals_the_double_loop() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((17, 6)), rng.standard_normal((23, 6)) * 1.4 + 0.3
    assert kernel_distance(first, second) == pytest.approx(by_definition(first, second), rel=1e-12)
    assert kernel_distance(second, first) == pytest.approx(kernel_distance(first, second), rel=1e-12)


def test_blocks_do_not_change_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    first, second = rng.standard_normal((50, 9)), rng.standard_normal((41, 9)) + 0.5
    whole = kernel_distance(first, second)
    monkeypatch.setattr(pairwise, "BLOCK_ENTRIES", 41 * 7)
    assert kernel_distance(first, second) == pytest.approx(whole, rel=1e-12)


def test_known_value_for_points_of_two_places() -> None:
    # All x at 1 and all y at −1 in one dimension: k(x, x) = k(y, y) = 8, k(x, y) = 0.
    assert kernel_distance(np.ones((4, 1)), -np.ones((3, 1))) == 16


def test_mean_is_zero_and_deviation_is_the_known_one_under_the_null() -> None:
    n, m, d, repeats = 60, 40, 16, 600
    rng = np.random.default_rng(2)
    values = [kernel_distance(rng.standard_normal((n, d)), rng.standard_normal((m, d))) for _ in range(repeats)]
    sd = null_sd(n, m, d)
    assert abs(np.mean(values)) < 3 * sd / np.sqrt(repeats)
    assert np.std(values) == pytest.approx(sd, rel=0.12)  # 4 / √(2 · 600)


def test_mean_is_the_distance_of_the_distributions() -> None:
    # Means 0 and c in one dimension, no spread beyond N(0, 1): E(xy + 1)³ by the moments of x and y.
    c, rng = 1.0, np.random.default_rng(3)
    second, third = 1 + c**2, 3 * c + c**3  # moments of N(c, 1)
    between = 1 + 3 * 1 * second  # odd moments of x vanish
    first_within, second_within = 1 + 3, 1 + 3 * c**2 + 3 * second**2 + third**2
    expected = first_within + second_within - 2 * between
    values = [kernel_distance(rng.standard_normal((80, 1)), rng.standard_normal((80, 1)) + c) for _ in range(400)]
    assert abs(np.mean(values) - expected) < 4 * np.std(values) / np.sqrt(400)


def test_float32_features_are_summed_in_float64() -> None:
    rng = np.random.default_rng(4)
    first, second = (rng.standard_normal((200, 30)).astype(np.float32) + 3 for _ in range(2))
    exact = kernel_distance(first.astype(np.float64), second.astype(np.float64))
    assert kernel_distance(first, second) == exact


def test_wrong_input_is_refused() -> None:
    good = np.ones((5, 3))
    for bad in (np.ones((1, 3)), np.ones((5, 4)), np.ones(5), np.ones((5, 0)), np.full((5, 3), np.nan)):
        with pytest.raises(ValueError, match="features"):
            kernel_distance(good, bad)
