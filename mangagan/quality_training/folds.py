"""Paths of weights trained with one title left out: `<title>.safetensors` and `<title>.quality.safetensors`."""

import shlex
from pathlib import Path

from mangagan.core.errors import UserError


def locate_weights(folder: Path, data: Path, title: str, quality: bool = False) -> Path:
    """Return the path of the weights that were trained without a title.

    Args:
        folder: Folder of weights.
        data: Folder of labelled pages, for the error message.
        title: The left-out title.
        quality: True: weights of the face quality network. False (default): weights of the detector.

    Raises:
        UserError: The file does not exist.
    """
    path = folder / f"{title}{'.quality' if quality else ''}.safetensors"
    if not path.is_file():
        module = "quality_training" if quality else "detector_training"
        options = ["--data", str(data), *(["--folds", str(folder)] if quality else []), "--leave-out", title]
        command = shlex.join(["python", "-m", f"mangagan.{module}", *options, "--out", str(path)])
        raise UserError(f"{path} not found. Run: {command}")
    return path
