"""Damage to the structure of faces that keeps their texture. A GAN typically has such faults.

All functions map images, uint8 (N, C, S, S), a level and a random generator to damaged images. If the random
generator is in the same state, a higher level damages the same faces and more faces, or the same faces more strongly.
Lengths in px refer to faces of `SIDE` px and are scaled for other sizes.

Joined halves and exchanged patches come from any other face. In a validation, half of these are in the reference, so
the metrics may respond a little less than to faults of a GAN.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from mangagan.distances.reference_sets import blur_faces
from mangagan.face_network.boxes import CROP_MARGIN

Rng = np.random.Generator
SIDE = 112  # [px]
FACE_SHARE = 1 / (1 + 2 * CROP_MARGIN)  # side of the box, as a share of the side of the crop
# Parts of a face: left, top, right, bottom, as shares of the box
PARTS = {
    "mouth": (0.28, 0.72, 0.72, 0.96),
    "eyes": (0.08, 0.36, 0.92, 0.68),
    "one eye": (0.50, 0.36, 0.94, 0.68),
    "brows": (0.08, 0.20, 0.92, 0.42),
}
# Maximum distance of a part from its usual place [px]: up, down, inwards, outwards. Hair is above and beside the eyes,
# the collar is below the mouth.
REACH = {"one eye": (5, 9, 9, 2), "mouth": (9, 1, 9, 9)}
PRIOR = 0.25  # penalty of the squared distance [gray levels / px²]; larger: nearer to the usual place
CHEEKS = 0.5 + 0.2 * FACE_SHARE  # height of the cheeks, as a share of the side of the crop
RING = 5  # width of the ring around a region that the skin tone is measured in [px]
SEAM = 6  # width of the seam between two halves [px]
WARP_SIGMA = 8.0  # σ of the Gaussian that smooths the displacements [px]
PATCHES = 4  # exchanged patches per side of the image


class Region(NamedTuple):
    """A rectangle of a face [px]; `bottom` and `right` are exclusive."""

    top: int
    bottom: int
    left: int
    right: int

    def cut(self, image: np.ndarray) -> np.ndarray:
        """Return the view of an image (C, S, S) in this region."""
        return image[:, self.top : self.bottom, self.left : self.right]

    def move(self, down: int, across: int) -> "Region":
        """Return the region moved by a number of px."""
        return Region(self.top + down, self.bottom + down, self.left + across, self.right + across)


# Damage


def erase_eye(images: np.ndarray, level: float, rng: Rng) -> np.ndarray:
    """Paint over one eye, left or right at random, of a share `level` of the faces, with the tone of the skin."""
    result = images.copy()
    chosen = choose_faces(len(images), level, rng)
    mirrored = rng.random(len(images)) < 0.5
    for index in chosen:
        paint_skin(result[index], find_part(result[index], "one eye", mirrored[index]))
    return result


def erase_mouth(images: np.ndarray, level: float, rng: Rng) -> np.ndarray:
    """Paint over the mouth of a share `level` of the faces, with the tone of the skin."""
    result = images.copy()
    for index in choose_faces(len(images), level, rng):
        paint_skin(result[index], find_part(result[index], "mouth"))
    return result


def move_eye(images: np.ndarray, level: float, rng: Rng) -> np.ndarray:
    """Move one eye of every face in a random direction, by a share `level` of the side of the labelled box."""
    result = images.copy()
    distance = level * images.shape[2] * FACE_SHARE
    mirrored = rng.random(len(images)) < 0.5
    for image, flip, angle in zip(result, mirrored, rng.uniform(0, 2 * np.pi, len(images)), strict=True):
        region = find_part(image, "one eye", flip)
        eye = region.cut(image).copy()
        paint_skin(image, region)
        blend(region.move(round(distance * np.sin(angle)), round(distance * np.cos(angle))).cut(image), eye)
    return result


def join_halves(images: np.ndarray, level: float, rng: Rng) -> np.ndarray:
    """Replace the right half of a share `level` of the faces by the right half of another face."""
    result = images.copy()
    order = rng.permutation(len(images))
    partners = np.roll(order, -1)
    side = images.shape[3]
    weight = ((np.arange(side) + 0.5 - side / 2) / (SEAM * side / SIDE) + 0.5).clip(0, 1)
    for index, partner in list(zip(order, partners, strict=True))[: round(level * len(images))]:
        result[index] = np.rint(weight * images[partner] + (1 - weight) * images[index])
    return result


def warp(images: np.ndarray, level: float, rng: Rng) -> np.ndarray:
    """Warp every face by smooth random displacements with a root mean square length of `level` px."""
    side = images.shape[2]
    scale = side / SIDE
    result = np.empty_like(images)
    grid = np.mgrid[:side, :side].astype(np.float32)
    for target, image in zip(result, images, strict=True):
        noise = rng.standard_normal((2, side, side)).astype(np.float32)
        smooth = np.stack([blur(axis, WARP_SIGMA * scale, WARP_SIGMA * scale) for axis in noise])
        rows, columns = grid + smooth * (level * scale / np.sqrt((smooth**2).sum(axis=0).mean()))
        for channel, source in zip(target, image, strict=True):
            # Linear interpolation would blur.
            channel[:] = cv2.remap(source, columns, rows, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101)
    return result


def exchange_patches(images: np.ndarray, level: float, rng: Rng) -> np.ndarray:
    """Exchange `level` patches between the two faces of random pairs; of an odd number of faces one is unchanged."""
    result = images.copy()
    pairs = rng.permutation(len(images))[: len(images) // 2 * 2].reshape(-1, 2)
    patch = images.shape[3] // PATCHES
    for pair in pairs:
        for place in rng.permutation(PATCHES**2)[: round(level)]:
            top, left = place // PATCHES * patch, place % PATCHES * patch
            rows, across = slice(top, top + patch), slice(left, left + patch)
            result[pair, :, rows, across] = images[pair[::-1], :, rows, across]
    return result


# Each damages a quarter of the broken faces: the function and its level.
DAMAGES: tuple[tuple[Callable[[np.ndarray, float, Rng], np.ndarray], float], ...] = (
    (erase_eye, 1.0),
    (join_halves, 1.0),
    (warp, 4.0),
    (exchange_patches, 4.0),
)


def break_faces(images: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return faces of which a share has a broken structure: each kind of `DAMAGES` equally often.

    Args:
        images: uint8 (N, C, S, S).
        share: Share of broken faces [0, 1]; a larger share contains a smaller one.
        seed: Seed of the choice of faces and of the damage.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(images))[: round(share * len(images))]
    result = images.copy()
    for number, (damage, level) in enumerate(DAMAGES):
        part = chosen[number :: len(DAMAGES)]
        result[part] = damage(images[part], level, rng)
    return result


def damage_slightly(images: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Return faces with slight damage, by kind: `slight_blur` by σ 1 px and `slight_warp` by 2 px at `SIDE` px.

    Args:
        images: uint8 (N, C, S, S).
        seed: Seed of the warp.
    """
    if not len(images):
        return {}
    blurred = blur_faces(images, images.shape[2] / SIDE)
    return {"slight_blur": blurred, "slight_warp": warp(images, 2.0, np.random.default_rng(seed))}


# Regions


def choose_faces(count: int, share: float, rng: Rng) -> np.ndarray:
    """Return the indices of a share of `count` faces; a larger share contains a smaller one."""
    return rng.permutation(count)[: round(share * count)]


def find_part(image: np.ndarray, part: str, mirrored: bool = False) -> Region:
    """Return the region of a part of the face: the dark spot on a light ground that is nearest to the usual place.

    The score of a place is the difference of two Gaussian blurs, less a penalty for the distance.

    Args:
        image: uint8 (C, S, S), a square crop of a labelled face.
        part: A key of `REACH`.
        mirrored: True for the region on the other half of the face.
    """
    side = image.shape[1]
    usual = locate_part(part, side, mirrored)
    gray = image.mean(axis=0, dtype=np.float32)
    height, width = usual.bottom - usual.top, usual.right - usual.left
    contrast = blur(gray, width * 0.45, height * 0.45) - blur(gray, width * 0.2, height * 0.2)
    up, low, inwards, outwards = (round(length * side / SIDE) for length in REACH[part])
    down, across = np.mgrid[-up : low + 1, -inwards : outwards + 1]
    across = -across if mirrored else across
    centre = (usual.top + usual.bottom) // 2 + down, (usual.left + usual.right) // 2 + across
    score = contrast[centre] - PRIOR * (across**2 + down**2) * (SIDE / side) ** 2
    best = int(score.argmax())
    return usual.move(int(down.flat[best]), int(across.flat[best]))


def blur(gray: np.ndarray, across: float, down: float) -> np.ndarray:
    """Return an image, float32 (S, S), blurred by a Gaussian with these σ [px]."""
    return cv2.GaussianBlur(gray, (0, 0), across, sigmaY=down, borderType=cv2.BORDER_REFLECT)


def locate_part(part: str, side: int, mirrored: bool = False) -> Region:
    """Return the usual region of a part of the face in a square crop; the labelled box is assumed to be square.

    Args:
        part: A key of `PARTS`.
        side: Side of the crop [px].
        mirrored: True for the region on the other half of the face.
    """
    left, top, right, bottom = PARTS[part]
    if mirrored:
        left, right = 1 - right, 1 - left
    edges = [round(side * (0.5 + (share - 0.5) * FACE_SHARE)) for share in (top, bottom, left, right)]
    return Region(*edges)


def paint_skin(image: np.ndarray, region: Region) -> None:
    """Paint a region of an image (C, S, S) with the tone of the skin around it, with soft edges."""
    blend(region.cut(image), measure_skin(image, region)[:, None, None])


def measure_skin(image: np.ndarray, region: Region) -> np.ndarray:
    """Return the tone of the skin around a region (C,).

    It is the median of the lighter half, because lines are darker, of a ring around the half of the region that is
    nearer to the cheeks: the other half of the ring may show hair or clothes.
    """
    middle = (region.top + region.bottom) // 2
    above = middle < CHEEKS * image.shape[1]
    width = max(1, round(RING * image.shape[1] / SIDE))
    ring = np.zeros(image.shape[1:], bool)
    rows = slice(middle, region.bottom + width) if above else slice(region.top - width, middle)
    ring[rows, region.left - width : region.right + width] = True
    ring[region.top : region.bottom, region.left : region.right] = False
    pixels = image[:, ring]
    brightness = pixels.mean(axis=0)
    return np.median(pixels[:, brightness >= np.median(brightness)], axis=1)


def blend(target: np.ndarray, patch: np.ndarray) -> None:
    """Draw a patch over a view of an image (C, H, W), with soft edges."""
    weight = make_feather(*target.shape[1:])
    target[:] = np.rint(weight * patch + (1 - weight) * target)


def make_feather(height: int, width: int) -> np.ndarray:
    """Return weights, float32 (H, W): 1 inside, falling to 0 at the edges over an eighth of the side."""
    ramps = [np.minimum(np.arange(side) + 0.5, side - 0.5 - np.arange(side)) / (side / 8) for side in (height, width)]
    return np.minimum(ramps[0][:, None], ramps[1][None]).clip(0, 1).astype(np.float32)
