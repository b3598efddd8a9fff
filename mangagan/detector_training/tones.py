"""Augmentations of the gray levels that imitate ink, paper, print, apps and cameras. They do not move the faces."""

import cv2
import numpy as np

from mangagan.detector_training.crops import Rng

PAPER_GRAY = 200  # a lighter pixel counts as paper in `fill_cells`
MIN_CELL_AREA = 12  # px; smaller areas stay white, such as the highlights of eyes


def distort(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Apply each augmentation below with its probability to uint8 (H, W)."""
    steps = [
        (0.20, fill_cells), (0.08, binarize), (0.10, change_line_weight), (0.12, shade), (0.10, add_screentone),
        (0.06, invert), (0.35, change_contrast), (0.15, resample), (0.15, blur), (0.10, sharpen), (0.10, add_noise),
        (0.25, compress_jpeg),
    ]  # fmt: skip
    for probability, step in steps:
        if rng.random() < probability:
            pixels = step(rng, pixels)
    return pixels


def fill_cells(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Fill each area of paper between lines with its own gray level, like flat colouring."""
    count, cells, stats, _ = cv2.connectedComponentsWithStats((pixels > PAPER_GRAY).astype(np.uint8), connectivity=4)
    grays = rng.uniform(rng.uniform(0.2, 0.8), 1.0, count).astype(np.float32)
    grays[(stats[:, cv2.CC_STAT_AREA] < MIN_CELL_AREA) | (rng.random(count) < 0.15)] = 1
    grays[0] = 1
    lines = rng.uniform(0, 60)  # coloured art rarely has black lines
    return np.asarray(np.maximum(pixels * cv2.blur(grays[cells], (3, 3)), lines).astype(np.uint8))


def binarize(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Convert to black and white, as in scans for print."""
    return np.where(pixels > rng.uniform(90, 200), 255, 0).astype(np.uint8)


def change_line_weight(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Make the lines thicker or thinner."""
    changed = (cv2.erode if rng.random() < 0.5 else cv2.dilate)(pixels, np.ones((2, 2), np.uint8))
    return cv2.addWeighted(pixels, 0.4, changed, 0.6, 0)


def draw_smooth_field(rng: Rng, shape: tuple[int, ...], cells: int) -> np.ndarray:
    """Return a smooth random field, float32 (H, W), about in [0, 1]."""
    coarse = rng.random((cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, shape[1::-1], interpolation=cv2.INTER_CUBIC))


def shade(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Darken parts of the crop smoothly."""
    field = draw_smooth_field(rng, pixels.shape, int(rng.integers(2, 5)))
    return np.clip(pixels * (1 - rng.uniform(0.2, 0.7) * field), 0, 255).astype(np.uint8)


def add_screentone(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Add a pattern of dots to a part of the crop."""
    period, angle = rng.uniform(2.5, 8), rng.uniform(0, np.pi)
    rows, columns = np.mgrid[: pixels.shape[0], : pixels.shape[1]].astype(np.float32) * (2 * np.pi / period)
    along, across = columns * np.cos(angle) + rows * np.sin(angle), rows * np.cos(angle) - columns * np.sin(angle)
    dots = np.cos(along) + np.cos(across) > rng.uniform(-0.5, 1.5)
    part = draw_smooth_field(rng, pixels.shape, 3) > rng.uniform(0.3, 0.7)
    return np.where(dots & part, np.minimum(pixels, np.uint8(rng.integers(0, 120))), pixels)


def invert(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Invert to white lines on black, as in night scenes."""
    return 255 - pixels


def change_contrast(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Change black point, white point and gamma."""
    black, white = rng.uniform(0, 70), rng.uniform(170, 255)
    ramp = np.linspace(0, 1, 256) ** np.exp(rng.normal(0, 0.4))
    return cv2.LUT(pixels, (black + (white - black) * ramp).astype(np.uint8))


def resample(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Shrink and enlarge; some filters turn screentone into moiré."""
    filters = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_NEAREST)
    side = round(pixels.shape[0] * rng.uniform(0.45, 0.95))
    small = cv2.resize(pixels, (side, side), interpolation=filters[rng.integers(3)])
    return np.asarray(cv2.resize(small, pixels.shape[1::-1], interpolation=filters[rng.integers(1, 3)]))


def blur(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Blur with a Gaussian of up to 1.8 px."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 1.8)))


def sharpen(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Apply unsharp masking."""
    amount = rng.uniform(0.3, 1.5)
    return cv2.addWeighted(pixels, 1 + amount, cv2.GaussianBlur(pixels, (0, 0), 1.5), -amount, 0)


def add_noise(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Add Gaussian noise, which imitates the grain of a camera or of old paper."""
    grain = rng.normal(0, rng.uniform(2, 16), pixels.shape)
    return np.clip(pixels + grain, 0, 255).astype(np.uint8)


def compress_jpeg(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Compress as JPEG with quality 15 to 80."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 80))]
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", pixels, quality)[1], cv2.IMREAD_GRAYSCALE))
