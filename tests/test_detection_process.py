"""Imports and constructors do not change settings of the process."""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]

CODE = """
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import cv2
import torch
from PIL import Image


def read_state():
    return {
        "torch threads": torch.get_num_threads(),
        "torch interop threads": torch.get_num_interop_threads(),
        "OpenCV threads": cv2.getNumThreads(),
        "cuDNN TF32": torch.backends.cudnn.allow_tf32,
        "matmul TF32": torch.backends.cuda.matmul.allow_tf32,
        "matmul precision": torch.get_float32_matmul_precision(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "Pillow limit": Image.MAX_IMAGE_PIXELS,
    }


torch.set_num_threads(2)
cv2.setNumThreads(2)
torch.backends.cudnn.allow_tf32 = True
torch.set_float32_matmul_precision("high")
Image.MAX_IMAGE_PIXELS = 12345
before = read_state()
import mangagan

modules = [module.name for module in walk_packages(mangagan.__path__, "mangagan.")]
for name in modules:
    import_module(name)
    assert read_state() == before, f"import of {name}: {read_state()}, not {before}"
print(len(modules), "modules")

from mangagan.detection.backends.lbpcascade import CascadeParams, LbpCascade
from mangagan.detection.backends.mangaface import MangaFace, MangaFaceParams
from mangagan.detection.backends.onnx_yolo import OnnxParams, OnnxYolo

MangaFace(MangaFaceParams(device="cpu"))
OnnxYolo(Path(sys.argv[1]), OnnxParams())
LbpCascade(Path(sys.argv[2]), CascadeParams())
assert read_state() == before, f"constructors: {read_state()}, not {before}"
"""


def test_imports_and_constructors_do_not_change_the_process(tmp_path: Path) -> None:
    from tests.onnx_models import write_model
    from tests.square_cascade import write_square_cascade

    model = write_model(tmp_path / "model.onnx")
    cascade = write_square_cascade(tmp_path / "cascade.xml")
    command = [sys.executable, "-c", CODE, str(model), str(cascade)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) > 50
