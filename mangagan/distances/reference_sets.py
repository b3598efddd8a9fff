"""Synthetic sample sets with known faults, made from real faces; they calibrate the metrics.

Images are uint8 (N, C, S, S), C 1 or 3. Every function returns a new array and leaves its input unchanged.
"""

import cv2
import numpy as np

BLUR = 1 / 28  # default σ, share of the side: 4 px at 112 px, which keeps face and hair but no line
RUINED_SETS = ("noise", "blurred", "mean_face")  # names of the sets of `make_ruined_sets`


def make_ruined_sets(faces: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Return faces with the faults of a poor generator, by name (see `RUINED_SETS`): the ceilings of the metrics.

    Args:
        faces: uint8 (N, C, S, S).
        seed: Seed of the noise.

    Returns:
        uint8 (N, C, S, S) for each name; empty if there are no faces.
    """
    if not len(faces):
        return {}
    return {"noise": shuffle_pixels(faces, seed), "blurred": blur_faces(faces), "mean_face": repeat_mean_face(faces)}


def shuffle_pixels(images: np.ndarray, seed: int) -> np.ndarray:
    """Return images with shuffled pixels: the same gray values or colours, no structure.

    Args:
        images: uint8 (N, C, S, S).
        seed: Seed of the order, which differs between images.

    Raises:
        ValueError: The array has another type or shape.
    """
    pixels = check_images(images).reshape(*images.shape[:2], -1)
    rng = np.random.default_rng(seed)
    shuffled = np.empty_like(pixels)
    for target, image in zip(shuffled, pixels, strict=True):
        target[:] = image[:, rng.permutation(image.shape[1])]
    return shuffled.reshape(images.shape)


def blur_faces(images: np.ndarray, sigma: float | None = None) -> np.ndarray:
    """Return blurred faces, as an undertrained generator draws them.

    Args:
        images: uint8 (N, C, S, S).
        sigma: σ of the Gaussian [px], above 0. Default: `BLUR` times the side.

    Raises:
        ValueError: The array has another type or shape, or `sigma` is out of range.
    """
    sigma = BLUR * check_images(images).shape[-1] if sigma is None else sigma
    if not 0 < sigma < np.inf:
        raise ValueError(f"sigma must be above 0, not {sigma}")
    result = np.empty_like(images)
    for target, image in zip(result.reshape(-1, *images.shape[2:]), images.reshape(-1, *images.shape[2:]), strict=True):
        target[:] = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return result


def repeat_mean_face(images: np.ndarray) -> np.ndarray:
    """Return the mean of all faces N times, as a generator without variety could draw it.

    Args:
        images: uint8 (N, C, S, S).

    Raises:
        ValueError: The array has another type or shape.
    """
    mean = np.rint(check_images(images).mean(axis=0, dtype=np.float64)).astype(np.uint8)
    return repeat_image(mean, len(images))


def copy_with_noise(images: np.ndarray, seed: int, sd: float) -> np.ndarray:
    """Return faces with slight noise, as a generator that memorised its training set draws them.

    Args:
        images: uint8 (N, C, S, S).
        seed: Seed of the noise.
        sd: Standard deviation of the Gaussian noise [gray levels], 0 or above. The noise is the same in all channels,
            so gray faces stay gray.

    Raises:
        ValueError: The array has another type or shape, or `sd` is out of range.
    """
    check_images(images)
    if not 0 <= sd < np.inf:
        raise ValueError(f"sd must be 0 or above, not {sd}")
    rng = np.random.default_rng(seed)
    result = np.empty_like(images)
    for target, image in zip(result, images, strict=True):
        noisy = image + sd * rng.standard_normal(image.shape[1:], np.float32)
        target[:] = np.rint(np.clip(noisy, 0, 255))
    return result


def repeat_image(image: np.ndarray, count: int) -> np.ndarray:
    """Return one image, uint8 (C, S, S), `count` times: (count, C, S, S).

    Raises:
        ValueError: The array has another type or shape, or `count` is below 1.
    """
    check_images(image[None])
    if count < 1:
        raise ValueError(f"count must be at least 1, not {count}")
    return np.repeat(image[None], count, axis=0)


def check_images(images: np.ndarray) -> np.ndarray:
    """Return the images, contiguous. Raise ValueError unless they are uint8 (N, C, S, S), N at least 1, C 1 or 3."""
    square = images.ndim == 4 and images.shape[1] in (1, 3) and images.shape[2] == images.shape[3]
    if images.dtype != np.uint8 or not square or images.size == 0:
        raise ValueError(f"images must be uint8 (N, C, S, S), C 1 or 3, not {images.dtype} {images.shape}")
    return np.ascontiguousarray(images)
