"""Similarity of two faces: 1 for the same drawing, 0 for different drawings or a drawing with another mouth or eye.

Both faces are aligned and brought to the same gray levels and sharpness. Then the difference is not averaged over the
face: the largest difference in a small window counts, relative to the difference everywhere. So another mouth on the
same head differs, while noise, moiré or compression over the whole face does not.
"""

import cv2
import numpy as np

from mangagan.duplicates.alignment import FULL_SIZE, HALF_SIZE, refine, shrink, shrink_map, warp

SIDE = 112  # [px] at which faces are compared
MIN_SHARED = 0.3  # minimum share of the face that both crops show
MIN_CORRELATION = 0.92  # of the aligned faces
SMALL_BLUR = 0.8  # standard deviation of the blur before the comparison [px]
SHARPNESS_STEP = 0.6  # standard deviation of one blur that matches the sharpness [px]
SHARPNESS_RATIO = 1.15  # two faces within this ratio are equally sharp
MAX_STEPS = 6
CONTRAST = 3.2  # between the 1st and the 99th percentile of the gray levels
LOW_PASS = 8.0  # differences coarser than this are light and tone, not lines [px]
WINDOW = 9  # side of the window [px]
CENTRE_INSET = 0.125  # the outer part of the crop shows hair, balloons and neighbours
SPREAD_WEIGHT = 0.65  # weight of the mean difference, which noise and compression raise
MIDPOINT = -0.36  # score of similarity 0.5
MIN_HALF_SIZE_SCORE = -1.7  # at half the size; 1 of 4,658 pairs of the tuned faces had a score below -1.5
SLOPE = 5.0  # of the logistic function; its derivative at 0.5 is a quarter of it
TOLERANCE = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))  # a line may be displaced by one pixel


def prepare(faces: np.ndarray) -> np.ndarray:
    """Return gray faces at the size at which they are compared, uint8 (N, SIDE, SIDE).

    Args:
        faces: uint8 (N, S, S).
    """
    side = faces.shape[1]
    if side == SIDE:
        return faces
    method = cv2.INTER_AREA if side > SIDE else cv2.INTER_CUBIC
    resized = [cv2.resize(face, (SIDE, SIDE), interpolation=method) for face in faces]
    return np.stack(resized) if resized else np.zeros((0, SIDE, SIDE), np.uint8)


def measure_similarity(
    face: np.ndarray, inside: np.ndarray, other: np.ndarray, other_inside: np.ndarray, start: np.ndarray
) -> float:
    """Return the similarity of two faces [0, 1].

    Args:
        face: uint8 (SIDE, SIDE).
        inside: Part of it on the page: left, top, right, bottom as shares of the side, float32 (4,).
        other: uint8 (SIDE, SIDE).
        other_inside: Part of `other` on the page.
        start: Rough map from `face` to `other`, float32 (2, 3) [px].
    """
    matrix = refine(face, inside, other, other_inside, start, HALF_SIZE)
    if matrix is None or differ_clearly(face, inside, other, other_inside, matrix):
        return 0.0
    matrix = refine(face, inside, other, other_inside, matrix, FULL_SIZE)
    if matrix is None:
        return 0.0
    moved, mask = warp(other, other_inside, matrix, inside)
    if mask.mean() < MIN_SHARED:
        return 0.0
    return score_aligned(face.astype(np.float32), moved, mask)


def differ_clearly(
    face: np.ndarray, inside: np.ndarray, other: np.ndarray, other_inside: np.ndarray, matrix: np.ndarray
) -> bool:
    """Return True if two roughly aligned faces have a large difference at half the size; see `measure_similarity`.

    This is a fast version of `score_aligned`, with a limit that nearly all faces of the same drawing pass.
    """
    side = face.shape[0] // 2
    small, other_small = (shrink(each, side, SMALL_BLUR) for each in (face, other))
    moved, mask = warp(other_small, other_inside, shrink_map(matrix, 2), inside)
    if mask.mean() < MIN_SHARED:
        return True
    moved = match_tones(moved, small, mask)
    first, second = (standardize(each, mask) for each in (small, moved))
    difference = first - second
    difference -= cv2.GaussianBlur(difference, (0, 0), LOW_PASS / 2)
    inset = round(CENTRE_INSET * side)
    part = mask[inset:-inset, inset:-inset]
    squared = difference[inset:-inset, inset:-inset] ** 2 * part
    largest = float(cv2.boxFilter(squared, -1, (WINDOW // 2 + 1, WINDOW // 2 + 1)).max())
    return combine(largest, float(squared.sum() / max(part.sum(), 1))) < MIN_HALF_SIZE_SCORE


def combine(largest: float, mean: float) -> float:
    """Return the score of the largest difference in a window and of the mean difference."""
    return float(SPREAD_WEIGHT * np.log(mean + 1e-4) - np.log(largest + 1e-3))


def score_aligned(face: np.ndarray, moved: np.ndarray, mask: np.ndarray) -> float:
    """Return the similarity of two aligned faces [0, 1].

    Args:
        face: float32 (S, S).
        moved: The other face in the frame of `face`, float32 (S, S).
        mask: Where both are on their pages, bool (S, S).
    """
    first, second = (cv2.GaussianBlur(each, (0, 0), SMALL_BLUR) for each in (face, moved))
    second = match_tones(second, first, mask)
    first, second = match_sharpness(first, second, mask)
    first, second = (standardize(each, mask) for each in (first, second))
    second = second + blur_inside(first - second, mask)
    deviations = first[mask].std(), second[mask].std()
    if min(deviations) < 1e-3:
        return 0.0
    correlation = float(np.corrcoef(first[mask], second[mask])[0, 1])
    if correlation < MIN_CORRELATION:
        return 0.0
    difference = np.maximum(find_missing(first, second), find_missing(second, first))
    inset = round(CENTRE_INSET * face.shape[0])
    part = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8))
    part[:inset], part[-inset:], part[:, :inset], part[:, -inset:] = 0, 0, 0, 0
    if part.sum() < WINDOW**2:
        return 0.0
    squared = difference**2 * part
    largest = float(cv2.boxFilter(squared, -1, (WINDOW, WINDOW)).max())
    mean = float(squared.sum() / part.sum())
    return float(1 / (1 + np.exp(-SLOPE * (combine(largest, mean) - MIDPOINT))))


def find_missing(face: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return by how much each pixel of a face is outside the range of its neighbourhood in the other face."""
    darker, lighter = cv2.erode(other, TOLERANCE) - face, face - cv2.dilate(other, TOLERANCE)
    return np.maximum(0, np.maximum(darker, lighter))


def match_tones(face: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Map the gray levels of a face to those of another one by the best quadratic function, if it is increasing."""
    levels = face / 128 - 1
    values = levels[mask].astype(np.float64)
    powers = np.stack([np.ones_like(values), values, values**2])
    moments = powers @ powers.T + np.eye(3) * 1e-6
    constant, linear, quadratic = np.linalg.solve(moments, powers @ target[mask].astype(np.float64))
    if min(linear + 2 * quadratic * values.min(), linear + 2 * quadratic * values.max()) <= 0:
        return face
    return np.asarray(constant + linear * levels + quadratic * levels**2, np.float32)


def match_sharpness(face: np.ndarray, other: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Blur the sharper of two faces until both are about equally sharp."""
    sharpness, other_sharpness = measure_detail(face, mask), measure_detail(other, mask)
    for _ in range(MAX_STEPS):
        if sharpness > other_sharpness * SHARPNESS_RATIO:
            face = cv2.GaussianBlur(face, (0, 0), SHARPNESS_STEP)
            sharpness = measure_detail(face, mask)
        elif other_sharpness > sharpness * SHARPNESS_RATIO:
            other = cv2.GaussianBlur(other, (0, 0), SHARPNESS_STEP)
            other_sharpness = measure_detail(other, mask)
        else:
            break
    return face, other


def measure_detail(face: np.ndarray, mask: np.ndarray) -> float:
    """Return the root mean square of the Laplacian, relative to the standard deviation of the gray levels."""
    detail = cv2.Laplacian(face, cv2.CV_32F, ksize=3)[mask]
    return float(np.sqrt(np.mean(detail**2)) / max(face[mask].std(), 1e-3))


def standardize(face: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Scale a face to mean 0 and the contrast `CONTRAST` between paper and ink inside the mask, 0 outside.

    The standard deviation would not do: it is small for a face of few lines, so that noise would count more there.

    Returns:
        float32 (S, S).
    """
    values = face[mask]
    dark, light = np.percentile(values, (1, 99))
    scale = CONTRAST / max(float(light - dark), 1e-3)
    return np.where(mask, (face - values.mean()) * scale, 0).astype(np.float32)


def blur_inside(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return an image blurred by `LOW_PASS`, as if it ended at the mask."""
    weight = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), LOW_PASS)
    return np.asarray(cv2.GaussianBlur(image * mask, (0, 0), LOW_PASS) / (weight + 1e-6))
