"""From an imported picture to a face of the dataset."""

import hashlib
import unicodedata
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mangagan.decoding.decode import Picture, open_picture
from mangagan.decoding.errors import UnreadableError
from mangagan.faces.face_crops import normalize_face
from mangagan.faces.normalize import NormalizeParams, check_face
from mangagan.faces.rating import FaceRater
from mangagan.importing.groups import find_group, find_path_in_title
from mangagan.importing.params import ImportParams
from mangagan.importing.rating import rate_crop
from mangagan.ingestion.params import IngestParams
from mangagan.pages.decode import hash_pixels
from mangagan.pictures.thumbnails import shrink
from mangagan.readers.sources import Source

DETECTOR = "import"  # in the column `detector`
ID_DIGITS = 16


@dataclass(frozen=True)
class ImportSettings:
    """Settings of the stage.

    Attributes:
        imports: The section `import_faces`.
        bounds: The section `ingest`: bounds of files and pictures.
        faces: The section `normalize`: size of a face and quality gates. Its margin must be 0.
    """

    imports: ImportParams
    bounds: IngestParams
    faces: NormalizeParams


@dataclass(frozen=True)
class Outcome:
    """What became of a file: a face, or the reason why there is none.

    Attributes:
        source: Title and name of the file, without its data.
        face: Row of `mangagan.faces.normalize.SCHEMA` without `page_number`, and `png`. None for a rejected file.
        reason: Why the file is rejected. Empty for a face.
        in_group: True if the face shares its group with other files.
        thumbnail: Picture of a rejected file, uint8 (h, w) or (h, w, 3). None if not available.
    """

    source: Source
    face: dict[str, Any] | None = None
    reason: str = ""
    in_group: bool = False
    thumbnail: np.ndarray | None = field(default=None, repr=False)


def import_picture(settings: ImportSettings, rater: FaceRater | None, source: Source) -> Outcome:
    """Decode, square, resize, measure and check one picture.

    Args:
        settings: Settings of the stage.
        rater: The classifier for the quality gates. None: do not rate.
        source: The encoded picture.
    """
    named = replace(source, data=b"")
    if not source.data:
        return Outcome(named, reason=source.reason)
    size, bounds = settings.faces.size, settings.bounds
    try:
        with open_picture(source.data, bounds.max_megapixels, bounds.max_strip_megapixels) as picture:
            if reason := source.reason or find_problem(picture):
                return Outcome(named, reason=reason, thumbnail=shrink(picture.make_preview(), size, size))
            pixels = picture.pixels()
    except UnreadableError as error:
        thumbnail = None if error.preview is None else shrink(error.preview, size, size)
        return Outcome(named, reason=source.reason or str(error), thumbnail=thumbnail)
    group = find_group(find_path_in_title(source.name), settings.imports.group)
    face = make_face(settings, rater, named, pixels, group)
    return Outcome(named, face, in_group=group is not None)


def find_problem(picture: Picture) -> str:
    """Return why a decoded picture is not used. Empty if it is used."""
    return "blank: all pixels have one colour" if picture.is_blank() else ""


def make_face(
    settings: ImportSettings, rater: FaceRater | None, source: Source, pixels: np.ndarray, group: str | None
) -> dict[str, Any]:
    """Return the row of a face, see `Outcome.face`.

    Args:
        settings: Settings of the stage.
        rater: The classifier for the quality gates. None: do not rate.
        source: Title and name of the file.
        pixels: The picture, uint8 (H, W) or (H, W, 3).
        group: Name of the group in the title. None: the picture is a group of its own.
    """
    height, width = pixels.shape[:2]
    box = find_box(width, height, settings.imports.aspect)
    content = hash_pixels(pixels)
    face = {
        "face_id": hash_text(f"{source.name} {content}"),
        "title": source.title,
        "page_id": content if group is None else hash_text(f"{source.title}/{group}"),
        "source": source.name,
        "page_width": width,
        "page_height": height,
        **dict(zip("xywh", map(float, box), strict=True)),
        **dict.fromkeys(("score", "usable", "p_face", "p_usable"), np.nan),
        "detector": DETECTOR,
        "detector_version": "",
        "crop_margin": 0.0,
        "drop_reason": "",
    }
    face |= normalize_face(pixels, face, settings.faces)
    if settings.imports.gates:
        if rater is not None:
            face["p_face"], face["p_usable"] = rate_crop(rater, pixels, box)
        # The pixels outside of the picture are the choice of the user, so the gate of the page edge does not apply.
        face["drop_reason"] = check_face({**face, "pad_fraction": 0.0}, settings.faces)
    return face


def find_box(width: int, height: int, aspect: str) -> np.ndarray:
    """Return the part of a picture that is used: left, top, width and height [px], int (4,).

    Args:
        width: Width of the picture [px].
        height: Height of the picture [px].
        aspect: crop or pad. The crop of a box that is not square is padded.
    """
    if aspect == "pad":
        return np.array([0, 0, width, height])
    side = min(width, height)
    return np.array([(width - side) // 2, (height - side) // 2, side, side])


def hash_text(text: str) -> str:
    """Return 16 hex digits of the SHA-256 of a text, which does not depend on its Unicode form (NFC or NFD)."""
    return hashlib.sha256(unicodedata.normalize("NFC", text).encode()).hexdigest()[:ID_DIGITS]
