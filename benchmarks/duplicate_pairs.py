"""Faces of which it is known which ones show the same drawing: re-taken pages, mirrored pages and edited faces.

Each page is detected again after each change, so the boxes differ as they do between two screenshots of one page.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import pandas as pd

from benchmarks.screen_drawing import encode_lossy
from mangagan.detection.types import Detector
from mangagan.distances.structural_damage import PARTS, make_feather
from mangagan.faces.crop import find_insides
from mangagan.faces.face_crops import normalize_face
from mangagan.faces.normalize import NormalizeParams
from mangagan.faces.table import decode_faces
from mangagan.sample.character import STYLES, Expression, Pose, sample_character, sample_expression, sample_pose
from mangagan.sample.head import draw_face, draw_head
from mangagan.sample.strokes import Canvas, Paint, rectangle

Rng = np.random.Generator
MIN_IOU = 0.4  # of a box with the known box of the face, mapped to the changed page
MAX_IOU = 0.1  # of two boxes on a page; boxes that overlap more show the same drawing
MIN_SIZE = 40  # longer side of a box [px]
MIN_SCORE = 0.33
MIN_CHANGE = 60.0  # 90th percentile of the difference of gray levels inside an edited part
MIN_INK = 40.0  # the same for the pasted part against its own median: it shows something
MIN_AREA = 0.003  # share of a drawn face's box that must change visibly
MOUTHS = ("smile", "flat", "small", "frown", "wavy", "open", "shout", "round")
EYES = ("open", "wide", "half", "angry", "sad", "happy", "shut")


@dataclass(frozen=True)
class Taken:
    """A page that was taken again.

    Attributes:
        pixels: uint8 (H, W) or (H, W, 3).
        matrix: Affine map of points of the first page to points of this one, float64 (2, 3).
    """

    pixels: np.ndarray
    matrix: np.ndarray

    def map_boxes(self, boxes: np.ndarray) -> np.ndarray:
        """Map boxes (N, 4) of the first page; of a rotated box, the box of its centre with its scaled size."""
        scale = np.sqrt(abs(np.linalg.det(self.matrix[:, :2])))
        centres = (boxes[:, :2] + boxes[:, 2:] / 2) @ self.matrix[:, :2].T + self.matrix[:, 2]
        return np.concatenate([centres - boxes[:, 2:] * scale / 2, boxes[:, 2:] * scale], axis=1)


def take_again(page: np.ndarray, rng: Rng) -> Taken:
    """Take a page again: cropped, turned slightly, resized, with other brightness, moiré, noise and compression."""
    height, width = page.shape[:2]
    cut = rng.uniform(0, 0.06, 4) * rng.integers(0, 2, 4)
    left, top = int(cut[0] * width), int(cut[1] * height)
    scale = float(np.exp(rng.uniform(np.log(0.6), np.log(1.6))))
    angle = float(rng.normal(0, 0.5)) if rng.random() < 0.3 else 0.0
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
    matrix[:, 2] += (scale - 1) * np.array([width / 2, height / 2]) - scale * np.array([left, top])
    size = int((width - left - cut[2] * width) * scale), int((height - top - cut[3] * height) * scale)
    source = page
    if scale < 1:  # low-pass before sampling, as a resize by area does
        source = cv2.GaussianBlur(page, (0, 0), 0.45 / scale)
    taken = cv2.warpAffine(source, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return Taken(degrade(taken, rng), matrix)


def degrade(page: np.ndarray, rng: Rng) -> np.ndarray:
    """Change gray levels as screens, cameras and encoders do."""
    result: np.ndarray = page.astype(np.float32)
    if rng.random() < 0.3:
        result = cv2.GaussianBlur(result, (0, 0), float(rng.uniform(0.4, 1.1)))
    if rng.random() < 0.5:
        gamma = float(np.exp(rng.normal(0, 0.25)))
        result = 255 * (result.clip(0, 255) / 255) ** gamma * float(rng.uniform(0.7, 1)) + float(rng.uniform(0, 25))
    if rng.random() < 0.25:
        result *= make_moire(page.shape[0], page.shape[1], rng).reshape(*page.shape[:2], *([1] * (page.ndim - 2)))
    if rng.random() < 0.3:
        result += rng.normal(0, rng.uniform(1, 6), page.shape[:2]).reshape(*page.shape[:2], *([1] * (page.ndim - 2)))
    pixels = np.ascontiguousarray(result.clip(0, 255).astype(np.uint8))
    return encode_lossy(pixels, int(rng.integers(40, 93))) if rng.random() < 0.8 else pixels


def make_moire(height: int, width: int, rng: Rng) -> np.ndarray:
    """Return the brightness of a moiré pattern, float32 (H, W): two waves of 4 to 20 px, about 1 ± 0.1."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    pattern = np.ones((height, width), np.float32)
    for _ in range(2):
        angle, period = rng.uniform(0, np.pi), rng.uniform(4, 20)
        wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period + rng.uniform(0, 6))
        pattern += float(rng.uniform(0.02, 0.07)) * wave.astype(np.float32)
    return pattern


def mirror_page(page: np.ndarray) -> Taken:
    """Return the mirror image of a page."""
    return Taken(np.ascontiguousarray(page[:, ::-1]), np.array([[-1.0, 0, page.shape[1]], [0, 1, 0]]))


def edit_page(
    page: np.ndarray, boxes: np.ndarray, part: str, donors: list[np.ndarray], rng: Rng
) -> tuple[np.ndarray, np.ndarray]:
    """Paste a part of other faces over the same part of each face.

    Args:
        page: uint8 (H, W) or (H, W, 3).
        boxes: Labelled faces (N, 4).
        part: A key of `PARTS`.
        donors: Crops of labelled boxes of usable faces, of the same number of channels.
        rng: Source of the choice of the other face.

    Returns:
        The edited page, and for each face whether its part has changed visibly, bool (N,).
    """
    result = page.copy()
    changed = np.zeros(len(boxes), bool)
    for index, (x, y, w, h) in enumerate(boxes):
        edges = np.array(PARTS[part]) * (w, h, w, h) + (x, y, x, y)
        left, top, right, bottom = edges.round().astype(int)
        target = result[max(top, 0) : bottom, max(left, 0) : right]
        if min(target.shape[:2]) < 6:
            continue
        donor = cut_part(donors[int(rng.integers(len(donors)))], part)
        patch = cv2.resize(donor, target.shape[1::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
        if part == "mouth" and rng.random() < 0.25:  # no mouth at all
            patch = np.full_like(patch, np.median(target))
        weight = make_feather(*target.shape[:2]).reshape(*target.shape[:2], *([1] * (target.ndim - 2)))
        blended = weight * patch + (1 - weight) * target
        changed[index] = np.percentile(abs(blended - target), 90) >= MIN_CHANGE
        target[:] = blended.clip(0, 255).astype(np.uint8)
    return result, changed


def cut_part(face: np.ndarray, part: str) -> np.ndarray:
    """Return a part of a labelled face."""
    height, width = face.shape[:2]
    left, top, right, bottom = (np.array(PARTS[part]) * (width, height, width, height)).round().astype(int)
    return face[top:bottom, left:right]


def crop_faces(
    detector: Detector, pixels: np.ndarray, known: np.ndarray, names: list[str], kind: str
) -> Iterator[dict[str, Any]]:
    """Detect faces, and yield those with a known box as rows.

    Args:
        detector: The detector.
        pixels: uint8 (H, W) or (H, W, 3).
        known: Known boxes on this page (N, 4).
        names: Name of the drawing of each known box.
        kind: Kind of the change.
    """
    boxes = detect_boxes(detector, pixels)
    if not len(boxes) or not len(known):
        return
    overlaps = measure_iou(known, boxes)
    for index, name in enumerate(names):
        best = int(overlaps[index].argmax())
        if overlaps[index, best] >= MIN_IOU and overlaps[:, best].argmax() == index:
            row = dict(zip("xywh", boxes[best].tolist(), strict=True)) | {"crop_margin": detector.crop_margin}
            face = row | normalize_face(pixels, row, NormalizeParams())
            yield {**face, "page_width": pixels.shape[1], "page_height": pixels.shape[0], "drawing": name, "kind": kind}


def detect_boxes(detector: Detector, page: np.ndarray) -> np.ndarray:
    """Return the boxes of the faces of a page that are certain and large enough, float (N, 4)."""
    found = detector.detect(page)
    keep = (found.scores >= MIN_SCORE) & (found.boxes[:, 2:].max(axis=1, initial=0) >= MIN_SIZE)
    return found.boxes[keep]


def measure_iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the intersection over union of boxes (N, 4) and others (M, 4), float64 (N, M)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, :2] + boxes[:, None, 2:], others[None, :, :2] + others[None, :, 2:])
    shared = (high - low).clip(0).prod(axis=2)
    return shared / (boxes[:, 2:].prod(axis=1)[:, None] + others[:, 2:].prod(axis=1)[None] - shared)


def make_page_faces(
    detector: Detector, name: str, page: np.ndarray, labelled: np.ndarray, donors: list[np.ndarray], rng: Rng
) -> list[dict[str, Any]]:
    """Return the faces of a page, of four re-takes, two re-taken mirror images and one edit of each part.

    Args:
        detector: The detector.
        name: Name of the page.
        page: uint8 (H, W) or (H, W, 3).
        labelled: Labelled usable faces (M, 4); these are edited.
        donors: See `edit_page`.
        rng: Source of all random choices.
    """
    boxes = detect_boxes(detector, page)
    alone = measure_iou(boxes, boxes).sum(axis=1) - 1 <= MAX_IOU if len(boxes) else np.zeros(0, bool)
    boxes = boxes[alone]
    names = [f"{name} {index}" for index in range(len(boxes))]
    rows = list(crop_faces(detector, page, boxes, names, "original"))
    for _ in range(4):
        taken = take_again(page, rng)
        rows += crop_faces(detector, taken.pixels, taken.map_boxes(boxes), names, "retake")
    mirror = mirror_page(page)
    for _ in range(2):
        taken = take_again(mirror.pixels, rng)
        rows += crop_faces(detector, taken.pixels, taken.map_boxes(mirror.map_boxes(boxes)), names, "mirrored")
    if len(labelled) and len(boxes):
        overlaps = measure_iou(labelled, boxes)
        same = [names[int(row.argmax())] if row.max() >= MIN_IOU else "" for row in overlaps]
        for part in PARTS:
            edited, changed = edit_page(page, labelled, part, donors, rng)
            visible = [index for index in np.flatnonzero(changed) if same[index]]
            taken = take_again(edited, rng)
            known = taken.map_boxes(labelled[visible])
            rows += crop_faces(detector, taken.pixels, known, [same[index] for index in visible], part)
    return rows


def draw_variants(detector: Detector, seed: int) -> list[dict[str, Any]]:
    """Draw a head, re-take it, and draw it with another mouth, other eyes or other brows, re-taken."""
    rng = np.random.default_rng(seed)
    style = replace(STYLES[seed % len(STYLES)])
    person, base = sample_character(rng, style), sample_expression(rng)
    pose = sample_pose(rng, 160, 160, float(rng.uniform(40, 90)))
    while pose.view in ("profile", "other"):
        pose = sample_pose(rng, 160, 160, float(rng.uniform(40, 90)))
    level = float(rng.uniform(0, 0.4))
    mouth = str(rng.choice([each for each in MOUTHS if each != base.mouth]))
    eyes = str(rng.choice([each for each in EYES if each != base.eyes]))
    lift = base.brow_lift + float(rng.choice([-0.1, 0.12]))
    changes = {
        "original": base,
        "mouth": replace(base, mouth=mouth),
        "eyes": replace(base, eyes=eyes),
        "brows": replace(base, brow_tilt=-base.brow_tilt or 0.5, brow_lift=lift),
    }
    rows: list[dict[str, Any]] = []
    box = np.array([[pose.x - pose.unit, pose.y - pose.unit, 2 * pose.unit, 2 * pose.unit]])
    first = draw_person(style, person, base, pose, level)
    for kind, expression in changes.items():
        page = draw_person(style, person, expression, pose, level)
        if (
            kind != "original"
            and (abs(page.astype(int) - first) > 80).sum() < MIN_AREA * page[0, 0].size * box[0, 2] ** 2
        ):
            continue  # hidden by the hair
        if kind == "original":
            rows += crop_faces(detector, page, box, [f"drawn {seed}"], kind)
            takes = [("retake", take_again(page, rng)) for _ in range(3)]
        else:
            takes = [(kind, take_again(page, rng)) for _ in range(2)]
        for name, taken in takes:
            rows += crop_faces(detector, taken.pixels, taken.map_boxes(box), [f"drawn {seed}"], name)
    return rows


def draw_person(style: Any, person: Any, expression: Expression, pose: Pose, level: float) -> np.ndarray:
    """Draw a head on a tone of the given ink density, uint8 (320, 320) or (320, 320, 3)."""
    canvas = Canvas(320, 320, style.colour, scale=2)
    canvas.fill(rectangle(0, 0, 320, 320), Paint((225, 214, 200)) if style.colour else style.make_screentone(level))
    draw_head(canvas, style, person, expression, pose)
    return canvas.render(style.softness)


def draw_crowd(start: int, stop: int) -> np.ndarray:
    """Draw faces of 300 characters, each face once, uint8 (stop − start, 112, 112).

    Args:
        start: Number of the first face.
        stop: Number of the last face, plus one.
    """
    faces = np.zeros((stop - start, 112, 112), np.uint8)
    for index, number in enumerate(range(start, stop)):
        style = STYLES[number % 2]
        person = sample_character(np.random.default_rng(number % 300), style)
        faces[index] = draw_face(np.random.default_rng(number), style, 112, person)[0]
    return faces


def decode_gray(faces: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the faces in gray, uint8 (N, S, S), and the parts of them on the page, float32 (N, 4)."""
    return decode_faces(faces["png"], channels=1)[:, 0], find_insides(faces)
