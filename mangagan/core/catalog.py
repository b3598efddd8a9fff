"""The datasets of the workspace: the path of each, the stage that writes it, and its columns.

Schemas of Parquet files and the columns of the manifest derive from the tables below. `dvc.yaml` names the same paths.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mangagan.core.state import CACHE as CACHE
from mangagan.core.state import CHECKED_PARAMS as CHECKED_PARAMS
from mangagan.core.state import DOWNLOADED_MODELS as DOWNLOADED_MODELS
from mangagan.core.state import FILE_HASHES as FILE_HASHES
from mangagan.core.state import IMPORT_HASHES as IMPORT_HASHES
from mangagan.core.state import LIVE as LIVE
from mangagan.core.state import STATE as STATE
from mangagan.core.state import TIMINGS as TIMINGS
from mangagan.core.state import TRAINING_RUNS as TRAINING_RUNS

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: Name of the column.
        type: Arrow type: string, int32, float64, bool or list<string>.
        about: Meaning, with the unit or range.
    """

    name: str
    type: str
    about: str


@dataclass(frozen=True)
class Stage:
    """A stage of the pipeline.

    Attributes:
        summary: Inputs → outputs, one line.
        outs: Files and folders that the stage writes, without its pictures and metrics.
    """

    summary: str
    outs: tuple[Path, ...]


def arrow_schema(columns: tuple[Column, ...]) -> "pyarrow.Schema":
    """Return the Arrow schema of a table."""
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "int32": pa.int32(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
        "list<string>": pa.list_(pa.string()),
    }
    return pa.schema([(column.name, types[column.type]) for column in columns])


def column_names(columns: tuple[Column, ...]) -> list[str]:
    """Return the names of the columns."""
    return [column.name for column in columns]


def metrics_file(stage: str) -> Path:
    """Return the DVC metrics file of a stage."""
    return Path("metrics") / f"{stage}.json"


def pictures_dir(stage: str) -> Path:
    """Return the folder of pictures and plot data of a stage."""
    return Path("reports") / stage


def timing_file(stage: str) -> Path:
    """Return the file with the duration of the last run of a stage on this machine (not a DVC out)."""
    return TIMINGS / f"{stage}.json"


def stages_before(stage: str) -> list[str]:
    """Return the stages before one, in the order of the pipeline."""
    names = list(STAGES)
    return names[: names.index(stage)]


PARAMS = Path("params.yaml")
SCREENSHOTS = Path("data/screenshots")  # written by the user; the default of `ingest.screenshots`
FACES_IMPORT = Path("data/faces_import")  # written by the user or `mangagan import`: crops of faces
OVERRIDES = Path("data/overrides.csv")  # written by the user: decisions on single faces

# scan: not a stage of its own in params.yaml, it only tells DVC which files there are
SCREENSHOT_LIST = Path("data/screenshots.csv")
IMPORT_LIST = Path("data/faces_import.csv")

# ingest
PAGES_DIR = Path("data/pages")
PAGES_TABLE = Path("data/pages.parquet")
PAGE_COLUMNS = (
    Column("page_id", "string", "hash of the pixels; empty for a rejected file"),
    Column("title", "string", f"folder or container in {SCREENSHOTS}"),
    Column("page_number", "int32", "from 1, in reading order; 0 for a rejected file"),
    Column("entry", "string", f"name in {PAGES_DIR}/<title>.cbz; empty for a rejected file"),
    Column("left", "int32", "left edge of the page in its upright source image, or in the strip of joined slices [px]"),
    Column("top", "int32", "top edge of the page, as for `left` [px]"),
    Column("width", "int32", "upright page [px]; 0 if unknown"),
    Column("height", "int32", "upright page [px]; 0 if unknown"),
    Column("is_gray", "bool", "the page has no colour"),
    Column("source", "string", "file (and ::member of a container) that was kept; the first slice of a strip"),
    Column("sources", "list<string>", "every file that shows the page; of joined slices, those that show a part of it"),
    Column("change", "string", "how the page differs from its source image, for example `bars trimmed`; empty if not"),
    Column("reason", "string", "why the file was rejected; empty for a page"),
)

# detect
DETECTIONS = Path("data/detections.parquet")
_BOX_COLUMNS = (
    Column("x", "float64", "left edge of the box on the upright page [px]"),
    Column("y", "float64", "top edge of the box [px]"),
    Column("w", "float64", "width of the box [px]"),
    Column("h", "float64", "height of the box [px]"),
    Column("score", "float64", "confidence of the detector"),
    Column(
        "usable", "float64", "probability that both eyes are visible [0, 1], by the detector; null if it gives none"
    ),
)
_DETECTOR_COLUMNS = (
    Column("detector", "string", "name of the detector"),
    Column("detector_version", "string", "weights, settings and libraries of the detector"),
)
DETECTION_COLUMNS = (
    Column("face_id", "string", "hash of page and box"),
    Column("page_id", "string", "page of the face"),
    *_BOX_COLUMNS,
    *_DETECTOR_COLUMNS,
    Column("crop_margin", "float64", "margin recommended by the detector, share of the longer side of the box"),
)

# normalize
FACES_DIR = Path("data/faces")
_FACE_COLUMNS = (
    Column("face_id", "string", "hash of page and box"),
    Column("title", "string", "title of the page"),
    Column("page_id", "string", "page of the face"),
    Column("source", "string", "screenshot (and ::member of a container) of the page"),
    Column("page_number", "int32", "number of the page in its title"),
    Column("page_width", "int32", "width of the page [px]"),
    Column("page_height", "int32", "height of the page [px]"),
    *_BOX_COLUMNS,
    Column("p_face", "float64", "probability of a face [0, 1], by the network of mangagan/face_quality"),
    Column("p_usable", "float64", "probability of a usable face: both eyes visible, not mostly covered [0, 1]"),
    *_DETECTOR_COLUMNS,
    Column("crop_margin", "float64", "margin that was applied, share of the longer side of the box"),
    Column("pad_fraction", "float64", "share of the crop outside the page [0, 1]"),
    Column("upscale", "float64", "output pixels for each page pixel; above 1 the face was enlarged"),
    Column("sharpness", "float64", "share of the contrast in fine detail, about [0, 1]"),
    Column("contrast", "float64", "standard deviation of gray levels [0, 127.5]"),
    Column("is_gray", "bool", "the face has no colour"),
)
_DROP_REASON = Column("drop_reason", "string", "why the face was dropped; empty for a kept face")
FACE_COLUMNS = (*_FACE_COLUMNS, _DROP_REASON)  # and `image`, the face as PNG

# import_faces. Columns as in FACES_DIR. The page of an imported face is its picture: the box is the part of it that is
# used, and page_id is the hash of its pixels, or the group of pictures that the hold-out split keeps together.
IMPORTED_DIR = Path("data/imported")

# dedup
TRAIN_FACES = Path("data/dataset/train.parquet")
HOLDOUT_FACES = Path("data/dataset/holdout.parquet")
MANIFEST = Path("data/manifest.csv")
GALLERY = pictures_dir("dedup") / "index.html"  # all faces, for a browser
_CLUSTER = Column("cluster_id", "string", "face that represents all copies of this drawing")
DATASET_COLUMNS = (*_FACE_COLUMNS, _CLUSTER)  # and `image`
MANIFEST_COLUMNS = (
    *_FACE_COLUMNS,
    Column("phash", "string", "64-bit perceptual hash, 16 hex digits"),
    _CLUSTER,
    Column("duplicate_of", "string", "best face of the drawing, kept or dropped by hand; empty if no duplicate"),
    Column("mirror_of", "string", "best face of which this one is the mirror image; empty if none"),
    Column("similarity", "float64", "similarity to the face in duplicate_of or mirror_of [0, 1]; empty if unknown"),
    Column("kept", "bool", "the face is in the dataset"),
    _DROP_REASON,
    Column("split", "string", "train or holdout; empty for a dropped face"),
)

# train
GENERATOR = Path("models/generator.safetensors")
MODEL_CARD = Path("models/model.json")
NETWORKS = Path("models/networks.safetensors")  # generator and discriminators, for `train.start` of another run
TRAINING_CURVES = pictures_dir("train") / "curves.csv"
TRAINING_METRICS = pictures_dir("train") / "metrics.csv"
TRAINING_SAMPLES = pictures_dir("train") / "samples"  # folder of grids

# Live files of a running training, in LIVE (not DVC outs); gan/live.py writes them
LIVE_STATUS = LIVE / "status.json"
LIVE_SAMPLES = LIVE / "samples.png"
LIVE_TIMELAPSE = LIVE / "timelapse.webp"
LIVE_CURVES = LIVE / "curves.csv"
LIVE_METRICS = LIVE / "metrics.csv"
LIVE_TENSORBOARD = LIVE / "tensorboard"  # one folder for each run

# evaluate
REPORT = Path("reports/index.html")

# The stages in the order of dvc.yaml. Each has a module in mangagan/stages/ and a section in params.yaml.
STAGES = {
    "ingest": Stage(f"screenshots → pages: {PAGES_DIR}/<title>.cbz, {PAGES_TABLE}", (PAGES_DIR, PAGES_TABLE)),
    "detect": Stage(f"pages → face boxes: {DETECTIONS}", (DETECTIONS,)),
    "normalize": Stage(f"face boxes → faces of one size: {FACES_DIR}/<title>.parquet", (FACES_DIR,)),
    "import_faces": Stage(
        f"crops in {FACES_IMPORT} → faces of one size: {IMPORTED_DIR}/<title>.parquet", (IMPORTED_DIR,)
    ),
    "dedup": Stage(f"faces → the dataset and {MANIFEST}", (TRAIN_FACES, HOLDOUT_FACES, MANIFEST)),
    "train": Stage(f"dataset → {GENERATOR}", (GENERATOR, MODEL_CARD, NETWORKS)),
    "evaluate": Stage(f"model and dataset → {REPORT}, {metrics_file('evaluate')}", (REPORT,)),
}
