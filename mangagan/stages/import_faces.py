"""The stage `import_faces`: crops that the user already has → faces of one size, in the format of `normalize`."""

import sys
from dataclasses import replace
from pathlib import Path

from mangagan.core import catalog, params
from mangagan.core.errors import UserError
from mangagan.core.files import atomic_directory, note_empty, write_json, write_text
from mangagan.core.libraries import limit_opencv_to_one_thread, limit_to_one_thread
from mangagan.faces.normalize import SCHEMA, NormalizeParams
from mangagan.faces.rating import FaceRater
from mangagan.faces.table import write_faces
from mangagan.importing.files import import_files
from mangagan.importing.params import ImportParams
from mangagan.importing.pictures import ImportSettings
from mangagan.importing.sheets import SHEET_FACES, write_sheets
from mangagan.importing.summary import describe_failure, describe_import, summarize, tabulate_rejected
from mangagan.ingestion.params import IngestParams
from mangagan.readers.listing import list_imports

STAGE = "import_faces"


def run(root: Path = Path()) -> None:
    """Run the stage in the workspace `root`. Without imported faces, the outputs are empty.

    Raises:
        UserError: params.yaml is invalid, the folder cannot be opened, or no file in it is a picture.
    """
    limit_opencv_to_one_thread()
    settings = load_settings(root)
    listing = list_imports(root / catalog.FACES_IMPORT)
    rater = build_rater() if settings.imports.gates and listing.files else None
    result = import_files(listing, settings, rater, SHEET_FACES)
    faces = result.faces
    if listing.files and faces.empty:
        raise UserError(describe_failure(result, str(catalog.FACES_IMPORT)))
    with atomic_directory(root / catalog.IMPORTED_DIR) as folder:
        for title in sorted(set(faces["title"])):
            write_faces(folder / f"{title}.parquet", faces[faces["title"] == title], SCHEMA)
        note_empty(folder, "There are no imported faces.")
    for line in describe_import(listing, result, settings.imports.group) if listing.files else ():
        print(f"{STAGE}: {line}", file=sys.stderr)
    with atomic_directory(root / catalog.pictures_dir(STAGE)) as folder:
        if listing.files:
            write_sheets(folder, faces, result.rejected, settings.faces.size)
        outcomes = faces["drop_reason"].replace("", "kept").value_counts().rename_axis("outcome").sort_index()
        for name, table in {"rejected": tabulate_rejected(result), "drop_reasons": outcomes.reset_index()}.items():
            write_text(folder / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    write_json(root / catalog.metrics_file(STAGE), summarize(listing, result))


def load_settings(root: Path) -> ImportSettings:
    """Read the settings. The margin of `normalize` does not apply: the user has chosen the margin of the crops.

    Raises:
        UserError: params.yaml is invalid.
    """
    imports = params.load(STAGE, ImportParams, root)
    bounds = params.load("ingest", IngestParams, root)
    return ImportSettings(imports, bounds, replace(params.load("normalize", NormalizeParams, root), margin=0.0))


def build_rater() -> FaceRater:
    """Return the classifier of faces. It needs torch, whose import takes seconds: only the quality gates need it."""
    from mangagan.face_quality.classifier import FaceQuality

    limit_to_one_thread()
    return FaceQuality()
