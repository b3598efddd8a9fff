"""Pages that were taken twice are merged, and pages that only look alike are not."""

import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from benchmarks.screen_drawing import encode_lossy
from benchmarks.similar_pages import DIFFERENT_PAGES
from mangagan.ingestion import retakes
from mangagan.ingestion.page_signatures import PageSignature
from mangagan.ingestion.retakes import choose_representatives, describe_page, find_candidates, find_retakes
from mangagan.sample.character import STYLES
from mangagan.sample.manga import draw_story_page


@pytest.fixture(scope="module")
def pages() -> list[np.ndarray]:
    return [draw_story_page(5, STYLES[0], number)[0] for number in (2, 4)]


def merge(pages: list[np.ndarray]) -> list[int]:
    return find_retakes([describe_page(page) for page in pages], pages.__getitem__)


def zoom(page: np.ndarray, scale: float) -> np.ndarray:
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(page, None, fx=scale, fy=scale, interpolation=method)


def darken(page: np.ndarray) -> np.ndarray:
    return (page * 0.75 + 10).astype(np.uint8)


RETAKES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "scrolled up": lambda page: page[int(0.12 * len(page)) :],
    "scrolled down": lambda page: page[: int(0.88 * len(page))],
    "cropped": lambda page: page[20:-15, 18:-22],
    "smaller": lambda page: zoom(page, 0.6),
    "compressed": lambda page: encode_lossy(page, 40),
    "darker": darken,
    "all": lambda page: encode_lossy(darken(zoom(page, 0.7)[: int(0.65 * len(page))]), 60),
}


@pytest.mark.parametrize("kind", RETAKES)
def test_a_retake_is_merged_into_the_better_page(kind: str, pages: list[np.ndarray]) -> None:
    worse = [RETAKES[kind](page) for page in pages]
    assert merge([*pages, *worse]) == [0, 1, 0, 1]
    assert merge([*worse, *pages]) == [2, 3, 2, 3]


def test_higher_resolution_wins_over_completeness(pages: list[np.ndarray]) -> None:
    assert merge([pages[0], zoom(pages[0], 1.6)[150:]]) == [1, 1]


def test_two_retakes_with_different_missing_parts_are_one_page(pages: list[np.ndarray]) -> None:
    height = len(pages[0])
    assert merge([pages[0][int(0.12 * height) :], zoom(pages[0][: int(0.9 * height)], 0.8)]) == [0, 0]


@pytest.mark.parametrize("kind", DIFFERENT_PAGES)
def test_pages_that_look_alike_stay(kind: str) -> None:
    drawn = [DIFFERENT_PAGES[kind](11, variant) for variant in range(3)]
    drawn[2] = encode_lossy(zoom(drawn[2], 0.8), 75)
    assert merge(drawn) == [0, 1, 2]


def test_blank_pages_stay() -> None:
    blank = [np.full((1170, 830), level, np.uint8) for level in (255, 255, 0, 0)]
    assert merge(blank) == [0, 1, 2, 3]


def test_without_pixels_nothing_is_merged(pages: list[np.ndarray]) -> None:
    assert find_retakes([describe_page(pages[0])] * 3) == [0, 1, 2]
    assert find_retakes([]) == []


def test_only_pages_that_look_alike_are_loaded(pages: list[np.ndarray]) -> None:
    shown = [*pages, zoom(pages[1], 0.8)]
    loaded: list[int] = []

    def load(index: int) -> np.ndarray:
        loaded.append(index)
        return shown[index]

    assert find_retakes([describe_page(page) for page in shown], load) == [0, 1, 1]
    assert sorted(loaded) == [1, 2]


def test_colour_and_gray_are_the_same_page(pages: list[np.ndarray]) -> None:
    assert merge([pages[0], np.repeat(pages[0][..., None], 3, axis=2)]) == [0, 0]


def make_signature(thumbnail: np.ndarray, width: int = 830, height: int = 1170) -> PageSignature:
    return PageSignature(width, height, thumbnail, 1.0)


def test_clusters_have_no_chains() -> None:
    signatures = [make_signature(np.zeros((135, 96), np.uint8), height=1000 + 40 * page) for page in range(4)]
    pairs = [(0, 1), (1, 2), (2, 3)]
    matches = {pair: 1.0 for first, second in pairs for pair in ((first, second), (second, first))}
    assert choose_representatives(signatures, matches) == [1, 1, 3, 3]


def test_sharpness_wins_over_blur_and_compression(pages: list[np.ndarray]) -> None:
    assert merge([encode_lossy(pages[1], 30), encode_lossy(pages[1], 90)]) == [1, 1]
    assert merge([cv2.GaussianBlur(pages[1], (0, 0), 0.9), encode_lossy(pages[1], 60)]) == [1, 1]


def test_blocks_do_not_change_the_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    noise = [cv2.resize(rng.integers(0, 255, (20, 14)).astype(np.uint8), (96, 135)) for _ in range(30)]
    signatures = [make_signature(page) for page in [*noise, *noise[:5]]]
    expected = find_candidates(signatures)
    assert {(index, index + 30) for index in range(5)} <= set(expected)
    monkeypatch.setattr(retakes, "BLOCK_SIZE", 7)
    assert find_candidates(signatures) == expected


def test_candidates_of_many_equal_pages_are_bounded() -> None:
    rng = np.random.default_rng(0)
    thumbnail = cv2.resize(rng.integers(0, 255, (20, 14)).astype(np.uint8), (96, 135))
    start = time.process_time()
    pairs = find_candidates([make_signature(thumbnail)] * 600)
    assert 0 < len(pairs) <= 600 * retakes.MAX_CANDIDATES
    assert time.process_time() - start < 20


def test_signatures_are_small() -> None:
    for shape in ((2400, 1080, 3), (9000, 720), (700, 2000)):
        signature = describe_page(np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8))
        assert signature.thumbnail.nbytes <= 16_000
        assert signature.thumbnail.shape[1] == 96
        assert (signature.height, signature.width) == shape[:2]


def test_compression_adds_roughness_and_blur_removes_it(pages: list[np.ndarray]) -> None:
    values = [describe_page(encode_lossy(pages[0], quality)).roughness for quality in (30, 60, 95)]
    sharp, dark, blurred = (
        describe_page(page).roughness for page in (pages[0], darken(pages[0]), cv2.GaussianBlur(pages[0], (0, 0), 1.2))
    )
    assert values[0] > values[1] > values[2] > sharp > blurred / retakes.BLURRED
    assert dark == pytest.approx(sharp, rel=0.02)
