"""Real faces made worse step by step, so that figures can be watched: the worse the faces, the worse they must get."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mangagan.distances.reference_sets import blurred, copies
from mangagan.faces.crop import mirrored

Draw = np.random.Generator


@dataclass(frozen=True)
class Damage:
    """One way to make a set of faces worse.

    Attributes:
        unit: of the levels.
        levels: rising, all above 0; at 0 nothing is done.
    """

    unit: str
    levels: tuple[float, ...]


@dataclass(frozen=True)
class Spoiling(Damage):
    """Every image is made worse.

    Attributes:
        apply: images uint8 (N, C, S, S), a level and a generator to the spoilt images.
    """

    apply: Callable[[np.ndarray, float, Draw], np.ndarray]


@dataclass(frozen=True)
class Choosing(Damage):
    """The images stay as they are; which are taken, and how often, gets worse.

    Attributes:
        choose: the images' groups (N,), how many are wanted, a level and a generator to indices.
        count: the groups and a generator in the same state to how many can be taken at every level.
    """

    choose: Callable[[np.ndarray, int, float, Draw], np.ndarray]
    count: Callable[[np.ndarray, Draw], int]


def add_noise(images: np.ndarray, level: float, rng: Draw) -> np.ndarray:
    """Gaussian noise of so many gray levels."""
    return copies(images, int(rng.integers(2**31)), level)


def shift(images: np.ndarray, level: float, rng: Draw) -> np.ndarray:
    """Every face moved by `level` px, each in a direction of its own; the edge is mirrored."""
    side = images.shape[2]
    result = np.empty_like(images)
    for target, image, angle in zip(result, images, rng.uniform(0, 2 * np.pi, len(images)), strict=True):
        across, down = (round(float(level * function(angle))) for function in (np.cos, np.sin))
        rows, columns = (mirrored(np.arange(side) - move, side) for move in (down, across))
        target[:] = image[:, rows[:, None], columns]
    return result


def roll(images: np.ndarray, level: float, rng: Draw) -> np.ndarray:
    """Every face moved up by `level` px, what leaves above comes in below: all parts are there, in the wrong places."""
    return np.roll(images, -round(level), axis=2)


def drop_modes(groups: np.ndarray, count: int, level: float, rng: Draw) -> np.ndarray:
    """`count` images without repeats, of the groups that are left when a share `level` of them is taken away."""
    return rng.permutation(members_left(groups, level, rng))[:count]


def left_of_fewest(groups: np.ndarray, rng: Draw) -> int:
    """How many images are left at the last level of `drop_modes`."""
    return len(members_left(groups, MODE_DROP[-1], rng))


def members_left(groups: np.ndarray, level: float, rng: Draw) -> np.ndarray:
    """Indices of the images of the groups that are left; for one state of the generator, fewer groups of the same."""
    names = rng.permutation(np.unique(groups))
    kept = names[: max(1, round(len(names) * (1 - level)))]
    return np.flatnonzero(np.isin(groups, kept))


def duplicate(groups: np.ndarray, count: int, level: float, rng: Draw) -> np.ndarray:
    """`count` images, a share `level` of which repeats one of the others."""
    order = rng.permutation(len(groups))[:count]
    different = max(1, round(count * (1 - level)))
    return np.concatenate([order[:different], rng.choice(order[:different], count - different)])


MODE_DROP = (0.25, 0.5, 0.75)
DAMAGES: dict[str, Spoiling | Choosing] = {
    "blur": Spoiling("px", (0.5, 1, 2, 4, 8), lambda images, level, rng: blurred(images, level)),
    "noise": Spoiling("gray levels", (5, 10, 20, 40), add_noise),
    "crop shift": Spoiling("px", (2, 4, 8, 16), shift),
    "parts out of place": Spoiling("px", (7, 14, 28, 56), roll),
    "mode drop": Choosing("of the groups", MODE_DROP, drop_modes, left_of_fewest),
    "duplicates": Choosing("of the faces", (0.25, 0.5, 0.75, 0.9), duplicate, lambda groups, rng: len(groups)),
}
