"""The detector `onnx`: a user's own model in the ONNX format of Ultralytics' YOLOv8."""

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
from mangagan.detection.overlap import suppress_overlaps
from mangagan.detection.strips import clip_to_image, remove_cut_faces, split_strip
from mangagan.detection.types import Detections, check_network_settings, describe_settings

STRIDE = 32  # px; if the model accepts any input size, both sides are padded to a multiple of this
PADDING = 114  # gray level of the padding, as in training
MAX_CANDIDATES = 3000  # for each image, before non-maximum suppression
DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


@dataclass(frozen=True)
class OnnxParams:
    """Settings of a face detector in YOLOv8's ONNX format.

    Attributes:
        model: Path (relative to the workspace) or https URL of the .onnx file.
        model_sha256: SHA-256 of that file, hex.
        class_name: Name of the model's class for faces; case does not matter. Ignored if the model has one class.
        threshold: Minimum score of a face, in (0, 1). Lower: higher recall, more false positives.
        long_side: Maximum long side of a page after shrinking [px]. Ignored if the model has a fixed input size.
        max_overlap: IoU above which two boxes are the same face, in (0, 1).
        device: auto (the GPU if onnxruntime supports it), cpu or cuda.
    """

    model: str = ""
    model_sha256: str = ""
    class_name: str = "face"
    threshold: float = 0.3
    long_side: int = 640
    max_overlap: float = 0.5
    device: str = "auto"

    def __post_init__(self) -> None:
        check_network_settings(self.threshold, self.max_overlap, self.long_side, self.device)


class OnnxYolo:
    """Detector: a YOLOv8 model. The score is the model's score of the class for faces [0, 1].

    The input of the model is one image (1, 3, H, W), RGB in [0, 1]. Its output is (1, 4 + classes, N): centre x,
    centre y, width and height in px of that image, then a score for each class. YOLO11 and other models with the same
    format work as well.
    """

    name = "onnx"
    crop_margin = 0.35  # the boxes of published models reach from brow to chin; the margin adds the hair

    def __init__(self, model: Path, settings: OnnxParams) -> None:
        """Load the model and run it on an empty image.

        Raises:
            UserError: onnxruntime or the GPU is missing, the file is not such a model, or it lacks the class.
        """
        data = model.read_bytes()
        self.model, self.settings = model, settings
        self.session, runtime = open_session(model, data, settings.device)
        libraries = f"opencv={cv2.__version__} onnxruntime={runtime}"
        self.version = f"{sha256_bytes(data)[:12]} {describe_settings(settings)} {libraries}"
        self.input, self.height, self.width, self.dtype = self.read_signature()
        empty = np.zeros((3, self.height or 2 * STRIDE, self.width or 2 * STRIDE), np.float32)
        self.score_row = 4 + find_class(self.session, model, settings.class_name, self.run_model(empty).shape)

    @classmethod
    def build(cls, settings: OnnxParams, root: Path) -> Self:
        """Build the detector with the model file of the settings."""
        return cls(resolve_model("detect.onnx.model", settings.model, settings.model_sha256, root), settings)

    def read_signature(self) -> tuple[str, int | None, int | None, type]:
        """Return name, height [px], width [px] and type of the input. Height and width are None if they are free.

        Raises:
            UserError: The signature differs from the description of this class.
        """
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise make_format_error(self.model, f"it has {len(inputs)} inputs and {len(outputs)} outputs, not one each")
        if outputs[0].type not in DTYPES:
            raise make_format_error(self.model, f"its output is {outputs[0].type}, not float")
        # A free dimension is a name or None.
        shape = [side if isinstance(side, int) and side > 0 else None for side in inputs[0].shape]
        if len(shape) != 4 or shape[0] not in (1, None) or shape[1] not in (3, None) or inputs[0].type not in DTYPES:
            signature = f"{inputs[0].type} {inputs[0].shape}"
            raise make_format_error(self.model, f"its input is {signature}, not float (1, 3, H, W)")
        return inputs[0].name, shape[2], shape[3], DTYPES[inputs[0].type]

    def run_model(self, image: np.ndarray) -> np.ndarray:
        """Return the output (4 + classes, N) of the model for an image, float32 (3, H, W) in [0, 1].

        Raises:
            UserError: The model fails, or its output has another shape.
        """
        try:
            (output,) = self.session.run(None, {self.input: image[None].astype(self.dtype)})
        except Exception as error:  # the exceptions of onnxruntime have no common base class
            size = f"{image.shape[2]}x{image.shape[1]}"
            reason = f"it fails on an image of {size} px ({summarize_error(error)})"
            raise make_format_error(self.model, reason) from error
        if output.ndim != 3 or output.shape[0] != 1 or output.shape[1] < 5:
            raise make_format_error(self.model, f"its output is {output.shape}, not (1, 4 + classes, N)")
        return output[0]

    def detect(self, page: np.ndarray) -> Detections:
        """Return faces as described in `Detector.detect`."""
        page = page if page.ndim == 3 else cv2.cvtColor(page, cv2.COLOR_GRAY2RGB)
        found = [np.zeros((0, 5))]
        for piece in split_strip(page):
            found.append(remove_cut_faces(self.detect_in_piece(piece.pixels), piece, page))
        faces = suppress_overlaps(clip_to_image(np.concatenate(found), page.shape[:2]), self.settings.max_overlap)
        # Processors differ in the last bits. Rounding removes these differences.
        return Detections(faces[:, :4].round(1), faces[:, 4].round(4), np.full(len(faces), np.nan))

    def detect_in_piece(self, image: np.ndarray) -> np.ndarray:
        """Return the faces of an RGB image, uint8 (H, W, 3).

        The image is shrunk to the input size of the model, but never enlarged, and padded equally on all sides.

        Returns:
            float64 (N, 5): left, top, width, height [px of the image], score; before non-maximum suppression.
        """
        height, width = image.shape[:2]
        max_side = self.settings.long_side
        ratio = min(1.0, (self.height or max_side) / height, (self.width or max_side) / width)
        rows, columns = max(round(height * ratio), 1), max(round(width * ratio), 1)
        small = image if ratio == 1 else cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
        shape = (self.height or -(-rows // STRIDE) * STRIDE, self.width or -(-columns // STRIDE) * STRIDE)
        top, left = (shape[0] - rows) // 2, (shape[1] - columns) // 2
        padded = np.full((3, *shape), PADDING, np.uint8)
        padded[:, top : top + rows, left : left + columns] = small.transpose(2, 0, 1)
        output = self.run_model(padded.astype(np.float32) / 255)
        faces = decode_yolo(output, self.score_row, self.settings.threshold)
        faces[:, :2] -= (left, top)
        faces[:, :4] *= np.array([width / columns, height / rows] * 2)
        return faces


def open_session(model: Path, data: bytes, device: str) -> tuple[Any, str]:
    """Return a session of onnxruntime for the bytes of a model, and the version of onnxruntime.

    Raises:
        UserError: onnxruntime or the GPU is missing, or the bytes are not a self-contained ONNX model.
    """
    try:
        import onnxruntime
    except ImportError:
        raise UserError(
            "params.yaml: detect.detector is onnx, which needs onnxruntime. Run: pip install 'mangagan[onnx]' "
            "or pip install 'onnxruntime>=1.24.4'"
        ) from None
    cuda_available = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    # TF32 has 10 bits of mantissa, which is too few to find the same faces as on a CPU.
    cuda = [("CUDAExecutionProvider", {"use_tf32": "0"})] if cuda_available and device != "cpu" else []
    options = onnxruntime.SessionOptions()
    # One thread per page: pages run in parallel, and the number of threads would change the last bits of the result.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # exceptions report the errors
    # Read no other files: the SHA-256 covers only this one.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        session = onnxruntime.InferenceSession(data, options, providers=[*cuda, "CPUExecutionProvider"])
    except Exception as error:  # the exceptions of onnxruntime have no common base class
        raise make_format_error(model, f"onnxruntime cannot read it ({summarize_error(error)})") from error
    # If the CUDA libraries are missing, onnxruntime falls back to the CPU without an error.
    if device == "cuda" and "CUDAExecutionProvider" not in session.get_providers():
        raise UserError(
            "params.yaml: detect.onnx.device is cuda, but onnxruntime finds no GPU. Set it to auto or cpu, "
            "or replace onnxruntime by onnxruntime-gpu (pip install onnxruntime-gpu)"
        )
    return session, onnxruntime.__version__


def summarize_error(error: Exception) -> str:
    """Return the message of an exception of onnxruntime without its error codes and further lines."""
    return (str(error).splitlines() or [""])[0].split(" : ")[-1].strip().rstrip(".")[:160]


def make_format_error(model: Path, reason: str) -> UserError:
    """Return the error for a file that is not a detector in this format."""
    return UserError(
        f"{model} is not a YOLOv8 detector in ONNX format: {reason}. Set detect.onnx.model to a file made by "
        "`yolo export format=onnx` from a model of the task detect, with the weights inside"
    )


def find_class(session: Any, model: Path, class_name: str, shape: tuple[int, ...]) -> int:
    """Return the index of a class in the model's metadata, or 0 if the model has only one class.

    Args:
        session: A session of the model.
        model: The model file, for messages.
        class_name: Name of the class.
        shape: Shape of the model's output, (4 + classes, N).

    Raises:
        UserError: The model lacks the class, or the output has another number of classes than the metadata.
    """
    count = shape[0] - 4
    try:
        named = ast.literal_eval(session.get_modelmeta().custom_metadata_map["names"])
        # Either a list or a dictionary with the keys 0, 1, …
        names = [" ".join(str(named[index]).split()) for index in range(len(named))]
    except (KeyError, ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        names = []
    if count != len(names or ["face"]):
        metadata = f"{len(names)} classes in its metadata" if names else "no class names in its metadata"
        raise make_format_error(model, f"its output is {(1, *shape)} with {metadata}")
    if count == 1:
        return 0
    folded = [name.casefold() for name in names]
    if class_name.casefold() not in folded:
        raise UserError(
            f"params.yaml: detect.onnx.class_name: {model} has no class {class_name}. Use one of {', '.join(names)}"
        )
    return folded.index(class_name.casefold())


def decode_yolo(output: np.ndarray, score_row: int, threshold: float) -> np.ndarray:
    """Return the boxes of one class from the model's output.

    Args:
        output: (4 + classes, N), as `OnnxYolo.run_model` returns it.
        score_row: Row of the scores of the class.
        threshold: Minimum score [0, 1].

    Returns:
        float64 (at most `MAX_CANDIDATES`, 5): left, top, width, height [px of the model's input], score.
    """
    best = np.argsort(-output[score_row], kind="stable")[:MAX_CANDIDATES]
    best = best[output[score_row, best] >= threshold]
    x, y, width, height, score = output[[0, 1, 2, 3, score_row]][:, best].astype(np.float64)
    return np.column_stack([x - width / 2, y - height / 2, width, height, score])
