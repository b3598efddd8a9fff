"""Fréchet distance: compared with closed forms and with an independent computation; projection on principal axes."""

import numpy as np
import pytest

from mangagan.metrics.frechet import find_principal_axes, frechet_distance, project


def points_with(mean: np.ndarray, covariance: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return points with exactly this sample mean and covariance."""
    points = np.random.default_rng(seed).standard_normal((count, len(mean)))
    points -= points.mean(axis=0)
    whitened = points @ np.linalg.inv(np.linalg.cholesky(np.atleast_2d(np.cov(points.T)))).T
    return whitened @ np.linalg.cholesky(covariance).T + mean


def random_covariance(dimensions: int, seed: int) -> np.ndarray:
    factor = np.random.default_rng(seed).standard_normal((dimensions, dimensions))
    return factor @ factor.T + 0.1 * np.eye(dimensions)


def by_eigenvalues(mean1: np.ndarray, cov1: np.ndarray, mean2: np.ndarray, cov2: np.ndarray) -> float:
    """Return the distance with the trace of (Σ₁Σ₂)^½ from the eigenvalues of the product, which is not symmetric."""
    roots = np.sqrt(np.linalg.eigvals(cov1 @ cov2).astype(complex)).real.sum()
    return float(np.sum((mean1 - mean2) ** 2) + np.trace(cov1) + np.trace(cov2) - 2 * roots)


def test_closed_form_of_gaussians_in_one_dimension() -> None:
    first = points_with(np.array([1.0]), np.array([[9.0]]), 50, 0)
    second = points_with(np.array([3.0]), np.array([[0.25]]), 70, 1)
    assert frechet_distance(first, second) == pytest.approx((1 - 3) ** 2 + (3 - 0.5) ** 2, rel=1e-12)


def test_commuting_covariances_differ_by_their_roots() -> None:
    axes = np.linalg.qr(np.random.default_rng(2).standard_normal((6, 6)))[0]
    spread1, spread2 = np.arange(1.0, 7), np.array([3.0, 1, 0.2, 5, 2, 1])
    first = points_with(np.zeros(6), axes * spread1**2 @ axes.T, 100, 3)
    second = points_with(np.full(6, 0.5), axes * spread2**2 @ axes.T, 80, 4)
    expected = 6 * 0.25 + np.sum((spread1 - spread2) ** 2)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-10)


def test_covariances_that_do_not_commute() -> None:
    mean1, mean2 = np.random.default_rng(5).standard_normal((2, 12))
    cov1, cov2 = random_covariance(12, 6), random_covariance(12, 7)
    assert np.abs(cov1 @ cov2 - cov2 @ cov1).max() > 1
    first, second = points_with(mean1, cov1, 200, 8), points_with(mean2, cov2, 150, 9)
    expected = by_eigenvalues(mean1, cov1, mean2, cov2)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(second, first) == pytest.approx(expected, rel=1e-9)


def test_fewer_rows_than_dimensions() -> None:
    first, second = np.random.default_rng(10).standard_normal((2, 15, 40))
    moments = [moment for points in (first, second) for moment in (points.mean(axis=0), np.cov(points.T))]
    # The eigenvalues that should be 0 come out at ±1e-15, their roots at 3e-8 each.
    assert frechet_distance(first, second) == pytest.approx(by_eigenvalues(*moments), abs=1e-5)


def test_equal_sets_and_sets_without_spread() -> None:
    points = np.random.default_rng(11).standard_normal((60, 20))
    assert frechet_distance(points, points[::-1]) == pytest.approx(0, abs=1e-12)
    assert frechet_distance(np.zeros((5, 3)), np.full((4, 3), 2.0)) == 12


def test_bias_of_two_samples_of_one_distribution_shrinks_with_the_projection() -> None:
    first, second, reference = np.random.default_rng(12).standard_normal((3, 1200, 400))

    def share_of_the_trace(axes_of: np.ndarray) -> float:
        mean, axes = find_principal_axes(axes_of, 64)
        return frechet_distance(project(first, mean, axes), project(second, mean, axes)) / 64

    # To first order (1/n + 1/m) · (1 + (D + 1)/4): the means, and a quarter of the squared error of the covariances.
    assert share_of_the_trace(reference) == pytest.approx(2 / 1200 * (1 + 65 / 4), rel=0.1)
    assert frechet_distance(first, second) / 400 > 0.15
    assert share_of_the_trace(first) > 0.1  # axes on which one of the two spreads most


def test_axes_are_those_the_points_were_drawn_on() -> None:
    true_axes = np.linalg.qr(np.random.default_rng(13).standard_normal((5, 5)))[0]
    mean = np.arange(5.0)
    points = points_with(mean, true_axes * np.array([1.0, 16, 4, 25, 9]) @ true_axes.T, 300, 14)
    found_mean, axes = find_principal_axes(points, 3)
    assert found_mean == pytest.approx(mean)
    assert np.abs(axes.T @ true_axes[:, [3, 1, 4]]) == pytest.approx(np.eye(3), abs=1e-9)
    assert (axes[np.abs(axes).argmax(axis=0), np.arange(3)] > 0).all()
    coordinates = project(points, found_mean, axes)
    assert np.cov(coordinates.T) == pytest.approx(np.diag([25.0, 16, 9]), abs=1e-9)
    assert coordinates.mean(axis=0) == pytest.approx(0, abs=1e-9)


def test_all_axes_keep_the_distance() -> None:
    rng = np.random.default_rng(15)
    first, second = rng.standard_normal((50, 6)), rng.standard_normal((40, 6)) * 2 + 1
    mean, axes = find_principal_axes(first, 6)
    projected = frechet_distance(project(first, mean, axes), project(second, mean, axes))
    assert projected == pytest.approx(frechet_distance(first, second), rel=1e-10)


def test_wrong_input_is_refused() -> None:
    good = np.random.default_rng(16).standard_normal((5, 8))
    with pytest.raises(ValueError, match="at least 2"):
        frechet_distance(good, good[:1])
    with pytest.raises(ValueError, match="finite"):
        frechet_distance(good, good * np.inf)
    for dimensions in (0, 5):
        with pytest.raises(ValueError, match=r"dimensions must be in 1 … 4"):
            find_principal_axes(good, dimensions)
    with pytest.raises(ValueError, match="axes of 8"):
        project(good[:, :7], *find_principal_axes(good, 2))
