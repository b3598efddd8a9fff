"""Things that a face detector mistakes for faces: flowers, jewels, dishes, hands, letters, masks, and many others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from mangagan.sample.character import STYLES, Rng, Style, pick
from mangagan.sample.strokes import BLACK, Canvas, Colour, Image
from mangagan.sample.things import animals, clothes, dishes, flowers, hands, jewels, letters, masks, objects, scenery
from mangagan.sample.things.backdrops import draw_backdrop
from mangagan.sample.things.brush import Brush, make_brush

# Kind: the function that draws it, its sampling weight, its largest rotation [rad]
THINGS: dict[str, tuple[Callable[[Brush], None], float, float]] = {
    "rose": (flowers.draw_rose, 4, 3.1),
    "side rose": (flowers.draw_side_rose, 1.5, 0.8),
    "blossom": (flowers.draw_blossom, 3, 3.1),
    "daisy": (flowers.draw_daisy, 1.5, 3.1),
    "chrysanthemum": (flowers.draw_chrysanthemum, 1, 3.1),
    "flower cluster": (flowers.draw_cluster, 1.5, 3.1),
    "bunch": (flowers.draw_bunch, 1.5, 0.8),
    "tulip": (flowers.draw_tulip, 0.7, 0.8),
    "foliage": (flowers.draw_foliage, 0.7, 3.1),
    "gem": (jewels.draw_gem, 1.5, 1.0),
    "brooch": (jewels.draw_brooch, 2, 0.6),
    "pendant": (jewels.draw_pendant, 0.8, 0.5),
    "finger ring": (jewels.draw_finger_ring, 0.4, 1.0),
    "pearls": (jewels.draw_pearls, 0.7, 3.1),
    "glass ball": (jewels.draw_glass_ball, 2, 0.2),
    "bubbles": (jewels.draw_bubbles, 1.5, 0.5),
    "emblem": (jewels.draw_emblem, 1, 0.5),
    "lamp": (objects.draw_lamp, 1.2, 0.3),
    "lantern": (objects.draw_lantern, 1.5, 0.3),
    "drum": (objects.draw_drum, 1, 0.6),
    "wheel": (objects.draw_wheel, 1, 3.1),
    "gear": (objects.draw_gear, 0.4, 3.1),
    "clock": (objects.draw_clock, 1, 0.3),
    "ball": (objects.draw_ball, 1.5, 3.1),
    "fan": (objects.draw_fan, 1, 0.8),
    "button": (objects.draw_button, 0.6, 3.1),
    "bell": (objects.draw_bell, 0.8, 0.6),
    "speaker": (objects.draw_speaker, 0.6, 0.3),
    "cushion": (objects.draw_cushion, 0.7, 0.8),
    "plate": (dishes.draw_plate, 2, 0.2),
    "bowl": (dishes.draw_bowl, 1.5, 0.15),
    "cup": (dishes.draw_cup, 1, 0.3),
    "teapot": (dishes.draw_teapot, 0.4, 0.3),
    "cake": (dishes.draw_cake, 0.8, 0.3),
    "fruit": (dishes.draw_fruit, 1, 0.8),
    "rice ball": (dishes.draw_rice_ball, 0.7, 0.4),
    "fist": (hands.draw_fist, 2, 1.0),
    "side fist": (hands.draw_side_fist, 1.5, 3.1),
    "open hand": (hands.draw_open_hand, 2, 1.2),
    "pointing hand": (hands.draw_pointing_hand, 1, 1.2),
    "foot": (hands.draw_foot, 0.6, 1.0),
    "kanji": (letters.draw_kanji, 2.5, 0.3),
    "kana": (letters.draw_kana, 2, 0.4),
    "word": (letters.draw_word, 2, 0.4),
    "sign": (letters.draw_sign, 1, 0.2),
    "mark": (letters.draw_mark, 0.6, 0.3),
    "cat": (animals.draw_cat, 1, 0.5),
    "dog": (animals.draw_dog, 0.8, 0.4),
    "rabbit": (animals.draw_rabbit, 0.7, 0.4),
    "bear": (animals.draw_bear, 0.8, 0.4),
    "bird": (animals.draw_bird, 0.7, 0.3),
    "fish": (animals.draw_fish, 0.7, 0.5),
    "frog": (animals.draw_frog, 0.5, 0.3),
    "butterfly": (animals.draw_butterfly, 0.6, 1.5),
    "demon mask": (masks.draw_demon_mask, 0.7, 0.4),
    "fox mask": (masks.draw_fox_mask, 0.7, 0.5),
    "theatre mask": (masks.draw_theatre_mask, 0.4, 0.5),
    "skull": (masks.draw_skull, 0.8, 0.5),
    "pumpkin": (masks.draw_pumpkin, 0.8, 0.3),
    "doll": (masks.draw_doll, 1, 0.4),
    "robot": (masks.draw_robot, 0.7, 0.3),
    "smiling sign": (masks.draw_smiling_sign, 0.7, 0.4),
    "bow": (clothes.draw_bow, 2, 0.7),
    "rosette": (clothes.draw_rosette, 0.8, 0.3),
    "folds": (clothes.draw_folds, 2, 3.1),
    "collar": (clothes.draw_collar, 1, 0.3),
    "hat": (clothes.draw_hat, 0.8, 0.4),
    "shoe": (clothes.draw_shoe, 0.9, 0.4),
    "bag": (clothes.draw_bag, 0.9, 0.3),
    "umbrella": (clothes.draw_umbrella, 0.6, 0.8),
    "hair": (clothes.draw_hair_back, 0.8, 0.6),
    "tree": (scenery.draw_tree, 1, 0.2),
    "stone": (scenery.draw_stone, 1, 0.4),
    "windows": (scenery.draw_windows, 1, 0.1),
    "car": (scenery.draw_car, 1, 0.1),
    "flame": (scenery.draw_flame, 0.5, 0.4),
    "smoke": (scenery.draw_smoke, 0.6, 1.0),
    "burst": (scenery.draw_burst, 0.7, 3.1),
    "moon": (scenery.draw_moon, 0.6, 0.5),
    "toy balloon": (scenery.draw_balloon_toy, 0.6, 0.3),
    "splash": (scenery.draw_splash, 0.4, 0.4),
    "mushroom": (scenery.draw_mushroom, 0.4, 0.4),
}
KINDS = tuple(THINGS)
MIN_PICTURE_SIDE = 16  # [px]
FILLED_SHARE = (0.5, 1.05)  # diameter of the thing / side of the picture of `draw_thing_picture`


def sample_kind(rng: Rng) -> str:
    """Return a random kind of thing."""
    return pick(rng, KINDS, tuple(weight for _, weight, _ in THINGS.values()))


def draw_thing(canvas: Canvas, rng: Rng, style: Style, kind: str, x: float, y: float, unit: float) -> None:
    """Draw a thing on a canvas.

    Args:
        canvas: The canvas, in colour if `style` is.
        rng: Source of proportions, colours, parts, rotation and shading.
        style: The drawing style.
        kind: One of KINDS.
        x: Centre [px].
        y: Centre [px].
        unit: Radius [px]. Leaves, sleeves and sticks reach up to 2.2 radii from the centre.
    """
    draw, _, max_turn = THINGS[kind]
    draw(make_brush(canvas, rng, style, x, y, unit, max_turn))


def sample_thing_style(rng: Rng, colour: bool) -> Style:
    """Return a random style for things that are not part of a title."""
    dark: tuple[Colour, ...] = (BLACK, (52, 34, 40), (30, 30, 55), (70, 45, 35))
    return replace(
        STYLES[0],
        colour=colour,
        line_weight=float(rng.uniform(0.02, 0.075)),
        dot_period=float(rng.uniform(3, 7)),
        dark_background_weight=float(rng.uniform(0.1, 0.8)),
        ink=dark[int(rng.integers(len(dark)))] if colour else BLACK,
    )


def draw_thing_picture(rng: Rng, size: int, colour: bool) -> tuple[Image, str]:
    """Draw one large thing on a random background, like the crop of a wrong detection.

    Args:
        rng: Source of kind, style, background, position and size. One in four pictures shows more things around it.
        size: Side of the picture [px], MIN_PICTURE_SIDE or more.
        colour: Draw in colour.

    Returns:
        The picture, uint8, (size, size) or in colour (size, size, 3) RGB, and the kind of the thing.

    Raises:
        ValueError: `size` is below MIN_PICTURE_SIDE.
    """
    if size < MIN_PICTURE_SIDE:
        raise ValueError(f"size {size} is too small. Choose {MIN_PICTURE_SIDE} px or more")
    style = sample_thing_style(rng, colour)
    scale = 2 if size < 200 else 1
    canvas = Canvas(size, size, colour, scale)
    draw_backdrop(canvas, rng, style, (size, size))
    kind = sample_kind(rng)
    unit = size * float(rng.uniform(*FILLED_SHARE)) / 2
    if rng.random() < 0.25:
        for _ in range(int(rng.integers(1, 5))):
            around = kind if rng.random() < 0.5 else sample_kind(rng)
            x, y, share = rng.uniform((0, 0, 0.3), (size, size, 1.0))
            draw_thing(canvas, rng, style, around, x, y, unit * share)
    x, y = size / 2 + rng.normal(0, 0.06, 2) * size
    draw_thing(canvas, rng, style, kind, x, y, unit)
    picture = canvas.render(float(rng.uniform(0, 0.9)) if rng.random() < 0.5 else 0.0)
    if rng.random() < 0.1:
        grain = rng.normal(0, 6, picture.shape)
        picture = np.clip(picture + grain, 0, 255).astype(np.uint8)
    return np.asarray(cv2.flip(picture, 1) if rng.random() < 0.5 else picture, np.uint8), kind
