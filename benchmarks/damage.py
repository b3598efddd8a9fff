"""Damage to real faces in steps: metrics must get worse as the damage grows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mangagan.distances.reference_sets import blur_faces, copy_with_noise
from mangagan.distances.structural_damage import (
    erase_eye,
    erase_mouth,
    exchange_patches,
    join_halves,
    move_eye,
    warp,
)
from mangagan.faces.crop import mirror_indices

Rng = np.random.Generator


@dataclass(frozen=True)
class Damage:
    """A way to damage a set of faces.

    Attributes:
        unit: Unit of the levels.
        levels: Levels of damage, ascending, all above 0. Level 0 is no damage.
    """

    unit: str
    levels: tuple[float, ...]


@dataclass(frozen=True)
class ImageDamage(Damage):
    """Damage to every image.

    Attributes:
        apply: Maps images, uint8 (N, C, S, S), a level and a random generator to damaged images. Give every level a
            random generator in the same state; then a higher level damages the same faces.
    """

    apply: Callable[[np.ndarray, float, Rng], np.ndarray]


@dataclass(frozen=True)
class SelectionDamage(Damage):
    """Damage by a worse selection of unchanged images.

    Attributes:
        choose: Maps the groups of the images (N,), a count, a level and a random generator to `count` indices.
        count: Maps the groups and a random generator in the same state to the count that every level can give.
    """

    choose: Callable[[np.ndarray, int, float, Rng], np.ndarray]
    count: Callable[[np.ndarray, Rng], int]


def add_noise(images: np.ndarray, level: float, rng: Rng) -> np.ndarray:
    """Add Gaussian noise with a standard deviation of `level` gray levels."""
    return copy_with_noise(images, int(rng.integers(2**31)), level)


def shift(images: np.ndarray, level: float, rng: Rng) -> np.ndarray:
    """Shift every face by `level` px in a random direction; pixels from outside mirror the edge."""
    side = images.shape[2]
    result = np.empty_like(images)
    for target, image, angle in zip(result, images, rng.uniform(0, 2 * np.pi, len(images)), strict=True):
        across, down = (round(float(level * function(angle))) for function in (np.cos, np.sin))
        rows, columns = (mirror_indices(np.arange(side) - move, side) for move in (down, across))
        target[:] = image[:, rows[:, None], columns]
    return result


def roll(images: np.ndarray, level: float, rng: Rng) -> np.ndarray:
    """Roll every face up by `level` px, so that all parts are present in wrong places."""
    return np.roll(images, -round(level), axis=2)


def drop_modes(groups: np.ndarray, count: int, level: float, rng: Rng) -> np.ndarray:
    """Choose `count` different images of the groups that remain when a share `level` of the groups is removed."""
    return rng.permutation(find_remaining(groups, level, rng))[:count]


def count_at_last_level(groups: np.ndarray, rng: Rng) -> int:
    """Return how many images remain at the last level of `drop_modes`."""
    return len(find_remaining(groups, MODE_DROP[-1], rng))


def find_remaining(groups: np.ndarray, level: float, rng: Rng) -> np.ndarray:
    """Return the indices of the images in the remaining groups.

    With one state of the random generator, a higher level keeps a subset of the groups of a lower level.
    """
    names = rng.permutation(np.unique(groups))
    kept = names[: max(1, round(len(names) * (1 - level)))]
    return np.flatnonzero(np.isin(groups, kept))


def duplicate(groups: np.ndarray, count: int, level: float, rng: Rng) -> np.ndarray:
    """Choose `count` images, a share `level` of which repeats one of the others."""
    order = rng.permutation(len(groups))[:count]
    different = max(1, round(count * (1 - level)))
    return np.concatenate([order[:different], rng.choice(order[:different], count - different)])


MODE_DROP = (0.25, 0.5, 0.75)
FACE_SHARES = (0.1, 0.3, 0.6, 1)  # shares of the faces with one structural fault
DAMAGES: dict[str, ImageDamage | SelectionDamage] = {
    "blur": ImageDamage("px", (0.5, 1, 2, 4, 8), lambda images, level, rng: blur_faces(images, level)),
    "noise": ImageDamage("gray levels", (5, 10, 20, 40), add_noise),
    "crop shift": ImageDamage("px", (2, 4, 8, 16), shift),
    "parts out of place": ImageDamage("px", (7, 14, 28, 56), roll),
    "one eye erased": ImageDamage("share of faces", FACE_SHARES, erase_eye),
    "eye moved": ImageDamage("share of the face box", (0.1, 0.15, 0.2, 0.25), move_eye),
    "mouth erased": ImageDamage("share of faces", FACE_SHARES, erase_mouth),
    "halves joined": ImageDamage("share of faces", FACE_SHARES, join_halves),
    "smooth warp": ImageDamage("px", (1, 2, 4, 8), warp),
    "patches exchanged": ImageDamage("patches", (1, 2, 4, 8), exchange_patches),
    "mode drop": SelectionDamage("share of groups", MODE_DROP, drop_modes, count_at_last_level),
    "duplicates": SelectionDamage("share of faces", (0.25, 0.5, 0.75, 0.9), duplicate, lambda groups, rng: len(groups)),
}
