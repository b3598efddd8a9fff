"""Random traits of faces of all ages and drawing styles, from children with dot eyes to old men with beards."""

from __future__ import annotations

from dataclasses import dataclass

from mangagan.sample.character import Rng, pick

AGES = {"child": 0.22, "young": 0.34, "adult": 0.29, "old": 0.15}
EYE_KINDS: dict[str, dict[str, float]] = {
    "child": {"large": 3, "dot": 3, "circle": 1, "closed": 2, "blank": 0.6, "cross": 0.5, "line": 0.8, "heavy": 0.6},
    "young": {"large": 4, "narrow": 2, "heavy": 1.5, "sanpaku": 1.2, "closed": 1.6, "dot": 1.2, "circle": 0.5,
              "blank": 0.4, "line": 0.5, "cross": 0.2, "almond": 1},
    "adult": {"almond": 4, "narrow": 2.5, "heavy": 1.5, "sanpaku": 1.5, "closed": 1.2, "line": 1, "dot": 0.8,
              "blank": 0.5, "circle": 0.3},
    "old": {"almond": 2.5, "closed": 2, "line": 1.6, "narrow": 1.5, "heavy": 1.5, "dot": 1, "sanpaku": 0.6},
}  # fmt: skip
MOUTHS = {"line": 3, "smile": 2.5, "frown": 1.3, "small": 1.6, "wavy": 0.7, "open": 2, "shout": 1.5, "grit": 1.2,
          "round": 0.8, "triangle": 0.7, "lips": 1.0, "side": 0.8, "grin": 1.0}  # fmt: skip
NOSES: dict[str, dict[str, float]] = {
    "child": {"none": 3, "dot": 3, "tick": 1.5, "shade": 1},
    "young": {"none": 0.8, "dot": 1, "tick": 3, "bridge": 1.5, "shade": 1, "nostrils": 0.6},
    "adult": {"full": 3.5, "bridge": 3, "nostrils": 1.5, "tick": 1, "hook": 1},
    "old": {"full": 3, "bulb": 2, "bridge": 1.5, "hook": 1.5, "nostrils": 0.7},
}
HAIRS: dict[str, dict[str, float]] = {
    "child": {"manga": 5, "bowl": 2, "ragged": 2, "buzz": 1, "bald": 0.7, "curtain": 0.7, "curly": 0.6},
    "young": {"manga": 5, "ragged": 2, "side_part": 1.4, "curtain": 2.2, "buzz": 0.9, "slick": 0.8, "bald": 0.7,
              "curly": 0.6, "bowl": 0.6},
    "adult": {"side_part": 2, "slick": 2, "ragged": 1.6, "bald": 1.7, "buzz": 1.3, "receding": 1.4, "curtain": 1.4,
              "curly": 0.8, "bun": 1, "manga": 1.6},
    "old": {"bald": 2.2, "sides": 2.2, "receding": 2, "slick": 1.3, "bun": 1.3, "side_part": 1, "curly": 0.8,
            "curtain": 0.5, "buzz": 0.6},
}  # fmt: skip
HATS = {"none": 8.4, "cap": 0.45, "beanie": 0.45, "scarf": 0.6, "hood": 0.55, "helmet": 0.4, "brim": 0.5, "band": 0.4}
BEARDS = {"none": 4.5, "full": 1.0, "goatee": 0.8, "stubble": 0.9, "moustache": 1.0, "long": 0.4}
SHADES = {"none": 5.5, "side": 1.4, "top": 1.0, "all": 0.7, "cheeks": 1.4}


@dataclass(frozen=True)
class FaceTraits:
    """The traits of one drawn face. Lengths are in half face widths; y points down from the centre of the face."""

    age: str  # one of AGES
    chin: float  # y of the chin
    cheek: float  # x of the cheek
    jaw: float  # x of the corner of the jaw
    chin_width: float  # half width of the chin
    crown: float  # height of the skull above the centre
    forehead: float  # y of the hairline, negative
    eyes: str
    eye_x: float
    eye_y: float
    eye_w: float  # half width of an eye
    eye_h: float  # half height of an eye
    eye_tilt: float  # slant; positive: outer corners up
    iris: float  # width of the iris / width of the eye
    gaze: tuple[float, float]  # shift of the irises in eye half-axes
    lash: float  # thickness of the upper lid in line widths
    brow: float  # thickness of the brows; 0: none
    brow_tilt: float  # positive: inner ends down
    brow_gap: float  # distance above the eye
    nose: str
    nose_y: float
    nose_w: float
    mouth: str
    mouth_y: float
    mouth_w: float
    hair: str
    hat: str
    beard: str
    shade: str
    wrinkles: float  # share of the wrinkles that are drawn [0, 1]
    marks: tuple[str, ...]  # scar, freckles, sweat, tears, bags, vein, mole, blush, glasses, earrings, double_chin
    pitch: float  # -1 looks up, 1 looks down
    flat_tones: bool  # flat gray instead of screentones
    skin_level: float  # gray of the skin in black and white [0, 1]; 0: white
    hair_level: float  # ink density of the hair in black and white [0, 1]
    wobble: float  # deviation of lines
    gaps: float  # probability that a line is interrupted [0, 1]
    outline: float  # width of outlines in line widths; 0: none


def _choose(rng: Rng, weights: dict[str, float]) -> str:
    return pick(rng, list(weights), tuple(weights.values()))


def sample_traits(rng: Rng) -> FaceTraits:
    """Return random traits; the parts of a face fit its age."""

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    age = _choose(rng, AGES)
    is_young, is_child = age in ("child", "young"), age == "child"
    chin = between(*{"child": (0.86, 1.05), "young": (1.02, 1.28), "adult": (1.15, 1.6), "old": (1.1, 1.55)}[age])
    eye_y = between(*{"child": (0.16, 0.44), "young": (0.0, 0.26), "adult": (-0.16, 0.12), "old": (-0.14, 0.14)}[age])
    eyes, hat, mouth = _choose(rng, EYE_KINDS[age]), _choose(rng, HATS), _choose(rng, MOUTHS)
    eye_x = between(0.38, 0.56) if is_young else between(0.34, 0.48)
    eye_w, eye_h = _sample_eye_size(rng, eyes, age)
    drop = chin - eye_y
    is_fat = rng.random() < (0.12 if is_young else 0.25)
    marks = _sample_marks(rng, age, eyes, is_fat)
    return FaceTraits(
        age=age,
        chin=chin,
        cheek=between(1.0, 1.1) if is_fat or is_child else between(0.88, 1.02),
        jaw=between(0.8, 0.98) if is_fat else between(0.6, 0.84) if is_child else between(0.46, 0.84),
        chin_width=between(0.22, 0.42) if is_fat or not is_young else between(0.08, 0.34),
        crown=between(1.2, 1.6),
        forehead=-between(0.55, 0.85),
        eyes=eyes,
        eye_x=eye_x,
        eye_y=eye_y,
        eye_w=min(eye_w, eye_x - 0.07),
        eye_h=min(eye_h, 0.42 * drop),
        eye_tilt=between(-0.2, 0.3),
        iris=between(0.35, 0.8),
        gaze=(float(rng.normal(0, 0.22)), float(rng.normal(0, 0.12))),
        lash=between(0.8, 3.2),
        brow=0.0 if rng.random() < 0.08 else float(rng.choice([between(0.02, 0.06), between(0.06, 0.17)])),
        brow_tilt=float(rng.normal(0.05, 0.3)),
        brow_gap=between(0.06, 0.3),
        nose=_choose(rng, NOSES[age]),
        nose_y=eye_y + drop * between(0.34, 0.5),
        nose_w=between(0.06, 0.16) if is_young else between(0.13, 0.27),
        mouth=mouth,
        mouth_y=eye_y + drop * between(0.62, 0.76),
        mouth_w=between(0.1, 0.34) if is_young else between(0.2, 0.46),
        hair="bald" if hat in ("scarf", "hood", "helmet") and rng.random() < 0.5 else _choose(rng, HAIRS[age]),
        hat=hat,
        beard="none" if is_young and rng.random() < 0.93 else _choose(rng, BEARDS),
        shade=_choose(rng, SHADES),
        wrinkles=between(0.5, 1.0) if age == "old" else (between(0.0, 0.5) if age == "adult" else 0.0),
        marks=marks,
        pitch=max(-1.0, min(1.0, float(rng.normal(0, 0.45)))),
        flat_tones=bool(rng.random() < 0.5),
        skin_level=float(rng.choice([0.0, between(0.08, 0.3), between(0.3, 0.55)], p=[0.83, 0.13, 0.04])),
        hair_level=float(rng.choice([0.0, between(0.15, 0.6), 1.0], p=[0.28, 0.4, 0.32])),
        wobble=float(rng.choice([0.0, between(0.004, 0.014)])),
        gaps=float(rng.choice([0.0, between(0.1, 0.5)], p=[0.7, 0.3])),
        outline=float(rng.choice([0.0, between(0.5, 1.0), between(1.0, 1.9)], p=[0.05, 0.45, 0.5])),
    )


def _sample_eye_size(rng: Rng, eyes: str, age: str) -> tuple[float, float]:
    """Return half width and half height of an eye."""
    sizes: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
        "large": ((0.2, 0.36), (0.7, 1.5)),
        "dot": ((0.04, 0.15), (1.0, 1.9)),
        "circle": ((0.12, 0.3), (0.85, 1.3)),
        "blank": ((0.14, 0.32), (0.4, 1.1)),
        "almond": ((0.15, 0.26), (0.3, 0.55)),
        "narrow": ((0.18, 0.33), (0.28, 0.6)),
        "heavy": ((0.17, 0.33), (0.4, 0.9)),
        "sanpaku": ((0.16, 0.32), (0.5, 1.0)),
        "closed": ((0.14, 0.33), (0.25, 0.8)),
        "line": ((0.08, 0.28), (0.1, 0.2)),
        "cross": ((0.16, 0.3), (0.5, 0.9)),
    }
    (low, high), (flat, tall) = sizes[eyes]
    half = float(rng.uniform(low, high)) * (1.12 if age == "child" else 1.0)
    return half, half * float(rng.uniform(flat, tall))


def _sample_marks(rng: Rng, age: str, eyes: str, is_fat: bool) -> tuple[str, ...]:
    chances = {
        "scar": 0.08, "freckles": 0.07, "sweat": 0.18, "tears": 0.06, "vein": 0.05, "mole": 0.06, "earrings": 0.08,
        "blush": 0.3 if age in ("child", "young") else 0.08, "bags": 0.08 if age in ("child", "young") else 0.35,
        "cheekbones": 0.03 if age in ("child", "young") else 0.3, "double_chin": 0.6 if is_fat else 0.03,
        "glasses": 0.11, "furrow": 0.06 if age in ("child", "young") else 0.25,
    }  # fmt: skip
    draws = rng.random(len(chances))
    return tuple(mark for draw, (mark, chance) in zip(draws, chances.items(), strict=True) if draw < chance)
