"""The report's plots and readings: drawn to scale, labels apart, words that fit the figures."""

from xml.etree import ElementTree

import numpy as np
import pytest

from mangagan.report.plot import HEIGHT, WIDTH, Series, bar, line_plot, nice_ticks
from mangagan.report.ranges import Axis, assign_lanes, choose_axis, extent, marks_of, range_plot
from mangagan.report.words import reading
from tests.test_report import comparison


def marks(**changes: object) -> list:
    return marks_of({"m": comparison(**changes)}, "m")


def test_marks_name_floor_and_ceilings_and_leave_out_what_is_unknown() -> None:
    found = marks(ceilings={"noise": 91.5, "blurred": None, "half_trained": 20.0})
    assert [(mark.kind, mark.name, mark.value) for mark in found] == [
        ("value", "samples", 12.345),
        ("floor", "real faces", 10.0),
        ("ceiling", "noise", 91.5),
        ("ceiling", "half trained", 20.0),
    ]


def test_axis_is_linear_while_all_marks_can_be_told_apart() -> None:
    axis = choose_axis(marks(), None)
    assert not axis.log
    assert 0 < axis.low < 10
    assert axis.high > 91.5
    middle = (axis.low + axis.high) / 2
    assert [axis.place(at) for at in (axis.low, middle, axis.high)] == [3, 50, 97]


def test_axis_is_logarithmic_where_one_ceiling_dwarfs_the_other() -> None:
    axis = choose_axis(marks(ceilings={"noise": 9000.0, "blurred": 20.0}), None)
    assert axis.log
    assert axis.place(10.0) < axis.place(20.0) - 5
    assert axis.side(9000.0) == 0


def test_what_is_far_off_is_clipped_where_the_floor_may_be_0() -> None:
    block = comparison(value=0.02, floor=0.001, floor_sd=0.002, ceilings={"noise": 3.0, "blurred": 0.03})
    axis = choose_axis(marks_of({"m": block}, "m"), None)
    assert not axis.log
    assert (axis.side(0.03), axis.side(3.0), axis.place(3.0)) == (0, 1, 97)
    drawn = range_plot({"m": block}, "m", "title", None, "lower is better")
    assert drawn.count("→") == 1
    assert "linear; lower is better" in drawn
    beyond = range_plot({"m": {**block, "value": -7.0}}, "m", "title", None, "")
    assert "← samples" in beyond


def test_metrics_with_ends_show_both_or_what_lies_beyond() -> None:
    assert choose_axis(marks(value=0.5, floor=0.9, ceilings={}), (0.0, 1.0)) == Axis(0.0, 1.0)
    assert choose_axis(marks(value=1.5, floor=0.9, ceilings={}), (0.0, 1.0)) == Axis(0.0, 1.5)


@pytest.mark.parametrize("floor", [0.0, 0.001, 0.5, 0.99, 1.0])
@pytest.mark.parametrize("ceilings", [(0.0, 0.0, 0.0), (0.0, 0.01, 1.0), (0.98, 0.99, 1.0), (0.4, 0.5, 0.6)])
def test_labels_never_overlap(floor: float, ceilings: tuple[float, float, float]) -> None:
    named = dict(zip(("noise", "blurred", "mean_face"), ceilings, strict=True))
    values = {"m": comparison(value=0.5, floor=floor, ceilings=named)}
    others = marks_of(values, "m")[1:]
    axis = choose_axis(others, (0.0, 1.0))
    lanes = assign_lanes(values, others, axis)
    boxes = [extent(values, mark, axis) for mark in others]
    for i, (left, right) in enumerate(boxes):
        assert left > -1
        assert right < 101
        for j in range(i):
            assert lanes[i] != lanes[j] or right < boxes[j][0] or boxes[j][1] < left


def test_range_plot_puts_the_value_where_the_axis_says() -> None:
    values = {"m": comparison(value=0.25, sd=0.05, floor=0.75, ceilings={"noise": 0.0})}
    plot = ElementTree.fromstring(range_plot(values, "m", "t <&>", (0.0, 1.0), "higher is better"))
    at = {
        kind: float(plot.find(f".//*[@class='{kind}']").attrib[name][:-1])
        for kind, name in (("value", "cx"), ("floor", "x1"), ("ceiling", "x1"), ("gap", "x"), ("band", "x"))
    }
    assert at == {"value": 26.5, "floor": 73.5, "ceiling": 3.0, "gap": 26.5, "band": 50.0}
    texts = ["".join(text.itertext()) for text in plot.iter("text")]
    assert texts[:3] == ["samples 0.250 ± 0.050", "real faces 0.750 ± 0.25", "noise 0"]
    assert range_plot({"m": comparison(value=None)}, "m", "t", None, "") == ""


@pytest.mark.parametrize(
    ("name", "value", "floor", "word"),
    [
        ("swd", 10.1, 10.0, "as in real faces"),
        ("swd", 50.0, 10.0, "differ from"),
        ("kernel_distance", 10.2, 10.0, "As near"),
        ("kernel_distance", 8.0, 10.0, "Nearer"),
        ("diversity", 9.9, 10.0, "as different as"),
        ("diversity", 5.0, 10.0, "more alike"),
        ("diversity", 20.0, 10.0, "less alike"),
        ("nearest_train", 10.0, 10.0, "no sign of copying"),
        ("nearest_train", 1.0, 10.0, "copied"),
        ("nearest_train", 20.0, 10.0, "nothing is copied"),
        ("coverage", 5.0, 10.0, "hardly drawn"),
    ],
)
def test_readings(name: str, value: float, floor: float, word: str) -> None:
    assert word in reading(name, comparison(value=value, floor=floor))


@pytest.mark.parametrize(
    ("value", "position", "end"),
    [
        (11.0, 0.1, "real faces are."),
        (16.0, 0.5, "On the way to blurred faces."),
        (21.0, 1.1, "better than blurred faces."),
    ],
)
def test_readings_name_the_ceiling_that_is_near(value: float, position: float, end: str) -> None:
    # Noise that the metric cannot tell from real faces is no ceiling.
    figure = comparison(value=value, position=position, ceilings={"noise": 10.3, "blurred": 20.0, "mean_face": 60.0})
    assert reading("kernel_distance", figure).endswith(end)


def test_nothing_is_read_into_a_missing_figure() -> None:
    assert reading("swd", comparison(floor=None)) == "Nothing to compare with."
    assert reading("unheard_of", comparison(value=99.0)) == ""


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.13, 6.02), (-3, 4), (5, 5), (0, 0), (1e-6, 3e-6), (1200, 98_000)])
def test_ticks_are_round_and_enclose_the_data(low: float, high: float) -> None:
    ticks = nice_ticks(low, high)
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
    plot = line_plot([Series("a", [0, 1, 2], [0, 4, 2]), Series("b <&>", [0, 2], [1, 1], 1)], "title", "x", "y")
    points = points_of(plot, 0)
    assert points[1, 0] - points[0, 0] == pytest.approx(points[2, 0] - points[1, 0], abs=0.2)
    assert points[0, 1] - points[1, 1] == pytest.approx(2 * (points[2, 1] - points[1, 1]), abs=0.2)
    assert (points >= 0).all()
    assert (points <= (WIDTH, HEIGHT)).all()
    assert "</i>b &lt;&amp;&gt;</li>" in plot


def test_plot_of_one_point_of_none_and_of_gaps() -> None:
    assert len(points_of(line_plot([Series("a", [1], [1])], "t", "x", "y"), 0)) == 2
    assert line_plot([Series("a", [], [])], "t", "x", "y") == "<p>t: no data.</p>"
    gaps = line_plot(
        [Series("a", [0, 1, 2], [0, float("nan"), float("inf")]), Series("b", [0, 3], [1, 2], 1)], "t", "x", "y"
    )
    assert len(points_of(gaps, 1)) == 2
    empty = line_plot([Series("gone", [0, 1], [float("nan")] * 2), Series("b", [0, 3], [1, 2], 1)], "t", "x", "y")
    assert len(points_of(empty, 1)) == 2
    assert "gone" not in empty
    assert "nan" not in gaps
    assert "inf" not in gaps


def test_a_long_curve_is_thinned_without_moving_its_mean() -> None:
    values = np.random.default_rng(0).normal(5, 1, 10_000)
    points = points_of(line_plot([Series("a", range(10_000), values.tolist())], "t", "x", "y"), 0)
    assert len(points) == 400


def test_an_axis_is_logarithmic_only_where_asked_for_and_needed() -> None:
    steep = [Series("a", [0, 1, 2], [100, 10, 1])]
    points = points_of(line_plot(steep, "t", "x", "y", wide=True), 0)
    assert points[1, 1] - points[0, 1] == pytest.approx(points[2, 1] - points[1, 1], abs=0.2)
    assert "y, log scale" in line_plot(steep, "t", "x", "y", wide=True)
    assert "log scale" not in line_plot(steep, "t", "x", "y")
    assert "log scale" not in line_plot([Series("a", [0, 1], [100, -1])], "t", "x", "y", wide=True)


def test_what_was_kept_is_marked_at_its_place() -> None:
    plot = line_plot([Series("a", [0, 10], [0, 1])], "t", "x", "y", kept=5)
    line = ElementTree.fromstring(plot[plot.index("<svg") :]).find(".//line[@class='kept']")
    assert line is not None
    assert float(line.attrib["x1"]) == pytest.approx(points_of(plot, 0)[:, 0].mean(), abs=0.1)
    assert "key-kept" in plot


def test_bars_are_stacked_to_scale() -> None:
    parts = ElementTree.fromstring(bar([30, 10], 80)).findall("rect")
    assert [(part.attrib["x"], part.attrib["width"]) for part in parts] == [("0.00%", "37.50%"), ("37.50%", "12.50%")]
