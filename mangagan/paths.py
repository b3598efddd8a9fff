"""Where each stage reads and writes, relative to the workspace; `dvc.yaml` names the same paths."""

from pathlib import Path

PARAMS = Path("params.yaml")

SCREENSHOTS = Path("data/screenshots")
PAGES_DIR = Path("data/pages")
PAGES_TABLE = Path("data/pages.parquet")
DETECTIONS = Path("data/detections.parquet")
FACES_DIR = Path("data/faces")
OVERRIDES = Path("data/overrides.csv")
TRAIN_FACES = Path("data/dataset/train.parquet")
HOLDOUT_FACES = Path("data/dataset/holdout.parquet")
MANIFEST = Path("data/manifest.csv")

GENERATOR = Path("models/generator.safetensors")
MODEL_CARD = Path("models/model.json")

REPORT = Path("reports/index.html")

# What must survive a crash but is no result: checkpoints, downloaded models, the detection cache. Never a DVC out.
STATE = Path(".mangagan")


def metrics(stage: str) -> Path:
    """The stage's DVC metrics file."""
    return Path("metrics") / f"{stage}.json"


def pictures(stage: str) -> Path:
    """The folder of pictures (and plot data) a person looks at after the stage."""
    return Path("reports") / stage


def timing(stage: str) -> Path:
    """How long the stage took when it ran last; on this machine only, no out."""
    return STATE / "timings" / f"{stage}.json"
