"""Folders of files that are no DVC outs, so that they survive crashes and new runs of a stage."""

from pathlib import Path

STATE = Path(".mangagan")
DOWNLOADED_MODELS = STATE / "models"
CACHE = STATE / "cache"  # results of single items, see cache.py
TRAINING_RUNS = STATE / "train"
LIVE = STATE / "live"  # progress of the training that runs now, or ran last; see gan/live.py
TIMINGS = STATE / "timings"
FILE_HASHES = STATE / "file-hashes.json"  # of the screenshots
IMPORT_HASHES = STATE / "import-hashes.json"  # of the imported faces
CHECKED_PARAMS = STATE / "checked-params"  # hash of the params.yaml, and of the package, that were checked last
CODE_HASHES = STATE / "code-hashes.json"  # of the installed code of each stage
