"""The backend `onnx`: a detector that the user brings, in the ONNX format of Ultralytics' YOLOv8."""

import ast
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np

from mangagan.core.errors import UserError
from mangagan.core.files import sha256_bytes
from mangagan.core.model_files import resolve_model
from mangagan.detection.overlap import suppress
from mangagan.detection.strips import inside, pieces, uncut
from mangagan.detection.types import Detections, check_search, describe

STRIDE = 32  # px: what both sides of the picture must be multiples of where the model leaves them open
PADDING = 114  # gray level around the picture, as in training
MOST = 3000  # candidates a picture before overlapping ones are removed
DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


@dataclass(frozen=True)
class OnnxParams:
    """Settings of a face detector in YOLOv8's ONNX format.

    Attributes:
        model: the .onnx file, a path (relative to the workspace) or an https URL.
        model_sha256: what the file must hash to, in hex.
        class_name: the model's class that is a face, upper or lower case; a model of one class needs no other.
        threshold: least score of a face, 0 to 1; lower finds more, and more that is none.
        long_side: px to which a page's long side is shrunk, for models that take any size; others have their own.
        max_overlap: intersection over union from which on two boxes are one face, 0 to 1.
        device: auto (the GPU when onnxruntime has one), cpu, cuda.
    """

    model: str = ""
    model_sha256: str = ""
    class_name: str = "face"
    threshold: float = 0.3
    long_side: int = 640
    max_overlap: float = 0.5
    device: str = "auto"

    def __post_init__(self) -> None:
        check_search(self)


class OnnxYolo:
    """Finds faces with a YOLOv8 model; the score is the model's for that class, 0 to 1.

    The model takes one picture (1, 3, H, W), RGB, 0 to 1, and gives (1, 4 + classes, N): middle x, middle y, width and
    height in px of that picture, then a score for each class. YOLO11 and other models exported alike work as well.
    """

    name = "onnx"
    crop_margin = 0.35  # published models box the face from brow to chin; this adds the hair

    def __init__(self, model: Path, settings: OnnxParams) -> None:
        """Loads the model and tries it on an empty picture.

        Raises:
            UserError: onnxruntime or the GPU is absent, the file is no such model, or lacks the class.
        """
        data = model.read_bytes()
        self.model, self.settings = model, settings
        self.session, runtime = open_session(model, data, settings.device)
        libraries = f"opencv={cv2.__version__} onnxruntime={runtime}"
        self.version = f"{sha256_bytes(data)[:12]} {describe(settings)} {libraries}"
        self.input, self.height, self.width, self.dtype = self.check_signature()
        empty = np.zeros((3, self.height or 2 * STRIDE, self.width or 2 * STRIDE), np.float32)
        self.row = 4 + find_class(self.session, model, settings.class_name, self.look(empty).shape)

    @classmethod
    def build(cls, settings: OnnxParams, root: Path) -> Self:
        """Build the detector with the model file that the settings name."""
        return cls(resolve_model("detect.onnx", settings.model, settings.model_sha256, root), settings)

    def check_signature(self) -> tuple[str, int | None, int | None, type]:
        """The input's name, height and width in px (None where any will do) and type.

        Raises:
            UserError: not what this class's description says.
        """
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise unfit(self.model, f"it has {len(inputs)} inputs and {len(outputs)} outputs, not one each")
        if outputs[0].type not in DTYPES:
            raise unfit(self.model, f"its output is {outputs[0].type}, not float")
        # Sides that are left open are names or None.
        shape = [side if isinstance(side, int) and side > 0 else None for side in inputs[0].shape]
        if len(shape) != 4 or shape[0] not in (1, None) or shape[1] not in (3, None) or inputs[0].type not in DTYPES:
            raise unfit(self.model, f"its input is {inputs[0].type} {inputs[0].shape}, not float (1, 3, H, W)")
        return inputs[0].name, shape[2], shape[3], DTYPES[inputs[0].type]

    def look(self, picture: np.ndarray) -> np.ndarray:
        """The model's output (4 + classes, N) for a picture, float32 (3, H, W), 0 to 1.

        Raises:
            UserError: the model fails, or its output has another form.
        """
        try:
            (output,) = self.session.run(None, {self.input: picture[None].astype(self.dtype)})
        except Exception as error:  # onnxruntime's exceptions have no base of their own
            size = f"{picture.shape[2]}x{picture.shape[1]}"
            raise unfit(self.model, f"it fails on a picture of {size} px ({gist(error)})") from error
        if output.ndim != 3 or output.shape[0] != 1 or output.shape[1] < 5:
            raise unfit(self.model, f"its output is {output.shape}, not (1, 4 + classes, N)")
        return output[0]

    def detect(self, page: np.ndarray) -> Detections:
        """Finds faces as `Detector.detect` says."""
        page = page if page.ndim == 3 else cv2.cvtColor(page, cv2.COLOR_GRAY2RGB)
        found = [np.zeros((0, 5))]
        for left, top, piece in pieces(page):
            found.append(uncut(self.search(piece), left, top, piece, page))
        faces = suppress(inside(np.concatenate(found), page.shape[:2]), self.settings.max_overlap)
        # Coarser than the differences between one processor's arithmetic and another's.
        return Detections(faces[:, :4].round(1), faces[:, 4].round(4), np.full(len(faces), np.nan))

    def search(self, piece: np.ndarray) -> np.ndarray:
        """Faces in an RGB picture (H, W, 3), which is shrunk to fit but never enlarged, and padded on all sides alike.

        Returns:
            float64 (N, 5): left, top, width, height in px of the piece, score; overlapping ones included.
        """
        height, width = piece.shape[:2]
        most = self.settings.long_side
        ratio = min(1.0, (self.height or most) / height, (self.width or most) / width)
        rows, columns = max(round(height * ratio), 1), max(round(width * ratio), 1)
        small = piece if ratio == 1 else cv2.resize(piece, (columns, rows), interpolation=cv2.INTER_AREA)
        padded = (self.height or -(-rows // STRIDE) * STRIDE, self.width or -(-columns // STRIDE) * STRIDE)
        top, left = (padded[0] - rows) // 2, (padded[1] - columns) // 2
        picture = np.full((3, *padded), PADDING, np.uint8)
        picture[:, top : top + rows, left : left + columns] = small.transpose(2, 0, 1)
        faces = decode(self.look(picture.astype(np.float32) / 255), self.row, self.settings.threshold)
        faces[:, :2] -= (left, top)
        faces[:, :4] *= np.array([width / columns, height / rows] * 2)
        return faces


def open_session(model: Path, data: bytes, device: str) -> tuple[Any, str]:
    """A session of onnxruntime over the file's bytes, and the version of onnxruntime.

    Raises:
        UserError: onnxruntime or the GPU is absent, or the bytes are no ONNX model that is whole in itself.
    """
    try:
        import onnxruntime
    except ImportError:
        raise UserError(
            "params.yaml: detect.detector is onnx, which needs onnxruntime: pip install 'mangagan[onnx]', "
            "or pip install 'onnxruntime>=1.24.4'"
        ) from None
    there = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    # TF32 would round to 10 bits, and find other faces than the processor does.
    cuda = [("CUDAExecutionProvider", {"use_tf32": "0"})] if there and device != "cpu" else []
    options = onnxruntime.SessionOptions()
    # One thread a page: pages run side by side, and the number of threads would change the last bits.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # what goes wrong is told by exceptions
    # The SHA-256 vouches for this one file: nothing is read from others that it names.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        session = onnxruntime.InferenceSession(data, options, providers=[*cuda, "CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no base of their own
        raise unfit(model, f"onnxruntime cannot read it ({gist(error)})") from error
    # Where CUDA's libraries are missing, onnxruntime goes on without it.
    if device == "cuda" and "CUDAExecutionProvider" not in session.get_providers():
        raise UserError(
            "params.yaml: detect.onnx.device is cuda, but onnxruntime finds no GPU: set it to auto or cpu, "
            "or pip install onnxruntime-gpu in place of onnxruntime"
        )
    return session, onnxruntime.__version__


def gist(error: Exception) -> str:
    """What an exception of onnxruntime says, without the codes before it and the lines after it."""
    return (str(error).splitlines() or [""])[0].split(" : ")[-1].strip().rstrip(".")[:160]


def unfit(model: Path, reason: str) -> UserError:
    """What to say of a file that is no detector of this kind."""
    return UserError(
        f"{model} is no YOLOv8 detector in ONNX format: {reason}: detect.onnx.model must name a file as "
        "`yolo export format=onnx` writes it for the task detect, weights and all"
    )


def find_class(session: Any, model: Path, wanted: str, shape: tuple[int, ...]) -> int:
    """The place of the class `wanted` among the model's classes, which its metadata name; that of an only class.

    Raises:
        UserError: no such class, or another number of classes than the output has, whose `shape` is (4 + classes, N).
    """
    count = shape[0] - 4
    try:
        named = ast.literal_eval(session.get_modelmeta().custom_metadata_map["names"])
        # A list, or a dictionary with whole numbers as keys.
        names = [" ".join(str(named[place]).split()) for place in range(len(named))]
    except (KeyError, ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        names = []
    if count != len(names or ["face"]):
        known = f"{len(names)} classes in its metadata" if names else "no class names in its metadata"
        raise unfit(model, f"its output is {(1, *shape)} with {known}")
    if count == 1:
        return 0
    folded = [name.casefold() for name in names]
    if wanted.casefold() not in folded:
        raise UserError(
            f"params.yaml: detect.onnx.class_name: {model} knows no class {wanted}: it is one of {', '.join(names)}"
        )
    return folded.index(wanted.casefold())


def decode(output: np.ndarray, row: int, threshold: float) -> np.ndarray:
    """The boxes of one class in the model's output.

    Args:
        output: (4 + classes, N), as `OnnxYolo.look` returns.
        row: of the class's scores.
        threshold: least score, 0 to 1.

    Returns:
        float64 (at most `MOST`, 5): left, top, width, height in px of the model's input, score.
    """
    best = np.argsort(-output[row], kind="stable")[:MOST]
    x, y, width, height, score = output[[0, 1, 2, 3, row]][:, best[output[row, best] >= threshold]].astype(np.float64)
    return np.column_stack([x - width / 2, y - height / 2, width, height, score])
