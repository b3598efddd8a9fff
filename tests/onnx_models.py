"""Small YOLOv8 models with known output: the bounding box of each colour in the image."""

from pathlib import Path

import numpy as np
import onnx

NAMES = "{0: 'face', 1: 'body', 2: 'frame'}"
COLOURS = {"face": 0, "body": 1, "frame": 2}  # class to colour channel: red, green, blue
# The strength of a colour is the excess of its channel over the others: 0 for white, black, gray and the padding.
# Each box has a second box with a 10 % lower score, 2 px to the right.
GRAPH = """
<ir_version: 9, opset_import: ["" : 17]>
colours (float[1, 3, {height}, {width}] images) => (float[1, {rows}, 6] output0)
<float[{classes}, 3] eye = {{{eye}}}, float quarter = {{0.25}}, float less = {{0.9}}, float half = {{0.5}},
 float zero = {{0}}, float one = {{1}}, float two = {{2}}, float far = {{100000}},
 int64 izero = {{0}}, int64 ione = {{1}}, int64 itwo = {{2}}, int64 ithree = {{3}},
 int64[1] first = {{0}}, int64[1] second = {{1}}>
{{
    red, green, blue = Split <axis = 1> (images)
    not_red = Max(green, blue)
    not_green = Max(red, blue)
    not_blue = Max(red, green)
    others = Concat <axis = 1> (not_red, not_green, not_blue)
    strength = Sub(images, others)
    mask = Greater(strength, quarter)
    shape = Shape(images)
    height = Gather(shape, itwo)
    width = Gather(shape, ithree)
    ix = Range(izero, width, ione)
    iy = Range(izero, height, ione)
    x = Cast <to = 1> (ix)
    flat_y = Cast <to = 1> (iy)
    y = Unsqueeze(flat_y, second)
    next_x = Add(x, one)
    next_y = Add(y, one)
    mask_x = Where(mask, x, far)
    mask_y = Where(mask, y, far)
    mask_next_x = Where(mask, next_x, zero)
    mask_next_y = Where(mask, next_y, zero)
    left = ReduceMin <axes = [2, 3], keepdims = 0> (mask_x)
    top = ReduceMin <axes = [2, 3], keepdims = 0> (mask_y)
    right = ReduceMax <axes = [2, 3], keepdims = 0> (mask_next_x)
    bottom = ReduceMax <axes = [2, 3], keepdims = 0> (mask_next_y)
    w = Sub(right, left)
    h = Sub(bottom, top)
    sum_x = Add(left, right)
    sum_y = Add(top, bottom)
    cx = Mul(sum_x, half)
    cy = Mul(sum_y, half)
    score = ReduceMax <axes = [2, 3], keepdims = 0> (strength)
    second_cx = Add(cx, two)
    second_score = Mul(score, less)
    all_cx = Concat <axis = 1> (cx, second_cx)
    all_cy = Concat <axis = 1> (cy, cy)
    all_w = Concat <axis = 1> (w, w)
    all_h = Concat <axis = 1> (h, h)
    all_eye = Concat <axis = 1> (eye, eye)
    all_score = Concat <axis = 1> (score, second_score)
    by_class = Mul(all_score, all_eye)
    boxes = Concat <axis = 0> (all_cx, all_cy, all_w, all_h, by_class)
    output0 = Unsqueeze(boxes, first)
}}
"""


def write_model(path: Path, height: object = "height", width: object = "width", names: str | None = NAMES) -> Path:
    """Write a model with this input size; a side is free if it is a name. Return the path."""
    classes = 3 if names == NAMES else 1
    eye = ", ".join(str(int(row == column)) for row in range(classes) for column in range(3))
    text = GRAPH.format(height=height, width=width, rows=4 + classes, classes=classes, eye=eye)
    model = onnx.parser.parse_model(text)
    if names is not None:
        onnx.helper.set_model_props(model, {"names": names, "task": "detect", "stride": "32"})
    path.write_bytes(model.SerializeToString())
    return path


def small_model(path: Path, text: str) -> Path:
    """Write a model, given the signature and body of its graph. Return the path."""
    path.write_bytes(onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["" : 17]>\n{text}').SerializeToString())
    return path


def draw(height: int, width: int, box: tuple[int, int, int, int], colour: str = "face", level: int = 255) -> np.ndarray:
    """Return a white page (H, W, 3) with a filled rectangle x, y, w, h."""
    page = np.full((height, width, 3), 255, np.uint8)
    x, y, w, h = box
    page[y : y + h, x : x + w] = 0
    page[y : y + h, x : x + w, COLOURS[colour]] = level
    return page
