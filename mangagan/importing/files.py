"""From the files of the user to a table of faces and a list of rejected files."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pandas as pd

from mangagan.core.parallel import map_ordered
from mangagan.core.progress import track
from mangagan.faces.normalize import SCHEMA
from mangagan.faces.rating import FaceRater
from mangagan.importing.pictures import ImportSettings, Outcome, import_picture
from mangagan.readers.listing import Listing
from mangagan.readers.sources import MAX_MEMORY, read_sources, weigh_source

REPEATED = "a file of the same name and content was read before"


@dataclass(frozen=True)
class Imported:
    """The result of the import.

    Attributes:
        faces: One row for each face, with the columns of `mangagan.faces.normalize.SCHEMA` and `png`.
        rejected: The rejected files.
        alone: Number of faces that share their group with no other file.
    """

    faces: pd.DataFrame
    rejected: list[Outcome]
    alone: int


def import_files(listing: Listing, settings: ImportSettings, rater: FaceRater | None, max_thumbnails: int) -> Imported:
    """Make the faces of all files, on all cores. Only the encoded faces are kept in memory.

    Args:
        listing: The files, title by title in reading order.
        settings: Settings of the stage.
        rater: The classifier for the quality gates. None: do not rate.
        max_thumbnails: Maximum number of thumbnails of rejected files to keep.
    """
    sources = read_sources(track(listing.files, len(listing.files), "import_faces", "files"), settings.bounds.limits)
    rows: list[dict[str, Any]] = []
    rejected: list[Outcome] = []
    numbers: dict[str, int] = {}
    ids: set[str] = set()
    alone = 0
    convert = partial(import_picture, settings, rater)
    for outcome in map_ordered(convert, sources, weigh=weigh_source, max_weight=MAX_MEMORY):
        face = outcome.face
        if face is not None and face["face_id"] in ids:  # an archive can hold a name twice
            outcome, face = replace(outcome, face=None, reason=REPEATED), None
        if face is None:
            rejected.append(outcome if len(rejected) < max_thumbnails else replace(outcome, thumbnail=None))
            continue
        ids.add(face["face_id"])
        title = outcome.source.title
        numbers[title] = numbers.get(title, 0) + 1
        alone += not outcome.in_group
        rows.append({**face, "page_number": numbers[title]})
    return Imported(pd.DataFrame(rows, columns=[*SCHEMA.names, "png"]), rejected, alone)
