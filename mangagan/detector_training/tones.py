"""What ink, paper, printers, apps and cameras do to a crop; faces stay where they are."""

import cv2
import numpy as np

from mangagan.detector_training.crops import Rng

PAPER = 200  # gray value from which on a pixel is paper for `fill_cells`
SMALL_CELL = 12  # px: smaller patches of paper keep their white, as the lights in eyes do


def distort(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Applies a few of the distortions below at random to uint8 (H, W)."""
    steps = [
        (0.20, fill_cells), (0.08, binarize), (0.10, weigh_lines), (0.12, shade), (0.10, screentone), (0.06, invert),
        (0.35, curve), (0.15, resample), (0.15, blur), (0.10, sharpen), (0.10, noise), (0.25, jpeg),
    ]  # fmt: skip
    for chance, step in steps:
        if rng.random() < chance:
            pixels = step(rng, pixels)
    return pixels


def fill_cells(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Gives each patch of paper enclosed by lines a gray of its own, as flat colouring does."""
    count, cells, stats, _ = cv2.connectedComponentsWithStats((pixels > PAPER).astype(np.uint8), connectivity=4)
    grays = rng.uniform(rng.uniform(0.2, 0.8), 1.0, count).astype(np.float32)
    grays[(stats[:, cv2.CC_STAT_AREA] < SMALL_CELL) | (rng.random(count) < 0.15)] = 1
    grays[0] = 1
    lines = rng.uniform(0, 60)  # coloured art seldom has black lines
    return np.asarray(np.maximum(pixels * cv2.blur(grays[cells], (3, 3)), lines).astype(np.uint8))


def binarize(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Black and white alone, as in scans for print."""
    return np.where(pixels > rng.uniform(90, 200), 255, 0).astype(np.uint8)


def weigh_lines(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Bolder or finer lines."""
    changed = (cv2.erode if rng.random() < 0.5 else cv2.dilate)(pixels, np.ones((2, 2), np.uint8))
    return cv2.addWeighted(pixels, 0.4, changed, 0.6, 0)


def smooth_field(rng: Rng, shape: tuple[int, ...], cells: int) -> np.ndarray:
    """A smooth random field, float32 (H, W), about 0 to 1."""
    coarse = rng.random((cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, shape[1::-1], interpolation=cv2.INTER_CUBIC))


def shade(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Light and shadow across the crop."""
    field = smooth_field(rng, pixels.shape, int(rng.integers(2, 5)))
    return np.clip(pixels * (1 - rng.uniform(0.2, 0.7) * field), 0, 255).astype(np.uint8)


def screentone(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Dots over a part of the crop."""
    period, angle = rng.uniform(2.5, 8), rng.uniform(0, np.pi)
    rows, columns = np.mgrid[: pixels.shape[0], : pixels.shape[1]].astype(np.float32) * (2 * np.pi / period)
    along, across = columns * np.cos(angle) + rows * np.sin(angle), rows * np.cos(angle) - columns * np.sin(angle)
    dots = np.cos(along) + np.cos(across) > rng.uniform(-0.5, 1.5)
    part = smooth_field(rng, pixels.shape, 3) > rng.uniform(0.3, 0.7)
    return np.where(dots & part, np.minimum(pixels, np.uint8(rng.integers(0, 120))), pixels)


def invert(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """White lines on black, as in night scenes."""
    return 255 - pixels


def curve(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Other contrast, black and white points."""
    black, white = rng.uniform(0, 70), rng.uniform(170, 255)
    ramp = np.linspace(0, 1, 256) ** np.exp(rng.normal(0, 0.4))
    return cv2.LUT(pixels, (black + (white - black) * ramp).astype(np.uint8))


def resample(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Down and up again; without a filter that makes moiré of screentones."""
    ways = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_NEAREST)
    side = round(pixels.shape[0] * rng.uniform(0.45, 0.95))
    small = cv2.resize(pixels, (side, side), interpolation=ways[rng.integers(3)])
    return np.asarray(cv2.resize(small, pixels.shape[1::-1], interpolation=ways[rng.integers(1, 3)]))


def blur(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Out of focus by up to 1.8 px."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 1.8)))


def sharpen(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Unsharp masking."""
    amount = rng.uniform(0.3, 1.5)
    return cv2.addWeighted(pixels, 1 + amount, cv2.GaussianBlur(pixels, (0, 0), 1.5), -amount, 0)


def noise(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Grain of a camera or old paper."""
    grain = rng.normal(0, rng.uniform(2, 16), pixels.shape)
    return np.clip(pixels + grain, 0, 255).astype(np.uint8)


def jpeg(rng: Rng, pixels: np.ndarray) -> np.ndarray:
    """Compression at quality 15 to 80."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 80))]
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", pixels, quality)[1], cv2.IMREAD_GRAYSCALE))
