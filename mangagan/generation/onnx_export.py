"""The generator as an ONNX file, which runs without PyTorch: in a browser, on a phone, from other languages."""

import io
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from mangagan.core.errors import UserError
from mangagan.core.files import write_bytes
from mangagan.networks.dcgan import Generator
from mangagan.networks.sampling import to_uint8
from mangagan.networks.weights import generator_sha256

OPSET = 17  # of 2022: understood by all runtimes still in use
LATENTS, IMAGES, BATCH = "z", "images", "n"  # the input, the output, their first axis
LATENT = "N(0, 1)"  # of every number of z, see `Generator`


class Pictures(nn.Module):
    """Latents (n, z_dim) to images as in a PNG: uint8 (n, channels, image_size, image_size)."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, z: Tensor) -> Tensor:
        """Draws one image for each latent."""
        return to_uint8(self.generator(z))


def write_onnx(path: Path, generator: Generator) -> None:
    """Writes the generator as an ONNX model.

    Input `z`, float32 (n, z_dim); output `images`, uint8 (n, channels, image_size, image_size), as `generate` writes
    them but for rounding; any n. The file's metadata say `model_sha256` (of the weights file), `latent` (how to draw
    z), `z_dim`, `image_size`, `channels`.

    Args:
        path: ends in .onnx; replaced when it exists.
        generator: on the CPU, in evaluation mode.

    Raises:
        UserError: another suffix, the package `onnx` is absent, or the file cannot be written.
    """
    if path.suffix.lower() != ".onnx":
        raise UserError(f"{path} must end in .onnx")
    try:
        import onnx
    except ModuleNotFoundError:
        raise UserError(
            "writing ONNX needs the package onnx: pip install 'mangagan[onnx]', or pip install onnx"
        ) from None
    model = onnx.load_from_string(trace(generator))
    # Tracing leaves these open, though they never change.
    sizes = (generator.channels, generator.image_size, generator.image_size)
    for axis, size in zip(model.graph.output[0].type.tensor_type.shape.dim[1:], sizes, strict=True):
        axis.dim_value = size
    model.graph.name = "mangagan"
    model.doc_string = f"z of {LATENT} to images, uint8, 0 black to 255 white, gray or RGB"
    properties = {"model_sha256": generator_sha256(generator), "latent": LATENT}
    numbers = {name: str(getattr(generator, name)) for name in ("z_dim", "image_size", "channels")}
    onnx.helper.set_model_props(model, {**properties, **numbers})
    onnx.checker.check_model(model, full_check=True)
    write_bytes(path, model.SerializeToString())


def trace(generator: Generator) -> bytes:
    """The bytes of an ONNX model of the generator, by the exporter that needs no package but onnx."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its successor needs onnxscript as well
        torch.onnx.export(
            Pictures(generator).eval(),
            (torch.zeros(2, generator.z_dim),),
            buffer,  # type: ignore[arg-type]  # this exporter takes a stream
            dynamo=False,
            opset_version=OPSET,
            input_names=[LATENTS],
            output_names=[IMAGES],
            dynamic_axes={LATENTS: {0: BATCH}, IMAGES: {0: BATCH}},
        )
    return buffer.getvalue()
