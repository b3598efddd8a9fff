"""Folders of files that are no DVC outs, so that they survive crashes and new runs of a stage."""

from pathlib import Path

STATE = Path(".mangagan")
DOWNLOADED_MODELS = STATE / "models"
CACHED_DETECTIONS = STATE / "detections"
TRAINING_RUNS = STATE / "train"
TIMINGS = STATE / "timings"
FILE_HASHES = STATE / "file-hashes.json"  # of the screenshots
IMPORT_HASHES = STATE / "import-hashes.json"  # of the imported faces
CHECKED_PARAMS = STATE / "checked-params"  # SHA-256 of the params.yaml that was checked last
