"""Export of the generator as ONNX, for runtimes other than PyTorch: browsers, phones, other languages."""

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

OPSET = 17  # of 2022; all current runtimes support it
INPUT_NAME, OUTPUT_NAME, BATCH_AXIS = "z", "images", "n"
LATENT_DISTRIBUTION = "N(0, 1)"  # of every number of z, see `Generator`


class Uint8Generator(nn.Module):
    """Map latents (n, z_dim) to images as in a PNG: uint8 (n, channels, image_size, image_size)."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, z: Tensor) -> Tensor:
        """Return one image for each latent."""
        return to_uint8(self.generator(z))


def write_onnx(path: Path, generator: Generator) -> None:
    """Write the generator as an ONNX model.

    The input `z` is float32 (n, z_dim). The output `images` is uint8 (n, channels, image_size, image_size), equal to
    the images of `mangagan generate` except for rounding. n is dynamic. The metadata are `model_sha256` (of the weights
    file), `latent` (distribution of z), `z_dim`, `image_size` and `channels`.

    Args:
        path: File that ends in .onnx; an existing file is replaced.
        generator: Generator on the CPU, in evaluation mode.

    Raises:
        UserError: The suffix is wrong, the package `onnx` is not installed, or the file cannot be written.
    """
    if path.suffix.lower() != ".onnx":
        raise UserError(f"{path} must end in .onnx")
    try:
        import onnx
    except ModuleNotFoundError:
        raise UserError("the Python package onnx is not installed. Run: pip install 'mangagan[onnx]'") from None
    model = onnx.load_from_string(export_onnx(generator))
    # The exporter marks these sizes as dynamic although they are constant.
    sizes = (generator.channels, generator.image_size, generator.image_size)
    for axis, size in zip(model.graph.output[0].type.tensor_type.shape.dim[1:], sizes, strict=True):
        axis.dim_value = size
    model.graph.name = "mangagan"
    model.doc_string = f"z of {LATENT_DISTRIBUTION} to images, uint8, 0 black to 255 white, gray or RGB"
    properties = {"model_sha256": generator_sha256(generator), "latent": LATENT_DISTRIBUTION}
    sizes_by_name = {name: str(getattr(generator, name)) for name in ("z_dim", "image_size", "channels")}
    onnx.helper.set_model_props(model, {**properties, **sizes_by_name})
    onnx.checker.check_model(model, full_check=True)
    write_bytes(path, model.SerializeToString())


def export_onnx(generator: Generator) -> bytes:
    """Return the generator as the bytes of an ONNX model."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The TorchScript exporter is deprecated, but the new one needs the package onnxscript in addition to onnx.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            Uint8Generator(generator).eval(),
            (torch.zeros(2, generator.z_dim),),
            buffer,  # type: ignore[arg-type]  # this exporter accepts a stream
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME],
            dynamic_axes={INPUT_NAME: {0: BATCH_AXIS}, OUTPUT_NAME: {0: BATCH_AXIS}},
        )
    return buffer.getvalue()
