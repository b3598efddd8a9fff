"""The search for near-duplicates, on drawn faces of which it is known which show the same drawing."""

from dataclasses import replace
from itertools import combinations

import cv2
import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from benchmarks.descriptor_prior import make_prior
from benchmarks.duplicate_pairs import draw_person, take_again
from mangagan.duplicates import search
from mangagan.duplicates.comparison import SIDE
from mangagan.duplicates.descriptors import LENGTH, VARIANTS, count_votes, describe, describe_faces, make_grids, mirror
from mangagan.duplicates.face_context import make_uncached_context
from mangagan.duplicates.face_set import FaceSet, PairBatch, align_keys
from mangagan.duplicates.pairs import Pairs
from mangagan.duplicates.params import DEFAULT, PairParams
from mangagan.duplicates.search import complete_components, find_common, find_pairs
from mangagan.duplicates.whitening import PRIOR, fit_whitening, load_prior, whiten
from mangagan.faces.crop import expand_to_square, find_insides
from mangagan.sample.character import STYLES, Expression, Pose, sample_character

WHOLE = np.array([0, 0, 1, 1], np.float32)
CALM = Expression("calm", mouth="flat")


def draw_head(seed: int, expression: Expression = CALM) -> np.ndarray:
    """Draw a head on a page, uint8 (320, 320)."""
    rng = np.random.default_rng(seed)
    style = STYLES[seed % 2]
    person = replace(sample_character(rng, style), fringe_length=-0.2)  # the brows are visible
    pose = Pose(160, 160, 70.0, yaw=float(rng.uniform(-0.3, 0.3)), roll=float(rng.uniform(-8, 8)))
    return draw_person(style, person, expression, pose, float(rng.uniform(0, 0.4)))


def crop(page: np.ndarray, x: float = 160, y: float = 160, side: float = 220) -> np.ndarray:
    """Return the face of a page as `normalize` cuts it, uint8 (112, 112)."""
    matrix = np.array([[side / SIDE, 0, x - side / 2], [0, side / SIDE, y - side / 2]], np.float32)
    blurred = cv2.GaussianBlur(page, (0, 0), 0.8)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(blurred, matrix, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REFLECT_101)


def retake(page: np.ndarray, seed: int) -> np.ndarray:
    """Return the face of a page that was taken again, in a slightly different box."""
    rng = np.random.default_rng(seed)
    taken = take_again(page, rng)
    x, y, w, _ = taken.map_boxes(np.array([[110.0, 110.0, 100.0, 100.0]]))[0]
    shift = rng.uniform(-0.04, 0.04, 2) * w
    return crop(taken.pixels, x + w / 2 + shift[0], y + w / 2 + shift[1], 2.2 * w * float(rng.uniform(0.92, 1.08)))


def tile(count: int) -> np.ndarray:
    """Return the insides of faces that are completely on their pages."""
    return np.tile(WHOLE, (count, 1))


def as_set(pairs: Pairs, mirrored: bool = False) -> set[tuple[int, int]]:
    """Return the pairs of indices."""
    chosen = pairs.mirrored == mirrored
    return set(zip(pairs.first[chosen].tolist(), pairs.second[chosen].tolist(), strict=True))


@pytest.fixture(scope="module")
def pages() -> list[np.ndarray]:
    """Return 24 pages with different heads."""
    return [draw_head(seed) for seed in range(24)]


def test_retakes_are_found_and_different_heads_are_not(pages: list[np.ndarray]) -> None:
    count = len(pages)
    faces = np.stack([crop(page) for page in pages] + [retake(page, seed) for seed, page in enumerate(pages)])
    pairs = find_pairs(faces, tile(len(faces)), DEFAULT)
    expected = {(index, index + count) for index in range(count)}
    assert len(expected - as_set(pairs)) <= 1
    assert as_set(pairs) <= expected
    assert not pairs.mirrored.any()
    order = list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert order == sorted(order)
    assert pairs.similarity.dtype == np.float32
    assert ((pairs.similarity >= 0.5) & (pairs.similarity <= 1)).all()


def test_mirror_images_are_found_unless_they_are_not_wanted(pages: list[np.ndarray]) -> None:
    count = 12
    mirrored = [retake(np.ascontiguousarray(page[:, ::-1]), seed) for seed, page in enumerate(pages[:count])]
    faces = np.stack([crop(page) for page in pages[:count]] + mirrored)
    expected = {(index, index + count) for index in range(count)}
    pairs = find_pairs(faces, tile(len(faces)), DEFAULT)
    assert len(expected - as_set(pairs, mirrored=True)) <= 1
    assert as_set(pairs, mirrored=True) <= expected
    assert not as_set(pairs)
    assert len(find_pairs(faces, tile(len(faces)), DEFAULT, mirrored=False)) == 0


@pytest.mark.parametrize(
    "other",
    [
        Expression("calm", mouth="open"),
        Expression("calm", mouth="frown"),
        Expression("calm", mouth="smile"),
        Expression("calm", mouth="flat", eyes="happy"),
        Expression("calm", mouth="flat", eyes="half"),
        Expression("calm", mouth="flat", brow_lift=0.15),
        Expression("calm", mouth="flat", brow_tilt=0.5),
    ],
    ids=["open mouth", "frown", "smile", "closed eyes", "half-open eyes", "raised brows", "angry brows"],
)
def test_another_expression_is_another_drawing(other: Expression) -> None:
    seeds = range(8)
    same = [similarity_to_retake(draw_head(seed), draw_head(seed), seed) for seed in seeds]
    changed = [similarity_to_retake(draw_head(seed), draw_head(seed, other), seed) for seed in seeds]
    assert sum(value >= 0.5 for value in same) >= 7
    assert sum(value >= 0.5 for value in changed) <= 2


def similarity_to_retake(page: np.ndarray, other: np.ndarray, seed: int) -> float:
    """Return the similarity of the face of a page with that of another one, taken again."""
    return measure(crop(page), WHOLE, retake(other, seed), WHOLE)


def measure(face: np.ndarray, inside: np.ndarray, other: np.ndarray, other_inside: np.ndarray) -> float:
    """Return the similarity of two faces, without the search for candidates."""
    return measure_pairs(np.stack([face, other]), np.stack([inside, other_inside]))[0, 1]


def measure_pairs(faces: np.ndarray, insides: np.ndarray) -> dict[tuple[int, int], float]:
    """Return the similarity of all pairs of faces, without the search for candidates."""
    whitening, known = fit_whitening(), make_uncached_context(faces)
    part = FaceSet(faces, insides, whiten(whitening, describe_faces(faces, known)), whitening.signs, known)
    pairs = list(combinations(range(len(faces)), 2))
    keys = [(pair, False) for pair in pairs]
    values = PairBatch.take(part, part, keys, align_keys(part, part, keys)).measure()
    return dict(zip(pairs, values, strict=True))


def test_similarity_is_1_for_itself_and_0_for_blank_faces(pages: list[np.ndarray]) -> None:
    face, blank = crop(pages[0]), np.full((SIDE, SIDE), 200, np.uint8)
    assert measure(face, WHOLE, face, WHOLE) == 1
    assert measure(face, WHOLE, np.roll(face, 3, axis=1), WHOLE) > 0.99
    for first, second in ((face, blank), (blank, face), (blank, blank + 1)):
        assert measure(first, WHOLE, second, WHOLE) == 0


def test_part_outside_of_the_page_is_not_compared(pages: list[np.ndarray]) -> None:
    page = pages[3]
    cut = page[:, 90:]  # the crop extends past the left edge, and is filled with mirrored pixels
    face, other = crop(page), crop(cut, x=160 - 90)
    inside = np.array([(110 - 70) / 220, 0, 1, 1], np.float32)
    assert measure(face, WHOLE, other, inside) > 0.9
    assert measure(face, WHOLE, other, WHOLE) < 0.5


def test_insides_are_the_part_of_the_square_on_the_page() -> None:
    columns = ["x", "y", "w", "h", "crop_margin", "page_width", "page_height"]
    faces = pd.DataFrame([[0, 50, 100, 80, 0.25, 400, 400], [200, 200, 40, 40, 0.25, 400, 400]], columns=columns)
    square = expand_to_square(np.array([0, 50, 100, 80]), 0.25)
    insides = find_insides(faces)
    assert insides[0] == pytest.approx([-square.left / square.side, 0, 1, 1], abs=1e-6)
    assert insides[1].tolist() == [0, 0, 1, 1]


def test_descriptor_of_the_mirror_image(pages: list[np.ndarray]) -> None:
    face = crop(pages[1])
    grids, mirrored_grids = (make_grids([(0.9, across, 0.02)]) for across in (0.045, -0.045))
    descriptor = describe(count_votes(face), grids)
    mirrored = describe(count_votes(np.ascontiguousarray(face[:, ::-1])), mirrored_grids)
    assert mirror(descriptor) == pytest.approx(mirrored, abs=2e-3)
    assert np.abs(descriptor - mirrored).max() > 0.1


def test_whitening_gives_mirror_images_by_the_signs_of_components(pages: list[np.ndarray]) -> None:
    faces = np.stack([crop(page) for page in pages])
    described = describe_faces(faces, make_uncached_context(faces))
    descriptors = described.read(0, len(faces))[:, 0].astype(np.float32)
    whitening = fit_whitening(described)
    assert set(whitening.signs.tolist()) == {1, -1}
    assert descriptors.shape == (len(pages), LENGTH)
    whitened, mirrored = whitening.apply(descriptors), whitening.apply(mirror(descriptors))
    assert mirrored == pytest.approx(whitened * whitening.signs, abs=1e-4)
    assert np.linalg.norm(whitened, axis=1) == pytest.approx(1, abs=1e-4)
    variants = whiten(whitening, described)
    assert variants.shape == (len(pages), len(VARIANTS), whitened.shape[1])
    assert variants[:, 0].astype(np.float32) == pytest.approx(whitened, abs=2e-3)
    # Different heads look alike before the whitening, not after it.
    raw = descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)
    assert np.median(raw @ raw.T) > 0.8
    assert np.median(np.abs(whitened @ whitened.T)) < 0.3


def test_prior_describes_drawn_faces() -> None:
    mean, _ = load_prior()
    drawn = make_prior(100)
    assert drawn["mean"] == pytest.approx(mean, abs=0.08)
    assert drawn["covariance"].shape == (LENGTH, LENGTH)
    assert np.trace(drawn["covariance"]) == pytest.approx(np.trace(load_file(PRIOR)["covariance"]), rel=0.15)


def test_face_with_many_copies_finds_all_of_them(pages: list[np.ndarray]) -> None:
    page = pages[2]
    copies = [crop(page, x=160 + shift) for shift in range(-4, 4)]
    flipped = [np.ascontiguousarray(copy[:, ::-1]) for copy in copies[:4]]
    faces = np.stack([*copies, *flipped, *(crop(other) for other in pages[3:8])])
    pairs = find_pairs(faces, tile(len(faces)), DEFAULT)
    assert as_set(pairs) == {*combinations(range(8), 2), *combinations(range(8, 12), 2)}
    assert as_set(pairs, mirrored=True) == {(first, second) for first in range(8) for second in range(8, 12)}


def test_components_are_completed() -> None:
    found = [(0, 3, False), (3, 5, True), (7, 8, False)]
    assert complete_components(found) == {(0, 3): False, (0, 5): True, (3, 5): True, (7, 8): False}


def test_common_faces_of_two_sets(pages: list[np.ndarray]) -> None:
    faces = np.stack([crop(page) for page in pages[:6]])
    flipped = retake(np.ascontiguousarray(pages[1][:, ::-1]), 5)
    others = np.stack([crop(pages[10]), retake(pages[4], 1), flipped])
    common = find_common(faces, tile(6), others, tile(3), DEFAULT)
    assert as_set(common) == {(4, 1)}
    assert as_set(common, mirrored=True) == {(1, 2)}


@pytest.mark.parametrize("side", [64, 112, 160])
def test_faces_of_any_size(pages: list[np.ndarray], side: int) -> None:
    faces = [cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA) for face in (crop(pages[0]), crop(pages[1]))]
    again = cv2.resize(retake(pages[0], 3), (side, side), interpolation=cv2.INTER_AREA)
    assert as_set(find_pairs(np.stack([*faces, again]), tile(3), DEFAULT)) == {(0, 2)}


def test_few_faces_and_wrong_arguments() -> None:
    for count in (0, 1):
        assert len(find_pairs(np.zeros((count, 112, 112), np.uint8), tile(count), DEFAULT)) == 0
    assert len(find_common(np.zeros((0, 112, 112), np.uint8), tile(0), np.zeros((1, 112, 112)), tile(1), DEFAULT)) == 0
    with pytest.raises(ValueError, match="insides"):
        find_pairs(np.zeros((3, 112, 112), np.uint8), tile(2), DEFAULT)
    with pytest.raises(ValueError, match="min_similarity"):
        PairParams(1.5)


def test_identical_and_blank_faces_in_one_set(pages: list[np.ndarray]) -> None:
    face, blank = crop(pages[0]), np.full((SIDE, SIDE), 255, np.uint8)
    pairs = find_pairs(np.stack([face, blank, face, blank, face]), tile(5), DEFAULT)
    assert as_set(pairs) == {(0, 2), (0, 4), (2, 4), (1, 3)}
    assert (pairs.similarity == 1).all()


def test_copies_of_a_symmetric_head_are_compared_both_ways() -> None:
    """The search can find some copies as mirror images only."""
    page = draw_head(3)
    page[:, 160:] = page[:, :160][:, ::-1]
    cv2.line(page, (185, 150), (200, 165), 0, 2)
    cv2.line(page, (120, 190), (140, 196), 0, 2)
    faces = np.stack([retake(page, seed) for seed in range(30)])
    pairs = find_pairs(faces, tile(len(faces)), DEFAULT)
    same = {pair for pair, value in measure_pairs(faces, tile(len(faces))).items() if value >= 0.5}
    assert len(same) > 200
    assert as_set(pairs) >= same


def test_worker_processes_find_the_same_pairs(pages: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    again = [retake(np.ascontiguousarray(page[:, :: -1 if seed % 2 else 1]), seed) for seed, page in enumerate(pages)]
    faces = np.stack([*map(crop, pages), *again])
    expected = find_pairs(faces, tile(len(faces)), DEFAULT)
    assert len(expected) > 20 and expected.mirrored.any()
    monkeypatch.setattr(search, "MIN_FOR_PROCESSES", 1)
    found = find_pairs(faces, tile(len(faces)), DEFAULT)
    for name in ("first", "second", "similarity", "mirrored"):
        assert np.array_equal(getattr(found, name), getattr(expected, name))
