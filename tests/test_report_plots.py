"""Plots and readings of the report: scales, labels that do not overlap, readings that match the values."""

from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from mangagan.report.line_plot import BOX, Series, choose_ticks, lay_out_lines
from mangagan.report.range_plot import Axis, assign_lines, choose_axis, compute_label_extent, lay_out_range, list_marks
from mangagan.report.rendering import load_template
from mangagan.report.words import describe_value
from tests.test_report import comparison


def draw(macro: str, *arguments: object) -> str:
    """Return the HTML of a macro of plots.html.jinja."""
    return str(getattr(load_template("plots.html.jinja").module, macro)(*arguments))


def line_plot(series: list[Series], **options: Any) -> str:
    return draw("line_plot", lay_out_lines(series, "title", "x", "y", **options))


def range_plot(block: dict[str, object], title: str, bounds: tuple[float, float] | None, direction: str) -> str:
    return draw("range_plot", lay_out_range({"m": block}, "m", bounds), title, direction)


def marks(**changes: object) -> list:
    return list_marks({"m": comparison(**changes)}, "m")


def test_marks_omit_unknown_ceilings() -> None:
    found = marks(ceilings={"noise": 91.5, "blurred": None, "half_trained": 20.0})
    assert [(mark.kind, mark.label.striptags(), mark.value) for mark in found] == [
        ("value", "samples 12.3 ± 0.50", 12.345),
        ("floor", "real faces 10.0 ± 0.25", 10.0),
        ("ceiling", "noise 91.5", 91.5),
        ("ceiling", "half trained 20.0", 20.0),
    ]


def test_axis_is_linear_if_no_mark_is_distant() -> None:
    axis = choose_axis(marks(), None)
    assert axis.scale == "linear"
    assert 0 < axis.low < 10
    assert axis.high > 91.5
    middle = (axis.low + axis.high) / 2
    assert [axis.place(at) for at in (axis.low, middle, axis.high)] == [3, 50, 97]


def test_axis_is_logarithmic_if_a_ceiling_is_distant() -> None:
    axis = choose_axis(marks(ceilings={"noise": 9000.0, "blurred": 20.0}), None)
    assert axis.scale == "log"
    assert axis.place(10.0) < axis.place(20.0) - 5
    assert axis.side(9000.0) == 0


def test_a_root_scale_starts_at_0_and_shows_references() -> None:
    block = comparison(value=0.04, floor=-0.001, floor_sd=0.002, ceilings={"noise": 9.0, "blurred": 0.16})
    block["references"] = {"broken_10": 0.01, "slight_warp": 0.02}
    found = list_marks({"m": block}, "m")
    assert [mark.label.striptags() for mark in found if mark.kind == "reference"] == [
        "10 % broken 0.0100",
        "slight warp 0.0200",
    ]
    axis = choose_axis(found, None, sqrt_scale=True)
    assert (axis.low, axis.scale, axis.side(9.0), axis.side(-0.001)) == (0, "sqrt", 1, 0)
    places = [axis.place(value) - axis.place(0) for value in (-0.001, 0.01, 0.04, 0.16)]
    assert places == pytest.approx([0, places[1], 2 * places[1], 4 * places[1]], abs=0.02)
    drawn = str(draw("range_plot", lay_out_range({"m": block}, "m", None, sqrt_scale=True), "title", "lower is better"))
    assert "square root scale" in drawn
    assert 'class="reference"' in drawn


def test_a_distant_ceiling_is_clipped_if_the_floor_may_be_0() -> None:
    block = comparison(value=0.02, floor=0.001, floor_sd=0.002, ceilings={"noise": 3.0, "blurred": 0.03})
    axis = choose_axis(list_marks({"m": block}, "m"), None)
    assert axis.scale == "linear"
    assert (axis.side(0.03), axis.side(3.0), axis.place(3.0)) == (0, 1, 97)
    drawn = range_plot(block, "title", None, "lower is better")
    assert drawn.count("→") == 1
    assert "linear; lower is better" in drawn
    beyond = range_plot({**block, "value": -7.0}, "title", None, "")
    assert "← samples" in beyond


def test_axis_spans_the_bounds_and_the_values() -> None:
    assert choose_axis(marks(value=0.5, floor=0.9, ceilings={}), (0.0, 1.0)) == Axis(0.0, 1.0)
    assert choose_axis(marks(value=1.5, floor=0.9, ceilings={}), (0.0, 1.0)) == Axis(0.0, 1.5)


@pytest.mark.parametrize("floor", [0.0, 0.001, 0.5, 0.99, 1.0])
@pytest.mark.parametrize("ceilings", [(0.0, 0.0, 0.0), (0.0, 0.01, 1.0), (0.98, 0.99, 1.0), (0.4, 0.5, 0.6)])
def test_labels_never_overlap(floor: float, ceilings: tuple[float, float, float]) -> None:
    named = dict(zip(("noise", "blurred", "mean_face"), ceilings, strict=True))
    values = {"m": comparison(value=0.5, floor=floor, ceilings=named)}
    others = list_marks(values, "m")[1:]
    axis = choose_axis(others, (0.0, 1.0))
    lines = assign_lines(others, axis)
    boxes = [compute_label_extent(mark, axis) for mark in others]
    for i, (left, right) in enumerate(boxes):
        assert left > -1
        assert right < 101
        for j in range(i):
            assert lines[i] != lines[j] or right < boxes[j][0] or boxes[j][1] < left


def test_range_plot_draws_marks_at_their_positions() -> None:
    block = comparison(value=0.25, sd=0.05, floor=0.75, ceilings={"noise": 0.0})
    plot = ElementTree.fromstring(range_plot(block, "t <&>", (0.0, 1.0), "higher is better"))
    at = {
        kind: float(plot.find(f".//*[@class='{kind}']").attrib[name][:-1])
        for kind, name in (("value", "cx"), ("floor", "x1"), ("ceiling", "x1"), ("gap", "x"), ("band", "x"))
    }
    assert at == {"value": 26.5, "floor": 73.5, "ceiling": 3.0, "gap": 26.5, "band": 50.0}
    texts = ["".join(text.itertext()) for text in plot.iter("text")]
    assert texts[:3] == ["samples 0.250 ± 0.050", "real faces 0.750 ± 0.25", "noise 0"]
    assert lay_out_range({"m": comparison(value=None)}, "m", None) is None


@pytest.mark.parametrize(
    ("name", "value", "floor", "word"),
    [
        ("swd", 10.1, 10.0, "as in real faces"),
        ("swd", 50.0, 10.0, "differ from"),
        ("kernel_distance", 10.2, 10.0, "As close"),
        ("kernel_distance", 8.0, 10.0, "Closer"),
        ("diversity", 9.9, 10.0, "differ as much"),
        ("diversity", 5.0, 10.0, "more similar"),
        ("diversity", 20.0, 10.0, "differ more"),
        ("nearest_train", 10.0, 10.0, "no sign of copying"),
        ("nearest_train", 1.0, 10.0, "copied"),
        ("nearest_train", 20.0, 10.0, "not copied"),
        ("coverage", 5.0, 10.0, "Few samples show"),
    ],
)
def test_readings(name: str, value: float, floor: float, word: str) -> None:
    assert word in describe_value(name, comparison(value=value, floor=floor))


@pytest.mark.parametrize(
    ("value", "position", "end"),
    [
        (11.0, 0.1, "real faces are."),
        (16.0, 0.5, "Between real faces and blurred faces."),
        (21.0, 1.1, "better than blurred faces."),
    ],
)
def test_readings_name_the_nearest_ceiling(value: float, position: float, end: str) -> None:
    # A ceiling that does not differ from the floor, here noise, is ignored.
    figure = comparison(value=value, position=position, ceilings={"noise": 10.3, "blurred": 20.0, "mean_face": 60.0})
    assert describe_value("kernel_distance", figure).endswith(end)


def test_reading_of_a_missing_value() -> None:
    assert describe_value("swd", comparison(floor=None)) == "No comparison: a value is missing."
    assert describe_value("unheard_of", comparison(value=99.0)) == ""


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.13, 6.02), (-3, 4), (5, 5), (0, 0), (1e-6, 3e-6), (1200, 98_000)])
def test_ticks_are_round_and_enclose_the_data(low: float, high: float) -> None:
    ticks = choose_ticks(low, high)
    assert ticks[0] <= low <= high <= ticks[-1]
    assert 3 <= len(ticks) <= 10
    step = ticks[1] - ticks[0]
    assert f"{step:.0e}"[0] in "125"
    np.testing.assert_allclose(np.diff(ticks), step)


def points_of(plot: str, index: int) -> np.ndarray:
    path = ElementTree.fromstring(plot[plot.index("<svg") :]).find(f".//path[@class='line-{index}']")
    assert path is not None
    return np.array([corner.split() for corner in path.attrib["d"][1:].split("L")], float)


def test_plot_is_drawn_to_scale_inside_its_box() -> None:
    plot = line_plot([Series("a", [0, 1, 2], [0, 4, 2]), Series("b <&>", [0, 2], [1, 1], 1)])
    points = points_of(plot, 0)
    assert points[1, 0] - points[0, 0] == pytest.approx(points[2, 0] - points[1, 0], abs=0.2)
    assert points[0, 1] - points[1, 1] == pytest.approx(2 * (points[2, 1] - points[1, 1]), abs=0.2)
    assert (points >= 0).all()
    assert (points <= (BOX.width, BOX.height)).all()
    assert "</i>b &lt;&amp;&gt;</li>" in plot


def test_line_plot_of_one_point_no_point_and_gaps() -> None:
    assert len(points_of(line_plot([Series("a", [1], [1])]), 0)) == 2
    assert line_plot([Series("a", [], [])]).strip() == "<p>title: no data.</p>"
    gaps = line_plot([Series("a", [0, 1, 2], [0, float("nan"), float("inf")]), Series("b", [0, 3], [1, 2], 1)])
    assert len(points_of(gaps, 1)) == 2
    empty = line_plot([Series("gone", [0, 1], [float("nan")] * 2), Series("b", [0, 3], [1, 2], 1)])
    assert len(points_of(empty, 1)) == 2
    assert "gone" not in empty
    assert "nan" not in gaps
    assert "inf" not in gaps


def test_a_long_line_is_averaged() -> None:
    values = np.random.default_rng(0).normal(5, 1, 10_000)
    points = points_of(line_plot([Series("a", range(10_000), values.tolist())]), 0)
    assert len(points) == 400


def test_y_axis_is_logarithmic_only_if_allowed_and_needed() -> None:
    steep = [Series("a", [0, 1, 2], [100, 10, 1])]
    points = points_of(line_plot(steep, allow_log=True), 0)
    assert points[1, 1] - points[0, 1] == pytest.approx(points[2, 1] - points[1, 1], abs=0.2)
    assert "y, log scale" in line_plot(steep, allow_log=True)
    assert "log scale" not in line_plot(steep)
    assert "log scale" not in line_plot([Series("a", [0, 1], [100, -1])], allow_log=True)


def test_the_marker_is_at_its_position() -> None:
    plot = line_plot([Series("a", [0, 10], [0, 1])], marked_x=5)
    line = ElementTree.fromstring(plot[plot.index("<svg") :]).find(".//line[@class='marked']")
    assert line is not None
    assert float(line.attrib["x1"]) == pytest.approx(points_of(plot, 0)[:, 0].mean(), abs=0.1)
    assert "key-marked" in plot


def test_bars_are_stacked_to_scale() -> None:
    parts = ElementTree.fromstring(draw("bar", [30, 10], 80)).findall("rect")
    assert [(part.attrib["x"], part.attrib["width"]) for part in parts] == [("0.00%", "37.50%"), ("37.50%", "12.50%")]
