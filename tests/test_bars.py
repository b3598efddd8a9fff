"""Bars and borders of screenshots: trimmed to the page, and scans stay whole."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from benchmarks.scan_variants import SCAN_VARIANTS
from benchmarks.screen_drawing import STYLES, Style, draw_screenshot, encode_lossy
from mangagan.ingestion.bars import find_page_boxes, measure_edges
from mangagan.ingestion.boxes import Box
from mangagan.ingestion.edge_profiles import EdgeProfile
from mangagan.ingestion.screens import is_screen_size

PHONE, OLD_PHONE, TABLET = (360, 780), (360, 680), (600, 800)  # px
STYLE = {style.name: style for style in STYLES}
Rng = np.random.Generator


def draw_page(rng: Rng, width: int = 420, height: int = 600) -> np.ndarray:
    """Return a page of panels with a white margin; one panel bleeds over the edges of the page."""
    page = np.full((height, width), 255, np.uint8)
    rows = np.r_[0.06, rng.uniform((0.25, 0.55), (0.4, 0.75)), 0.94]
    for top, bottom in pairwise(rows):
        box = (int(0.07 * width), int(top * height) + 4, int(0.93 * width), int(bottom * height) - 4)
        draw_panel(page, rng, box)
    side = rng.integers(3)
    if side == 0:
        draw_panel(page, rng, (0, 0, int(rng.uniform(0.5, 1) * width), int(0.3 * height)))
    if side == 1:
        draw_panel(page, rng, (int(rng.uniform(0, 0.5) * width), int(0.7 * height), width, height))
    return page


def draw_panel(page: np.ndarray, rng: Rng, box: tuple[int, int, int, int]) -> None:
    """Draw a frame with strokes and a tone."""
    left, top, right, bottom = box
    page[top:bottom, left:right] = rng.integers(60, 235)
    for _ in range(25):
        ends = rng.uniform((left, top), (right, bottom), (2, 2)).astype(int)
        cv2.line(page[:bottom, :right], tuple(ends[0]), tuple(ends[1]), int(rng.integers(0, 120)), 3)
    cv2.rectangle(page, (left, top), (right - 1, bottom - 1), 0, 2)


def take_screenshots(
    style: Style, screen: tuple[int, int], count: int = 10, seed: int = 0, quality: int | None = None
) -> tuple[list[EdgeProfile], list[Box]]:
    """Return profiles and true boxes of the screenshots of a title."""
    rng = np.random.default_rng(seed)
    profiles, truths = [], []
    for number in range(count):
        shot, truth = draw_screenshot(draw_page(rng), screen, style, number / count, rng)
        profiles.append(measure_edges(shot if quality is None else encode_lossy(shot, quality)))
        truths.append(truth)
    return profiles, truths


def get_edges(box: Box) -> np.ndarray:
    return np.array([box.left, box.top, box.left + box.width, box.top + box.height])


def assert_boxes(found: list[Box], truths: list[Box], tolerance: int = 2) -> None:
    for box, truth in zip(found, truths, strict=True):
        assert np.abs(get_edges(box) - get_edges(truth)).max() <= tolerance, (box, truth)


def assert_nothing_lost(found: list[Box], truths: list[Box]) -> None:
    for box, truth in zip(found, truths, strict=True):
        assert ((get_edges(box) - get_edges(truth)) * (1, 1, -1, -1) <= 2).all(), (box, truth)


def get_whole(profiles: list[EdgeProfile]) -> list[Box]:
    return [Box(0, 0, profile.width, profile.height) for profile in profiles]


@pytest.mark.parametrize("screen", [PHONE, OLD_PHONE, TABLET], ids=["phone", "old phone", "tablet"])
@pytest.mark.parametrize(
    "style",
    [
        "dark, slider",
        "dark gray header",
        "night",
        "full screen, black",
        "full screen, number",
        "light bars on black",
        "white bars on gray",
    ],
)
def test_bars_and_borders_are_trimmed_to_the_page(style: str, screen: tuple[int, int]) -> None:
    profiles, truths = take_screenshots(STYLE[style], screen)
    assert_boxes(find_page_boxes(profiles), truths)


def test_jpeg_noise_does_not_move_the_edges() -> None:
    profiles, truths = take_screenshots(STYLE["dark, slider"], PHONE, quality=70)
    assert_boxes(find_page_boxes(profiles), truths)


def test_a_title_mixes_devices_and_modes() -> None:
    parts = [
        take_screenshots(STYLE["dark, slider"], PHONE, 6, 1),
        take_screenshots(STYLE["light bars on black"], PHONE, 6, 2),
        take_screenshots(STYLE["night"], OLD_PHONE, 6, 3),
        take_screenshots(STYLE["dark gray header"], TABLET, 6, 4),
    ]
    scans = [measure_edges(draw_page(np.random.default_rng(9))) for _ in range(3)]
    order = np.random.default_rng(0).permutation(24)
    profiles = [profile for part in parts for profile in part[0]]
    truths = [truth for part in parts for truth in part[1]]
    found = find_page_boxes([profiles[index] for index in order] + scans)
    assert_boxes(found[:24], [truths[index] for index in order])
    assert found[24:] == get_whole(scans)


def test_pages_of_several_shapes_are_trimmed_each_to_its_own_box() -> None:
    rng = np.random.default_rng(0)
    profiles, truths = [], []
    for number in range(16):
        page = draw_page(rng, 420, 560 + 20 * (number % 4))
        shot, truth = draw_screenshot(page, PHONE, STYLE["dark, slider"], number / 16, rng)
        profiles.append(measure_edges(shot))
        truths.append(truth)
    assert len(set(truths)) == 4
    found = find_page_boxes(profiles)
    assert_nothing_lost(found, truths)
    assert (
        sum(np.abs(get_edges(box) - get_edges(truth)).max() <= 2 for box, truth in zip(found, truths, strict=True))
        >= 12
    )


@pytest.mark.parametrize("style", ["white", "light bars on white"])
def test_no_pixel_of_a_page_is_lost_where_its_margin_looks_like_the_border(style: str) -> None:
    for screen in (PHONE, OLD_PHONE, TABLET):
        profiles, truths = take_screenshots(STYLE[style], screen)
        assert_nothing_lost(find_page_boxes(profiles), truths)


def test_black_top_of_a_page_is_not_a_border() -> None:
    rng = np.random.default_rng(0)
    profiles, truths = [], []
    for number in range(10):
        page = draw_page(rng)
        if number % 3 == 0:
            page[:60] = 0
        shot, truth = draw_screenshot(page, PHONE, STYLE["dark, slider"], number / 10, rng)
        profiles.append(measure_edges(shot))
        truths.append(truth)
    assert_boxes(find_page_boxes(profiles), truths)


def test_few_screenshots_lose_black_borders_only() -> None:
    page = draw_page(np.random.default_rng(0))
    page[:8] = page[-8:] = 255
    shot, truth = draw_screenshot(page, PHONE, STYLE["full screen, black"], 0.5, np.random.default_rng(0))
    assert_boxes(find_page_boxes([measure_edges(shot)]), [truth])
    profiles, _ = take_screenshots(STYLE["dark, slider"], PHONE, 3)
    assert find_page_boxes(profiles) == get_whole(profiles)


@pytest.mark.parametrize("variant", SCAN_VARIANTS)
def test_scans_stay_whole(variant: str) -> None:
    rng = np.random.default_rng(3)
    pages = [draw_page(rng, 830, 1170) for _ in range(8)]
    profiles = [measure_edges(page) for page in SCAN_VARIANTS[variant](pages)]
    assert profiles
    assert find_page_boxes(profiles) == get_whole(profiles)


def test_measures_of_known_rows() -> None:
    image = np.full((640, 360), 20, np.uint8)
    image[100, 40:50] = 250
    image[200:300] = 255
    image[250, 10:340] = 0
    profile = measure_edges(image)
    assert (profile.width, profile.height) == (360, 640)
    assert (profile.ink[100], profile.left_run[100], profile.right_run[100]) == (10, 40, 310)
    assert (profile.ink[0], profile.left_run[0], profile.right_run[0]) == (0, 360, 360)
    assert (profile.value[199], profile.value[200], profile.ink[250]) == (20, 255, 330)
    assert (profile.step[200], profile.step[201], profile.step[100], profile.step[0]) == (360, 0, 10, 0)
    colour = measure_edges(np.repeat(image[..., None], 3, axis=2))
    for name in ("value", "ink", "left_run", "right_run", "step", "top", "bottom"):
        assert np.array_equal(getattr(profile, name), getattr(colour, name)), name
        assert np.array_equal(getattr(profile, name), getattr(profile.flip().flip(), name)), name
        assert np.array_equal(getattr(profile.flip(), name), getattr(measure_edges(image[::-1]), name)), name


def test_profiles_are_small() -> None:
    profile = measure_edges(np.zeros((3200, 1440), np.uint8))
    arrays = [value for value in vars(profile).values() if isinstance(value, np.ndarray)]
    assert 10_000 < sum(array.nbytes for array in arrays) < 48_000
    strip = measure_edges(np.zeros((9000, 720), np.uint8))
    assert strip.ink.size == 0
    assert find_page_boxes([strip]) == [Box(0, 0, 720, 9000)]
    assert find_page_boxes([]) == []


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1080, 2400), True), ((2400, 1080), True), ((1536, 2048), True), ((830, 1170), False), ((800, 9000), False)],
)
def test_sizes_of_screens(size: tuple[int, int], expected: bool) -> None:
    assert is_screen_size(*size) is expected
