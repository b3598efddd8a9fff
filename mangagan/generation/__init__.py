"""Use of a trained generator: images, grids, animations, ONNX."""
