"""Synthetic sample sets: made from the given faces, with the intended fault and no other."""

from collections.abc import Callable

import numpy as np
import pytest

from mangagan.distances.reference_sets import (
    RUINED_SETS,
    blur_faces,
    copy_with_noise,
    make_ruined_sets,
    repeat_image,
    repeat_mean_face,
    shuffle_pixels,
)

FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "noise": lambda images: shuffle_pixels(images, seed=1),
    "blurred": blur_faces,
    "mean_face": repeat_mean_face,
    "copies": lambda images: copy_with_noise(images, seed=1, sd=4),
    "collapsed": lambda images: repeat_image(images[0], len(images)),
}


def draw_disks(channels: int = 1, side: int = 56, count: int = 12) -> np.ndarray:
    """Draw dark disks at random places on a light ground; with three channels each has another shade."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    centres = rng.uniform(side * 0.3, side * 0.7, (count, 2, 1, 1))
    disks = np.hypot(y - centres[:, 0], x - centres[:, 1]) < side / 4
    shades = np.array([20, 80, 140])[:channels, None, None]
    return np.where(disks[:, None], shades, 230).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_shape_type_repeatability_and_an_untouched_input(name: str, channels: int) -> None:
    images = draw_disks(channels)
    before = images.copy()
    result = FUNCTIONS[name](images)
    assert result.shape == images.shape and result.dtype == np.uint8
    assert np.array_equal(FUNCTIONS[name](images), result)
    assert np.array_equal(images, before)
    result[:] = 0
    assert np.array_equal(images, before)
    flipped = np.ascontiguousarray(images[..., ::-1])
    assert np.array_equal(FUNCTIONS[name](images[..., ::-1]), FUNCTIONS[name](flipped))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_wrong_types_and_shapes_are_refused(name: str) -> None:
    for bad in (
        draw_disks().astype(np.float32),
        draw_disks()[:, :, :50],
        np.zeros((2, 2, 8, 8), np.uint8),
        draw_disks()[:, 0],
    ):
        with pytest.raises(ValueError, match="uint8"):
            FUNCTIONS[name](bad)


@pytest.mark.parametrize("name", ["noise", "blurred", "mean_face", "copies"])
def test_no_images_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="uint8"):
        FUNCTIONS[name](draw_disks()[:0])


def test_noise_keeps_colours_and_loses_structure() -> None:
    images = draw_disks(3)
    shuffled = shuffle_pixels(images, seed=1)
    for image, before in zip(shuffled, images, strict=True):
        colours, counts = np.unique(image.reshape(3, -1), axis=1, return_counts=True)
        expected, expected_counts = np.unique(before.reshape(3, -1), axis=1, return_counts=True)
        assert np.array_equal(colours, expected) and np.array_equal(counts, expected_counts)

    def neighbours(pictures: np.ndarray) -> float:
        return float(np.corrcoef(pictures[..., 1:].ravel(), pictures[..., :-1].ravel())[0, 1])

    assert neighbours(images) > 0.9
    assert abs(neighbours(shuffled[:, :1])) < 0.05
    assert not np.array_equal(shuffle_pixels(images, seed=2), shuffled)
    assert not np.array_equal(*shuffle_pixels(np.repeat(images[:1], 2, axis=0), seed=1))


def test_blur_keeps_the_mean_and_loses_edges() -> None:
    images = draw_disks(3)

    def edges(pictures: np.ndarray) -> float:
        return float(np.abs(np.diff(pictures.astype(int), axis=-1)).max())

    steps = [edges(picture) for picture in (images, blur_faces(images, 0.5), blur_faces(images), blur_faces(images, 6))]
    assert steps == sorted(steps, reverse=True) and steps[-1] < steps[0] / 5
    assert np.array_equal(blur_faces(images), blur_faces(images, 2.0))  # 56 px / 28
    assert blur_faces(images).mean(axis=(2, 3)) == pytest.approx(images.mean(axis=(2, 3)), abs=1)


def test_blur_spreads_a_point_as_a_gaussian() -> None:
    image = np.zeros((1, 1, 41, 41), np.uint8)
    image[..., 20, 20] = 255
    row = blur_faces(image, 1.0)[0, 0, 20].astype(float)
    assert row[20] == pytest.approx(255 / (2 * np.pi), abs=1)
    assert row[21] / row[20] == pytest.approx(np.exp(-0.5), abs=0.03)


def test_mean_face_is_the_rounded_mean() -> None:
    images = np.zeros((4, 1, 8, 8), np.uint8)
    images[0], images[1, 0, 0] = 255, 3  # means 63.75 and, in the first row, 64.5, which goes to the even number
    result = repeat_mean_face(images)
    assert set(result[:, :, 0].ravel()) == {64} and set(result[:, :, 1:].ravel()) == {64}
    images[1, 0, 0] = 103
    assert set(repeat_mean_face(images)[:, :, 0].ravel()) == {90}  # 89.5


def test_copies_have_the_noise_asked_for_and_gray_stays_gray() -> None:
    gray = np.full((6, 3, 56, 56), 128, np.uint8)
    noisy = copy_with_noise(gray, seed=1, sd=4)
    assert np.array_equal(noisy[:, 0], noisy[:, 1]) and np.array_equal(noisy[:, 0], noisy[:, 2])
    difference = noisy[:, 0].astype(float) - 128
    count = difference.size
    assert difference.std() == pytest.approx(np.sqrt(16 + 1 / 12), abs=4 * 4 / np.sqrt(2 * count))  # rounding adds 1/12
    assert abs(difference.mean()) < 4 * 4 / np.sqrt(count)
    assert np.array_equal(copy_with_noise(gray, seed=1, sd=0), gray)
    assert not np.array_equal(copy_with_noise(gray, seed=2, sd=4), noisy)


def test_repeated_image() -> None:
    image = draw_disks()[3]
    assert np.array_equal(repeat_image(image, 5), np.stack([image] * 5))


def test_parameters_out_of_range_are_refused() -> None:
    images = draw_disks()
    for sigma in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="sigma"):
            blur_faces(images, sigma)
    for sd in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="sd"):
            copy_with_noise(images, 0, sd)
    with pytest.raises(ValueError, match="count"):
        repeat_image(images[0], 0)


def test_ruined_sets_have_the_registered_names() -> None:
    assert tuple(make_ruined_sets(draw_disks(), seed=0)) == RUINED_SETS
    assert make_ruined_sets(draw_disks()[:0], seed=0) == {}
