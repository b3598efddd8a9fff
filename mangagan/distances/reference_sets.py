"""Images in the generator's place whose faults are known: a figure's worst values, and what a copier would get.

Each is made of real faces; images are uint8 (N, C, S, S), C 1 or 3. A new array comes back, the input stays.
"""

import cv2
import numpy as np

BLUR = 1 / 28  # of the side, σ of `blurred`: 4 px at 112, which leaves where hair and face are and no line


def noise(images: np.ndarray, seed: int) -> np.ndarray:
    """Faces with their pixels shuffled: gray values or colours as before, no structure.

    Args:
        images: uint8 (N, C, S, S).
        seed: of the order, another one for each image.

    Raises:
        ValueError: no such images.
    """
    pixels = checked_images(images).reshape(*images.shape[:2], -1)
    rng = np.random.default_rng(seed)
    shuffled = np.empty_like(pixels)
    for target, image in zip(shuffled, pixels, strict=True):
        target[:] = image[:, rng.permutation(image.shape[1])]
    return shuffled.reshape(images.shape)


def blurred(images: np.ndarray, sigma: float | None = None) -> np.ndarray:
    """Faces out of focus: what an undertrained generator draws.

    Args:
        images: uint8 (N, C, S, S).
        sigma: of the Gaussian in px, above 0; `BLUR` of the side where it is not given.

    Raises:
        ValueError: no such images, or `sigma` out of range.
    """
    sigma = BLUR * checked_images(images).shape[-1] if sigma is None else sigma
    if not 0 < sigma < np.inf:
        raise ValueError(f"sigma must be above 0, not {sigma}")
    result = np.empty_like(images)
    for target, image in zip(result.reshape(-1, *images.shape[2:]), images.reshape(-1, *images.shape[2:]), strict=True):
        target[:] = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return result


def mean_face(images: np.ndarray) -> np.ndarray:
    """The mean of all faces, as many times as there are faces: what a generator without variety could draw.

    Args:
        images: uint8 (N, C, S, S).

    Raises:
        ValueError: no such images.
    """
    mean = np.rint(checked_images(images).mean(axis=0, dtype=np.float64)).astype(np.uint8)
    return collapsed(mean, len(images))


def spoil(faces: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """The ceilings' faces: what a generator draws that has learned little, uint8 (N, C, S, S) each."""
    if not len(faces):
        return {}
    return {"noise": noise(faces, seed), "blurred": blurred(faces), "mean_face": mean_face(faces)}


def copies(images: np.ndarray, seed: int, sd: float) -> np.ndarray:
    """Faces with slight noise: what a generator draws that has learned its training set by heart.

    Args:
        images: uint8 (N, C, S, S).
        seed: of the noise.
        sd: of the Gaussian noise in gray levels, 0 or above; the same in all channels, so that gray faces stay gray.

    Raises:
        ValueError: no such images, or `sd` out of range.
    """
    checked_images(images)
    if not 0 <= sd < np.inf:
        raise ValueError(f"sd must be 0 or above, not {sd}")
    rng = np.random.default_rng(seed)
    result = np.empty_like(images)
    for target, image in zip(result, images, strict=True):
        noisy = image + sd * rng.standard_normal(image.shape[1:], np.float32)
        target[:] = np.rint(np.clip(noisy, 0, 255))
    return result


def collapsed(image: np.ndarray, count: int) -> np.ndarray:
    """One image, uint8 (C, S, S), `count` times: (count, C, S, S).

    Raises:
        ValueError: no such image, or `count` below 1.
    """
    checked_images(image[None])
    if count < 1:
        raise ValueError(f"count must be at least 1, not {count}")
    return np.repeat(image[None], count, axis=0)


def checked_images(images: np.ndarray) -> np.ndarray:
    """The images, contiguous; ValueError where they are not uint8 (N, C, S, S) with N at least 1 and C 1 or 3."""
    square = images.ndim == 4 and images.shape[1] in (1, 3) and images.shape[2] == images.shape[3]
    if images.dtype != np.uint8 or not square or images.size == 0:
        raise ValueError(f"images must be uint8 (N, C, S, S), C 1 or 3, not {images.dtype} {images.shape}")
    return np.ascontiguousarray(images)
