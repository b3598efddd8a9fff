from pathlib import Path

import numpy as np
import pytest
import torch

from mangagan.detection.backends.mangaface import MangaFace, MangaFaceParams
from mangagan.detection.overlap import average_over_scales, compute_iou, suppress_overlaps
from mangagan.detection.strips import (
    MAX_ASPECT,
    MIN_SHORT_SIDE,
    PIECE_OVERLAP,
    clip_to_image,
    remove_cut_faces,
    split_strip,
)
from mangagan.face_network.boxes import MAX_CANDIDATES, MAX_LOG_DISTANCE, decode_boxes
from mangagan.face_network.network import OUTPUTS, STRIDE
from tests.detector_parts import BLOCK_DISTANCE, BlockDetector, write_random_weights

Cell = tuple[int, int]  # row, column


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write random weights. They find many faces at arbitrary positions."""
    return write_random_weights(tmp_path_factory.mktemp("weights") / "random.safetensors")


def build(weights: Path, block_detector: bool = False, **settings: object) -> MangaFace:
    one_scale: dict[str, object] = {"scales": (1.0,), "flip": False, "device": "cpu"}
    built = MangaFace(MangaFaceParams(**(one_scale | settings)), weights)  # type: ignore[arg-type]
    if block_detector:
        built.network = BlockDetector()  # type: ignore[assignment]
    return built


def output_map(faces: dict[Cell, tuple[float, list[float], float]], shape: Cell = (8, 8)) -> torch.Tensor:
    """Return an output (1, OUTPUTS, h, w) with faces: cell to heat logit, distances [cells] and usable logit."""
    output = torch.zeros(1, OUTPUTS, *shape)
    output[:, 0] = -10
    for (row, column), (heat, sides, usable) in faces.items():
        output[0, :, row, column] = torch.tensor([heat, *np.log(sides), usable])
    return output


def noise_page(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return random gray blocks, uint8 (height, width)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (-(-height // 8), -(-width // 8)), dtype=np.uint8)
    return np.kron(coarse, np.ones((8, 8), np.uint8))[:height, :width]


def page_with_blocks(height: int, width: int, corners: list[tuple[int, int]], side: int) -> np.ndarray:
    """Return a white page with black squares at (x, y)."""
    page = np.full((height, width), 255, np.uint8)
    for x, y in corners:
        page[y : y + side, x : x + side] = 0
    return page


# Output to boxes


def test_decode_returns_the_box_around_the_centre_of_the_cell() -> None:
    faces = decode_boxes(output_map({(3, 5): (2.0, [2, 3, 1, 4], -1.0)}), 0.3)
    sigmoid = 1 / (1 + np.exp([-2.0, 1.0]))
    np.testing.assert_allclose(faces, [[(5.5 - 2) * 8, (3.5 - 3) * 8, 24, 56, *sigmoid]], rtol=1e-5)


def test_decode_keeps_peaks_above_the_threshold() -> None:
    near = {(2, 2): (1.0, [1.0] * 4, 0.0), (2, 3): (2.0, [1.0] * 4, 0.0), (6, 6): (0.0, [1.0] * 4, 0.0)}
    assert decode_boxes(output_map(near), 0.4)[:, 4].round(3).tolist() == [0.881, 0.5]
    assert len(decode_boxes(output_map(near), 0.6)) == 1
    assert decode_boxes(output_map(near), 0.9).shape == (0, 6)


def test_decode_limits_number_and_size_of_boxes() -> None:
    output = output_map({}, (64, 64))
    output[:, 0, ::2, ::2] = 5
    output[:, 1:5] = 1000
    faces = decode_boxes(output, 0.5)
    assert len(faces) == MAX_CANDIDATES
    np.testing.assert_allclose(faces[:, 2:4], 2 * STRIDE * np.exp(MAX_LOG_DISTANCE))


def test_iou_known_answers() -> None:
    boxes = np.array([[0, 0, 10, 10], [5, 0, 10, 10], [10, 0, 10, 10], [2, 2, 5, 5], [50, 50, 1, 1]], float)
    np.testing.assert_allclose(compute_iou(boxes[0], boxes), [1, 50 / 150, 0, 0.25, 0])


def test_suppression_keeps_the_best_of_overlapping_faces() -> None:
    faces = np.array(
        [[1, 0, 10, 10, 0.5, 7], [0, 0, 10, 10, 0.9, 8], [100, 0, 10, 10, 0.6, 9], [5, 0, 10, 10, 0.8, 10]], float
    )
    assert suppress_overlaps(faces, 0.35)[:, 5].tolist() == [8, 10, 9]  # an IoU of 1/3 is kept
    assert suppress_overlaps(faces, 0.3)[:, 5].tolist() == [8, 9]
    assert suppress_overlaps(faces[:0], 0.3).shape == (0, 6)


def test_suppression_does_not_depend_on_the_order_of_faces() -> None:
    rng = np.random.default_rng(0)
    faces = np.column_stack([rng.integers(0, 40, (60, 2)), np.full((60, 2), 20), rng.integers(1, 4, 60) / 4])
    kept = suppress_overlaps(faces, 0.3)
    assert np.array_equal(suppress_overlaps(faces[rng.permutation(60)], 0.3), kept)
    assert (np.diff(kept[:, 4]) <= 0).all()


def test_scores_are_averaged_over_scales() -> None:
    one = np.array([[10, 10, 40, 40, 0.8, 0.5], [200, 10, 40, 40, 0.9, 0.5], [10, 90, 20, 20, 0.1, 0.5]])
    other = np.array([[12, 11, 40, 40, 0.6, 0.9], [12, 14, 40, 40, 0.3, 0.1], [90, 90, 20, 20, 0.2, 0.1]])
    faces = average_over_scales([one, other])
    np.testing.assert_array_equal(faces[:, :4], np.vstack([one, other])[:, :4])
    np.testing.assert_allclose(faces[:, 4], [0.7, 0.45, 0.05, 0.7, 0.55, 0.1])
    np.testing.assert_allclose(faces[:, 5], [0.7, 0.5, 0.5, 0.7, 0.3, 0.1])  # mean over the scales with a match
    assert average_over_scales([np.zeros((0, 6)), np.zeros((0, 6))]).shape == (0, 6)
    np.testing.assert_array_equal(average_over_scales([one]), one)


def test_a_face_found_at_both_scales_beats_a_better_one_found_at_one() -> None:
    one = np.array([[0, 0, 40, 40, 0.60, 0.5], [0, 17, 40, 40, 0.59, 0.5]])
    other = np.array([[0, 18, 40, 40, 0.55, 0.5]])
    assert 0.35 < compute_iou(one[0], one[1:])[0] < 0.45
    [kept] = suppress_overlaps(average_over_scales([one, other]), 0.35)
    assert kept[1] in (17, 18) and kept[4] == pytest.approx(0.57)


def test_boxes_of_one_scale_do_not_support_each_other() -> None:
    one = np.array([[0, 0, 40, 40, 0.9, 0.5], [0, 12, 40, 40, 0.04, 0.5]])  # IoU 0.54
    assert average_over_scales([one, np.zeros((0, 6))])[:, 4].tolist() == [0.45, 0.02]


# Strips


@pytest.mark.parametrize("shape", [(1170, 830), (830, 1170), (1000, 1000), (600, 1200), (1, 1), (2, 1)])
def test_a_page_is_one_piece(shape: tuple[int, int]) -> None:
    [piece] = split_strip(noise_page(*shape))
    assert (piece.left, piece.top, piece.pixels.shape) == (0, 0, shape)


@pytest.mark.parametrize(("short", "long"), [(100, 201), (100, 350), (73, 1501), (720, 9000), (1, 9), (3, 20)])
def test_every_face_of_a_strip_is_inside_one_piece(short: int, long: int) -> None:
    strip = noise_page(long, short)
    down, across = split_strip(strip), split_strip(np.ascontiguousarray(strip.T))
    assert [(y, x) for x, y, _ in across] == [(x, y) for x, y, _ in down]
    assert all((a[2] == d[2].T).all() for a, d in zip(across, down, strict=True))
    assert all(x == 0 and (pixels == strip[y : y + len(pixels)]).all() for x, y, pixels in down)
    assert max(len(pixels) for *_, pixels in down) <= MAX_ASPECT * max(short, MIN_SHORT_SIDE)
    spans = [(y, y + len(pixels)) for _, y, pixels in down]
    face = int(PIECE_OVERLAP * short)
    for top in range(long - face + 1):
        assert any(first <= top and top + face <= last for first, last in spans), top


def test_faces_cut_by_a_piece_are_removed() -> None:
    strip = noise_page(600, 100)
    down = split_strip(strip)
    height = len(down[0].pixels)
    faces = np.array([[10, 0, 30, 30, 0.5], [10, height - 31, 30, 30, 0.5], [10, 80, 30, 30, 0.5]], float)
    first, middle, last = (remove_cut_faces(faces, piece, strip) for piece in (down[0], down[1], down[-1]))
    assert first[:, 1].tolist() == [0, 80]  # the edge of the strip does not cut faces
    assert middle[:, 1].tolist() == [80 + down[1].top]
    assert last[:, 1].tolist() == [height - 31 + down[-1].top, 80 + down[-1].top]


@pytest.mark.parametrize("tall", [True, False])
def test_a_face_in_a_strip_is_found_once(weights: Path, tall: bool) -> None:
    places = [40, 290, 475, 903]
    strip = page_with_blocks(1000, 200, [(100, y) for y in places], 20)
    boxes = build(weights, block_detector=True).detect(strip if tall else strip.T).boxes
    centres = (boxes[:, :2] + boxes[:, 2:] / 2)[:, :: 1 if tall else -1]
    centres = centres[centres[:, 1].argsort()]
    np.testing.assert_allclose(centres, [(110, y + 10) for y in places], atol=STRIDE)


# Detector


def test_boxes_are_in_px_of_the_page(weights: Path) -> None:
    page = page_with_blocks(1200, 800, [(160, 320)], 16)  # one cell at half size
    found = build(weights, block_detector=True, long_side=600).detect(page)
    middle, side = (160 + 8, 320 + 8), BLOCK_DISTANCE * 2 * STRIDE
    np.testing.assert_allclose(found.boxes, [[middle[0] - side, middle[1] - side, 2 * side, 2 * side]])
    assert found.scores == pytest.approx(1, abs=1e-3)
    assert found.usable == pytest.approx(0.982, abs=1e-3)


def test_boxes_fit_after_rounding_of_odd_sizes(weights: Path) -> None:
    page = page_with_blocks(1201, 701, [(144, 1008)], 32)
    for settings in ({"long_side": 600}, {"long_side": 1200, "scales": (0.5,)}):
        [box] = build(weights, block_detector=True, **settings).detect(page).boxes
        assert box[:2] + box[2:] / 2 == pytest.approx([160, 1024], abs=16)


def test_a_small_page_is_not_enlarged(weights: Path) -> None:
    [box] = build(weights, block_detector=True).detect(page_with_blocks(100, 90, [(40, 48)], 8)).boxes
    assert box.tolist() == [44 - 20, 52 - 20, 40, 40]


def test_every_scale_is_used(weights: Path) -> None:
    page = page_with_blocks(512, 512, [(128, 256)], 16)
    for scales, widths in (((1.0,), {40}), ((0.5,), {80}), ((1.0, 0.5), {40, 80})):
        found = build(weights, block_detector=True, long_side=512, scales=scales).detect(page)
        assert set(found.boxes[:, 2]) == widths
        assert (np.diff(found.scores) <= 0).all()


def test_faces_are_clipped_to_the_page(weights: Path) -> None:
    [box] = build(weights, block_detector=True).detect(page_with_blocks(60, 50, [(0, 48)], 8)).boxes
    assert box.tolist() == [0, 32, 24, 28]


def test_faces_outside_the_page_are_removed() -> None:
    rest = [0.5, 0.25]
    faces = np.array([[-5, -5, 10, 10], [95, 10, 10, 10], [99.5, 10, 10, 10], [120, 10, 5, 5]], float)
    cut = clip_to_image(np.column_stack([faces, np.tile(rest, (4, 1))]), (80, 100))
    assert cut.tolist() == [[0, 0, 5, 5, *rest], [95, 10, 5, 10, *rest]]
    assert clip_to_image(np.zeros((0, 6)), (80, 100)).shape == (0, 6)


@pytest.mark.parametrize("shape", [(64, 64), (1, 1), (1, 500), (300, 200, 3)])
def test_an_empty_page_has_no_faces(weights: Path, shape: tuple[int, ...]) -> None:
    found = build(weights, block_detector=True).detect(np.full(shape, 255, np.uint8))
    assert [values.shape for values in found] == [(0, 4), (0,), (0,)]


def test_a_page_of_one_px_works(weights: Path) -> None:
    found = build(weights, threshold=0.001).detect(np.zeros((1, 1), np.uint8))
    assert (found.boxes[:, :2] >= 0).all()
    assert (found.boxes[:, :2] + found.boxes[:, 2:] <= 1).all()


def test_gray_as_rgb_is_the_same_page(weights: Path) -> None:
    page = noise_page(200, 150)
    detector = build(weights, threshold=0.05)
    gray, rgb = detector.detect(page), detector.detect(np.dstack([page] * 3))
    assert len(gray.boxes) > 5
    assert all(np.array_equal(a, b) for a, b in zip(gray, rgb, strict=True))


def test_a_mirrored_page_has_mirrored_faces(weights: Path) -> None:
    detector = build(weights, flip=True, threshold=0.05, long_side=256)
    page = noise_page(256, 192)
    one, other = detector.detect(page), detector.detect(np.ascontiguousarray(page[:, ::-1]))
    mirrored = np.column_stack([192 - other.boxes[:, 0] - other.boxes[:, 2], other.boxes[:, 1:]])
    assert len(one.boxes) > 5
    one_rows, other_rows = np.column_stack([one.boxes, one.scores]), np.column_stack([mirrored, other.scores])
    differences = np.abs(one_rows[:, None] - other_rows[None]).max(axis=2)
    assert one_rows.shape == other_rows.shape
    assert differences.min(axis=1).max() < 0.11  # boxes are rounded to 0.1 px
    assert not np.allclose(
        one.boxes, build(weights, threshold=0.05, long_side=256).detect(page).boxes[: len(one.boxes)]
    )


def test_flip_swaps_left_and_right_only(weights: Path) -> None:
    ink = torch.rand(1, 1, 64, 128)
    detector = build(weights, flip=True)
    output, mirrored = detector.run_network(ink), detector.run_network(ink.flip(3)).flip(3)
    swapped = {1: 3, 3: 1}
    for channel in range(OUTPUTS):
        torch.testing.assert_close(output[:, channel], mirrored[:, swapped.get(channel, channel)], atol=1e-4, rtol=1e-4)


def test_the_version_depends_on_the_settings(weights: Path) -> None:
    versions = {build(weights, **settings).version for settings in ({}, {"flip": True}, {"long_side": 640})}
    assert len(versions) == 3
    assert build(weights).version == build(weights).version
