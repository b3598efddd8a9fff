"""Precision, recall, density and coverage of points with values known from theory or by counting."""

import numpy as np
import pytest

from mangagan.distances import pairwise
from mangagan.distances.manifold import ManifoldMetrics, manifold_metrics


def gaussians(seed: int, count: int = 1000, dimensions: int = 64) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, dimensions)), rng.standard_normal((count, dimensions))


def test_two_samples_of_one_distribution() -> None:
    found = [manifold_metrics(*gaussians(seed)) for seed in range(8)]
    for name, expected in (("coverage", 1 - 2**-5), ("density", 1.0), ("precision", 0.73), ("recall", 0.73)):
        values = [getattr(figures, name) for figures in found]
        assert abs(np.mean(values) - expected) < 4 * np.std(values, ddof=1) / np.sqrt(len(values)), name
        assert np.std(values) < 0.1, name


@pytest.mark.parametrize("k", [1, 3])
def test_expected_coverage_and_density_at_few_points_are_the_exact_ones(k: int) -> None:
    # A real is not covered where, of the N−1 other reals and N fakes in random order, the k nearest are all real.
    n, repeats = 6, 3000
    rng = np.random.default_rng(k)
    missed = np.prod([(n - 1 - i) / (2 * n - 1 - i) for i in range(k)])
    draws = (rng.standard_normal((2, n, 2)) for _ in range(repeats))
    found = [manifold_metrics(real, fake, k) for real, fake in draws]
    for values, expected in (([f.coverage for f in found], 1 - missed), ([f.density for f in found], 1.0)):
        assert abs(np.mean(values) - expected) < 4 * np.std(values) / np.sqrt(repeats)


def test_counted_by_hand_on_a_line() -> None:
    # Balls of the reals at k = 1: radii 1, 1, 2, 4. Of the fakes: 0.25, 0.25, 16.5, 33.
    real, fake = np.array([[0.0], [1], [3], [7]]), np.array([[0.25], [0.5], [17], [50]])
    # 0.25 and 0.5 lie in the balls of 0 and of 1 and in no others.
    # In the fakes' balls: 0 is on the surface of that of 0.25; 1, 3 and 7 lie in that of 17, from 0.5 to 33.5.
    assert manifold_metrics(real, fake, k=1) == ManifoldMetrics(precision=0.5, recall=0.75, density=1.0, coverage=0.5)


def test_sets_apart_get_nothing() -> None:
    real, fake = gaussians(1, 100, 8)
    assert manifold_metrics(real, fake + 100) == ManifoldMetrics(0, 0, 0, 0)


def test_collapsed_fakes_are_precise_and_cover_nothing() -> None:
    real, _ = gaussians(2, 500, 8)
    central = real[np.linalg.norm(real, axis=1).argmin()]
    figures = manifold_metrics(real, np.repeat(central[None], 500, axis=0))
    assert figures.precision == 1
    assert figures.recall == 1 / 500  # the one face itself
    assert figures.density > 1
    assert figures.coverage < 0.1


def test_half_the_modes_halve_the_coverage() -> None:
    real, fake = gaussians(3, 600, 8)
    real[:300] += 50
    figures = manifold_metrics(real, fake)
    assert figures.coverage == pytest.approx(0.5, abs=0.02)
    assert figures.recall == pytest.approx(0.5, abs=0.05)


def test_copies_and_repeated_reals_are_inside_balls_without_extent() -> None:
    real, _ = gaussians(4, 100, 8)
    copies = manifold_metrics(real, real[::-1].copy())
    assert (copies.precision, copies.recall, copies.density, copies.coverage) == (1, 1, 1, 1)
    repeated = np.repeat(real[:10], 10, axis=0)  # more equal faces than k: every radius is 0
    assert manifold_metrics(repeated, repeated) == ManifoldMetrics(1, 1, 2, 1)
    assert manifold_metrics(repeated, repeated + 1e-3).precision == 0


def test_blocks_do_not_change_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = manifold_metrics(*gaussians(5, 200, 16))
    monkeypatch.setattr(pairwise, "BLOCK_ENTRIES", 200 * 33)
    assert manifold_metrics(*gaussians(5, 200, 16)) == whole


def test_a_common_offset_does_not_matter() -> None:
    real, fake = gaussians(6, 300, 16)
    assert manifold_metrics(real + 1e5, fake + 1e5) == manifold_metrics(real, fake)


def test_wrong_input_is_refused() -> None:
    real, fake = gaussians(7, 10, 4)
    with pytest.raises(ValueError, match="equal counts needed, not 10 real and 9 fake"):
        manifold_metrics(real, fake[:9])
    for k in (0, 10):
        with pytest.raises(ValueError, match=r"k must be in 1 … 9"):
            manifold_metrics(real, fake, k)
    with pytest.raises(ValueError, match="dimensions"):
        manifold_metrics(real, fake[:, :3])


def test_equals_the_reference_implementation() -> None:
    prdc = pytest.importorskip("prdc")
    real, fake = gaussians(8, 500, 32)
    expected = prdc.compute_prdc(real, fake * 0.9 + 0.1, nearest_k=5)
    found = manifold_metrics(real, fake * 0.9 + 0.1)
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value, abs=1e-9)
