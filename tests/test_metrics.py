"""Metrics of images with known values or a known order."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from mangagan.distances.nearest_faces import find_nearest_faces, make_descriptors
from mangagan.distances.pairwise import find_nearest, find_twin_distances, mean_squared_differences
from mangagan.metrics.diversity import choose_pairs, ms_ssim, pairwise_diversity
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.swd import laplacian_pyramid, sliced_wasserstein


def draw_faces(count: int, seed: int, side: int = 112, channels: int = 1) -> np.ndarray:
    """Draw ovals with eyes and hair of random place and shade over a gradient: one distribution, no two equal."""
    rng = np.random.default_rng(seed)
    images = np.empty((count, side, side), np.uint8)
    for image in images:
        image[:] = np.linspace(rng.integers(120, 255), rng.integers(120, 255), side)[None]
        x, y = (int(v) for v in rng.integers(side * 4 // 10, side * 6 // 10, 2))
        cv2.circle(image, (x, y - side // 8), side * 3 // 10, int(rng.integers(0, 160)), -1)
        cv2.ellipse(image, (x, y), (side // 4, side // 3), 0, 0, 360, 245, -1)
        cv2.ellipse(image, (x, y), (side // 4, side // 3), 0, 0, 360, 0, 2)
        for eye in (-1, 1):
            cv2.circle(image, (x + eye * side // 9, y), int(rng.integers(3, 8)), int(rng.integers(0, 60)), -1)
    return np.repeat(images[:, None], channels, axis=1)


def mean_swd(images: np.ndarray, reference: np.ndarray) -> float:
    return float(np.mean(list(sliced_wasserstein(images, reference, seed=0).values())))


def blur(images: np.ndarray, sigma: float) -> np.ndarray:
    return np.stack([cv2.GaussianBlur(image[0], (0, 0), sigma)[None] for image in images])


def add_noise(images: np.ndarray, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(5).normal(0, deviation, images.shape)
    return np.clip(images + noise, 0, 255).astype(np.uint8)


def test_swd_of_a_set_against_itself_is_exactly_zero_also_in_another_order() -> None:
    images = draw_faces(20, 1)
    assert set(sliced_wasserstein(images, images.copy(), seed=3).values()) == {0.0}
    assert mean_swd(images[::-1], images) == pytest.approx(0, abs=1e-4)


def test_swd_levels_end_at_two_patches() -> None:
    for side, levels in ((112, [112, 56, 28, 14]), (96, [96, 48, 24]), (28, [28, 14]), (16, [16])):
        assert list(sliced_wasserstein(draw_faces(2, 0, side), draw_faces(2, 1, side), seed=0)) == levels


def test_pyramid_adds_up_to_the_image() -> None:
    images = draw_faces(2, 0, channels=3)
    *details, current = laplacian_pyramid(images)
    for level in reversed(details):
        current = level + np.stack([cv2.pyrUp(image) for image in current])
    np.testing.assert_allclose(current, images.transpose(0, 2, 3, 1), atol=1e-3)


def test_swd_of_a_shifted_normal_cloud_is_the_known_one() -> None:
    # Gray levels one deviation d apart: along a unit line w through 49 dimensions the clouds lie d·|Σw| apart, and
    # E|Σw| = √(2·49/π)·(1 − O(1/49)). Noise of deviation 1 in every pixel is the unit of measure.
    rng = np.random.default_rng(0)
    noise = rng.normal(128, 10, (400, 1, 16, 16))
    images = [np.clip(np.round(part), 0, 255).astype(np.uint8) for part in (noise[:200] + 10, noise[200:])]
    found = sliced_wasserstein(images[0], images[1], seed=0, patches=16, directions=4000)[16]
    assert found / 1000 == pytest.approx(np.sqrt(2 / np.pi), rel=0.04)


def test_swd_of_two_samples_of_one_distribution_is_small_and_falls_with_their_number() -> None:
    few, many = (mean_swd(draw_faces(count, 1), draw_faces(count, 2)) for count in (30, 300))
    assert many < few / 2
    assert many < mean_swd(blur(draw_faces(300, 1), 1), draw_faces(300, 2)) / 3


@pytest.mark.parametrize(("damage", "strengths"), [(blur, (0.5, 1, 2, 4)), (add_noise, (10, 20, 40, 80))])
def test_swd_grows_with_blur_and_with_noise(damage, strengths) -> None:
    images, reference = draw_faces(100, 1), draw_faces(100, 2)
    found = [mean_swd(images, reference), *(mean_swd(damage(images, strength), reference) for strength in strengths)]
    assert all(after > 1.2 * before for before, after in pairwise(found)), found


def test_swd_responds_to_a_loss_of_contrast() -> None:
    images = draw_faces(60, 1)
    assert mean_swd(images // 2 + 64, draw_faces(60, 2)) > 2 * mean_swd(images, draw_faces(60, 2))


def test_swd_of_unequal_counts_is_an_error() -> None:
    with pytest.raises(ValueError, match="one shape"):
        sliced_wasserstein(draw_faces(3, 0), draw_faces(4, 0), seed=0)


def test_diversity_of_a_collapsed_set_is_zero_and_half_of_it_in_between() -> None:
    images = draw_faces(40, 1)
    assert pairwise_diversity(np.repeat(images[:1], 40, axis=0), seed=0) == pytest.approx(0, abs=1e-6)
    full = pairwise_diversity(images, seed=0)
    assert 0 < pairwise_diversity(np.repeat(images[:2], 20, axis=0), seed=0) < full <= 1


def test_diversity_of_two_kinds_is_the_share_of_unlike_pairs() -> None:
    one, other = draw_faces(2, 1)
    apart = pairwise_diversity(np.stack([one, other]), seed=0)
    mixed = pairwise_diversity(np.stack([one] * 10 + [other] * 10), seed=0, pairs=10_000)
    assert mixed == pytest.approx(apart * 100 / 190, rel=1e-5)  # of the 190 pairs of 20, 100 are unlike


def test_pairs_are_all_pairs_once() -> None:
    first, second = choose_pairs(9, 1000, np.random.default_rng(0))
    assert sorted(zip(first.tolist(), second.tolist(), strict=True)) == [
        (i, j) for i in range(9) for j in range(i + 1, 9)
    ]


def test_ssim_at_one_scale_is_the_published_one() -> None:
    # Two flat images: contrast and structure are 1, luminance (2ab + C1) / (a² + b² + C1).
    first, second = (np.full((1, 16, 16), value, np.float32) for value in (0.2, 0.6))
    assert ms_ssim(first, second)[0] == pytest.approx((2 * 0.12 + 1e-4) / (0.04 + 0.36 + 1e-4), rel=1e-4)
    assert ms_ssim(first, first)[0] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_nearest_finds_a_copy_and_a_mirrored_copy(channels: int) -> None:
    train = draw_faces(50, 1, channels=channels)
    ramp = np.linspace(0, 120, 112).astype(np.uint8)  # makes mirror images differ for certain
    train = (train // 2 + ramp).astype(np.uint8)
    found = find_nearest_faces(np.stack([train[17], train[31][..., ::-1]]), train, neighbors=4)
    assert found.indices[:, 0].tolist() == [17, 31]
    assert found.mirrored[:, 0].tolist() == [False, True]
    np.testing.assert_allclose(found.distances[:, 0], 0, atol=1e-6)
    assert (np.diff(found.distances) >= 0).all()
    assert (found.distances[:, 1] > 0.01).all()


def test_nearest_ignores_contrast_and_separates_negatives_and_unrelated_images() -> None:
    train = draw_faces(1, 1)
    noise = np.random.default_rng(0).integers(0, 256, (40, 1, 112, 112)).astype(np.uint8)
    assert find_nearest_faces(train // 2 + 60, train, 1).distances[0, 0] < 0.03
    symmetric = np.maximum(train, train[..., ::-1])
    negative, positive = make_descriptors(255 - symmetric), make_descriptors(symmetric)
    assert mean_squared_differences(negative, positive)[0, 0] == pytest.approx(4, abs=1e-3)
    unrelated = make_descriptors(noise)
    assert np.median(mean_squared_differences(unrelated, unrelated[:1])[1:]) == pytest.approx(2, abs=0.1)
    moved = find_nearest_faces(noise, noise[:1], 1).distances[1:]
    assert 1.1 < np.median(moved) < 1.35


def crop_again(images: np.ndarray, right: float, down: float, zoom: float) -> np.ndarray:
    """Shift every image within its frame, by shares of its side, and zoom it; pixels from outside repeat the edge."""
    side = images.shape[-1]
    edge = (side - 1) / 2 * (1 - zoom)
    matrix = np.array([[zoom, 0, edge + right * side], [0, zoom, edge + down * side]])
    cut = [cv2.warpAffine(image[0], matrix, (side, side), borderMode=cv2.BORDER_REPLICATE) for image in images]
    return np.stack(cut)[:, None]


@pytest.mark.parametrize(
    ("right", "down", "zoom"),
    [(2 / 112, 0, 1), (-3 / 112, 1 / 112, 1), (4 / 112, -4 / 112, 1), (0, 0, 1.04), (0, 0, 0.96), (2 / 112, 0, 1.04)],
)
def test_nearest_finds_copies_that_are_cropped_differently(right: float, down: float, zoom: float) -> None:
    train, unseen = draw_faces(120, 1), draw_faces(40, 2)
    cut = crop_again(train[:30], right, down, zoom)
    limit = find_nearest_faces(unseen, train, 1).distances.min()
    for copies, turned in ((cut, False), (np.ascontiguousarray(cut[..., ::-1]), True)):
        found = find_nearest_faces(copies, train, 3)
        assert (found.indices[:, 0] == np.arange(30)).all()
        assert (found.distances[:, 0] < limit / 2).mean() > 0.9
        assert (np.diff(found.distances) >= 0).all()
        assert (found.mirrored[:, 0] == turned).mean() > 0.9


def test_nearest_of_blank_images_and_of_none() -> None:
    train = draw_faces(3, 1)
    blank = np.zeros((1, 1, 112, 112), np.uint8)
    np.testing.assert_allclose(find_nearest_faces(blank, train, 5).distances, [[1, 1, 1]])
    assert find_nearest_faces(train[:0], train, 2).distances.shape == (0, 2)


def test_nearest_is_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    images, train = draw_faces(5, 1), draw_faces(23, 2)
    expected = find_nearest_faces(images, train, 4)
    monkeypatch.setattr("mangagan.distances.pairwise.BLOCK_ENTRIES", 23 * 2)
    found = find_nearest_faces(images, train, 4)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.mirrored, expected.mirrored)
    np.testing.assert_allclose(found.distances, expected.distances, atol=1e-9)


def test_pairwise_distances_are_those_of_a_double_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    points, others = rng.normal(size=(6, 5)), rng.normal(size=(9, 5))
    monkeypatch.setattr("mangagan.distances.pairwise.BLOCK_ENTRIES", 9 * 4)
    means = [[((point - other) ** 2).mean() for other in others] for point in points]
    np.testing.assert_allclose(mean_squared_differences(points, others), means)
    np.testing.assert_allclose(find_nearest(points, others)[0], np.sqrt(5 * np.min(means, axis=1)), rtol=1e-6)
    twins = [min(np.linalg.norm(a - b) for j, b in enumerate(others) if j != i) for i, a in enumerate(others)]
    np.testing.assert_allclose(find_twin_distances(others), twins, rtol=1e-6)


@pytest.mark.parametrize("bad", [{"samples": 1}, {"seed": -1}, {"repeats": 1}, {"neighbors": 0}])
def test_params_out_of_range_are_named(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        EvaluateParams(**bad)
