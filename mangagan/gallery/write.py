"""Write the gallery of all faces: a page, its data, and sheets of thumbnails."""

from pathlib import Path

import pandas as pd

from mangagan.core.cache import Cache
from mangagan.core.catalog import GALLERY
from mangagan.core.files import write_bytes, write_text
from mangagan.core.templates import make_environment
from mangagan.faces.table import LoadPngs
from mangagan.gallery.data import encode_script, make_data
from mangagan.gallery.thumbnails import draw_sheets, plan_sheets

PAGE = GALLERY.name
SCRIPT = "faces.js"
SHEETS = "thumbnails"
TEMPLATES = Path(__file__).with_name("templates")
ORDER = ["title", "page_number", "source", "y", "x", "face_id"]


def write_gallery(folder: Path, faces: pd.DataFrame, load: LoadPngs, cache: Cache) -> None:
    """Write `PAGE`, `SCRIPT` and the folder `SHEETS`. The page opens as a file; it needs no server and no network.

    Args:
        folder: An existing folder.
        faces: All faces, with the columns of the manifest.
        load: Return the PNGs of some of the faces.
        cache: Sheets of earlier runs.
    """
    ordered = faces.sort_values(ORDER)
    sheets = plan_sheets(ordered["title"].tolist())
    for sheet, jpeg in zip(sheets, draw_sheets(ordered, sheets, load, cache), strict=True):
        write_bytes(folder / SHEETS / sheet.name, jpeg)
    write_text(folder / SCRIPT, encode_script(make_data(ordered.reset_index(drop=True), sheets)))
    kept, titles = int(ordered["kept"].sum()), ordered["title"].nunique()
    page = (
        make_environment(TEMPLATES)
        .get_template(f"{PAGE}.jinja")
        .render(faces=len(ordered), kept=kept, titles=titles, script=SCRIPT, thumbnails=SHEETS)
    )
    write_text(folder / PAGE, page)
